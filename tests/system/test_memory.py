"""memory: children that hold known bytes at known addresses. Root, or a kernel that lets a parent read its children."""
import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

BLOCK = 256 << 10
# A child maps what it is told to, says the address and waits for its standard input to end.
CHILD = r'''
import ctypes, mmap, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
def area(size):
    return libc.mmap(None, size, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, -1, 0)  # MAP_NORESERVE: small hosts
def put(address, *parts):  # in parts, so that the whole stands nowhere but there
    for part in parts:
        ctypes.memmove(address, part, len(part))
        address += len(part)
%s
print(base, flush=True)
sys.stdin.read()
'''


@contextlib.contextmanager
def child(body, *args):
    with subprocess.Popen([sys.executable, '-c', CHILD % body, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            yield process.pid, int(process.stdout.readline())
        finally:
            process.stdin.close()


def rows(result, label='s1'):
    return [row for row in result['elements'][label] if row['process']['pid']]


@pytest.fixture(scope='module', autouse=True)
def readable(tarsier):
    with child('base = area(4096); put(base, b"probe-", b"probe")') as (pid, _):
        try:
            with open(f'/proc/{pid}/mem', 'rb'):
                pass
        except OSError:
            pytest.skip('needs the right to read the memory of a child')
        if not rows(tarsier.json('memory', '--pid', pid, '--content', 'probe-probe')):
            pytest.skip('needs a worker that may read the memory of a child')


def test_contents_and_bytes(tarsier):
    with child('base = area(4096); put(base + 100, b"needle", b"-", b"1234")') as (pid, base):
        result = tarsier.json('memory', '--content', 'needle-[0-9]+', '--bytes', b'needle-1234'.hex(), '--addresses',
                              '--pid', pid)
        (row,) = rows(result)
        assert row['process'] == {'name': os.path.realpath(f'/proc/{pid}/exe'), 'pid': pid}
        assert {match['check']: match['address'] for match in row['matches']} == {
            'needle-[0-9]+': hex(base + 100), b'needle-1234'.hex(): hex(base + 100)}
        assert result['statistics']['totalhits'] == 1 and result['foundanything'] is True
        tarsier.check('memory', row)
        assert tarsier.json('memory', '--content', 'needle-[0-9]+', '--pid', pid)['elements']['s1'][0].get('matches') is None


def test_all_processes(tarsier):
    word = os.urandom(8).hex()  # other runs of this test hold other words
    with child('base = area(4096); put(base, b"unlikely", b"-", sys.argv[1].encode())', word) as (pid, _):
        # not on a command line, which others that look at processes would read and hold then
        search = {'names': ['python'], 'contents': ['unlikely-' + word], 'options': {'matchall': True}}
        result = tarsier.message('memory', {'searches': {'s1': search}})
        assert {row['process']['pid'] for row in rows(result)} - {os.getpid()} == {pid}  # this test holds the text too
        assert result['statistics']['memoryread'] > 0


@pytest.mark.parametrize('at', [BLOCK - 3, BLOCK - 4000, 2 * BLOCK - 1, 3 * BLOCK - 4095])
def test_a_match_across_blocks(tarsier, at):
    """Whatever lies across the border of two blocks is found, up to 4096 bytes long."""
    body = f'base = area({4 * BLOCK}); ctypes.memset(base, 1, {4 * BLOCK}); put(base + {at}, b"<be", b"gin>", b"x" * 4080, b"<en", b"d>")'
    with child(body) as (pid, base):
        (row,) = rows(tarsier.json('memory', '--content', '<begin>x+<end>', '--addresses', '--pid', pid))
        assert row['matches'][0]['address'] == hex(base + at)


def test_a_long_byte_string_across_blocks(tarsier):
    body = f'base = area({2 * BLOCK}); ctypes.memset(base, 1, {2 * BLOCK}); put(base + {BLOCK - 9000}, *[bytes([65 + i // 1000]) * 1000 for i in range(0, 20000, 1000)])'
    wanted = b''.join(bytes([65 + i]) * 1000 for i in range(20)).hex()
    with child(body) as (pid, base):
        result = tarsier.message('memory', {'pids': [pid], 'searches': {
            's1': {'bytes': [wanted], 'options': {'matchall': True, 'addresses': True}}}})
        assert rows(result)[0]['matches'][0]['address'] == hex(base + BLOCK - 9000)


def test_guard_pages_and_memory_without_a_file_behind_it(tarsier, tmp_path):
    """A mapping with an unreadable page, and a mapped file that was cut: the rest is searched, the loss is counted."""
    path = tmp_path / 'cut'
    path.write_bytes(b'\0' * 65536)
    body = '''
import os
fd = os.open(sys.argv[1], os.O_RDWR)
libc.mmap(None, 65536, 1, mmap.MAP_SHARED, fd, 0)
os.ftruncate(fd, 4096)
base = area(5 * 4096)
put(base, b"fir", b"st-part")
put(base + 4 * 4096, b"last", b"-part")
libc.mprotect(base + 2 * 4096, 4096, 0)
'''
    with child(body, str(path)) as (pid, base):
        result = tarsier.json('memory', '--content', 'first-part', '--content', 'last-part', '--content', 'not-there', '--matchany',
                              '--addresses', '--logfailures', '--pid', pid)
        found = {row['search']['contents'][0]: row['matches'][0]['address'] for row in rows(result)}
        assert found == {'first-part': hex(base), 'last-part': hex(base + 4 * 4096)}
        statistics = result['statistics']
        assert statistics['unreadable'] >= 15 * 4096
        assert any(str(path) in failure for failure in statistics['failures'])
        assert result['success'] is True
        quiet = tarsier.json('memory', '--content', 'not-there', '--pid', pid)['statistics']
        assert 'failures' not in quiet and quiet['failurecount'] == statistics['failurecount']


def test_memory_that_was_never_touched_stays_so(tarsier):
    """A large reservation costs neither time nor memory, here or there."""
    with child('base = area(8 << 30); put(base + (7 << 30), b"far", b"-away")') as (pid, base):
        def resident():
            with open(f'/proc/{pid}/statm') as file:
                return int(file.read().split()[1])
        before = resident()
        result = tarsier.json('memory', '--content', 'far-away', '--addresses', '--pid', pid)
        assert rows(result)[0]['matches'][0]['address'] == hex(base + (7 << 30))
        assert result['statistics']['memoryread'] < 1 << 30
        assert resident() - before < 1024


def test_offset_and_maxlength(tarsier):
    with child(f'base = area({2 * BLOCK}); ctypes.memset(base, 1, {2 * BLOCK}); put(base + {BLOCK}, b"mid", b"dle")') as (pid, base):
        def found(offset, length):
            return bool(rows(tarsier.json('memory', '-content', 'middle', '-offset', offset, '-maxlength', length, '-pid', pid)))
        assert found(base, 0) and found(base + BLOCK, 6) and found(base, BLOCK + 6)
        assert not found(base + BLOCK + 1, BLOCK - 1) and not found(base, BLOCK + 5) and not found(base + BLOCK, 5)


def test_names_and_libraries(tarsier):
    with child('base = 1') as (pid, _):
        assert rows(tarsier.json('memory', '-lib', r'/libc\.so', '-name', 'python', '-pid', pid))
        assert not rows(tarsier.json('memory', '-lib', r'/libc\.so', '-name', 'nosuch', '-pid', pid))
        assert not rows(tarsier.json('memory', '-lib', 'nosuch', '-pid', pid))
        result = tarsier.json('memory', '-lib', r'/libc\.so', '-name', 'python', '-pid', pid)
        assert result['statistics']['memoryread'] == 0  # nothing to decide there
        lines = tarsier('memory', '--matchany', '-lib', r'/libc\.so', '-name', 'nosuch', '-pid', pid).stdout.splitlines()
        assert any(line.endswith(f"[pid:{pid}] in search 's1' on checks library='/libc\\.so'") for line in lines)
        assert "0 match found in search 's1' on checks name='nosuch'" in lines


def test_nothing_found(tarsier):
    """MIG's row for a search without a match: an empty process, and nothing was found."""
    result = tarsier.message('memory', {'searches': {'none': {'names': ['nosuchprogram'], 'options': {'matchall': True}}}})
    assert result['foundanything'] is False and result['success'] is True
    assert result['elements'] == {'none': [{'process': {'name': '', 'pid': 0}, 'search': {
        'names': ['nosuchprogram'], 'options': {'matchall': True}}}]}


def test_not_itself(tarsier):
    """The worker and its parent hold every pattern; they are not the answer."""
    word = 'only-in-this-command-line-' + str(os.getpid())
    mine = {os.getpid()}
    result = tarsier.message('memory', {'searches': {'s1': {'contents': [word], 'names': ['tarsier']}}})
    assert not [row for row in rows(result) if row['process']['pid'] not in mine and 'contents' in row['search']]


def test_processes_that_end_meanwhile(tarsier):
    """Short-lived processes all the time: none of them is an error."""
    spawner = subprocess.Popen(['sh', '-c', 'while :; do /bin/true; done'])
    try:
        for _ in range(5):
            result = tarsier.json('memory', '--name', '/true$', '--content', 'nothing like this')
            assert result['success'] is True
    finally:
        spawner.kill()
        spawner.wait()


def test_contents_are_never_told(tarsier):
    with child('base = area(4096); put(base, b"secret-", b"word-", b"42")') as (pid, _):
        done = tarsier('memory', '--json', '--addresses', '--pid', pid, '--content', 'secret-[a-z]+')
        assert rows(json.loads(done.stdout)) and 'secret-word' not in done.stdout + done.stderr


def test_stops_at_once(tarsier):
    with child('''
base = area(1 << 30)
for at in range(0, 1 << 30, 1 << 20):
    ctypes.memset(base + at, 97, 1 << 20)
''') as (pid, _):
        process = subprocess.Popen([tarsier.path, 'memory', '--json', '--pid', str(pid)] + [
            word for i in range(40) for word in ('--content', f'[a-z]+[0-9]{{{i + 1}}}q')], stdout=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            with open(f'/proc/{process.pid}/task/{process.pid}/children') as file:
                if file.read().strip():
                    break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        result = json.loads(out)
        assert result.get('partial') or result['success'] is False


# The eleven cases of MIG's own test of parameters.
@pytest.mark.parametrize('valid, searches', [
    (True, {'s1': {'names': ['foo'], 'libraries': ['bar'], 'bytes': ['abcd']}}),
    (False, {'*&^!*@&#^*!': {'names': ['foo']}}),
    (False, {'': {'names': ['foo']}}),
    (False, {'s1': {'names': ['[']}}),
    (False, {'a' * 94: {'names': ['foo']}}),
    (True, {'s1': {'libraries': ['^[a-z]{10,50}$']}}),
    (False, {'s1': {'libraries': ['[']}}),
    (True, {'s1': {'bytes': ['dead', 'beef']}}),
    (False, {'s1': {'bytes': ['zzzzzzzz']}}),
    (True, {'s1': {'contents': ['^(.+)[a-zA-Z0-9]{10.50}$']}}),
    (False, {'s1': {'contents': ['^$', '[']}}),
    (False, {'s1': {'contents': ['']}}),
    (False, {'s1': {'bytes': ['']}}),
])
def test_parameters(tarsier, valid, searches):
    result = tarsier.message('memory', {'searches': searches, 'pids': [1 << 22]})
    assert result['success'] is valid
    assert valid or len(result['errors']) == 1
