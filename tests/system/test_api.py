"""The HTTP API (module api): every route, who may ask what, streams, bad clients, and runs from afar."""
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

import jsonschema
import pytest
from agent_harness import Agent, wait_for

TOKENS = {role: f'{role}-token-0123456789' for role in ('viewer', 'investigator', 'admin')}
CONFIG = {
    'modules': {'example-persist': {}},
    'tokens': [{'name': role, 'role': role, 'sha256': hashlib.sha256(token.encode()).hexdigest()}
               for role, token in TOKENS.items()],
}
SLOW = '''#!/bin/sh
if [ "$1" = --describe ]; then
        echo '{"name": "slow", "summary": "wait for a word that never comes", "shape": "object", "parameters": {"fields": []},
                "element": {"fields": [{"name": "word", "type": "string", "help": "a word"}]}}'
        exit 0
fi
read -r message
while read -r line; do case $line in *stop*) exit 0 ;; esac; done
while :; do sleep 1; done
'''


class LocalConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('localhost', timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Api:
    """One agent and how to reach it."""

    def __init__(self, agent):
        self.agent = agent
        line = next(line for line in agent.log().splitlines() if line.startswith('tarsier: ready'))
        self.url = re.search(r'https?://[^,\s]+', line).group(0)
        self.socket = re.search(r'(/\S+api\.sock)', line).group(1)
        self.address = ('127.0.0.1', int(self.url.rsplit(':', 1)[1]))

    def connect(self, tcp=False):
        return http.client.HTTPConnection(*self.address, timeout=60) if tcp else LocalConnection(self.socket)

    def ask(self, method, path, body=None, tcp=False, token=None, headers=None):
        """status, fields, bytes"""
        connection = self.connect(tcp)
        fields = dict(headers or {})
        if token:
            fields['Authorization'] = f'Bearer {token}'
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if body is not None:
            fields.setdefault('Content-Type', 'application/json')
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def get(self, path, **options):
        status, _, text = self.ask('GET', path, **options)
        assert status == 200, (status, text)
        return json.loads(text)

    def error(self, method, path, body=None, **options):
        status, fields, text = self.ask(method, path, body, **options)
        assert fields['Content-Type'] == 'application/json' and fields['X-Content-Type-Options'] == 'nosniff'
        assert fields['Cache-Control'] == 'no-store' and fields['Date']
        error = json.loads(text)['error']
        assert error['message']
        return status, error

    def start(self, module, parameters=None):
        status, fields, text = self.ask('POST', '/v1/runs', {'module': module, 'parameters': parameters or {}})
        assert status == 202, text
        answer = json.loads(text)
        assert fields['Location'] == answer['location'] == f'/v1/runs/{answer["run"]}'
        return answer['run']

    def follow(self, run, **headers):
        status, fields, text = self.ask('GET', f'/v1/runs/{run}/events', headers=headers)
        assert status == 200 and fields['Content-Type'] == 'text/event-stream'
        return events(text.decode())

    def state(self, run):
        return self.get(f'/v1/runs/{run}')['state']

    def raw(self, data):
        """What comes back until the end for bytes as they are."""
        with socket.create_connection(self.address, 60) as peer:
            peer.sendall(data)
            got = b''
            try:
                while chunk := peer.recv(65536):
                    got += chunk
            except ConnectionError:
                pass
            return got

    def pid(self, module):
        return next(service['pid'] for service in self.get('/v1/status')['services'] if service['name'] == module)


def events(text):
    """[(name, id, data)]"""
    found = []
    for block in text.split('\n\n'):
        lines = [line.split(': ', 1) for line in block.split('\n') if line and not line.startswith(':')]
        if lines:
            fields = dict(lines)
            found.append((fields['event'], int(fields.get('id', 0)), json.loads(fields['data'])))
    return found


@pytest.fixture(scope='module')
def api(tmp_path_factory):
    with tempfile.TemporaryDirectory() as modules:
        os.chmod(modules, 0o755)
        path = os.path.join(modules, 'slow')
        with open(path, 'w') as script:
            script.write(SLOW)
        os.chmod(path, 0o755)
        with Agent(tmp_path_factory.mktemp('api'), CONFIG, environment={'TARSIER_MODULES_DIR': modules}) as agent:
            yield Api(agent)


# ---- what there is ----


def test_health_and_page_are_open(api):
    assert api.ask('GET', '/healthz', tcp=True)[0] == 200
    status, fields, text = api.ask('GET', '/', tcp=True)
    assert status == 200 and b'Tarsier' in text
    assert fields['Content-Security-Policy'].startswith("default-src 'none'")
    assert 'Access-Control-Allow-Origin' not in fields


def test_document_is_openapi(api):
    document = api.get('/v1/openapi.json')
    assert document['openapi'].startswith('3.1') and document['info']['title']
    schemas = document['components']['schemas']
    for name, schema in schemas.items():
        jsonschema.Draft202012Validator.check_schema(schema)

    def references(value):
        if isinstance(value, dict):
            for key, item in value.items():
                if key == '$ref':
                    yield item
                else:
                    yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    for reference in references(document):
        assert reference.removeprefix('#/components/schemas/') in schemas
    methods = {'get', 'put', 'post', 'delete', 'patch', 'head', 'options'}
    for path, item in document['paths'].items():
        assert path.startswith('/') and set(item) <= methods
        for operation in item.values():
            assert operation['summary'] and operation['responses']
            declared = {p['name'] for p in operation['parameters'] if p['in'] == 'path'}
            assert declared == set(re.findall(r'{(\w+)}', path))
    request = {**schemas['RunRequest'], 'components': document['components']}
    check = jsonschema.Draft202012Validator(request)
    assert check.is_valid({'module': 'example', 'parameters': {'gethostname': True}})
    assert not check.is_valid({'module': 'example', 'parameters': {'nonsense': True}})
    assert not check.is_valid({'parameters': {}})


def test_document_tells_the_truth(api):
    """Each path of the document answers its methods; no other method does. A module that does not run says so."""
    run = api.start('example')
    assert api.ask('PUT', '/v1/saved/example', {'module': 'example'})[0] == 201
    up = {service['name'] for service in api.get('/v1/status')['services']}
    down = {module['name'] for module in api.get('/v1/modules')['modules'] if module['persistent']} - up
    assert {'metrics', 'watch'} <= down
    for path, item in api.get('/v1/openapi.json')['paths'].items():
        if path.startswith('/v1/modules/') and path.split('/')[3] in down:
            assert api.error(list(item)[0].upper(), path)[0] == 503, path
            continue
        path = path.replace('{run}', run).replace('{module}', 'example').replace('{name}', 'example')
        status, fields, _ = api.ask('OPTIONS', path)
        if status == 204:
            allowed = set(fields['Allow'].lower().split(', '))
            assert set(item) | {'options'} <= allowed
            assert api.error('PATCH', path)[0] == 405
        if 'get' in item:
            assert api.ask('GET', path)[0] == 200, path


def test_modules_and_schemas(api, tarsier):
    listed = {module['name']: module for module in api.get('/v1/modules')['modules']}
    assert listed['example-persist']['persistent'] and not listed['example']['persistent']
    assert listed['slow']['summary'] == 'wait for a word that never comes'
    one = api.get('/v1/modules/example')
    assert one['parameters']['fields'] and one['limits']
    assert api.get('/v1/modules/example/schema') == json.loads(tarsier('schema', 'example').stdout)
    assert api.get('/v1/modules/example/schema?result=1') == json.loads(tarsier('schema', 'example', '--result').stdout)
    assert api.error('GET', '/v1/modules/nope')[0] == 404


def test_status_metrics_verify(api):
    assert api.get('/v1/status')['ready']
    assert api.get('/v1/runs/verify')['intact'] is True
    status, fields, text = api.ask('GET', '/metrics')
    assert status == 200 and fields['Content-Type'].startswith('text/plain; version=0.0.4')
    for line in text.decode().splitlines():
        assert line.startswith('# ') or re.fullmatch(r'[a-z_]+({[^}]*})? -?[0-9.e+-]+', line), line
    assert b'tarsier_api_requests_total' in text and b'tarsier_agent_runs_started_total' in text


# ---- runs ----


def test_run_events_result(api, tarsier):
    run = api.start('example', {'gethostname': True})
    found = api.follow(run)
    assert [name for name, _, _ in found] == ['run', 'row', 'statistics', 'done']
    assert [number for _, number, _ in found] == [0, 1, 2, 3]
    assert found[1][2] == {'row': {'hostname': socket.gethostname()}}
    assert found[3][2] == {'foundanything': True, 'success': True}
    assert api.get(f'/v1/runs/{run}/result') == tarsier.json('example', '--gethostname')
    logged = api.get(f'/v1/runs/{run}')
    assert logged['module'] == 'example' and logged['state'] == 'completed'
    assert run in [item['run'] for item in api.get('/v1/runs?limit=5&module=example')['runs']]


def test_events_go_on_after_the_last_one_seen(api):
    run = api.start('example', {'gethostname': True})
    whole = api.follow(run)
    assert api.follow(run, **{'Last-Event-ID': '1'})[1:] == whole[2:]
    status, _, text = api.ask('GET', f'/v1/runs/{run}/events?after=2')
    assert status == 200 and events(text.decode())[1:] == whole[3:]
    assert api.error('GET', f'/v1/runs/{run}/events?after=x')[0] == 400


@pytest.mark.parametrize('how', [{'path': '/v1/runs?follow=1'}, {'accept': 'text/event-stream'}, {'follow': True}])
def test_start_and_follow_in_one(api, how):
    body = {'module': 'example', 'parameters': {'gethostname': True}}
    if 'follow' in how:
        body['follow'] = True
    headers = {'Accept': how['accept']} if 'accept' in how else {}
    status, fields, text = api.ask('POST', how.get('path', '/v1/runs'), body, headers=headers)
    assert status == 200 and fields['Content-Type'] == 'text/event-stream'
    assert [name for name, _, _ in events(text.decode())] == ['run', 'row', 'statistics', 'done']


def test_soft_and_hard_errors_are_events(api):
    run = api.start('example', {'lookuphost': ['nope.invalid']})
    found = api.follow(run)
    assert [data for name, _, data in found if name == 'error'][0]['message'].startswith('lookup nope.invalid')
    assert found[-1][0] == 'done' and found[-1][2]['success'] is False and found[-1][2]['code'] == 'not-found'


def test_cancel(api):
    run = api.start('slow')
    wait_for(lambda: api.state(run) == 'running')
    assert api.error('GET', f'/v1/runs/{run}/result')[0] in (404, 409, 503)
    assert api.ask('DELETE', f'/v1/runs/{run}')[0] == 200
    wait_for(lambda: api.state(run) == 'completed')
    assert api.get(f'/v1/runs/{run}/result')['partial']
    assert api.error('DELETE', '/v1/runs/0000000000')[0] == 404


def test_follower_that_leaves_costs_nothing(api):
    run = api.start('slow')
    fd = f'/proc/{api.pid("api")}/fd'
    idle = len(os.listdir(fd))
    followers = []
    for _ in range(20):
        connection = api.connect(tcp=True)
        connection.request('GET', f'/v1/runs/{run}/events', headers={'Authorization': f'Bearer {TOKENS["admin"]}'})
        followers.append(connection)
        assert connection.getresponse().status == 200
    assert len(os.listdir(fd)) >= idle + 15
    for connection in followers:
        connection.close()
        connection.sock = None
    del followers, connection
    wait_for(lambda: len(os.listdir(fd)) <= idle + 1, 'the followers are forgotten')
    assert api.state(run) == 'running'
    api.ask('DELETE', f'/v1/runs/{run}')


def test_many_rows_within_bounds(api, tmp_path):
    for index in range(3000):
        (tmp_path / f'{index}-{"x" * 200}').touch()
    run = api.start('file', {'searches': {'s1': {'paths': [str(tmp_path)], 'names': ['x']}}})
    rows = [data for name, _, data in api.follow(run) if name == 'row']
    assert len(rows) == 3000 and {row['label'] for row in rows} == {'s1'}
    assert len(api.get(f'/v1/runs/{run}/result')['elements']['s1']) == 3000


# ---- who may ask ----


MATRIX = [
    # request, nobody, viewer, investigator, admin
    (('GET', '/v1/modules'), 401, 200, 200, 200),
    (('GET', '/v1/status'), 401, 200, 200, 200),
    (('GET', '/v1/openapi.json'), 401, 200, 200, 200),
    (('GET', '/metrics'), 401, 200, 200, 200),
    (('GET', '/v1/modules/example-persist/echo?string=a'), 401, 200, 200, 200),
    (('POST', '/v1/runs', {'module': 'example'}), 401, 202, 202, 202),
    (('POST', '/v1/runs', {'module': 'slow'}), 401, 403, 202, 202),
    (('GET', '/healthz'), 200, 200, 200, 200),
]


@pytest.mark.parametrize('request_, nobody, viewer, investigator, admin', MATRIX)
def test_tokens(api, request_, nobody, viewer, investigator, admin):
    for token, expected in ((None, nobody), (TOKENS['viewer'], viewer), (TOKENS['investigator'], investigator),
                            (TOKENS['admin'], admin)):
        status, fields, text = api.ask(*request_, tcp=True, token=token)
        assert status == expected, (token, text)
        if status == 401:
            assert fields['WWW-Authenticate'].startswith('Bearer')
        if status == 202 and request_[2]['module'] == 'slow':
            api.ask('DELETE', json.loads(text)['location'])
    if nobody == 401:
        assert api.error(*request_, tcp=True, token='not-a-token')[0] == 401
        assert api.error(*request_, tcp=True, headers={'Authorization': 'Basic dTpw'})[0] == 401


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_local_users_by_peer_credentials():
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        config = {**CONFIG, 'socket': os.path.join(directory, 'api.sock'), 'local_roles': {'65534': 'viewer'}}
        with tempfile.TemporaryDirectory() as state, Agent(state, config) as agent:
            api = Api(agent)
            ask = ('import http.client, socket, sys\n'
                   's = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n'
                   'c = http.client.HTTPConnection("localhost"); c.sock = s\n'
                   'c.request(sys.argv[2], sys.argv[3], sys.argv[4] or None, {"Content-Type": "application/json"})\n'
                   'print(c.getresponse().status)\n')

            def status(uid, method, path, body=''):
                return subprocess.run(['/usr/bin/python3', '-c', ask, config['socket'], method, path, body], user=uid, group=uid,
                                      capture_output=True, text=True, timeout=60).stdout.strip()
            assert status(0, 'GET', '/v1/status') == '200'
            assert status(65534, 'GET', '/v1/status') == '200'
            assert status(65534, 'POST', '/v1/runs', '{"module": "file"}') == '403'
            assert status(12345, 'GET', '/healthz') == '200'
            assert status(12345, 'GET', '/v1/status') in ('401', '403')
            assert api.ask('GET', '/v1/status')[0] == 200


# ---- what is refused ----


@pytest.mark.parametrize('body, path', [
    ('', None), ('[]', None), ('{', None), ('{"module": "example"} x', None), ('null', None), ('"x"', None),
    ('{"module": 7}', 'module'), ('{}', 'module'), ('{"module": "example", "unknown": 1}', 'unknown'),
    ('{"module": "example", "module": "ping"}', None),
    ('{"module": "example", "parameters": {}, "p\\u0061rameters": {}}', None),
    ('{"module": "example", "parameters": {"gethostname": true, "gethostname": true}}', None),
    ('{"module": "example", "parameters": {"nope": 1}}', 'parameters.nope'),
    ('{"module": "example", "parameters": {"gethostname": "yes"}}', 'parameters.gethostname'),
    ('{"module": "example", "parameters": []}', None),
    ('{"module": "example", "max_time": "soon"}', 'max_time'),
    ('{"module": "example", "max_cpu": -1}', 'max_cpu'),
    ('\xff', None), ('{"module": "exam\\u0000ple"}', 'module'),
])
def test_wrong_bodies(api, body, path):
    status, error = api.error('POST', '/v1/runs', body.encode('latin-1'))
    assert status in (400, 404), error
    if path:
        assert error.get('path', path) == path


def test_wrong_requests(api):
    assert api.error('POST', '/v1/runs', '{}', headers={'Content-Type': 'text/plain'})[0] == 415
    assert api.error('GET', '/v1/nope')[0] == 404
    assert api.error('GET', '/v1/runs/')[0] == 404
    for path in ('none', 'none/events', 'none/result'):
        assert api.error('GET', f'/v1/runs/{path}')[0] in (400, 404)
    for path in ('', '/events', '/result'):
        assert api.error('GET', f'/v1/runs/01a2006a29f82b977281{path}')[0] == 404
    assert api.error('GET', '/v1/runs?limit=0')[1]['path'] == 'limit'
    assert api.error('GET', '/v1/runs?what=1')[1]['path'] == 'what'
    assert api.error('GET', '/v1/runs?limit=1&limit=2')[0] == 400
    assert api.error('POST', '/v1/runs', {'module': 'nope'})[0] == 404
    assert api.error('GET', '/v1/runs/' + 'x' * 3000)[0] == 404
    status, fields, _ = api.ask('PUT', '/v1/runs')
    assert status == 405 and set(fields['Allow'].split(', ')) == {'GET', 'HEAD', 'POST', 'OPTIONS'}
    status, fields, text = api.ask('HEAD', '/v1/modules')
    assert status == 200 and text == b'' and int(fields['Content-Length']) > 100


MALFORMED = [
    b'\r\n\r\n\r\n', b'GET\r\n\r\n', b'GET / HTTP/9.9\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'\x00' * 4096,
    b'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    b'POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551616\r\n\r\n',
    b'POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello',
    b'POST /v1/runs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    b'GET /' + b'a' * 100000 + b' HTTP/1.1\r\nHost: x\r\n\r\n',
    b'GET / HTTP/1.1\r\nHost: x\r\n' + b'X: y\r\n' * 20000 + b'\r\n',
    b'GET / HTTP/1.1\r\nHost: x\r\nX: ' + b'z' * 200000 + b'\r\n\r\n',
    b'GET /%00%ff%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    b'GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    b'CONNECT x:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n', b'GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
]


@pytest.mark.parametrize('data', MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_http(api, data):
    pid = api.pid('api')
    got = b''
    with socket.create_connection(api.address, 60) as peer:
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while chunk := peer.recv(65536):
                got += chunk
        except OSError:
            pass
    assert not got or re.match(rb'HTTP/1\.[01] [45]\d\d ', got), got[:200]
    assert api.ask('GET', '/healthz', tcp=True)[0] == 200
    assert api.pid('api') == pid


def test_huge_bodies(api):
    head = (f'POST /v1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS["admin"]}\r\n'
            'Content-Type: application/json\r\n')
    assert b' 413 ' in api.raw((head + 'Content-Length: 1073741824\r\nConnection: close\r\n\r\n').encode())
    assert b' 413 ' in api.raw((head + 'Expect: 100-continue\r\nContent-Length: 9000000\r\n\r\n').encode())
    with socket.create_connection(api.address, 60) as peer:  # without a length: it ends the connection
        with pytest.raises(OSError):
            peer.sendall((head + 'Transfer-Encoding: chunked\r\n\r\n').encode())
            for _ in range(4096):
                peer.sendall(b'10000\r\n' + b' ' * 65536 + b'\r\n')
    # the greatest that fits arrives whole at the module
    names = [f'{index:07d}' for index in range(760000)]
    text = json.dumps({'module': 'example', 'parameters': {'lookuphost': names}}, separators=(',', ':'))
    assert 7 << 20 < len(text) < 8 << 20
    status, _, answer = api.ask('POST', '/v1/runs', text)
    assert status in (202, 400), answer
    if status == 202:
        api.ask('DELETE', json.loads(answer)['location'])
    assert api.get('/v1/status')['ready']


def test_slow_clients_lose_their_place(tmp_path):
    config = {**CONFIG, 'modules': {'api': {'header_timeout': '1s', 'body_timeout': '1s', 'idle_timeout': '2s'}}}
    with Agent(tmp_path, config) as agent:
        api = Api(agent)
        beginnings = [b'', b'G', b'GET /v1/status HTTP/1.1\r\nHo',
                      b'POST /v1/runs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer '
                      + TOKENS['admin'].encode() + b'\r\nContent-Length: 100000\r\n\r\n{']
        peers = []
        for beginning in beginnings:
            peer = socket.create_connection(api.address, 60)
            peer.sendall(beginning)
            peer.setblocking(False)
            peers.append(peer)

        def ended(peer):
            try:
                peer.send(b'a')
                return peer.recv(4096) == b''
            except BlockingIOError:
                return False
            except OSError:
                return True
        for peer in peers:  # each sends on, byte by byte
            wait_for(lambda peer=peer: ended(peer), 'the slow client is sent away')
        assert api.ask('GET', '/healthz', tcp=True)[0] == 200


def test_a_full_house_leaves_room_for_local_users(tmp_path):
    config = {**CONFIG, 'modules': {'api': {'connections': 4, 'header_timeout': '1h', 'idle_timeout': '1h'}}}
    with Agent(tmp_path, config) as agent:
        api = Api(agent)
        peers = [socket.create_connection(api.address, 60) for _ in range(10)]
        waiting = lambda: b'tarsier_api_connections_waited_total 0' not in api.ask('GET', '/metrics')[2]  # noqa: E731
        wait_for(waiting, 'the door is shut')
        assert api.get('/v1/status')['ready']  # over the socket
        for peer in peers:
            peer.close()
        assert api.ask('GET', '/healthz', tcp=True)[0] == 200


def test_a_hundred_clients(api):
    problems = []

    def client(number):
        try:
            connection = api.connect(tcp=number % 2 == 0)
            for _ in range(5):
                connection.request('GET', f'/v1/modules/example-persist/echo?string={number}',
                                   headers={'Authorization': f'Bearer {TOKENS["viewer"]}'})
                answer = connection.getresponse()
                text = answer.read().decode()
                if (answer.status, text) != (200, str(number)):
                    problems.append((answer.status, text))
            connection.close()
        except OSError as problem:
            problems.append(problem)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems


# ---- modules' own routes ----


def test_module_routes(api):
    path = '/v1/modules/example-persist/echo?string='
    assert api.ask('GET', path + 'a%20%C3%A4%2Fb')[2].decode() == 'a ä/b'
    assert api.ask('HEAD', path + 'x')[0] == 200
    status, error = api.error('POST', path + 'x', '{}')
    assert status == 405
    assert api.error('GET', '/v1/modules/example-persist/nope')[0] == 404
    assert api.error('GET', '/v1/modules/example/echo')[0] == 404
    assert api.error('GET', '/v1/modules/nope/echo')[0] == 404


def test_death_of_a_module(api):
    path = '/v1/modules/example-persist/echo?string=x'
    assert api.ask('GET', path)[0] == 200
    os.kill(api.pid('example-persist'), signal.SIGKILL)
    seen = set()

    def back():
        seen.add(api.ask('GET', path)[0])
        return 200 in seen and api.get('/v1/status')['ready']
    wait_for(back, 'the module is back')
    assert seen <= {200, 503}


def test_death_of_the_api(api):
    path = '/v1/modules/example-persist/echo?string=x'
    before = api.pid('api')
    os.kill(before, signal.SIGKILL)

    def served():
        try:
            return api.ask('GET', '/healthz', tcp=True)[0] == 200
        except (OSError, http.client.HTTPException):
            return False
    wait_for(served, 'a new api serves')
    assert api.pid('api') != before
    wait_for(lambda: api.ask('GET', path)[0] == 200, 'the modules are reached again')
    assert api.follow(api.start('example', {'gethostname': True}))[-1][0] == 'done'


# ---- TLS ----


@pytest.fixture(scope='module')
def certificate(tmp_path_factory):
    place = tmp_path_factory.mktemp('tls')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                    '-keyout', place / 'key.pem', '-out', place / 'cert.pem', '-subj', '/CN=localhost', '-addext',
                    'subjectAltName=DNS:localhost,IP:127.0.0.1'], check=True, capture_output=True)
    return str(place / 'cert.pem'), str(place / 'key.pem')


