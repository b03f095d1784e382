"""fswatch on real files with both of the kernel's interfaces, driven by the test parent of persistent modules."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from persist_harness import Failed, Persist  # noqa: E402

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
BACKENDS = ["fanotify", "inotify"]


def start(paths, state=None, backend="auto", **more):
    config = {"paths": [str(p) for p in paths], "settle": "20ms", "recheck": "50ms", "backend": backend, **more}
    module = Persist("fswatch", "fswatch", config=config, state=state)
    module.wait(lambda: idle(module), "the first scan")
    return module


def counters(module):
    return module.query()["rows"][0]


def idle(module):
    now = counters(module)
    return not now["scanning"] and not now["pending"]


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def of(path, event):
    return lambda alert: alert.get("path") == str(path) and alert["event"] == event


@pytest.fixture(params=BACKENDS)
def backend(request):
    return request.param


def test_new_written_renamed_removed(tmp_path, backend):
    (tmp_path / "a").write_text("one")
    with start([tmp_path], backend=backend) as module:
        assert counters(module)["backend"] == backend
        assert module.alerts == []  # what was there is taken as given
        (tmp_path / "new").write_text("fresh")
        alert = module.wait_alert(of(tmp_path / "new", "created"))
        assert alert["severity"] == "medium" and alert["alert"] == f"new path {tmp_path}/new"
        assert alert["sha256"] == sha256("fresh") and alert["size"] == 5
        if backend == "fanotify":
            assert alert["pid"] == os.getpid()

        (tmp_path / "a").write_text("two")
        alert = module.wait_alert(of(tmp_path / "a", "changed"))
        assert alert["severity"] == "critical"
        assert alert["alert"] == f"{tmp_path}/a signature changed {sha256('one')} -> {sha256('two')}"
        assert (alert["old_sha256"], alert["sha256"]) == (sha256("one"), sha256("two"))

        (tmp_path / "a").rename(tmp_path / "b")
        alert = module.wait_alert(of(tmp_path / "b", "renamed"))
        assert alert["old_path"] == str(tmp_path / "a") and alert["severity"] == "medium"

        (tmp_path / "b").unlink()
        alert = module.wait_alert(of(tmp_path / "b", "removed"))
        assert alert["severity"] == "low" and alert["alert"] == f"path {tmp_path}/b removed"
        module.wait(lambda: idle(module))
        assert not [a for a in module.alerts if a["path"].endswith("/b") and a["event"] == "created"]


def test_what_comes_after_ready_is_told(tmp_path, backend):
    """Also of places that the first look comes to last: ready means that what is there now was seen."""
    watched = tmp_path / "watched"
    places = [watched / f"{n:02}" for n in range(40)]
    for place in places:
        place.mkdir(parents=True)
        for n in range(200):
            (place / str(n)).touch()
    module = Persist("fswatch", "fswatch", config={"paths": [f"recursive:{watched}"], "settle": "20ms", "hash": False,
                                                   "backend": backend})
    with module:
        os.kill(module.pid, signal.SIGSTOP)  # as on a host that gives it no CPU now
        for place in places:
            (place / "new").touch()
        os.kill(module.pid, signal.SIGCONT)
        for place in places:
            module.wait_alert(of(place / "new", "created"))
        module.wait(lambda: idle(module))
        assert len(module.alerts) == len(places)  # what was there before is taken as given


def test_mode_and_owner(tmp_path, backend):
    path = tmp_path / "program"
    path.write_text("x")
    path.chmod(0o755)
    with start([tmp_path], backend=backend) as module:
        path.chmod(0o700)
        alert = module.wait_alert(of(path, "attributes"))
        assert alert["alert"] == f"{path} mode changed 100755 -> 100700" and alert["severity"] == "medium"
        path.chmod(0o4755)
        module.wait_alert(lambda a: a["alert"].endswith("100700 -> 104755") and a["severity"] == "high")
        os.chown(path, 1, 2)  # takes the set-user-ID bit away
        module.wait_alert(lambda a: "owner changed 0:0 -> 1:2" in a["alert"])
        module.wait(lambda: idle(module))
        assert {a["event"] for a in module.alerts} == {"attributes"}  # the content is the same


def test_a_touch_is_no_change(tmp_path, backend):
    path = tmp_path / "file"
    path.write_text("same")
    with start([tmp_path], backend=backend) as module:
        path.write_text("same")
        before = counters(module)["files_hashed"]
        os.utime(path, (1, 1))
        module.wait(lambda: idle(module) and counters(module)["files_hashed"] >= before)
        (tmp_path / "last").write_text("")
        module.wait_alert(of(tmp_path / "last", "created"))
        assert [a["path"] for a in module.alerts] == [str(tmp_path / "last")]


def test_file_replaced_by_a_rename(tmp_path, backend):
    """How editors and dpkg write: a new file, renamed over the old one."""
    path = tmp_path / "passwd"
    path.write_text("old")
    with start([path], backend=backend) as module:
        for n in range(3):
            (tmp_path / "tmp").write_text(f"new {n}")
            (tmp_path / "tmp").rename(path)
            module.wait(lambda: counters(module)["suppressed"] + len(
                [a for a in module.alerts if "signature" in a["alert"]]) == n + 1)
        assert {a["path"] for a in module.alerts} == {str(path)}  # its neighbours are not under watch


def test_suppression(tmp_path, backend):
    path = tmp_path / "file"
    path.write_text("0")
    with start([tmp_path], backend=backend) as module:
        path.write_text("1")
        module.wait_alert(of(path, "changed"))
        path.write_text("2")
        module.wait(lambda: counters(module)["suppressed"] == 1)
        path.write_text("3")
        module.wait(lambda: counters(module)["suppressed"] == 2)
        assert len([a for a in module.alerts if a["event"] == "changed"]) == 1
    with start([tmp_path], backend=backend, suppress="0s") as module:
        for n in range(4, 7):
            path.write_text(str(n))
            module.wait_alert(lambda a: a.get("sha256") == sha256(str(n)))


def test_directories_that_come_and_go(tmp_path, backend):
    with start([f"recursive:{tmp_path}"], backend=backend) as module:
        deep = tmp_path / "a" / "b" / "c"
        deep.mkdir(parents=True)
        (deep / "file").write_text("quick")  # before any watch on c can stand
        module.wait_alert(of(deep / "file", "created"))
        (tmp_path / "a").rename(tmp_path / "z")
        module.wait_alert(of(tmp_path / "z", "renamed"))
        module.wait(lambda: idle(module))
        mark = len(module.alerts)
        moved = tmp_path / "z" / "b" / "c" / "file"
        moved.write_text("changed")
        alert = module.wait_alert(of(moved, "changed"), mark)
        assert alert["old_sha256"] == sha256("quick")  # it is known under its new name
        shutil.rmtree(tmp_path / "z")
        module.wait_alert(of(tmp_path / "z", "removed"))
        module.wait(lambda: counters(module)["watched"] == 1 and counters(module)["directories"] == 1)


def test_moved_out_and_in(tmp_path, backend):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (inside / "d").mkdir()
    (inside / "d" / "f").write_text("1")
    with start([f"recursive:{inside}"], backend=backend) as module:
        (inside / "d").rename(outside / "d")
        assert module.wait_alert(of(inside / "d", "removed"))["below"] == 1
        (outside / "d" / "g").write_text("not ours")
        (outside / "d").rename(inside / "e")
        module.wait_alert(of(inside / "e", "created"))
        module.wait_alert(of(inside / "e" / "g", "created"))
        assert not [a for a in module.alerts if "/out/" in a["path"]]


def test_not_recursive_and_excluded(tmp_path, backend):
    (tmp_path / "sub").mkdir()
    (tmp_path / "left-out").mkdir()
    with start([tmp_path], backend=backend, exclude=[str(tmp_path / "left-out")]) as module:
        (tmp_path / "sub" / "unseen").write_text("")
        (tmp_path / "left-out" / "unseen").write_text("")
        (tmp_path / "left-out-too").write_text("")  # a name that only begins the same
        (tmp_path / "seen").write_text("")
        module.wait_alert(of(tmp_path / "seen", "created"))
        module.wait_alert(of(tmp_path / "left-out-too", "created"))
        assert not [a for a in module.alerts if "unseen" in a["path"]]


def test_changes_while_it_was_down(tmp_path, backend):
    """kill -9, changes, start: all of them are told, and what was told is not told again."""
    watched, state = tmp_path / "w", tmp_path / "state"
    watched.mkdir()
    state.mkdir()
    for name in ("written", "removed", "mode", "same"):
        (watched / name).write_text("1")
    with start([f"recursive:{watched}"], state, backend) as module:
        (watched / "told").write_text("1")
        module.wait_alert(of(watched / "told", "created"))
        module.ping()  # answered in a later round of its loop: the record is written
        module.kill()
    stamp = (watched / "written").stat()
    (watched / "written").write_text("2")
    os.utime(watched / "written", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # the size and time as before
    (watched / "removed").unlink()
    (watched / "mode").chmod(0o4755)
    (watched / "new").mkdir()
    (watched / "new" / "inner").write_text("")
    with start([f"recursive:{watched}"], state, backend) as module:
        told = {(a["path"][len(str(watched)) + 1:], a["event"]) for a in module.alerts}
        assert told == {("written", "changed"), ("removed", "removed"), ("mode", "attributes"), ("new", "created"),
                        ("new/inner", "created")}
        assert all(a.get("while_down") for a in module.alerts)
        module.stop()
    with start([f"recursive:{watched}"], state, backend) as module:
        assert module.alerts == []


def test_torn_baseline(tmp_path):
    watched, state = tmp_path / "w", tmp_path / "state"
    watched.mkdir()
    state.mkdir()
    for n in range(20):
        (watched / f"f{n}").write_text("1")
    with start([watched], state) as module:
        module.stop()
    baseline = state / "baseline"
    baseline.write_bytes(baseline.read_bytes()[:-7])
    with start([watched], state) as module:
        module.wait_log("torn")
        module.stop()
    with start([watched], state) as module:
        assert module.alerts == [] and not [line for line in module.logs if "torn" in line]


def test_missing_path_is_no_failure(tmp_path, backend):
    path = tmp_path / "later"
    with start([path, tmp_path / "never"], backend=backend) as module:
        module.wait_log(f"{path}: No such file or directory")
        assert counters(module)["missing"] == [str(path), str(tmp_path / "never")]
        path.mkdir()
        (path / "file").write_text("1")
        module.wait_alert(of(path / "file", "created"))
        module.wait(lambda: counters(module)["missing"] == [str(tmp_path / "never")])
        shutil.rmtree(path)
        module.wait_log(f"{path} is gone")
        path.mkdir()
        mark = len(module.alerts)
        (path / "again").write_text("1")
        module.wait_alert(of(path / "again", "created"), mark)


def test_lost_events(tmp_path):
    """A stopped process and more changes than the kernel queues: the loss is told, and nothing is missed."""
    limit = int(pathlib.Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 100_000:
        pytest.skip("needs fs.inotify.max_queued_events of at most 100000")
    (tmp_path / "known").write_text("1")
    with start([tmp_path], backend="inotify") as module:
        os.kill(module.pid, signal.SIGSTOP)
        for n in range(limit // 2 + 10):  # each is a creation and a removal
            os.close(os.open(tmp_path / f"n{n}", os.O_CREAT | os.O_WRONLY))
            os.unlink(tmp_path / f"n{n}")
        (tmp_path / "known").write_text("2")
        (tmp_path / "late").write_text("1")
        os.kill(module.pid, signal.SIGCONT)
        module.wait_alert(lambda a: a["event"] == "overflow" and a["severity"] == "high")
        module.wait_alert(of(tmp_path / "known", "changed"))
        module.wait_alert(of(tmp_path / "late", "created"))
        assert counters(module)["overflows"] >= 1


def test_full_queue_loses_nothing(tmp_path, backend):
    """More changes at once than the queue holds (128)."""
    for n in range(300):
        (tmp_path / f"old{n}").write_text("1")
    with start([tmp_path], backend=backend) as module:
        for n in range(300):
            (tmp_path / f"old{n}").write_text("2")
            (tmp_path / f"new{n}").write_text("1")
        def told(event, name):
            return {a["path"] for a in module.alerts if a["event"] == event and os.path.basename(a["path"]).startswith(name)}

        module.wait(lambda: len(told("created", "new")) == 300)
        module.wait(lambda: len(told("changed", "old")) == 300)
        module.wait(lambda: idle(module))
        assert len([a for a in module.alerts if a["event"] == "created"]) == 300
        assert counters(module)["dropped"] > 0


def test_strange_names_and_things(tmp_path, backend):
    with start([f"recursive:{tmp_path}"], backend=backend) as module:
        os.mkfifo(tmp_path / "fifo")
        (tmp_path / "link").symlink_to("/etc/passwd")
        raw = os.fsencode(tmp_path) + b"/" + b"\xff" * 255
        os.close(os.open(raw, os.O_CREAT | os.O_WRONLY))
        (tmp_path / "line\nbreak").write_text("")
        module.wait_alert(of(tmp_path / "fifo", "created"))
        link = module.wait_alert(of(tmp_path / "link", "created"))
        assert link["sha256"] == sha256("/etc/passwd")  # of where it leads, not of what is there
        module.wait_alert(lambda a: "path_raw" in a)
        module.wait_alert(of(tmp_path / "line\nbreak", "created"))
        (tmp_path / "link").unlink()
        (tmp_path / "link").symlink_to("/etc/shadow")
        module.wait_alert(lambda a: "link" in a["path"] and a["event"] in ("changed", "created", "removed"))
        os.unlink(raw)


def test_limits(tmp_path):
    for n in range(50):
        (tmp_path / f"f{n}").write_text("1")
    (tmp_path / "large").write_bytes(b"x" * 4096)
    with start([tmp_path], objects_max=20) as module:
        assert counters(module)["watched"] == 20 and counters(module)["refused"] > 0
        module.wait_log("more than 20 objects")
    with start([tmp_path], hash_max=1000) as module:
        (tmp_path / "large").write_bytes(b"y" * 8192)
        alert = module.wait_alert(of(tmp_path / "large", "changed"))
        assert alert["severity"] == "high" and "sha256" not in alert
    with start([tmp_path], hash=False) as module:
        (tmp_path / "f1").write_text("22")
        assert "sha256" not in module.wait_alert(of(tmp_path / "f1", "changed"))
        assert counters(module)["files_hashed"] == 0


def test_configuration_is_checked(tmp_path):
    with pytest.raises(Failed, match='"etc" does not begin with /'):
        start(["etc"])
    with pytest.raises(Failed, match="unknown"):
        start([tmp_path], nonsense=1)
    with start([tmp_path]) as module:
        module.send("config", {"config": {"paths": ["/"]}})
        module.wait_log("restart fswatch")


def test_without_privileges(tmp_path):
    """As another user: inotify does the work."""
    watched = tmp_path / "w"
    watched.mkdir()
    for path in (tmp_path, *tmp_path.parents[:2], watched):
        path.chmod(path.stat().st_mode | stat.S_IXOTH | stat.S_IROTH)
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    config = {"paths": [str(watched)], "settle": "20ms"}
    with Persist("fswatch", "fswatch", config=config, prefix=["setpriv", "--reuid=65534", "--regid=65534",
                                                              "--clear-groups"]) as module:
        module.wait(lambda: idle(module))
        (watched / "f").write_text("1")
        module.wait_alert(of(watched / "f", "created"))


def test_what_it_does_not_need_is_refused(tmp_path):
    with start([tmp_path], backend="inotify") as module:
        status = pathlib.Path(f"/proc/{module.pid}/status").read_text()
        effective = int(next(line for line in status.splitlines() if line.startswith("CapEff")).split()[1], 16)
        assert effective == 1 << 2  # CAP_DAC_READ_SEARCH alone
        assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status


def test_default_profile_and_memory():
    with Persist("fswatch", "fswatch") as module:
        module.wait(lambda: counters(module)["watched"] > 100)
        pss = pathlib.Path(f"/proc/{module.pid}/smaps_rollup").read_text()
        print(next(line for line in pss.splitlines() if line.startswith("Pss:")), counters(module))
        module.ping()
        assert module.stop() == 0


def test_answer_fits_its_schema(tmp_path, tarsier):
    with start([tmp_path, tmp_path / "missing"]) as module:
        tarsier.check("fswatch", counters(module))


# ---- who ----


def hierarchy():
    """Where a control group can be made: the v2 hierarchy, else any."""
    mounts = [line.split() for line in pathlib.Path("/proc/mounts").read_text().splitlines()]
    for kind in ("cgroup2", "cgroup"):
        for fields in mounts:
            if fields[2] == kind:
                return pathlib.Path(fields[1])
    pytest.skip("needs a control group hierarchy")


@pytest.fixture
def docker_group():
    """A control group as Docker's systemd driver names them; its container's id."""
    name = hashlib.sha256(os.urandom(16)).hexdigest()
    group = hierarchy() / f"docker-{name}.scope"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"needs a control group: {error}")
    yield group, name
    for pid in (group / "cgroup.procs").read_text().split():
        os.waitpid(int(pid), 0)
    group.rmdir()


def in_group(group, script, *arguments):
    """A shell in the group that says when it is done and then waits for its end."""
    text = f'echo $$ > {group}/cgroup.procs\n{script}\necho done\nread line\n'
    process = subprocess.Popen(["sh", "-c", text, "sh", *map(str, arguments)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "done\n"
    return process


def finish(process):
    process.communicate("\n")


def test_who_changed_it_in_a_container(tmp_path, docker_group, mount_namespace):
    group, name = docker_group
    watched, state = tmp_path / "watched", tmp_path / "docker"
    watched.mkdir()
    state.mkdir()
    (state / "config.v2.json").write_text(json.dumps(
        {"ID": name, "Name": "/web", "Config": {"Image": "nginx:1.25", "Hostname": "web"}, "State": {"Pid": 1}}))
    # Docker's directory of state files, in a mount namespace of the module's own
    script = (f'mount -t tmpfs t /var/lib && mkdir -p /var/lib/docker/containers && '
              f'cp -r {state} /var/lib/docker/containers/{name} && exec "$@"')
    config = {"paths": [str(watched)], "settle": "20ms", "backend": "fanotify"}
    with Persist("fswatch", "fswatch", config=config,
                 prefix=["unshare", "-m", "sh", "-c", script, "sh"]) as module:
        module.wait(lambda: idle(module), "the first scan")
        process = in_group(group, 'echo x > "$1"', watched / "new")
        try:
            who_is = module.wait_alert(of(watched / "new", "created"))
            assert who_is["pid"] == process.pid
            who = who_is["who"]
            assert who["container"] == {"engine": "docker", "id": name, "name": "web", "image": "nginx:1.25"}
            assert who["comm"] == "sh" and who["ppid"] == os.getpid()
            assert who["parent"] == pathlib.Path("/proc/self/comm").read_text().strip()
            assert who["uid"] == os.getuid() and who["unit"] == group.name
            assert who.get("exe", os.path.realpath("/bin/sh")) == os.path.realpath("/bin/sh")
            assert who["started"] <= who_is["time"]
        finally:
            finish(process)
        (watched / "new").unlink()
        alert = module.wait_alert(of(watched / "new", "removed"))
        assert alert["pid"] == os.getpid() and "container" not in alert["who"]


def test_who_of_a_process_that_has_ended(tmp_path, docker_group):
    """While nobody has waited for it, it is there to be read; afterwards only its number is known, and another process
    with that number is not taken for it."""
    group, name = docker_group
    with start([tmp_path], backend="fanotify") as module:
        os.kill(module.pid, signal.SIGSTOP)
        ended = in_group(group, 'echo x > "$1"', tmp_path / "zombie")
        ended.stdin.close()
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        gone = in_group(group, 'echo x > "$1"', tmp_path / "gone")
        finish(gone)
        other = child_with_pid(gone.pid)
        os.kill(module.pid, signal.SIGCONT)
        alert = module.wait_alert(of(tmp_path / "zombie", "created"))
        assert alert["pid"] == ended.pid and alert["who"]["comm"] == "sh" and "exe" not in alert["who"]
        assert alert["who"]["container"] == {"engine": "docker", "id": name}
        ended.wait()
        alert = module.wait_alert(of(tmp_path / "gone", "created"))
        assert alert["pid"] == gone.pid and "who" not in alert
        assert counters(module)["unidentified"] >= 1
        if other:
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)


def child_with_pid(pid):
    """A process that has a number which was used before; None when it could not be had."""
    last = pathlib.Path("/proc/sys/kernel/ns_last_pid")
    for _ in range(50):
        try:
            last.write_text(str(pid - 1))
        except OSError:
            return None
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
        if child == pid:
            return child
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return None


def test_who_is_the_last_that_wrote(tmp_path):
    """Two processes within the settling time: one alert, of the second."""
    with start([tmp_path], backend="fanotify", settle="300ms") as module:
        subprocess.run(["sh", "-c", f"echo 1 > {tmp_path}/file"], check=True)
        second = subprocess.Popen(["dash" if shutil.which("dash") else "sh", "-c", f"echo 2 > {tmp_path}/file; echo; read x"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert second.stdout.readline() == "\n"
        alert = module.wait_alert(of(tmp_path / "file", "created"))
        assert alert["pid"] == second.pid and alert["who"]["ppid"] == os.getpid()
        finish(second)


def test_inotify_tells_no_process(tmp_path):
    with start([tmp_path], backend="inotify") as module:
        (tmp_path / "new").write_text("1")
        alert = module.wait_alert(of(tmp_path / "new", "created"))
        assert "pid" not in alert and "who" not in alert
