"""`./dev bench faces`: what it costs to look.

The page: its size gzipped, its first paint from an agent on loopback, and the CPU of the browser's tab and of the agent
(with watch and metrics) while the overview is open, less what the agent takes with nobody looking. The screen: CPU of
`tarsier top` at 1 s beside htop and btop in the same minute, with PROCESSES more processes and GROUPS more groups on
the host, each in a terminal of 120 columns and 40 lines. Needs root and writable cgroups.

SECONDS (60), PROCESSES (500), GROUPS (200)."""
import contextlib
import gzip
import json
import os
import pathlib
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import fcntl
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'tests/system'))
import metrics_harness as harness  # noqa: E402

TARSIER = os.environ.get('TARSIER', 'build/tarsier')
SECONDS = int(os.environ.get('SECONDS', '60'))
PROCESSES = int(os.environ.get('PROCESSES', '500'))
GROUPS = int(os.environ.get('GROUPS', '200'))
LIMIT = 80_000


def family(pid):
    """The process and all below it, with their command lines."""
    with contextlib.suppress(OSError):
        yield pid, pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
        for path in pathlib.Path(f'/proc/{pid}/task').glob('*/children'):
            for child in path.read_text().split():
                yield from family(int(child))


def cpu(pids):
    """Seconds of all threads, living and ended, of each (clock_getcpuclockid(3))."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += time.clock_gettime(~pid << 3 | 2)
    return total


def pss(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
                if line.startswith('Pss:'):
                    total += int(line.split()[1]) / 1024
    return total


def share(groups):
    """Percent of one CPU of each group of pids, over SECONDS."""
    before = [cpu(pids) for pids in groups]
    time.sleep(SECONDS)
    return [(cpu(pids) - start) / SECONDS * 100 for pids, start in zip(groups, before)]


@contextlib.contextmanager
def agent():
    with tempfile.TemporaryDirectory(prefix='tarsier-bench-') as state:
        port = harness.free_port()
        config = pathlib.Path(state, 'tarsier.yaml')
        config.write_text('modules:\n  api: {}\n  watch: {rules: [starter]}\n  metrics: {}\n  alerts: {}\n')
        process = subprocess.Popen([TARSIER, 'serve', '--state', f'{state}/state', '--run-dir', f'{state}/run', '--listen',
                                    f'127.0.0.1:{port}', '--config', config], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        try:
            token = pathlib.Path(state, 'state/admin.token')
            harness.until(token.exists, 'the token')

            def ready():
                with contextlib.suppress(OSError):
                    return harness.urllib.request.urlopen(f'http://127.0.0.1:{port}/healthz').status == 200
                return False

            harness.until(ready, 'the agent')
            yield process.pid, f'http://127.0.0.1:{port}/#token={token.read_text().strip()}'
        finally:
            process.terminate()
            process.wait()


def page():
    names = sorted((ROOT / 'web/dist').iterdir())
    packed = sum(len(gzip.compress(name.read_bytes(), 9, mtime=0)) for name in names)
    print(f'page: {packed / 1000:.1f} kB gzipped in {len(names)} files, of {LIMIT / 1000:.0f} kB')
    browser, node = shutil.which('chromium'), shutil.which('node')
    if not browser or not node or not (ROOT / 'web/node_modules/playwright-core').exists():
        print('page: no browser, node or playwright-core: ./dev test installs them')
        return
    with agent() as (pid, url):
        ours = [each for each, _ in family(pid)]
        idle, = share([ours])
        looker = subprocess.Popen([node, ROOT / 'bench/faces.mjs', url, browser], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        timings = json.loads(looker.stdout.readline())
        print(f'page: first paint after {timings["paint"]:.0f} ms, loaded after {timings["load"]:.0f} ms, '
              f'{timings["bytes"] / 1000:.1f} kB over the wire')
        time.sleep(5)  # what the start costs is not the cost of looking
        below = list(family(looker.pid))
        tab = [each for each, line in below if b'--type=renderer' in line]
        rest = [each for each, line in below if b'chromium' in line and each not in tab]
        ours = [each for each, _ in family(pid)]
        looked, drawn, around = share([ours, tab, rest])
        print(f'page open for {SECONDS} s: tab {drawn:.1f} % of a CPU (the browser around it {around:.1f} %), agent '
              f'{looked:.2f} %, of that {idle:.2f} % with nobody looking; agent {pss(ours):.1f} MB PSS')
        heap = json.loads(looker.communicate()[0].splitlines()[-1])['heap']
        print(f'page: {heap / 1e6:.1f} MB of JavaScript heap')


class Screen:
    """A program on a terminal of its own, whose output is read and thrown away."""

    def __init__(self, *command):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM='xterm-256color', LANG='C.UTF-8')
            os.execvp(command[0], command)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 120, 0, 0))
        self.bytes = 0
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with contextlib.suppress(OSError):
            while True:
                self.bytes += len(os.read(self.master, 65536))

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self.master)


def screens():
    sleepers = [subprocess.Popen(['sleep', '100000']) for _ in range(PROCESSES)]
    try:
        with harness.Groups(f'tarsier-bench-{os.getpid()}') as groups:
            for i in range(GROUPS):
                groups.make(f'group{i:04}')
            commands = {'tarsier top': [TARSIER, 'top', '--interval', '1s', '--view', 'processes'],
                        'htop': ['htop', '-d', '10'], 'btop': ['btop', '--utf-force']}
            shown = {name: Screen(*command) for name, command in commands.items() if shutil.which(command[0])}
            time.sleep(5)
            names = list(shown)
            pids = [[each for each, _ in family(shown[name].pid)] for name in names]
            written = {name: shown[name].bytes for name in names}
            figures = dict(zip(names, share(pids)))
            for name, each in zip(names, pids):
                ratio = f', {figures["tarsier top"] / figures[name]:.2f} of it is ours' if name != 'tarsier top' else ''
                print(f'{name:12} {figures[name]:5.2f} % of a CPU, {pss(each):5.1f} MB PSS, '
                      f'{(shown[name].bytes - written[name]) / SECONDS / 1000:6.1f} kB a second to the terminal{ratio}')
            for each in shown.values():
                each.end()
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def main():
    if os.geteuid() != 0:
        sys.exit('bench faces: needs root')
    signal.signal(signal.SIGTERM, lambda *_: sys.exit('ended'))  # the groups go
    print(f'load {os.getloadavg()[0]:.2f}, {os.cpu_count()} CPUs, {SECONDS} s each')
    page()
    screens()


if __name__ == '__main__':
    main()
