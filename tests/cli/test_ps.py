"""ps: its rows are those of ps(1) and /proc, its filters and its tree hold, and a process that ends is no failure."""
import datetime
import os
import subprocess
import sys

import pytest


@pytest.fixture
def child():
    """A program with a name and a title of its own, blocked on its standard input; its own child below it."""
    script = 'import os,sys; p = os.fork(); print(p, flush=True) if p else None; sys.stdin.read()'
    process = subprocess.Popen([sys.executable, '-c', script, 'word one', 'x' * 3000], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, cwd='/usr')
    process.grandchild = int(process.stdout.readline())
    yield process
    process.stdin.close()
    process.wait(10)


def test_one_process(tarsier, child):
    result = tarsier.json('ps', '--pid', child.pid)
    assert result['success'] and result['foundanything'] and len(result['elements']) == 1
    row = result['elements'][0]
    tarsier.check('ps', row)
    assert row['pid'] == child.pid and row['ppid'] == os.getpid()
    assert row['cmdline'][-2:] == ['word one', 'x' * 3000]
    assert row['exe'] == os.readlink(f'/proc/{child.pid}/exe') and row['cwd'] == '/usr'
    assert row['euid'] == os.geteuid() and row['threads'] == 1 and row['state'] in 'RS'
    for name, inode in row['namespaces'].items():
        assert os.readlink(f'/proc/{child.pid}/ns/{name}') == f'{name}:[{inode}]'
    assert row['no_new_privs'] == 0 and row['seccomp'] == 'off'


def test_agrees_with_ps(tarsier):
    def peer():
        text = subprocess.run(['ps', '-eo', 'pid=,ppid=,pgid=,sid=,nlwp=,ni=,euid=,lstart=,comm='], text=True,
                              env={'LC_ALL': 'C', 'TZ': 'UTC', 'PATH': os.environ['PATH']}, stdout=subprocess.PIPE)
        rows = {}
        for line in text.stdout.splitlines():
            words = line.split(None, 12)
            started = datetime.datetime.strptime(' '.join(words[8:12]), '%b %d %H:%M:%S %Y')
            rows[int(words[0])] = (*words[1:4], words[6], started, words[12])
        return rows
    before = peer()
    ours = {row['pid']: row for row in tarsier.json('ps')['elements']}
    after = peer()
    stable = [pid for pid in before if before[pid] == after.get(pid)]
    assert len(stable) > 1
    for pid in stable:
        row = ours[pid]
        mine = (str(row['ppid']), str(row['pgrp']), str(row['session']), str(row['euid']))
        assert mine == (*before[pid][:3], before[pid][3])
        started = datetime.datetime.fromisoformat(row['start'][:19])
        assert abs(started - before[pid][4]) <= datetime.timedelta(seconds=1)  # ps rounds the boot time its own way
        if row['comm'].isascii() and row['comm'].isprintable() and not row.get('kernel'):
            assert row['comm'] == before[pid][5].removesuffix(' <defunct>')
    assert sorted(ours) == list(ours)


def test_tree(tarsier, child):
    rows = tarsier.json('ps', '--tree', '--pid', child.grandchild)['elements']
    assert [row['pid'] for row in rows][-2:] == [child.pid, child.grandchild]
    for above, below in zip(rows, rows[1:]):
        assert below['ppid'] == above['pid'] and below['depth'] == above['depth'] + 1
    everything = tarsier.json('ps', '--tree')['elements']
    depths = {row['pid']: row['depth'] for row in everything}
    assert len(depths) == len(everything)
    for row in everything:
        assert row['depth'] == (depths[row['ppid']] + 1 if row['ppid'] in depths else 0)
    text = tarsier('ps', '--tree', '--pid', child.grandchild).stdout.splitlines()
    assert '└─ ' in next(line for line in text if line.split()[0] == str(child.grandchild))


def test_filters(tarsier, child):
    name = os.path.basename(os.readlink(f'/proc/{child.pid}/exe'))
    for pattern in (name[:4], name[:3] + '*', '?' * len(name)):
        pids = [row['pid'] for row in tarsier.json('ps', '--name', pattern)['elements']]
        assert child.pid in pids
    assert tarsier.json('ps', '--name', 'no-such-program-here')['foundanything'] is False
    mine = tarsier.json('ps', '--user', os.geteuid())['elements']
    assert child.pid in [row['pid'] for row in mine] and all(os.geteuid() in (row['uid'], row['euid']) for row in mine)
    inside, outside = (tarsier.json('ps', '--container', word, '--pid', child.pid)['foundanything']
                       for word in ('any', 'none'))
    assert inside != outside
    assert tarsier('ps', '--pid', '0').returncode == 2
    assert tarsier('ps', '--pid', 'x').returncode == 2


def test_maps_and_mounts(tarsier, child):
    row = tarsier.json('ps', '--pid', child.pid, '--maps', '--mounts')['elements'][0]
    tarsier.check('ps', row)
    with open(f'/proc/{child.pid}/maps') as file:
        lines = [line.split(None, 5) for line in file]
    assert [(one['range'], one['flags']) for one in row['maps']] == [
        ('-'.join(part.lstrip('0') or '0' for part in line[0].split('-')), line[1]) for line in lines]
    with open(f'/proc/{child.pid}/mountinfo') as file:
        assert [one['point'].encode() for one in row['mounts']] == [
            line.split()[4].encode().decode('unicode_escape').encode('latin-1') for line in file]


def test_hostile_name(tarsier, tmp_path):
    name = tmp_path / 'a) R 1\n\x1b[31m'
    name.symlink_to(sys.executable)
    process = subprocess.Popen([name, '-c', 'import sys; sys.stdin.read()'], stdin=subprocess.PIPE)
    try:
        row = tarsier.json('ps', '--pid', process.pid)['elements'][0]
        assert row['ppid'] == os.getpid()
        shown = tarsier('ps', '--pid', process.pid).stdout
        assert '\x1b' not in shown
    finally:
        process.stdin.close()
        process.wait(10)


def test_privacy(tarsier, child):
    row = tarsier.json('ps', '--pid', child.pid, '--privacy')['elements'][0]
    assert row['pid'] == child.pid
    assert 'word one' not in str(row) and '/usr' != row['cwd'] and row['user'] == 'masked'


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root: runs as another user')
def test_without_rights(tarsier):
    done = tarsier('ps', '--json', user=65534, group=65534, extra_groups=[])
    if done.returncode == 126:
        pytest.skip('needs a build directory that others may enter')
    assert '"success":true' in done.stdout and '"denied":0' not in done.stdout


def test_ended_process(tarsier):
    process = subprocess.Popen(['true'])
    process.wait()
    result = tarsier.json('ps', '--pid', process.pid)
    assert result['success'] and not result['elements']
