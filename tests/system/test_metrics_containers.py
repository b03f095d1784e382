"""Real containers in `tarsier metrics`: each engine's appear under their group's path with their name, image, labels and
limits, their figures are the kernel's, and they are gone when they are removed. No engine is asked; Metrics runs in the mount
namespace where the engine's files are."""
import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse

import pytest
from container_engines import CGROUPS, TIMEOUT, archive, bundle, docker, need, podman_command, rootfs, space
from metrics_harness import Groups, Metrics, until, value

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')

MIB = 1 << 20
LIMITS = {'memory': 96 * MIB, 'shares': 512, 'quota': 50000, 'period': 100000, 'pids': 40}
ENGINE_LIMITS = ['--memory', str(LIMITS['memory']), '--cpu-shares', '512', '--cpu-quota', '50000', '--cpu-period', '100000',
                 '--pids-limit', '40']


def metrics_in(space, tarsier, *flags):
    return Metrics(tarsier, '--allow_dynamic_housekeeping=false', '--housekeeping_interval=500ms',
                   '--disable_metrics=referenced_memory', *flags, behind=space.mounts())


def ask_container(metrics, path):
    return metrics.ask('/api/v1.3/containers' + urllib.parse.quote(str(path)), b'{"num_stats": 1}')


def container_of(metrics, path):
    answer = ask_container(metrics, path)
    assert answer.status == 200, answer.text
    return answer.json()


def named(metrics, path):
    """When its name is known and its limits have been read."""
    metrics.wait_container(path)
    return until(lambda: (found := container_of(metrics, path)).get('aliases') and found, f'a name of {path}')


def has_limits(metrics, path):
    wanted = {'memory': {'limit': LIMITS['memory']}, 'processes': {'limit': LIMITS['pids']},
              'cpu': {'limit': LIMITS['shares'], 'quota': LIMITS['quota'], 'period': LIMITS['period']}}

    def told():  # engines write one after the other, and what was read meanwhile stands for half a minute
        spec = container_of(metrics, path)['spec']
        return all(limits.items() <= spec.get(kind, {}).items() for kind, limits in wanted.items())
    until(told, 'the limits')
    spec = container_of(metrics, path)['spec']
    assert spec['has_cpu'] and spec['has_memory'] and spec['has_processes']
    series = metrics.series('/metrics?max_age=0s')
    for name, limit in (('container_spec_memory_limit_bytes', 'memory'), ('container_spec_cpu_shares', 'shares'),
                        ('container_spec_cpu_quota', 'quota'), ('container_spec_cpu_period', 'period'),
                        ('container_threads_max', 'pids')):
        assert value(series, name, id=path) == LIMITS[limit], name


def is_told(metrics, path, engine, name, identity, image='', labels=None):
    """labels: some of them, where an engine adds its own."""
    named(metrics, path)
    until(lambda: container_of(metrics, path)['spec'].get('image', '') == image, 'its image')
    found = container_of(metrics, path)
    assert found['name'] == path
    assert found['namespace'] == engine
    assert found['aliases'] == list(dict.fromkeys([name, identity]))
    assert (labels or {}).items() <= found['spec'].get('labels', {}).items()
    created = until(lambda: container_of(metrics, path)['spec']['creation_time'], 'the creation')
    assert created.startswith(time.strftime('%Y-%m-', time.localtime()))
    wanted = {'id': path, 'name': name} | ({'image': image} if image else {})
    wanted |= {'container_label_' + key.replace('.', '_'): text for key, text in (labels or {}).items()}
    until(lambda: any(n == 'container_memory_usage_bytes' and dict(l)['id'] == path for n, l in metrics.series()), 'a sample')
    value(metrics.series(), 'container_last_seen', **wanted)
    # those above it are groups, and nobody's container
    for above in list(pathlib.PurePath(path).parents)[:-1]:
        until(lambda above=above: ask_container(metrics, above).status == 200, 'a sample of those above it')
        assert not container_of(metrics, above).get('aliases'), above
    return found


