"""Beside Debian's prometheus-node-exporter on this machine in the same second: the same families of our collectors with
types, help texts and label sets; counters stand between a scrape of theirs before and one behind ours."""
import os
import pathlib
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from conftest import PROGRAM
from ports import free_port
from test_node_fixture import COLLECTORS, program

PROBE = pathlib.Path(PROGRAM).parent / 'src/modules/metrics/node_probe'
THEIRS = shutil.which('prometheus-node-exporter')

pytestmark = [pytest.mark.skipif(not os.access(PROBE, os.X_OK), reason="needs the build's node_probe"),
              pytest.mark.skipif(THEIRS is None, reason='needs prometheus-node-exporter')]

# Both are told the same, since Debian changes some defaults.
SHARED = ['--collector.netdev.device-exclude=^$',
          '--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|var/lib/docker/.+)($|/)',
          '--collector.netstat.fields=^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|'
          'Tcp_(ActiveOpens|InSegs|OutSegs|PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|NoPorts))$',
          r'--collector.diskstats.device-exclude=^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$',
          '--collector.stat.softirq', '--collector.cpu.info']

# What 1.5.0 does not have yet and 1.11 has.
NEWER_FAMILIES = {'node_filesystem_mount_info', 'node_pressure_irq_stalled_seconds_total', 'node_softnet_backlog_len',
                  'node_softnet_cpu_collision_total', 'node_softnet_flow_limit_count_total',
                  'node_softnet_received_rps_total', 'node_cpu_online', 'node_cpu_isolated', 'node_cpu_frequency_hertz'}
NEWER_LABELS = {'node_disk_info': {'rotational'}, 'node_network_info': {'adminstate'},
                'node_filesystem_device_error': {'device_error'}}  # the reason, where a mount cannot be asked
# Figures of the scrape itself, and of a moment: they may fall and rise between two scrapes.
OWN = {'node_exporter_build_info', 'node_scrape_collector_duration_seconds'}


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    path = tmp_path_factory.mktemp('textfile')
    (path / 'a.prom').write_text('# TYPE made_up_total counter\nmade_up_total{a="1"} 7\nmade_up_total{b="x\\"y"} 1e9\n'
                                 '# HELP made_up_gauge A gauge.\n# TYPE made_up_gauge gauge\nmade_up_gauge -0.25\n')
    (path / 'broken.prom').write_text('made_up_broken{a=1} 7\n')
    return path


@pytest.fixture(scope='module')
def theirs(directory):
    port = free_port()
    process = subprocess.Popen([THEIRS, f'--web.listen-address=127.0.0.1:{port}',
                                f'--collector.textfile.directory={directory}', *SHARED],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=5).read()
                break
            except OSError:
                time.sleep(0.05)
        yield f'http://127.0.0.1:{port}/metrics'
    finally:
        process.kill()
        process.wait()


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


def ours(directory, *arguments):
    return subprocess.run([PROBE, f'--collector.textfile.directory={directory}', *SHARED, *arguments],
                          capture_output=True, text=True, timeout=60, check=True).stdout


def parse(text):
    """{family: [type, help, {labels: value}]} without figures of the process; labels without a value are none, as for
    Prometheus."""
    families = {}
    for line in text.splitlines():
        if re.match(r'(# (HELP|TYPE) )?(go|process|promhttp)_', line):
            continue
        if line.startswith('# HELP '):
            name, _, said = line[7:].partition(' ')
            families[name] = [None, said, {}]
        elif line.startswith('# TYPE '):
            name, kind = line[7:].split(' ')
            families[name][0] = kind
        else:
            name, labels, value = re.fullmatch(r'([\w:]+)(?:{(.*)})? (\S+)', line).groups()
            pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or '')
            families[name][2][tuple(pair for pair in pairs if pair[1])] = float(value)
    return families


@pytest.fixture(scope='module', params=['probe', 'program'])
def scrapes(request, theirs, directory):
    """Theirs, ours, theirs, in one go: ours by the collectors alone, and by the command line, the sandbox and HTTP."""
    query = '?' + '&'.join(f'collect[]={name}' for name in COLLECTORS)
    get(theirs + query)  # the first one is slow
    if request.param == 'probe':
        before, mine, after = get(theirs + query), ours(directory), get(theirs + query)
    elif not os.access(PROGRAM, os.X_OK):
        pytest.skip('needs build/tarsier')
    else:
        with program(f'--collector.textfile.directory={directory}', *SHARED) as url:
            get(url)
            before, mine, after = get(theirs + query), get(url), get(theirs + query)
    return parse(before), parse(mine), parse(after)


