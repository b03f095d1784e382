"""The port of `tarsier metrics`: cAdvisor's API on a running host, with groups of the test's own."""
import contextlib
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

import pytest
from metrics_harness import Groups, Metrics, parse, until, value
from ports import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


@pytest.fixture
def groups(request):
    with Groups(f'tarsier-test-{os.getpid()}-{abs(hash(request.node.name)) % 10000}') as made:
        yield made


def busy(groups, path, code):
    """A process in the group that runs this Python code and says when it is done."""
    process = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.readline()\n' + code +
                                "\nprint('done', flush=True); sys.stdin.readline()"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    groups.enter(path, process.pid)
    process.stdin.write('go\n')
    process.stdin.flush()
    assert process.stdout.readline() == 'done\n'
    return process


def end(process):
    process.communicate('end\n', timeout=60)


def test_figures_are_the_kernels(tarsier, groups, tmp_path):
    name = groups.make('web')
    groups.file('memory', 'web', 'memory.limit_in_bytes').write_text(str(256 << 20))
    groups.file('cpu', 'web', 'cpu.shares').write_text('512')
    groups.file('cpu', 'web', 'cpu.cfs_quota_us').write_text('50000')
    groups.file('pids', 'web', 'pids.max').write_text('77')
    process = busy(groups, 'web', f'''
kept = bytearray(40 << 20)
for i in range(0, len(kept), 4096):
    kept[i] = 1
n = 0
for i in range(2000000):
    n += i
open({str(tmp_path / "written")!r}, 'wb').write(b'x' * 1000000)''')
    try:
        with Metrics(tarsier, '--allow_dynamic_housekeeping=false', '--housekeeping_interval=200ms') as metrics:
            for each in (name, f'/{groups.name}', '/'):
                metrics.wait_container(each)
            quoted = urllib.parse.quote(name)
            one = metrics.json(f'/api/v2.1/stats{quoted}?count=1&max_age=0s')[name]
            stats, spec = one['stats'][-1], one['spec']
            usage = int(groups.file('cpuacct', 'web', 'cpuacct.usage').read_text())
            memory = int(groups.file('memory', 'web', 'memory.usage_in_bytes').read_text())
            assert 0 < stats['cpu']['usage']['total'] <= usage
            assert usage - stats['cpu']['usage']['total'] < 2e8
            assert abs(stats['memory']['usage'] - memory) <= 2 << 20
            assert stats['memory']['rss'] >= 40 << 20
            assert spec['memory']['limit'] == 256 << 20
            assert spec['cpu']['limit'] == 512
            created = one['spec']['creation_time']
            assert created.startswith('20')
            series = metrics.series('/metrics')
            assert value(series, 'container_spec_memory_limit_bytes', id=name) == 256 << 20
            assert value(series, 'container_memory_rss', id=name) >= 40 << 20
            assert value(series, 'container_cpu_usage_seconds_total', id=name, cpu='total') > 0 if any(
                dict(l).get('cpu') == 'total' and dict(l)['id'] == name for (n, l) in series
                if n == 'container_cpu_usage_seconds_total') else True
            listed = metrics.json(f'/api/v2.0/ps{quoted}')
            assert [row['pid'] for row in listed] == [process.pid]
            v1 = metrics.json(f'/api/v1.3/containers{quoted}', {'num_stats': 2})
            assert len(v1['stats']) <= 2 and v1['name'] == name
            assert v1['spec']['cpu']['quota'] == 50000 and v1['spec']['cpu']['period'] == 100000
            assert v1['spec']['processes']['limit'] == 77
            assert groups.name in [c['name'].strip('/') for c in metrics.json('/api/v1.3/containers/')['subcontainers']]
            below = metrics.json(f'/api/v1.3/subcontainers/{groups.name}', {'num_stats': 0})
            assert [c['name'] for c in below] == [f'/{groups.name}', name]
    finally:
        end(process)


