"""`./dev bench metrics`: what it costs to know what every container does.

For 25, 125 and 1,000 groups below one of the bench's own: memory and CPU of `tarsier metrics` at cAdvisor's default
interval of 1 s (with its dynamic back-off, and again with every group sampled every second), and the CPU time of one
scrape. Beside it Debian's prometheus-node-exporter, live, and `tarsier metrics --node`. cAdvisor itself cannot run here;
its figures are those measured once on such a machine (v0.35.0, default flags). Needs root and writable cgroups.

SECONDS (30) of each measurement, SETTLE (60) before it, GROUPS (25,125,1000), SCRAPES (20)."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'tests/system'))
import metrics_harness as harness

TARSIER = os.environ.get('TARSIER', 'build/tarsier')
SECONDS = int(os.environ.get('SECONDS', '30'))
SETTLE = int(os.environ.get('SETTLE', '60'))
SCRAPES = int(os.environ.get('SCRAPES', '20'))
COUNTS = [int(count) for count in os.environ.get('GROUPS', '25,125,1000').split(',')]
CADVISOR = {25: 'cAdvisor 0.35: 33 MB, 0.47 %', 125: 'cAdvisor 0.35: 39-57 MB, 0.83 %, scrape 17-154 ms'}


def cpu(pid):
    """Seconds of all threads, living and ended: the process's CPU clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def memory(pid):
    rollup = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
    return [int(next(line for line in rollup.splitlines() if line.startswith(name + ':')).split()[1]) / 1024
            for name in ('Rss', 'Pss')]


class Program:
    """The path of a program, as the harness wants it."""
    path = TARSIER


def measure(name, url, pid, note=''):
    before = cpu(pid)
    time.sleep(SECONDS)
    share = (cpu(pid) - before) / SECONDS * 100
    rss, pss = memory(pid)
    size = 0
    before, wall = cpu(pid), time.monotonic()
    for _ in range(SCRAPES):
        with urllib.request.urlopen(url) as answer:
            size = len(answer.read())
    scrape = (cpu(pid) - before) / SCRAPES * 1000
    wall = (time.monotonic() - wall) / SCRAPES * 1000
    after_rss, after_pss = memory(pid)
    print(f'{name:34} RSS {rss:5.1f} MB, PSS {pss:5.1f}; after {SCRAPES} scrapes {after_rss:5.1f}, {after_pss:5.1f}; '
          f'CPU {share:5.2f} %; scrape {scrape:6.2f} ms CPU, {wall:6.1f} ms wall, {size / 1000:7.1f} kB  {note}', flush=True)


def containers(count):
    with harness.Groups(f'tarsier-bench-{os.getpid()}') as groups:
        for i in range(count):
            groups.make(f'group{i:04}')
        for flags in ([], ['--allow_dynamic_housekeeping=false', '--cpu_budget=0']):
            with harness.Metrics(Program, *flags) as metrics:
                harness.until(lambda: metrics.ask(f'/api/v1.3/containers/{groups.name}/group{count - 1:04}').status == 200,
                              'the last group')
                time.sleep(SETTLE)  # the samples back off
                measure(f'{count} groups, {"each every second" if flags else "dynamic"}', metrics.url + '/metrics',
                        metrics.worker(), CADVISOR.get(count, '') if not flags else '')
                known = len(metrics.json('/api/v1.3/subcontainers/', {'num_stats': 0}))
        print(f'{"":34} {known} containers known in all')


def node():
    port = harness.free_port()
    ours = subprocess.Popen([TARSIER, 'metrics', '--node', '--json', '--web.listen-address', f'127.0.0.1:{port}'],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    children = pathlib.Path(f'/proc/{ours.pid}/task/{ours.pid}/children')
    candidates = [('tarsier metrics --node', ours, port, lambda: int(children.read_text().split()[0]))]
    exporter = shutil.which('prometheus-node-exporter')
    if exporter:
        theirs_port = harness.free_port()
        theirs = subprocess.Popen([exporter, f'--web.listen-address=127.0.0.1:{theirs_port}'],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        candidates.append(('node_exporter (Debian)', theirs, theirs_port, lambda: theirs.pid))
    else:
        print('node_exporter: not installed (prometheus-node-exporter)')
    try:
        for name, _, at, pid in candidates:
            url = f'http://127.0.0.1:{at}/metrics'

            def answers(url=url):
                with contextlib.suppress(OSError):
                    return urllib.request.urlopen(url).status == 200
                return False

            harness.until(answers, name)
            measure(name, url, pid())
    finally:
        for _, process, _, _ in candidates:
            process.terminate()
            process.wait()


def main():
    if os.geteuid() != 0:
        sys.exit('bench metrics: needs root')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))  # the groups go
    print(f'load {os.getloadavg()[0]:.2f}, {os.cpu_count()} CPUs, {SECONDS} s each')
    for count in COUNTS:
        containers(count)
    node()


if __name__ == '__main__':
    main()
