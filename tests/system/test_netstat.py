"""netstat against ss, in namespaces of the test's own."""
import json
import os
import re

import jsonschema
import pytest

from netspace import Space, connect, ended, until

# Sockets of every kind that netstat tells apart. Prints their ports.
SOCKETS = '''
import json, socket, sys, time
def tcp(family, address, **options):
    return socket.create_server((address, 0), family=family, **options)
def udp(family, address):
    s = socket.socket(family, socket.SOCK_DGRAM); s.bind((address, 0)); return s
v4, v6 = socket.AF_INET, socket.AF_INET6
keep = {"listen4": tcp(v4, "127.0.0.1"), "listen6": tcp(v6, "::1"), "dual": tcp(v6, "::", dualstack_ipv6=True),
        "udp4": udp(v4, "0.0.0.0"), "udp6": udp(v6, "::1"), "udpconnected": udp(v4, "127.0.0.1")}
keep["udpconnected"].connect(("127.0.0.1", keep["udp4"].getsockname()[1]))
keep["client"] = socket.create_connection(("127.0.0.1", keep["listen4"].getsockname()[1]))
keep["served"] = keep["listen4"].accept()[0]
keep["client6"] = socket.create_connection(("::1", keep["listen6"].getsockname()[1]))
keep["served6"] = keep["listen6"].accept()[0]
keep["mapped"] = socket.create_connection(("127.0.0.1", keep["dual"].getsockname()[1]))
keep["servedmapped"] = keep["dual"].accept()[0]
print(json.dumps({name: s.getsockname()[1] for name, s in keep.items()}))
time.sleep(3600)
'''


class Host:
    def __init__(self, tarsier, space, child, ports):
        self.tarsier, self.space, self.child, self.ports = tarsier, space, child, ports
        schema = json.loads(tarsier('schema', 'netstat', '--result').stdout)
        self.valid = jsonschema.Draft202012Validator(schema).validate

    def netstat(self, *args, **options):
        done = self.space.run(self.tarsier.path, 'netstat', '--json', *args, **options)
        assert done.stdout, done.stderr
        result = json.loads(done.stdout)
        for group in (result['elements'] or {}).values():
            for row in [row for found in (group or {}).values() for row in found or []]:
                self.valid(row)
        return result


@pytest.fixture(scope='module')
def host(tarsier):
    with Space() as space, Space() as other:
        connect(space, other, 'n0', 'm0', ('10.7.0.1/24', '10.7.0.2/24'), ('fd00:7::1/64', 'fd00:7::2/64'))
        child, line = space.python(SOCKETS)
        with ended(child):
            yield Host(tarsier, space, child, json.loads(line))


def rows(result, group, query):
    return result['elements'][group][query] or []


def ss_sockets(space):
    """(protocol, state, local, remote) as ss tells them, addresses without brackets, mapping and interface."""
    found = []
    states = {'ESTAB': 'ESTABLISHED', 'UNCONN': 'CLOSE', 'TIME-WAIT': 'TIME_WAIT'}
    for line in space.run('ss', '-Htanun').stdout.splitlines():
        protocol, state, _, _, local, remote = line.split()[:6]
        ends = []
        for end in (local, remote):
            address, port = end.rsplit(':', 1)
            address = re.sub(r'%.*', '', address.strip('[]')).replace('::ffff:', '')
            ends += [{'*': '::'}.get(address, address), 0 if port == '*' else int(port)]
        found.append((protocol, states.get(state, state), *ends))
    return sorted(found)


def our_sockets(host):
    found = []
    for protocol, listed in host.netstat('--all')['elements']['sockets'].items():
        for row in listed or []:
            zero = '::' if ':' in row['localaddr'] else '0.0.0.0'
            found.append((protocol, row['state'], row['localaddr'], row['localport'],
                          row.get('remoteaddr', zero), row.get('remoteport', 0)))
    return sorted(found)


