"""report on this very host: what is planted is found, what is told is true, and nothing is changed."""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

import pytest

SEVERITIES = ['critical', 'high', 'medium', 'low', 'info', 'ok']
DEADLINE = 20
NOBODY = 65534


@pytest.fixture(scope='module')
def report(tarsier):
    return tarsier.json('report')


def finding(tarsier, check, **options):
    """What one check says, None where it has no object here."""
    return next((row for row in tarsier.json('report', '--check', check, **options)['elements'] or []
                 if row['check'] == check), None)


def evidence(tarsier, check):
    """A check that passed and could not see everything has no row."""
    row = finding(tarsier, check)
    return row, '\n'.join((row or {}).get('evidence', []))


def started(process):
    """Has it become the program that it was started as?"""
    end = time.monotonic() + DEADLINE
    own = os.readlink('/proc/self/exe')
    while time.monotonic() < end:
        if os.readlink(f'/proc/{process.pid}/exe') != own:
            return process
    raise AssertionError('the program never started')


@pytest.fixture
def ended():
    """Ends what was put into it."""
    processes = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def test_rows_are_as_declared_and_worst_first(tarsier, report):
    rows = report['elements']
    for row in rows:
        tarsier.check('report', row)
    order = [SEVERITIES.index(row['severity']) for row in rows]
    assert order == sorted(order)
    assert all(row['finding'] and not row['finding'].endswith('.') for row in rows)
    assert len({row['check'] for row in rows}) == len(rows)


def test_counts_and_verdict_agree_with_the_rows(report):
    rows, statistics = report['elements'], report['statistics']
    counts = {severity: sum(row['severity'] == severity for row in rows) for severity in SEVERITIES}
    assert counts == {severity: statistics[severity] for severity in SEVERITIES}
    worst = rows[0]['severity']
    assert statistics['verdict'] == ('critical' if worst == 'critical' else
                                     'attention' if worst in ('high', 'medium') else 'healthy')
    assert statistics['checks'] >= 40 and statistics['processes'] > 1 and statistics['refused'] == 0


def test_the_page_has_a_row_for_every_check(tarsier):
    page = (tarsier.source / 'docs/modules/report.md').read_text()
    documented = set(re.findall(r'^\| ([a-z0-9-]+) \|', page, re.MULTILINE))
    sources = (tarsier.source / 'src/modules/report').rglob('*.c')
    checks = set(re.findall(r'\{ "([a-z0-9-]+)",\s*AREA_', '\n'.join(path.read_text() for path in sources)))
    assert len(checks) >= 40
    assert checks | {'coverage'} <= documented, checks - documented


def test_every_command_to_look_further_is_one(tarsier):
    sources = (tarsier.source / 'src/modules/report/checks').glob('*.c')
    commands = set(re.findall(r'"tarsier ((?:[^"\\]|\\.)+)"', '\n'.join(path.read_text() for path in sources)))
    assert len(commands) > 10
    for command in commands:
        words = shlex.split(command.replace('\\\\', '\\'))
        verb = words[0] in ('status', 'runs')  # of the agent, no module
        done = tarsier(*words, *([] if verb else ['--json', '--max-time', '2s']))
        assert done.returncode in (0, 1, 3, 7, 11), (command, done.stderr)  # 11: no agent to ask
        assert verb or json.loads(done.stdout.splitlines()[0])


def test_lines_end_with_the_verdict(tarsier):
    lines = tarsier('report').stdout.splitlines()
    assert re.match(r'(healthy|attention|critical): \d', lines[-1])
    assert [line.split()[0].lower() for line in lines[:-1] if line[0] != ' '] == \
        sorted((line.split()[0].lower() for line in lines[:-1] if line[0] != ' '), key=SEVERITIES.index)


def test_colours_only_where_they_are_wanted(tarsier):
    assert '\x1b' not in tarsier('report', '--least', 'low').stdout
    assert '\x1b[' in tarsier('--color=always', 'report').stdout
    assert '\x1b[' in tarsier('report', '--color=always', '--area', 'cpu').stdout


def test_selection(tarsier):
    rows = tarsier.json('report', '--area', 'cpu', '--area', 'time')['elements']
    assert rows and {row['area'] for row in rows} <= {'cpu', 'time', 'agent'}
    assert all(SEVERITIES.index(row['severity']) <= 2 for row in tarsier.json('report', '--least', 'medium')['elements'] or [])
    done = tarsier('report', '--check', 'nonsense')
    assert done.returncode == 2 and 'nonsense' in done.stderr
    assert tarsier('report', '--area', 'nonsense').returncode == 2


def test_fail_on(tarsier, tmp_path, ended):
    ended.append(from_tmp(tmp_path))
    assert tarsier('report').returncode == 0
    done = tarsier('report', '--check', 'temporary-programs', '--fail-on', 'high')
    assert done.returncode == 1 and 'HIGH' in done.stdout and '--fail-on' in done.stderr
    assert tarsier('report', '--check', 'temporary-programs', '--fail-on', 'critical').returncode == 0


def from_tmp(directory):
    program = pathlib.Path(shutil.copy('/bin/sleep', directory / 'planted'))
    return started(subprocess.Popen([program, '600']))


def test_a_program_in_tmp(tarsier, ended):
    with tempfile.TemporaryDirectory(dir='/tmp') as directory:
        process = from_tmp(pathlib.Path(directory))
        ended.append(process)
        row, text = evidence(tarsier, 'temporary-programs')
        assert row['severity'] == 'high'
        assert f'(pid {process.pid}, ' in text or row.get('more')


