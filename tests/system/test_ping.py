"""ping across a router, in namespaces of the test's own: client 10.0.1.2 - 10.0.1.1 router 10.0.2.1 - 10.0.2.2 server."""
import json
import signal
import subprocess

import pytest

from netspace import Space, connect, ended, until

TIMED_OUT, REFUSED, FAILED = 9999999, -1, 0

UDP_SERVER = '''
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.0.2.2", 0))
print(s.getsockname()[1])
while True:
    text, peer = s.recvfrom(2000)
    print(len(text))
    if sys.argv[1] == "echo":
        s.sendto(text, peer)
'''
TCP_SERVER = '''
import socket
s = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
print(s.getsockname()[1])
while True:
    s.accept()[0].close()
'''


class Network:
    def __init__(self, tarsier, client, router, server):
        self.tarsier, self.client, self.router, self.server = tarsier, client, router, server

    def ping(self, *args):
        done = self.client.run(self.tarsier.path, 'ping', '--json', '-i', '5ms', *args)
        assert done.stdout, done.stderr
        result = json.loads(done.stdout)
        if result['elements']:
            self.tarsier.check('ping', result['elements'])
        return result

    def ping_a_route(self, address, *args):
        """One ping that a router's route refuses. Five times it tells at once, then once a second (ip_error in net/ipv4/route.c)."""
        def told():
            result = self.ping(address, *args, '-c', 1, '-t', '1s')
            return result['elements']['latencies'] != [TIMED_OUT] and result
        return until(told, f'the router to tell about {address}')


@pytest.fixture(scope='module')
def network(tarsier):
    with Space() as client, Space() as router, Space() as server:
        connect(client, router, 'c0', 'r0', ('10.0.1.2/24', '10.0.1.1/24'), ('fd00:1::2/64', 'fd00:1::1/64'))
        connect(router, server, 'r1', 's0', ('10.0.2.1/24', '10.0.2.2/24'), ('fd00:2::1/64', 'fd00:2::2/64'))
        client.ip('route add default via 10.0.1.1')
        client.ip('-6 route add default via fd00:1::1')
        server.ip('route add default via 10.0.2.1')
        server.ip('-6 route add default via fd00:2::1')
        router.sysctl('net/ipv4/ip_forward', 1)
        router.sysctl('net/ipv4/icmp_ratelimit', 0)
        router.sysctl('net/ipv6/conf/all/forwarding', 1)
        router.sysctl('net/ipv6/icmp/ratelimit', 0)
        router.ip('route add unreachable 10.9.1.0/24')
        router.ip('route add prohibit 10.9.2.0/24')
        router.ip('route add blackhole 10.9.3.0/24')
        router.ip('-6 route add unreachable fd00:91::/64')
        router.ip('-6 route add blackhole fd00:93::/64')
        yield Network(tarsier, client, router, server)


@pytest.fixture(params=['raw', 'unprivileged socket'])
def icmp(request, network):
    """Both kinds of ICMP socket: the range decides which one the program gets."""
    network.client.sysctl('net/ipv4/ping_group_range', '1 0' if request.param == 'raw' else '0 2147483647')
    return network


@pytest.mark.parametrize('address', ['10.0.2.2', 'fd00:2::2', '10.0.1.2', '::1'])
def test_icmp_answers(icmp, address):
    result = icmp.ping(address, '-c', 3)
    element = result['elements']
    assert result['foundanything'] and result['success'] and result['errors'] is None
    assert len(element['latencies']) == 3 and all(0 < latency < 9999999 for latency in element['latencies'])
    assert element['protocol'] == 'icmp' and element['resolvedhost'] == f'{address} ({address})'
    assert element['failures'] is None
    assert (element['sent'], element['received'], element['loss']) == (3, 3, 0)
    assert element['minimum'] <= element['mean'] <= element['maximum']
    if address in ('10.0.2.2', 'fd00:2::2'):
        assert element['ttl'] == 63  # one router between us


@pytest.mark.parametrize('address, text', [
    ('10.9.1.1', 'destination unreachable (type 3 code 1) from 10.0.1.1'),
    ('10.9.2.1', 'destination unreachable (type 3 code 13) from 10.0.1.1'),
    ('fd00:91::1', 'destination unreachable (type 1 code 0) from fd00:1::1'),
])
def test_an_unexpected_answer_names_type_and_sender(icmp, address, text):
    result = icmp.ping_a_route(address)
    assert not result['foundanything'] and result['success']
    assert result['elements']['latencies'] == [FAILED]
    assert result['elements']['failures'] == [f'ping #1 failed with error: {text}']


