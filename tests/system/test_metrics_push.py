"""Samples pushed to storage drivers: InfluxDB (a receiver of the test's own that takes nothing but proper lines, and Debian's
influxd), StatsD and stdout."""
import base64
import calendar
import contextlib
import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest
from agent_harness import Agent
from metrics_harness import Groups, Metrics, until
from ports import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')

KEY = r'(?:[^\\,= \n]|\\[,= ]|\\(?=[^,= \n]))+'
LINE = re.compile(rf'({KEY})((?:,{KEY}={KEY})*) value=(\d+)i (\d{{19}})')
TAG = re.compile(rf',({KEY})=({KEY})')


@pytest.fixture
def groups(request):
    with Groups(f'tarsier-test-{os.getpid()}-{abs(hash(request.node.name)) % 10000}') as made:
        yield made


class Receiver:
    """InfluxDB's POST /write: keeps each point, and each complaint about what is not the line protocol."""

    def __init__(self):
        self.port = free_port()
        self.points, self.complaints, self.requests, self.targets, self.authorizations = {}, [], [], set(), set()
        self.status = 204
        self.server = None
        self.lock = threading.Lock()

    def open(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length']))
                status = receiver.status  # once: what is answered is what was done
                receiver.take(self.path, self.headers['Authorization'], body, status)
                self.send_response(status)
                self.send_header('Content-Length', '0')
                self.end_headers()

        http.server.ThreadingHTTPServer.allow_reuse_address = True
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', self.port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.thread.join()
        self.server = None

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_):
        self.close()

    def take(self, *request):
        with self.lock:
            self.take_(*request)

    def take_(self, target, authorization, body, status):
        self.targets.add(target)
        self.authorizations.add(authorization)
        self.requests.append(status)
        if status != 204:
            return
        if not body.endswith(b'\n'):
            self.complaints.append('the last line has no end')
        for line in body.decode().splitlines():
            match = LINE.fullmatch(line)
            if not match:
                self.complaints.append(line)
                continue
            tags = TAG.findall(match[2])
            key = (match[1], tuple(sorted(tags)), int(match[4]))
            if key in self.points or len(dict(tags)) != len(tags):
                self.complaints.append('twice: ' + line)
            self.points[key] = int(match[3])

    def of(self, container, measurement):
        """{time: value}"""
        with self.lock:
            points = list(self.points.items())
        return {stamp: value for (name, tags, stamp), value in points if name == measurement and ('container_name', container) in tags}


def push(driver, port, *more):
    return ['--storage_driver', driver, '--storage_driver_host', f'127.0.0.1:{port}', '--storage_driver_buffer_duration', '200ms',
            '--housekeeping_interval', '100ms', '--allow_dynamic_housekeeping=false', '--cpu_budget=0', *more]


def nanoseconds(text):
    """Of a time of RFC 3339, with all its digits."""
    seconds, _, fraction = text.rstrip('Z').partition('.')
    stamp = calendar.timegm(time.strptime(seconds, '%Y-%m-%dT%H:%M:%S'))
    return stamp * 10**9 + int(fraction.ljust(9, '0'))


def test_points_are_the_samples(tarsier, groups):
    name = groups.make('pushed')
    with Receiver() as receiver:
        with Metrics(tarsier, *push('influxdb', receiver.port, '--raw_cgroup_prefix_whitelist', name, '--storage_driver_db', 'a b',
                                    '--storage_driver_influxdb_retention_policy', 'week')) as metrics:
            metrics.wait_container(name)
            until(lambda: len(receiver.of(name, 'memory_usage')) > 3, 'points of the group')
            stats = metrics.json(f'/api/v1.3/containers{name}')['stats']
            newest = max(nanoseconds(s['timestamp']) for s in stats)
            until(lambda: any(time >= newest for time in receiver.of(name, 'memory_usage')), 'the last sample')
            metrics.stop()
        told = {nanoseconds(s['timestamp']): s for s in stats}
        usage, total = receiver.of(name, 'memory_usage'), receiver.of(name, 'cpu_usage_total')
        both = set(told) & set(usage) & set(total)
        assert len(both) > 3
        for time in both:
            assert usage[time] == told[time]['memory']['usage'] and total[time] == told[time]['cpu']['usage']['total']
        assert not receiver.complaints
        assert receiver.targets == {'/write?db=a%20b&rp=week'}
        assert receiver.authorizations == {'Basic ' + base64.b64encode(b'root:root').decode()}
        tags = dict(next(tags for (_, tags, _) in receiver.points))
        assert tags['machine'] == socket.gethostname()
        assert metrics.stderr.count('storage driver') == 0


