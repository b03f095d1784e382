"""listen: its answers, its rows, its limits. Everything on loopback, on ports that the kernel chose."""
import contextlib
import json
import signal
import socket
import subprocess
import urllib.request

import pytest

from netspace import ended, until


class Listener:
    """`tarsier listen …` until close(); its rows are read as they come."""

    def __init__(self, tarsier, *args):
        self.tarsier = tarsier
        self.child = subprocess.Popen([tarsier.path, 'listen', *map(str, args), '--port', '0', '--format', 'ndjson'],
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.rows = []
        ready = self.wait('listening')
        self.host, self.port = ready['address'], ready['port']

    def wait(self, event):
        """The next row of that kind."""
        while True:
            line = self.child.stdout.readline()
            assert line, (event, self.rows)
            self.rows.append(json.loads(line))
            if self.rows[-1]['event'] == event:
                return self.rows[-1]

    def connect(self):
        return socket.create_connection(('127.0.0.1', self.port), timeout=30)

    def close(self):
        """Stops it and returns the result."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
        return self.result()

    def result(self):
        self.rows += map(json.loads, self.child.stdout)
        for row in self.rows:
            if row['event'] in ('listening', 'closed'):
                self.tarsier.check('listen', row)
        talk = dict(line.rstrip('\n').split(': ', 1) for line in self.child.stderr)
        return {'elements': self.rows, 'partial': talk.get('partial'), 'statistics': json.loads(talk['statistics']),
                'success': self.child.wait() == 0}


@pytest.fixture
def listen(tarsier):
    with contextlib.ExitStack() as stack:
        def start(*args):
            listener = Listener(tarsier, *args)
            stack.enter_context(ended(listener.child))
            stack.callback(listener.child.stderr.close)
            return listener
        yield start


def read_all(connection):
    text = b''
    while part := connection.recv(65536):
        text += part
    return text


def events(result, what):
    return [row for row in result['elements'] if row['event'] == what]


def test_tcp_answers_with_the_length(listen):
    server = listen('tcp')
    with server.connect() as client:
        client.sendall(b'hello')
        assert client.recv(100) == b'Message received of length : 5'
        client.sendall(b'x' * 1000)
        assert client.recv(100) == b'Message received of length : 1000'
        own = client.getsockname()[1]
        client.shutdown(socket.SHUT_WR)
        assert client.recv(100) == b''
    server.wait('closed')
    result = server.close()
    assert result['partial'] == 'interrupted'
    assert [row['event'] for row in result['elements']] == ['listening', 'connected', 'received', 'received', 'closed']
    first = events(result, 'received')[0]
    assert (first['address'], first['port'], first['bytes'], first['text']) == ('127.0.0.1', own, 5, 'hello')
    assert events(result, 'closed')[0]['bytes'] == 1005
    assert (result['statistics']['messages'], result['statistics']['bytes']) == (2, 1005)


def test_echo_gives_back_every_byte(listen):
    server = listen('tcp', '--reply', 'echo', '--bytes', '64m')
    text = bytes(range(256)) * 16384
    with server.connect() as client:
        sent = 0
        received = b''
        client.setblocking(False)
        while len(received) < len(text):
            with contextlib.suppress(BlockingIOError):
                if sent < len(text):
                    sent += client.send(text[sent:sent + 65536])
            with contextlib.suppress(BlockingIOError):
                received += client.recv(65536)
        assert received == text


def test_a_client_that_does_not_read_costs_little(listen):
    server = listen('tcp', '--reply', 'echo', '--bytes', '0')
    with server.connect() as greedy:
        greedy.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                greedy.send(bytes(65536))
        with server.connect() as other:  # the others are served all the same
            other.sendall(b'ping')
            assert other.recv(10) == b'ping'


def test_fixed_text(listen):
    server = listen('tcp', '--reply', 'text', '--text', 'Server on the socket')
    with server.connect() as client:
        client.sendall(b'GET / HTTP/1.0\r\n\r\n')
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b'Server on the socket'


def test_many_clients_at_once(listen):
    server = listen('tcp', '--workers', 4, '--delay', '50ms')
    clients = [server.connect() for _ in range(100)]
    for number, client in enumerate(clients):
        client.sendall(b'x' * (number + 1))
    for number, client in enumerate(clients):
        assert client.recv(100) == b'Message received of length : %d' % (number + 1)
        client.close()
    result = server.close()
    assert result['statistics']['messages'] == 100 and result['statistics']['connections'] == 100
    assert len(result['statistics']['byworker']) == 4 and sum(result['statistics']['byworker']) == 100


def test_http(listen):
    server = listen('http', '--text', 'Aum gam ganapataye')
    with urllib.request.urlopen(f'http://127.0.0.1:{server.port}/any', timeout=30) as answer:
        assert answer.status == 200 and answer.read() == b'Aum gam ganapataye'
    with server.connect() as client:
        client.sendall(b'HEAD / HTTP/1.1\r\nHost: x\r\n\r\n')
        client.shutdown(socket.SHUT_WR)
        head = read_all(client)
    assert head.startswith(b'HTTP/1.1 200 OK\r\n') and head.endswith(b'\r\n\r\n') and b'Content-Length: 18' in head


def test_http_in_pieces_and_too_large(listen):
    server = listen('http')
    with server.connect() as client:
        for piece in (b'GET / HT', b'TP/1.1\r\n', b'A: b\r\n', b'\r\n'):
            client.sendall(piece)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).startswith(b'HTTP/1.1 200 OK\r\n')
    with server.connect() as client:
        with contextlib.suppress(OSError):
            client.sendall(b'GET /' + b'x' * 200000)
        with contextlib.suppress(OSError):
            assert read_all(client) == b''
    assert server.close()['statistics']['limited'] == 1


@pytest.mark.parametrize('kind, first', [('http', b'GET / HT'), ('tcp', b''), ('http', b'')])
def test_a_slow_client_is_cut(listen, kind, first):
    server = listen(kind, '--timeout', '100ms')
    with server.connect() as client:
        if first:
            client.sendall(first)
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b''


def test_limits_on_clients_and_bytes(listen):
    server = listen('tcp', '--clients', 2, '--bytes', 100)
    with server.connect() as one, server.connect() as two:
        for client in (one, two):
            client.sendall(b'x')
            assert client.recv(100) == b'Message received of length : 1'
        with server.connect() as third, contextlib.suppress(ConnectionResetError):
            assert third.recv(100) == b''
        with contextlib.suppress(OSError):
            one.sendall(b'x' * 1000)
            assert one.recv(100) == b''
        two.sendall(b'still there')
        assert two.recv(100) == b'Message received of length : 11'
    statistics = server.close()['statistics']
    assert statistics['refused'] == 1 and statistics['limited'] == 1


def datagram(port, text, wait=True):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(30)
        client.connect(('127.0.0.1', port))
        client.send(text)
        return client.getsockname()[1], client.recv(2000) if wait else None


def test_udp_logs_the_sender(listen):
    server = listen('udp')
    own, _ = datagram(server.port, b'A quote, please\n', wait=False)
    server.wait('received')
    (row,) = events(server.close(), 'received')
    assert (row['port'], row['text'], row['bytes']) == (own, 'A quote, please', 16)


@pytest.mark.parametrize('delay', ['0s', '10ms'])
def test_udp_answers_on_several_sockets(listen, delay):
    server = listen('udp', '--workers', 3, '--reply', 'echo', '--delay', delay)
    for number in range(30):
        assert datagram(server.port, b'n%d' % number)[1] == b'n%d' % number
    statistics = server.close()['statistics']
    assert statistics['messages'] == 30 and statistics['replies'] == 30
    assert len(statistics['byworker']) == 3 and sum(statistics['byworker']) == 30


def test_contents_cannot_move_the_cursor(listen):
    server = listen('udp')
    datagram(server.port, b'\x1b[2J\xff\r\nnext', wait=False)
    assert server.wait('received')['text'] == '.[2J...next'


def test_ends_by_count_and_by_time(tarsier, listen):
    server = listen('udp', '--count', 3)
    for _ in range(3):
        datagram(server.port, b'x', wait=False)
    result = server.result()
    assert result['success'] and not result['partial'] and len(events(result, 'received')) == 3
    result = tarsier.json('listen', 'tcp', '--port', 0, '--duration', '20ms')
    assert result['success'] and not result['foundanything'] and 'partial' not in result


def test_rows_are_bounded(listen):
    server = listen('udp', '--rows', 5, '--count', 20)
    for _ in range(20):
        datagram(server.port, b'x', wait=False)
    result = server.result()
    assert len(events(result, 'received')) == 5 and result['statistics']['rowsleftout'] == 15


def test_ipv6(listen):
    server = listen('tcp', '--address', '::1')
    assert server.host == '::1'
    with socket.create_connection(('::1', server.port), timeout=30) as client:
        client.sendall(b'six')
        assert client.recv(100) == b'Message received of length : 3'


def test_a_port_that_is_taken(tarsier):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        result = tarsier.json('listen', 'tcp', '--port', taken.getsockname()[1])
    assert not result['success'] and 'in use' in result['errors'][0]


@pytest.mark.parametrize('args', [('tcp', '--address', 'localhost'), ('sctp',), (), ('tcp', '--workers', '99')])
def test_what_it_cannot_do(tarsier, args):
    assert tarsier('listen', *args, '--duration', '1s').returncode == 2


def test_other_results_do_not_hold_it(listen):
    """A stop is heeded while clients are connected and answers are due."""
    server = listen('tcp', '--delay', '1h')
    with server.connect() as client:
        client.sendall(b'x')
        server.wait('received')
        server.child.send_signal(signal.SIGINT)
        until(lambda: server.child.poll() is not None, 'the end')
