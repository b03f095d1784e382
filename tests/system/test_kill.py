"""kill: the process that is meant and no other, who may ask for it, and what is never signalled."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest
from agent_harness import Agent, wait_for
from test_api import CONFIG, TOKENS, Api

TICKS = os.sysconf('SC_CLK_TCK')
root_only = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


@pytest.fixture
def victim():
    """A process that would run for ten minutes, and takes every signal: shells start what is in the background deaf to SIGINT."""
    process = subprocess.Popen(['env', '--default-signal', 'sleep', '600'])
    try:
        wait_for(lambda: pathlib.Path(f'/proc/{process.pid}/comm').read_text() == 'sleep\n', 'sleep')  # env is one, too
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope='module')
def api(tmp_path_factory):
    with Agent(tmp_path_factory.mktemp('kill'), CONFIG) as agent:
        yield Api(agent)


def start_ticks(pid):
    return int(pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[19])


def rfc3339(unix_ns):
    return time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(unix_ns // 10**9)) + f'.{unix_ns % 10**9 // 10**6:03d}Z'


def start_by_clock(pid):
    """As the feed counts: from the clocks' own moment of boot."""
    boot = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return boot + start_ticks(pid) * 10**9 // TICKS


def refused(tarsier, code, words, *args, **options):
    done = tarsier('kill', *args, '--json', **options)
    result = json.loads(done.stdout)
    assert done.returncode and not result['success'] and not result['foundanything'], done.stdout
    assert words in ' '.join(result['errors']), result['errors']


@pytest.mark.parametrize('spelling, number', [
    ([], 15), (['--signal', 'KILL'], 9), (['-s', 'sigint'], 2), (['-s', '10'], 10), (['-s', 'RTMIN+1'], signal.SIGRTMIN + 1), (['-s', '33'], 33)])
def test_signals_by_name_and_number(tarsier, victim, spelling, number):
    result = tarsier.json('kill', victim.pid, *spelling, '--wait', '60s')
    element = result['elements']
    tarsier.check('kill', element)
    assert victim.wait(60) == -number
    assert element['pid'] == victim.pid and element['number'] == number and element['name'] == 'sleep' and element['ended']
    assert element['uid'] == os.geteuid() and result['success'] and result['foundanything']


def test_who_does_not_end(tarsier):
    script = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)'
    with subprocess.Popen(['/usr/bin/python3', '-c', script], stdout=subprocess.PIPE) as stubborn:
        stubborn.stdout.readline()
        assert tarsier.json('kill', '--pid', stubborn.pid, '--wait', '50ms')['elements']['ended'] is False
        done = tarsier('kill', '--pid', stubborn.pid, '--signal', 'KILL', '--wait', '60s')
        assert re.fullmatch(rf'KILL sent to {stubborn.pid} \(python3\S* of .*\): it has ended\n', done.stdout.splitlines(True)[0])
        assert stubborn.wait(60) == -9


def test_its_start_as_others_tell_it(tarsier, victim):
    row = next(row for row in tarsier.json('ps')['elements'] if row['pid'] == victim.pid)
    for start in (row['start'], rfc3339(start_by_clock(victim.pid))):
        assert tarsier.json('kill', victim.pid, '--start', start, '-s', 'CONT')['elements']['signal'] == 'CONT'
    assert tarsier.json('kill', victim.pid, '-s', 'CONT')['elements']['start'] == row['start']


def test_another_process_of_the_same_pid_is_left_alone(tarsier, victim):
    for wrong in (start_by_clock(victim.pid) - 10**10, start_by_clock(victim.pid) + 10**10):
        refused(tarsier, 'not-found', 'is another one', victim.pid, '--start', rfc3339(wrong), '-s', 'KILL')
    ticks = start_ticks(victim.pid)
    boot = int(pathlib.Path('/proc/sys/kernel/random/boot_id').read_text()[:8], 16)
    refused(tarsier, 'not-found', 'is another one', '--exec-id', f'{boot:x}-{ticks + 1:x}-{victim.pid:x}-1', '-s', 'KILL')
    refused(tarsier, 'not-found', 'is another one', '--exec-id', f'{boot ^ 1:x}-{ticks:x}-{victim.pid:x}-1', '-s', 'KILL')
    assert victim.poll() is None
    element = tarsier.json('kill', '--exec-id', f'{boot:x}-{ticks:x}-{victim.pid:x}-1', '--wait', '60s')['elements']
    assert element['pid'] == victim.pid and element['ended'] and victim.wait(60) == -15


@pytest.mark.parametrize('args, words', [
    ([], 'which process'), (['--signal', 'NONE', '2'], 'is no signal'), (['--signal', '0', '2'], 'is no signal'),
    (['--signal', '65', '2'], 'is no signal'), (['--exec-id', 'x'], 'no exec_id'), (['--exec-id', '1-2-3'], 'no exec_id'),
    (['--exec-id', '1-0-3-1'], 'no exec_id'), (['--exec-id', '1-2-3-4-5'], 'no exec_id'),
    (['--exec-id', '1-2-10-1', '--pid', '17'], 'it is of process 16'), (['0'], 'pid'), (['-1'], '-1'), (['--wait', '1h', '2'], 'wait')])