def test_a_server_that_goes_and_comes_back(tarsier, groups):
    """What was sampled meanwhile arrives, each point once; the log tells of it once. Of one group: what waits has a limit,
    which all groups of a busy host reach in seconds at ten samples a second."""
    name = groups.make('away')
    with Receiver() as receiver:
        with Metrics(tarsier, *push('influxdb', receiver.port, '--raw_cgroup_prefix_whitelist', name)) as metrics:
            metrics.wait_container(name)
            until(lambda: receiver.of(name, 'memory_usage'), 'a first point')
            receiver.status = 503
            until(lambda: receiver.requests.count(503) >= 2, 'a second try')
            receiver.close()
            count = len(metrics.json(f'/api/v1.3/containers{name}')['stats'])
            until(lambda: len(metrics.json(f'/api/v1.3/containers{name}')['stats']) > count, 'samples while it is away')
            gone = nanoseconds(metrics.json(f'/api/v1.3/containers{name}')['stats'][-1]['timestamp'])
            receiver.status = 204
            receiver.open()
            until(lambda: max(receiver.of(name, 'memory_usage')) > gone, 'what was sampled after it')
            stats = metrics.json(f'/api/v1.3/containers{name}')['stats']
            newest = max(nanoseconds(s['timestamp']) for s in stats)
            until(lambda: max(receiver.of(name, 'memory_usage')) >= newest, 'the last sample')
            received = receiver.of(name, 'memory_usage')
            first = min(received)
            missing = [s['timestamp'] for s in stats
                       if nanoseconds(s['timestamp']) not in received and nanoseconds(s['timestamp']) >= first]
            assert not missing and not receiver.complaints
            # the log is looked after once a second
            until(lambda: max(receiver.of(name, 'memory_usage')) > newest + 3 * 10**9, 'some seconds of points')
            metrics.stop()
    assert metrics.stderr.count(' fails: ') == 1, metrics.stderr
    assert 'takes samples again; lost so far: 0 requests' in metrics.stderr


@pytest.mark.parametrize('status', [401, 404])
def test_a_server_that_refuses(tarsier, status):
    with Receiver() as receiver:
        receiver.status = status
        with Metrics(tarsier, *push('influxdb', receiver.port)) as metrics:
            until(lambda: len(receiver.requests) > 3, 'requests')
            metrics.ask('/healthz')
            until(lambda: len(receiver.requests) > 12, 'more requests: what was refused is not tried for ever')
            metrics.stop()
    assert metrics.stderr.count(' fails: ') == 1 and f'status {status}' in metrics.stderr, metrics.stderr


def test_statsd(tarsier, groups):
    name = groups.make('gauges')
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        door.bind(('127.0.0.1', 0))
        door.settimeout(60)
        with Metrics(tarsier, *push('statsd', door.getsockname()[1], '--storage_driver_db', 'prefix')) as metrics:
            wanted = {f'prefix.{name}.memory_usage', f'prefix.{name}.cpu_cumulative_usage'}
            while wanted:
                packet = door.recv(65536)
                assert len(packet) <= 1432 and not packet.endswith(b'\n')
                for line in packet.decode().split('\n'):
                    match = re.fullmatch(r'(prefix\.[^\s:|@]+):(\d+)\|g', line)
                    assert match, line
                    wanted.discard(match[1])
            assert metrics.stop() == 0


