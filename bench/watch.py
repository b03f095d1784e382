"""`./dev bench watch`: the whole pipeline, from the kernel to the stored event, beside auditd on this machine.

Each candidate runs alone while /bin/true is started at fixed rates: auditd writing its raw log, auditd enriching it, and
the agent's watch under each source. CPU is user and system time of its process, read from the scheduler's clock; kauditd,
the kernel's thread that hands out audit records, is apart; "in the exec" is what each process started costs more than
with nobody watching. The audit system is left as it was. Needs root, auditd and auditctl.

SECONDS (10) of each measurement, RATES (333,1000), ONLY (names of candidates), ROUNDS (1; the median counts)."""
import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TARSIER = os.environ.get('TARSIER', 'build/tarsier')
BUILD = pathlib.Path(os.environ.get('TARSIER_BUILD', 'build'))
WORK = BUILD / 'bench/bench_watch'
SECONDS = int(os.environ.get('SECONDS', '10'))
ROUNDS = int(os.environ.get('ROUNDS', '1'))
RATES = [int(rate) for rate in os.environ.get('RATES', '333,1000').split(',')]
PROGRAM = '/bin/true'
LIVE = 10000
PATIENCE = 60
LOCK = '/run/lock/tarsier-test-audit.lock'  # the tests' too: audit is global to the machine
PEERS = {'auditd raw': 'RAW', 'auditd enriched': 'ENRICHED'}
OURS = {f'watch {source}': source for source in ('audit', 'bpf', 'connector')}
CANDIDATES = ['nobody', *PEERS, *OURS]
AUDITD_RULES = [['-a', 'always,exit', '-F', f'arch={arch}', '-S', 'execve,execveat'] for arch in ('b64', 'b32')]
AUDITD_CONF = '''local_events = yes
write_logs = yes
log_file = {directory}/audit.log
log_format = {format}
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 500
num_logs = 2
priority_boost = 4
name_format = NONE
max_log_file_action = IGNORE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
q_depth = 2000
overflow_action = IGNORE
plugin_dir = {directory}
end_of_event_timeout = 2
'''