def test_parameters_that_are_none(tarsier, args, words):
    done = tarsier('kill', *args)
    assert done.returncode != 0 and words in done.stderr, done.stderr


def test_who_is_gone(tarsier):
    ended = subprocess.Popen(['true'])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    refused(tarsier, 'not-found', 'waits for its parent', ended.pid)  # a zombie
    ended.wait()
    refused(tarsier, 'not-found', f'there is no process {ended.pid}', ended.pid)


def test_a_thread_is_no_process(tarsier):
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        refused(tarsier, 'invalid', 'is a thread', thread.native_id)
    finally:
        done.set()
        thread.join()


def test_what_is_never_signalled(tarsier, tmp_path):
    refused(tarsier, 'permission', 'never signalled', 1)
    kernel = pathlib.Path('/proc/2/comm')
    if kernel.exists() and kernel.read_text() == 'kthreadd\n':
        refused(tarsier, 'permission', 'thread of the kernel', 2)
    program = tmp_path / 'tarsier-agent'
    shutil.copy(shutil.which('sleep'), program)
    with subprocess.Popen([program, '600']) as agent:
        try:
            refused(tarsier, 'permission', "is Tarsier's own", agent.pid, '-s', 'KILL')
            assert agent.poll() is None
        finally:
            agent.kill()


@root_only
def test_without_the_right_to(tarsier, victim):
    """The kernel decides for who asks on the command line; a process of another user that calls itself an agent is none."""
    user = {'user': 65534, 'group': 65534, 'extra_groups': [], 'cwd': '/'}
    done = tarsier('kill', victim.pid, '--json', **user)
    assert 'not permitted' in json.loads(done.stdout)['errors'][0] and victim.poll() is None
    with subprocess.Popen(['sleep', '600'], **user) as own:
        assert tarsier.json('kill', own.pid, '--wait', '60s', **user)['elements']['uid'] == 65534
        assert own.wait(60) == -15


# ---- over HTTP ----


def ask(api, role, parameters):
    return api.ask('POST', '/v1/runs', {'module': 'kill', 'parameters': parameters}, tcp=True, token=TOKENS[role])


def over(api, run):
    return [data for name, _, data in api.follow(run) if name == 'error'], api.get(f'/v1/runs/{run}/result')


def test_only_an_admin_may(api, victim):
    for role in ('viewer', 'investigator'):
        status, _, text = ask(api, role, {'pid': victim.pid})
        assert status == 403 and json.loads(text)['error']['code'] == 'permission'
    assert api.ask('POST', '/v1/runs', {'module': 'kill', 'parameters': {'pid': victim.pid}}, tcp=True)[0] == 401
    assert victim.poll() is None
    status, _, text = ask(api, 'admin', {'pid': victim.pid, 'start': rfc3339(start_by_clock(victim.pid)), 'wait': '60s'})
    assert status == 202
    run = json.loads(text)['run']
    errors, result = over(api, run)
    assert not errors and result['elements']['ended'] and victim.wait(60) == -15
    row = api.get(f'/v1/runs/{run}')
    assert row['identity'] == 'token admin' and row['module'] == 'kill', row
    assert str(victim.pid) in json.dumps(row)


def test_the_agent_and_its_services_stay(api):
    own = {service['name']: service['pid'] for service in api.get('/v1/status')['services'] if 'pid' in service}
    assert {'api', 'example-persist'} <= set(own)
    for pid in (api.agent.process.pid, *own.values()):
        run = json.loads(ask(api, 'admin', {'pid': pid, 'signal': 'KILL'})[2])['run']
        errors, result = over(api, run)
        assert not result['success'] and "is Tarsier's own" in errors[0]['message'], errors
    assert {s['name']: s['pid'] for s in api.get('/v1/status')['services'] if 'pid' in s} == own


def test_a_name_protects_nobody_from_the_agent(api, tmp_path):
    program = tmp_path / 'tarsier-agent'
    shutil.copy(shutil.which('sleep'), program)
    with subprocess.Popen([program, '600']) as pretender:
        run = json.loads(ask(api, 'admin', {'pid': pretender.pid, 'signal': 'KILL', 'wait': '60s'})[2])['run']
        assert over(api, run)[1]['elements']['ended'] and pretender.wait(60) == -9


def test_stopped_while_it_waits(api):
    script = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)'
    with subprocess.Popen(['/usr/bin/python3', '-c', script], stdout=subprocess.PIPE) as stubborn:
        stubborn.stdout.readline()
        run = json.loads(ask(api, 'admin', {'pid': stubborn.pid, 'wait': '5m'})[2])['run']
        api.ask('DELETE', f'/v1/runs/{run}')
        api.follow(run)  # it ends
        assert stubborn.poll() is None
        stubborn.kill()
