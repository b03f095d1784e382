"""With which status real containers ended, in the event of their deletion."""
import json
import os
import urllib.parse

import pytest
from container_engines import archive, docker, rootfs, space
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
                          'sleep 2; exit 7')
        space.undo.append(lambda: space.run('docker', 'rm', '-f', 'job', check=False))
        metrics.wait_container(f'/docker/{ended}')
        assert status_of(metrics, f'/docker/{ended}') == [7]
        metrics.wait_container(f'/docker/{web}')
        space.run('docker', 'kill', 'web')
        assert status_of(metrics, f'/docker/{web}') == [137]
        metrics.stop()
        rows = {row['container']: row for row in metrics.rows if row['type'] == 'containerDeletion'}
        assert rows[f'/docker/{ended}']['exit_code'] == 7
        assert 'exit_code' not in json.dumps([row for row in metrics.rows if row['type'] == 'containerCreation'])

