"""A stop ends every standard module of ours soon, with a complete result; so do a limit of memory and one of time.

The times are printed for the reader; the only verdict on them is five seconds, where a tenth is meant. That a run which
does not listen is killed after 80 ms is proven with a scripted clock by the unit test of executions."""
import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import pytest
from ports import bound, free_port

DEADLINE = 60.0  # of one wait: a limit for a broken build, never a verdict
ENOUGH = 5.0  # seconds: meant are 0.1, on a box that is not loaded
MIDDLE = 20  # ticks of CPU after which a long run is in the middle of its work

# How long each runs: ENDLESS goes on until it is told to stop; LONG takes seconds on most machines; SHORT may be over before
# the stop comes, so it gets it together with its parameters.
# A STREAM is endless too, but a stop is its proper end.
ENDLESS, LONG, SHORT, STREAM = 'endless', 'long', 'short', 'stream'
NOTHING = 'no file has these words in it, or so it is hoped'
RULES = 'rule nothing { strings: $a = "%s" condition: $a }' % NOTHING
MODULES = {
    'agentstop': (SHORT, {'prepare': True, 'pid': 1 << 22, 'reason': 'a test'}),
    'alerts-acknowledge': (SHORT, {'ids': [1]}),
    'alerts-counts': (SHORT, {}),
    'alerts-list': (SHORT, {}),
    'alerts-mute': (SHORT, {'rule': 'x', 'for': '1s'}),
    'alerts-mutes': (SHORT, {}),
    'alerts-reopen': (SHORT, {'ids': [1]}),
    'alerts-unmute': (SHORT, {'id': 1}),
    'disk': (LONG, {'fill': '/'}),
    'elf': (LONG, {'files': ['/usr'], 'recursive': True, 'symbols': True}),
    'events': (STREAM, {'follow': True, 'store': '/tmp'}),
    'example': (SHORT, {'gethostname': True}),
    'file': (LONG, {'searches': {'s': {'paths': ['/'], 'contents': [NOTHING]}}}),
    'host': (SHORT, {}),
    'kill': (SHORT, {'pid': 1}),
    'listen': (ENDLESS, {'kind': 'tcp', 'port': 0, 'workers': 4}),
    'lsm': (SHORT, {}),
    'mem': (ENDLESS, {'watch': True, 'interval': '10ms'}),
    'memory': (LONG, {'searches': {'s': {'names': ['.'], 'contents': [NOTHING], 'bytes': ['00112233445566778899']}}}),
    'metrics-client': (STREAM, {'what': 'events', 'stream': True, 'url': 'http://127.0.0.1:8080'}),
    'metrics-feed': (STREAM, {'interval': '100ms'}),
    'metrics-query': (SHORT, {'query': 'cpu'}),
    'metrics-top': (SHORT, {}),
    'netstat': (SHORT, {'all': True}),
    'ping': (ENDLESS, {'destination': '127.0.0.1', 'protocol': 'tcp', 'count': 1000, 'interval': '1s'}),
    'pkg': (SHORT, {'pkgmatch': {'matches': ['.']}}),
    'ps': (SHORT, {}),
    'report': (SHORT, {}),
    'scribe': (LONG, {'scribedoc': {
        'variables': [], 'objects': [{'object': 'everything', 'filecontent': {
            'path': '/', 'file': '.*', 'expression': NOTHING}}],
        'tests': [{'test': 'nothing', 'object': 'everything', 'regexp': {'value': NOTHING}}]}}),
    'sockstat': (SHORT, {}),
    'sshkey': (LONG, {'paths': ['/']}),
    'stat': (SHORT, {'files': ['/', '/etc/passwd']}),
    'talk': (ENDLESS, {'target': '127.0.0.1', 'timeout': '10m', 'wait': '10m'}),
    'timedrift': (ENDLESS, {'drift': '1s', 'servers': ['127.0.0.1'], 'timeout': '30s'}),
    'tree': (SHORT, {}),
    'yara': (LONG, {'yara': RULES, 'paths': ['/']}),
}
TIMES = {}


@pytest.fixture(scope='module')
def silent():
    """A server that takes what comes and never answers, over TCP and UDP on one port."""
    port = free_port()
    with bound(port) as (stream, _):
        stream.listen()
        yield port


def parameters_of(name, port):
    _, parameters = MODULES[name]
    return parameters | {'metrics-client': {'url': f'http://127.0.0.1:{port}'}, 'ping': {'destinationport': port}, 'talk': {'target': f'127.0.0.1:{port}'},
                         'timedrift': {'servers': [f'127.0.0.1:{port}']}}.get(name, {})


def works(pid, ticks):
    """Has the worker locked itself (then it reads its parameters), and used so much of a CPU?"""
    with contextlib.suppress(OSError):
        fields = pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()
        return '\nSeccomp:\t2\n' in pathlib.Path(f'/proc/{pid}/status').read_text() and \
            int(fields[11]) + int(fields[12]) >= ticks  # utime and stime, proc(5)
    return False


def wait_for_work(parent, ticks):
    """Or until the run is over."""
    end = time.monotonic() + DEADLINE
    while parent.poll() is None:
        with contextlib.suppress(OSError):
            children = pathlib.Path(f'/proc/{parent.pid}/task/{parent.pid}/children').read_text().split()
            if any(works(child, ticks) for child in children):
                return
        assert time.monotonic() < end, 'no worker ever worked'