def test_a_router_without_a_route(network):
    result = network.ping_a_route('10.8.0.1')
    assert result['elements']['failures'] == [
        'ping #1 failed with error: destination unreachable (type 3 code 0) from 10.0.1.1']


@pytest.mark.parametrize('address, text', [
    ('10.0.2.2', 'time exceeded (type 11 code 0) from 10.0.1.1'),
    ('fd00:2::2', 'time exceeded (type 3 code 0) from fd00:1::1'),
])
def test_hop_limit(icmp, address, text):
    result = icmp.ping(address, '-c', 1, '--ttl', 1)
    assert result['elements']['failures'] == [f'ping #1 failed with error: {text}']


@pytest.mark.parametrize('address', ['10.9.3.1', 'fd00:93::1'])
def test_silence_is_a_timeout(icmp, address):
    result = icmp.ping(address, '-c', 2, '-t', '50ms')
    # the router's blackhole for IPv6 answers on some kernels; on all of them nothing is found
    assert not result['foundanything'] and result['success']
    if ':' not in address:
        assert result['elements']['latencies'] == [TIMED_OUT, TIMED_OUT]
        assert result['elements']['failures'] is None


@pytest.mark.parametrize('size', [1, 1400, 4000])
def test_sizes(icmp, size):
    assert icmp.ping('10.0.2.2', '-c', 1, '--size', size)['elements']['received'] == 1


def test_one_run_never_takes_anothers_answers(icmp):
    """Raw sockets hear every reply of the host."""
    alive = [icmp.client.start(icmp.tarsier.path, 'ping', '--json', '-i', '1ms', '-c', '50', '10.0.2.2',
                               stdout=subprocess.PIPE, text=True) for _ in range(3)]
    dead = icmp.ping('10.9.3.1', '-c', 3, '-t', '100ms')
    assert dead['elements']['latencies'] == [TIMED_OUT] * 3
    for child in alive:
        with ended(child):
            assert json.loads(child.stdout.read())['elements']['received'] == 50


@pytest.mark.parametrize('address', ['10.0.2.2', 'fd00:2::2'])
def test_tcp(network, address):
    child, port = network.server.python(TCP_SERVER)
    with ended(child):
        result = network.ping('-d', address, '-p', 'tcp', '-dp', port, '-c', 2, '-t', 5)
        assert result['foundanything'] and result['elements']['received'] == 2
        assert result['elements']['resolvedhost'] == f'{address}:{port} ({address})'
    # nobody listens there any more: MIG's agent crashed here
    result = network.ping('-d', address, '-p', 'tcp', '-dp', port, '-c', 2)
    assert result['success'] and not result['foundanything']
    assert result['elements']['latencies'] == [REFUSED, REFUSED] and result['elements']['failures'] is None


def test_tcp_that_is_dropped_or_unreachable(network):
    result = network.ping('10.9.3.1', '-p', 'tcp', '--port', 80, '-c', 1, '-t', '50ms')
    assert result['success'] and result['elements']['latencies'] == [TIMED_OUT]
    result = network.ping_a_route('10.9.1.1', '-p', 'tcp', '--port', 80)
    assert result['elements']['failures'] == [
        'ping #1 failed with error: destination unreachable (type 3 code 1) from 10.0.1.1']


def test_udp(network):
    child, port = network.server.python(UDP_SERVER, 'echo')
    with ended(child):
        result = network.ping('10.0.2.2', '-p', 'udp', '--port', port, '-c', 2)
        assert result['foundanything'] and result['elements']['received'] == 2
        assert child.stdout.readline() == '15\n'  # Ping!Ping!Ping!
    result = network.ping('10.0.2.2', '-p', 'udp', '--port', port, '-c', 2)
    assert not result['foundanything'] and result['elements']['latencies'] == [REFUSED, REFUSED]


def test_udp_without_an_answer_may_be_open(network):
    child, port = network.server.python(UDP_SERVER, 'mute')
    with ended(child):
        result = network.ping('10.0.2.2', '-p', 'udp', '--port', port, '-c', 1, '-t', '50ms')
        assert result['foundanything'] and result['elements']['latencies'] == [TIMED_OUT]
        done = network.client.run(network.tarsier.path, 'ping', '10.0.2.2', '-p', 'udp', '--port', port, '-c', 1,
                                  '-t', '50ms')
        assert done.stdout.startswith('ping #1 may have succeeded (no udp response)\n')


