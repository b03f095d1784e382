"""stat: what stat(1), readlink and getfattr say of files of every type, of odd names and of missing ones."""
import os
import re
import shutil
import socket
import struct
import subprocess

import pytest


@pytest.fixture
def files(tmp_path):
    (tmp_path / 'empty').touch()
    (tmp_path / 'full').write_text('text')
    os.chmod(tmp_path / 'full', 0o6755)
    (tmp_path / 'directory').mkdir(mode=0o1777)
    (tmp_path / 'link').symlink_to('full')
    (tmp_path / 'dangling').symlink_to('nowhere')
    os.mkfifo(tmp_path / 'fifo')
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / 'socket'))
    (tmp_path / 'with space\n\x1b').touch()
    os.utime(tmp_path / 'full', ns=(-5_000_000_001, 1_234_567_890_123_456_789))
    yield sorted(str(one) for one in tmp_path.iterdir()) + ['/dev/null', '/', '/proc/self/exe']
    listener.close()


def peer(path, *flags):
    keys = ['inode', 'size', 'blocks', 'links', 'uid', 'gid', 'mode', 'permissions', 'type', 'number', 'modified']
    form = '%i\\t%s\\t%b\\t%h\\t%u\\t%g\\t%a\\t%A\\t%F\\t%d\\t%.9Y'
    text = subprocess.run(['stat', *flags, '--printf', form, path], check=True, capture_output=True, text=True,
                          env={'LC_ALL': 'C', 'PATH': os.environ['PATH']}).stdout
    return dict(zip(keys, text.split('\t')))


def test_agrees_with_stat(tarsier, files):
    rows = tarsier.json('stat', *files)['elements']
    assert [row['path'] for row in rows] == files
    for row in rows:
        tarsier.check('stat', row)
        theirs = peer(row['path'])
        if not row['path'].startswith('/proc'):
            assert str(row['inode']) == theirs['inode']
        for key in ('size', 'blocks', 'links', 'uid', 'gid', 'permissions', 'type'):
            assert str(row[key]) == theirs[key], (row['path'], key)
        assert int(row['mode'], 8) == int(theirs['mode'], 8)
        assert str(row['device']['number']) == theirs['number']
        if row['type'] == 'symbolic link' and not row['path'].startswith('/proc'):
            assert row['target'] == os.readlink(row['path'])


def test_lines(tarsier, files):
    """The lines are those of stat(1), but for the device's form, the attributes and what follows."""
    def plain(text):
        text = re.sub(r'Device: \S+', 'Device:', text)
        return [' '.join(line.split()) for line in text.splitlines()]
    for path in files:
        if not path.isprintable() or path.startswith('/proc'):
            continue
        ours = tarsier('stat', path).stdout
        theirs = subprocess.run(['stat', path], capture_output=True, text=True,
                                env={**os.environ, 'LC_ALL': 'C'}).stdout
        ours_lines, their_lines = plain(ours), plain(theirs)
        if os.path.islink(path):  # reading where it leads sets its access time
            del ours_lines[4], their_lines[4]
        assert ours_lines[:len(their_lines)] == their_lines
        assert re.search(r'^Device: [0-9a-f]+h/[0-9]+d  Inode: ', ours, re.M)
        assert re.search(r'^ Attrs: [0-9a-f]{16} \(([.ciadeAmvDx-]{8} ?){8}\)$', ours, re.M)


def test_zone(tarsier, files):
    env = {**os.environ, 'TZ': 'XYZ-05:30', 'LC_ALL': 'C'}
    full = next(path for path in files if path.endswith('/full'))
    ours = [line.split(': ')[1] for line in tarsier('stat', full, env=env).stdout.splitlines() if '+0530' in line]
    theirs = [line.split(': ')[1] for line in subprocess.run(['stat', full], capture_output=True, text=True,
                                                            env=env).stdout.splitlines() if '+0530' in line]
    assert ours == theirs and len(ours) >= 3


def test_follow_and_basic(tarsier, files):
    link = next(path for path in files if path.endswith('/link'))
    row = tarsier.json('stat', '-L', link)['elements'][0]
    assert row['type'] == 'regular file' and 'target' not in row
    assert str(row['inode']) == peer(link, '-L')['inode']
    basic = tarsier.json('stat', '-b', '-A', link)['elements'][0]
    assert basic.get('born') is None and 'xattrs' not in basic
    assert '  Birth: -'.strip() in tarsier('stat', '-b', link).stdout


def test_relative_path(tarsier, tmp_path):
    (tmp_path / 'here').write_text('x')
    assert tarsier.json('stat', 'here', cwd=tmp_path)['elements'][0]['size'] == 1


def test_missing(tarsier, files):
    done = tarsier('stat', files[0], '/no/such/file')
    assert done.returncode != 0 and '/no/such/file: No such file or directory' in done.stderr + done.stdout
    result = tarsier.json('stat', files[0], '/no/such/file')
    assert len(result['elements']) == 1 and len(result['errors']) == 1 and result['statistics']['failed'] == 1
    assert tarsier('stat').returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root: sets capabilities')
def test_capabilities_and_xattrs(tarsier, tmp_path):
    path = tmp_path / 'program'
    path.touch()
    # include/uapi/linux/capability.h: revision 2, effective; CAP_NET_RAW is 13, CAP_BPF 39
    try:
        os.setxattr(path, 'security.capability', struct.pack('<5I', 0x02000001, 1 << 13, 1 << 13, 1 << 7, 0))
    except OSError:
        pytest.skip('needs a file system with security attributes')
    row = tarsier.json('stat', path)['elements'][0]
    assert row['capabilities'] == 'cap_net_raw=eip cap_bpf=ep'
    assert row['xattrs'] == os.listxattr(path)
    if shutil.which('getcap'):
        assert 'cap_net_raw' in subprocess.run(['getcap', path], capture_output=True, text=True).stdout


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root: sets attributes')
def test_attributes(tarsier, tmp_path):
    path = tmp_path / 'file'
    path.touch()
    if not shutil.which('chattr') or subprocess.run(['chattr', '+ad', path], capture_output=True).returncode:
        pytest.skip('needs chattr and a file system with attributes')
    try:
        row = tarsier.json('stat', path)['elements'][0]
        assert row['attributes'] == ['append', 'nodump'] and row['attributes_hex'] == '0000000000000060'
        assert row['attributes_letters'].endswith('.da-.-..')
    finally:
        subprocess.run(['chattr', '-ad', path], check=True)