def test_a_deleted_program(tarsier, ended):
    home = os.path.expanduser('~')
    if home.startswith('/tmp') or not os.access(home, os.W_OK):
        pytest.skip('needs a home outside /tmp')
    with tempfile.TemporaryDirectory(dir=home) as directory:
        program = pathlib.Path(shutil.copy('/bin/sleep', directory + '/planted'))
        process = started(subprocess.Popen([program, '600']))
        ended.append(process)
        assert f'(pid {process.pid})' not in evidence(tarsier, 'deleted-programs')[1]
        program.unlink()
        row, text = evidence(tarsier, 'deleted-programs')
        assert row['severity'] in ('medium', 'high')
        assert f'planted (pid {process.pid}): {program} was deleted' in text or row.get('more')
        shutil.copy('/bin/sleep', program)
        text = evidence(tarsier, 'deleted-programs')[1]
        assert f'planted (pid {process.pid}): {program} was replaced' in text or row.get('more')


def test_a_program_in_memory(tarsier, ended):
    code = ('import os, shutil; fd = os.memfd_create("planted", 0); '
            'os.write(fd, open("/bin/sleep", "rb").read()); os.execv(f"/proc/self/fd/{fd}", ["x", "600"])')
    process = started(subprocess.Popen([sys.executable, '-c', code]))
    ended.append(process)
    row, text = evidence(tarsier, 'deleted-programs')
    assert row['severity'] == 'high'
    assert f'(pid {process.pid}): in memory only, /memfd:planted' in text or row.get('more')


def test_a_preloaded_library(tarsier, ended):
    if os.geteuid():
        pytest.skip('needs root')
    process = started(subprocess.Popen(['/bin/sleep', '600'], env={'LD_PRELOAD': '/tmp/planted.so'},
                                       stderr=subprocess.DEVNULL))
    ended.append(process)
    row, text = evidence(tarsier, 'preload')
    assert row['severity'] == 'high' and f'(pid {process.pid}, uid 0): LD_PRELOAD=/tmp/planted.so' in text


def test_a_full_file_system(tarsier, tmp_path, mount_namespace):
    place = tmp_path / 'full'
    place.mkdir()
    script = (f'mount -t tmpfs -o size=64k planted {place} && dd if=/dev/zero of={place}/x bs=4k count=64 2>/dev/null; '
              f'exec {tarsier.path} report --check filesystem-space --json')
    done = subprocess.run(['unshare', '-m', 'sh', '-c', script], capture_output=True, text=True, timeout=DEADLINE)
    rows = {row['check']: row for row in json.loads(done.stdout)['elements']}
    row = rows['filesystem-space']
    assert row['severity'] in ('high', 'critical')
    assert any(line.startswith(f'{place}: 100.0 % used') for line in row['evidence'])


def test_a_file_system_without_inodes(tarsier, tmp_path, mount_namespace):
    place = tmp_path / 'inodes'
    place.mkdir()
    script = (f'mount -t tmpfs -o nr_inodes=10 planted {place} && for i in $(seq 9); do : > {place}/$i; done 2>/dev/null; '
              f'exec {tarsier.path} report --check filesystem-inodes --json')
    done = subprocess.run(['unshare', '-m', 'sh', '-c', script], capture_output=True, text=True, timeout=DEADLINE)
    row = json.loads(done.stdout)['elements'][0]
    assert row['severity'] == 'critical' and any(line.startswith(f'{place}: ') for line in row['evidence'])


def test_files_that_everybody_may_write(tarsier, tmp_path, mount_namespace):
    """On copies that are mounted over the host's own, in a namespace of their own."""
    script = (f'cp /etc/passwd {tmp_path}/passwd && chmod 666 {tmp_path}/passwd && '
              f'mount --bind {tmp_path}/passwd /etc/passwd && '
              f'echo toor:x:0:0::/:/bin/sh >> {tmp_path}/passwd && '
              f'exec {tarsier.path} report --check account-files --check uid-0 --json')
    done = subprocess.run(['unshare', '-m', 'sh', '-c', script], capture_output=True, text=True, timeout=DEADLINE)
    rows = {row['check']: row for row in json.loads(done.stdout)['elements']}
    assert rows['account-files']['severity'] == 'critical'
    assert '/etc/passwd can be written by others (mode 0666)' in rows['account-files']['evidence']
    assert rows['uid-0']['evidence'] == ['toor has uid 0']


def test_unprivileged_it_says_what_it_did_not_see(tarsier):
    if os.geteuid():
        pytest.skip('needs root')
    done = subprocess.run(['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', tarsier.path, 'report',
                           '--json'], capture_output=True, text=True, timeout=DEADLINE)
    if not done.stdout:
        pytest.skip('needs a build that others may execute')
    result = json.loads(done.stdout)
    rows = {row['check']: row for row in result['elements']}
    assert result['success'] and 'memory-available' in rows
    assert 'empty-passwords' not in rows  # it has not passed: nobody looked
    assert 'root sees more' in rows['coverage']['finding']
    assert any(line.startswith('empty-passwords: ') for line in rows['coverage']['evidence'])
    assert 'empty-passwords' in {skipped['path'] for skipped in result['skipped']}


def test_privacy_masks_the_evidence(tarsier):
    for row in tarsier.json('report', '--privacy')['elements']:
        assert row.get('evidence', 'masked') == 'masked'


def test_a_hostile_name_does_not_reach_the_terminal(tarsier, ended):
    with tempfile.TemporaryDirectory(dir='/tmp') as directory:
        name = pathlib.Path(directory) / '\x1b[2Jx'
        shutil.copy('/bin/sleep', name)
        ended.append(started(subprocess.Popen([name, '600'])))
        assert '\x1b' not in tarsier('report', '--check', 'temporary-programs').stdout
