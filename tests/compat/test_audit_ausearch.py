"""What records mean, against `ausearch -i` on the same records: every system call of three machines, errno, signals,
modes, capabilities, flags of open, mount, mmap, mprotect, unshare, and every record of go-libaudit's logs."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(os.environ.get('TARSIER_SOURCE', pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get('TARSIER_BUILD', ROOT / 'build'))
LOGS = pathlib.Path(os.environ.get('TARSIER_TESTDATA', ROOT.parent / 'shared/testdata')) / 'watch/go-libaudit/auparse/testdata'
PROGRAM = BUILD / 'src/lib/audit/audit_json'
AUSEARCH = shutil.which('ausearch') or '/sbin/ausearch'

pytestmark = [
    pytest.mark.skipif(not os.access(AUSEARCH, os.X_OK), reason='needs ausearch (auditd)'),
    pytest.mark.skipif(not os.access(PROGRAM, os.X_OK), reason='needs src/lib/audit/audit_json in the build directory'),
]

TAIL = ('items=0 ppid=1 pid=2 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) '
        'ses=4294967295 comm="x" exe="/x" key=(null)')
X86 = 'c000003e'


def fields(text):
    """{name: value}; a value goes up to the next name."""
    return {name: value.strip().strip('"') for name, value in re.findall(r'(?<!\S)([\w-]+)=(.*?)(?=\s[\w-]+=|\s*$)', text)}


# (theirs, ours, reason): differences that are meant
KNOWN = {
    ('IGPWR', 'SIGPWR'): 'a slip of audit 3.0.9',
    ('SIGPOLL', 'SIGIO'): 'signal 29 has two names; signal(7) has this one first',
    ('CLONE_STOPPED', 'CLONE_NEWCGROUP'): 'the bit has another meaning since Linux 4.6',
    ('64bit', 'exec,64bit'): 'of several keys they show the last',
}


def both(bodies, tmp_path):
    """[(type, body)] -> [(their fields, our fields)]"""
    log = tmp_path / 'audit.log'
    log.write_text(''.join(f'type={kind} msg=audit(1700000000.000:{serial}): {body}\n'
                           for serial, (kind, body) in enumerate(bodies, 1)))
    done = subprocess.run([AUSEARCH, '-i', '-if', log], capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
    theirs = {int(serial): fields(text) for serial, text in re.findall(r'audit\([^)]*:(\d+)\) : (.*)', done.stdout)}
    with log.open('rb') as stdin:
        ours = subprocess.run([PROGRAM, 'text'], stdin=stdin, capture_output=True, timeout=60, check=True)
    lines = ours.stdout.decode().splitlines()
    assert len(lines) == len(bodies) and len(theirs) == len(bodies), done.stderr
    return [(theirs[serial], fields(line)) for serial, line in enumerate(lines, 1)]


def call(arch, number, exit=0, a=(0, 0, 0, 0)):
    arguments = ' '.join(f'a{i}={value:x}' for i, value in enumerate(a))
    return 'SYSCALL', f'arch={arch} syscall={number} success={"no" if exit < 0 else "yes"} exit={exit} {arguments} {TAIL}'


def different(pairs, *names):
    return [(name, their.get(name), our.get(name)) for their, our in pairs for name in names
            if their.get(name) != our.get(name) and (their.get(name), our.get(name)) not in KNOWN]


@pytest.mark.parametrize('arch', [X86, '40000003', 'c00000b7'])
def test_system_calls(arch, tmp_path):
    pairs = both([call(arch, number) for number in range(450)], tmp_path)
    known = [pair for pair in pairs if not pair[0]['syscall'].startswith('unknown-syscall')]
    assert len(known) > 300
    assert not different(known, 'arch', 'syscall', 'auid', 'ses', 'exe', 'comm', 'tty')


def test_errno(tmp_path):
    pairs = both([call(X86, 0, -number) for number in range(1, 134) if number not in (41, 58)], tmp_path)
    their = [their['exit'].split('(')[0] for their, _ in pairs]
    assert their == [our['exit'] for _, our in pairs]


def test_signals(tmp_path):
    pairs = both([call(X86, 62, a=(5, number, 0, 0)) for number in range(1, 32)], tmp_path)
    pairs += both([('ANOM_ABEND', f'auid=0 uid=0 gid=0 ses=1 pid=2 comm="x" sig={number}') for number in range(1, 32)],
                  tmp_path)
    assert not different(pairs, 'sig') + different(pairs[:31], 'a1')


def test_modes(tmp_path):
    bodies = [('PATH', f'item=0 name="/a" inode=1 dev=08:01 mode={kind | bits:07o} ouid=0 ogid=0 rdev=00:00')
              for kind in (0o100000, 0o40000, 0o20000, 0o60000, 0o10000, 0o120000, 0o140000)
              for bits in (0, 0o644, 0o755, 0o4755, 0o2755, 0o1777, 0o7777)]
    assert not different(both(bodies, tmp_path), 'mode')


def test_capabilities(tmp_path):
    sets = [0, *(1 << bit for bit in range(41)), 0x3000, 0xa80425fb, 0x7ffffffe]
    pairs = both([('BPRM_FCAPS', f'fver=2 fp={value:016x} fi={value:016x} fe=1 old_pp={value:016x} new_pe={value:016x}')
                  for value in sets], tmp_path)
    assert not different(pairs, 'fp', 'fi', 'old_pp', 'new_pe')


FLAGS = {
    # system call: (number, argument, values)
    'open': (2, 1, [0, 1, 2, 0x241, 0x441, 0x80000, 0x80241, 0x10800, 0x20000, 0x40001, 0x1001, 0xc2, 0x4001]),
    'mount': (165, 3, [1, 2, 0x21, 0x1021, 0x40000, 0x80000, 0x4000, 0x2000, 0x100000, 0x20000, 0x200000, 0x400 | 8]),
    'umount2': (166, 1, [1, 2, 4, 8, 3]),
    'mprotect': (10, 2, [0, 1, 2, 3, 4, 5, 7]),
    'mmap': (9, 3, [1, 2, 0x22, 0x32, 0x812, 0x20022, 0x8022]),
    'access': (21, 1, [0, 1, 2, 4, 6, 7]),
    'unshare': (272, 0, [0x20000, 0x7c020000, 0x10000000, 0x2000000, 0x40000000, 0x4000000]),
    'setns': (308, 1, [0x20000, 0x40000000]),
    'ptrace': (101, 0, [0, 1, 3, 4, 6, 7, 8, 9, 12, 13, 16, 17, 24, 0x4200, 0x4201, 0x4202, 0x4204, 0x4206, 0x4207]),
    'bpf': (321, 0, list(range(0, 24))),  # audit 3.0.9 knows those of Linux 5.5
    'prctl': (157, 0, [1, 3, 4, 8, 15, 22, 23, 24, 28, 36, 38, 47]),
    'setuid': (105, 0, [0xffffffff]),
    'openat': (257, 0, [0xffffff9c]),
}


@pytest.mark.parametrize('name', FLAGS)
def test_arguments(name, tmp_path):
    number, index, values = FLAGS[name]
    arguments = [[value if i == index else 0 for i in range(4)] for value in values]
    pairs = both([call(X86, number, a=a) for a in arguments], tmp_path)
    wrong = [pair for pair in different(pairs, f'a{index}') if set(pair[1].split('|')) != set(pair[2].split('|'))]
    assert not wrong


def test_seccomp(tmp_path):
    codes = (0, 0x30000, 0x50000, 0x50001, 0x7fc00000, 0x7ff00000, 0x7ffc0000, 0x7fff0000)
    pairs = both([('SECCOMP', f'auid=0 uid=0 gid=0 ses=1 pid=5 comm="a" exe="/a" sig=31 arch={X86} syscall=57 '
                   f'compat=0 ip=0x1 code={code:#x}') for code in codes], tmp_path)
    assert not different(pairs, 'sig', 'arch', 'syscall', 'code')


# Fields that ausearch looks up in this machine's databases, or writes in a form of its own.
OTHERWISE = {'uid', 'auid', 'gid', 'euid', 'suid', 'fsuid', 'egid', 'sgid', 'fsgid', 'ouid', 'ogid', 'id', 'old-auid',
             'res', 'spid', 'acct', 'data', 'ip', 'a0', 'a1', 'a2', 'a3', 'msg'}


@pytest.mark.skipif(not LOGS.is_dir(), reason='needs testdata/watch/go-libaudit')
def test_logs(tmp_path):
    bodies = []
    for log in sorted(LOGS.glob('*.log')):
        for line in log.read_text().splitlines():
            found = re.match(r'type=(\w+) msg=audit\([^)]*\):\s*(.*)', line)
            if found and found[1] not in ('AVC', 'LOGIN', 'EXECVE', 'SOCKADDR') and "msg='" not in found[2]:
                bodies.append(found.groups())
    assert len(bodies) > 30
    for their, our in both(bodies, tmp_path):
        their['exit'] = their.get('exit', '').split('(')[0]  # with strerror's text there
        assert not different([(their, our)], *(our.keys() - OTHERWISE))