def test_the_whole_list_is_what_ss_lists(host):
    ours = our_sockets(host)
    assert len(ours) == 12
    assert ours == ss_sockets(host.space)


@pytest.mark.parametrize('name, protocol', [('listen4', 'tcp'), ('listen6', 'tcp'), ('dual', 'tcp'), ('udp4', 'udp'),
                                            ('udp6', 'udp')])
def test_listening_port_and_its_owner(host, name, protocol):
    port = host.ports[name]
    result = host.netstat('--listening', port)
    (row,) = rows(result, 'listeningport', str(port))
    assert result['foundanything'] and result['success']
    assert (row['protocol'], row['localport'], row['namespace']) == (protocol, port, 'default')
    assert row['state'] == ('LISTEN' if protocol == 'tcp' else 'CLOSE')
    assert (row['pid'], row['uid']) == (host.child.pid, os.getuid())
    assert row['exe'] == os.path.realpath('/usr/bin/python3') and row['process'].startswith('python3')
    assert 'remoteaddr' not in row
    assert result['statistics']['totalhits'] == 1 and result['statistics']['examined'] >= 12


@pytest.mark.parametrize('name', ['client', 'client6', 'udpconnected'])
def test_a_connection_is_not_listening(host, name):
    """MIG's agent reports these as listening ports."""
    port = host.ports[name]
    result = host.netstat('-lp', port)
    assert not result['foundanything'] and result['success']
    assert result['elements']['listeningport'] == {str(port): None}


def test_groups_that_were_not_asked_are_null(host):
    elements = host.netstat('-lp', 1)['elements']
    assert elements == {'localmac': None, 'localip': None, 'neighbormac': None, 'neighborip': None,
                        'connectedip': None, 'listeningport': {'1': None}}


def test_nothing_asked_is_nothing_found(tarsier):
    result = tarsier.message('netstat', {})
    assert result['success'] and not result['foundanything']
    assert set(result['elements'].values()) == {None}


def test_connected_address(host):
    result = host.netstat('-ci', '127.0.0.1', '-ci', '::1/128', '-ci', '127.0.0.0/8', '-ci', '192.0.2.1')
    found = {(row['protocol'], row['localport'], row['remoteport']) for row in rows(result, 'connectedip', '127.0.0.1')}
    ports = host.ports
    assert found == {('tcp', ports['client'], ports['listen4']), ('tcp', ports['listen4'], ports['client']),
                     ('tcp', ports['mapped'], ports['dual']), ('tcp', ports['dual'], ports['mapped']),
                     ('udp', ports['udpconnected'], ports['udp4'])}
    assert len(rows(result, 'connectedip', '127.0.0.0/8')) == 5
    assert len(rows(result, 'connectedip', '::1/128')) == 2
    assert result['elements']['connectedip']['192.0.2.1'] is None
    assert result['statistics']['totalhits'] == 12


def test_everything_is_connected_to_none(host):
    """A listening socket has no other end."""
    states = {row['state'] for row in rows(host.netstat('-ci', '0.0.0.0/0'), 'connectedip', '0.0.0.0/0')}
    assert 'LISTEN' not in states and 'CLOSE' not in states


def own_mac(host):
    return json.loads(host.space.run('ip', '-j', 'link', 'show', 'n0').stdout)[0]['address']


@pytest.mark.parametrize('spell', [str.lower, str.upper])
def test_local_mac_in_any_case(host, spell):
    mac = own_mac(host)
    result = host.netstat('-lm', '^' + spell(mac) + '$')
    (row,) = rows(result, 'localmac', '^' + spell(mac) + '$')
    assert row == {'localmacaddr': mac, 'interface': 'n0', 'namespace': 'default'}
    assert len(rows(host.netstat('-lm', '.*'), 'localmac', '.*')) == 1  # loopback has none