def test_no_route_of_ones_own(tarsier):
    with Space() as alone:
        done = alone.run(tarsier.path, 'ping', '--json', '-c', 1, '192.0.2.1')
        assert json.loads(done.stdout)['elements']['failures'] == [
            'ping #1 failed with error: connect: Network is unreachable']


def test_many_hosts(network):
    dead = [f'10.9.3.{i}' for i in range(1, 40)]
    result = network.ping(*dead[:20], '10.0.2.2', *dead[20:], 'fd00:2::2', '-c', 2, '-t', '2s')
    assert result['foundanything'] and result['statistics']['hosts'] == 41 and result['statistics']['reachable'] == 2
    others = {other['address']: other for other in result['elements']['others']}
    assert others['10.0.2.2']['received'] == 2 and others['fd00:2::2']['received'] == 2
    assert others['10.9.3.39']['latencies'] == [TIMED_OUT, TIMED_OUT]


def test_more_hosts_than_it_takes(tarsier):
    assert tarsier('ping', *['127.0.0.1'] * 70).returncode == 2


def test_without_any_right(network):
    whoever = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    if network.client.run(*whoever, network.tarsier.path, '--version').returncode:
        pytest.skip('needs a build that other users may execute')
    command = [*whoever, network.tarsier.path, 'ping', '--json', '-c', 1, '10.0.2.2']
    network.client.sysctl('net/ipv4/ping_group_range', '1 0')
    result = json.loads(network.client.run(*command).stdout)
    assert not result['success'] and 'ping_group_range' in result['errors'][0]
    network.client.sysctl('net/ipv4/ping_group_range', '0 2147483647')
    assert json.loads(network.client.run(*command).stdout)['elements']['received'] == 1


def test_a_stop_returns_what_there_is(network):
    server, port = network.server.python(UDP_SERVER, 'echo')
    with ended(server):
        child = network.client.start(network.tarsier.path, 'ping', '--json', '-c', '10000', '-i', '1ms', '-p', 'udp',
                                     '--port', port, '10.0.2.2', stdout=subprocess.PIPE, text=True)
        with ended(child):
            for _ in range(5):
                server.stdout.readline()
            child.send_signal(signal.SIGINT)
            result = json.loads(child.stdout.read())
    assert result['partial'] and 4 <= result['elements']['received'] < 10000
    network.tarsier.check('ping', result['elements'])


@pytest.mark.parametrize('parameters, error', [
    ({'destination': '127.0.0.1', 'protocol': 'sctp'}, 'sctp is not a supported ping protocol'),
    ({'destination': '127.0.0.1', 'protocol': ''}, ' is not a supported ping protocol'),
    ({'destination': '127.0.0.1', 'protocol': 'tcp', 'destinationport': 65536},
     'tcp ping requires a valid destination port between 0 and 65535, got 65536'),
    ({'destination': '127.0.0.1', 'protocol': 'udp', 'destinationport': -1},
     'udp ping requires a valid destination port between 0 and 65535, got -1'),
    ({'destination': '256.0.0.1.', 'protocol': 'icmp'}, 'destination IP is invalid: 256.0.0.1.'),
])
def test_errors_are_mig_s(tarsier, parameters, error):
    result = tarsier.message('ping', parameters)
    assert result == {'foundanything': False, 'success': False, 'elements': None, 'statistics': None,
                      'errors': [error]}


def test_count_and_timeout_of_zero_are_the_defaults(tarsier):
    result = tarsier.message('ping', {'destination': '127.0.0.1', 'protocol': 'udp', 'destinationport': 9, 'count': 0,
                                      'timeout': 0})
    assert len(result['elements']['latencies']) == 3


def test_lines(tarsier):
    lines = tarsier('ping', '127.0.0.1', '-c', '1', '-p', 'tcp', '--port', '1').stdout.splitlines()
    assert lines == ['ping #1 failed, target was unreachable', '127.0.0.1:1 (127.0.0.1): 1 sent, 0 received, 100% loss']


def test_the_line_of_an_answer(network):
    done = network.client.run(network.tarsier.path, 'ping', '10.0.2.2', '-c', '1', '--results-only')
    assert done.stdout.startswith('Ping 10.0.2.2 (10.0.2.2): ') and done.stdout.endswith('ms\n')
    assert done.stdout.count('\n') == 1
