"""Times are told in the zone of who runs it, as cAdvisor tells them."""
import os
import pathlib

import pytest
from metrics_harness import Groups, Metrics, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


@pytest.mark.parametrize('zone, offset', [('Asia/Kolkata', '+05:30'), ('UTC', 'Z'), ('TST-3', '+03:00')])
def test_zone(tarsier, zone, offset):
    if '/' in zone and not pathlib.Path('/usr/share/zoneinfo', zone).exists():
        pytest.skip('needs the zones of tzdata')
    with Groups('tarsier-zone') as groups, Metrics(tarsier, behind=('env', f'TZ={zone}')) as metrics:
        path = groups.make('web')
        metrics.wait_container(path)
        stats = until(lambda: metrics.json(f'/api/v1.3/containers{path}').get('stats'), 'a sample')
        assert stats[-1]['timestamp'].endswith(offset)
        event = metrics.json(f'/api/v1.3/events{path}?creation_events=true')[0]
        assert event['timestamp'].endswith(offset)