def test_same_families(scrapes):
    before, mine, _ = scrapes
    assert set(before) - set(mine) == set()
    assert set(mine) - set(before) <= NEWER_FAMILIES


def test_same_types_and_help(scrapes):
    before, mine, _ = scrapes
    for name in set(before):
        assert mine[name][:2] == before[name][:2], name


def test_same_label_sets(scrapes):
    before, mine, after = scrapes
    for name in set(before) - OWN:
        newer = NEWER_LABELS.get(name, set())
        # of a mount that cannot be asked (as in a chroot) newer ones tell `readonly` too
        told = {tuple(pair for pair in labels if pair[0] not in newer) for labels in mine[name][2]
                if 'device_error' in newer or not dict(labels).get('device_error')}
        # what came or went meanwhile is in one of theirs only
        assert told >= set(before[name][2]) & set(after[name][2]), name
        assert told <= set(before[name][2]) | set(after[name][2]), name


def idle_as_one(values):
    """What a CPU idles counts as iowait or not by who waits when it is asked (kernel/time/tick-sched.c): each of the two may
    step back by as long as it has slept, their sum does not."""
    sums = {}
    for labels, value in values.items():
        labels = tuple((key, 'idle' if (key, one) == ('mode', 'iowait') else one) for key, one in labels)
        sums[labels] = sums.get(labels, 0) + value
    return sums


def test_counters_stand_between(scrapes):
    before, mine, after = [dict(families) for families in scrapes]
    for families in (before, mine, after):
        kind, text, values = families['node_cpu_seconds_total']
        families['node_cpu_seconds_total'] = [kind, text, idle_as_one(values)]
    wrong = []
    for name in set(before) - OWN:
        if before[name][0] != 'counter' and not re.match(r'node_(netstat|vmstat)_', name):
            continue
        if name == 'node_netstat_Tcp_CurrEstab':  # a gauge
            continue
        newer = NEWER_LABELS.get(name, set())
        for labels, value in mine[name][2].items():
            labels = tuple(pair for pair in labels if pair[0] not in newer)
            low, high = before[name][2].get(labels), after[name][2].get(labels)
            # the idle time of a CPU that sleeps is an estimate and steps back by a tick (proc(5))
            slack = 0.02 if name == 'node_cpu_seconds_total' else 0
            if low is not None and high is not None and not low - slack <= value <= high + slack:
                wrong.append((name, labels, low, value, high))
    assert wrong == []


STABLE = re.compile(r'node_(boot_time|cpu_info|disk_info|entropy_pool|filefd_maximum|filesystem_(size|files$|readonly)|'
                    r'memory_(MemTotal|SwapTotal|HugePages|Hugepagesize|CommitLimit|VmallocTotal|DirectMap)|network_(mtu|'
                    r'flags|iface|protocol|speed|transmit_queue|info|up|address|name|net_dev|carrier|dormant|device)|'
                    r'nf_conntrack_entries_limit|os_|scrape_collector_success|textfile_|time_(clock|zone)|uname_|'
                    r'timex_(status|tick|sync|tai|loop|freq))|made_up')


def test_what_does_not_change_is_equal(scrapes):
    before, mine, after = scrapes
    compared = 0
    for name in filter(STABLE.match, set(before)):
        newer = NEWER_LABELS.get(name, set())
        told = {tuple(pair for pair in labels if pair[0] not in newer): value for labels, value in mine[name][2].items()}
        for labels, value in before[name][2].items():
            if after[name][2].get(labels) == value:
                assert told[labels] == value, (name, labels)
                compared += 1
    assert compared > 60


def test_gauges_are_near(scrapes):
    """Memory and space move while three scrapes are taken, not by a tenth of the machine."""
    before, mine, _ = scrapes
    total = before['node_memory_MemTotal_bytes'][2][()]
    for name in set(before):
        if name.startswith('node_memory_') and before[name][0] == 'gauge':
            assert abs(mine[name][2][()] - before[name][2][()]) <= total / 10, name
    for labels, size in before['node_filesystem_size_bytes'][2].items():
        assert abs(mine['node_filesystem_avail_bytes'][2][labels] - before['node_filesystem_avail_bytes'][2][labels]) <= size / 10


@pytest.mark.parametrize('query', ['collect[]=nonsense', 'collect[]=cpu&collect[]=systemd_of_old'])
def test_same_refusal(theirs, directory, query):
    with pytest.raises(urllib.error.HTTPError) as refused:
        get(f'{theirs}?{query}')
    done = subprocess.run([PROBE, f'--query={query}'], capture_output=True, text=True, timeout=60, check=False)
    assert (refused.value.code, refused.value.read().decode()) == (400, done.stderr.rstrip('\n'))
