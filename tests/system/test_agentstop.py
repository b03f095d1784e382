"""agentstop: orders signed with ssh-keygen, against a process that bears the agent's name. In a mount namespace of its own,
where /etc holds the trusted keys."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest


@pytest.fixture(scope='module', autouse=True)
def needs():
    if os.geteuid() != 0 or not shutil.which('ssh-keygen') or not shutil.which('unshare'):
        pytest.skip('needs root, ssh-keygen and unshare')
    if subprocess.run(['unshare', '-m', 'true'], check=False, capture_output=True).returncode:
        pytest.skip('needs a mount namespace')


def keygen(*args):
    subprocess.run(['ssh-keygen', '-q', *map(str, args)], check=True, capture_output=True, stdin=subprocess.DEVNULL)


class Host:
    """A directory that stands for /etc, a trusted and another key, and a process named tarsier-agent."""

    def __init__(self, tarsier, path, keys):
        self.tarsier, self.path, self.etc = tarsier, path, path / 'etc'
        (self.etc / 'tarsier').mkdir(parents=True)
        os.chmod(path, 0o755)
        for name in ('ld.so.cache', 'passwd', 'nsswitch.conf'):
            if os.path.exists(f'/etc/{name}'):
                shutil.copy(f'/etc/{name}', self.etc / name)
        (self.etc / 'machine-id').write_text('0123456789abcdef0123456789abcdef\n')
        for name in os.listdir(keys):
            shutil.copy(keys / name, path)
        self.signers = self.etc / 'tarsier/stop_signers'
        self.signers.write_text('# who may stop agents\n' + (path / 'rsa.pub').read_text() + (path / 'trusted.pub').read_text())
        program = path / 'tarsier-agent'
        shutil.copy(shutil.which('sleep'), program)
        self.agent = subprocess.Popen([program, '600'])

    def run(self, *args):
        script = 'mount --bind "$0" /etc && exec "$@"'
        return subprocess.run(['unshare', '-m', '--propagation', 'private', 'sh', '-c', script, str(self.etc), self.tarsier.path,
                               'agentstop', *map(str, args)], capture_output=True, text=True, check=False, timeout=60)

    def prepare(self, *args, pid=None):
        return self.run('--prepare', '--pid', pid or self.agent.pid, *args)

    def order(self, *args):
        done = self.prepare(*args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def sign(self, order, key='trusted', name_space='tarsier', hash_='sha512'):
        path = self.path / 'order'
        path.write_text(order)
        pathlib.Path(f'{path}.sig').unlink(missing_ok=True)
        keygen('-Y', 'sign', '-n', name_space, '-O', f'hashalg={hash_}', '-f', self.path / key, path)
        return pathlib.Path(f'{path}.sig').read_text()

    def stop(self, order, signature=None, *args):
        return self.run('--order', order.rstrip('\n'), '--signature', signature or self.sign(order), *args)

    def refuses(self, done, message):
        assert message in done.stderr + done.stdout and done.returncode != 0
        assert self.agent.poll() is None


@pytest.fixture(scope='module')
def keys(tmp_path_factory):
    path = tmp_path_factory.mktemp('keys')
    for name, kind in (('trusted', 'ed25519'), ('stranger', 'ed25519'), ('rsa', 'rsa')):
        keygen('-t', kind, '-N', '', '-C', name, '-f', path / name)
    return path


@pytest.fixture
def host(tarsier, tmp_path, keys):
    host = Host(tarsier, tmp_path, keys)
    yield host
    host.agent.kill()
    host.agent.wait()


@pytest.mark.parametrize('hash_', ['sha512', 'sha256'])
def test_a_signed_order_stops_the_agent(host, hash_):
    order = host.order('--reason', 'host is rebuilt: ä')
    assert order.splitlines()[0] == 'tarsier agentstop 1' and order.splitlines()[-1] == 'reason: host is rebuilt: ä'
    done = host.stop(order, host.sign(order, hash_=hash_), '--json')
    assert done.returncode == 0, done.stdout + done.stderr
    assert host.agent.wait(timeout=30) == -15
    fingerprint = subprocess.run(['ssh-keygen', '-l', '-f', host.path / 'trusted.pub'], check=True, capture_output=True,
                                 text=True).stdout.split()[1]
    assert f'"signer":"{fingerprint}"' in done.stdout and '"signal":"SIGTERM"' in done.stdout
    assert (host.path / 'tarsier-agent').exists()
    again = host.stop(order)
    assert again.returncode != 0


def test_another_process_of_the_same_number(host):
    """A pid that was used again is told by its start."""
    order = re.sub(r'(?m)^start: \d+$', 'start: 12345', host.order())
    host.refuses(host.stop(order), 'is another one than it was')


@pytest.mark.parametrize('line, value, message', [
    ('host', 'f' * 32, 'for another host'),
    ('boot', 'x', 'started anew'),
    ('version', '9.9.9', 'for version 9.9.9'),
    ('pid', '1', 'between 2 and 4194304'),
    ('pid', '4194305', 'between 2 and 4194304'),
    ('pid', '4194304', 'No such process'),
    ('not-before', '2199-01-01T00:00:00Z', 'up to 24h'),
    ('not-after', '2001-01-01T00:00:00Z', 'up to 24h'),
    ('not-after', 'soon', 'a time cannot be read'),
    ('start', '-1', 'the start is not a number'),
    ('reason', 'x\nmore: y', 'more behind the reason'),
])
def test_orders_that_are_refused_though_signed(host, line, value, message):
    order = re.sub(rf'(?m)^{line}: .*$', f'{line}: {value}', host.order())
    host.refuses(host.stop(order), message)


@pytest.mark.parametrize('first, last, message', [
    ('2001-01-01T00:00:00Z', '2001-01-01T00:10:00Z', 'it has expired'),
    ('2199-01-01T00:00:00Z', '2199-01-01T00:10:00Z', 'it is not valid yet'),
])
def test_time(host, first, last, message):
    order = re.sub(r'(?m)^not-before: .*$', f'not-before: {first}', host.order())
    order = re.sub(r'(?m)^not-after: .*$', f'not-after: {last}', order)
    host.refuses(host.stop(order), message)


def test_lines_in_another_order(host):
    lines = host.order().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    host.refuses(host.stop('\n'.join(lines) + '\n'), 'line 2 is not "host: …"')


def test_signatures(host):
    order = host.order()
    host.refuses(host.stop(order.replace('none given', 'another'), host.sign(order)), 'does not fit')
    host.refuses(host.stop(order, host.sign(order, key='stranger')), 'is not in /etc/tarsier/stop_signers')
    host.refuses(host.stop(order, host.sign(order, key='rsa')), 'not one of an Ed25519 key')
    host.refuses(host.stop(order, host.sign(order, name_space='file')), 'not made for namespace "tarsier"')
    host.refuses(host.stop(order, 'no signature'), 'not an SSH signature')
    cut = host.sign(order).splitlines()
    host.refuses(host.stop(order, '\n'.join(cut[:-1])), 'not an SSH signature')
    host.refuses(host.stop(order, host.sign(order), '--pid', os.getpid()), f'it is for process {host.agent.pid}')


def test_the_file_of_keys(host):
    order = host.order()
    os.chmod(host.signers, 0o664)
    host.refuses(host.stop(order), 'only root can write')
    os.chmod(host.signers, 0o644)
    os.chown(host.signers, 1000, 0)
    host.refuses(host.stop(order), 'only root can write')
    host.signers.unlink()
    host.refuses(host.stop(order), 'No such file or directory')
    os.symlink('/etc/passwd', host.signers)
    host.refuses(host.stop(order), 'symbolic links')


def test_no_other_program(host):
    other = subprocess.Popen(['sleep', '600'])
    try:
        assert 'is no tarsier-agent' in host.prepare(pid=other.pid).stderr
        order = re.sub(r'(?m)^pid: .*$', f'pid: {other.pid}', host.order())
        host.refuses(host.stop(order), 'is no tarsier-agent')
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize('parameters', [
    {}, {'order': 'x'}, {'signature': 'x'}, {'prepare': True}, {'prepare': True, 'pid': 1},
    {'prepare': True, 'pid': 4194305}, {'prepare': True, 'pid': 2, 'order': 'x'},
    {'prepare': True, 'pid': 2, 'reason': 'two\nlines'}, {'prepare': True, 'pid': 2, 'valid': '25h'},
])
def test_refused_parameters(tarsier, parameters):
    result = tarsier.message('agentstop', parameters)
    assert result['success'] is False and len(result['errors']) == 1
