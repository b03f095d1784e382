"""node_exporter's end-to-end fixture: its trees below --path.rootfs, --path.procfs and --path.sysfs, its flags, and its
expected output line by line, restricted to the families of our collectors. What differs is listed with its reason: an
unlisted difference fails, and so does a listed one that is none any more."""
import contextlib
import os
import pathlib
import re
import subprocess
import time
import urllib.request

import pytest

from conftest import PROGRAM, ROOT
from ports import free_port

FIXTURES = pathlib.Path(os.environ.get('TARSIER_TESTDATA', ROOT / '../shared/testdata')) / 'watch/node_exporter/collector/fixtures'
PROBE = pathlib.Path(PROGRAM).parent / 'src/modules/metrics/node_probe'

pytestmark = [pytest.mark.skipif(not FIXTURES.is_dir(), reason='needs the test data of node_exporter'),
              pytest.mark.skipif(not os.access(PROBE, os.X_OK), reason='needs node_probe of the build')]

COLLECTORS = ('arp conntrack cpu diskstats entropy filefd filesystem hwmon loadavg meminfo netclass netdev netstat os '
              'pressure schedstat sockstat softnet stat textfile thermal_zone time timex udp_queues uname vmstat').split()

# Families by what they begin with; those of other collectors beside them are taken out again.
OURS = re.compile(r'node_(arp_|boot_time|context_switches|cooling_device_|cpu_|disk_|entropy_|exporter_|filefd_|filesystem_|'
                  r'forks_|hwmon_|intr_total|load\d|memory_|netstat_|network_|nf_conntrack_|os_|pressure_|procs_|schedstat_|'
                  r'scrape_collector_|sockstat_|softirqs_total|softnet_|textfile_|thermal_zone_|time_|timex_|udp_|uname_|'
                  r'vmstat_)|testmetric')
OTHERS = re.compile(r'node_(cpu_scaling_|cpu_vulnerabilities_|memory_numa_)')
# As its end-to-end-test.sh: what depends on the machine and the moment.
SKIPPED = re.compile(r'(go_|node_exporter_build_info|node_scrape_collector_duration_seconds|process_|'
                     r'node_textfile_mtime_seconds|node_time_(zone|seconds)|'
                     r'node_network_(receive|transmit)_(bytes|packets)_total)')

FLAGS = ['--path.udev.data=udev/data', '--no-collector.filesystem', '--no-collector.timex', '--no-collector.uname',
         '--collector.textfile.directory=collector/fixtures/textfile/two_metric_files/',
         '--collector.arp.device-exclude=nope',
         '--collector.hwmon.chip-include=(applesmc|coretemp|hwmon4|nct6779|mt7996|asus)',
         '--collector.netclass.ignored-devices=(dmz|int)', '--collector.netclass.ignore-invalid-speed',
         '--collector.netdev.device-include=lo', '--collector.cpu.info',
         '--collector.cpu.info.bugs-include=^(cpu_meltdown|spectre_.*|mds)$',
         '--collector.cpu.info.flags-include=^(aes|avx.?|constant_tsc)$', '--collector.stat.softirq']

# line -> reason; '-' is expected and not told, '+' told and not expected
DIFFERENCES = {}


def unpack(archive, root):
    """A ttar archive: text with Path, Lines, Mode, Directory and SymlinkTo; NULLBYTE and EOF stand for what a line of text
    cannot hold."""
    lines = iter(archive.read_text(encoding='utf-8', errors='surrogateescape').split('\n'))
    path = None
    for line in lines:
        key, _, value = line.partition(': ')
        if key == 'Path':
            path = root / value
            path.parent.mkdir(parents=True, exist_ok=True)
        elif key == 'Directory':
            (root / value).mkdir(parents=True, exist_ok=True)
        elif key == 'SymlinkTo':
            path.symlink_to(value)
        elif key == 'Lines':
            text = ''.join(next(lines) + '\n' for _ in range(int(value)))
            text = re.sub(r'(?<!\\)NULLBYTE', '\0', text).replace('\\NULLBYTE', 'NULLBYTE')
            if text.endswith('EOF\n') and not text.endswith('\\EOF\n'):
                text = text[:-4]
            path.write_bytes(text.replace('\\EOF', 'EOF').encode(errors='surrogateescape'))


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    """As in node_exporter's repository: everything below collector/fixtures."""
    root = tmp_path_factory.mktemp('node')
    fixtures = root / 'collector/fixtures'
    fixtures.mkdir(parents=True)
    for name in ('proc', 'usr', 'textfile'):
        (fixtures / name).symlink_to(FIXTURES / name)
    for name in ('sys', 'udev'):
        unpack(FIXTURES / f'{name}.ttar', fixtures)
    return root


