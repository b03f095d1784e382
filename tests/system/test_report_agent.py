"""report about the agent of this host: a real one, and sockets behind which something else sits."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import sqlite3
import sys
import threading

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from agent_harness import Agent, wait_for  # noqa: E402

CHECKS = {'agent-services', 'agent-log', 'agent-alerts', 'agent-losses', 'agent-stores'}


def report(tarsier, path, *words):
    """Rows by the name of their check."""
    done = tarsier('report', '--area', 'agent', '--json', *words, env=dict(os.environ, TARSIER_SOCKET=str(path)))
    assert done.returncode == 0, done.stderr
    return {row['check']: row for row in json.loads(done.stdout)['elements'] or []}


@contextlib.contextmanager
def pretender(path, answer):
    """A server on this socket; answer(path) gives the bytes, None is silence."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(64)
    held, asked = [], []

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            text = connection.recv(4096).decode()
            asked.append(text.splitlines()[0])
            said = answer(asked[-1].split()[1])
            if said is None:
                held.append(connection)
                continue
            with contextlib.suppress(OSError):
                connection.sendall(said)
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()
        for connection in held:
            connection.close()


def http(body, status='200 OK'):
    return f'HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{body}'.encode()


def test_no_agent(tarsier, tmp_path):
    assert report(tarsier, tmp_path / 'none') == {}
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(tmp_path / 'stale'))
    stale.close()
    assert report(tarsier, tmp_path / 'stale') == {}
    (tmp_path / 'file').write_text('')
    assert report(tarsier, tmp_path / 'file') == {}


@pytest.fixture
def agent(tmp_path):
    with Agent(tmp_path, {'modules': {'alerts': {}, 'example-persist': {}}}) as running:
        yield running


def api_of(agent):
    return pathlib.Path(agent.state) / 'run/api.sock'


def test_an_agent_that_is_well(tarsier, agent):
    rows = report(tarsier, api_of(agent))
    assert set(rows) == CHECKS
    assert {row['severity'] for row in rows.values()} == {'ok'}
    for row in rows.values():
        tarsier.check('report', row)


def test_a_service_that_ended(tarsier, agent):
    os.kill(agent.service('example-persist')['pid'], signal.SIGKILL)
    wait_for(lambda: agent.service('example-persist')['restarts'] == 1, 'its restart')
    wait_for(lambda: agent.service('example-persist')['state'] == 'ready', 'it runs again')
    row = report(tarsier, api_of(agent))['agent-services']
    assert row['severity'] == 'low' and row['evidence'] == ['example-persist was started again 1 time']
    assert row['command'] == 'tarsier status'


def test_a_run_of_the_agents_asks_that_agent(tarsier, agent, tmp_path):
    os.kill(agent.service('example-persist')['pid'], signal.SIGKILL)
    wait_for(lambda: agent.service('example-persist')['restarts'] == 1, 'its restart')
    wait_for(lambda: agent.service('example-persist')['state'] == 'ready', 'it runs again')
    done = tarsier('--agent', api_of(agent), 'report', '--check', 'agent-services', '--json',
                   env=dict(os.environ, TARSIER_SOCKET=str(tmp_path / 'none')))
    assert [row['severity'] for row in json.loads(done.stdout)['elements']] == ['low'], done.stderr


def test_a_run_log_that_was_changed(tarsier, agent):
    front = agent.front()
    front.run('example', {'gethostname': True})
    front.close()
    assert report(tarsier, api_of(agent))['agent-log']['severity'] == 'ok'
    changed = 0
    for path in pathlib.Path(agent.state).glob('*.db'):
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as log, log:
            if log.execute("SELECT 1 FROM sqlite_master WHERE name = 'log'").fetchone():
                changed += log.execute("UPDATE log SET identity = 'somebody else' WHERE seq = 1").rowcount
    assert changed == 1
    row = report(tarsier, api_of(agent))['agent-log']
    assert row['severity'] == 'high' and 'row 1' in row['evidence'][0]


def test_who_may_not_ask_is_told_so(tarsier, tmp_path):
    with pretender(tmp_path / 'sock', lambda path: http('{"error":{}}', '403 Forbidden')) as asked:
        rows = report(tarsier, tmp_path / 'sock')
    assert {name: row['severity'] for name, row in rows.items()} == {'agent-services': 'info'}
    assert all(line.startswith('GET /v1/') for line in asked) and len(asked) == 7
    locked = tmp_path / 'locked'
    locked.mkdir()
    tmp_path.chmod(0o755)
    if os.geteuid() == 0:  # a directory of others: is there an agent in it?
        locked.chmod(0o700)
        done = tarsier('report', '--area', 'agent', '--json', user=65534,
                       env=dict(os.environ, TARSIER_SOCKET=str(locked / 'sock')))
        if done.returncode == 0:  # the build may lie where nobody else reads
            assert 'may not be asked' in done.stdout


def test_alerts_that_nobody_has_seen_to(tarsier, tmp_path):
    def answer(path):
        if 'counts' in path:
            return http('{"open":{"low":0,"medium":0,"high":0,"critical":1}}')
        if 'alerts?' in path:
            return http('{"alerts":[{"id":3,"severity":"critical","module":"watch","message":"a \\u001b[31mred one"}]}')
        return http('{"services":[],"intact":true}')

    with pretender(tmp_path / 'sock', answer):
        row = report(tarsier, tmp_path / 'sock')['agent-alerts']
        shown = tarsier('report', '--check', 'agent-alerts', env=dict(os.environ, TARSIER_SOCKET=str(tmp_path / 'sock')))
    assert row['severity'] == 'high' and row['evidence'][0].startswith('3, critical: watch: a ')
    assert '\x1b' not in shown.stdout and 'red one' in shown.stdout


NO_ANSWERS = {
    'silence': None, 'an end': b'', 'half a head': b'HTTP/1.1 200 OK\r\n', 'less': b'HTTP/1.1 2', 'only a line': b'\r\n\r\n',
    'bytes': b'\xff' * 5000, 'deep JSON': http('{"services":' + '[' * 100000), 'a list': http('[]'), 'a NUL': http('{}\0{}'),
    'too much': http('{"x":"' + 'y' * (2 << 20) + '"}'), 'an error': http('', '500 No')}


@pytest.mark.parametrize('name', NO_ANSWERS)
def test_what_is_no_agent(tarsier, tmp_path, name):
    with pretender(tmp_path / 'sock', lambda path: NO_ANSWERS[name]):
        rows = report(tarsier, tmp_path / 'sock')
    assert 'agent-services' in rows or 'coverage' in rows
    assert all(row['severity'] in ('medium', 'info', 'ok') for row in rows.values()), rows
