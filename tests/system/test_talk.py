"""talk with servers of the test's own."""
import contextlib
import json
import subprocess
import sys

import pytest

from netspace import Space, connect, ended, skip_unless_possible

SERVER = '''
import json, socket, sys, time
option = json.loads(sys.argv[1])
family = socket.AF_INET6 if ":" in option["address"] else socket.AF_INET
if option.get("udp"):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((option["address"], option.get("port", 0)))
    print(s.getsockname()[1], flush=True)
    while True:
        text, peer = s.recvfrom(70000)
        for part in option.get("parts", []):
            s.sendto(part.encode("latin-1"), peer)
s = socket.create_server((option["address"], option.get("port", 0)), family=family)
print(s.getsockname()[1], flush=True)
while True:
    c, peer = s.accept()
    c.sendall(option.get("greeting", "").encode("latin-1") * option.get("times", 1))
    if option.get("read"):
        text = b""
        while not text.endswith(option["read"].encode("latin-1")):
            part = c.recv(1000)
            if not part:
                break
            text += part
        print(text.hex(), flush=True)
        c.sendall(option.get("answer", "").encode("latin-1"))
    if option.get("stay"):
        time.sleep(3600)
    c.close()
'''


@contextlib.contextmanager
def server(space=None, address='127.0.0.1', **option):
    prefix = space.prefix() if space else []
    child = subprocess.Popen([*prefix, sys.executable, '-c', SERVER, json.dumps({'address': address, **option})],
                             stdout=subprocess.PIPE, text=True)
    with ended(child):
        child.port = int(child.stdout.readline())
        yield child


def talk(tarsier, *args):
    result = tarsier.json('talk', *args)
    if result['elements']:
        tarsier.check('talk', result['elements'])
    return result


PAGE = 'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Type: text/plain\r\n\r\nfirst line\nsecond line\r\n\r\nlast'


def test_http_head_and_body_line_by_line(tarsier):
    with server(read='\r\n\r\n', answer=PAGE) as web:
        result = talk(tarsier, f'localhost:{web.port}', 'http', '--path', '/a?b=c', '--family', '4')
        request = bytes.fromhex(web.stdout.readline()).decode()
    assert request.startswith(f'GET /a?b=c HTTP/1.0\r\nHost: localhost:{web.port}\r\n') and request.endswith('\r\n\r\n')
    element = result['elements']
    assert result['foundanything'] and result['success']
    assert element['status'] == 200 and element['ended'] == 'closed'
    assert element['head'] == ['HTTP/1.1 200 OK', 'Server: x', 'Content-Type: text/plain']
    assert element['body'] == ['first line', 'second line', '', 'last']
    assert (element['sent'], element['received']) == (len(request), len(PAGE))
    assert element['connected'] == f'127.0.0.1:{web.port}'


def test_lines(tarsier):
    with server(read='\r\n\r\n', answer=PAGE) as web:
        full = tarsier('talk', f'127.0.0.1:{web.port}', 'http').stdout.splitlines()
        only = tarsier('talk', f'127.0.0.1:{web.port}', 'http', '--results-only').stdout.splitlines()
    expected = ['HTTP/1.1 200 OK', 'Server: x', 'Content-Type: text/plain', '', 'first line', 'second line', '', 'last']
    assert only == expected
    assert full[0].startswith('127.0.0.1: 127.0.0.1 connected in ') and full[1:-1] == expected
    assert full[-1].endswith('ended by closed')


def test_a_greeting_and_silence(tarsier):
    with server(greeting='220 ready\r\n', stay=True) as mail:
        element = talk(tarsier, f'127.0.0.1:{mail.port}', '--wait', '2s')['elements']
    assert element['body'] == ['220 ready'] and element['ended'] == 'silence' and element['sent'] == 0


@pytest.mark.parametrize('args, sent', [
    (['--send', r'PING\r\n'], b'PING\r\n'),
    (['--hex', '000aff0d0a'], b'\x00\x0a\xff\r\n'),
    (['--send', r'a\\\t\x41', '--hex', '0D0A'], b'a\\\tA\r\n'),
])
def test_what_is_sent(tarsier, args, sent):
    with server(read='\r\n', answer='+PONG\r\n') as store:
        element = talk(tarsier, f'127.0.0.1:{store.port}', *args)['elements']
        assert bytes.fromhex(store.stdout.readline()) == sent
    assert element['body'] == ['+PONG'] and element['sent'] == len(sent)


def test_the_limit_on_bytes(tarsier):
    with server(greeting='x' * 1000, times=1000) as flood:
        element = talk(tarsier, f'127.0.0.1:{flood.port}', '--bytes', 5000)['elements']
    assert element['received'] == 5000 and element['ended'] == 'limit' and len(element['body'][0]) == 5000


def test_bytes_that_are_no_text(tarsier):
    with server(greeting='a\0b\xff\x1b[2J\n') as odd:
        element = talk(tarsier, f'127.0.0.1:{odd.port}')['elements']
        lines = tarsier('talk', f'127.0.0.1:{odd.port}', '--results-only').stdout
    assert element['binary'] and element['body'][0].startswith('a\ufffdb')
    assert '\x1b' not in lines and '\0' not in lines


