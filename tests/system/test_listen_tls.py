"""listen over TLS, with curl, openssl, GnuTLS, Python and talk as clients; certificates are made for the run."""
import contextlib
import hashlib
import json
import re
import selectors
import shutil
import socket
import ssl
import struct
import subprocess
import threading

import pytest

from netspace import ended, until
from test_listen import events, listen, read_all  # noqa: F401
from tls_harness import certificate_facts, pki  # noqa: F401


def secure_client(server, pki, **options):
    context = ssl.create_default_context(cafile=pki.ca)
    if 'alpn' in options:
        context.set_alpn_protocols(options['alpn'])
    return context.wrap_socket(server.connect(), server_hostname=options.get('name', 'localhost'))


@pytest.fixture
def pair(pki):
    return '--tls-certificate', pki.good[0], '--tls-key', pki.good[1]


def test_curl_gets_the_page(listen, pair, pki):
    if not shutil.which('curl'):
        pytest.skip('needs curl')
    server = listen('http', '--text', 'over TLS', *pair)
    assert server.rows[0]['fingerprint'] == certificate_facts(pki.good[0])['sha256']
    for option in ('--tlsv1.3', '--tls-max=1.2'):
        option, *value = option.split('=')
        done = subprocess.run(['curl', '-sv', '--cacert', pki.ca, option, *value, '--resolve', f'localhost:{server.port}:127.0.0.1',
                               f'https://localhost:{server.port}/'], capture_output=True, text=True, check=False)
        assert done.returncode == 0 and done.stdout == 'over TLS', done.stderr
        assert 'ALPN: server accepted http/1.1' in done.stderr and 'certificate verify ok' in done.stderr
        server.wait('closed')
    result = server.close()
    for row, version in zip(events(result, 'secured'), ('TLS 1.3', 'TLS 1.2')):
        assert (row['version'], row['alpn'], row['servername']) == (version, 'http/1.1', 'localhost') and row['cipher']
    assert [row['text'].split('..')[0] for row in events(result, 'received')] == ['GET / HTTP/1.1'] * 2
    assert all('text' not in row for row in events(result, 'closed'))  # goodbye was said
    assert (result['statistics']['secured'], result['statistics'].get('failed')) == (2, None)


