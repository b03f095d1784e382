"""tarsier metrics feed: a picture of the host against /proc and the groups' own files, what changes between two, and those
who follow it over HTTP: several, slow ones, killed ones."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading

import pytest
from agent_harness import TARSIER, Agent, Local, wait_for
from metrics_harness import PATIENCE, Groups, until
from test_metrics_agent import MetricsAgent

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.access(TARSIER, os.X_OK), reason='needs root, build/tarsier')
KEYS = {'container': 'name', 'network': 'name', 'disk': 'name', 'filesystem': 'mountpoint'}


class Face:
    """Keeps the rows as a page would: what is told replaces or removes."""

    def __init__(self):
        self.rows = {kind: {} for kind in (*KEYS, 'process', 'host')}
        self.ticks, self.told = [], {}
        self.now = {}

    def take(self, kind, record):
        if kind == 'tick':
            self.ticks.append(record)
            self.told, self.now = self.now, {}
            return True
        self.now.setdefault(kind, []).append(record)
        if kind == 'gone':
            assert set(self.now) == {'gone'}, 'what went is told first'
            if record.get('all'):
                self.__init__()
            for kind in KEYS:
                for name in record.get(kind + 's', []):
                    self.rows[kind].pop(name, None)
            for key in record.get('processes', []):
                self.rows['process'].pop((key['pid'], key['start']), None)
        elif kind == 'process':
            self.rows[kind][record['pid'], record['start']] = record
        else:
            self.rows[kind][record[KEYS[kind]] if kind in KEYS else ''] = record
        return False

    def process(self, pid):
        return next((row for (number, _), row in self.rows['process'].items() if number == pid), None)


class Feed(Face):
    """A run; picture() waits for the next."""

    def __init__(self, tarsier, *flags):
        super().__init__()
        self.process_ = subprocess.Popen([tarsier.path, 'metrics', 'feed', '--json', *flags], stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process_.send_signal(signal.SIGINT)
        self.process_.stdout.read()
        self.process_.stdout.close()
        assert self.process_.wait(PATIENCE) == 0

    def picture(self):
        for line in self.process_.stdout:
            (kind, record), = json.loads(line).items()
            if self.take(kind, record):
                return self
        raise AssertionError('the feed ended')

    def until(self, condition, what):
        for _ in range(200):
            if condition(self.picture()):
                return self
        raise AssertionError(f'200 pictures without {what}')


@pytest.fixture
def groups(request):
    with Groups(f'tarsier-feed-{os.getpid()}-{abs(hash(request.node.name)) % 10000}') as made:
        yield made


@contextlib.contextmanager
def children(*commands):
    made = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for command in commands]
    try:
        yield [child.pid for child in made]
    finally:
        for child in made:
            child.kill()
            child.wait()


SLEEP = ['sleep', '1000000']
BUSY = ['/usr/bin/python3', '-c', 'while True: pass']


def stat_of(pid):
    return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()


def test_every_row_is_of_its_table(tarsier):
    with Feed(tarsier, '--count', '1') as feed:
        feed.picture()
        for kind, records in feed.told.items():
            for record in records[:5]:
                tarsier.check('metrics-feed', {kind: record})
        tarsier.check('metrics-feed', {'tick': feed.ticks[0]})
        assert set(feed.told) >= {'host', 'container', 'process', 'network', 'filesystem'}


def test_the_machine(tarsier):
    with Feed(tarsier, '--parts', 'host', '--parts', 'network', '--parts', 'disks', '--interval', '200ms') as feed:
        feed.picture()
        host = feed.rows['host']['']
        memory = {line.split(':')[0]: int(line.split()[1]) * 1024 for line in open('/proc/meminfo')}
        assert host['memory_total'] == memory['MemTotal'] and host['swap_total'] == memory['SwapTotal']
        assert abs(host['memory_available'] - memory['MemAvailable']) < memory['MemTotal'] / 4
        assert host['hostname'] == socket.gethostname() and host['kernel'] == os.uname().release
        assert host['cpus'] == len(host['cores']) == os.sysconf('SC_NPROCESSORS_ONLN')
        assert 0 <= host['cpu'] <= host['cpus'] and all(0 <= core <= 1 for core in host['cores'])
        assert abs(host['cpu'] - host['cpu_user'] - host['cpu_system']) < 0.01
        assert abs(host['uptime'] / 1e9 - float(open('/proc/uptime').read().split()[0])) < 30
        devices = [line.split(':')[0].strip() for line in open('/proc/net/dev').readlines()[2:]]
        assert sorted(feed.rows['network']) == sorted(devices)
        assert '127.0.0.1/8' in feed.rows['network']['lo']['addresses'] and feed.rows['network']['lo']['state'] == 'up'
        if os.path.ismount('/') and any(line.split()[4] == '/' for line in open('/proc/self/mountinfo')):  # not in a chroot
            root, usage = feed.rows['filesystem']['/'], os.statvfs('/')
            assert root['size'] == usage.f_blocks * usage.f_frsize
            assert abs(root['used'] - (usage.f_blocks - usage.f_bfree) * usage.f_frsize) < 1 << 30
        for name, disk in feed.rows['disk'].items():
            assert disk['size'] == int(open(f'/sys/block/{name.replace("/", "!")}/size').read()) * 512
        assert feed.ticks[0]['memory_used'] == host['memory_total'] - host['memory_available']
        assert 'containers' not in feed.ticks[0] and not feed.rows['process']


def test_processes(tarsier, groups):
    path = groups.make('web')
    with children(SLEEP, BUSY) as (idle, busy), Feed(tarsier, '--interval', '500ms') as feed:
        for pid in (idle, busy):
            groups.enter('web', pid)
        feed.until(lambda f: f.process(busy) and f.process(busy).get('group') == path and f.process(busy)['state'] == 'R',
                   'the group of a process that moved, and that it runs')
        row = feed.process(busy)
        fields = stat_of(busy)
        assert (row['ppid'], row['state'], row['nice']) == (os.getpid(), 'R', int(fields[16]))
        assert row['user'] == 'root' and row['uid'] == 0 and row['threads'] == 1 and 'kernel' not in row
        assert row['command_line'] == ' '.join(BUSY) and row['name'] == 'python3'
        assert row['executable'] == os.readlink(f'/proc/{busy}/exe')
        before, ticks = row['cpu_time'], len(feed.ticks)
        feed.until(lambda f: f.process(busy)['cpu_time'] > before, 'CPU time')
        span = sum(tick['interval'] for tick in feed.ticks[ticks:])
        used = feed.process(busy)['cpu_time'] - before
        if len(feed.ticks) == ticks + 1:
            assert abs(feed.process(busy)['cpu'] - used / span) < 0.001
        assert abs(feed.process(idle)['memory'] - int(stat_of(idle)[21]) * os.sysconf('SC_PAGESIZE')) < 1 << 20
        kernel = feed.process(2)
        assert kernel is None or (kernel['kernel'] and 'executable' not in kernel and 'command_line' not in kernel)
        feed.until(lambda f: not any(r['pid'] == idle for r in f.told.get('process', [])), 'a picture without the idle process')
        assert feed.process(idle)['cpu'] == 0
        assert any(r['pid'] == busy for r in feed.told['process'])


def test_a_program_that_is_executed_and_ends(tarsier):
    with Feed(tarsier, '--parts', 'processes', '--interval', '100ms') as feed:
        child = subprocess.Popen(['sh', '-c', 'read x; exec sleep 1000000'], stdin=subprocess.PIPE)
        try:
            feed.until(lambda f: f.process(child.pid) and f.process(child.pid)['name'] == 'sh', 'the shell')
            child.stdin.write(b'\n')
            child.stdin.close()
            # a process that is seen while it executes has its name before its arguments
            feed.until(lambda f: f.process(child.pid)['name'] == 'sleep' and f.process(child.pid).get('command_line'), 'the program')
            assert feed.process(child.pid)['command_line'] == 'sleep 1000000'
        finally:
            child.kill()
            child.wait()
        feed.until(lambda f: not f.process(child.pid), 'its end')
        assert any(key['pid'] == child.pid for key in feed.told['gone'][0]['processes'])


def test_containers(tarsier, groups):
    with Feed(tarsier, '--parts', 'containers', '--interval', '200ms') as feed:
        feed.picture()
        path = groups.make('web')
        limits = {('memory', 'memory.limit_in_bytes'): str(64 << 20), ('pids', 'pids.max'): '33',
                  ('cpu', 'cpu.cfs_quota_us'): '50000'}
        set_limits = {name for (controller, name), text in limits.items()
                      if (file := groups.file(controller, 'web', name)).exists() and file.write_text(text)}
        with children(SLEEP, BUSY) as pids:
            for pid in pids:
                groups.enter('web', pid)
            # a process enters one hierarchy after the other
            feed.until(lambda f: f.rows['container'].get(path, {}).get('cpu', 0) > 0 and
                       f.rows['container'][path].get('processes') == 2, 'CPU time of the group, and both processes')
            row = feed.rows['container'][path]
            assert row['kind'] == 'group' and 'engine' not in row
            usage = groups.file('memory', 'web', 'memory.usage_in_bytes')
            if usage.exists():
                assert abs(row['memory_usage'] - int(usage.read_text())) < 8 << 20
            assert row['memory'] <= row['memory_usage']
            if 'cpu.cfs_quota_us' in set_limits:  # limits are read each half minute, and with the first sample
                assert row.get('cpu_limit', 0.5) == 0.5 and row.get('memory_limit', 64 << 20) == 64 << 20
            busy = groups.file('cpuacct', 'web', 'cpuacct.usage')
            if busy.exists():
                before, ticks, total = int(busy.read_text()), len(feed.ticks), 0
                for _ in range(5):
                    row = feed.picture().rows['container'][path]
                    total += row['cpu'] * feed.ticks[-1]['interval']
                used = int(busy.read_text()) - before
                span = sum(tick['interval'] for tick in feed.ticks[ticks:])
                # the pictures' span and ours differ by what passed between reading a file and a picture
                assert total <= span * os.cpu_count() and (used == 0 or total > 0)
        feed.until(lambda f: f.rows['container'][path]['cpu'] == 0, 'rest')
        feed.until(lambda f: not any(r['name'] == path for r in f.told.get('container', [])), 'a picture without it')
        groups.remove('web')
        feed.until(lambda f: path not in f.rows['container'], 'its end')
        assert path in feed.told['gone'][0]['containers']
        groups.make('web')  # the same name once more
        feed.until(lambda f: path in f.rows['container'], 'its return')


TRAFFIC = """import os, socket, time
door = socket.create_server(('127.0.0.1', 0))
if os.fork() == 0:
    sender = socket.create_connection(door.getsockname())
    while True:
        sender.sendall(b'x' * 100000)
        time.sleep(0.02)