def probe(*arguments, cwd=None, check=True):
    return subprocess.run([PROBE, *arguments], cwd=cwd, capture_output=True, timeout=60, check=check)


def family(line):
    """Of a sample, or of what stands behind # HELP and # TYPE."""
    if line.startswith('# '):
        return line.split(' ')[2]
    return re.match(r'[a-zA-Z_:0-9]*', line)[0]


def is_ours(line):
    name = family(line)
    if name == 'node_scrape_collector_success' and not line.startswith('#'):
        return re.search(r'collector="(.*?)"', line)[1] in COLLECTORS
    return bool(OURS.match(name)) and not OTHERS.match(name)


def lines_of(text):
    return [line for line in text.decode(errors='surrogateescape').split('\n')
            if line and is_ours(line) and not (line[0] != '#' and SKIPPED.match(line))]


def scrape(tree, *flags):
    return probe('--path.rootfs=collector/fixtures', '--path.procfs=collector/fixtures/proc',
                 '--path.sysfs=collector/fixtures/sys', *flags, cwd=tree).stdout


@contextlib.contextmanager
def program(*flags):
    """The address of `tarsier metrics --node`, as long as it runs."""
    port = free_port()
    process = subprocess.Popen([PROGRAM, 'metrics', '--node', '--port', str(port), *flags],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(400):
            try:
                urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=5).read()
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.05)
        yield f'http://127.0.0.1:{port}/metrics'
    finally:
        process.terminate()
        process.wait()


def check_end_to_end(text):
    expected = lines_of((FIXTURES / 'e2e-output.txt').read_bytes())
    told = lines_of(text)
    missing = [line for line in expected if line not in set(told)]
    extra = [line for line in told if line not in set(expected)]
    found = {f'-{line}' for line in missing} | {f'+{line}' for line in extra}
    assert found == set(DIFFERENCES), '\n'.join(sorted(found ^ set(DIFFERENCES)))
    assert len(expected) > 700
    assert len(missing) <= len(expected) * 0.05
    if not found:
        assert told == expected  # the order too


def test_end_to_end(tree):
    check_end_to_end(scrape(tree, *[flag.replace('udev/data', 'collector/fixtures/udev/data') for flag in FLAGS]))


def test_end_to_end_of_the_program(tarsier, tree):
    """The same through the command line, the sandbox and HTTP."""
    del tarsier
    fixtures = f'{tree}/collector/fixtures'
    flags = [flag.replace('udev/data', f'{fixtures}/udev/data').replace('=collector/fixtures', f'={fixtures}') for flag in FLAGS]
    with program(f'--path.rootfs={fixtures}', f'--path.procfs={fixtures}/proc', f'--path.sysfs={fixtures}/sys', *flags) as url:
        with urllib.request.urlopen(url, timeout=30) as answer:
            check_end_to_end(answer.read().replace(f'{tree}/'.encode(), b''))


@pytest.mark.parametrize('name', sorted(path.stem for path in FIXTURES.glob('textfile/*.out')))
def test_textfile(tree, name):
    """Its unit test's cases: a directory or pattern of that name each, all told with the time 1."""
    pattern = {'glob_extra_dimension': '*_extra_dimension'}.get(name, name)
    text = probe('--collector.disable-defaults', '--collector.textfile',
                 f'--collector.textfile.directory=fixtures/textfile/{pattern}', cwd=tree / 'collector').stdout.decode()
    lines = [line for line in text.split('\n') if not re.search('node_(exporter|scrape_collector)_', line)]
    told = re.sub(r'(node_textfile_mtime_seconds{.*}) \d.*', r'\1 1', '\n'.join(lines))
    assert told == (FIXTURES / f'textfile/{name}.out').read_text()


