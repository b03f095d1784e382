"""metrics-top: the share of each process against the kernel's own figures, and every short-lived process counted."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest
from metrics_harness import Groups, until
from test_metrics_agent import running

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
TICK = os.sysconf('SC_CLK_TCK')
GENERIC = '16'  # NETLINK_GENERIC in /proc/net/netlink
PRIVATE = 'word-that-nobody-may-read'
BUSY = 'while True: pass'
HOG = 'x = bytearray(96 << 20); print("ready", flush=True); import time; time.sleep(600)'
IDLE = 'print("ready", flush=True); import time; time.sleep(600)'
WRITER = '''
import os, sys
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
while True:
    os.pwrite(file, bytes(1 << 18), 0)
    os.fsync(file)
'''
PEER = '''
import socket, sys
stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
for line in sys.stdin:
    left = int(line)
    while left:
        left -= len(stream.recv(min(left, 1 << 16)))
    print("done", flush=True)
'''


@pytest.fixture
def groups(request):
    with Groups(f'tarsier-top-{os.getpid()}-{abs(hash(request.node.name)) % 10000}') as made:
        yield made


@contextlib.contextmanager
def child(groups, path, *command):
    """A process of the group; it runs once it is in."""
    process = subprocess.Popen(['sh', '-c', 'read go; exec "$@"', 'sh', *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        groups.enter(path, process.pid)
        process.stdin.write('go\n')
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def python(code, *arguments):
    return [sys.executable, '-c', code, *map(str, arguments)]


def runs(process):
    return b'python' in pathlib.Path(f'/proc/{process.pid}/cmdline').read_bytes().split(b'\0')[0]


def cpu_seconds(pid):
    fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def written(pid):
    return int(pathlib.Path(f'/proc/{pid}/io').read_text().split('\nwrite_bytes: ')[1].split()[0])


def seconds(text):
    """Of a duration: "1.009s", "250.1ms"."""
    return float(text[:-2]) / 1000 if text.endswith('ms') else float(text[:-1])


def test_cpu(tarsier, groups):
    """What it used between the looks is less than before and after them, and the rest fits into the time around."""
    name = groups.make('web')
    with child(groups, 'web', *python(IDLE)) as idle, child(groups, 'web', *python(BUSY)) as busy:
        assert idle.stdout.readline() == 'ready\n'
        until(lambda: runs(busy), 'the program')
        began, before = time.monotonic(), cpu_seconds(busy.pid)
        found = tarsier.json('metrics', 'top', name, '--interval', '1s')
        used, elapsed = cpu_seconds(busy.pid) - before, time.monotonic() - began
        first, second = found['elements']
        tarsier.check('metrics-top', first)
        assert (first['pid'], second['pid']) == (busy.pid, idle.pid) and first['group'] == name
        assert first['user'] == 'root' and BUSY in first['command_line'] and first['executable'] == os.path.realpath(sys.executable)
        span = seconds(found['statistics']['interval'])
        told = first['cpu'] * span
        assert told <= used + 2 / TICK, (told, used)
        assert told >= used - (elapsed - span) - 2 / TICK, (told, used, elapsed, span)
        assert second['cpu'] <= 2 / TICK / span


def test_sums_a_container(tarsier, groups):
    name = groups.make('web')
    with child(groups, 'web', *python(HOG)) as one, child(groups, 'web', *python(HOG)) as other:
        assert one.stdout.readline() + other.stdout.readline() == 'ready\nready\n'
        found = tarsier.json('metrics', 'top', name, '--group', 'container', '--interval', '50ms')['elements']
        assert len(found) == 1 and found[0]['processes'] == 2 and found[0]['group'] == name and 'pid' not in found[0]
        assert found[0]['memory'] >= 2 * (96 << 20)


def test_memory(tarsier, groups):
    name = groups.make('web')
    with child(groups, 'web', *python(BUSY)), child(groups, 'web', *python(HOG)) as hog:
        assert hog.stdout.readline() == 'ready\n'
        first = tarsier.json('metrics', 'top', '--container', name, '--sort', 'memory', '--count', 1, '--interval', '50ms')['elements'][0]
        pages = int(pathlib.Path(f'/proc/{hog.pid}/statm').read_text().split()[1])
        assert first['pid'] == hog.pid and abs(first['memory'] - pages * os.sysconf('SC_PAGE_SIZE')) < 1 << 20


def test_io(tarsier, groups, tmp_path):
    name = groups.make('web')
    with child(groups, 'web', *python(BUSY)), child(groups, 'web', *python(WRITER, tmp_path / 'file')) as writer:
        until(lambda: runs(writer) and written(writer.pid) > 1 << 20, 'written bytes')
        before = written(writer.pid)
        found = tarsier.json('metrics', 'top', name, '--sort', 'io', '--interval', '1s')
        after = written(writer.pid)
        first = found['elements'][0]
        assert first['pid'] == writer.pid
        assert 0 < first['write'] * seconds(found['statistics']['interval']) <= after - before + 1


def test_network(tmp_path, groups):
    """A transfer between two looks of the agent's metrics is told to the byte."""
    name, size = groups.make('web'), 5_000_000
    with running(tmp_path) as metrics, socket.create_server(('127.0.0.1', 0)) as door:
        with child(groups, 'web', *python(PEER, door.getsockname()[1])) as peer:
            stream, _ = door.accept()
            with stream:
                assert peer.stdout.readline() == 'ready\n'
                metrics.json('/top')
                peer.stdin.write(f'{size}\n')
                peer.stdin.flush()
                stream.sendall(bytes(size))
                assert peer.stdout.readline() == 'done\n'
                found = metrics.json(f'/top?sort=network&container={name}')
        first = found['rows'][0]
        assert first['pid'] == peer.pid and first['send'] == 0
        assert abs(first['receive'] * seconds(found['interval']) - size) < 10, found