def test_stdout(tarsier, groups):
    """As text the lines are cAdvisor's; as JSON they are rows among the events."""
    name = groups.make('lines')
    with Metrics(tarsier, '--storage_driver=stdout', '--storage_driver_host=here:1') as metrics:
        metrics.wait_container(name)
        until(lambda: metrics.json(f'/api/v1.3/containers{name}')['stats'], 'a sample')
        metrics.stop()
    row = next(row for row in metrics.rows if row['type'] == 'sample' and row['container'] == name)
    assert re.fullmatch(rf'cName={name} host=here:1 timestamp=\d{{19}}( [^ =]+=\d+)+', row['line'])
    text = tarsier('metrics', '--listen_ip', '127.0.0.1', '--port', free_port(), '--storage_driver=stdout', '--duration', '2s').stdout
    assert re.search(r'^cName=/ host=localhost:8086 timestamp=\d{19} cpu_cumulative_usage=\d+ ', text, re.M)


@pytest.mark.parametrize('flags, says', [
    (['--storage_driver=influxdb', '--storage_driver_host=no-such-host.invalid:1'], 'no name server is asked'),
    (['--storage_driver=influxdb', '--storage_driver_host=127.0.0.1'], 'not HOST:PORT'),
    (['--storage_driver=influxdb,kafka'], '"kafka" is none of'),
    (['--storage_driver=influxdb', '--storage_driver_secure'], 'no TLS'),
])
def test_what_cannot_be(tarsier, flags, says):
    done = tarsier('metrics', '--listen_ip', '127.0.0.1', '--port', free_port(), *flags)
    assert done.returncode != 0 and says in done.stderr


def test_in_the_agent(tmp_path):
    def config(driver, port):
        return ('modules:\n  metrics:\n    cadvisor: {housekeeping_interval: 200ms, storage_driver: ' + driver +
                f", storage_driver_host: 'localhost:{port}', storage_driver_buffer_duration: 200ms}}\n")

    with Receiver() as receiver, Agent(tmp_path / 'state', config('influxdb', receiver.port)):
        until(lambda: len(receiver.of('/', 'cpu_usage_total')) > 3, 'points of the root')
        assert not receiver.complaints
    with Agent(tmp_path / 'other', config('stdout', 1)) as agent:
        until(lambda: 'stdout is for a run in the foreground' in agent.log(), 'the refusal')


@contextlib.contextmanager
def influxd(tmp_path):
    program = shutil.which('influxd')
    if not program:
        pytest.skip('needs influxd')
    port, backup = free_port(), free_port()
    (tmp_path / 'conf').write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{backup}"\n[meta]\n  dir = "{tmp_path}/meta"\n'
        f'[data]\n  dir = "{tmp_path}/data"\n  wal-dir = "{tmp_path}/wal"\n'
        f'[http]\n  bind-address = "127.0.0.1:{port}"\n  auth-enabled = true\n')
    server = subprocess.Popen([program, '-config', tmp_path / 'conf'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(text, user='root:root'):
        request = urllib.request.Request(
            f'http://127.0.0.1:{port}/query', urllib.parse.urlencode({'db': 'cadvisor', 'q': text}).encode(),
            {'Authorization': 'Basic ' + base64.b64encode(user.encode()).decode()})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)['results'][0].get('series', [])

    def up():
        with contextlib.suppress(OSError):
            ask("CREATE USER root WITH PASSWORD 'root' WITH ALL PRIVILEGES")
            return True

    try:
        until(up, 'influxd')
        ask('CREATE DATABASE cadvisor')
        yield port, ask
    finally:
        server.terminate()
        server.wait()


def test_debians_influxd(tarsier, groups, tmp_path):
    name = groups.make('stored')
    with influxd(tmp_path) as (port, ask), Metrics(tarsier, *push('influxdb', port, '--raw_cgroup_prefix_whitelist', name)) as metrics:
        metrics.wait_container(name)
        query = f"SELECT * FROM memory_usage WHERE container_name = '{name}'"
        until(lambda: ask(query) and len(ask(query)[0]['values']) > 3, 'points of the group')
        series = ask(query)[0]
        assert set(series['columns']) == {'time', 'container_name', 'machine', 'value'}
        measurements = {row[0] for row in ask('SHOW MEASUREMENTS')[0]['values']}
        assert {'cpu_usage_total', 'cpu_usage_user', 'memory_working_set', 'memory_failure', 'load_average'} <= measurements
        metrics.stop()
    assert 'storage driver' not in metrics.stderr
