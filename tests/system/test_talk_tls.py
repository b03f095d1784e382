"""talk over TLS, with openssl, GnuTLS and Python as servers; certificates are made for the run."""
import ctypes
import datetime
import json
import shutil
import socket
import subprocess
import time

import pytest

from netspace import ended, until
from ports import free_port
from test_stop_modules import wait_for_work
from tls_harness import certificate_facts, pki, python_server, s_server, server_context  # noqa: F401

PAGE = b'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nover TLS\n'


def talk(tarsier, *args):
    result = tarsier.json('talk', *args)
    if result['elements']:
        tarsier.check('talk', result['elements'])
    return result


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp()


def page_server(pair, seen=None, **options):
    """An HTTPS server of one page, that says goodbye as RFC 8446 wants it."""
    context = server_context(pair)
    if 'alpn' in options:
        context.set_alpn_protocols(options['alpn'])
    if seen is not None:
        context.sni_callback = lambda _, name, __: seen.append(name)

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(options.get('answer', PAGE))
            if options.get('goodbye', True):
                secured.unwrap()
    return python_server(serve)


def test_https_shows_session_and_certificate(tarsier, pki):
    with s_server(pki.good, '-www', '-alpn', 'http/1.1') as server:
        result = talk(tarsier, f'https://localhost:{server.port}/x?y', '--family', '4', '--ca', pki.ca)
    element, secured = result['elements'], result['elements']['tls']
    assert result['success'] and element['status'] == 200 and element['head'] and element['body']
    assert secured['verified'] and 'reason' not in secured and secured['servername'] == 'localhost'
    assert (secured['version'], secured['alpn']) == ('TLS 1.3', 'http/1.1') and secured['cipher'].startswith('TLS_AES_')
    assert secured['handshake'] > 0 and secured['clientcertificate'] == 'not asked for'
    (leaf,) = secured['chain']
    facts = certificate_facts(pki.good[0])
    assert leaf['fingerprint'] == facts['sha256'] and int(leaf['serial'], 16) == int(facts['serial'], 16)
    assert leaf['subject'] == 'CN=localhost' and set(leaf['issuer'].split(',')) == {'CN=root', 'O=Tarsier tests'}
    assert leaf['names'] == ['localhost', '127.0.0.1']
    assert (leaf['notbefore'], leaf['notafter']) == ('2026-01-01T00:00:00Z', '2056-01-01T00:00:00Z')
    assert leaf['key'].startswith('EC') and leaf['keybits'] == 256 and 'SHA256' in leaf['signature']
    left = (seconds(leaf['notafter']) - time.time()) // 86400
    assert secured['daysleft'] in (left, left + 1)


@pytest.mark.parametrize('version, option', [('TLS 1.2', '-tls1_2'), ('TLS 1.3', '-tls1_3')])
@pytest.mark.parametrize('which', ['good', 'rsa', 'chained'])
def test_versions_keys_and_chains(tarsier, pki, version, option, which):
    pair = getattr(pki, which)
    with s_server(pair, '-www', option) as server:
        secured = talk(tarsier, f'127.0.0.1:{server.port}', 'http', '--tls', '--ca', pki.ca)['elements']['tls']
    assert secured['version'] == version and secured['verified'] and secured['cipher'] and 'alpn' not in secured
    assert len(secured['chain']) == (2 if which == 'chained' else 1)
    assert (secured['chain'][0]['key'], secured['chain'][0]['keybits']) == (('RSA', 2048) if which == 'rsa' else ('EC/ECDSA', 256))
    if which == 'chained':
        assert secured['chain'][1]['subject'] == 'CN=middle'


FAILURES = {
    'expired': ['expired on 2020-02-01T00:00:00Z'],
    'early': ['not valid before 2050-01-01T00:00:00Z'],
    'wrong': ['wrong name: it is not for localhost'],
    'strange': ['unknown issuer'],
    'selfsigned': ['self-signed'],
    'chained-cut': ['unknown issuer'],
}


