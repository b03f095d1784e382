"""Debian's Prometheus scrapes both ports each second while containers come and go: every scrape is good, no sample is
refused, and its log has no warning. TARSIER_TEST_SCRAPES=600 makes it ten minutes."""
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request

import pytest
from metrics_harness import Groups, Metrics, until, value
from ports import free_port

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason='needs root'),
    pytest.mark.skipif(not shutil.which('prometheus'), reason='needs prometheus'),
]

SCRAPES = int(os.environ.get('TARSIER_TEST_SCRAPES', '15'))
# what Prometheus counts when it takes a sample not as it is told, by its own names
REFUSED = ('out_of_order', 'duplicate_timestamp', 'out_of_bounds')
TIMEOUT = 1  # seconds; no scrape may take longer than the interval
CONFIGURATION = f'''global: {{scrape_interval: {TIMEOUT}s, scrape_timeout: {TIMEOUT}s}}
scrape_configs:
'''
JOB = '''- job_name: %s
  static_configs: [{targets: ["127.0.0.1:%d"]}]
  metrics_path: /metrics
'''


class Prometheus:
    """A server of its own on loopback: jobs is {name: port}; query() asks it, log() is what it said."""

    def __init__(self, directory, jobs):
        self.port = free_port()
        configuration = directory / 'prometheus.yml'
        configuration.write_text(CONFIGURATION + ''.join(JOB % job for job in jobs.items()))
        self.file = directory / 'prometheus.log'
        with open(self.file, 'w') as log:
            self.process = subprocess.Popen(
                ['prometheus', f'--config.file={configuration}', f'--storage.tsdb.path={directory / "tsdb"}',
                 f'--web.listen-address=127.0.0.1:{self.port}'], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        until(self.ready, 'Prometheus to be ready')
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def get(self, path):
        with urllib.request.urlopen(f'http://127.0.0.1:{self.port}{path}', timeout=60) as answer:
            return answer.read().decode()

    def ready(self):
        assert self.process.poll() is None, self.log()
        try:
            return self.get('/-/ready')
        except OSError:
            return False

    def query(self, text):
        """[(labels, value)]"""
        answer = json.loads(self.get('/api/v1/query?' + urllib.parse.urlencode({'query': text})))
        assert answer['status'] == 'success', answer
        return [(one['metric'], float(one['value'][1])) for one in answer['data']['result']]

    def one(self, text):
        found = self.query(text)
        return found[0][1] if found else None

    def own(self):
        """Its own metrics."""
        lines = (line.rsplit(' ', 1) for line in self.get('/metrics').splitlines() if not line.startswith('#'))
        return {name: float(number) for name, number in lines}

    def log(self):
        return self.file.read_text()

    def warnings(self):
        return [line for line in self.log().splitlines() if re.search(r'level=(warn|error)', line)]


def by_job(found):
    return {labels['job']: number for labels, number in found}


def churn(groups, turn):
    """Some come, some go, and one name comes back again and again."""
    groups.make(f'turn{turn % 7}')
    groups.make('again')
    groups.remove(f'turn{(turn + 3) % 7}')
    if turn % 2:
        groups.remove('again')


def watch_scrapes(prometheus, groups, process):
    """Until both jobs have been scraped so often; each answer of the kept group's CPU time is as large as that before."""
    turn, done, last = 0, {}, 0
    window = max(60, 2 * SCRAPES)
    limit = 10 * SCRAPES + 120

    def turn_once():
        nonlocal turn, done, last
        turn += 1
        churn(groups, turn)
        process.stdin.write('work\n')
        process.stdin.flush()
        assert process.stdout.readline() == 'done\n'
        told = prometheus.one(f'sum(container_cpu_usage_seconds_total{{id="/{groups.name}/kept"}})') or last
        assert told >= last
        last = told
        done = {labels['job']: count for labels, count in prometheus.query(f'sum_over_time(up[{window}s])')}
        return done and min(done.values()) >= SCRAPES and len(done) == 2 and last > 0
    until(turn_once, f'{SCRAPES} scrapes', limit)
    return turn, done, window


@pytest.mark.parametrize('flags', [[], ['--timestamps=false']], ids=['timestamps', 'none'])
def test_prometheus_scrapes_both_ports(tarsier, tmp_path, flags):
    worker = 'import sys\nfor line in sys.stdin:\n    sum(range(200000))\n    print("done", flush=True)'
    with Groups(f'tarsier-prometheus-{os.getpid()}') as groups:
        name = groups.make('kept')
        process = subprocess.Popen([sys.executable, '-c', worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        groups.enter('kept', process.pid)
        try:
            with Metrics(tarsier, *flags) as containers, Metrics(tarsier, '--node') as node, \
                    Prometheus(tmp_path, {'containers': containers.port, 'node': node.port}) as prometheus:
                turns, done, window = watch_scrapes(prometheus, groups, process)
                over = f'[{window}s:1s]'
                failed = prometheus.query(f'count_over_time((up == 0){over})')
                bad = prometheus.query(f'count_over_time((up == 0 and scrape_duration_seconds < {TIMEOUT}){over})')
                slowest = prometheus.query(f'max_over_time(scrape_duration_seconds[{window}s])')
                usual = prometheus.query(f'quantile_over_time(0.5, scrape_duration_seconds[{window}s])')
                own = prometheus.own()
                print(f'{turns} turns, good scrapes {done}, {by_job(failed)} in vain, usual {by_job(usual)} s, slowest '
                      f'{by_job(slowest)} s, {len(prometheus.warnings())} warnings')
                assert not bad, bad  # one that took too long is the machine's load
                assert not prometheus.warnings(), prometheus.warnings()[:5]
                for what in REFUSED:
                    assert own[f'prometheus_target_scrapes_sample_{what}_total'] == 0
                # all that a scrape holds is kept: nothing is dropped by a rule, and each job has its families
                dropped = '(scrape_samples_scraped != scrape_samples_post_metric_relabeling)'
                assert not prometheus.query(f'count_over_time({dropped}{over})')
                scraped = by_job(prometheus.query(f'max_over_time(scrape_samples_scraped[{window}s])'))
                assert len(scraped) == 2 and min(scraped.values()) > 100
                # after a scrape that took too long there is nothing until the next
                until(lambda: prometheus.one(f'container_spec_cpu_shares{{id="{name}"}}') == 1024, 'the shares')
                until(lambda: prometheus.one('node_memory_MemTotal_bytes') == value(
                    node.series(), 'node_memory_MemTotal_bytes'), 'the memory')
                if flags:  # what goes is stale with the next scrape; with times of its own it is told for five minutes
                    for turn in range(7):
                        groups.remove(f'turn{turn}')
                    until(lambda: not prometheus.query(f'container_last_seen{{id=~"/{groups.name}/turn.*"}}'),
                          'the series of those that went to end')
        finally:
            process.communicate()
