"""Where `tarsier top` has its figures from: a run of metrics-feed here, or an agent; and what it says when one is gone.
What the sources tell is read from recordings (--batch)."""
import contextlib
import fcntl
import http.server
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time

import pytest

from agent_harness import TARSIER, PATIENCE, Agent, Local, wait_for

AGENT = 'modules:\n  api: {listen: {http: 127.0.0.1:0}}\n  metrics: {}\n'
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


def nowhere(tmp_path):
    """An environment in which no local agent answers."""
    return {**os.environ, 'TARSIER_SOCKET': str(tmp_path / 'no.sock'), 'LANG': 'C.UTF-8'}


class Batch:
    """`tarsier top --batch` as it goes on; records that came so far."""

    def __init__(self, tmp_path, *arguments, environment=None):
        self.path = tmp_path / f'records-{time.monotonic_ns()}'
        self.process = subprocess.Popen([TARSIER, 'top', '--batch', self.path, *map(str, arguments)],
                                        env=environment or nowhere(tmp_path), stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.communicate(timeout=PATIENCE)
        finally:
            self.process.kill()

    def records(self, kind=None):
        if not self.path.exists():
            return []
        lines = self.path.read_bytes().split(b'\n')
        records = [json.loads(line)['record'] for line in lines[1:-1]]
        return [record[kind] for record in records if kind in record] if kind else records

    def states(self, name='feed'):
        return [source['state'] for source in self.records('source') if source['name'] == name]

    def last(self, name='feed'):
        found = [source for source in self.records('source') if source['name'] == name]
        return found[-1] if found else {'state': None, 'message': ''}


def test_the_feed_of_this_host(tmp_path):
    with Batch(tmp_path, '--count', 2, '--interval', '500ms') as batch:
        assert batch.process.wait(PATIENCE) == 0
        header = json.loads(batch.path.read_bytes().split(b'\n')[0])
        assert header['tarsier-top'] == 1
        assert batch.path.stat().st_mode & 0o077 == 0  # command lines are in it
        kinds = [next(iter(record)) for record in batch.records()]
        assert kinds.index('begin') < kinds.index('host') < kinds.index('tick')
        assert len(batch.records('tick')) >= 2
        assert os.getpid() in [process['pid'] for process in batch.records('process')]
        assert batch.states() == ['starting', 'live']
        assert batch.last('alerts')['state'] == 'off'
        assert 'no agent answers' in batch.last('alerts')['message']


def test_a_replay_shows_what_was_recorded(tmp_path):
    with Batch(tmp_path, '--count', 1) as batch:
        assert batch.process.wait(PATIENCE) == 0
        shown = subprocess.run([TARSIER, 'top', '--replay', batch.path, '--once', '--view', 'processes', '--filter',
                                f'pid:{os.getpid()}', '--width', '100'], env=nowhere(tmp_path), capture_output=True,
                               text=True, timeout=PATIENCE)
        assert shown.returncode == 0, shown.stderr
        assert str(os.getpid()) in shown.stdout


def test_the_feed_begins_again_when_its_worker_dies(tmp_path):
    with Batch(tmp_path) as batch:
        wait_for(lambda: batch.records('tick'), 'a first picture')
        [worker] = wait_for(lambda: children(batch.process.pid, 'metrics-feed'), 'the worker')
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: len(batch.records('begin')) == 2, 'another one')
        assert batch.states() == ['starting', 'live', 'down', 'live']
        assert any('signal 9' in source['message'] for source in batch.records('source'))


def children(pid, word):
    found = []
    for entry in os.listdir('/proc'):
        with contextlib.suppress(OSError, ValueError):
            stat = open(f'/proc/{int(entry)}/stat').read()
            line = open(f'/proc/{int(entry)}/cmdline').read()
            if int(stat.rsplit(')', 1)[1].split()[1]) == pid and word in line:
                found.append(int(entry))
    return found


@needs_root
def test_an_agent_down_and_back(tmp_path):
    state = tmp_path / 'state'
    with Agent(state, AGENT) as agent, Batch(tmp_path, '--agent', path := api_socket(agent), '--interval',
                                             '500ms') as batch:
        wait_for(lambda: batch.records('tick'), 'a first picture')
        assert batch.last()['state'] == 'live'
        assert any(process['pid'] == os.getpid() for process in batch.records('process'))
        for name in ('events', 'alerts'):  # it has neither watch nor alerts, and says so
            wait_for(lambda name=name: batch.last(name)['state'] == 'down', name)
        agent.stop()
        wait_for(lambda: batch.last()['state'] == 'down', 'word of its end')
        assert path in batch.last()['message']
        wait_for(lambda: batch.states().count('down') >= 1 and 'no agent answers' in batch.last()['message'],
                 'a reason')
        before = len(batch.records('tick'))
        with Agent(state, AGENT) as again:
            assert api_socket(again) == path
            wait_for(lambda: batch.last()['state'] == 'live', 'the feed again')
            wait_for(lambda: len(batch.records('tick')) > before + 1, 'pictures again')
            assert len(batch.records('begin')) == 2
            batch.process.send_signal(signal.SIGINT)
            batch.process.wait(PATIENCE)


