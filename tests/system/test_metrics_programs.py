"""The series of processes on request: what the programs of a group used, gone with them, and nothing without the flag."""
import os
import shutil
import subprocess
import sys

import pytest
from agent_harness import Agent, wait_for
from metrics_harness import Groups, Metrics, parse, until
from test_metrics_agent import MetricsAgent

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')

BURN = 'import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass\nprint("burnt", flush=True)\ninput()'


def of_group(series, name, path):
    return {dict(labels)['comm']: v for (n, labels), v in series.items() if n == name and dict(labels)['id'] == path}


def start(groups, path, *command):
    """A process that is in the group before its program runs."""
    return subprocess.Popen(['/bin/sh', '-c', 'read go; exec "$@"', 'sh', *command], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True), path


def go(groups, started):
    process, path = started
    groups.enter(path, process.pid)
    process.stdin.write('go\n')
    process.stdin.flush()
    return process


def end(process):
    process.kill()
    process.communicate()


def test_programs_of_a_group(tarsier, tmp_path):
    program = tmp_path / 'burner'
    shutil.copy(os.path.realpath(sys.executable), program)
    with Groups('tarsier-programs') as groups:
        path = groups.make('web')
        with Metrics(tarsier, '--process_series', '1', '--unit_labels') as metrics:
            metrics.wait_container(path)
            burner = go(groups, start(groups, 'web', str(program), '-c', BURN))
            sleeper = go(groups, start(groups, 'web', 'sleep', '600'))
            try:
                assert burner.stdout.readline() == 'burnt\n'
                cpu = until(lambda: of_group(metrics.series(), 'tarsier_process_cpu_seconds_total', path).get('burner'),
                            'its CPU time')
                series = metrics.series()
                assert 0.25 < cpu < 30
                assert list(of_group(series, 'tarsier_processes', path)) == ['burner']  # the other is one too many
                assert [v for (n, labels), v in series.items()
                        if n == 'tarsier_process_series_refused' and ('id', path) in labels] == [1]
                assert of_group(series, 'tarsier_process_resident_memory_bytes', path)['burner'] > 1 << 20
                assert 'unit' in {label for (n, labels) in series if n == 'tarsier_processes' for label, _ in labels}
                assert subprocess.run(['promtool', 'check', 'metrics'], input=metrics.ask('/metrics').text, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout.count('tarsier_') == 0 \
                    if shutil.which('promtool') else True
                end(burner)
                until(lambda: list(of_group(metrics.series(), 'tarsier_processes', path)) == ['sleep'], 'the next')
                assert not any('burner' in str(labels) for _, labels in metrics.series())  # nothing is left behind
            finally:
                end(burner)
                end(sleeper)
        with Metrics(tarsier) as metrics:
            metrics.wait_container(path)
            assert 'tarsier_process' not in metrics.ask('/metrics').text


def test_each_process(tarsier):
    with Groups('tarsier-programs') as groups:
        path = groups.make('web')
        with Metrics(tarsier, '--process_series=5', '--process_pids') as metrics:
            metrics.wait_container(path)
            sleepers = [go(groups, start(groups, 'web', 'sleep', '600')) for _ in range(3)]
            try:
                pids = {str(sleeper.pid) for sleeper in sleepers}

                def told():
                    return {dict(labels)['pid'] for n, labels in metrics.series()
                            if n == 'tarsier_process_cpu_seconds_total' and dict(labels)['id'] == path} == pids
                until(told, 'all three')
            finally:
                for sleeper in sleepers:
                    end(sleeper)


def test_pids_of_nothing_are_refused(tarsier):
    done = tarsier('metrics', '--process_pids', '--duration=1ms')
    assert done.returncode != 0 and 'process_series says how many' in done.stderr


@pytest.mark.parametrize('privacy', [False, True])
def test_programs_in_the_agent(tmp_path, privacy):
    config = ('modules:\n  api: {listen: {http: 127.0.0.1:0}}\n  metrics:\n    cadvisor: {process_series: 2, process_pids: true}\n'
              + ('privacy: true\n' if privacy else ''))
    with Groups('tarsier-programs') as groups, Agent(tmp_path / 'state', config) as agent:
        path = groups.make('web')
        metrics = MetricsAgent(agent).up()
        sleeper = go(groups, start(groups, 'web', 'sleep', '600'))
        try:
            wait_for(lambda: f'id="{path}"' in metrics.ask('/prometheus')[1], 'the group')
            if privacy:  # names of programs are not told
                assert 'tarsier_process' not in metrics.ask('/prometheus')[1]
                return
            wait_for(lambda: ('tarsier_process_cpu_seconds_total', tuple(sorted(
                {'id': path, 'name': '', 'comm': 'sleep', 'pid': str(sleeper.pid)}.items()))) in parse(metrics.ask('/prometheus')[1]),
                     'its process')
            status = metrics.json('/status')
            assert status['process_series'] > 0 and status.get('process_series_refused', 0) == 0
        finally:
            end(sleeper)
