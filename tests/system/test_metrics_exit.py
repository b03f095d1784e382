"""With which status real containers ended, in the event of their deletion."""
import json
import os
import pathlib
import urllib.parse

import pytest
from container_engines import archive, docker, podman_command, rootfs, space
from metrics_harness import Metrics, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


def status_of(metrics, path):
    query = '?deletion_events=true&max_events=10'
    events = until(lambda: metrics.json('/api/v1.3/events' + urllib.parse.quote(path) + query), 'the event')
    return [event['event_data']['container_deletion']['exit_code'] for event in events]


def metrics_in(space, tarsier):
    return Metrics(tarsier, '--housekeeping_interval=500ms', behind=space.mounts())


def test_docker(tarsier, space, archive):
    with metrics_in(space, tarsier) as metrics:
        web, _ = docker(space, archive)
        ended = space.run('docker', 'run', '-d', '--name', 'job', '--network=none', 'example.org/tiny:1', '/bin/sh', '-c',
                          'while [ ! -e /end ]; do sleep 0.1; done; exit 7')
        space.undo.append(lambda: space.run('docker', 'rm', '-f', 'job', check=False))
        metrics.wait_container(f'/docker/{ended}')
        pid = space.run('docker', 'inspect', '-f', '{{.State.Pid}}', 'job')
        (pathlib.Path(f'/proc/{pid}/root') / 'end').touch()
        assert status_of(metrics, f'/docker/{ended}') == [7]
        metrics.wait_container(f'/docker/{web}')
        space.run('docker', 'kill', 'web')
        assert status_of(metrics, f'/docker/{web}') == [137]
        metrics.stop()
        rows = {row['container']: row for row in metrics.rows if row['type'] == 'containerDeletion'}
        assert rows[f'/docker/{ended}']['exit_code'] == 7
        assert 'exit_code' not in json.dumps([row for row in metrics.rows if row['type'] == 'containerCreation'])


def test_docker_that_starts_it_again(tarsier, space, archive):
    with metrics_in(space, tarsier) as metrics:
        docker(space, archive)
        again = space.run('docker', 'run', '-d', '--name', 'again', '--restart=always', '--network=none', 'example.org/tiny:1',
                          '/bin/sh', '-c', 'sleep 1; exit 7')
        space.undo.append(lambda: space.run('docker', 'rm', '-f', 'again', check=False))
        until(lambda: 7 in status_of(metrics, f'/docker/{again}'), 'the status of an end')


def test_podman(tarsier, space, archive, tmp_path):
    podman = podman_command(tmp_path)
    with metrics_in(space, tarsier) as metrics:
        space.run(*podman, 'import', archive, 'example.org/tiny:1')
        space.run(*podman, 'run', '-d', '--name', 'job', '--network=none', 'example.org/tiny:1', '/bin/sh', '-c',
                  'while [ ! -e /end ]; do sleep 0.1; done; exit 9')
        space.undo.append(lambda: space.run(*podman, 'rm', '-f', '-t', '0', 'job', check=False))
        pid = space.run(*podman, 'inspect', '-f', '{{.State.Pid}}', 'job')
        path = next(line.split(':', 2)[2] for line in pathlib.Path(f'/proc/{pid}/cgroup').read_text().splitlines()
                    if line.split(':')[1] == 'memory')
        metrics.wait_container(path)
        until(lambda: metrics.json(f'/api/v1.3/containers{path}').get('namespace') == 'podman', 'its engine')
        until(lambda: 'job' in metrics.json(f'/api/v1.3/containers{path}').get('aliases', []), 'its name')
        (pathlib.Path(f'/proc/{pid}/root') / 'end').touch()
        assert status_of(metrics, path) == [9]
