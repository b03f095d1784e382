"""Ten thousand containers that come and go one after the other while `tarsier metrics` runs: all are told, and nothing of them
is left: no series, no file, no memory."""
import contextlib
import json
import os
import pathlib
import re

import pytest
from metrics_harness import V1, Groups, Metrics, until, value

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')

TURNS = int(os.environ.get('TARSIER_TEST_CHURN', '10000'))
FIRST = 2000   # after which what it keeps of events is full, and its heap is as large as this takes
ALIVE = 25     # at a time
GROWTH = 4096  # KiB; other groups of the machine come and go as well


def memory(pid):
    """Resident, in KiB."""
    lines = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith('VmRSS'))


def open_files(pid, of_groups):
    """Those of control groups (a file is kept open of a group that is idle), or all others."""
    found = []
    for fd in os.listdir(f'/proc/{pid}/fd'):
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(f'/proc/{pid}/fd/{fd}')
            if target.startswith(str(V1)) == of_groups:
                found.append(target)
    return sorted(found)


def come_and_go(root, first, last):
    """ALIVE of them at a time; the last goes at the end."""
    for turn in range(first, last + ALIVE):
        if turn < last:
            (root / f'c{turn}').mkdir()
        if turn >= first + ALIVE:
            (root / f'c{turn - ALIVE}').rmdir()


def test_ten_thousand_in_a_row(tarsier):
    groups = Groups(f'tarsier-churn-{os.getpid()}')
    with groups:
        root = groups.file('memory', '', '')
        with Metrics(tarsier, '--housekeeping_interval=1s', '--event_storage_event_limit=default=1000') as metrics:
            metrics.wait_container(f'/{groups.name}')
            worker = metrics.worker()

            def went(turn):
                query = f'/api/v1.3/events/{groups.name}/c{turn}?deletion_events=true'
                return lambda: metrics.json(query)

            come_and_go(root, 0, FIRST)
            until(went(FIRST - 1), 'the first')
            metrics.series()
            files, resident = len(open_files(worker, False)), memory(worker)
            come_and_go(root, FIRST, TURNS)
            until(went(TURNS - 1), 'the last')
            series = metrics.series()
            assert not [labels for _, labels in series if f'/{groups.name}/' in dict(labels).get('id', '')]
            until(lambda: len(open_files(worker, False)) <= files, 'no more open files than before')
            assert not [name for name in open_files(worker, True) if re.search(f'/{groups.name}/c[0-9]', name)]
            grown = memory(worker) - resident
            assert grown <= GROWTH, f'{resident} KiB, {grown} KiB more'
            query = f'/api/v1.3/events/{groups.name}?subcontainers=true&deletion_events=true&max_events=5000'
            assert 0 < len(metrics.json(query)) <= 1000
            groups.make('after')
            metrics.wait_container(f'/{groups.name}/after')
            until(lambda: value(metrics.series('/metrics?max_age=0s'), 'container_spec_memory_limit_bytes',
                                id=f'/{groups.name}/after') == 0, 'what comes later')
            assert metrics.stop() == 0
    rows = {'containerCreation': set(), 'containerDeletion': set()}
    prefix = f'/{groups.name}/c'
    for row in metrics.rows:
        if row['container'].startswith(prefix):
            rows[row['type']].add(int(row['container'][len(prefix):]))
    statistics = json.loads(re.search(r'^statistics: (\{.*\})$', metrics.stderr, re.M)[1])
    print(statistics, resident, grown)
    missed = statistics['missed_created'] + statistics['missed_deleted'] + statistics['watch_overflows']
    dropped = statistics['rows_dropped']  # those that we read too slowly
    assert rows['containerCreation'] == rows['containerDeletion'] or dropped
    told = len(rows['containerCreation']) + len(rows['containerDeletion'])
    assert 2 * TURNS - dropped <= told <= 2 * TURNS or missed, (told, dropped)
