"""Real engines and runtimes for tests. Each runs in a mount namespace of its own with empty /run and /var/lib, so that its
default places are those that are looked at. A test module imports the fixtures that it uses."""

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

    def mounts(self, *command):
        """In the mount namespace alone: what listens on loopback there is heard here."""
        return ["nsenter", "-t", str(self.holder.pid), "-m", "--", *map(str, command)]

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
    """Those that the engines here make, at the root of a hierarchy: a group below another is another test's."""
    ours = {"docker", "libpod_parent", "default"}
    every = (pathlib.Path(one[0]) for one in os.walk(CGROUPS))  # others may make and remove groups meanwhile
    return {path for path in every if ours & set(path.relative_to(CGROUPS).parts[:2]) or "tarsier-names" in str(path)}


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


def docker(space, archive, *options, run=()):
    """Starts dockerd with these options and a container "web" with those of run: its id and pid."""
    need("dockerd", "containerd", "docker")
    space.daemon("containerd", "--config", "/dev/null", ready=("test", "-S", "/run/containerd/containerd.sock"))
    space.daemon("dockerd", "--containerd", "/run/containerd/containerd.sock", "--iptables=false", "--ip6tables=false",
                 "--bridge=none", "--storage-driver=overlay2", "--exec-opt", "native.cgroupdriver=cgroupfs", *options,
                 ready=("docker", "info"))
    space.run("docker", "import", archive, "example.org/tiny:1")
    identity = space.run("docker", "run", "-d", "--name", "web", "--network=none", "--label", "tier=front",
                         *run, "example.org/tiny:1", "/bin/sleep", "600")
    space.undo.append(lambda: space.run("docker", "rm", "-f", "web", check=False))
    return identity, int(space.run("docker", "inspect", "-f", "{{.State.Pid}}", "web"))


def podman_command(tmp_path, *places):
    need("podman", "conmon", "runc")
    conf = tmp_path / "containers.conf"
    conf.write_text('[containers]\ndefault_ulimits=["nofile=1024:4096","nproc=1024:1024"]\n')
    return ["env", f"CONTAINERS_CONF={conf}", "podman", "--cgroup-manager=cgroupfs", "--runtime", shutil.which("runc"),
            *places]


def bundle(rootfs, tmp_path):
    """An OCI bundle of runc's, without a terminal."""
    subprocess.run(["runc", "spec", "-b", tmp_path], check=True)
    config = json.loads((tmp_path / "config.json").read_text())
    config["process"] |= {"terminal": False, "args": ["/bin/sleep", "600"]}
    config["root"]["path"] = str(rootfs)
    config["annotations"] = {"org.example.tier": "back"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    return tmp_path