def api_socket(agent):
    path = os.path.join(agent.state, 'run', 'api.sock')
    wait_for(lambda: os.path.exists(path), path)
    return path


@needs_root
def test_events_and_alerts_of_an_agent(tmp_path):
    config = ('modules:\n  api: {listen: {http: 127.0.0.1:0}}\n  metrics: {}\n  alerts: {}\n'
              '  watch: {rules: [starter]}\n')
    with Agent(tmp_path / 'state', config) as agent, contextlib.ExitStack() as stack:
        if agent.service('watch')['state'] != 'ready':
            pytest.skip('needs a source of events: ' + agent.log()[-300:])
        with Batch(tmp_path, '--agent', api_socket(agent)) as batch:
            wait_for(lambda: batch.last('alerts')['state'] == 'live', 'alerts')
            directory = stack.enter_context(tempfile.TemporaryDirectory(dir='/tmp'))
            program = shutil.copy('/bin/true', os.path.join(directory, 'seen'))

            def came():
                subprocess.run([program], check=True)
                return [event for event in batch.records('event') if program in json.dumps(event)]
            wait_for(came, 'the event')
            assert batch.last('events')['state'] == 'live'
            # what is executed below /tmp is an alert of the starter rules
            wait_for(lambda: [alert for alert in batch.records('alert') if program in json.dumps(alert)] or
                     [alert for alerts in batch.records('alerts') for alert in alerts['alerts']
                      if program in json.dumps(alert)], 'the alert')


@needs_root
def test_an_alert_is_acknowledged_and_muted(tmp_path):
    config = ('modules:\n  api: {listen: {http: 127.0.0.1:0}}\n  metrics: {}\n  alerts: {}\n'
              '  watch: {rules: [starter]}\n')
    with Agent(tmp_path / 'state', config) as agent, contextlib.ExitStack() as stack:
        if agent.service('watch')['state'] != 'ready':
            pytest.skip('needs a source of events: ' + agent.log()[-300:])
        directory = stack.enter_context(tempfile.TemporaryDirectory(dir='/tmp'))
        program = shutil.copy('/bin/true', os.path.join(directory, 'seen'))
        word = os.path.basename(directory)
        path = api_socket(agent)

        def ask(what):
            client = Local(path)
            try:
                client.request('GET', f'/v1/modules/alerts/{what}')
                return json.loads(client.getresponse().read())
            finally:
                client.close()

        def alerts():
            subprocess.run([program], check=True)
            return [alert for alert in ask('alerts')['alerts'] if word in json.dumps(alert)]
        [found, *_] = wait_for(alerts, 'the alert')
        screen = Screen(tmp_path, '--view', 'alerts', '--filter', word, '--agent', path)
        stack.callback(screen.close)
        screen.wait(found['severity'])
        screen.press('*a')
        screen.wait('comment')
        screen.press('known program\r')
        screen.wait('acknowledged')
        alert = wait_for(lambda: next((alert for alert in ask('alerts')['alerts']
                                       if word in json.dumps(alert) and alert['state'] == 'acknowledged'), None),
                         'its acknowledgement')
        assert alert['acknowledged']['comment'] == 'known program'
        screen.press('z')
        screen.wait_anew('acknowledg')
        screen.press('m')
        screen.wait_anew('Mute ')
        screen.press('\r')
        wait_for(lambda: ask('mutes')['mutes'], 'the mute')
        assert [mute['rule'] for mute in ask('mutes')['mutes']] == [alert['rule']]


@needs_root
def test_a_token_that_is_wrong(tmp_path):
    with Agent(tmp_path / 'state', AGENT) as agent:
        port = http_port(agent)
        with Batch(tmp_path, '--agent', f'http://127.0.0.1:{port}',
                   environment={**nowhere(tmp_path), 'TARSIER_TOKEN': 'wrong'}) as batch:
            wait_for(lambda: batch.last()['state'] == 'down', 'a refusal')
            assert 'refuses' in batch.last()['message'] and 'TARSIER_TOKEN' in batch.last()['message']


def http_port(agent):
    def look():
        for line in agent.log().splitlines():
            if 'http://127.0.0.1:' in line:
                return int(line.split('http://127.0.0.1:')[1].split('/')[0].split(' ')[0].split(',')[0])
        return None
    return wait_for(look, 'the port of the API')


def test_what_answers_but_is_no_agent(tmp_path):
    """Bytes that are no HTTP, and a server that never says anything of use."""
    listener = socket.create_server(('127.0.0.1', 0))

    def serve():
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                peer.recv(4096)
                peer.sendall(b'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n'
                             b'event: host\ndata: {"cpu":\n\nevent: host\ndata: nonsense\n\n')
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with Batch(tmp_path, '--agent', f'http://127.0.0.1:{listener.getsockname()[1]}') as batch:
        wait_for(lambda: batch.last()['state'] == 'down', 'a refusal')
        assert 'no JSON' in batch.last()['message']
        assert not batch.records('host')
    listener.close()


