"""sockstat: the kernel's counters, the states that ss(8) counts, and the process that holds sockets."""
import os
import socket
import subprocess
import sys

import pytest


def kernel():
    rows = {}
    for path in ('/proc/net/sockstat', '/proc/net/sockstat6'):
        if not os.path.exists(path):
            continue
        with open(path) as file:
            for line in file:
                name, pairs = line.split(':')
                words = pairs.split()
                rows[name] = dict(zip(words[::2], map(int, words[1::2])))
    return rows


def test_agrees_with_the_kernel(tarsier):
    element = tarsier.json('sockstat')['elements']
    tarsier.check('sockstat', element)
    ours = {}
    for counter in element['counters']:
        ours.setdefault(counter['protocol'], {})[counter['name']] = counter['value']
    theirs = kernel()
    assert list(ours) == list(theirs)
    for name, row in ours.items():
        assert list(row) == list(theirs[name])


def test_states_and_owner(tarsier):
    held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(200)]
    listener = socket.create_server(('127.0.0.1', 0))
    client = socket.create_connection(listener.getsockname())
    server, _ = listener.accept()
    held.append(os.dup(listener.fileno()))  # a second descriptor of the same socket
    try:
        element = tarsier.json('sockstat', '--owners', '10000')['elements']
        states = {row['state']: row for row in element['states']}
        assert states['LISTEN']['ipv4'] >= 1 and states['ESTABLISHED']['ipv4'] >= 2
        inodes = {os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')
                  if os.path.exists(f'/proc/self/fd/{fd}') or os.path.islink(f'/proc/self/fd/{fd}')}
        mine = next(row for row in element['owners'] if row['pid'] == os.getpid())
        assert mine['sockets'] == sum(name.startswith('socket:') for name in inodes) >= 203
        counts = [row['sockets'] for row in element['owners']]
        assert counts == sorted(counts, reverse=True)
    finally:
        os.close(held.pop())
        for one in (*held, listener, client, server):
            one.close()


def test_lines(tarsier):
    lines = tarsier('sockstat').stdout.splitlines()
    assert lines[0].split() == ['PROTOCOL', 'COUNTER', 'VALUE'] and lines[1].split()[:2] == ['sockets', 'used']
    assert not tarsier.json('sockstat', '--owners', '0')['elements'].get('owners')
    assert tarsier('sockstat', '--owners', '-1').returncode == 2


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root: unshare')
def test_of_a_namespace(tarsier):
    """In an empty network namespace all is exactly known; ss counts the same."""
    script = f'''
import json, socket, subprocess
subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
six = socket.create_server(('::1', 0), family=socket.AF_INET6)
four = socket.create_server(('127.0.0.1', 0))
pairs = []
for _ in range(5):
    pairs += [socket.create_connection(four.getsockname()), four.accept()[0]]
peer = subprocess.run(['ss', '-Htan'], capture_output=True, text=True).stdout.split('\\n')
result = json.loads(subprocess.run(['{tarsier.path}', 'sockstat', '--json'], capture_output=True).stdout)
states = {{row['state']: row['ipv4'] + row['ipv6'] for row in result['elements']['states']}}
assert states == {{'LISTEN': 2, 'ESTABLISHED': 10}}, states
assert states['ESTABLISHED'] == sum(line.startswith('ESTAB') for line in peer)
assert next(row['value'] for row in result['elements']['counters'] if (row['protocol'], row['name']) == ('TCP', 'inuse')) == 11
'''
    done = subprocess.run(['unshare', '-n', sys.executable, '-c', script], capture_output=True, text=True)
    if 'unshare' in done.stderr:
        pytest.skip('needs a network namespace')
    assert done.returncode == 0, done.stderr