def cpu(pid):
    """Seconds of all threads, living and ended: the process's CPU clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~pid << 3 | 2)


def kauditd():
    for path in pathlib.Path('/proc').glob('[0-9]*/comm'):
        with contextlib.suppress(OSError):
            if path.read_text() == 'kauditd\n':
                return int(path.parent.name)
    return None


def wait_for(condition, what):
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise SystemExit(f'{what} did not come')


def end(process):
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def auditctl(*words):
    return subprocess.run(['auditctl', *words], capture_output=True, text=True, check=False).stdout


def audit_status():
    return dict(re.findall(r'^(\w+) (\d+)', auditctl('-s'), re.M))


@contextlib.contextmanager
def auditd(directory, log_format):
    """Its pid, as long as it runs: configuration and log in the directory, its rules only."""
    before = audit_status()
    config = directory / 'auditd.conf'
    config.write_text(AUDITD_CONF.format(directory=directory, format=log_format))
    config.chmod(0o640)
    daemon = subprocess.Popen(['auditd', '-n', '-s', 'nochange', '-c', directory], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: audit_status().get('pid') == str(daemon.pid) or daemon.poll() is not None, 'auditd')
        if daemon.poll() is not None:
            raise SystemExit('auditd does not run here')
        auditctl('-b', '8192')
        for rule in AUDITD_RULES:
            auditctl(*rule)
        auditctl('-e', '1')
        yield daemon.pid
    finally:
        for rule in AUDITD_RULES:
            auditctl('-d', *rule[1:])
        end(daemon)
        auditctl('-e', before['enabled'])
        auditctl('-b', before['backlog_limit'])


@contextlib.contextmanager
def watch(directory, source):
    """The pid of an agent's watch worker."""
    config = directory / 'tarsier.yaml'
    config.write_text(json.dumps({'modules': {'watch': {'source': source}}}))
    with open(directory / 'log', 'w', encoding='utf-8') as log:
        agent = subprocess.Popen([TARSIER, 'serve', '--state', directory, '--config', config, '--listen', '127.0.0.1:0'],
                                 stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def said(text):
        if agent.poll() is not None:
            raise SystemExit((directory / 'log').read_text())
        return text in (directory / 'log').read_text()

    try:
        wait_for(lambda: said('tarsier: ready'), 'the agent')
        wait_for(lambda: said(f'events come from {source}'), f'watch with {source}')
        children = pathlib.Path(f'/proc/{agent.pid}/task/{agent.pid}/children').read_text().split()
        yield next(int(child) for child in children
                   if 'tarsier-watch' in os.path.basename(os.readlink(f'/proc/{child}/exe')))
    finally:
        end(agent)


def pace(rate, seconds):
    done = subprocess.run([WORK, 'pace', str(rate), str(seconds), PROGRAM], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@contextlib.contextmanager
def candidate(name, directory):
    if name in PEERS:
        with auditd(directory, PEERS[name]) as pid:
            yield pid
    elif name in OURS:
        with watch(directory, OURS[name]) as pid:
            yield pid
    else:
        yield None


def measure(name, rate, kernel, keep=None):
    """Microseconds of CPU an exec: of the process, of kauditd, of all that is started."""
    with tempfile.TemporaryDirectory(prefix='tarsier-bench-') as path:
        directory = pathlib.Path(path)
        with candidate(name, directory) as pid:
            time.sleep(1)
            lost = audit_status().get('lost')
            before = [cpu(each) if each else 0 for each in (pid, kernel)]
            done = pace(rate, SECONDS)
            time.sleep(1.5)  # what waits is written
            after = [cpu(each) if each else 0 for each in (pid, kernel)]
            if audit_status().get('lost') != lost:
                print(f'{name} at {rate}/s: records were lost, the figure is too good', file=sys.stderr)
            if name in OURS and (found := count_stored(directory)) < done['started']:
                print(f'{name} at {rate}/s: {found} of {done["started"]} execs stored', file=sys.stderr)
        if keep and (directory / 'audit.log').exists():
            shutil.copy(directory / 'audit.log', keep)
    own, hand = ((b - a) / done['started'] * 1e6 for a, b in zip(before, after))
    return {'own': own, 'kauditd': hand, 'exec': done['cpu_us'], 'seconds': done['seconds']}


def count_stored(directory):
    """Execs of the program in the agent's store; those of which nobody could tell the program any more too (connector)."""
    done = subprocess.run([TARSIER, 'events', '--store', directory / 'modules/watch', '--type', 'exec', '--limit', '1000000',
                           '--json'], capture_output=True, text=True, check=False)
    return sum(process.get('argv', [PROGRAM]) == [PROGRAM]
               for process in (json.loads(line)['process'] for line in done.stdout.splitlines()))


def median(rounds):
    return {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}


def against_auditd(names, log):
    kernel = kauditd()
    results = {}
    for rate in RATES:
        rounds = {name: [] for name in names}
        for _ in range(ROUNDS):
            for name in names:
                rounds[name].append(measure(name, rate, kernel, log if name == 'auditd raw' else None))
        results[rate] = {name: median(each) for name, each in rounds.items()}
        print(f'\n{rate} exec/s{"":<17} CPU us an exec   % of a core   / raw   / enriched   kauditd us   in the exec us')
        for name in names:
            row = results[rate][name]
            if name == 'nobody':
                continue
            ratios = [row['own'] / results[rate][peer]['own'] if peer in names else float('nan') for peer in PEERS]
            added = row['exec'] - results[rate]['nobody']['exec'] if 'nobody' in names else float('nan')
            print(f'{name:<28} {row["own"]:10.1f} {row["own"] * rate / 1e4:14.2f} {ratios[0]:10.2f} {ratios[1]:10.2f} '
                  f'{row["kauditd"]:13.1f} {added:13.1f}', flush=True)
    return results


def assembler(log):
    program = BUILD / 'bench/bench_assemble'
    subprocess.run(['ninja', '-C', BUILD, 'bench/bench_assemble'], stdout=subprocess.DEVNULL, check=True)
    for what, arguments in (('assembler, made records', []), ('assembler, the log of auditd above', [log])):
        if not arguments or arguments[0].exists():
            done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
            print(f'{what:<36} {done.stdout.strip()}', flush=True)
            best = float(re.search(r'best (\d+) records/s', done.stdout).group(1))
    return best


def children_cpu():
    times = os.times()
    return times.children_user + times.children_system


def replay(directory):
    """Events a second of the whole pipeline but for the kernel: a recording of as many execs as come in some seconds."""
    recording = directory / 'recording'
    source = 'bpf' if 'watch bpf' in CANDIDATES else 'audit'
    errors = directory / 'errors'
    with open(errors, 'w', encoding='utf-8') as err:
        run = subprocess.Popen([TARSIER, 'watch', '--source', source, '--record', recording, '--json'],
                               stdout=subprocess.DEVNULL, stderr=err, stdin=subprocess.DEVNULL)
    try:
        wait_for(lambda: run.poll() is not None or recording.exists() and errors.stat().st_size, 'a recording')
        time.sleep(1)
        pace(0, 10)
    finally:
        run.send_signal(signal.SIGINT)
        run.wait(PATIENCE)
    best = 0
    for _ in range(3):
        before, begin = children_cpu(), time.monotonic()
        done = subprocess.run([TARSIER, 'watch', '--replay', recording, '--json'], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=True)
        took, used = time.monotonic() - begin, children_cpu() - before
        events = json.loads(re.search(r'^statistics: (\{.*\})$', done.stderr, re.M).group(1))['events']
        best = max(best, events / took)
        print(f'{"pipeline, a replayed recording":<36} {events} events in {took:.2f} s: {events / took:.0f} events/s, '
              f'{used / events * 1e6:.1f} us CPU an event, printing as JSON included', flush=True)
    return best


def memory(directory, source):
    with watch(directory, source) as pid:
        empty = smaps(pid)
        sleepers = subprocess.Popen([WORK, 'sleep', str(LIVE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if sleepers.stdout.readline() != 'ready\n':
                print(f'{LIVE} processes cannot be started here')
                return None
            time.sleep(3)
            full = smaps(pid)
        finally:
            sleepers.stdin.close()
            sleepers.wait(PATIENCE)
    print(f'{f"memory, {source}":<36} {empty["Rss"] / 1024:.2f} MiB RSS ({empty["Pss"] / 1024:.2f} PSS); with {LIVE} processes more '
          f'{full["Rss"] / 1024:.2f} MiB RSS ({full["Pss"] / 1024:.2f} PSS, {full["Private_Dirty"] / 1024:.2f} of its own)', flush=True)
    return full['Rss'] / 1024


def smaps(pid):
    text = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
    return {key: int(value) for key, value in re.findall(r'^(\w+): +(\d+) kB', text, re.M)}


def table(results, names, lines):
    print('\n| CPU of a core | ' + ' | '.join(f'{rate} exec/s' for rate in results) + ' | of auditd raw | of auditd enriched |')
    print('| --- |' + ' ---: |' * (len(results) + 2))
    for name in names:
        if name == 'nobody':
            continue
        cells = [f'{results[rate][name]["own"] * rate / 1e4:.2f} %' for rate in results]
        for peer in PEERS:
            ratios = [results[rate][name]['own'] / results[rate][peer]['own'] for rate in results if peer in names]
            cells.append(', '.join(f'{ratio:.2f}' for ratio in ratios) or '–')
        print(f'| {name} | ' + ' | '.join(cells) + ' |')
    print('\n| | measured | target |\n| --- | ---: | ---: |')
    for line in lines:
        print('| ' + ' | '.join(line) + ' |')


def main():
    if os.geteuid() != 0 or not shutil.which('auditctl'):
        raise SystemExit('needs root and auditctl')
    only = os.environ.get('ONLY')
    names = [name for name in CANDIDATES if not only or name in only.split(',')]
    if not shutil.which('auditd'):
        print('auditd is not installed: nothing to compare with', file=sys.stderr)
        names = [name for name in names if name not in PEERS]
    with open(LOCK, 'w', encoding='ascii') as lock, tempfile.TemporaryDirectory(prefix='tarsier-bench-') as path:
        fcntl.flock(lock, fcntl.LOCK_EX)
        directory = pathlib.Path(path)
        log = directory / 'audit.log'
        results = against_auditd(names, log)
        if only:
            return
        print()
        lines = [('records assembled a second on one core', f'{assembler(log):,.0f}', '400,000'),
                 ('events a second of a replayed recording', f'{replay(directory):,.0f}', '')]
        for source in ('audit', 'bpf'):
            state = directory / source
            state.mkdir()
            rss = memory(state, source)
            if rss:
                lines.append((f'RSS with {LIVE:,} live processes, {source}', f'{rss:.1f} MiB', '8 MiB'))
        table(results, names, lines)


if __name__ == '__main__':
    main()