def test_local_address(host):
    result = host.netstat('-li', '10.7.0.0/16', '-li', '10.7.0.1', '-li', 'fd00:7::/64', '-li', 'FD00:7:0::1', '-li',
                          '10.7.0.2')
    assert [row['localaddr'] for row in rows(result, 'localip', '10.7.0.0/16')] == ['10.7.0.1']
    assert [row['localaddr'] for row in rows(result, 'localip', 'fd00:7::/64')] == ['fd00:7::1']
    assert rows(result, 'localip', '10.7.0.1') and rows(result, 'localip', 'FD00:7:0::1')
    assert not rows(result, 'localip', '10.7.0.2')


@pytest.mark.parametrize('spell', [str.lower, str.upper])
def test_neighbours_of_both_families(host, spell):
    for address in ('10.7.0.2', 'fd00:7::2'):
        done = host.space.run(host.tarsier.path, 'ping', '-c', 1, address)
        assert done.returncode == 0, done.stderr
    listed = json.loads(host.space.run('ip', '-j', 'neigh').stdout)
    mac = next(entry['lladdr'] for entry in listed if entry['dst'] == '10.7.0.2')
    result = host.netstat('-ni', '10.7.0.0/24', '-ni', 'fd00:7::2', '-ni', '10.7.0.77', '-nm', spell(mac))
    assert [(row['remoteaddr'], row['remotemacaddr']) for row in rows(result, 'neighborip', '10.7.0.0/24')] == [
        ('10.7.0.2', mac)]
    assert [row['remotemacaddr'] for row in rows(result, 'neighborip', 'fd00:7::2')] == [mac]
    assert {'10.7.0.2', 'fd00:7::2'} <= {row['remoteaddr'] for row in rows(result, 'neighbormac', spell(mac))}
    assert not rows(result, 'neighborip', '10.7.0.77')


def test_an_address_nobody_has_is_no_neighbour(host):
    host.space.run(host.tarsier.path, 'ping', '-c', 1, '-t', '20ms', '10.7.0.99')
    assert '10.7.0.99' in host.space.run('ip', 'neigh').stdout
    assert host.netstat('-ni', '10.7.0.99')['elements']['neighborip'] == {'10.7.0.99': None}


def test_all_namespaces(host, tarsier):
    """Asked from outside: the socket, the address and the hardware address of another namespace."""
    port = str(host.ports['listen4'])
    inode = host.space.link()
    mac = own_mac(host)
    result = tarsier.json('netstat', '--namespaces', '-lp', port, '-li', '10.7.0.1', '-lm', mac)
    assert {row['namespace'] for row in rows(result, 'listeningport', port)} == {inode}
    assert {row['pid'] for row in rows(result, 'listeningport', port)} == {host.child.pid}
    assert [row['namespace'] for row in rows(result, 'localip', '10.7.0.1')] == [inode]
    assert [row['namespace'] for row in rows(result, 'localmac', mac)] == [inode]
    assert result['statistics']['namespaces'] >= 2
    alone = tarsier.json('netstat', '-lp', port, '-li', '10.7.0.1')
    assert not rows(alone, 'localip', '10.7.0.1')


def test_privacy(host):
    port = host.ports['listen4']
    done = host.space.run(host.tarsier.path, '-m', 'netstat', '--privacy', input=json.dumps(
        {'class': 'parameters', 'parameters': {'connectedip': ['127.0.0.1'], 'listeningport': [str(port)],
                                               'localip': ['127.0.0.1'], 'localmac': ['.']}}))
    elements = json.loads(done.stdout)['elements']
    (row,) = elements['listeningport'][str(port)]
    assert row['localaddr'] == 'masked' and row['localport'] == port
    assert all(row['remoteaddr'] == row['localaddr'] == 'masked' and row['remoteport'] in (None, 0, 'masked')
               for row in elements['connectedip']['127.0.0.1'])
    assert elements['localip']['127.0.0.1'] == [{'localaddr': 'masked', 'namespace': 'default'}]
    assert own_mac(host) not in done.stdout


