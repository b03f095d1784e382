"""The web page over HTTP: every file of web/dist as it is, compressed or not, its policy, and what browsers report of it."""
import gzip
import json
import os
import pty
import re
import socket
import subprocess
import tempfile

import pytest
from agent_harness import TARSIER, Agent, wait_for
from test_api import CONFIG, TOKENS, Api

SOURCE = os.environ.get('TARSIER_SOURCE') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIST = os.path.join(SOURCE, 'web', 'dist')
FILES = sorted(os.path.relpath(os.path.join(folder, name), DIST) for folder, _, names in os.walk(DIST) for name in names)
REPORT = {'csp-report': {'document-uri': 'http://x/', 'effective-directive': 'script-src-elem', 'blocked-uri': 'inline\nfake line'}}


@pytest.fixture(scope='module')
def api(tmp_path_factory):
    with Agent(tmp_path_factory.mktemp('page'), CONFIG) as agent:
        yield Api(agent)


def content(name):
    with open(os.path.join(DIST, name), 'rb') as file:
        return file.read()


@pytest.mark.parametrize('name', FILES)
def test_files_are_served_as_they_are(api, name):
    status, plain, body = api.ask('GET', f'/{name}', tcp=True)
    assert status == 200 and body == content(name) and 'Content-Encoding' not in plain
    status, packed, body = api.ask('GET', f'/{name}', tcp=True, headers={'Accept-Encoding': 'gzip, br'})
    assert status == 200 and gzip.decompress(body) == content(name) and packed['Content-Encoding'] == 'gzip'
    assert plain['Content-Type'] == packed['Content-Type'] and plain['ETag'] != packed['ETag']
    for fields in (plain, packed):
        assert fields['Cache-Control'] == 'no-cache' and fields['Vary'] == 'Accept-Encoding'
    types = {'.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml'}
    assert plain['Content-Type'].startswith(types.get(os.path.splitext(name)[1], ''))
    for tag in (plain['ETag'], packed['ETag'], f'W/{plain["ETag"]}', f'"other", {packed["ETag"]}', '*'):
        status, fields, body = api.ask('GET', f'/{name}', tcp=True, headers={'If-None-Match': tag})
        assert status == 304 and body == b'' and fields['ETag'] and fields['Cache-Control'] == 'no-cache'
    assert api.ask('GET', f'/{name}', tcp=True, headers={'If-None-Match': '"other"'})[0] == 200
    status, fields, body = api.ask('HEAD', f'/{name}', tcp=True)
    assert status == 200 and body == b'' and int(fields['Content-Length']) == len(content(name))


def test_the_page_links_only_what_there_is(api):
    status, fields, page = api.ask('GET', '/', tcp=True)
    assert status == 200 and page == content('index.html') and fields['Content-Type'] == 'text/html; charset=utf-8'
    for link in re.findall(rb'(?:src|href)="([^"#?]+)', page):
        path = '/' + link.decode().lstrip('/')
        assert not path.startswith('/v1/') or api.ask('GET', path, tcp=True, token=TOKENS['viewer'])[0] == 200, path
        assert path.startswith('/v1/') or api.ask('GET', path, tcp=True)[0] == 200, path


def test_policy(api):
    fields = api.ask('GET', '/', tcp=True)[1]
    policy = dict(part.strip().split(' ', 1) for part in fields['Content-Security-Policy'].split(';'))
    assert policy == {
        'default-src': "'none'", 'script-src': "'self'", 'style-src': "'self'", 'img-src': "'self' data:", 'connect-src': "'self'",
        'base-uri': "'none'", 'form-action': "'none'", 'frame-ancestors': "'none'", 'report-uri': '/v1/csp-report'}
    assert fields['X-Content-Type-Options'] == 'nosniff' and fields['Referrer-Policy'] == 'no-referrer'
    assert fields['Cross-Origin-Opener-Policy'] == fields['Cross-Origin-Resource-Policy'] == 'same-origin'
    assert 'camera=()' in fields['Permissions-Policy'] and 'Set-Cookie' not in fields
    assert 'Access-Control-Allow-Origin' not in fields


def test_methods_and_names(api):
    assert FILES
    for path in ('/', *(f'/{name}' for name in FILES)):
        for method in ('POST', 'PUT', 'DELETE', 'PATCH'):
            status, fields, _ = api.ask(method, path, tcp=True)
            assert status == 405 and fields['Allow'] == 'GET, HEAD, OPTIONS'
        status, fields, _ = api.ask('OPTIONS', path, tcp=True)
        assert status == 204 and fields['Allow'] == 'GET, HEAD, OPTIONS'
    for path in ('/index', '/app.js/', '//app.js', '/../app.js', '/%2e%2e/etc/passwd', '/.', '/app.js.map', '/dist/app.js', '/v2'):
        for method in ('GET', 'POST'):
            assert api.error(method, path, tcp=True)[0] == 404, path
    assert api.ask('GET', '/?from=a&from=b', tcp=True)[0] == 200  # a page's query is its own


def test_document_names_the_files(api):
    paths = api.get('/v1/openapi.json')['paths']
    for path in ('/', *(f'/{name}' for name in FILES)):
        assert paths[path]['get']['security'] == []
    assert 'requestBody' in paths['/v1/csp-report']['post']


def counted(api):
    text = api.ask('GET', '/metrics')[2].decode()
    number = int(re.search(r'^tarsier_api_csp_reports_total (\d+)$', text, re.M).group(1))
    assert api.get('/v1/status')['csp_reports'] == number
    return number


