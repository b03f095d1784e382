"""The package's unit under a real systemd: a container of this host's own /usr, with the package laid over it, boots in
systemd-nspawn; the unit starts, reloads, comes back after a kill, keeps its run log, and stops without a rest."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess

import netspace
import pytest
from test_deb import package, said  # noqa: F401

NAME = 'tarsier-systemd'
HIERARCHIES = [pathlib.Path('/sys/fs/cgroup', each) for each in ('systemd', 'unified')]  # where v1 and v2 stand side by side


def wait(condition, what):
    return netspace.until(condition, what, 120)  # a whole system boots, on a host that may have much to do


@contextlib.contextmanager
def groups():
    """A group of its own in each hierarchy that systemd manages: what nspawn needs where no systemd runs outside."""
    made = [path / f'{NAME}-{os.getpid()}' for path in HIERARCHIES if (path / 'cgroup.procs').exists()]
    for path in made:
        path.mkdir()
    try:
        yield made
    finally:
        for path in made:
            for group in sorted(path.rglob('*'), reverse=True):
                if group.is_dir():
                    wait(lambda group=group: not (group / 'cgroup.procs').read_text(), f'{group} to be empty')
                    group.rmdir()
            wait(lambda path=path: not (path / 'cgroup.procs').read_text(), f'{path} to be empty')
            path.rmdir()


def container(directory, *rest, boot=False):
    return ['systemd-nspawn', '--quiet', *(['--boot'] if boot else []), '--directory=/', '--volatile=yes', f'--machine={NAME}-{os.getpid()}',
            '--register=no', '--keep-unit', '--private-network', '--resolv-conf=off', '--timezone=off', '--link-journal=no',
            f'--overlay-ro=/usr:{directory}/usr:/usr', f'--bind={directory}/etc/tarsier:/etc/tarsier',
            f'--bind-ro={directory}/lib/systemd/system/tarsier.service:/run/systemd/system/tarsier.service', *rest]


class Machine:
    def __init__(self, directory, cgroups):
        def enter():
            for path in cgroups:
                (path / 'cgroup.procs').write_text(str(os.getpid()))
        self.child = subprocess.Popen(container(directory, 'systemd.unit=tarsier.service', 'systemd.firstboot=no', boot=True),
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=enter)
        os.set_blocking(self.child.stdout.fileno(), False)
        self.leader = None

    def console(self):
        return (self.child.stdout.read() or b'').decode(errors='replace')

    def find_leader(self):
        assert self.child.poll() is None, self.console()
        own = os.readlink('/proc/self/ns/pid')
        for child in pathlib.Path(f'/proc/{self.child.pid}/task/{self.child.pid}/children').read_text().split():
            with contextlib.suppress(FileNotFoundError):  # nspawn's first child makes the container and ends
                if os.readlink(f'/proc/{child}/ns/pid') != own:
                    self.leader = child
        return self.leader

    def run(self, *command):
        return subprocess.run(['nsenter', '--target', self.leader, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup', '--root',
                               '--wd', *command], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)

    def show(self, *names):
        answer = self.run('systemctl', 'show', 'tarsier', *(f'--property={name}' for name in names)).stdout
        values = dict(line.split('=', 1) for line in answer.splitlines() if '=' in line)
        return tuple(values.get(name) for name in names)

    def is_ready(self):
        state, text = self.show('ActiveState', 'StatusText')
        return state == 'active' and text.startswith('ready, ')

    def services(self):
        answer = self.run('curl', '-s', '--unix-socket', '/run/tarsier/api.sock', 'http://localhost/v1/status')
        return {each['name']: each['state'] for each in json.loads(answer.stdout or '{}').get('services', [])}

    def journal(self):
        return self.run('journalctl', '--no-pager', '--unit=tarsier', '--output=cat').stdout


@pytest.fixture
def machine(package, tmp_path):
    for program in ('systemd-nspawn', 'nsenter', 'curl'):
        if not shutil.which(program):
            pytest.skip(f'needs {program}')
    if not os.path.exists('/lib/systemd/systemd'):
        pytest.skip('needs systemd')
    said('dpkg-deb', '-x', package, tmp_path)
    tmp_path.chmod(0o755)
    (tmp_path / 'etc/tarsier/tarsier.yaml').write_text('modules: {}\n')
    with groups() as cgroups:
        tried = subprocess.run(container(tmp_path, '/usr/bin/tarsier', '--version'), capture_output=True, text=True, check=False,
                               stdin=subprocess.DEVNULL, timeout=120)
        if tried.returncode:
            pytest.skip(f'needs systemd-nspawn to be able to run here: {tried.stderr.strip()}')
        machine = Machine(tmp_path, cgroups)
        with netspace.ended(machine.child):
            wait(machine.find_leader, 'a container')
            try:
                yield machine
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(machine.leader), signal.SIGKILL)  # the container's first process takes the others with it
                machine.child.wait(60)


@pytest.mark.timeout(1800)
def test_the_unit_under_systemd(machine, tmp_path):
    wait(machine.is_ready, 'the unit to be ready')
    main, restarts = machine.show('MainPID', 'NRestarts')
    assert restarts == '0'
    assert set(machine.services()) >= {'api', 'run-log'} and 'example-persist' not in machine.services()

    (tmp_path / 'etc/tarsier/tarsier.yaml').write_text('modules: {example-persist: {}}\nschedule: [{name: s, module: ping, every: 1h,'
                                                       ' parameters: {protocol: icmp, destination: 127.0.0.1, count: 1}}]\n')
    reloaded = machine.run('systemctl', 'reload', 'tarsier')
    assert reloaded.returncode == 0, reloaded.stderr
    wait(lambda: machine.services().get('example-persist') == 'ready', 'what the reload brought')
    assert machine.show('MainPID') == (main,)
    wait(lambda: ' completed ' in machine.run('tarsier', 'runs').stdout, 'the scheduled run')

    (tmp_path / 'etc/tarsier/tarsier.yaml').write_text('modules: {nosuch: {}}\n')
    machine.run('systemctl', 'reload', 'tarsier')
    wait(lambda: 'nosuch' in machine.journal(), 'the error in the journal')
    assert machine.services()['example-persist'] == 'ready'
    (tmp_path / 'etc/tarsier/tarsier.yaml').write_text('modules: {example-persist: {}}\n')

    assert machine.run('kill', '-KILL', main).returncode == 0
    wait(lambda: machine.show('NRestarts') == ('1',) and machine.is_ready(), 'systemd to start it again')
    wait(lambda: machine.services().get('example-persist') == 'ready', 'its module')
    assert machine.run('tarsier', 'runs', 'verify').stdout.startswith('intact: ')

    stopped = machine.run('systemctl', 'stop', 'tarsier')
    assert stopped.returncode == 0, stopped.stderr
    assert machine.show('ActiveState', 'Result', 'NRestarts') == ('inactive', 'success', '1')
    running = machine.run('ps', '-e', '-o', 'comm').stdout
    assert 'systemd' in running and 'tarsier' not in running
