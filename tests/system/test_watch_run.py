"""`tarsier watch` in the foreground: its outputs, recordings and replays, and what it refuses."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest
import watch_harness
from test_watch_rules import Container
from watch_harness import Watch

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
LOG = """type=SYSCALL msg=audit(1700000000.100:7): arch=c000003e syscall=59 success=yes exit=0 a0=1 a1=2 a2=3 a3=0 items=2 \
ppid=900 pid=901 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="curl" \
exe="/usr/bin/curl" subj=unconfined key="k"
type=EXECVE msg=audit(1700000000.100:7): argc=3 a0="curl" a1="-u" a2="ann:geheim"
type=CWD msg=audit(1700000000.100:7): cwd="/srv"
type=PROCTITLE msg=audit(1700000000.100:7): proctitle="curl"
type=EOE msg=audit(1700000000.100:7):
type=USER_LOGIN msg=audit(1700000001.000:8): pid=950 uid=0 auid=1000 ses=4 msg='op=login acct="ann" exe="/usr/sbin/sshd" \
hostname=? addr=192.0.2.7 terminal=ssh res=success'
type=SYSCALL msg=audit(1700000003.000:12): arch=c000003e syscall=231 a0=0 a1=0 a2=0 a3=0 items=0 ppid=900 pid=901 \
auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="curl" exe="/usr/bin/curl"
""".replace("\\\n", "")


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_replay_of_a_log(tarsier, tmp_path):
    """The log's clock, its loss, and no secret; the same twice."""
    log = tmp_path / "audit.log"
    log.write_text(LOG)
    done = tarsier("watch", "--replay", log, "--json")
    assert done.returncode == 0, done.stderr
    events = lines(done.stdout)
    for event in events:
        tarsier.check("watch", event)
    run = next(e for e in events if e["type"] == "exec")
    assert run["time"] == "2023-11-14T22:13:20.1Z" and run["source"] == "replay"
    assert run["process"]["argv"][0] == "curl" and run["process"]["cwd"] == "/srv" and run["process"]["auid"] == 1000
    assert "geheim" not in done.stdout
    login = next(e for e in events if e["type"] == "user")
    assert login["user"]["account"] == "ann" and login["user"]["address"] == "192.0.2.7"
    assert [e["gap"]["lost"] for e in events if e["type"] == "gap"] == [3]
    assert tarsier("watch", "--replay", log, "--json").stdout == done.stdout
    masked = lines(tarsier("watch", "--replay", log, "--json", "--privacy").stdout)
    assert next(e for e in masked if e["type"] == "exec")["process"]["argv"] == "masked"


def test_lines_for_people(tarsier, tmp_path):
    log = tmp_path / "audit.log"
    log.write_text(LOG)
    text = tarsier("watch", "--replay", log).stdout
    assert "curl -u" in text and "3 events lost: sequence" in text and "account ann from 192.0.2.7" in text


@pytest.mark.parametrize("arguments, part", [
    (["--source", "nonsense"], "source"), (["--replay", "/no/such/log"], "/no/such/log"),
    (["--replay", "/dev/null", "--record", "/tmp/x"], "replay"), (["--replay", "/dev/null", "--digests"], "digests"),
    (["--rules", "/no/such/rules.yaml"], "/no/such/rules.yaml"), (["--redact", "("], "redact"),
    (["--delete-delay", "1h30m"], "delete_delay"), (["--type", "exac"], "type"), (["--backlog", "many"], "backlog"),
])
def test_what_is_refused(tarsier, arguments, part):
    done = tarsier("watch", *arguments)
    assert done.returncode not in (0, -9) and part in done.stderr and not done.stdout


def test_a_recording_is_not_overwritten(tarsier, tmp_path):
    there = tmp_path / "there"
    there.write_text("mine")
    done = tarsier("watch", "--source", "bpf", "--record", there, "--duration", "1s")
    if "eBPF" in done.stderr and str(there) not in done.stderr:
        pytest.skip("needs eBPF")
    assert done.returncode != 0 and str(there) in done.stderr and there.read_text() == "mine"