def test_nothing_but_line_ends(tarsier):
    with server(greeting='\n' * 1000, times=1000) as empty:
        result = tarsier.json('talk', f'127.0.0.1:{empty.port}', '--bytes', '1m')  # too long for a validator
    assert result['success'] and len(result['elements']['body']) == 1000000


def test_nobody_there(tarsier):
    with server() as gone:
        pass
    result = talk(tarsier, f'127.0.0.1:{gone.port}')
    assert not result['success'] and not result['foundanything']
    assert result['errors'] == ['127.0.0.1: none of 1 addresses answered']
    assert result['elements']['addresses'] == [
        {'address': '127.0.0.1', 'state': 'failed', 'failure': 'Connection refused'}]


def test_ipv6(tarsier):
    with server(address='::1', greeting='six\n') as six:
        element = talk(tarsier, f'[::1]:{six.port}')['elements']
    assert element['body'] == ['six'] and element['connected'] == f'[::1]:{six.port}'


def test_udp(tarsier):
    with server(udp=True, parts=['one\n', 'two\n']) as two:
        element = talk(tarsier, f'127.0.0.1:{two.port}', 'udp', '--send', 'x', '--wait', '1s')['elements']
    assert element['body'] == ['one', 'two'] and element['protocol'] == 'udp'
    with server(udp=True) as mute:
        result = talk(tarsier, f'127.0.0.1:{mute.port}', 'udp', '--timeout', '50ms')
    assert not result['success'] and result['elements']['addresses'][0]['failure'] == 'Connection timed out'
    result = talk(tarsier, f'127.0.0.1:{mute.port}', 'udp')
    assert result['elements']['addresses'][0]['failure'] == (
        'destination unreachable (type 3 code 3) from 127.0.0.1')


def test_a_quote_of_the_day(tarsier):
    with Space() as space, server(space, udp=True, port=17, parts=['To be, or not to be\r\n']):
        done = space.run(tarsier.path, 'talk', '127.0.0.1', 'qotd', '--wait', '100ms', '--results-only')
    assert done.stdout == 'To be, or not to be\n'


# ---- names with several addresses ----

def with_hosts(space, hosts, tmp_path, *command):
    skip_unless_possible()
    (tmp_path / 'etc').mkdir()
    (tmp_path / 'etc' / 'hosts').write_text(hosts)
    (tmp_path / 'etc' / 'nsswitch.conf').write_text('hosts: files\n')
    script = f'mount -t overlay overlay -o lowerdir={tmp_path}/etc:/etc /etc || exit 77\nexec "$@"\n'
    done = space.run('unshare', '-m', 'sh', '-c', script, 'sh', *command)
    if done.returncode == 77:
        pytest.skip('needs overlayfs')
    return json.loads(done.stdout)


def test_the_next_address_when_one_refuses(tarsier, tmp_path, mount_namespace):
    with Space() as space, server(space, address='127.0.0.3', greeting='third\n') as third:
        result = with_hosts(space, '127.0.0.2 many.test\n127.0.0.3 many.test\n127.0.0.4 many.test\n', tmp_path,
                            tarsier.path, 'talk', '--json', f'many.test:{third.port}')
    rows = {row['address']: row for row in result['elements']['addresses']}
    assert set(rows) == {'127.0.0.2', '127.0.0.3', '127.0.0.4'}
    assert rows['127.0.0.3']['state'] == 'connected' and rows['127.0.0.2']['failure'] == 'Connection refused'
    assert result['elements']['body'] == ['third'] and result['success']


def test_the_next_address_while_one_is_silent(tarsier, tmp_path, mount_namespace):
    with Space() as space, Space() as other:
        connect(space, other, 'k0', 'l0', ('10.6.0.1/24', '10.6.0.2/24'))
        with server(other, address='10.6.0.2', greeting='here\n') as here:
            result = with_hosts(space, '10.6.0.99 two.test\n10.6.0.2 two.test\n', tmp_path, tarsier.path, 'talk',
                                '--json', f'two.test:{here.port}')
    assert result['elements']['body'] == ['here'] and result['elements']['connected'].startswith('10.6.0.2:')
    assert {row['address'] for row in result['elements']['addresses']} == {'10.6.0.99', '10.6.0.2'}


@pytest.mark.parametrize('args', [
    ('127.0.0.1',), ('127.0.0.1:0',), ('127.0.0.1:70000',), (':80',), ('[::1:80',), ('127.0.0.1:80', 'gopher'),
    ('127.0.0.1:80', '--send', r'\q'), ('127.0.0.1:80', '--hex', 'abc'), ('127.0.0.1:80', 'http', '--path', '/a b'),
    ('127.0.0.1:80', '--bytes', '2m'), (),
])
def test_what_it_cannot_do(tarsier, args):
    assert tarsier('talk', *args).returncode == 2


def test_a_name_that_does_not_resolve(tarsier):
    result = talk(tarsier, 'nowhere.invalid:80')
    assert not result['success'] and result['errors'][0].startswith('nowhere.invalid: ')


def test_privacy(tarsier):
    with server(greeting='secret\n') as one:
        result = tarsier.message('talk', {'target': f'127.0.0.1:{one.port}'}, '--privacy')
    assert 'secret' not in json.dumps(result) and '127.0.0.1' not in json.dumps(result['elements'])