def test_every_collector_succeeds_on_the_fixture(tree):
    text = scrape(tree, *FLAGS).decode(errors='replace')
    failed = re.findall(r'node_scrape_collector_success{collector="(\w+)"} 0', text)
    assert failed == []


@pytest.mark.parametrize('query, message', [
    ('collect[]=nonsense', "Couldn't create filtered metrics handler: couldn't create collector: missing collector: nonsense"),
    ('collect[]=cpu&collect[]=filesystem',
     "Couldn't create filtered metrics handler: couldn't create collector: disabled collector: filesystem"),
    ('collect%5B%5D=cpu&exclude[]=stat', 'Combined collect and exclude queries are not allowed.'),
])
def test_refused_queries(tree, query, message):
    done = probe('--no-collector.filesystem', f'--query={query}', cwd=tree, check=False)
    assert done.returncode == 1
    assert done.stderr.decode() == message + '\n'
    assert done.stdout == b''


def collectors_of(text):
    return re.findall(r'node_scrape_collector_success{collector="(\w+)"}', text.decode())


def test_chosen_collectors(tree):
    assert collectors_of(probe('--query=collect[]=stat&collect%5b%5d=cpu', cwd=tree).stdout) == ['cpu', 'stat']
    left = collectors_of(probe('--query=exclude[]=stat&exclude[]=nonsense', cwd=tree).stdout)
    assert left == [name for name in COLLECTORS if name != 'stat']
    assert collectors_of(probe('--collector.disable-defaults', '--collector.time', cwd=tree).stdout) == ['time']
    assert collectors_of(probe('--query=other=1', cwd=tree).stdout) == COLLECTORS


def textfile(directory, **files):
    for name, text in files.items():
        (directory / f'{name}.prom').write_text(text)
    done = probe('--collector.disable-defaults', '--collector.textfile', f'--collector.textfile.directory={directory}')
    return done.stdout.decode(), int(re.search(r'^node_textfile_scrape_error (\d)', done.stdout.decode(), re.M)[1])


def test_textfile_of_two_types(tmp_path):
    """node_exporter answers 500 to the whole scrape then; here the second one is left out and told."""
    text, error = textfile(tmp_path, a='# TYPE x gauge\nx 1\n', b='# TYPE x histogram\nx_bucket{le="+Inf"} 1\n')
    assert 'x 1\n' in text and 'x_bucket' not in text
    assert error == 1


def test_textfile_hostile(tmp_path):
    """What is no regular file, too much, or no text costs its own file only."""
    os.mkfifo(tmp_path / 'pipe.prom')
    (tmp_path / 'directory.prom').mkdir()
    (tmp_path / 'link.prom').symlink_to('/proc/self/mem')
    with open(tmp_path / 'large.prom', 'wb') as file:
        file.truncate(1 << 40)
    text, error = textfile(tmp_path, many='a 1\n' * 300000, labels=''.join(f'b{{x{i}="1"}} 1\n' for i in range(5000)),
                           names=''.join(f'c{i}{{y{i}="1"}} 1\n' for i in range(10000)), good='good 1\n')
    assert 'good 1\n' in text
    assert re.search('^a ', text, re.M) is None
    assert error == 1


def test_textfile_completes_a_histogram(tmp_path):
    text, error = textfile(tmp_path, a='# TYPE h histogram\nh_bucket{le="1"} 2.9\nh_count 5\n# TYPE s summary\ns{quantile="0.5"} 1\n')
    assert [line for line in text.split('\n') if re.match('[hs](_|{)', line)] == [
        'h_bucket{le="1"} 2', 'h_bucket{le="+Inf"} 5', 'h_sum 0', 'h_count 5', 's{quantile="0.5"} 1', 's_sum 0', 's_count 0']
    assert error == 0
