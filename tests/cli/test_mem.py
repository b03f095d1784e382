"""mem: its figures are those of /proc/meminfo and free(1); the sampler gives rates and reacts to a stop at once."""
import os
import re
import signal
import subprocess


def kernel():
    with open('/proc/meminfo') as file:
        return {line.split(':')[0]: int(line.split()[1]) * (1024 if line.rstrip().endswith('kB') else 1)
                for line in file}


def test_agrees_with_the_kernel(tarsier):
    result = tarsier.json('mem', '--all')
    row = result['elements'][0]
    tarsier.check('mem', row)
    now = kernel()
    assert row['total'] == now['MemTotal'] and row['swap_total'] == now['SwapTotal']
    assert row['used'] == row['total'] - row['free']
    assert row['swap_used'] == row['swap_total'] - row['swap_free']
    assert row['hugepage_size'] == now['Hugepagesize'] and row['commit_limit'] == now['CommitLimit']
    assert [one['name'] for one in row['rows']] == list(now)
    for name in ('MemFree', 'MemAvailable', 'Cached', 'Slab'):  # they move between the two readings
        ours = next(one['value'] for one in row['rows'] if one['name'] == name)
        assert abs(ours - now[name]) < now['MemTotal'] / 4
    assert 'rate' not in row or row['rate'] is None


def test_agrees_with_free(tarsier):
    row = tarsier.json('mem')['elements'][0]
    text = subprocess.run(['free', '-b'], capture_output=True, text=True, env={**os.environ, 'LC_ALL': 'C'}).stdout
    memory = text.splitlines()[1].split()
    assert row['total'] == int(memory[1])
    assert abs(row['available'] - int(memory[6])) < row['total'] / 4


def test_sample_lines(tarsier):
    lines = dict(line.split(':', 1) for line in tarsier('mem').stdout.splitlines())
    figures = {name.strip(): int(text.split()[0]) for name, text in lines.items() if text.endswith(' KB')}
    assert figures['MemTotal'] == kernel()['MemTotal'] // 1024
    assert figures['MemUsed'] == figures['MemTotal'] - figures['MemFree']


def test_sampler(tarsier):
    result = tarsier.json('mem', '--count', '3', '--interval', '10ms')
    assert result['statistics']['samples'] == 3 and len(result['elements']) == 3
    first, second, third = result['elements']
    assert first.get('rate') is None and set(second['rate']) == set(third['rate'])
    tarsier.check('mem', third)
    assert first['time'] < second['time'] < third['time']
    growth = third['used'] - second['used']
    assert (growth > 0) == (third['rate']['used'] > 0) or growth == 0
    assert 'Rate ' in tarsier('mem', '--count', '2', '--interval', '10ms').stdout


def test_watch_ends_on_a_signal(tarsier):
    process = subprocess.Popen([tarsier.path, 'mem', '--watch', '--interval', '10ms', '--format', 'ndjson'],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with open(f'/proc/{process.pid}/task/{process.pid}/children') as file:
        for _ in range(1_000_000):  # until the worker runs
            if file.read().strip():
                break
            file.seek(0)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=20)
    assert process.returncode != 0 or out or errors


def test_refused(tarsier):
    assert tarsier('mem', '--interval', '1ns').returncode == 2
    assert re.search('interval', tarsier('mem', '--interval', '1ns').stderr)
