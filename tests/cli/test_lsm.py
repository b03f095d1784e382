"""lsm: what the kernel's files say; AppArmor's lines on a host that has it (its files are laid out in a namespace)."""
import ctypes
import os
import subprocess
import sys

import pytest


def read(path):
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return None


def test_agrees_with_the_kernel(tarsier):
    element = tarsier.json('lsm')['elements']
    tarsier.check('lsm', element)
    assert element['seccomp_actions'] == (read('/proc/sys/kernel/seccomp/actions_avail') or '').split()
    assert element['yama_ptrace_scope'] == int(read('/proc/sys/kernel/yama/ptrace_scope') or -1)
    active = read('/sys/kernel/security/lsm')
    assert (element['active'] or []) == (active.split(',') if active else [])
    assert element['apparmor']['present'] == os.path.isdir('/sys/module/apparmor')
    abi = ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1)  # landlock_create_ruleset, VERSION
    assert element['landlock_abi'] == max(abi, 0)


def test_processes(tarsier):
    script = 'import ctypes, sys; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0); print(flush=True); sys.stdin.read()'
    child = subprocess.Popen([sys.executable, '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        child.stdout.readline()
        element = tarsier.json('lsm', '--processes')['elements']
        tarsier.check('lsm', element)
        rows = {row['pid']: row for row in element['processes']}
        assert rows[child.pid]['no_new_privs'] == 1 and rows[os.getpid()]['no_new_privs'] == int(
            next(line.split()[1] for line in open('/proc/self/status') if line.startswith('NoNewPrivs')))
        confined = [row for row in rows.values() if row['seccomp'] == 'filter' and row['comm'] == 'tarsier']
        assert confined, 'the run itself is under a filter'
    finally:
        child.stdin.close()
        child.wait(10)


LAYOUT = '''
set -e
mount -t tmpfs none /sys/module || exit 77
mkdir -p /sys/module/apparmor/parameters
echo Y >/sys/module/apparmor/parameters/enabled
echo enforce >/sys/module/apparmor/parameters/mode
mount -t tmpfs none /sys/kernel/security || exit 77
echo -n lockdown,capability,landlock,yama,apparmor >/sys/kernel/security/lsm
echo 'none [integrity] confidentiality' >/sys/kernel/security/lockdown
mkdir /sys/kernel/security/apparmor
printf '/usr/sbin/one (enforce)\\n/usr/bin/two (complain)\\nthree//child (enforce)\\n' >/sys/kernel/security/apparmor/profiles
'''


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root: unshare')
def test_apparmor_host(tarsier, mount_namespace):
    script = f'({LAYOUT}) || exit 77; {tarsier.path} lsm --profiles'
    done = subprocess.run(['unshare', '-m', 'sh', '-c', script], capture_output=True, text=True)
    if done.returncode == 77:
        pytest.skip('needs a mount namespace and /sys')
    lines = done.stdout.splitlines()
    assert lines[:2] == ['AppArmor mode : enforce', 'AppArmor is enabled : yes']
    assert 'AppArmor profiles    : 3 (2 enforce, 1 complain)' in lines
    assert '  three//child (enforce)' in lines
    assert 'Security modules     : lockdown, capability, landlock, yama, apparmor' in lines
    assert 'Lockdown             : integrity' in lines