def test_what_comes_and_goes_is_told(tarsier, groups):
    with Metrics(tarsier) as metrics:
        with socket.create_connection(('127.0.0.1', metrics.port), 30) as stream:
            stream.sendall(f'GET /api/v1.3/events/{groups.name}?stream=true&subcontainers=true&creation_events=true&'
                           'deletion_events=true HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
            got = b''
            while b'\r\n\r\n' not in got:
                got += stream.recv(65536)
            for i in range(20):
                groups.make(f'one{i}')
            for i in range(20):
                groups.remove(f'one{i}')
            stream.settimeout(30)
            while got.count(b'containerDeletion') < 20:
                piece = stream.recv(65536)
                assert piece, got[-300:]
                got += piece
        names = re.findall(r'"container_name":"([^"]+)","timestamp":"[^"]+","event_type":"containerCreation"', got.decode())
        assert sorted(names) == sorted(f'/{groups.name}/one{i}' for i in range(20))
        events = metrics.json(f'/api/v1.3/events/{groups.name}?subcontainers=true&creation_events=true&deletion_events=true'
                              '&max_events=100')
        assert [e['event_type'] for e in events].count('containerCreation') >= 20
        assert metrics.ask(f'/api/v1.3/containers/{groups.name}/one3').status == 500
        series = metrics.series()
        assert not [l for (_, l) in series if f'/{groups.name}/one' in dict(l).get('id', '')]
        assert metrics.stop() == 0
    kinds = [row['type'] for row in metrics.rows if row['container'].startswith(f'/{groups.name}/one')]
    assert kinds.count('containerCreation') == 20 and kinds.count('containerDeletion') == 20


def test_out_of_memory(tarsier, groups):
    """A kill is an event with its victim, and counted."""
    name = groups.make('small')
    groups.file('memory', 'small', 'memory.limit_in_bytes').write_text(str(24 << 20))
    with Metrics(tarsier, '--housekeeping_interval=200ms') as metrics:
        metrics.wait_container(name)
        process = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.readline(); b = bytearray(200 << 20)'],
                                   stdin=subprocess.PIPE, text=True)
        groups.enter('small', process.pid)
        process.communicate('go\n', timeout=60)
        assert process.returncode == -9
        query = '/api/v1.3/events/?oom_kill_events=true&oom_events=true&subcontainers=true&max_events=10'
        events = until(lambda: [e for e in metrics.json(query) or [] if e['container_name'] == name and
                                e['event_type'] == 'oomKill'], 'the kill as an event')
        assert events[0]['event_data']['oom']['pid'] == process.pid
        assert events[0]['event_data']['oom']['process_name'].startswith('python')
        until(lambda: value(metrics.series('/metrics?max_age=0s'), 'container_oom_events_total', id=name) >= 1, 'the count')


def test_errors_and_odd_paths(tarsier):
    with Metrics(tarsier, '--url_base_prefix=/ca') as metrics:
        for prefix in ('', '/ca'):
            assert metrics.ask(f'{prefix}/healthz').text == 'ok'
            assert metrics.ask(f'{prefix}/api/v1.0/nothere').text.strip() == 'unknown request type "nothere"'
        answer = metrics.ask('/')
        assert answer.status == 307 and answer.headers['Location'] == '/ca/containers/'
        for path in ('/nothing', '/metrics/', '/debug/pprof/', '/healthz/', '/apix'):  # the handler of "/" has them all
            answer = metrics.ask(path)
            assert (answer.status, answer.headers['Location']) == (307, '/ca/containers/'), path
        assert metrics.ask('/static/bootstrap.css').status == 404
        for path, clean in (('//metrics?x=1', '/metrics?x=1'), ('/containers', '/containers/'), ('/docker', '/docker/'),
                            ('/podman', '/podman/'), ('/validate', '/validate/'), ('/api', '/api/'),
                            ('/containers//a/./b', '/containers/a/b'), ('/containers/a/../../healthz', '/healthz'),
                            ('/api/v1.3//machine', '/api/v1.3/machine'), ('/containers/a%20b//', '/containers/a%20b/')):
            answer = metrics.ask(path)
            assert (answer.status, answer.headers['Location']) == (301, '/ca' + clean), path
        assert metrics.ask('/api/v1.3/containers/%2e%2e/%00').status == 400
        assert metrics.ask('/metrics', headers={'Accept': 'application/openmetrics-text; version=1.0.0'}).text.endswith('# EOF\n')
        assert metrics.ask('/validate/').status == 200
    bad = tarsier('metrics', '--disable_metrics=cpu,nonsense', '--port', '1')
    assert bad.returncode != 0 and 'unsupported metric "nonsense"' in bad.stderr
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        bad = tarsier('metrics', '--listen_ip=127.0.0.1', '--port', taken.getsockname()[1], '--duration', '10s')
        assert bad.returncode != 0 and 'Address already in use' in bad.stderr