@pytest.mark.parametrize('parameters, error', [
    ({'localmac': ['[']}, "Invalid MAC regexp '['. Compilation failed with 'error parsing regexp: missing closing ]: "
                          "`[`'. Must be a valid regular expression."),
    ({'neighbormac': ['(']}, "Invalid MAC regexp '('. Compilation failed with 'error parsing regexp: missing closing "
                             "): `(`'. Must be a valid regular expression."),
    ({'localip': ['10.0.0']}, 'invalid IPv{4,6} 10.0.0. Must be an IP or a CIDR.'),
    ({'connectedip': ['10.0.0.0/33']},
     'invalid IPv{4,6} CIDR 10.0.0.0/33: invalid CIDR address: 10.0.0.0/33. Must be an IP or a CIDR.'),
    ({'neighborip': ['x']}, 'invalid IPv{4,6} x. Must be an IP or a CIDR.'),
    ({'listeningport': ['ssh']}, 'ssh is not a valid port'),
    ({'listeningport': ['65536']}, 'port out of range. must be between 1 and 65535'),
    ({'listeningport': ['-1']}, 'port out of range. must be between 1 and 65535'),
])
def test_errors_are_mig_s(tarsier, parameters, error):
    result = tarsier.message('netstat', parameters)
    assert result['errors'] == [error] and not result['success'] and result['elements'] is None


def test_port_zero_is_accepted(tarsier):
    assert tarsier.message('netstat', {'listeningport': ['0']})['success']


def test_without_privileges(host):
    whoever = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
    if host.space.run(*whoever, host.tarsier.path, '--version').returncode:
        pytest.skip('needs a build that other users may execute')
    port = str(host.ports['listen4'])
    result = json.loads(host.space.run(*whoever, host.tarsier.path, 'netstat', '--json', '-lp', port).stdout)
    (row,) = rows(result, 'listeningport', port)
    assert row['localport'] == host.ports['listen4'] and 'pid' not in row
    assert result['statistics']['ownersdenied'] > 0


def test_a_shared_socket_and_one_that_is_gone(host):
    code = ('import os,socket,sys,time\n'
            's=socket.create_server(("127.0.0.1",0))\n'
            'pid=os.fork()\n'
            'if pid: print(s.getsockname()[1], pid)\n'
            'time.sleep(3600)\n')
    child, line = host.space.python(code)
    with ended(child):
        port, second = line.split()
        try:
            (row,) = rows(host.netstat('-lp', port), 'listeningport', port)
            assert row['processes'] == 2 and row['pid'] == min(child.pid, int(second))
        finally:
            os.kill(int(second), 9)
    until(lambda: not rows(host.netstat('-lp', port), 'listeningport', port), 'the socket is gone')


def test_lines(host):
    port = host.ports['listen4']
    done = host.space.run(host.tarsier.path, 'netstat', '-lp', port, '-lp', 1, '-ci', '::1')
    lines = done.stdout.splitlines()
    (found,) = [line for line in lines if line.startswith(f'found listening port {port} ')]
    assert f"for netstat listeningport:'{port}' tcp 127.0.0.1:{port} python3" in found
    assert "did not find anything for netstat listeningport:'1'" in lines
    assert any(line.startswith('found connected tuple [::1]:') for line in lines)
    assert re.fullmatch(r'Statistics: total hits 3 examined \d+ items exectime \S+', lines[-1])
    quiet = host.space.run(host.tarsier.path, 'netstat', '--results-only', '-lp', 1)
    assert quiet.stdout == ''


def test_help_shows_both_spellings(tarsier):
    text = tarsier('netstat', '--help').stdout
    assert '--listening PORT' in text and 'also -lp' in text


def test_many_questions(host):
    ports = [str(port) for port in range(1, 900)]
    text = json.dumps({'class': 'parameters', 'parameters': {'listeningport': ports + ports[:50]}})
    result = json.loads(host.space.run(host.tarsier.path, '-m', 'netstat', input=text).stdout)
    assert len(result['elements']['listeningport']) == 899
