"""Rows of a run that lasts are shown as they come, and what follows them when it ends."""
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time

import pytest

DEADLINE = 30.0  # a limit for a broken build, never a verdict


class Run:
    """A run in a process group of its own, read as it speaks."""

    def __init__(self, tarsier, *args):
        self.child = subprocess.Popen([tarsier.path, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, start_new_session=True)
        self.text = b''

    def until(self, enough):
        """Reads until enough(text) is true. The run must still go on then."""
        end = time.monotonic() + DEADLINE
        while not (value := enough(self.text.decode())):
            ready, _, _ = select.select([self.child.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, ('nothing more came', self.text)
            part = os.read(self.child.stdout.fileno(), 65536)
            assert part, ('the run ended', self.text)
            self.text += part
        assert self.child.poll() is None
        return value

    def interrupt(self):
        """As Ctrl-C does: the signal goes to everybody of the group."""
        os.killpg(self.child.pid, signal.SIGINT)
        rest, talk = self.child.communicate(timeout=DEADLINE)
        return (self.text + rest).decode(), talk.decode()

    def leaves_nobody(self):
        """The worker and the program that prints are of the group too."""
        end = time.monotonic() + DEADLINE
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < end:
                os.killpg(self.child.pid, 0)
                select.select([], [], [], 0.01)
            raise AssertionError('somebody of the run is still there')


@pytest.fixture
def start(tarsier):
    runs = []

    def begin(*args):
        runs.append(Run(tarsier, *args))
        return runs[-1]
    yield begin
    for run in runs:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.child.pid, signal.SIGKILL)
        run.child.communicate()


def whole_lines(count):
    return lambda text: text.count('\n') >= count


SAMPLER = ('mem', '--watch', '--interval', '10ms')


def test_samples_as_ndjson(start):
    run = start(*SAMPLER, '--format', 'ndjson')
    run.until(whole_lines(3))
    text, talk = run.interrupt()
    rows = [json.loads(line) for line in text.splitlines()]
    times = [row['time'] for row in rows]
    assert len(rows) >= 3 and times == sorted(times) and all(row['total'] for row in rows)
    assert 'partial: interrupted\n' in talk and run.child.returncode != 0


@pytest.mark.parametrize('options', [(), ('--format', 'lines')])
def test_samples_as_lines(start, options):
    run = start(*SAMPLER, *options)
    run.until(whole_lines(3))
    text, talk = run.interrupt()
    assert text.endswith('\n') and 'partial: interrupted\n' in talk


def test_events_in_lines_of_their_own(start):
    """The lines come from the area's program, through a pipe: that must not hold them either."""
    run = start('listen', 'udp', '--port', 0)
    port = int(run.until(lambda text: text.endswith('\n') and text.rstrip().rsplit(':', 1)[1]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(('127.0.0.1', port))
        own = client.getsockname()[1]
        for number in range(3):
            client.send(b'number %d' % number)
            run.until(lambda text, number=number: f'Received: number {number} from [127.0.0.1]:{own}\n' in text)
    text, talk = run.interrupt()
    assert text.splitlines()[0] == f'listening [127.0.0.1]:{port}' and len(text.splitlines()) == 5
    assert text.splitlines()[-1].startswith('0 connections, 3 messages, 24 bytes, 0 answers in ')
    assert 'partial: interrupted\n' in talk


def test_events_as_ndjson(start):
    run = start('listen', 'udp', '--port', 0, '--format', 'ndjson')
    run.until(whole_lines(1))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(('127.0.0.1', json.loads(run.text)['port']))
        client.send(b'hello')
        run.until(whole_lines(2))
    text, talk = run.interrupt()
    assert [json.loads(line)['event'] for line in text.splitlines()] == ['listening', 'received']
    statistics = next(line for line in talk.splitlines() if line.startswith('statistics: '))
    assert json.loads(statistics.split(': ', 1)[1])['messages'] == 1


@pytest.mark.parametrize('args', [SAMPLER, (*SAMPLER, '--format', 'ndjson'), (*SAMPLER, '--format', 'lines')])
def test_a_reader_that_is_gone_ends_the_run(start, args):
    run = start(*args)
    run.until(whole_lines(1))
    run.child.stdout.close()
    assert run.child.wait(timeout=DEADLINE) != 0
    run.leaves_nobody()


def test_a_reader_that_is_gone_ends_a_run_of_an_area(start):
    run = start('listen', 'udp', '--port', 0)
    port = int(run.until(lambda text: text.endswith('\n') and text.rstrip().rsplit(':', 1)[1]))
    run.child.stdout.close()
    end = time.monotonic() + DEADLINE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(('127.0.0.1', port))
        while run.child.poll() is None:
            with contextlib.suppress(ConnectionRefusedError):
                client.send(b'is anybody there')
            assert time.monotonic() < end, 'the run goes on for nobody'
            select.select([], [], [], 0.01)
    assert run.child.returncode != 0
    run.leaves_nobody()