def test_record_and_replay(tarsier, tmp_path):
    """Two replays are one stream, byte by byte, and tell what the run told."""
    record = tmp_path / "recording"
    with Watch(tarsier, tmp_path, "--source", "bpf", "--forks", "--record", record) as watch:
        watch.wait_ready()
        for number in range(200):
            subprocess.run(["/bin/sh", "-c", f"/bin/true {number} & wait"], check=True)
        watch.wait_settled()
        watch.finish()
    assert oct(record.stat().st_mode & 0o777) == "0o600"
    replays = [tarsier("watch", "--replay", record, "--forks", "--json") for _ in range(2)]
    assert all(done.returncode == 0 for done in replays), replays[0].stderr
    digests = {hashlib.sha256(done.stdout.encode()).hexdigest() for done in replays}
    assert len(digests) == 1
    told = lines(replays[0].stdout)
    assert [(e["type"], e["time"], e["process"]["pid"]) for e in told if "process" in e] == \
        [(e["type"], e["time"], e["process"]["pid"]) for e in watch.events if "process" in e]
    assert sum(e["type"] == "exec" and e["process"]["argv"][0] == "/bin/true" for e in told) >= 200


def test_what_was_there_already_has_not_begun_in_a_replay_either(tarsier, tmp_path):
    """A container that runs when a recording begins: no start of it, in the run and in its replay; and its stop in both."""
    record = tmp_path / "recording"
    with Container() as container:
        inside = subprocess.Popen(["sleep", "1000"], preexec_fn=container.enter)
        try:
            with Watch(tarsier, tmp_path, "--source", "bpf", "--delete-delay", "100ms", "--record", record) as watch:
                watch.wait_ready()
                inside.kill()
                inside.wait()
                watch.wait_for(lambda e: e["type"] == "container" and e["process"]["container"]["id"] == container.id)
                watch.wait_settled()
                watch.finish()
        finally:
            inside.kill()
            inside.wait()
    told = lines(tarsier("watch", "--replay", record, "--delete-delay", "100ms", "--json").stdout)
    for events in (watch.events, told):
        assert [e["object"]["operation"] for e in events if e["type"] == "container" and
                e["process"]["container"]["id"] == container.id] == ["stop"]


def test_raw_prints_the_kernels_messages(tarsier, tmp_path):
    with watch_harness.alone():
        with open(tmp_path / "raw", "wb") as out, open(tmp_path / "err", "wb") as err:
            process = subprocess.Popen([tarsier.path, "watch", "--source", "audit", "--raw", "--duration", "3s"], stdout=out,
                                       stderr=err)
            try:
                while process.poll() is None:
                    subprocess.run(["/bin/echo", "seen raw"], stdout=subprocess.DEVNULL, check=True)
                    time.sleep(0.05)  # less than it can print, however slow it is
            finally:  # nobody else may be the audit daemon meanwhile
                process.terminate()
                process.wait(60)
        said = (tmp_path / "err").read_text()
        if process.returncode and "cannot be used" in said:
            pytest.skip(f"needs audit: {said}")
        assert process.returncode == 0, said
    text = (tmp_path / "raw").read_text()
    assert "type=SYSCALL msg=audit(" in text and 'a1="seen raw"' in text.replace("a1=7365656E20726177", 'a1="seen raw"')
    assert "audit: before: enabled" in said  # the status, before anything was changed


def test_a_program_that_gives_capabilities(tarsier, tmp_path):
    """A set-user-ID program of an ordinary user is told as such; the same without the bit is not."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="tarsier-caps-"))
    try:
        directory.chmod(0o755)
        plain, setuid = directory / "plain", directory / "setuid"
        for program in (plain, setuid):
            shutil.copy("/bin/true", program)
        setuid.chmod(0o4755)
        if os.statvfs(directory).f_flag & os.ST_NOSUID:
            pytest.skip("needs a directory where set-user-ID works")
        with Watch(tarsier, tmp_path, "--source", "bpf") as watch:
            watch.wait_ready()
            pids = []
            for program in (plain, setuid):
                process = subprocess.Popen([program], user=65534, group=65534, extra_groups=[])
                assert process.wait() == 0
                pids.append(process.pid)
            watch.wait_settled()
            watch.finish()
        gained = [e for e in watch.events if e["type"] == "capability"]
        assert [e for e in gained if e["process"]["pid"] == pids[0]] == []
        event, = [e for e in gained if e["process"]["pid"] == pids[1]]
        tarsier.check("watch", event)
        assert event["object"]["operation"] == "gained" and event["object"]["name"].startswith("all")
        assert (event["process"]["uid"], event["process"]["euid"]) == (65534, 0)
        assert event["process"]["exe"] == str(setuid)
    finally:
        shutil.rmtree(directory)
