"""Real engines: a container is started, and from one of its processes its name, image and labels are found in the state
files, with no engine asked. Each engine runs in a mount namespace of its own with empty /run and /var/lib, so that its
default places are those that are looked at."""

import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest
from conftest import PROGRAM

PROBE = pathlib.Path(PROGRAM).parent / "src" / "linux" / "container_probe"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
TIMEOUT = 60

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not PROBE.exists(), reason="needs the build's container_probe"),
]


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"needs {program}")


class Space:
    """Mount and network namespaces, and the daemons started in them; all ended by their pids."""

    def __init__(self, path):
        self.path = path
        self.daemons = []
        self.undo = []
        setup = "mount -t tmpfs t /run && mount -t tmpfs t /var/lib && mkdir -p /run/lock && echo ready && exec sleep 600"
        self.holder = subprocess.Popen(["unshare", "-mn", "sh", "-c", setup], stdout=subprocess.PIPE, text=True)
        if self.holder.stdout.readline().strip() != "ready":
            self.holder.wait()
            pytest.skip("needs mount and network namespaces")

    def enter(self, *command):
        return ["nsenter", "-t", str(self.holder.pid), "-m", "-n", "--", *map(str, command)]

    def run(self, *command, check=True, **options):
        done = subprocess.run(self.enter(*command), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=TIMEOUT, **options)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def daemon(self, *command, ready):
        log = open(self.path / f"{command[0]}.log", "w")
        process = subprocess.Popen(self.enter(*command), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        self.daemons.append(process)
        deadline = time.monotonic() + TIMEOUT
        while subprocess.run(self.enter(*ready), stdin=subprocess.DEVNULL, capture_output=True).returncode:
            assert process.poll() is None and time.monotonic() < deadline, (self.path / f"{command[0]}.log").read_text()
            time.sleep(0.05)

    def probe(self, pid, *more, check=True):
        text = self.run(PROBE, pid, *more, check=check)
        return json.loads(text) if text else None

    def close(self):
        for undo in reversed(self.undo):
            undo()
        for process in reversed(self.daemons):
            process.terminate()
            process.wait(TIMEOUT)
        self.holder.kill()
        self.holder.wait()


def groups():
    """Those that the engines here make."""
    ours = {"docker", "libpod_parent", "default"}
    every = CGROUPS.rglob("*") if CGROUPS.is_dir() else ()
    return {path for path in every if path.is_dir() and (ours & set(path.parts) or "tarsier-names" in str(path))}


@pytest.fixture
def space(tmp_path):
    """Removes the control groups that the engines leave."""
    before = groups()
    space = Space(tmp_path)
    yield space
    space.close()
    deadline = time.monotonic() + 10
    left = sorted(groups() - before, key=lambda path: -len(path.parts))
    while left and time.monotonic() < deadline:  # a monitor may end after its container
        for path in left:
            try:
                path.rmdir()
            except OSError:
                pass
        left = [path for path in left if path.exists()]
        time.sleep(0.05 if left else 0)


@pytest.fixture
def rootfs(tmp_path):
    busybox = shutil.which("busybox")
    if not busybox or "dynamically" in subprocess.run(["file", "-L", busybox], capture_output=True, text=True).stdout:
        pytest.skip("needs busybox-static")
    root = tmp_path / "rootfs"
    (root / "bin").mkdir(parents=True)
    for name in ("etc", "proc", "sys", "dev", "tmp"):
        (root / name).mkdir()
    shutil.copy(busybox, root / "bin" / "busybox")
    for name in ("sh", "sleep"):
        (root / "bin" / name).symlink_to("busybox")
    return root


@pytest.fixture
def archive(rootfs, tmp_path):
    path = tmp_path / "rootfs.tar"
    subprocess.run(["tar", "-C", rootfs, "-cf", path, "."], check=True)
    return path


def is_recent(nanoseconds):
    return abs(nanoseconds / 1e9 - time.time()) < 600


def in_tree(space, pid):
    """The row of a process in `tarsier tree`."""
    rows = json.loads(space.run(PROGRAM, "tree", "--json"))["elements"]
    return next(row["process"] for row in rows if row["process"]["pid"] == pid)


# --- Docker ------------------------------------------------------------------------------------------------------------


def docker(space, archive, *options):
    need("dockerd", "containerd", "docker")
    space.daemon("containerd", "--config", "/dev/null", ready=("test", "-S", "/run/containerd/containerd.sock"))
    space.daemon("dockerd", "--containerd", "/run/containerd/containerd.sock", "--iptables=false", "--ip6tables=false",
                 "--bridge=none", "--storage-driver=overlay2", "--exec-opt", "native.cgroupdriver=cgroupfs", *options,
                 ready=("docker", "info"))
    space.run("docker", "import", archive, "example.org/tiny:1")
    identity = space.run("docker", "run", "-d", "--name", "web", "--network=none", "--label", "tier=front",
                         "example.org/tiny:1", "/bin/sleep", "600")
    space.undo.append(lambda: space.run("docker", "rm", "-f", "web", check=False))
    return identity, int(space.run("docker", "inspect", "-f", "{{.State.Pid}}", "web"))


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
        while len(pids) < 2 and time.monotonic() < deadline:
            pids = space.run("docker", "top", "shop", "-o", "pid").split()[1:]
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
    need("podman", "conmon", "runc")
    conf = tmp_path / "containers.conf"
    conf.write_text('[containers]\ndefault_ulimits=["nofile=1024:4096","nproc=1024:1024"]\n')
    places = []
    if place == "elsewhere":
        places = ["--root", "/var/lib/far/graph", "--runroot", "/run/far", "--tmpdir", "/run/far/tmp"]
    podman = ["env", f"CONTAINERS_CONF={conf}", "podman", "--cgroup-manager=cgroupfs", "--runtime",
              shutil.which("runc"), *places]
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


def bundle(rootfs, tmp_path):
    subprocess.run(["runc", "spec", "-b", tmp_path], check=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["/bin/sleep", "600"]}
    config["root"]["path"] = str(rootfs)
    config["annotations"] = {"org.example.tier": "back"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path


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
