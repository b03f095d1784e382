"""host: uname, os-release, the kernel's files, ip(8); the ids are those of the process that answered."""
import datetime
import json
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
    element = tarsier.json('host')['elements']
    tarsier.check('host', element)
    name = os.uname()
    assert (element['hostname'], element['kernel_name'], element['kernel_release'], element['kernel_version'],
            element['architecture']) == (name.nodename, name.sysname, name.release, name.version, name.machine)
    assert element.get('machine_id') == (read('/etc/machine-id') or None)
    assert element['boot_id'] == read('/proc/sys/kernel/random/boot_id')
    release = dict(line.split('=', 1) for line in read('/etc/os-release').splitlines() if '=' in line)
    assert element['os']['id'] == release['ID'].strip('"')
    assert element['os']['pretty_name'] == release['PRETTY_NAME'].strip('"')
    assert element['machine']['cpus'] == os.cpu_count()
    with open('/proc/stat') as file:
        boot = next(int(line.split()[1]) for line in file if line.startswith('btime '))
    booted = datetime.datetime.fromisoformat(element['booted'].replace('Z', '+00:00'))
    assert abs(booted.timestamp() - boot) <= 1
    total = next(int(line.split()[1]) for line in read('/proc/meminfo').splitlines() if line.startswith('MemTotal'))
    assert element['machine']['memory'] == total * 1024


def test_who_answered(tarsier, tmp_path):
    """The command starts the worker, so the command is its parent; its directory is the command's."""
    process = subprocess.Popen([tarsier.path, 'host', '--json'], stdout=subprocess.PIPE, cwd=tmp_path)
    out, _ = process.communicate(timeout=60)
    ids = json.loads(out)['elements']['answered_by']
    assert ids['ppid'] == process.pid and ids['pid'] not in (process.pid, os.getpid()) and ids['tid'] == ids['pid']
    assert ids['uid'] == os.geteuid() and ids['gid'] == os.getegid() and ids['session'] == os.getsid(0)
    lines = tarsier('host').stdout
    assert 'Answered by   : pid ' in lines and lines.startswith('Host          : ')


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root: unshare')
def test_addresses(tarsier):
    script = f'''
import json, subprocess
for command in ('link set lo up', 'addr add 192.0.2.7/24 dev lo', 'addr add 2001:db8::7/64 dev lo nodad'):
    if subprocess.run(['ip', *command.split()]).returncode:
        raise SystemExit(77)
result = json.loads(subprocess.run(['{tarsier.path}', 'host', '--json'], capture_output=True).stdout)
addresses = result['elements']['addresses']
assert '192.0.2.7/24' in addresses and '2001:db8::7/64' in addresses, addresses
assert not [one for one in addresses if one.startswith('127.') or one.startswith('::1/')]
without = json.loads(subprocess.run(['{tarsier.path}', 'host', '--no-addresses', '--json'], capture_output=True).stdout)
assert 'addresses' not in without['elements']
'''
    done = subprocess.run(['unshare', '-n', sys.executable, '-c', script], capture_output=True, text=True)
    if done.returncode == 77 or 'unshare:' in done.stderr:
        pytest.skip('needs a network namespace')
    assert done.returncode == 0, done.stderr


def test_timezone(tarsier):
    element = tarsier.json('host')['elements']
    now = datetime.datetime.now().astimezone().strftime('%z')
    assert element['utc_offset'] == now or 'TZ' in os.environ
    link = os.path.realpath('/etc/localtime')
    if os.path.islink('/etc/localtime') and 'zoneinfo/' in os.readlink('/etc/localtime'):
        assert os.path.exists(link) and element['timezone'] in os.readlink('/etc/localtime')


def test_virtualisation(tarsier):
    found = subprocess.run(['systemd-detect-virt', '--vm'], capture_output=True, text=True) if any(
        os.access(os.path.join(folder, 'systemd-detect-virt'), os.X_OK)
        for folder in os.environ['PATH'].split(':')) else None
    if not found or found.stdout.strip() in ('none', ''):
        pytest.skip('needs systemd-detect-virt and a virtual machine')
    assert tarsier.json('host')['elements']['machine'].get('vm') == found.stdout.strip()


def test_privacy(tarsier):
    element = tarsier.json('host', '--privacy')['elements']
    open_text = json.dumps(tarsier.json('host')['elements'])
    assert element['answered_by']['cwd'] == 'masked'
    if read('/etc/machine-id'):
        assert read('/etc/machine-id') in open_text and read('/etc/machine-id') not in json.dumps(element)
