"""report on a host with file systems that never answer: it ends, and says what it could not see."""
import json
import os
import subprocess
import sys

import pytest

from conftest import PROGRAM

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason='needs root'),
              pytest.mark.skipif(not os.path.exists('/dev/fuse'), reason='needs /dev/fuse')]

# In a mount namespace of its own. Nobody reads the device but for the first questions, so the kernel waits for ever.
INSIDE = '''
import ctypes, os, subprocess, sys
program, home, etc = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)

def mount(source, target, kind, flags, options):
    if libc.mount(source, target.encode(), kind, flags, options) < 0:
        sys.exit(f'mount: {os.strerror(ctypes.get_errno())}')

def hang(target):
    fuse = os.open('/dev/fuse', os.O_RDWR)
    os.set_inheritable(fuse, False)
    mount(b'made', target, b'fuse', 0, f'fd={fuse},rootmode=40000,user_id=0,group_id=0,allow_other'.encode())

MS_BIND = 4096
mount(f'{etc}/passwd'.encode(), '/etc/passwd', None, MS_BIND, None)
hang(f'{home}/hung')                     # behind a link in a home: a user can do that
os.symlink(f'{home}/hung', f'{home}/.ssh')
os.makedirs('/etc/cron.d', exist_ok=True)
hang('/etc/cron.d')
done = subprocess.run([program, 'report', '--json', '--sample', '0s'], capture_output=True, text=True, timeout=110)
sys.stdout.write(done.stdout)
sys.stderr.write(done.stderr)
sys.exit(done.returncode)
'''


def test_file_systems_that_do_not_answer(mount_namespace, tmp_path):
    home, etc = tmp_path / 'home', tmp_path / 'etc'
    (home / 'hung').mkdir(parents=True)
    etc.mkdir()
    with open('/etc/passwd') as real:
        (etc / 'passwd').write_text(real.read() + f'made:x:12345:12345::{home}:/bin/sh\n')
    done = subprocess.run(['unshare', '-m', '--propagation', 'private', sys.executable, '-c', INSIDE, PROGRAM,
                           str(home), str(etc)], capture_output=True, text=True, timeout=120)
    if 'mount: ' in done.stderr:
        pytest.skip(f'needs to mount FUSE: {done.stderr.strip()}')
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert not result.get('partial'), result
    skipped = {item['path']: item['reason'] for item in result['skipped']}
    assert skipped['startup-files'] == 'etc/cron.d: its file system does not answer'
    assert skipped['authorized-keys'] == f'{home}: its file system does not answer'
    assert result['statistics']['checks'] > 50
    assert {'account-files', 'kernel-log', 'listening'} & {row['check'] for row in result['elements']}