def test_many_scrapes_at_once(tarsier):
    """Each answer is whole, and no fd is left."""
    with Metrics(tarsier) as metrics:
        metrics.series()
        worker = metrics.worker()

        def sockets():  # files of groups stay open while the groups live, and others make groups too
            count = 0
            for fd in os.listdir(f'/proc/{worker}/fd'):
                with contextlib.suppress(OSError):
                    count += os.readlink(f'/proc/{worker}/fd/{fd}').startswith('socket:')
            return count

        before = sockets()
        sizes, errors = [], []

        def scrape():
            try:
                for _ in range(10):
                    sizes.append(len(parse(metrics.ask('/metrics').text)))
            except Exception as error:  # told by the test's own thread
                errors.append(error)

        threads = [threading.Thread(target=scrape) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors, errors[0]
        assert len(sizes) == 80
        until(lambda: sockets() <= before, 'the connections to be closed')


def test_the_client(tarsier, groups):
    name = groups.make('asked')
    with Metrics(tarsier) as metrics:
        metrics.wait_container(name)
        metrics.wait_container(f'/{groups.name}')

        def client(*words):
            done = tarsier('metrics', 'client', *words, '--url', metrics.url, '--json')
            return done, [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{')]

        done, rows = client('containers', f'/{groups.name}')
        assert [row['name'] for row in rows] == [f'/{groups.name}', name], done.stderr
        _, rows = client('machine')
        assert rows[0]['cores'] == os.cpu_count()
        _, rows = client('get', '/api/v2.0/version')
        assert rows[0]['answer'] == metrics.json('/api/v2.0/version')
        done, _ = client('container', '/not/there')
        assert done.returncode != 0 and 'unknown container' in done.stderr
        groups.make('late')
        until(lambda: f'/{groups.name}/late' in [row['name'] for row in client('events', f'/{groups.name}', '--type',
                                                                               'containerCreation')[1]], 'the event')
        groups.make('odd ?#%20')
        for spelled in (f'/{groups.name}/odd ?#%20', f'{groups.name}/odd ?#%20'):
            until(lambda spelled=spelled: [row['name'] for row in client('events', spelled, '--type', 'containerCreation')[1]] ==
                  [f'/{groups.name}/odd ?#%20'], 'the event of an odd name')
        follower = subprocess.Popen([tarsier.path, 'metrics', 'client', 'events', f'/{groups.name}', '--stream', '--json', '--url',
                                     metrics.url], stdout=subprocess.PIPE, text=True)
        try:
            lines = []
            reader = threading.Thread(target=lambda: lines.append(follower.stdout.readline()))
            reader.start()
            for i in range(1000):
                if not reader.is_alive():
                    break
                groups.make(f'stream{i}')
                groups.remove(f'stream{i}')
                reader.join(0.2)
            assert f'/{groups.name}/stream' in lines[0]
        finally:
            follower.send_signal(2)
            follower.communicate(timeout=30)
    done = tarsier('metrics', 'client', 'machine', '--url', metrics.url)
    assert done.returncode != 0 and 'connect' in done.stderr


def test_rows_nobody_reads_hold_nothing_up(tarsier, groups):
    """Its stdout is a pipe that is full: the port answers all the same."""
    port = free_port()
    process = subprocess.Popen([tarsier.path, 'metrics', '--listen_ip', '127.0.0.1', '--port', str(port), '--json'],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    url = f'http://127.0.0.1:{port}'

    def created():
        with contextlib.suppress(OSError), urllib.request.urlopen(
                f'{url}/api/v1.3/events/{groups.name}?subcontainers=true&creation_events=true&max_events=-1', timeout=20) as answer:
            return len(json.load(answer))
        return 0

    try:
        until(lambda: created() >= 1, 'the port')
        directory = groups.directories('')[0]
        for i in range(2500):  # about 1.4 MB of rows: more than pipe, socket and buffers hold together
            (directory / f'{"x" * 150}{i}').mkdir()
            (directory / f'{"x" * 150}{i}').rmdir()
        until(lambda: created() >= 2501, 'every group to be known')
    finally:
        process.kill()
        process.communicate()