def churn(groups, path, count):
    """So many programs in the group, and one that is killed; then the shell waits: of the dead whose own group is not told
    any more (v1) it is the parent's that counts."""
    return child(groups, path, 'sh', '-c', f'i=0; while [ $i -lt {count} ]; do /bin/true; i=$((i+1)); done; '
                 'sh -c "kill -9 \\$\\$" 2>&-; echo ready; read end')


def row_of(rows, group, name):
    found = [row for row in rows if (row['group'], row['name']) == (group, name)]
    return found[0] if found else {'execs': 0}


def used_by(groups, path):
    """The group's CPU seconds by the kernel's account of it."""
    v1 = groups.file('cpuacct', path, 'cpuacct.usage')
    if v1.exists():
        return int(v1.read_text()) / 1e9
    text = next(file for d in groups.directories(path) if (file := d / 'cpu.stat').exists()).read_text()
    return int(text.split('usage_usec ')[1].split()[0]) / 1e6


def test_every_short_lived_process_of_the_agent(tmp_path, groups):
    name = groups.make('web')
    with running(tmp_path) as metrics:
        before = used_by(groups, 'web')
        with churn(groups, 'web', 200) as shell:
            assert shell.stdout.readline() == 'ready\n'
            row = until(lambda: (row := row_of(metrics.json(f'/short-lived?container={name}')['rows'], name, 'true'))['execs'] >= 200 and row,
                        '200 ends')
            used = used_by(groups, 'web') - before
        assert row['execs'] == 200 and row['forks'] == 0 and row.get('failures', 0) == 0
        cpu = seconds(row['cpu_time'])
        assert used / 10 < cpu < used, (cpu, used)  # the shell's forks are in the group's figure too
        assert row['memory_peak'] > 100 << 10
        status = metrics.json('/status')
        assert status['ended_processes'] >= 200 and status['exits_lost'] == 0
        told = metrics.tarsier('metrics', 'top', name, '--short-lived', '--json')
        found = json.loads(told.stdout)
        assert found['statistics']['from_agent'] and row_of(found['elements'], name, 'true')['execs'] == 200
        assert metrics.ask('/top?sort=nonsense')[0] == 400 and metrics.ask('/short-lived?count=0')[0] == 400
        assert metrics.ask('/top?container=nobody-has-this-name')[0] == 404


def worker_of(pid):
    return int(pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()[0])


def state_of(pid):
    return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]


def listens(pid):
    """Has a worker below the process the kernel's accounting socket, and waits?"""
    with contextlib.suppress(OSError, IndexError):
        worker = worker_of(pid)
        rows = [line.split() for line in pathlib.Path('/proc/net/netlink').read_text().splitlines()]
        return state_of(worker) == 'S' and any(row[1] == GENERIC and row[2] == str(worker) for row in rows)
    return False


def test_every_short_lived_process_of_a_run(tarsier, groups):
    """A run by itself gathers until it is stopped, and tells then."""
    name = groups.make('web')
    run = subprocess.Popen([tarsier.path, 'metrics', 'top', name, '--short-lived', '--interval', '1h', '--json'],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: listens(run.pid), 'the listener')
        with churn(groups, 'web', 200) as shell:
            assert shell.stdout.readline() == 'ready\n'
            run.send_signal(signal.SIGINT)
            text, error = run.communicate(timeout=60)
        rows = json.loads(text)['elements']
        assert row_of(rows, name, 'true')['execs'] == 200, error
        assert row_of(rows, name, 'sh')['failures'] == 1
    finally:
        run.kill()
        run.wait()


def test_without_the_ledger(tmp_path):
    with running(tmp_path, '    short_lived: false\n') as metrics:
        status, text = metrics.ask('/short-lived')
        assert status == 503 and 'short_lived' in text


def test_privacy_masks_command_lines(tmp_path, tarsier, groups):
    name = groups.make('web')
    with child(groups, 'web', *python(IDLE, PRIVATE)) as idle:
        assert idle.stdout.readline() == 'ready\n'
        own = tarsier('metrics', 'top', name, '--interval', '10ms', '--privacy', '--json')
        assert own.returncode == 0 and PRIVATE not in own.stdout and '"masked"' in own.stdout
        with running(tmp_path, privacy=True) as metrics:
            text = metrics.ask(f'/top?container={name}')[1]
            assert PRIVATE not in text and json.loads(text)['rows'][0]['command_line'] == 'masked'


def test_bad_flags(tarsier):
    for flags in (['--sort', 'nonsense'], ['--count', '0'], ['--interval', '0s'], ['--group', 'nonsense'], ['--short-lived', '--sort', 'network']):
        assert tarsier('metrics', 'top', *flags).returncode == 2, flags
    done = tarsier('metrics', 'top', 'nobody-has-this-name', '--interval', '10ms')
    assert done.returncode == 3 and 'nobody-has-this-name' in done.stderr


def test_without_rights(tarsier):
    """Everyone may look at processes; who may not hear of ends is told what is missing."""
    nobody = dict(user=65534, group=65534, extra_groups=[])
    try:
        looked = tarsier('metrics', 'top', '--interval', '10ms', '--json', **nobody)
    except PermissionError:
        pytest.skip('needs a build that everyone may run')
    assert looked.returncode == 0 and json.loads(looked.stdout)['statistics']['without_io'] > 0
    done = tarsier('metrics', 'top', '--short-lived', '--interval', '10ms', **nobody)
    assert done.returncode == 4 and 'CAP_NET_ADMIN' in done.stderr
