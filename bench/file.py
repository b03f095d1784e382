"""`./dev bench file`: the file module beside find, grep and sha256sum on this machine's own files.

CPU is user and system time of all processes of a run, the least of ROUNDS runs after one that fills the page cache.
Memory is the largest peak (VmHWM) of any process of the run."""
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

TARSIER = os.environ.get('TARSIER', 'build/tarsier')
ROUNDS = int(os.environ.get('ROUNDS', '3'))
SAMPLE = 0.002


def children_cpu():
    times = os.times()
    return times.children_user + times.children_system


def cpu(command, output=subprocess.DEVNULL):
    before = children_cpu()
    subprocess.run(command, shell=True, stdout=output, stderr=subprocess.DEVNULL, check=False)
    return children_cpu() - before


def least(command):
    cpu(command)
    return min(cpu(command) for _ in range(ROUNDS))


def descendants(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
            for child in map(int, file.read().split()):
                yield child
                yield from descendants(child)
    except OSError:
        return


def peak(command, log):
    """KiB of the largest process, without this one's."""
    found = {}
    with subprocess.Popen(command, stdout=log, stderr=subprocess.DEVNULL) as process:
        def sample():
            while process.poll() is None:
                for pid in (process.pid, *descendants(process.pid)):
                    try:
                        with open(f'/proc/{pid}/status', encoding='ascii') as file:
                            fields = dict(line.split(':', 1) for line in file)
                        if 'python' not in fields['Name']:
                            found[pid] = max(found.get(pid, 0), int(fields['VmHWM'].split()[0]))
                    except (OSError, KeyError):
                        continue
                time.sleep(SAMPLE)
        watcher = threading.Thread(target=sample)
        watcher.start()
        watcher.join()
    return max(found.values())


def show(what, ours, peer, ratio, target):
    good = ratio <= target
    print(f'{what:40} ours {ours:7.3f} s  peer {peer:7.3f} s  ratio {ratio:5.2f} (target <= {target}) '
          f'{"ok" if good else "MISSED"}', flush=True)
    return good


def digests(directories):
    """CPU seconds of the module and of sha256sum for the same files: links to files are followed by both."""
    ours = f"{TARSIER} file {' '.join('--path ' + path for path in directories)} --sha2 {'0' * 64} --json"
    peer = f"find {' '.join(directories)} -xtype f -print0 | xargs -0 sha256sum"
    return least(ours), least(peer)


def main():
    good = True
    ours = least(f"{TARSIER} file --path /usr --name '^libz.*[.]so' --json")
    peer = least("find /usr -name 'libz*.so*'")
    good &= show('names in /usr, find -name', ours, peer, ours / peer, 1.0)
    ours = least(f"{TARSIER} file --path /usr/share --content 'tar(sier|get)_[a-z]+x' --json")
    peer = least("grep -rlE 'tar(sier|get)_[a-z]+x' /usr/share")
    good &= show('content in /usr/share, grep -rlE', ours, peer, ours / peer, 0.8)
    ours, peer = digests(['/usr/bin', '/usr/lib'])
    good &= show('SHA-256 of /usr/bin /usr/lib, sha256sum', ours, peer, ours / peer, 0.25)
    with tempfile.TemporaryFile() as log:
        kib = peak([TARSIER, 'file', '--path', '/usr', '--name', '.', '--matchlimit', '70000', '--json'], log)
        log.seek(0)
        rows = json.load(log)['statistics']['totalhits']
    good &= kib <= 8 << 10
    print(f'peak memory with {rows} matches: {kib / 1024:.1f} MiB (target <= 8) {"ok" if kib <= 8 << 10 else "MISSED"}')
    return 0 if good else 1


sys.exit(main())