def test_tls(tmp_path, certificate, tarsier):
    config = {**CONFIG, 'tls': {'certificate': certificate[0], 'key': certificate[1]}}
    with Agent(tmp_path, config) as agent:
        api = Api(agent)
        context = ssl.create_default_context(cafile=certificate[0])
        connection = http.client.HTTPSConnection(*api.address, context=context, timeout=60)
        connection.request('GET', '/v1/status', headers={'Authorization': f'Bearer {TOKENS["viewer"]}'})
        assert connection.getresponse().status == 200
        assert connection.sock.version() in ('TLSv1.2', 'TLSv1.3')
        connection.close()
        assert not api.raw(b'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n').startswith(b'HTTP/1.1 200')  # in clear
        assert api.get('/v1/status')['ready']  # the socket speaks in clear
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers('DEFAULT:@SECLEVEL=0')
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with socket.create_connection(api.address, 60) as peer, pytest.raises((ssl.SSLError, OSError)):
            old.wrap_socket(peer)
        url = f'https://localhost:{api.address[1]}'
        environment = {**os.environ, 'TARSIER_TOKEN': TOKENS['viewer']}
        far = tarsier('--agent', url, 'example', '--gethostname', env=environment)
        assert far.returncode == 4 and 'certificate is not trusted' in far.stderr
        far = tarsier('--agent', url, 'example', '--gethostname', env={**environment, 'TARSIER_CA': certificate[0]})
        assert far.returncode == 0 and socket.gethostname() in far.stdout


