"""`./dev bench metrics_feed`: what a picture of the host costs each second.

PROCESSES (500) idle processes, of which BUSY (10) work a little, in GROUPS (200) control groups: CPU of htop and top at an interval of 1 s where they are
installed, of `tarsier metrics feed` (whole and by parts), and of the agent's metrics without and with one who follows the feed.
System calls of one look where strace is installed. Needs root and writable cgroups.

SECONDS (20) of each measurement."""
import contextlib
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'tests/system'))
import metrics_harness as harness

TARSIER = os.environ.setdefault('TARSIER', 'build/tarsier')
SECONDS = int(os.environ.get('SECONDS', '20'))
PROCESSES = int(os.environ.get('PROCESSES', '500'))
BUSY = int(os.environ.get('BUSY', '10'))
GROUPS = int(os.environ.get('GROUPS', '200'))
SETTLE = 4


def cpu(pid):
    """Seconds of all threads: the process's CPU clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def last_child(pid):
    with contextlib.suppress(OSError):
        for child in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split():
            return last_child(int(child))
    return pid


def report(name, pid):
    time.sleep(SETTLE)
    before, began = cpu(pid), time.monotonic()
    time.sleep(SECONDS)
    share = (cpu(pid) - before) / (time.monotonic() - began) * 100
    rss = next(int(line.split()[1]) for line in open(f'/proc/{pid}/status') if line.startswith('VmRSS')) / 1024
    print(f'{name:42} {share:5.2f} % of a core, RSS {rss:5.1f} MB', flush=True)
    return share


def on_a_terminal(name, *command):
    if not shutil.which(command[0]):
        print(f'{name:42} not installed')
        return None
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env={**os.environ, 'TERM': 'xterm'})
    os.close(slave)

    def drain():
        with contextlib.suppress(OSError):
            while os.read(master, 1 << 16):
                pass
    threading.Thread(target=drain, daemon=True).start()
    try:
        return report(name, process.pid)
    finally:
        process.terminate()
        process.wait()
        os.close(master)


def system_calls(pid):
    if not shutil.which('strace'):
        return
    text = subprocess.run(['timeout', '-s', 'INT', '10', 'strace', '-c', '-p', str(pid)], capture_output=True, text=True).stderr
    rows = [line.split() for line in text.splitlines() if line[:1] in ' 0123456789' and line.strip()[:1].isdigit()]
    counts = {row[-1]: int(row[3]) for row in rows if row[3].isdigit()}
    total = counts.pop('total', sum(counts.values()))
    print(f'{"":42} about {total / 10:.0f} system calls a look: ' + ', '.join(
        f'{name} {count / 10:.0f}' for name, count in sorted(counts.items(), key=lambda item: -item[1])[:6]), flush=True)


def alone(name, *flags, calls=False):
    process = subprocess.Popen([TARSIER, 'metrics', 'feed', '--json', *flags], stdout=subprocess.DEVNULL)
    try:
        time.sleep(1)
        share = report(name, last_child(process.pid))
        if calls:
            system_calls(last_child(process.pid))
        return share
    finally:
        process.terminate()
        process.wait()


def in_the_agent():
    from agent_harness import Agent
    from test_metrics_agent import MetricsAgent
    with tempfile.TemporaryDirectory() as state, \
            Agent(state + '/s', 'modules:\n  api: {listen: {http: 127.0.0.1:0}}\n  metrics: {}\n') as agent:
        metrics = MetricsAgent(agent).up()
        time.sleep(60)  # the samples of idle groups back off
        report('the agent\'s metrics, nobody follows', metrics.worker())
        client = subprocess.Popen(['curl', '-sN', '-o', '/dev/null', '--unix-socket', metrics.socket,
                                   'http://x/v1/modules/metrics/feed?interval=1s'])
        try:
            report('the agent\'s metrics, one follows', metrics.worker())
        finally:
            client.terminate()
            client.wait()


def main():
    with harness.Groups(f'tarsier-bench-{os.getpid()}') as groups, contextlib.ExitStack() as stack:
        for i in range(GROUPS):
            groups.make(f'group{i:04}')
        for i in range(PROCESSES):
            program = ['sh', '-c', 'while :; do sleep 0.2; done'] if i < BUSY else ['sleep', '1000000']
            child = subprocess.Popen(program)
            stack.callback(child.wait)
            stack.callback(child.kill)
            if GROUPS:
                groups.enter(f'group{i % GROUPS:04}', child.pid)
        print(f'{PROCESSES} processes, {BUSY} of them busy, {GROUPS} groups, interval 1 s')
        htop = on_a_terminal('htop', 'htop', '-d', '10')
        on_a_terminal('top', 'top', '-d', '1')
        share = alone('tarsier metrics feed', calls=True)
        if htop:
            print(f'{"":42} {share / htop:.2f} times htop, which tells no groups')
        for part in ('host', 'processes', 'containers', 'network', 'disks'):
            alone(f'tarsier metrics feed --parts {part}', '--parts', part)
        in_the_agent()


if __name__ == '__main__':
    if os.geteuid() != 0:
        sys.exit('needs root')
    main()
