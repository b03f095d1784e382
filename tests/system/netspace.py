"""Network namespaces of a test's own: they live as long as a process that the test started, and leave nothing behind.

    with Space() as a, Space() as b:
        connect(a, b, 'veth0', '10.0.0.1/24', '10.0.0.2/24')
        a.run('ping', ...)
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import time

import pytest

DEADLINE = 30.0  # of one wait: a limit for a broken build, never a verdict


def until(condition, what, patience=DEADLINE):
    """Polls until condition() is true and returns its value."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'never happened: {what}'
        time.sleep(0.01)


def skip_unless_possible():
    done = subprocess.run(['unshare', '-n', 'true'], capture_output=True)
    if done.returncode:
        pytest.skip('needs root: unshare -n')
    if subprocess.run(['ip', '-V'], capture_output=True).returncode:
        pytest.skip('needs ip of iproute2')


class Space:
    def __enter__(self):
        skip_unless_possible()
        self.holder = subprocess.Popen(['unshare', '-n', 'sleep', 'infinity'])
        own = os.readlink('/proc/self/ns/net')
        until(lambda: self.link() not in (None, own), 'a namespace of its own')
        self.ip('link set lo up')
        return self

    def __exit__(self, *_):
        self.holder.kill()
        self.holder.wait()

    def link(self):
        with contextlib.suppress(OSError):
            # the link changes before exec ends; the program's name tells that both are done
            if pathlib.Path(f'/proc/{self.holder.pid}/comm').read_text() == 'sleep\n':
                return os.readlink(f'/proc/{self.holder.pid}/ns/net')
        return None

    def prefix(self):
        return ['nsenter', '-t', str(self.holder.pid), '-n', '--']

    def run(self, *command, **options):
        options.setdefault('capture_output', True)
        options.setdefault('text', True)
        options.setdefault('timeout', 120)
        return subprocess.run([*self.prefix(), *map(str, command)], **options)

    def start(self, *command, **options):
        return subprocess.Popen([*self.prefix(), *map(str, command)], **options)

    def ip(self, words):
        done = self.run('ip', *words.split())
        assert done.returncode == 0, done.stderr

    def sysctl(self, key, value):
        done = self.run('sh', '-c', f'echo "{value}" > /proc/sys/{key}')
        assert done.returncode == 0, done.stderr

    def python(self, code, *arguments, **options):
        """Starts a Python program inside; it must print a line once it is ready, which is returned with it."""
        options.setdefault('stdout', subprocess.PIPE)
        child = self.start('/usr/bin/python3', '-u', '-c', code, *arguments, text=True, **options)
        return child, child.stdout.readline().strip()


def connect(a, b, name_a, name_b, *addresses):
    """A veth pair; addresses: pairs (of a, of b) such as ('10.0.0.1/24', '10.0.0.2/24')."""
    a.ip(f'link add {name_a} type veth peer name {name_b} netns {b.holder.pid}')
    for of_a, of_b in addresses:
        nodad = ' nodad' if ':' in of_a else ''
        a.ip(f'addr add {of_a} dev {name_a}{nodad}')
        b.ip(f'addr add {of_b} dev {name_b}{nodad}')
    a.ip(f'link set {name_a} up')
    b.ip(f'link set {name_b} up')
    # IPv6 is ready only when the kernel has seen both ends come up
    for space, name in ((a, name_a), (b, name_b)):
        until(lambda: 'LOWER_UP' in space.run('ip', 'link', 'show', name).stdout, f'{name} is up')


@contextlib.contextmanager
def ended(child):
    """Ends a process of the test, by its own pid."""
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.wait()
        if child.stdout:
            child.stdout.close()