def test_beyond_this_host_only_with_tls(tmp_path):
    agent = Agent(tmp_path, CONFIG, arguments=['--listen', '0.0.0.0:0'])
    try:
        agent.start(ready=False)
        wait_for(lambda: 'without TLS' in agent.log() or 'tls' in agent.log().lower(), 'the refusal')
    finally:
        agent.process.kill()
        agent.process.wait()


# ---- from afar ----


def remote(api, tarsier, *args, token=None, url=None, **options):
    environment = {**os.environ, **({'TARSIER_TOKEN': token} if token else {})}
    return tarsier('--agent', url or api.socket, *args, env=environment, **options)


@pytest.fixture(scope='module')
def keys(tmp_path_factory):
    """A directory with keys that nobody changes meanwhile, as home directories do."""
    path = tmp_path_factory.mktemp('keys')
    for kind in ('ed25519', 'ecdsa'):
        subprocess.run(['ssh-keygen', '-q', '-t', kind, '-N', '', '-C', kind, '-f', path / f'id_{kind}'], check=True)
    return path


@pytest.mark.parametrize('output', [[], ['--json'], ['--format', 'table'], ['--format', 'csv'], ['--results-only'],
                                    ['--privacy', '--json']])
@pytest.mark.parametrize('args', [
    ['example', '--gethostname', '--lookuphost', 'localhost'], ['example', '--lookuphost', 'nope.invalid'], ['sshkey', '--path', 'KEYS'],
    ['file', '--path', '/etc', '--name', '^(host|pass|no-such)', '--returnsha256'], ['pkg', '--name', '^lib.*1$'], ['lsm'],
])
def test_runs_from_afar_are_as_here(api, tarsier, keys, args, output):
    args = [keys if word == 'KEYS' else word for word in args]
    here = tarsier(*args, *output)
    far = remote(api, tarsier, *args, *output)

    def still(text):  # what takes time differs
        return re.sub(r'"exectime":"[^"]*"|ran in \S+|"\w*(time|_ns|ms)\w*":"?[0-9.]+\w*"?', '', text, flags=re.I)
    assert (far.returncode, still(far.stdout), still(far.stderr)) == \
        (here.returncode, still(here.stdout), still(here.stderr))