def test_violations_are_counted_and_logged_a_few_times(api):
    before = counted(api)
    report = {'Content-Type': 'application/csp-report'}
    for _ in range(50):
        assert api.ask('POST', '/v1/csp-report', REPORT, tcp=True, headers=report)[0] == 204
    newer = [{'type': 'csp-violation', 'body': {'blockedURL': 'http://evil/', 'effectiveDirective': 'img-src'}}]
    assert api.ask('POST', '/v1/csp-report', newer, tcp=True, headers={'Content-Type': 'application/reports+json'})[0] == 204
    assert counted(api) == before + 51
    lines = [line for line in api.agent.log().splitlines() if 'script-src-elem' in line]
    assert 1 <= len(lines) <= 10 and all('inline_fake_line' in line for line in lines)


@pytest.mark.parametrize('body, kind, expected', [
    ('{', 'application/csp-report', 400), ('[]', 'application/csp-report', 400), ('{"csp-report": 1}', 'application/csp-report', 400),
    (json.dumps(REPORT), 'text/plain', 415), (json.dumps(REPORT), 'application/json', 415),
    ('[' * 60000, 'application/csp-report', 400), (' ' * 70000, 'application/csp-report', 413)],
    ids=['cut', 'list', 'number', 'text', 'json', 'deep', 'long'])
def test_reports_that_are_none(api, body, kind, expected):
    before = counted(api)
    assert api.error('POST', '/v1/csp-report', body, tcp=True, headers={'Content-Type': kind})[0] == expected
    assert counted(api) == before


def test_what_anybody_may_send_is_short(api):
    """Without a length it is the connection that ends."""
    head = b'POST /v1/csp-report HTTP/1.1\r\nHost: x\r\nContent-Type: application/csp-report\r\nTransfer-Encoding: chunked\r\n\r\n'
    got = api.raw(head + b'8000\r\n' + b' ' * 0x8000 + b'\r\n8000\r\n' + b' ' * 0x8000 + b'\r\n1\r\n \r\n0\r\n\r\n')
    assert b' 204 ' not in got.split(b'\r\n')[0]
    assert api.ask('GET', '/healthz', tcp=True)[0] == 200


# ---- what a page begins with ----


def test_whoami(api):
    for role, token in TOKENS.items():
        answer = api.get('/v1/whoami', tcp=True, token=token)
        assert set(answer) == {'identity', 'role', 'host', 'version', 'privacy'}
        assert answer['identity'] == f'token {role}' and answer['role'] == role and answer['host'] == socket.gethostname()
        assert answer['privacy'] is False and answer['version'] == api.get('/v1/status')['version']
    assert api.get('/v1/whoami')['role'] == 'admin'  # over the unix socket the kernel says so
    assert api.error('GET', '/v1/whoami', tcp=True)[0] == 401
    assert api.error('GET', '/v1/whoami', tcp=True, token='wrong')[0] == 401


def test_whoami_in_privacy_mode(tmp_path):
    with Agent(tmp_path, {**CONFIG, 'privacy': True}) as agent:
        assert Api(agent).get('/v1/whoami')['privacy'] is True


def page_line(text):
    return re.search(r'^tarsier: page, (\S+)/(\S*)(.*?)\r?$', text, re.M).groups()


def test_address_of_the_page(tmp_path, api):
    """The token stands in the address on a terminal only."""
    assert page_line(api.agent.log())[1:] == ('', ' (with a token of the configuration)')
    with Agent(tmp_path / 'file') as agent:
        wait_for(lambda: 'tarsier: page' in agent.log())
        with open(tmp_path / 'file' / 'admin.token') as file:
            token = file.read().strip()
        assert token not in agent.log()
        assert page_line(agent.log()) == (Api(agent).url, '', f' (its token is in {tmp_path}/file/admin.token)')
    ours, theirs = pty.openpty()
    with subprocess.Popen([TARSIER, 'serve', '--state', str(tmp_path / 'terminal'), '--listen', '127.0.0.1:0'], stderr=theirs,
                          stdin=subprocess.DEVNULL) as process:
        os.close(theirs)
        text = ''
        try:
            while 'tarsier: page' not in text or not text.endswith('\n'):
                text += os.read(ours, 4096).decode()
        finally:
            process.terminate()
            process.wait(60)
            os.close(ours)
        with open(tmp_path / 'terminal' / 'admin.token') as file:
            assert page_line(text)[1:] == (f'#token={file.read().strip()}', '')


def test_defaults_of_dev_run(tmp_path):
    """They start whoever runs them: what needs root is down, and the agent up."""
    path = os.path.join(SOURCE, 'packaging', 'run.yaml')
    with open(os.path.join(SOURCE, 'dev')) as script:
        assert 'packaging/run.yaml' in script.read()
    with open(path) as file:
        config = file.read()
    users = [{}, {'user': 65534, 'group': 65534, 'extra_groups': []}] if os.geteuid() == 0 else [{}]
    for index, user in enumerate(users):
        with tempfile.TemporaryDirectory() as state:
            os.chmod(state, 0o755)
            own = os.path.join(state, 'own')
            os.mkdir(own)
            if user:
                os.chown(own, 65534, 65534)
            agent = Agent(own, config, **user)
            os.chmod(agent.config, 0o644)
            with agent:
                services = {s['name']: s['state'] for s in Api(agent).get('/v1/status')['services']}
                assert services['api'] == services['metrics'] == services['alerts'] == 'ready', (index, services)
                if services['watch'] != 'ready':
                    assert user and 'module watch is down' in agent.log()