def test_the_list_of_alerts_is_asked_for_once_their_stream_stands(tmp_path):
    """Else an alert between the two would be in neither."""
    asked, opened, told = [], threading.Event(), threading.Event()

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            stream, alerts = 'stream' in self.path, '/alerts/' in self.path
            if alerts and not stream:
                asked.append(opened.is_set())
                told.set()
            elif alerts:
                told.wait(1)  # for a list that does not wait for the stream
                opened.set()
            self.send_response(200 if alerts else 404)
            self.send_header('Content-Type', 'text/event-stream' if stream else 'application/json')
            self.end_headers()
            self.wfile.write(b': alerts\n\n' if stream else b'{"alerts":[]}')
            if alerts and stream:
                self.wfile.flush()
                ended.wait()

        def log_message(self, *_):
            pass
    ended = threading.Event()
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Server) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Batch(tmp_path, '--agent', f'http://127.0.0.1:{server.server_port}') as batch:
            wait_for(lambda: batch.last('alerts')['state'] == 'live', 'the list')
        ended.set()
        server.shutdown()
    assert asked == [True]


class Screen:
    """`tarsier top` on a terminal of its own."""

    def __init__(self, tmp_path, *arguments):
        pid, self.fd = pty.fork()
        if pid == 0:
            os.execve(TARSIER, [TARSIER, 'top', *map(str, arguments)], {**nowhere(tmp_path), 'TERM': 'xterm-256color'})
        self.pid = pid
        self.text = b''
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 100, 0, 0))

    def read(self):
        while select.select([self.fd], [], [], 0)[0]:
            try:
                self.text += os.read(self.fd, 1 << 16)
            except OSError:
                return self.text
        return self.text

    def wait(self, text):
        wait_for(lambda: text.encode() in self.read(), text)
        self.text = b''

    def wait_anew(self, text):
        """Drawn whole each time: what is on the screen already is not sent again otherwise."""
        def look():
            self.text = b''
            self.press('\x0c')
            select.select([self.fd], [], [], 0.2)
            return text.encode() in self.read()
        wait_for(look, text)

    def press(self, keys):
        os.write(self.fd, keys.encode())

    def close(self):
        os.kill(self.pid, signal.SIGTERM)

        def gone():
            self.read()
            return os.waitpid(self.pid, os.WNOHANG)[0]
        try:
            wait_for(gone, 'its end')
        finally:
            os.close(self.fd)


@needs_root
@pytest.mark.parametrize('remote', [False, True], ids=['here', 'agent'])
def test_a_signal_to_a_process(tmp_path, remote):
    victim = subprocess.Popen(['sleep', '86399'])
    with contextlib.ExitStack() as stack:
        arguments = []
        if remote:
            agent = stack.enter_context(Agent(tmp_path / 'state', AGENT))
            arguments = ['--agent', api_socket(agent)]
        screen = Screen(tmp_path, '--view', 'processes', '--filter', f'pid:^{victim.pid}$', *arguments)
        stack.callback(screen.close)
        stack.callback(victim.kill)
        screen.wait('86399')
        screen.press('x')
        screen.wait('TERM')
        screen.press('\r')
        screen.wait('Send TERM')
        screen.press('y')
        assert victim.wait(PATIENCE) == -signal.SIGTERM
        screen.wait_anew('TERM to')


@needs_root
def test_readonly_sends_no_signal(tmp_path):
    victim = subprocess.Popen(['sleep', '86398'])
    try:
        screen = Screen(tmp_path, '--readonly', '--view', 'processes', '--filter', f'pid:^{victim.pid}$')
        screen.wait('86398')
        screen.press('x\ry')
        screen.press('?')
        screen.wait('Moving')
        assert victim.poll() is None
        assert b'a signal to' not in screen.read()
        screen.close()
    finally:
        victim.kill()
        victim.wait()


@needs_root
def test_events_of_this_host_once_somebody_looks(tmp_path):
    """Without an agent watch runs here, but only for the view that shows it; it is gone with the screen."""
    screen = Screen(tmp_path, '--view', 'overview')
    watches = lambda: children(screen.pid, 'watch')  # noqa: E731
    try:
        screen.wait('Memory')
        assert not watches()
        screen.press('6')
        [watch] = wait_for(watches, 'the run of watch')

        def seen():
            subprocess.run(['/bin/true', 'a-word-of-mine'], check=True)
            screen.text = b''
            screen.press('\x0c')
            select.select([screen.fd], [], [], 0.2)
            text = screen.read()
            if b'events do not come' in text:
                pytest.skip('needs a source of events')
            return b'a-word-of-mine' in text
        wait_for(seen, 'the event')
    finally:
        screen.close()
    wait_for(lambda: not os.path.exists(f'/proc/{watch}'), 'the end of watch')