@pytest.mark.parametrize('option', ['-tls1_2', '-tls1_3'])
def test_openssl_talks_to_it(listen, pair, pki, option):
    server = listen('tcp', *pair)
    with subprocess.Popen(['openssl', 's_client', '-connect', f'127.0.0.1:{server.port}', '-CAfile', pki.ca, '-verify_return_error',
                           '-verify_hostname', 'localhost', '-quiet', option],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        with ended(client):
            client.stdin.write(b'hello\n')
            client.stdin.flush()
            wanted = b'Message received of length : 6'
            assert client.stdout.read(len(wanted)) == wanted
    assert 'version' in server.rows[-1] or server.wait('secured')


def test_gnutls_talks_to_it(listen, pair, pki):
    if not shutil.which('gnutls-cli'):
        pytest.skip('needs gnutls-cli')
    server = listen('tcp', '--reply', 'text', '--text', 'from a server', *pair)
    done = subprocess.run(['gnutls-cli', '--x509cafile', pki.ca, '--sni-hostname', 'localhost', '--verify-hostname', 'localhost',
                           '-p', str(server.port), '127.0.0.1'], input='x\n', capture_output=True, text=True, timeout=60, check=False)
    assert 'from a server' in done.stdout and 'certificate is trusted' in done.stdout, done


def test_a_certificate_of_its_own(listen):
    server = listen('http', '--tls')
    pem = ssl.get_server_certificate(('127.0.0.1', server.port))
    der = ssl.PEM_cert_to_DER_cert(pem)
    assert server.rows[0]['fingerprint'] == hashlib.sha256(der).hexdigest()
    context = ssl.create_default_context(cadata=pem)  # good for those who trust just it, by name and by address
    for name in ('localhost', '127.0.0.1'):
        with context.wrap_socket(server.connect(), server_hostname=name) as client:
            client.sendall(b'GET / HTTP/1.0\r\n\r\n')
            assert read_all(client).endswith(b'Hello from tarsier')
    other = listen('http', '--tls')
    assert other.rows[0]['fingerprint'] != server.rows[0]['fingerprint']


def test_talk_and_listen(tarsier, listen, pair, pki):
    server = listen('http', '--alpn', 'one', '--alpn', 'two', *pair)
    result = tarsier.json('talk', f'https://localhost:{server.port}/', '--family', '4', '--ca', pki.ca, '--alpn', 'two')
    assert result['success'] and result['elements']['status'] == 200 and result['elements']['ended'] == 'closed'
    assert result['elements']['tls']['verified'] and result['elements']['tls']['alpn'] == 'two'
    assert server.wait('secured')['alpn'] == 'two'


def test_lines(tarsier, pair, pki):
    child = subprocess.Popen([tarsier.path, 'listen', 'http', '--port', '0', *map(str, pair), '--count', '1'], stdout=subprocess.PIPE,
                             text=True)
    with ended(child):
        first = child.stdout.readline()
        fingerprint = certificate_facts(pki.good[0])['sha256']
        port = int(re.fullmatch(rf'listening \[127.0.0.1\]:(\d+), certificate sha256 {fingerprint}\n', first)[1])
        tarsier('talk', f'https://localhost:{port}/', '--ca', pki.ca, '--family', '4')
        lines = child.stdout.read()
    assert re.search(r'^secured \[127.0.0.1\]:\d+: TLS 1.3, TLS_\w+, ALPN http/1.1, for localhost$', lines, re.MULTILINE), lines


def test_plain_text_is_told_and_closed(listen, pair):
    server = listen('http', *pair)
    with server.connect() as client:
        client.sendall(b'GET /plain HTTP/1.0\r\n\r\n')
        assert b'HTTP' not in read_all(client)
    row = server.wait('failed')
    assert row['text'].startswith('the client does not speak TLS: GET /plain HTTP/1.0')
    server.wait('closed')
    statistics = server.close()['statistics']
    assert (statistics['failed'], statistics['messages']) == (1, 0)


def client_hello():
    """The first bytes that a client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname='localhost')
    with contextlib.suppress(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def test_handshakes_that_do_not_end(listen, pair, pki):
    server = listen('tcp', *pair, '--tls-timeout', '5s')  # in which a slow host serves an honest client
    hello = client_hello()
    silent, half, trickling = server.connect(), server.connect(), server.connect()
    with silent, half, trickling:
        half.sendall(hello[:100])
        over = threading.Event()

        def trickle():
            with contextlib.suppress(OSError):
                for byte in hello[:-1]:
                    trickling.sendall(bytes([byte]))
                    if over.wait(0.05):
                        return
        thread = threading.Thread(target=trickle)
        thread.start()
        with secure_client(server, pki) as client:  # served meanwhile
            client.sendall(b'x')
            assert client.recv(100) == b'Message received of length : 1'
        for connection in (silent, half, trickling):
            with contextlib.suppress(ConnectionResetError):
                assert connection.recv(10000) == b''
        over.set()
        thread.join(60)
    failed = [server.wait('failed')['text'] for _ in range(3)]
    assert failed == ['no handshake within 5s'] * 3
    statistics = server.close()['statistics']
    assert (statistics['limited'], statistics['failed'], statistics['secured']) == (3, 3, 1)


def test_a_client_that_says_why_and_is_gone_before_it_is_answered(listen, pair):
    server = listen('tcp', *pair)
    for alert, name in ((48, 'CA is unknown'), (42, 'Certificate is bad')):
        with server.connect() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 1))
            client.sendall(client_hello() + bytes([21, 3, 3, 0, 2, 2, alert]))
        assert server.wait('failed')['text'] == f'the client sent an alert: {name}'
    assert server.close()['statistics']['failed'] == 2


def test_a_client_that_leaves_and_one_that_does_not_trust(listen, pair, pki):
    server = listen('tcp', *pair)
    with server.connect() as client:
        client.sendall(client_hello()[:50])
    assert server.wait('failed')['text'] == 'the client closed the connection in the handshake'
    with server.connect() as client, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context(cafile=pki.other.certificate).wrap_socket(client, server_hostname='localhost')
    assert server.wait('failed')['text'] == 'the client sent an alert: CA is unknown'
    with server.connect() as client:
        client.sendall(b'\x16\x03\x01\x00\x05rubbi')
        read_all(client)
    assert server.wait('failed')['text']
    with server.connect() as client, pytest.raises(ssl.SSLError):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_ciphers('ALL:@SECLEVEL=0')
        with pytest.warns(DeprecationWarning):
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.wrap_socket(client)
    assert server.wait('failed')['text'] == 'no version of TLS in common with the client'


@pytest.mark.parametrize('goodbye', [True, False])
def test_a_cut_is_told_from_an_end(listen, pair, pki, goodbye):
    server = listen('tcp', *pair)
    with secure_client(server, pki) as client:
        client.sendall(b'x')
        assert client.recv(100) == b'Message received of length : 1'
        if goodbye:
            client.unwrap().close()
    assert server.wait('closed').get('text') == (None if goodbye else 'without close_notify')


def test_answers_end_with_close_notify(listen, pair, pki):
    server = listen('tcp', '--reply', 'text', '--text', 'fixed', '--delay', '20ms', *pair)
    context = ssl.create_default_context(cafile=pki.ca)
    with context.wrap_socket(server.connect(), server_hostname='localhost', suppress_ragged_eofs=False) as client:
        client.sendall(b'x')
        assert read_all(client) == b'fixed'  # a cut would raise


def test_echo_gives_back_every_byte(listen, pair, pki):
    server = listen('tcp', '--reply', 'echo', '--bytes', '64m', *pair)
    text = bytes(range(256)) * 16384
    received = b''
    with secure_client(server, pki) as client:
        client.setblocking(False)
        sent = 0
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ | selectors.EVENT_WRITE)
            while len(received) < len(text):
                selector.select(60)
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    if sent < len(text):
                        sent += client.send(text[sent:sent + 65536])
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    received += client.recv(65536)
    assert received == text


def test_a_client_that_does_not_read_costs_little(listen, pair, pki):
    server = listen('tcp', '--reply', 'echo', '--bytes', '0', *pair)
    with secure_client(server, pki) as greedy:
        greedy.settimeout(1)
        with contextlib.suppress(TimeoutError, ssl.SSLError):
            while True:
                greedy.send(bytes(65536))
        with secure_client(server, pki) as other:
            other.sendall(b'ping')
            assert other.recv(10) == b'ping'


@pytest.mark.parametrize('workers', [1, 4])
def test_200_clients_at_once(listen, pair, pki, workers):
    server = listen('tcp', '--workers', workers, *pair)
    hello = client_hello()
    context = ssl.create_default_context(cafile=pki.ca)
    with contextlib.ExitStack() as stack:
        for _ in range(50):  # and as many that began and stay
            stack.enter_context(server.connect()).sendall(hello[:80])
        clients = []
        for _ in range(200):
            client = context.wrap_socket(server.connect(), server_hostname='localhost', do_handshake_on_connect=False)
            clients.append(stack.enter_context(client))
            client.setblocking(False)
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
        for number, client in enumerate(clients):
            client.settimeout(60)
            client.do_handshake()
            client.sendall(b'x' * (number + 1))
        for number, client in enumerate(clients):
            assert client.recv(100) == b'Message received of length : %d' % (number + 1)
        statistics = server.close()['statistics']
    assert (statistics['secured'], statistics['messages'], statistics['connections']) == (200, 200, 250)


def test_the_limit_on_clients_counts_handshakes(listen, pair, pki):
    server = listen('tcp', '--clients', 2, *pair)
    with server.connect(), server.connect(), server.connect() as third, contextlib.suppress(ConnectionResetError):
        assert third.recv(10) == b''
    until(lambda: server.rows.append(server.wait('closed')) or len(events({'elements': server.rows}, 'closed')) >= 2, 'both gone')
    with secure_client(server, pki) as client:
        client.sendall(b'x')
        assert client.recv(100) == b'Message received of length : 1'
    assert server.close()['statistics']['refused'] == 1


def test_http_in_pieces(listen, pair, pki):
    server = listen('http', *pair)
    with secure_client(server, pki) as client:
        for piece in (b'GET / HT', b'TP/1.1\r\n', b'A: b\r\n', b'\r\n'):
            client.sendall(piece)
        assert read_all(client).startswith(b'HTTP/1.1 200 OK\r\n')


def test_a_stop_in_mid_handshake(listen, pair):
    server = listen('tcp', *pair, '--tls-timeout', '1h', '--timeout', '1h')
    with server.connect() as client:
        client.sendall(client_hello()[:100])
        server.wait('connected')
        result = server.close()
    assert result['partial'] == 'interrupted' and result['statistics']['connections'] == 1  # one that is killed tells none


@pytest.mark.parametrize('args', [('udp', '--tls'), ('tcp', '--tls-key', '/dev/null'), ('tcp', '--alpn', 'x')])
def test_what_it_cannot_do(tarsier, args):
    assert tarsier('listen', *args, '--duration', '1s').returncode == 2


def test_files_that_do_not_serve(tarsier, pki, tmp_path):
    encrypted = tmp_path / 'encrypted.key'
    subprocess.run(['openssl', 'ec', '-aes128', '-passout', 'pass:x', '-in', pki.good[1], '-out', encrypted], check=True,
                   capture_output=True)
    for args, words in (((tmp_path / 'none', '--tls-key', pki.good[1]), 'No such file'), ((pki.good[0],), ''),
                        ((pki.good[0], '--tls-key', pki.client[1]), 'is not that of'),
                        ((pki.good[0], '--tls-key', encrypted), 'encrypted')):
        result = tarsier.json('listen', 'tcp', '--port', 0, '--tls-certificate', *args)
        assert not result['success'] and words in result['errors'][0], json.dumps(result)