@pytest.mark.parametrize('which', FAILURES)
def test_why_a_certificate_is_not_verified(tarsier, pki, tmp_path, which):
    pair = getattr(pki, which.split('-')[0])
    if which == 'chained-cut':  # the server forgets the certificate between its own and the root's
        pem = pair[0].read_text()
        (tmp_path / 'leaf.pem').write_text(pem[:pem.index('-----END CERTIFICATE-----') + 26])
        pair = (tmp_path / 'leaf.pem', pair[1])
    said = []

    def serve(connection):
        with server_context(pair).wrap_socket(connection, server_side=True) as secured:
            said.append(secured.recv(4096))
            secured.sendall(PAGE)
            secured.unwrap()
    with python_server(serve) as port:
        url = f'https://localhost:{port}/'
        strict = talk(tarsier, url, '--family', '4', '--ca', pki.ca)
        assert tarsier('talk', url, '--family', '4', '--ca', pki.ca).returncode != 0
        assert not said  # nothing was said to a server that is not known
        lax = talk(tarsier, url, '--family', '4', '--ca', pki.ca, '--insecure')
        lines = tarsier('talk', url, '--family', '4', '--ca', pki.ca, '--insecure').stdout
    reason = strict['elements']['tls']['reason']
    assert not strict['success'] and strict['errors'] == [f'localhost: the certificate is not verified: {reason}']
    assert reason.split('; ') == FAILURES[which] and not strict['elements']['tls']['verified']
    assert strict['elements']['tls']['chain'][0]['fingerprint'] == certificate_facts(pair[0])['sha256']
    assert strict['elements']['received'] == 0
    assert lax['success'] and lax['elements']['body'] == ['over TLS'] and lax['elements']['tls']['reason'] == reason
    assert (lax['elements']['tls']['daysleft'] < 0) == (which == 'expired')
    assert f'not verified: {reason}, ' in lines and 'over TLS' in lines


def test_several_reasons(tarsier, pki):
    with page_server(pki.expired) as port:
        secured = talk(tarsier, f'127.0.0.1:{port}', '--tls', '--server-name', 'elsewhere.test')['elements']['tls']
    assert secured['reason'].split('; ') == ['expired on 2020-02-01T00:00:00Z', 'unknown issuer',
                                             'wrong name: it is not for elsewhere.test']


@pytest.mark.parametrize('name, verified', [('elsewhere.test', True), ('a.wild.test', True), ('a.b.wild.test', False)])
def test_the_name_that_is_asked_for(tarsier, pki, name, verified):
    seen = []
    with page_server(pki.wrong, seen) as port:
        element = talk(tarsier, f'127.0.0.1:{port}', 'http', '--tls', '--ca', pki.ca, '--server-name', name)['elements']
    assert element['tls']['verified'] == verified and element['tls']['servername'] == name and seen == [name]


def test_an_address_is_checked_and_not_asked_for(tarsier, pki):
    seen = []
    with page_server(pki.good, seen) as port:
        element = talk(tarsier, f'https://127.0.0.1:{port}', '--ca', pki.ca)['elements']
    assert element['tls']['verified'] and seen == [None] and element['body'] == ['over TLS']


@pytest.mark.parametrize('option', ['-tls1_2', '-tls1_3'])
def test_client_certificates(tarsier, pki, option):
    with s_server(pki.good, '-www', option, '-Verify', '2', '-verify_return_error', '-CAfile', pki.ca) as server:
        ask = ('talk', f'https://localhost:{server.port}', '--family', '4', '--ca', pki.ca)
        given = talk(tarsier, *ask[1:], '--certificate', pki.client[0], '--key', pki.client[1])
        missing = talk(tarsier, *ask[1:])
        refused = talk(tarsier, *ask[1:], '--certificate', pki.stranger[0], '--key', pki.stranger[1])
    assert given['success'] and given['elements']['status'] == 200
    assert given['elements']['tls']['clientcertificate'] == 'given'
    assert missing['elements']['tls']['clientcertificate'] == 'asked for, none given'
    for result in (missing, refused):
        assert not result['success'] and not result['foundanything']
        assert result['elements']['ended'].startswith('the server sent an alert: ')
        assert result['errors'] == ['localhost: ' + result['elements']['ended']]
    if option == '-tls1_3':
        assert missing['elements']['ended'].endswith('Certificate is required')
    assert refused['elements']['ended'].endswith('CA is unknown')


def test_key_and_certificate_in_one_file(tarsier, pki, tmp_path):
    both = tmp_path / 'both.pem'
    both.write_text(pki.client[1].read_text() + pki.client[0].read_text())
    with s_server(pki.good, '-www', '-Verify', '2', '-verify_return_error', '-CAfile', pki.ca) as server:
        result = talk(tarsier, f'https://127.0.0.1:{server.port}', '--ca', pki.ca, '--certificate', both)
    assert result['success'] and result['elements']['tls']['clientcertificate'] == 'given'


