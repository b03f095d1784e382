"""Every module of this installation is locked as its worker is, and tries what it did not declare: all of it is refused or
kills the process. What it declares is allowed wherever the same act is allowed without a lock."""
import json
import os
import subprocess

import pytest

from conftest import PROGRAM

STOPPED = ('refused', 'killed')
SOCKETS = {'inet-socket': 'internet', 'inet6-socket': 'internet', 'netlink-socket': 'netlink', 'unix-socket': 'unix',
           'packet-socket': 'packet'}
ACTS = {'execute': 'executes programs', 'read-parent-environ': "reads other processes' /proc files",
        'read-parent-memory': "reads other processes' memory", 'mount': 'mounts file systems',
        'unshare': 'enters namespaces', 'bpf': 'loads BPF programs', 'fanotify': 'watches files by fanotify'}
# Declared, these are allowed only with a capability as well.
NEEDS = {'packet-socket': {'net_raw'}, 'mount': {'sys_admin'}, 'unshare': {'sys_admin'}, 'fanotify': {'sys_admin'},
         'bpf': {'bpf', 'sys_admin'}, 'read-parent-environ': {'sys_ptrace'}, 'read-parent-memory': {'sys_ptrace'}}
PERFMON = {'sys_admin', 'perfmon'}
NEVER = ('ptrace-parent', 'load-module', 'io-uring', 'raise-limit')


def first_party():
    if not os.access(PROGRAM, os.X_OK):
        return [pytest.param('', marks=pytest.mark.skip(reason='needs build/tarsier'))]
    listed = json.loads(subprocess.run([PROGRAM, 'modules', '--json'], capture_output=True, check=True).stdout)
    return [module['name'] for module in listed if not module['foreign']]


def listed_after(clauses, word):
    """The names behind "sockets: a, b"; empty when there is no such clause."""
    return {name for clause in clauses if clause.startswith(word) for name in clause[len(word):].split(', ')}


def covers(paths, path):
    return any(path == base or path.startswith(base.rstrip('/') + '/') for base in paths)


def declared_acts(clauses):
    """Act → does the module declare it?"""
    sockets = listed_after(clauses, 'sockets: ')
    acts = dict.fromkeys(NEVER, False)
    acts.update({act: word in sockets for act, word in SOCKETS.items()})
    acts.update({act: clause in clauses for act, clause in ACTS.items()})
    acts['signal-parent'] = 'signals other processes' in clauses or 'executes programs' in clauses
    acts['write-tmp'] = covers(listed_after(clauses, 'writes '), '/tmp')
    acts['read-shadow'] = 'reads every file' in clauses or \
        covers(listed_after(clauses, 'reads ') | listed_after(clauses, 'writes '), '/etc/shadow')
    return acts


@pytest.fixture(scope='module')
def prove(tarsier):
    def answer(name):
        done = tarsier('modules', '--prove', name, '--json')
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    return answer


@pytest.mark.parametrize('name', first_party())
def test_what_is_not_declared_is_refused(prove, name):
    proof = prove(name)
    declared, acts, unlocked = declared_acts(proof['declared']), proof['acts'], proof['unlocked']
    capabilities = listed_after(proof['declared'], 'capabilities: ')
    assert proof['module'] == name and set(acts) == set(declared) == set(unlocked)
    assert {'no_new_privs', 'capabilities', 'limits', 'seccomp'} <= set(proof['layers']), proof['missing']
    declared_words = proof['declared']
    landlock = 'landlock' in proof['layers']
    reads_proc = 'reads every file' in proof['declared'] or covers(listed_after(proof['declared'], 'reads '), '/proc')
    for act, outcome in acts.items():
        if declared[act]:
            if unlocked[act] == 'allowed' and (act not in NEEDS or NEEDS[act] & capabilities):
                assert outcome == 'allowed', act
        elif not landlock and (act == 'read-shadow' or (act == 'write-tmp' and 'writes no files' not in declared_words)):
            # sandbox.h: who reads others' /proc files is kept from paths by permissions only
            assert outcome == unlocked[act], proof['missing']
        elif act == 'read-parent-environ' and not landlock and os.geteuid() != 0:
            assert outcome == unlocked[act], proof['missing']  # a user's own processes
        elif act == 'read-parent-environ' and reads_proc and PERFMON & capabilities:
            assert outcome in ('allowed', *STOPPED)  # sandbox.h: these capabilities pass Linux's check, Landlock or not
        else:
            assert outcome in STOPPED or unlocked[act] == 'absent', act
    if 'writes no files' in proof['declared']:
        assert acts['write-tmp'] in STOPPED


@pytest.mark.parametrize('name', first_party())
def test_only_what_reads_other_processes_goes_without_landlock(prove, name):
    proof = prove(name)
    excused = {ACTS['read-parent-environ'], ACTS['mount']} & set(proof['declared'])
    if 'landlock' not in proof['layers'] and not excused:
        pytest.skip('needs Landlock: ' + proof['missing'])
    assert ('landlock' in proof['layers']) != bool(excused)


def test_the_proof_for_people(tarsier):
    done = tarsier('modules', '--prove', 'mem')
    rows = {line.split()[0]: line.split()[1:3] for line in done.stdout.split('\n\n')[0].splitlines()}
    assert rows['ACT'] == ['LOCKED', 'UNLOCKED'] and rows['write-tmp'] == ['refused', 'allowed']
    assert 'mem declares:\nreads /proc\nwrites no files\n' in done.stdout
    assert tarsier('modules', '--prove', 'nothing').returncode == 3
    assert tarsier('modules', '--prove').returncode == 2
