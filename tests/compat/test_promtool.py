"""Prometheus' own tool reads what we write. promtool check metrics parses the text and comments on names; cAdvisor's names
earn such comments, so ours may have those of its expected text, and process_* and go_* none at all."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from conftest import PROGRAM, ROOT

PROBE = pathlib.Path(PROGRAM).parent / 'src/modules/metrics/exposition_probe'
GOLDEN = pathlib.Path(os.environ.get('TARSIER_TESTDATA', ROOT / '../shared/testdata')) / 'watch/cadvisor/lib/metrics/testdata'

pytestmark = [pytest.mark.skipif(not shutil.which('promtool'), reason='needs promtool'),
              pytest.mark.skipif(not os.access(PROBE, os.X_OK), reason='needs exposition_probe of the build')]


def promtool(text):
    """The comments by family; 3 is the status for comments, 1 for a text that it cannot read."""
    done = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True, timeout=60)
    assert done.returncode in (0, 3), done.stderr.decode()
    return set(done.stderr.decode().splitlines())


def ours(*flags):
    return subprocess.run([PROBE, *flags], capture_output=True, check=True, timeout=60).stdout


@pytest.mark.parametrize('flags', [(), ('--no-timestamps',)])
@pytest.mark.skipif(not GOLDEN.is_dir(), reason="needs cAdvisor's expected texts")
def test_no_comment_that_cadvisor_has_not(flags):
    expected = set()
    for name in ('prometheus_metrics', 'prometheus_machine_metrics'):
        expected |= promtool((GOLDEN / name).read_bytes())
    comments = promtool(ours(*flags))
    assert not {line for line in comments - expected if not re.match(r'(machine|container)_', line)}
    assert comments - expected == set()


def test_broken_text_is_noticed():
    """The check above would see a fault."""
    text = ours() + b'container_memory_rss{id="/"} many\n'
    done = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True, timeout=60)
    assert done.returncode == 1


SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)(?: (\S+))?$')


def test_openmetrics():
    """By the grammar of OpenMetrics 1.0: names of families, counters' samples, times in seconds, the end."""
    lines = ours('--openmetrics').decode().split('\n')
    assert lines[-2:] == ['# EOF', '']
    types, units, now = {}, {}, None
    for line in lines[:-2]:
        if line.startswith('# '):
            _, word, name, rest = line.split(' ', 3)
            now = name
            if word == 'TYPE':
                assert name not in types
                types[name] = rest
            elif word == 'UNIT':
                assert name.endswith('_' + rest)
                units[name] = rest
            else:
                assert word == 'HELP'
            continue
        sample = SAMPLE.match(line)
        assert sample, line
        name, _, value, time = sample.groups()
        assert name == (now + '_total' if types[now] == 'counter' else now), line
        float(value)
        assert time is None or float(time) == 1395066363 or float(time) > 1.6e9
    assert types['container_cpu_user_seconds'] == 'counter' and units['container_cpu_user_seconds'] == 'seconds'
    assert types['container_memory_failcnt'] == 'unknown'