def stopped(tarsier, name, parameters, kind, at_once=False):
    """The result, and the time from the stop to the end."""
    message = json.dumps({'class': 'parameters', 'parameters': parameters}).encode() + b'\n'
    at_once |= kind == SHORT
    stop = b'{"class":"stop"}\n'
    parent = subprocess.Popen([tarsier.path, '-m', name], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        parent.stdin.write(message + stop if at_once else message)
        parent.stdin.flush()
        if not at_once:
            wait_for_work(parent, MIDDLE if kind == LONG else 0)
        began = time.monotonic()
        with contextlib.suppress(BrokenPipeError):
            if not at_once:
                parent.stdin.write(stop)
            parent.stdin.flush()
        text = parent.stdout.read()
        assert parent.wait(timeout=DEADLINE) == 0
        return json.loads(text), time.monotonic() - began
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            parent.stdin.close()


def test_the_table_has_every_module(tarsier):
    listed = json.loads(tarsier('modules', '--json').stdout)
    assert set(MODULES) == {module['name'] for module in listed
                            if module['kind'] == 'standard' and not module['foreign']}


@pytest.mark.parametrize('name', MODULES)
def test_a_stop_ends_it(tarsier, silent, name):
    kind, _ = MODULES[name]
    result, took = stopped(tarsier, name, parameters_of(name, silent), kind)
    TIMES[name] = took, any('with what there was' in error for error in result['errors'] or [])
    assert {'foundanything', 'success', 'elements', 'statistics', 'errors'} <= set(result)
    if kind == ENDLESS:
        assert result['partial'] == 'stopped' and not result['success'], result['errors']
    elif kind == STREAM:
        assert result['success'] and 'partial' not in result, result['errors']
    elif kind == LONG:
        assert result.get('partial') == 'stopped' or result['success'], result['errors']
    else:
        assert result.get('partial') == 'stopped' or result['success'] or result['errors']
    assert took < ENOUGH


@pytest.mark.parametrize('name', [name for name, (kind, _) in MODULES.items() if kind in (STREAM, ENDLESS)])
def test_a_stop_that_comes_with_the_parameters(tarsier, silent, name):
    """It has been read before the module waits for anything."""
    kind, _ = MODULES[name]
    result, _ = stopped(tarsier, name, parameters_of(name, silent), kind, at_once=True)
    assert not any('with what there was' in error for error in result['errors'] or [])
    assert result['success'] == (kind == STREAM) and ('partial' in result) == (kind == ENDLESS)


def test_the_times(capsys):
    if not TIMES:
        pytest.skip('needs the tests before it')
    with capsys.disabled():
        took = sorted(time for time, _ in TIMES.values())
        killed = ', '.join(name for name, (_, killed) in TIMES.items() if killed) or 'none'
        slowest = max(TIMES, key=lambda name: TIMES[name][0])
        print(f'\nstop to end of {len(took)} modules: median {statistics.median(took) * 1000:.1f} ms, '
              f'at most {took[-1] * 1000:.1f} ms ({slowest}); killed: {killed}')


@pytest.mark.parametrize('args', [('file', '--path', '/usr', '--content', NOTHING), ('elf', '--recursive', '/usr/bin'),
                                  ('ps',), ('pkg', '--name', '.')], ids=lambda args: args[0])
@pytest.mark.parametrize('limit', ['64k', '1m', '2m'])
def test_too_little_memory_is_one_result(tarsier, args, limit):
    """It fails or says that it is partial, or it did with that much; it never goes without an envelope."""
    done = tarsier(*args, '--json', '--max-memory', limit, '--max-time', '5s')
    result = json.loads(done.stdout)
    assert done.returncode not in (1, 2) and done.returncode >= 0
    assert (done.returncode == 0) == (result['success'] and 'partial' not in result)
    if done.returncode:
        assert result['errors']


def test_a_foreign_program_without_memory(tarsier):
    directory = tempfile.mkdtemp(prefix='tarsier-modules-')
    try:
        os.chmod(directory, 0o755)
        program = pathlib.Path(directory) / 'glutton'
        program.write_text('#!/usr/bin/python3\nimport sys\nif "--describe" in sys.argv:\n'
                           '    print(\'{"name":"glutton","summary":"eat","shape":"list"}\')\n'
                           '    sys.exit()\nbytearray(1 << 30)\n')
        program.chmod(0o755)
        if os.geteuid() != 0 or not os.access('/usr/bin/python3', os.X_OK):
            pytest.skip('needs root, which foreign programs must belong to, and python3')
        result = tarsier.json('glutton', '--max-memory', '64m', env={**os.environ, 'TARSIER_MODULES_DIR': directory})
        assert not result['success'] and result['errors'] and not result['elements']
    finally:
        shutil.rmtree(directory)


def test_out_of_time_keeps_the_rows(tarsier):
    done = tarsier('mem', '--watch', '--interval', '10ms', '--max-time', '2s', '--json')
    result = json.loads(done.stdout)
    assert done.returncode == 7 and result['partial'] == 'out of time' and not result['success']
    assert result['elements'] and result['foundanything']
    for row in result['elements'][:2]:
        tarsier.check('mem', row)
