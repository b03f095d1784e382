"""What cAdvisor's own integration tests ask of a server that is up (integration/tests/{common,metrics} of its repository),
in our words and without an engine: any server that stands in for it must pass."""
import os
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'system'))
from metrics_harness import LABEL, Metrics, until  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')

COUNTERS = """container_cpu_usage_seconds_total container_cpu_user_seconds_total container_cpu_system_seconds_total
container_network_receive_bytes_total container_network_transmit_bytes_total container_network_receive_packets_total
container_network_transmit_packets_total container_memory_events_high_total container_memory_events_max_total
container_memory_pgscan_total container_memory_pgsteal_total container_memory_workingset_refault_file_total
container_memory_workingset_refault_anon_total""".split()
GAUGES = """container_memory_usage_bytes container_memory_working_set_bytes container_memory_cache container_memory_rss
container_memory_file_dirty_bytes container_memory_file_writeback_bytes container_fs_usage_bytes container_fs_limit_bytes
container_start_time_seconds container_spec_memory_limit_bytes container_last_seen machine_cpu_cores
machine_cpu_physical_cores machine_memory_bytes""".split()
NO_TIME = '0001-01-01T00:00:00Z'


@pytest.fixture(scope='module')
def server(tarsier):
    with Metrics(tarsier) as metrics:
        until(lambda: 'container_memory_rss{' in metrics.ask('/metrics').text, 'samples')
        until(lambda: len(metrics.json('/api/v2.1/machinestats') or []) > 1, 'two samples of the machine')
        yield metrics


@pytest.fixture(scope='module')
def families(server):
    """{name: (type, help, [(labels, value), …])}"""
    found = {}
    for line in server.ask('/metrics').text.splitlines():
        if line.startswith('# HELP '):
            _, _, name, text = line.split(' ', 3)
            found[name] = [None, text, []]
        elif line.startswith('# TYPE '):
            _, _, name, kind = line.split(' ')
            found[name][0] = kind
        else:
            match = re.match(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)', line)
            found[match[1]][2].append((dict(LABEL.findall(match[2] or '')), float(match[3])))
    return found


def test_healthz(server):
    answer = server.ask('/healthz')
    assert (answer.status, answer.text) == (200, 'ok')


def test_types_and_help(families):
    wrong = {name: families.get(name, ['absent'])[0] for names, kind in ((COUNTERS, 'counter'), (GAUGES, 'gauge'))
             for name in names if families.get(name, ['absent'])[0] != kind}
    assert not wrong
    assert not [name for name, (_, text, samples) in families.items() if not text or not samples]


def test_the_version(families):
    labels, value = families['cadvisor_version_info'][2][0]
    assert value == 1 and {'cadvisorVersion', 'kernelVersion', 'osVersion'} <= set(labels)


def test_the_machine_is_plausible(families):
    assert 1 <= families['machine_cpu_cores'][2][0][1] <= 1024
    assert 100 << 20 <= families['machine_memory_bytes'][2][0][1] <= 100 << 40


def test_the_root_is_there(families):
    assert [value for labels, value in families['container_cpu_usage_seconds_total'][2] if labels['id'] == '/' and value > 0]
    for name in ('container_cpu_usage_seconds_total', 'container_memory_usage_bytes'):
        assert all(labels['id'] for labels, _ in families[name][2])


def test_process_and_runtime(families):
    assert {'process_cpu_seconds_total', 'process_resident_memory_bytes'} <= set(families)
    assert 'go_goroutines' in families
    assert [name for name in families if name.startswith(('container_fs_reads_', 'container_fs_writes_'))]


def test_machine_information(server):
    for version in ('v1.0', 'v1.3', 'v2.0', 'v2.1'):
        machine = server.json(f'/api/{version}/machine')
        assert machine['num_cores'] > 0 and machine['memory_capacity'] > 0
        assert machine['filesystems'] and all(one['capacity'] > 0 for one in machine['filesystems'])
        assert machine['timestamp'] != NO_TIME


def test_attributes(server):
    told = server.json('/api/v2.0/attributes')
    assert told['kernel_version'] == os.uname().release
    assert told['cadvisor_version'] == server.json('/api/v2.0/version')


def test_machine_stats(server):
    for one in server.json('/api/v2.1/machinestats'):
        assert one['timestamp'] != NO_TIME
        assert one['cpu']['usage']['total'] > 0
        assert one['memory']['usage'] > 0
        assert one['cpu_inst']['usage']['total'] > 0 if one.get('cpu_inst') else True
        assert all(card['name'] for card in one['network']['interfaces'])
        for place in one['filesystem']:
            assert place['device'] and place['type']
            assert place['capacity'] is not None and place['usage'] is not None
            assert place['inodes_free'] is not None if place['type'] == 'vfs' else True
