"""A file system that never answers: FUSE whose daemon sleeps. A scrape tells it as silent, is not held up, and the other
mounts have their figures."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

from conftest import PROGRAM

PROBE = pathlib.Path(PROGRAM).parent / 'src/modules/metrics/node_probe'

pytestmark = [pytest.mark.skipif(not os.access(PROBE, os.X_OK), reason="needs the build's node_probe"),
              pytest.mark.skipif(os.geteuid() != 0, reason='needs root'),
              pytest.mark.skipif(not os.path.exists('/dev/fuse'), reason='needs /dev/fuse')]

# In a mount namespace of its own: nobody reads the device, so the kernel's first question is never answered.
INSIDE = '''
import ctypes, os, subprocess, sys
probe, hung, proc, rounds = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
fuse = os.open('/dev/fuse', os.O_RDWR)
options = f'fd={fuse},rootmode=40000,user_id=0,group_id=0'.encode()
if libc.mount(b'made', hung.encode(), b'fuse', 0, options) < 0:
    sys.exit(f'mount: {os.strerror(ctypes.get_errno())}')
os.makedirs(f'{proc}/1')
with open(f'{proc}/1/mountinfo', 'w') as file:
    file.write(f'30 1 0:50 / {hung} rw,relatime - fuse.made made rw\\n31 1 0:51 / / rw,relatime - ext4 /dev/made rw\\n')
done = subprocess.run([probe, f'--path.procfs={proc}', '--query=collect[]=filesystem', f'--rounds={rounds}'],
                      capture_output=True, text=True, timeout=60)
sys.stdout.write(done.stdout)
sys.stderr.write(done.stderr)
sys.exit(done.returncode)
'''


@pytest.mark.parametrize('rounds', [1, 5])
def test_hung_mount(mount_namespace, tmp_path, rounds):
    (tmp_path / 'hung').mkdir()
    done = subprocess.run(['unshare', '-m', sys.executable, '-c', INSIDE, str(PROBE), str(tmp_path / 'hung'),
                           str(tmp_path / 'proc'), str(rounds)], capture_output=True, text=True, timeout=90)
    if 'mount: ' in done.stderr:
        pytest.skip(f'needs to mount FUSE: {done.stderr.strip()}')
    assert done.returncode == 0, done.stderr
    hung = f'device="made",device_error="mountpoint timeout",fstype="fuse.made",mountpoint="{tmp_path}/hung"'
    assert f'node_filesystem_device_error{{{hung}}} 1\n' in done.stdout
    assert f'node_filesystem_readonly{{{hung}}} 0\n' in done.stdout
    assert not re.search(r'node_filesystem_size_bytes{.*fuse', done.stdout)
    root = 'device="/dev/made",device_error="",fstype="ext4",mountpoint="/"'
    assert f'node_filesystem_device_error{{{root}}} 0\n' in done.stdout
    assert f'node_filesystem_size_bytes{{{root}}} ' in done.stdout
    seconds = re.search(r'duration_seconds{collector="filesystem"} (\S+)', done.stdout)[1]
    if rounds > 1:
        assert float(seconds) < 5  # it hangs for ever: no measure of speed