def test_query_of_a_persistent_module(api, tarsier):
    environment = {**os.environ, 'TARSIER_SOCKET': api.socket}
    assert tarsier('example-persist', '--echo', 'hi', env=environment).stdout == 'hi\n'
    assert json.loads(tarsier('example-persist', '--echo', 'hi', '--json', env=environment).stdout)['elements'] == {'string': 'hi'}


def test_stop_from_afar(api, tarsier):
    here = subprocess.Popen([tarsier.path, '--agent', api.socket, 'example-persist', '--echo', 'x'], stdout=subprocess.DEVNULL)
    assert here.wait(60) == 0
    before = {item['run'] for item in api.get('/v1/runs')['runs']}
    environment = {**os.environ, 'TARSIER_MODULES_DIR': api.agent.environment['TARSIER_MODULES_DIR']}
    process = subprocess.Popen([tarsier.path, '--agent', api.socket, 'slow', '--json'], stdout=subprocess.PIPE, text=True,
                               env=environment)
    run = wait_for(lambda: next((item for item in api.get('/v1/runs')['runs']
                                 if item['run'] not in before and item['state'] == 'running'), None))['run']
    process.send_signal(signal.SIGINT)
    assert json.loads(process.communicate(timeout=60)[0])['partial']
    wait_for(lambda: api.state(run) == 'completed', 'the run ends there too')