@pytest.mark.parametrize('offered, chosen', [(['h2', 'imap'], 'imap'), (['imap', 'smtp'], 'imap'), (['h2'], None), ([], None)])
def test_alpn(tarsier, pki, offered, chosen):
    options = [part for name in offered for part in ('--alpn', name)]
    with page_server(pki.good, alpn=['imap', 'smtp']) as port:
        secured = talk(tarsier, f'127.0.0.1:{port}', '--tls', '--ca', pki.ca, '--send', 'x', *options)['elements']['tls']
    assert secured.get('alpn') == chosen


def test_bytes_both_ways_with_gnutls(tarsier, pki):
    if not shutil.which('gnutls-serv'):
        pytest.skip('needs gnutls-serv')
    port = free_port()
    child = subprocess.Popen(['gnutls-serv', '--echo', '-p', str(port), '--x509certfile', pki.good[0], '--x509keyfile', pki.good[1],
                              '--disable-client-cert'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with ended(child):
        until(lambda: not socket.socket().connect_ex(('127.0.0.1', port)), 'gnutls-serv')
        result = talk(tarsier, f'localhost:{port}', '--family', '4', '--tls', '--ca', pki.ca, '--send', r'hello\r\n', '--wait', '1s')
    assert result['success'] and 'hello' in result['elements']['body'] and result['elements']['sent'] == 7


def test_much_comes(tarsier, pki):
    with page_server(pki.good, answer=b'0123456789abcde\n' * 40000) as port:
        element = talk(tarsier, f'127.0.0.1:{port}', '--tls', '--ca', pki.ca, '--send', 'x', '--bytes', '1m')['elements']
        limited = talk(tarsier, f'127.0.0.1:{port}', '--tls', '--ca', pki.ca, '--send', 'x', '--bytes', '5000')['elements']
    assert element['received'] == 640000 and element['ended'] == 'closed' and len(element['body']) == 40000
    assert limited['received'] == 5000 and limited['ended'] == 'limit'


def test_a_cut_is_told_from_an_end(tarsier, pki):
    with page_server(pki.good) as port:
        assert talk(tarsier, f'https://127.0.0.1:{port}', '--ca', pki.ca)['elements']['ended'] == 'closed'
    with page_server(pki.good, goodbye=False) as port:
        element = talk(tarsier, f'https://127.0.0.1:{port}', '--ca', pki.ca)['elements']
    assert element['ended'] == 'the server ended the connection without close_notify' and element['body'] == ['over TLS']


def test_a_server_that_does_not_speak_tls(tarsier):
    with python_server(lambda connection: connection.sendall(b'220 mail.test ready\r\n') or connection.recv(1000)) as port:
        result = talk(tarsier, f'127.0.0.1:{port}', '--tls')
    reason = 'the server does not speak TLS here: it says "220 mail.test ready"'
    assert not result['success'] and result['errors'] == [f'127.0.0.1: {reason}'] and result['elements']['ended'] == reason
    assert result['elements']['tls']['chain'] == []


def test_a_server_that_closes_or_says_nothing(tarsier):
    with python_server(lambda connection: connection.recv(1)) as port:
        result = talk(tarsier, f'127.0.0.1:{port}', '--tls')
    assert not result['success'] and ('closed the connection' in result['errors'][0] or 'reset' in result['errors'][0])
    with python_server(lambda connection: connection.recv(1000) and connection.recv(1000)) as port:
        result = talk(tarsier, f'127.0.0.1:{port}', '--tls', '--timeout', '200ms')
    assert not result['success'] and result['errors'] == ['127.0.0.1: the handshake timed out']


@pytest.mark.parametrize('what', ['warnings', 'requests'])
def test_a_server_that_only_warns(tarsier, pki, what):
    """Over TLS 1.2, after the handshake: it must not hold the run, which no silence ends."""
    try:
        gnutls = ctypes.CDLL('libgnutls.so.30')
    except OSError:
        pytest.skip('needs libgnutls')
    credentials = ctypes.c_void_p()
    gnutls.gnutls_certificate_allocate_credentials(ctypes.byref(credentials))
    assert gnutls.gnutls_certificate_set_x509_key_file(credentials, *(str(path).encode() for path in pki.good), 1) == 0

    def warn(connection):
        session = ctypes.c_void_p()
        connection.settimeout(None)
        gnutls.gnutls_init(ctypes.byref(session), 1)
        gnutls.gnutls_priority_set_direct(session, b'NORMAL:-VERS-ALL:+VERS-TLS1.2', None)
        gnutls.gnutls_credentials_set(session, 1, credentials)
        gnutls.gnutls_transport_set_int2(session, connection.fileno(), connection.fileno())
        status = gnutls.gnutls_handshake(session)
        while status >= 0:
            status = gnutls.gnutls_alert_send(session, 1, 112) if what == 'warnings' else gnutls.gnutls_rehandshake(session)
        gnutls.gnutls_deinit(session)
    with python_server(warn) as port:
        result = talk(tarsier, f'127.0.0.1:{port}', '--tls', '--ca', pki.ca)
    assert not result['success'] and result['errors'] == ['127.0.0.1: the server sends warnings without end']
    assert result['elements']['tls']['verified']


def test_no_version_in_common(tarsier, pki):
    with s_server(pki.good, '-tls1_3', '-ciphersuites', 'TLS_AES_128_CCM_8_SHA256') as server:
        result = talk(tarsier, f'127.0.0.1:{server.port}', '--tls', '--ca', pki.ca)
    assert not result['success'] and 'alert' in result['errors'][0], result['errors']


def test_a_stop_in_mid_handshake(tarsier):
    with python_server(lambda connection: connection.recv(1000) and connection.recv(1000)) as port:
        message = {'class': 'parameters', 'parameters': {'target': f'127.0.0.1:{port}', 'tls': True, 'timeout': '10m'}}
        parent = subprocess.Popen([tarsier.path, '-m', 'talk'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with ended(parent):
            parent.stdin.write(json.dumps(message).encode() + b'\n')
            parent.stdin.flush()
            wait_for_work(parent, 0)
            connected = f':{port:04X} 01 '

            def established():
                with open('/proc/net/tcp', encoding='ascii') as table:
                    return connected in table.read()
            until(established, 'the connection')
            out, _ = parent.communicate(b'{"class":"stop"}\n', timeout=60)
    result = json.loads(out)
    assert result['partial'] and result['elements']['ended'] == 'stopped'  # a worker that is killed tells nothing


@pytest.mark.parametrize('args', [
    ('127.0.0.1:80', 'udp', '--tls'), ('127.0.0.1', 'qotd', '--tls'), ('127.0.0.1:80', '--insecure'), ('127.0.0.1', '--tls'),
    ('127.0.0.1:80', '--tls', '--key', '/dev/null'), ('127.0.0.1:80', '--alpn', 'x'), ('https://user@127.0.0.1/',),
    ('https://',), ('https://127.0.0.1/', 'udp'), ('https://127.0.0.1/a b',), ('127.0.0.1:80', '--tls', '--alpn', ''),
])
def test_what_it_cannot_do(tarsier, args):
    assert tarsier('talk', *args).returncode == 2


def test_files_that_do_not_serve(tarsier, pki, tmp_path):
    (tmp_path / 'text').write_text('no certificate\n')
    for args, words in (
            (('--ca', tmp_path / 'none'), 'No such file'), (('--ca', tmp_path / 'text'), 'no certificate in PEM'),
            (('--certificate', pki.client[0], '--key', pki.good[1]), 'is not that of'),
            (('--certificate', tmp_path / 'text'), 'text')):
        result = tarsier.json('talk', '127.0.0.1:1', '--tls', *args)
        assert not result['success'] and words in result['errors'][0], result['errors']


def test_addresses_of_the_web_in_the_clear(tarsier):
    with python_server(lambda connection: connection.recv(1000) and connection.sendall(PAGE)) as port:
        element = talk(tarsier, f'http://127.0.0.1:{port}?a=b#c')['elements']
    assert element['body'] == ['over TLS'] and 'tls' not in element


def test_privacy(tarsier, pki):
    with page_server(pki.good) as port:
        result = tarsier.message('talk', {'target': f'https://localhost:{port}', 'family': '4', 'insecure': True}, '--privacy')
    text = json.dumps(result['elements'])
    assert 'localhost' not in text and 'root' not in text and certificate_facts(pki.good[0])['sha256'] not in text
