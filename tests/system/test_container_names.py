"""Real engines: a container is started, and from one of its processes its name, image and labels are found in the state
files, with no engine asked."""

import json
import os
import subprocess
import time

import pytest
from conftest import PROGRAM
from container_engines import CGROUPS, PROBE, TIMEOUT, archive, bundle, docker, need, podman_command, rootfs, space

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not PROBE.exists(), reason="needs the build's container_probe"),
]


def is_recent(nanoseconds):
    return abs(nanoseconds / 1e9 - time.time()) < 600


def in_tree(space, pid):
    """The row of a process in `tarsier tree`."""
    rows = json.loads(space.run(PROGRAM, "tree", "--json"))["elements"]
    return next(row["process"] for row in rows if row["process"]["pid"] == pid)


# --- Docker ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["default", "elsewhere"])
def test_docker(space, archive, place):
    options = [] if place == "default" else ["--data-root", "/var/lib/far/away"]
    identity, pid = docker(space, archive, *options)
    found = space.probe(pid)
    assert found["recognised"] == found["engine"] == "docker"
    assert (found["id"], found["name"], found["image"]) == (identity, "web", "example.org/tiny:1")
    assert found["labels"] == {"tier": "front"}
    assert found["hostname"] == identity[:12] and found["pid"] == pid
    assert found["image_id"] == space.run("docker", "inspect", "-f", "{{.Image}}", "web")
    assert is_recent(found["created_ns"]) and is_recent(found["started_ns"])
    told = in_tree(space, pid)["container"]
    assert (told["engine"], told["id"], told["name"], told["image"]) == ("docker", identity, "web",
                                                                         "example.org/tiny:1")
    # without a process: by the bundle that containerd has of it
    assert space.probe(pid, "without-pid") == found
    # a new name is in the files at once
    space.run("docker", "rename", "web", "shop")
    space.undo.append(lambda: space.run("docker", "rm", "-f", "shop", check=False))
    assert space.probe(pid)["name"] == "shop"
    # a process that is put into the container later
    inside = subprocess.Popen(space.enter("docker", "exec", "shop", "/bin/sleep", "500"), stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + TIMEOUT
        pids = []
        while len(pids) < 2 and time.monotonic() < deadline:  # the runtime's own are there for a moment
            rows = [line.split() for line in space.run("docker", "top", "shop", "-o", "pid,comm").splitlines()[1:]]
            pids = [pid for pid, name in rows if name == "sleep"]
        assert [space.probe(int(one))["name"] for one in pids] == ["shop", "shop"]
    finally:
        inside.kill()
        inside.wait()


# --- containerd --------------------------------------------------------------------------------------------------------


def test_containerd(space, rootfs):
    need("containerd", "ctr", "runc")
    space.daemon("containerd", "--config", "/dev/null", ready=("test", "-S", "/run/containerd/containerd.sock"))
    space.run("ctr", "run", "-d", "--rootfs", "--label", "a=b", rootfs, "tiny", "/bin/sleep", "600")
    space.undo.append(lambda: space.run("ctr", "c", "rm", "tiny", check=False))
    space.undo.append(lambda: space.run("ctr", "t", "rm", "-f", "tiny", check=False))
    pid = int(space.run("ctr", "t", "ls").split()[4])
    found = space.probe(pid)
    assert (found["engine"], found["id"], found["name"]) == ("containerd", "tiny", "tiny")
    assert found["namespace"] == "default" and found["pid"] == pid
    assert in_tree(space, pid)["container"]["name"] == "tiny"


# --- podman ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["default", "elsewhere"])
def test_podman(space, archive, tmp_path, place):
    places = []
    if place == "elsewhere":
        places = ["--root", "/var/lib/far/graph", "--runroot", "/run/far", "--tmpdir", "/run/far/tmp"]
    podman = podman_command(tmp_path, *places)
    space.run("mkdir", "-p", "/var/lib/far")
    space.run(*podman, "import", archive, "example.org/tiny:1")
    for name, more in (("pweb", []), ("gone", ["--rm"])):
        identity = space.run(*podman, "run", "-d", "--name", name, *more, "--network=none", "example.org/tiny:1",
                             "/bin/sleep", "600")
        space.undo.append(lambda name=name: space.run(*podman, "rm", "-f", "-t", "0", name, check=False))
        pid = int(space.run(*podman, "inspect", "-f", "{{.State.Pid}}", name))
        found = space.probe(pid)
        assert found["recognised"] == found["engine"] == "podman"
        assert (found["id"], found["name"], found["image"]) == (identity, name, "example.org/tiny:1")
        assert found["image_id"] == space.run(*podman, "inspect", "-f", "{{.Image}}", name)
        assert is_recent(found["created_ns"])
        told = in_tree(space, pid)["container"]
        assert (told["engine"], told["name"], told["image"]) == ("podman", name, "example.org/tiny:1")


# --- runtimes by hand --------------------------------------------------------------------------------------------------


def test_runc(space, rootfs, tmp_path):
    need("runc")
    name = f"tarsier-names-{os.getpid()}"
    directory = bundle(rootfs, tmp_path)
    # the container keeps its standard streams: not those of a pipe that is waited for
    subprocess.run(space.enter("runc", "run", "-d", "-b", directory, name), stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=TIMEOUT)
    space.undo.append(lambda: space.run("runc", "delete", "-f", name, check=False))
    pid = json.loads(space.run("runc", "state", name))["pid"]
    found = space.probe(pid)
    assert (found["engine"], found["id"], found["name"]) == ("oci", name, name)
    assert found["bundle"] == str(directory) and found["pid"] == pid
    assert found["labels"] == {"org.example.tier": "back"}
    assert in_tree(space, pid)["container"]["name"] == name


def test_crun(space, rootfs, tmp_path):
    need("runc", "crun")
    name = f"tarsier-names-{os.getpid()}"
    directory = bundle(rootfs, tmp_path)
    if (CGROUPS / "unified").is_dir():
        space.run("umount", CGROUPS / "unified")  # crun refuses a hybrid layout
    crun = ["crun", "--cgroup-manager=cgroupfs"]
    subprocess.run(space.enter(*crun, "run", "-d", "-b", directory, name), stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=TIMEOUT)
    space.undo.append(lambda: space.run(*crun, "delete", "-f", name, check=False))
    pid = json.loads(space.run(*crun, "state", name))["pid"]
    found = space.probe(pid)
    assert (found["engine"], found["id"], found["name"]) == ("oci", name, name)
    assert found["hostname"] == "runc" and found["labels"] == {"org.example.tier": "back"}


def test_a_process_of_the_host_is_in_none(space):
    assert space.probe(os.getpid(), check=False) is None
