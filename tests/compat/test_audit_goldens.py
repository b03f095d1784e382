"""Audit records and events against go-libaudit's golden files, field by field. Where we differ on purpose it stands in
DIFFERENCES with the reason: a difference that is not listed fails, and so does a listed one that is none any more."""
import json
import os
import pathlib
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(os.environ.get('TARSIER_SOURCE', pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get('TARSIER_BUILD', ROOT / 'build'))
GOLDENS = pathlib.Path(os.environ.get('TARSIER_TESTDATA', ROOT.parent / 'shared/testdata')) / 'watch/go-libaudit'
PROGRAM = BUILD / 'src/lib/audit/audit_json'

pytestmark = [
    pytest.mark.skipif(not GOLDENS.is_dir(), reason='needs testdata/watch/go-libaudit'),
    pytest.mark.skipif(not os.access(PROGRAM, os.X_OK), reason='needs src/lib/audit/audit_json in the build directory'),
]

UNSET = 'an unset session or login id has one name, wherever it stands'
NAME = 'names, not numbers'
DEVICE = 'the device that holds the file (dev=), not the one that the file is (rdev=)'
MADE = 'the file that was made, not the directory it was made in'
ONCE = 'a type stands once in a list'
NO_KEY = 'key=(null) has lost the 0x1D behind it: what follows is an interpretation, not a key'

# (file, record or event, path of the member): (theirs, ours, reason). None: not there.
DIFFERENCES = {
    ('audit-rhel7.log', 'login:414', 'data.old-ses'): ('4294967295', 'unset', UNSET),
    ('audit-rhel7.log', 'sockaddr:517645', 'data.family'): ('0', 'unspec', NAME),
    ('test2.log', 'login:296', 'data.old_auid'): ('4294967295', 'unset', UNSET),
    ('random-internet.yaml', 'ANOM_ABEND SIGSEGV seg fault', 'data.sig'): ('11', 'SIGSEGV', NAME),
    ('random-internet.yaml', 'ANOM_ABEND SIGSEGV seg fault', 'summary.how'): ('11', 'SIGSEGV', NAME),
    ('rhel-7-linux-3.10.0.yaml', 'LOGIN success', 'data.old-ses'): ('4294967295', 'unset', UNSET),
    ('rhel-7-linux-3.10.0.yaml', 'make-device', 'file.path'):
        ('/run/systemd/sessions/', '/run/systemd/sessions/23.ref', MADE),
    ('rhel-7-linux-3.10.0.yaml', 'make-device', 'summary.object.primary'):
        ('/run/systemd/sessions/', '/run/systemd/sessions/23.ref', MADE),
    ('rhel-7-linux-3.10.0.yaml', 'make-device', 'file.inode'): ('11378', '98040', MADE),
    ('rhel-7-linux-3.10.0.yaml', 'make-device', 'file.mode'): ('0755', '0600', MADE),
    ('rhel-7-linux-3.10.0.yaml', 'make-device', 'file.device'): ('00:00', '00:13', DEVICE),
    ('rhel-7-linux-3.10.0.yaml', 'mount syscall', 'file.device'): ('00:00', '00:13', DEVICE),
    ('ubuntu-16.10-linux-4.8.0.yaml', 'EXECVE', 'file.device'): ('00:00', '08:01', DEVICE),
    ('ubuntu-17.04-linux-4.10.0.yaml', 'EXECVE with multiple keys', 'file.device'): ('00:00', '08:01', DEVICE),
    ('ubuntu-17.04-linux-4.10.0.yaml', 'rename syscall', 'file.device'): ('00:00', '08:01', DEVICE),
    ('ubuntu-17.04-linux-4.10.0.yaml', 'unlink syscall', 'file.device'): ('00:00', '08:01', DEVICE),
    ('ubuntu-20.04.6-linux-5.15.0-1034-gcp.yaml', 'file_mode_preservation', 'file.device'):
        ('00:00', '08:01', DEVICE),
    ('ubuntu-16.10-linux-4.8.0.yaml', 'ANOM_PROMISCUOUS', 'ecs.event.type'):
        (['info', 'change', 'info'], ['info', 'change'], ONCE),
    ('ubuntu-21.10-linux-5.13.yaml', 'AUDIT_TIME_ADJNTPVAL chronyd freq', 'tags'): (['x86_64'], None, NO_KEY),
    ('ubuntu-21.10-linux-5.13.yaml', 'AUDIT_TIME_ADJNTPVAL chronyd status', 'tags'): (['x86_64'], None, NO_KEY),
    ('ubuntu-21.10-linux-5.13.yaml', 'AUDIT_TIME_ADJNTPVAL freq/tick', 'tags'): (['x86_64'], None, NO_KEY),
}


def run(how, text):
    done = subprocess.run([PROGRAM, how], input=text, capture_output=True, timeout=60, check=True)
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def flat(value, path=''):
    """{"a.b": leaf}; an object without members is as one that is not there."""
    if isinstance(value, dict):
        return {k: v for name, member in value.items() for k, v in flat(member, f'{path}.{name}'.lstrip('.')).items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return {k: v for i, member in enumerate(value) for k, v in flat(member, f'{path}[{i}]').items()}
    return {path: value}


def compare(file, name, theirs, ours):
    """Every member of either side that differs and is not listed."""
    theirs, ours = flat(theirs), flat(ours)
    wrong = []
    for path in sorted(theirs.keys() | ours.keys()):
        listed = DIFFERENCES.get((file, name, path))
        pair = theirs.get(path), ours.get(path)
        if listed and pair != listed[:2]:
            wrong.append((name, path, pair, 'listed otherwise', listed))
        elif not listed and pair[0] != pair[1]:
            wrong.append((name, path, pair))
    for other in DIFFERENCES:
        if other[:2] == (file, name) and other[2] not in theirs and other[2] not in ours:
            wrong.append((name, other[2], 'listed, but nowhere'))
    return wrong


RECORDS = sorted(path.name for path in (GOLDENS / 'auparse/testdata').glob('*.log'))
EVENTS = sorted(path.name for path in (GOLDENS / 'aucoalesce/testdata').glob('*.yaml'))


@pytest.mark.parametrize('file', RECORDS)
def test_records(file):
    log = GOLDENS / 'auparse/testdata' / file
    theirs = json.loads((log.parent / f'{file}.golden').read_text())
    ours = run('records', log.read_bytes())
    assert len(ours) == len(theirs)
    wrong = []
    for golden, record in zip(theirs, ours):
        if golden is None or record is None:
            assert golden is None and record is None
            continue
        wrong += compare(file, f"{golden['record_type']}:{golden['sequence']}", golden, record)
    assert not wrong


@pytest.mark.parametrize('file', EVENTS)
def test_events(file):
    source = GOLDENS / 'aucoalesce/testdata' / file
    theirs = json.loads((source.parent / (file[:-5] + '.json.golden')).read_text())
    tests = yaml.safe_load(source.read_text())['tests']
    assert {golden['test_name'] for golden in theirs} == tests.keys()
    wrong = []
    for golden in theirs:
        name = golden['test_name']
        ours, counters = run('event', tests[name].encode())
        wrong += compare(file, name, golden['event'], ours)
        # their warnings of a second kind ("failed to set …") say nothing of the records
        duplicates = sum(text.startswith('duplicate key') for text in golden.get('warnings', []))
        if counters != {'duplicates': duplicates, 'refused': 0}:
            wrong.append((name, counters, f'{duplicates} duplicates there'))
    assert not wrong


def test_differences_are_of_goldens():
    assert {key[0] for key in DIFFERENCES} <= {*RECORDS, *EVENTS}