def is_gone(metrics, path, names):
    """It is told of no more, and its end is an event."""
    until(lambda: metrics.ask('/api/v1.3/containers' + urllib.parse.quote(path)).status == 500, f'{path} to go')
    for name in names:
        assert metrics.ask(f'/api/v1.2/docker/{name}').status == 500
    assert not [l for _, l in metrics.series() if dict(l).get('id', '').startswith(path)]
    query = '?subcontainers=true&deletion_events=true&creation_events=true&max_events=1000'

    def ends():
        events = metrics.json('/api/v1.3/events' + urllib.parse.quote(path) + query)
        return [e['event_data']['container_deletion']['exit_code'] for e in events
                if e['container_name'] == path and e['event_type'] == 'containerDeletion']
    until(ends, 'the event')  # it waits for the status of its end, a second at most
    assert len(ends()) == 1
    return ends()[0]


# --- Docker ------------------------------------------------------------------------------------------------------------


def test_docker(tarsier, space, archive):
    with metrics_in(space, tarsier, '--env_metadata_whitelist=APP_') as metrics:
        identity, pid = docker(space, archive, run=[*ENGINE_LIMITS, '--env', 'APP_MODE=prod', '--env', 'SECRET=1'])
        path = f'/docker/{identity}'
        is_told(metrics, path, 'docker', 'web', identity, 'example.org/tiny:1', {'tier': 'front'})
        until(lambda: container_of(metrics, path)['spec'].get('envs') == {'app_mode': 'prod'}, 'its environment')
        value(metrics.series(), 'container_last_seen', id=path, container_env_app_mode='prod')
        has_limits(metrics, path)
        for name in ('web', identity, identity[:12]):
            told = metrics.json(f'/api/v1.2/docker/{name}')
            assert list(told) == [path] and told[path]['aliases'] == ['web', identity]
        assert list(metrics.json('/api/v1.3/docker/')) == [path]
        assert metrics.ask('/api/v1.2/docker/nobody').status == 500
        assert metrics.json('/api/v2.1/spec/web?type=docker')[path]['image'] == 'example.org/tiny:1'
        listed = metrics.json(f'/api/v2.0/ps/{identity}?type=docker')
        assert pid in [row['pid'] for row in listed]
        page = metrics.ask('/docker/').text
        assert 'web' in page and identity[:12] in page
        space.run('docker', 'rm', '-f', 'web')
        is_gone(metrics, path, ('web', identity))
        assert not metrics.json('/api/v1.3/docker/')


def tells_of(metrics, names):
    """These and no others, once each has a sample."""
    def told():
        answer = metrics.ask('/api/v1.3/subcontainers/', b'{"num_stats": 0}')
        found = [one['name'] for one in answer.json()] if answer.status == 200 else []
        assert set(found) <= set(names), found
        return found == names
    until(told, f'{names}')


def test_docker_only(tarsier, space, archive, tmp_path):
    identity, _ = docker(space, archive)
    with Groups(f'tarsier-test-{os.getpid()}', 'systemd') as groups:
        plain = groups.make('plain')
        groups.make('machine-box.scope')
        with metrics_in(space, tarsier, '--docker_only') as metrics:
            named(metrics, f'/docker/{identity}')
            tells_of(metrics, ['/', f'/docker/{identity}'])
            assert {dict(l)['id'] for n, l in metrics.series() if n.startswith('container_') and 'id' in dict(l)} == {
                '/', f'/docker/{identity}'}
        with metrics_in(space, tarsier, '--docker_only', f'--raw_cgroup_prefix_whitelist={plain}') as metrics:
            named(metrics, f'/docker/{identity}')
            tells_of(metrics, ['/', f'/docker/{identity}', plain])


# --- a workload --------------------------------------------------------------------------------------------------------


def net_dev(pid):
    """{interface: (received bytes, packets, sent bytes, packets)}"""
    lines = pathlib.Path(f'/proc/{pid}/net/dev').read_text().splitlines()[2:]
    rows = {name.strip(): rest.split() for name, rest in (line.split(':', 1) for line in lines)}
    return {name: tuple(int(row[i]) for i in (0, 1, 8, 9)) for name, row in rows.items()}


def between(read, told, what):
    """The figure told lies between the kernel's before and after; counters only."""
    before = read()
    figure = told()
    after = read()
    assert before <= figure <= after, f'{what}: {before} {figure} {after}'
    return figure


