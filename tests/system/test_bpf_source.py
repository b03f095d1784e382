"""What the eBPF source tells of single acts: each field against what was really done."""
import os
import pathlib
import platform
import resource
import subprocess
import uuid

import pytest
from watch_harness import HERE, Watch

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def acts(tmp_path_factory):
    program = tmp_path_factory.mktemp("acts") / "bpf_acts"
    subprocess.run(["cc", "-O1", "-static", "-pthread", "-o", program, HERE / "bpf_acts.c"], check=True)
    return program


@pytest.fixture(scope="module")
def watch(tarsier, tmp_path_factory):
    """Needs not be alone on the machine: a second one beside it sees the same."""
    with Watch(tarsier, tmp_path_factory.mktemp("watch"), "--source", "bpf", "--forks") as running:
        running.wait_ready()
        yield running


@pytest.fixture
def act(watch, acts):
    """Does one act; its pid, what it printed, and the events of it and of its children."""

    def do(*arguments, program=acts, status=0, **options):
        first = len(watch.events)
        done = subprocess.Popen([program, *map(str, arguments)], stdout=subprocess.PIPE, text=True, **options)
        out, _ = done.communicate(timeout=60)
        assert done.returncode == status, out
        watch.wait_settled()
        events = [e for e in watch.events[first:]
                  if done.pid in (e.get("process", {}).get("pid"), e.get("process", {}).get("ppid"))]
        return done.pid, out, events

    return do


def of(events, kind, pid):
    return [e for e in events if e["type"] == kind and e["process"]["pid"] == pid]


def test_life_of_a_process(act, acts):
    pid, _, events = act("exit", 3, "two words", "", status=3, cwd="/usr/share")
    assert [e["type"] for e in of(events, "fork", pid) + of(events, "exec", pid) + of(events, "exit", pid)] == \
        ["fork", "exec", "exit"]
    process = of(events, "exec", pid)[0]["process"]
    assert process["argv"] == [str(acts), "exit", "3", "two words", ""]
    assert process["exe"] == str(acts)
    assert process["cwd"] == "/usr/share"
    assert process["comm"] == "bpf_acts"
    assert process["ppid"] == os.getpid()
    assert (process["uid"], process["euid"], process["gid"], process["egid"]) == (0, 0, 0, 0)
    assert process["pid_namespace"] == os.stat("/proc/self/ns/pid").st_ino
    end = of(events, "exit", pid)[0]["exit"]
    assert end["code"] == 3 and not end.get("signal")
    # the memory before the exec, our own, counts too (getrusage(2))
    assert 4096 < end["max_rss"] <= resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def test_signal(act):
    pid, _, events = act("signal", status=-15)
    end = of(events, "exit", pid)[0]["exit"]
    assert end["signal"] == 15 and end.get("code", 0) == 0


def test_long_arguments_are_cut_and_say_so(act, acts):
    pid, _, events = act("exit", 0, "x" * 3000, "y" * 3000, "z")
    process = of(events, "exec", pid)[0]["process"]
    assert process["argv_truncated"]
    assert process["argv"][:4] == [str(acts), "exit", "0", "x" * 3000]
    assert len(process["argv"]) == 5 and set(process["argv"][4]) == {"y"} and len(process["argv"][4]) > 500


def test_program_in_no_directory(act):
    pid, _, events = act("memfd")
    assert [e["process"]["exe"] for e in of(events, "exec", pid)][-1] == "/memfd:hidden (deleted)"


def test_paths_are_those_the_process_sees(act, acts, tmp_path):
    (tmp_path / "sub").mkdir()
    subprocess.run(["cp", acts, tmp_path / "inside"], check=True)
    pid, _, events = act("chroot", tmp_path)
    process = of(events, "exec", pid)[-1]["process"]
    assert process["exe"] == "/inside"
    assert process["cwd"] == "/sub"


def test_deep_path(act, acts, tmp_path):
    """Deeper than the program walks: the path is found in /proc or left out, never wrong."""
    directory = tmp_path.joinpath(*["d" * 20] * 50)
    directory.mkdir(parents=True)
    copy = directory / "deep"
    subprocess.run(["cp", acts, copy], check=True)
    pid, _, events = act("exit", 0, program=copy)
    assert of(events, "exec", pid)[0]["process"].get("exe") in (None, str(copy))


@pytest.mark.parametrize("word,status", [("leader-first", 5), ("end-together", 0)])
def test_process_ends_once_with_its_last_thread(act, word, status):
    for _ in range(20):
        pid, _, events = act(word, status=status)
        ends = of(events, "exit", pid)
        assert len(ends) == 1
        assert ends[0]["exit"]["code"] == status


def test_exec_by_another_thread(act):
    pid, _, events = act("exec-from-thread")
    assert [e["process"]["argv"][-1] for e in of(events, "exec", pid)][-1] == "from a thread"
    assert len(of(events, "exit", pid)) == 1


def test_group_at_the_moment_of_the_fork(act):
    unified = pathlib.Path("/sys/fs/cgroup/unified")
    base = unified if unified.exists() else pathlib.Path("/sys/fs/cgroup")
    container = uuid.uuid4().hex * 2
    group = base / f"tarsier-bpf-{os.getpid()}" / "docker" / container
    group.mkdir(parents=True)
    try:
        pid, out, events = act("clone-into", group)
        child = int(out)
        fork = of(events, "fork", child)[0]["process"]
        assert fork["ppid"] == pid
        assert fork["container"]["id"] == container
        assert "container" not in of(events, "exec", pid)[0]["process"] or \
            of(events, "exec", pid)[0]["process"]["container"]["id"] != container
    finally:
        for directory in (group, group.parent, group.parent.parent):
            directory.rmdir()


def test_identity(act):
    pid, _, events = act("setresuid")
    change, = of(events, "credential", pid)
    assert (change["process"]["uid"], change["process"]["euid"]) == (65534, 65533)
    assert change["audit"]["syscall"] == "setresuid"


def test_what_failed_is_no_change(act):
    pid, _, events = act("setuid-fails")
    assert [e["process"]["uid"] for e in of(events, "credential", pid)] == [65534]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="needs system calls of 32-bit x86")
def test_identity_by_a_32_bit_call(act):
    pid, _, events = act("setuid-compat")
    change, = of(events, "credential", pid)
    assert change["process"]["uid"] == 65534
    assert change["audit"]["syscall"] == "setuid"


def test_ptrace(act):
    pid, out, events = act("ptrace")
    attach, = of(events, "ptrace", pid)
    assert attach["object"]["pid"] == int(out)


def test_namespace_and_mount(act, tmp_path, mount_namespace):
    pid, _, events = act("mount", tmp_path)
    assert len(of(events, "namespace", pid)) == 1
    mounts = [e["object"] for e in of(events, "mount", pid)]
    assert [m["operation"] for m in mounts] == ["mount", "mount", "umount2"]
    assert mounts[1]["path"] == mounts[2]["path"] == str(tmp_path)
    assert mounts[1]["source"] == "nothing"
    assert mounts[1]["name"] == "tmpfs"


def test_counters(watch):
    """The last of the module: nothing was lost, nothing not understood."""
    watch.finish()
    assert watch.statistics["received"] > 0
    assert watch.statistics["lost"] == 0
    assert watch.statistics["refused"] == 0