receiver, _ = door.accept()
while receiver.recv(1 << 20):
    pass
"""


def test_who_sends_and_who_receives(tarsier):
    with children(['/usr/bin/python3', '-c', TRAFFIC]) as (receiver,), \
            Feed(tarsier, '--parts', 'processes', '--interval', '500ms') as feed:
        feed.until(lambda f: f.process(receiver) and f.process(receiver).get('receive', 0) > 1000, 'bytes that came')
        sender = next(row for row in feed.rows['process'].values() if row['ppid'] == receiver)
        until(lambda: feed.picture().process(sender['pid']).get('send', 0) > 1000, 'bytes that went')
        assert feed.process(receiver)['send'] == 0 and feed.process(sender['pid'])['receive'] == 0
        os.kill(sender['pid'], signal.SIGKILL)
        feed.until(lambda f: not f.process(receiver) or not f.process(receiver).get('receive'), 'silence')


def test_everything_each_time(tarsier):
    with Feed(tarsier, '--parts', 'containers', '--full', '--interval', '100ms') as feed:
        for _ in range(3):
            feed.picture()
            assert len(feed.told['container']) == feed.ticks[-1]['containers'] == len(feed.rows['container'])
        assert [tick['sequence'] for tick in feed.ticks] == [1, 2, 3]


def test_it_ends_by_itself_and_says_so_to_people(tarsier):
    done = tarsier('metrics', 'feed', '--count', '2', '--interval', '100ms')
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 2
    assert all('cpu' in line and 'memory' in line and 'containers' in line and 'processes' in line for line in lines)
    assert tarsier('metrics', 'feed', '--interval', '1ms').returncode == 2


def test_private_fields(tarsier):
    result = tarsier.message('metrics-feed', {'count': 1, 'parts': ['processes']}, '--privacy')
    told = [element['process'] for element in result['elements'] if 'process' in element]
    assert told and {row['command_line'] for row in told if 'command_line' in row} == {'masked'}


# ---- in the agent ----

class Follower(Face):
    """One who follows over HTTP."""

    def __init__(self, metrics, parameters):
        super().__init__()
        self.connection = Local(metrics.socket)
        self.connection.request('GET', '/v1/modules/metrics/feed?' + parameters)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.getheader('content-type').startswith('text/event-stream')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def picture(self):
        kind = None
        for line in iter(self.answer.readline, b''):
            name, _, text = line.decode().rstrip('\n').partition(': ')
            if name == 'event':
                kind = text
            elif name == 'data' and self.take(kind, json.loads(text)):
                return self
        raise AssertionError('the stream ended')


@pytest.fixture
def metrics(tmp_path):
    with Agent(tmp_path / 'state', 'modules:\n  api: {listen: {http: 127.0.0.1:0}}\n  metrics: {}\n') as agent:
        yield MetricsAgent(agent).up()


def test_followers_share_the_looks(metrics, groups):
    path = groups.make('web')
    with children(BUSY) as (busy,), Follower(metrics, 'interval=500ms') as one:
        groups.enter('web', busy)
        one.picture()
        assert len(one.rows['process']) == one.ticks[0]['processes']
        assert metrics.json('/status')['feed_followers'] == 1
        with Follower(metrics, 'interval=500ms&parts=containers,processes') as two:
            for _ in range(4):
                two.picture()
                one.picture()  # who does not read is passed over
            while one.ticks[-1]['time'] < two.ticks[-1]['time']:
                one.picture()
            assert {tick['time'] for tick in two.ticks[1:]} <= {tick['time'] for tick in one.ticks}, 'looked twice'
            assert not two.rows['host'] and not two.rows['network']
            until(lambda: one.picture().rows['container'].get(path, {}).get('cpu', 0) > 0, 'CPU time of the group')
            assert one.process(busy)['group'] == path
        with Follower(metrics, 'interval=500ms&parts=host&count=2') as three:
            three.picture()
            three.picture()
            assert three.answer.read() == b'\n'
    wait_for(lambda: metrics.json('/status')['feed_followers'] == 0, 'nobody follows')


def test_what_is_wrong_is_refused(metrics):
    for parameters in ('interval=1ms', 'interval=499ms', 'interval=x', 'parts=host,cpu', 'count=-1'):
        status, text = metrics.ask('/feed?' + parameters)
        assert status == 400 and json.loads(text)['error']['code'] == 'invalid', parameters
    with contextlib.ExitStack() as stack:
        for _ in range(32):
            stack.enter_context(Follower(metrics, 'interval=1h&parts=host'))
        status, text = metrics.ask('/feed')
        assert status == 503, text


def test_a_killed_follower_costs_nothing(metrics):
    child = subprocess.Popen(['curl', '-sN', '--unix-socket', metrics.socket, 'http://x/v1/modules/metrics/feed?interval=500ms'],
                             stdout=subprocess.PIPE)
    try:
        while b'event: tick' not in child.stdout.readline():
            pass
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    wait_for(lambda: metrics.json('/status')['feed_followers'] == 0, 'the end of the killed one is seen')
    looks = metrics.json('/status')['feed_looks']
    with Follower(metrics, 'interval=1h&parts=host&count=1') as last:  # two looks, and a moment in between
        last.picture()
    assert metrics.json('/status')['feed_looks'] <= looks + 2, 'somebody looked for nobody'


def memory_of(pid):
    return int(next(line for line in open(f'/proc/{pid}/status') if line.startswith('VmRSS')).split()[1])


def test_a_slow_follower_gets_the_newest(metrics):
    with children(*[SLEEP] * 300) as pids, Follower(metrics, 'interval=500ms&parts=processes') as fast, \
            Follower(metrics, 'interval=500ms&parts=processes&full=true') as slow:
        slow.picture()
        passed = metrics.json('/status')['feed_passed_over']
        memory = memory_of(metrics.worker())
        with children(SLEEP) as (ended,):
            until(lambda: fast.picture().process(ended), 'the process that will end')
        until(lambda: metrics.json('/status')['feed_passed_over'] > passed + 3 and fast.picture(), 'pictures passed over')
        assert memory_of(metrics.worker()) < memory + 8192, 'what is not read gathers'
        with children(SLEEP) as (fresh,):
            until(lambda: fast.picture().process(fresh), 'the new process')
            until(lambda: slow.picture().process(fresh), 'the new process, by the slow one')
            ours = {*pids, fresh}
            assert {pid for pid, _ in slow.rows['process'] if pid in ours} == ours
            assert not slow.process(ended)
        assert len(slow.ticks) < len(fast.ticks)
        assert [tick['sequence'] for tick in slow.ticks] == list(range(1, len(slow.ticks) + 1))


def test_private_fields_in_the_agent(tmp_path):
    config = 'privacy: true\nmodules:\n  api: {listen: {http: 127.0.0.1:0}}\n  metrics: {}\n'
    with Agent(tmp_path / 'state', config) as agent, \
            Follower(MetricsAgent(agent).up(), 'parts=processes&count=1') as follower:
        rows = follower.picture().rows['process'].values()
        assert {row['command_line'] for row in rows if 'command_line' in row} == {'masked'}


def test_the_agent_stops_while_somebody_follows(tmp_path):
    with Agent(tmp_path / 'state', 'modules:\n  api: {listen: {http: 127.0.0.1:0}}\n  metrics: {}\n') as agent, \
            Follower(MetricsAgent(agent).up(), 'interval=1h') as follower:
        follower.picture()

        def read():
            with contextlib.suppress(http.client.IncompleteRead):
                follower.answer.read()
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        assert agent.stop() == 0
        reader.join(PATIENCE)
        assert not reader.is_alive(), 'the stream does not end'
