"""disk: its figures are those of statvfs and df; --fill is what du counts."""
import json
import os
import subprocess
import sys

import pytest


def test_one_path(tarsier, tmp_path):
    row = tarsier.json('disk', tmp_path)['elements'][0]
    tarsier.check('disk', row)
    space = os.statvfs(tmp_path)
    assert row['total'] == space.f_blocks * space.f_frsize and row['inodes'] == space.f_files
    assert row['asked'] == str(tmp_path) and row['type'] and row['class'] in ('disk', 'memory')
    assert abs(row['free'] - space.f_bfree * space.f_frsize) < 1 << 30  # others write meanwhile
    assert row['used'] == row['total'] - row['free'] and row['read_only'] if row.get('read_only') else True


def test_sample_line(tarsier):
    space = os.statvfs('/')
    lines = tarsier('disk', '/').stdout.splitlines()
    assert lines[0] == f'Total Disk Space : {space.f_blocks * space.f_frsize / 2**30:.1f} GB'
    assert [line.split(':')[0].strip() for line in lines[1:3]] == ['Total Disk Used', 'Total Disk Free']


def test_agrees_with_df(tarsier):
    text = subprocess.run(['df', '-B1', '--local', '--output=target,fstype,size,itotal'], capture_output=True,
                          text=True, env={**os.environ, 'LC_ALL': 'C'}).stdout
    theirs = {}
    for line in text.splitlines()[1:]:
        target, kind, size, inodes = line.rsplit(None, 3)
        if kind not in ('squashfs', 'overlay'):
            theirs[target] = (kind, size, inodes)
    ours = {row['path']: (row['type'], str(row['total']), str(row['inodes'] or '-'))
            for row in tarsier.json('disk')['elements']}
    for target, figures in theirs.items():
        assert target in ours
        assert ours[target][:2] == figures[:2]
        assert ours[target][2] in (figures[2], '-')


def test_all_shows_more(tarsier):
    few = tarsier.json('disk')
    every = tarsier.json('disk', '--all')
    kinds = {row['type'] for row in every['elements']}
    assert 'proc' in kinds and 'proc' not in {row['type'] for row in few['elements']}
    assert few['statistics']['hidden'] > 0


def test_fill_agrees_with_du(tarsier, tmp_path):
    for name, size in (('a', 100_000), ('b/c/big', 300_000), ('b/small', 10)):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'x' * size)
    os.link(tmp_path / 'b/c/big', tmp_path / 'again')
    (tmp_path / 'link').symlink_to('/usr')
    result = tarsier.json('disk', '--fill', tmp_path, '--top', '100')
    rows = {row['path']: row for row in result['elements']}
    for path in (tmp_path, tmp_path / 'b', tmp_path / 'a'):
        tarsier.check('disk', rows[str(path)])
    total = int(subprocess.run(['du', '-sx', '-B1', tmp_path], capture_output=True, text=True).stdout.split()[0])
    assert rows[str(tmp_path)]['used'] == total and rows[str(tmp_path)]['files'] == 7
    assert rows[str(tmp_path / 'a')]['file'] is True
    assert result['statistics']['links'] == 1
    sizes = [row['used'] for row in result['elements']]
    assert sizes == sorted(sizes, reverse=True)
    top = tarsier.json('disk', '--fill', tmp_path, '--top', '2')['elements']
    assert [row['used'] for row in top] == sizes[:2]


def test_fill_of_a_system_tree(tarsier):
    tree = '/usr/lib'
    total = int(subprocess.run(['du', '-sx', '-B1', tree], capture_output=True, text=True).stdout.split()[0])
    result = tarsier.json('disk', '--fill', tree, '--top', '3')
    assert result['elements'][0]['path'] == tree and result['elements'][0]['used'] == total


DEAD_SERVER = """
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
point, program = sys.argv[1:]
fd = os.open('/dev/fuse', os.O_RDWR)
options = f'fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other'
if libc.mount(b'nobody:', point.encode(), b'fuse.sshfs', 0, options.encode()) < 0:
    sys.exit(77)
for arguments in (['--all'], [], [point]):
    done = subprocess.run([program, 'disk', *arguments, '--json'], capture_output=True, text=True, timeout=60)
    print(done.stdout.strip())
"""


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists('/dev/fuse'), reason='needs root and /dev/fuse')
def test_a_dead_server_does_not_block(tarsier, tmp_path, mount_namespace):
    """A network file system whose server never answers (nobody reads the FUSE device) is skipped, not asked."""
    (tmp_path / 'share').mkdir()
    done = subprocess.run(['unshare', '-m', sys.executable, '-c', DEAD_SERVER, tmp_path / 'share', tarsier.path],
                          capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip('needs a mount namespace in which FUSE can be mounted')
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 3, done.stderr
    assert lines[0]['statistics']['network'] == 1 and lines[1]['statistics']['network'] == 1


def test_refused(tarsier):
    assert '/no/such' in str(tarsier.json('disk', '/no/such')['errors'])
    assert tarsier('disk', '--fill', '/usr', '--top', '0').returncode == 2
