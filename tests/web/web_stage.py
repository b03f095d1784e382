"""The browser's tests: one agent with everything the page shows, and each scenario of *.mjs as a test of its own."""
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import pytest

HERE = pathlib.Path(__file__).resolve().parent
WEB = HERE.parents[1] / 'web'
sys.path.insert(0, str(HERE.parent / 'system'))
sys.path.insert(0, str(HERE.parent))
from agent_harness import Agent  # noqa: E402
from ports import free_port  # noqa: E402

TOKENS = {role: f'{role}-token-of-the-tests' for role in ('viewer', 'investigator', 'admin')}
BROWSER = shutil.which('chromium')
SKIPPED = 77  # a scenario's exit status


def configuration(**modules):
    return {'tokens': [{'name': role, 'role': role, 'sha256': hashlib.sha256(token.encode()).hexdigest()}
                       for role, token in TOKENS.items()],
            'modules': {'api': {}, **modules}}


def pytest_generate_tests(metafunc):
    """scenario: each of the files that the test module names in SCENARIOS."""
    if 'scenario' not in metafunc.fixturenames:
        return
    found = []
    if shutil.which('node') and (WEB / 'node_modules/playwright-core').exists():
        for file in metafunc.module.SCENARIOS:
            listed = subprocess.run(['node', HERE / file, '--list'], capture_output=True, text=True, check=True)
            found += [(file, name) for name in listed.stdout.splitlines()]
    metafunc.parametrize('scenario', found or [pytest.param(None, marks=pytest.mark.skip(reason='needs node, and the packages of web/package-lock.json'))],
                         ids=lambda each: each and each[1])


def end_group(child):
    """A shell that was killed leaves what it waits for; that is in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


class Stage:
    """An agent, and what scenarios may ask the host to do: the methods that begin with act_."""

    def __init__(self, agent):
        self.agent = agent
        self.children = []

    def address(self):
        import re
        return re.search(r'http://127\.0\.0\.1:\d+', self.agent.log()).group(0)

    def act_spawn(self, command):
        """Starts a program that ends with the test, with all that it started; its pid."""
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 start_new_session=True)
        self.children.append(child)
        return child.pid

    def act_run(self, command):
        """Runs a program to its end; its status."""
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode

    def act_run_from_temp(self, name):
        """Runs a program of this name from below /tmp, which a starter rule of watch warns of; its path."""
        folder = tempfile.mkdtemp(dir='/tmp')
        try:
            path = shutil.copy('/bin/true', os.path.join(folder, name))
            subprocess.run([path], check=True)
            return path
        finally:
            shutil.rmtree(folder)

    def act_end(self, pid):
        """Ends what spawn started."""
        end_group(next(child for child in self.children if child.pid == pid))

    def act_is_root(self):
        return os.geteuid() == 0

    def act_stop_agent(self):
        return self.agent.stop()

    def act_start_agent(self):
        """The same one on the same port."""
        self.agent.start()

    def act_is_alive(self, pid):
        for child in self.children:
            if child.pid == pid:
                return child.poll() is None
        return os.path.exists(f'/proc/{pid}')

    def play(self, file, name):
        environment = dict(os.environ, PAGE_URL=self.address(), PAGE_TOKENS=json.dumps(TOKENS), CHROMIUM=BROWSER)
        player = subprocess.Popen(['node', HERE / file, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, env=environment)
        guard = threading.Timer(240, player.kill)
        guard.start()
        said = []
        try:
            for line in player.stdout:
                if not line.startswith('!'):
                    said.append(line)
                    continue
                asked = json.loads(line[1:])
                try:
                    answer = {'result': getattr(self, 'act_' + asked['action'].replace('-', '_'))(**asked['parameters'])}
                except Exception as reason:  # the scenario is told, and fails
                    answer = {'error': repr(reason)}
                player.stdin.write(json.dumps(answer) + '\n')
                player.stdin.flush()
        finally:
            guard.cancel()
            player.kill()
            status = player.wait()
            self.end_children()
        if status == SKIPPED:
            pytest.skip(said[-1].strip().removeprefix('skipped: '))
        assert status == 0, ''.join(said)

    def end_children(self):
        for child in self.children:
            end_group(child)
        self.children.clear()


@pytest.fixture(scope='session')
def stage(tmp_path_factory):
    if not BROWSER:
        pytest.skip('needs chromium')
    modules = {'metrics': {}, 'alerts': {}}
    if os.geteuid() == 0:
        modules['watch'] = {'rules': ['starter'], 'forks': False}
    agent = Agent(tmp_path_factory.mktemp('agent'), configuration(**modules))
    agent.listen = f'127.0.0.1:{free_port()}'  # nobody else is lent it while the agent is away
    with agent:
        yield Stage(agent)