def test_refusals_from_afar(api, tarsier, tmp_path):
    far = remote(api, tarsier, 'example', '--gethostname', url=api.url)
    assert far.returncode == 4 and 'TARSIER_TOKEN' in far.stderr and api.url in far.stderr
    far = remote(api, tarsier, 'file', '--path', '/etc', '--name', 'x', url=api.url, token=TOKENS['viewer'])
    assert far.returncode == 4 and 'investigator' in far.stderr
    nobody = str(tmp_path / 'none.sock')
    far = remote(api, tarsier, 'example', url=nobody)
    assert far.returncode == 11 and f'no agent answers at {nobody}: is `tarsier serve` running?' in far.stderr
    far = remote(api, tarsier, 'example', url='ftp://x')
    assert far.returncode and 'is no agent' in far.stderr
    with socket.create_server(('127.0.0.1', 0)) as other:  # somebody else's server
        def serve():
            for _ in range(2):
                peer, _ = other.accept()
                peer.recv(65536)
                peer.sendall(answers.pop(0))
                peer.close()
        answers = [b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 3\r\n\r\nhi\n',
                   b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: run\ndata: {"run":"1"}\n\nevent: row\n'
                   b'data: {"row":{"hostname":"far"}}\n\n']
        thread = threading.Thread(target=serve)
        thread.start()
        url = f'http://127.0.0.1:{other.getsockname()[1]}'
        far = remote(api, tarsier, 'example', '--gethostname', url=url)
        assert far.returncode == 13 and 'not as an agent does' in far.stderr
        far = remote(api, tarsier, 'example', '--gethostname', '--json', url=url)
        thread.join()
        result = json.loads(far.stdout)
        assert result['partial'] == 'connection lost' and result['elements'] == {'hostname': 'far'}
