"""`./dev bench node`: one scrape of the host's figures, `tarsier metrics --node` beside Debian's prometheus-node-exporter.

Both run on this machine with the same flags and are scraped in turn for the same collectors; CPU is user and system time
of the process, read from the scheduler's clock before and behind all its scrapes. Memory is that behind them. Needs
prometheus-node-exporter.

SCRAPES (200)."""
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

TARSIER = os.environ.get('TARSIER', 'build/tarsier')
SCRAPES = int(os.environ.get('SCRAPES', '200'))
THEIRS = shutil.which('prometheus-node-exporter')
COLLECTORS = ('arp conntrack cpu diskstats entropy filefd filesystem loadavg meminfo netclass netdev netstat os pressure '
              'sockstat softnet stat textfile thermal_zone time timex udp_queues uname vmstat').split()
SHARED = ['--collector.netdev.device-exclude=^$', '--collector.filesystem.mount-points-exclude=^/(dev|proc|sys)($|/)']
QUERY = '&'.join(f'collect[]={name}' for name in COLLECTORS)


def cpu(pid):
    """Seconds of all threads, living and ended: the process's CPU clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def memory(pid):
    rollup = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text(encoding='ascii')
    return [int(re.search(rf'^{name}: *(\d+)', rollup, re.M)[1]) / 1024 for name in ('Rss', 'Pss')]


def free_port():
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def descendants(pid):
    yield pid
    for child in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text(encoding='ascii').split():
        yield from descendants(int(child))


@contextlib.contextmanager
def running(command, port):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            limit = time.monotonic() + 30
            while time.monotonic() < limit:
                with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port)):
                    break
                time.sleep(0.05)
            yield process.pid, f'http://127.0.0.1:{port}/metrics?{QUERY}'
        finally:
            process.terminate()


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read()


def measure(name, command, port):
    """CPU of a scrape in milliseconds."""
    with running(command, port) as (pid, url):
        for _ in range(10):
            text = get(url)
        worker = list(descendants(pid))[-1]  # ours: the one that answers
        before, start = cpu(worker), time.monotonic()
        for _ in range(SCRAPES):
            get(url)
        used, passed = cpu(worker) - before, time.monotonic() - start
        rss, pss = memory(worker)
        lines = len(re.findall(rb'^node_', text, re.M))
        print(f'{name:26} CPU {used / SCRAPES * 1e3:6.2f} ms a scrape  answers in {passed / SCRAPES * 1e3:6.2f} ms  '
              f'RSS {rss:5.1f} MB  PSS {pss:5.1f} MB  {lines} samples', flush=True)
        return used / SCRAPES * 1e3, rss


def main():
    port = free_port()
    ours, our_memory = measure('tarsier metrics --node', [TARSIER, 'metrics', '--node', '--port', str(port), *SHARED], port)
    if THEIRS is None:
        raise SystemExit('needs prometheus-node-exporter')
    port = free_port()
    theirs, their_memory = measure('prometheus-node-exporter',
                                   [THEIRS, f'--web.listen-address=127.0.0.1:{port}', *SHARED], port)
    good = ours <= theirs / 2 and our_memory <= their_memory / 2
    print(f'ratio: CPU {ours / theirs:.2f} (target <= 0.5), memory {our_memory / their_memory:.2f} (target <= 0.5) '
          f'{"ok" if good else "MISSED"}')
    return 0 if good else 1


sys.exit(main())
