"""Each option of --enable_metrics and --disable_metrics alone changes its own families and no other."""
import concurrent.futures
import os
import re

import pytest
from metrics_harness import Groups, Metrics, parse, until

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')

# Families that any Linux with control groups has; where hardware or kernel decide (NUMA, PSI, huge pages), a pattern.
FAMILIES = {
    'advtcp': r'container_network_advance_tcp_stats_total',
    'app': r'(?!)',
    'cpu': r'container_cpu_(system|usage|user)_seconds_total|container_cpu_cfs_.*',
    'cpuLoad': r'container_cpu_load_.*|container_tasks_state',
    'cpu_topology': r'machine_cpu_cache_capacity_bytes|machine_node_.*|machine_thread_siblings_count',
    'cpuset': r'container_memory_migrate',
    'disk': r'container_fs_(inodes_free|inodes_total|limit_bytes|usage_bytes)',
    'diskIO': r'container_fs_(io|read|write|sector).*|container_blkio_device_usage_total',
    'hugetlb': r'container_hugetlb_.*',
    'memory': r'container_memory_(?!migrate|numa_pages).*',
    'memory_numa': r'container_memory_numa_pages',
    'network': r'container_network_(receive|transmit)_.*',
    'oom_event': r'container_oom_events_total',
    'percpu': r'(?!)',
    'perf_event': r'container_perf_.*',
    'pressure': r'container_pressure_.*',
    'process': r'container_(file_descriptors|processes|sockets|threads|threads_max|ulimits_soft)',
    'referenced_memory': r'container_referenced_bytes',
    'resctrl': r'container_(llc|memory_bandwidth)_.*',
    'sched': r'container_cpu_schedstat_.*',
    'tcp': r'container_network_tcp6?_usage_total',
    'udp': r'container_network_udp6?_usage_total',
}
ALWAYS = re.compile(r'container_(creation_time|start_time)_seconds|container_(health_state|last_seen|scrape_error)|container_spec_.*'
                    r'|cadvisor_version_info|go_.*|process_.*|machine_(?!cpu_cache|node_|thread_).*')


def families(tarsier, flag, group):
    """Those with a sample of the root, of the test's group or of the machine: what else runs here comes and goes."""
    with Metrics(tarsier, flag) as metrics:
        def sampled():
            text = metrics.ask('/metrics?max_age=0s').text
            return text if f'container_last_seen{{id="{group}"' in text else None
        text = until(sampled, 'a sample')
    names = re.findall(r'^# TYPE (\S+)', text, re.M)
    assert len(names) == len(set(names)) == len(re.findall(r'^# HELP ', text, re.M))
    return {name for name, labels in parse(text) if dict(labels).get('id', '/') in ('/', group)}


@pytest.fixture(scope='module')
def found(tarsier):
    """By flag: '' for all, 'KIND' for that alone, '-KIND' for all but that."""
    with Groups(f'tarsier-test-kinds-{os.getpid()}') as groups:
        group = groups.make('one')
        flags = {'': '--disable_metrics=', **{kind: f'--enable_metrics={kind}' for kind in FAMILIES},
                 **{f'-{kind}': f'--disable_metrics={kind}' for kind in FAMILIES}}
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            return dict(zip(flags, pool.map(lambda flag: families(tarsier, flag, group), flags.values())))


@pytest.mark.parametrize('kind', FAMILIES)
def test_kind(found, kind):
    own = {name for name in found[''] if re.fullmatch(FAMILIES[kind], name)}
    assert {name for name in found[kind] if not ALWAYS.fullmatch(name)} == own
    assert found[f'-{kind}'] == found[''] - own


def test_the_table_is_whole(found):
    unknown = {name for name in found[''] if not ALWAYS.fullmatch(name) and
               not any(re.fullmatch(pattern, name) for pattern in FAMILIES.values())}
    assert not unknown
