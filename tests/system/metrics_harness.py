"""tarsier metrics as a process with a port of its own, groups that a test makes, and the kernel's own figures."""
import contextlib
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from ports import free_port

PATIENCE = 60
V1 = pathlib.Path('/sys/fs/cgroup')


def until(condition, what, patience=PATIENCE):
    """The first true value of the condition, asked again and again."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f'waited {patience} s for {what}')


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body
        self.text = body.decode('utf-8', 'replace')

    def json(self):
        return json.loads(self.text)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


class Metrics:
    """`tarsier metrics` on a port of loopback; ask() it. The rows it printed are in `rows` after stop(). behind: a
    command that it is started by, nsenter for example."""

    def __init__(self, tarsier, *flags, port=None, behind=()):
        self.port = port or free_port()
        self.process = subprocess.Popen(
            [*behind, tarsier.path, 'metrics', '--listen_ip', '127.0.0.1', '--port', str(self.port), '--json', *map(str, flags)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.rows, self.stderr = [], ''
        self.printed = []
        self.reader = threading.Thread(target=lambda: self.printed.extend(self.process.stdout), daemon=True)
        self.reader.start()  # a pipe that nobody reads would stop it as soon as it is full
        self.opener = urllib.request.build_opener(NoRedirect)

    def __enter__(self):
        until(self.answers, 'the port')
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(self.process.stderr.read())
        with contextlib.suppress(OSError):
            socket.create_connection(('127.0.0.1', self.port), 1).close()
            return True
        return False

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def ask(self, path, body=None, method=None, headers=None, timeout=60):
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers or {})
        try:
            with self.opener.open(request, timeout=timeout) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def json(self, path, body=None):
        answer = self.ask(path, json.dumps(body).encode() if body is not None else None)
        assert answer.status == 200, f'{path}: {answer.status} {answer.text[:300]}'
        return answer.json()

    def series(self, path='/metrics'):
        """{(name, ((label, value), …)): value} of an exposition."""
        return parse(self.ask(path).text)

    def wait_container(self, name):
        return until(lambda: self.ask('/api/v1.3/containers' + urllib.parse.quote(name)).status == 200, f'container {name}')

    def worker(self):
        """The pid of the worker: the child of the command."""
        children = pathlib.Path(f'/proc/{self.process.pid}/task/{self.process.pid}/children').read_text().split()
        return int(children[0]) if children else self.process.pid

    def stop(self):
        self.process.send_signal(2)
        self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.stderr = self.process.stderr.read()
        self.process.stderr.close()
        self.process.stdout.close()
        self.rows = [json.loads(line) for line in self.printed if line.startswith('{')]
        return self.process.returncode


LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: (-?\d+))?$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')


def parse(text):
    found = {}
    for line in text.splitlines():
        if line.startswith('#') or not line:
            continue
        match = LINE.match(line)
        assert match, line
        labels = tuple(sorted(LABEL.findall(match[2] or '')))
        assert (match[1], labels) not in found, f'twice: {line}'
        found[match[1], labels] = float(match[3])
    return found


def value(series, name, /, **labels):
    """The one value of this name whose labels hold these."""
    found = [v for (n, l), v in series.items() if n == name and set(labels.items()) <= set(l)]
    assert len(found) == 1, f'{name} {labels}: {found}'
    return found[0]


class Groups:
    """Control groups below one of the test's own in every v1 hierarchy and in v2; gone at the end."""

    CONTROLLERS = ('memory', 'cpu', 'cpuacct', 'blkio', 'pids', 'cpuset')

    def __init__(self, name, *more):
        self.name = name
        self.roots = []
        seen = set()
        for controller in (*self.CONTROLLERS, *more):
            root = V1 / controller
            if root.is_dir() and root.resolve() not in seen:
                seen.add(root.resolve())
                self.roots.append(root.resolve())
        for root in (V1 / 'unified', V1):
            if (root / 'cgroup.controllers').exists():
                self.roots.append(root)
                break
        if not self.roots or not os.access(self.roots[0], os.W_OK):
            pytest.skip('needs writable control groups')

    def directories(self, path):
        return [root / self.name / path if path else root / self.name for root in self.roots]

    def make(self, path='', roots=None):
        for directory in self.directories(path):
            directory.mkdir(exist_ok=True)
            for name in ('cpuset.cpus', 'cpuset.mems'):
                file = directory / name
                if file.exists() and not file.read_text().strip():
                    file.write_text((directory.parent / name).read_text())
        return '/' + '/'.join(filter(None, (self.name, path)))

    def file(self, controller, path, name):
        return (V1 / controller).resolve() / self.name / path / name

    def enter(self, path, pid):
        for directory in self.directories(path):
            (directory / 'cgroup.procs').write_text(str(pid))

    def remove(self, path=''):
        for directory in self.directories(path):
            for below in sorted((d for d in directory.glob('**/') if d.is_dir()), key=lambda d: -len(d.parts)):
                until(lambda below=below: self.gone(below), f'{below} to be empty')

    @staticmethod
    def gone(directory):
        try:
            directory.rmdir()
            return True
        except FileNotFoundError:
            return True
        except OSError:
            return False

    def __enter__(self):
        self.make()
        return self

    def __exit__(self, *_):
        self.remove()