def cable(space, pid):
    """A cable from the space's network to the container's: 10.77.0.1 here, 10.77.0.2 there."""
    inside = ['nsenter', '-t', str(pid), '-n', '--']
    space.run('ip', 'link', 'add', 'tarsier0', 'type', 'veth', 'peer', 'name', 'eth7', 'netns', pid)
    space.run('ip', 'address', 'add', '10.77.0.1/24', 'dev', 'tarsier0')
    space.run('ip', 'link', 'set', 'tarsier0', 'up')
    space.run(*inside, 'ip', 'address', 'add', '10.77.0.2/24', 'dev', 'eth7')
    space.run(*inside, 'ip', 'link', 'set', 'eth7', 'up')


def test_figures_are_the_kernels(tarsier, space, archive, tmp_path):
    """CPU, memory, disk and network of a Docker container that does something of a known size."""
    need('ip')
    disk = tmp_path / 'disk'
    disk.mkdir()
    identity, pid = docker(space, archive, run=['-v', f'{disk}:/disk'])
    path = f'/docker/{identity}'
    kernel = {name: CGROUPS / name.split('.')[0] / 'docker' / identity / name
              for name in ('cpuacct.usage', 'memory.usage_in_bytes', 'memory.max_usage_in_bytes')}
    service_bytes = CGROUPS / 'blkio' / 'docker' / identity / 'blkio.throttle.io_service_bytes'

    def number(name):
        return int(kernel[name].read_text())

    def written():
        rows = [line.split() for line in service_bytes.read_text().splitlines()]
        return sum(int(row[2]) for row in rows if len(row) == 3 and row[1] == 'Write')

    cable(space, pid)
    with metrics_in(space, tarsier) as metrics:
        named(metrics, path)

        def stats():
            return metrics.json(f'/api/v2.1/stats{path}?count=1&max_age=0s')[path]['stats'][-1]

        def series():
            return metrics.series('/metrics?max_age=0s')

        # CPU
        before = stats()['cpu']['usage']['total']
        space.run('docker', 'exec', 'web', '/bin/sh', '-c', 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done')
        now = between(lambda: number('cpuacct.usage'), lambda: stats()['cpu']['usage']['total'], 'CPU')
        assert now - before > 20e6
        seconds = sum(v for (n, l), v in series().items() if n == 'container_cpu_usage_seconds_total' and dict(l)['id'] == path)
        assert now / 1e9 <= seconds + 1e-6 <= number('cpuacct.usage') / 1e9 + 1e-5
        # memory: a file of 20 MiB in the container's /dev/shm
        space.run('docker', 'exec', 'web', '/bin/busybox', 'dd', 'if=/dev/zero', 'of=/dev/shm/kept', 'bs=1M', 'count=20')
        until(lambda: abs(stats()['memory']['usage'] - number('memory.usage_in_bytes')) <= MIB, 'the same memory')
        told = stats()['memory']
        assert told['usage'] >= 20 * MIB and told['max_usage'] == number('memory.max_usage_in_bytes')
        # disk, past the cache: booked to the group at once; kernels since 6.10 count only where a limit has been set
        limit = service_bytes.with_name('blkio.throttle.write_bps_device')
        device = os.stat(disk).st_dev
        try:
            limit.write_text(f'{os.major(device)}:{os.minor(device)} {1 << 40}')
        except OSError:
            pytest.skip('needs a temporary directory on a disk')
        space.run('docker', 'exec', 'web', '/bin/busybox', 'dd', 'if=/dev/zero', 'of=/disk/file', 'bs=64k', 'count=64',
                  'oflag=direct')
        until(lambda: written() >= 4 * MIB, f'the bytes written: {service_bytes.read_text()}')
        until(lambda: sum(one['stats'].get('Write', 0) for one in stats()['diskio']['io_service_bytes']) == written(),
              'the same bytes written')
        shown = sum(v for (n, l), v in series().items() if n == 'container_fs_writes_bytes_total' and dict(l)['id'] == path)
        assert shown == written()
        # network: 200 datagrams of 1,000 bytes, and one before them: while the neighbour is asked for, few may wait
        send = "import socket; s = socket.socket(type=socket.SOCK_DGRAM)\nfor i in range(%d): s.sendto(b'x' * 1000, ('10.77.0.2', 9))"
        first = net_dev(pid)['eth7']
        space.run(sys.executable, '-c', send % 1)
        until(lambda: net_dev(pid)['eth7'][0] - first[0] >= 1042, 'the first datagram')
        first = net_dev(pid)['eth7']
        space.run(sys.executable, '-c', send % 200)
        until(lambda: net_dev(pid)['eth7'][0] - first[0] >= 200 * 1042, 'the datagrams')

        def interface(which):
            return next(one for one in stats()['network']['interfaces'] if one['name'] == 'eth7')[which]

        for place, which in enumerate(('rx_bytes', 'rx_packets', 'tx_bytes', 'tx_packets')):
            between(lambda place=place: net_dev(pid)['eth7'][place], lambda which=which: interface(which), which)
        shown = value(series(), 'container_network_receive_bytes_total', id=path, interface='eth7')
        assert net_dev(pid)['eth7'][0] >= shown >= first[0] + 200 * 1042
        assert not [l for n, l in series() if n.startswith('container_network_') and dict(l).get('interface') == 'tarsier0']


# --- the other engines -------------------------------------------------------------------------------------------------


def test_podman(tarsier, space, archive, tmp_path):
    podman = podman_command(tmp_path)
    with metrics_in(space, tarsier) as metrics:
        space.run(*podman, 'import', archive, 'example.org/tiny:1')
        identity = space.run(*podman, 'run', '-d', '--name', 'pweb', '--network=none', *ENGINE_LIMITS,
                             'example.org/tiny:1', '/bin/sleep', '600')
        space.undo.append(lambda: space.run(*podman, 'rm', '-f', '-t', '0', 'pweb', check=False))
        pid = space.run(*podman, 'inspect', '-f', '{{.State.Pid}}', 'pweb')
        path = next(line.split(':', 2)[2] for line in pathlib.Path(f'/proc/{pid}/cgroup').read_text().splitlines()
                    if line.split(':')[1] == 'memory')
        # labels are in podman's database alone: its runtime's annotations stand for them
        is_told(metrics, path, 'podman', 'pweb', identity, 'example.org/tiny:1', {'io.container.manager': 'libpod'})
        has_limits(metrics, path)
        assert 'pweb' in metrics.ask('/podman/').text
        assert list(metrics.json('/api/v2.1/spec/pweb?type=podman')) == [path]
        assert not metrics.json('/api/v1.3/docker/')
        space.run(*podman, 'rm', '-f', '-t', '0', 'pweb')
        is_gone(metrics, path, ('pweb',))


def test_containerd(tarsier, space, rootfs):
    need('containerd', 'ctr', 'runc')
    with metrics_in(space, tarsier) as metrics:
        space.daemon('containerd', '--config', '/dev/null', ready=('test', '-S', '/run/containerd/containerd.sock'))
        space.run('ctr', 'run', '-d', '--rootfs', '--label', 'a=b', '--memory-limit', LIMITS['memory'], rootfs, 'tiny', '/bin/sleep',
                  '600')
        space.undo.append(lambda: space.run('ctr', 'c', 'rm', 'tiny', check=False))
        space.undo.append(lambda: space.run('ctr', 't', 'rm', '-f', 'tiny', check=False))
        is_told(metrics, '/default/tiny', 'containerd', 'tiny', 'tiny')
        until(lambda: value(metrics.series(), 'container_spec_memory_limit_bytes', id='/default/tiny') == LIMITS['memory'],
              'the limit')
        space.run('ctr', 't', 'rm', '-f', 'tiny')
        is_gone(metrics, '/default/tiny', ('tiny',))


def limited_bundle(rootfs, tmp_path, path):
    directory = bundle(rootfs, tmp_path)
    config = json.loads((directory / 'config.json').read_text())
    config['linux']['cgroupsPath'] = path
    config['linux']['resources'] |= {
        'memory': {'limit': LIMITS['memory']}, 'pids': {'limit': LIMITS['pids']},
        'cpu': {'shares': LIMITS['shares'], 'quota': LIMITS['quota'], 'period': LIMITS['period']}}
    (directory / 'config.json').write_text(json.dumps(config))
    return directory


@pytest.mark.parametrize('runtime', ['runc', 'crun'])
def test_runtime(tarsier, space, rootfs, tmp_path, runtime):
    """A container that no engine made, in a group below another."""
    need('runc', runtime)
    name = f'tarsier-names-{os.getpid()}'
    path = f'/tarsier-names-of-{os.getpid()}/{name}'
    command = [runtime]
    if runtime == 'crun':
        command.append('--cgroup-manager=cgroupfs')
        if (CGROUPS / 'unified').is_dir():
            space.run('umount', CGROUPS / 'unified')  # crun refuses a hybrid layout
    directory = limited_bundle(rootfs, tmp_path, path)
    with metrics_in(space, tarsier) as metrics:
        # the container keeps its standard streams: not those of a pipe that is waited for
        subprocess.run(space.enter(*command, 'run', '-d', '-b', directory, name), stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=TIMEOUT)
        space.undo.append(lambda: space.run(*command, 'delete', '-f', name, check=False))
        is_told(metrics, path, 'oci', name, name, labels={'org.example.tier': 'back'})
        has_limits(metrics, path)
        space.run(*command, 'delete', '-f', name)
        is_gone(metrics, path, (name,))


def test_nspawn(tarsier, space, rootfs, tmp_path):
    need('systemd-nspawn')
    (rootfs / 'usr').mkdir()
    (rootfs / 'etc' / 'os-release').write_text('ID=tiny\n')
    space.run('mkdir', '-p', '/var/lib/machines')
    space.run('cp', '-a', rootfs, '/var/lib/machines/box')
    with Groups(f'tarsier-test-{os.getpid()}', 'systemd') as groups, metrics_in(space, tarsier) as metrics:
        path = groups.make('machine-box.scope')
        groups.file('memory', 'machine-box.scope', 'memory.limit_in_bytes').write_text(str(LIMITS['memory']))
        procs = ' '.join(f'{directory}/cgroup.procs' for directory in groups.directories('machine-box.scope'))
        log = open(tmp_path / 'nspawn.log', 'w')
        machine = subprocess.Popen(
            space.enter('sh', '-c', f'for f in {procs}; do echo $$ >$f || exit 1; done; exec systemd-nspawn -q -D '
                        '/var/lib/machines/box -M box --register=no --keep-unit --private-network --resolv-conf=off '
                        '--timezone=off --link-journal=no /bin/sleep 600'), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        try:
            def children():
                assert machine.poll() is None, (tmp_path / 'nspawn.log').read_text()
                with contextlib.suppress(OSError):  # one that only prepares it ends
                    pids = pathlib.Path(f'/proc/{machine.pid}/task/{machine.pid}/children').read_text().split()
                    return [pid for pid in pids if pathlib.Path(f'/proc/{pid}/comm').read_text() == 'sleep\n']
                return None
            leader = int(until(children, 'its process')[0])
            is_told(metrics, path, 'systemd-nspawn', 'box', 'box', '/var/lib/machines/box')
            until(lambda: value(metrics.series('/metrics?max_age=0s'), 'container_spec_memory_limit_bytes', id=path) ==
                  LIMITS['memory'], 'the limit')
            assert leader in [row['pid'] for row in metrics.json(f'/api/v2.0/ps{path}')]
        finally:
            machine.terminate()
            machine.wait(TIMEOUT)
        groups.remove('machine-box.scope')
        is_gone(metrics, path, ('box',))


def test_systemd_unit(tarsier, space):
    """A service's group, as systemd makes it; only where systemd has it, with no controller."""
    with Groups(f'tarsier-test-{os.getpid()}', 'systemd') as groups, metrics_in(space, tarsier, '--unit_labels') as metrics:
        root = (CGROUPS / 'systemd').resolve()
        if not (root / 'cgroup.procs').exists():
            pytest.skip('needs the name=systemd hierarchy')
        service = root / groups.name / 'system.slice' / 'foo.service'
        service.mkdir(parents=True)
        path = f'/{groups.name}/system.slice/foo.service'
        process = subprocess.Popen(['sleep', '600'])
        (service / 'cgroup.procs').write_text(str(process.pid))
        try:
            metrics.wait_container(path)
            until(lambda: any(n == 'container_processes' and dict(l)['id'] == path and v == 1
                              for (n, l), v in metrics.series().items()), 'its process')
            value(metrics.series(), 'container_last_seen', id=path, unit='foo.service')
            assert not container_of(metrics, path).get('aliases')
            assert [row['pid'] for row in metrics.json(f'/api/v2.0/ps{path}')] == [process.pid]
        finally:
            process.kill()
            process.wait()
        groups.remove()
        is_gone(metrics, path, ())
        groups.make()
