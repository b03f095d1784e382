"""A parent for one persistent module: the handshake, the messages of the contract and queries, without an agent.

    with Persist("fswatch", "fswatch", config={"paths": [path]}, state=directory) as module:
        alert = module.wait_alert(lambda a: a["alert"].startswith("new"))
        result = module.query({})

The handshake is tarsier/child.h's (two length-prefixed strings on fd 3, the status on fd 4), the frames are
module/wire.h's on fd 5: u32 length, u16 type, u16 stream, native byte order. Fd 6 is the socket for HTTP requests; the other
end is Persist.requests.
"""

import json
import os
import select
import signal
import socket
import struct
import time

MESSAGE, LABEL, ROW, STATISTICS, ERROR, SKIPPED, DONE, ASK = 1, 2, 3, 4, 5, 6, 7, 8
DATA_FD, STATUS_FD, FRAMES_FD, REQUESTS_FD = 3, 4, 5, 6
FIRST_FREE_FD = 20  # ours stand above what the child fills
DEADLINE = 30.0  # of one wait: a limit for a broken build, never a verdict


def tarsier_path():
    return os.environ.get("TARSIER") or os.path.join(os.path.dirname(__file__), "..", "build", "tarsier")


def area_path(area):
    """The program of an area, beside the tarsier under test."""
    return os.path.join(os.path.dirname(os.path.abspath(tarsier_path())), "libexec", "tarsier", "tarsier-" + area)


def build_id():
    """What parent and worker compare: the version `tarsier --version` ends with."""
    import subprocess

    text = subprocess.run([tarsier_path(), "--version"], capture_output=True, text=True, check=True).stdout
    return text.split()[-1]


def _lift(fd):
    import fcntl

    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FIRST_FREE_FD)
    os.close(fd)
    return high


class Failed(Exception):
    """The module answered the handshake with a failure, or with nothing."""


class Persist:
    def __init__(self, area, name, config=None, state=None, privacy=False, program=None, environment=None,
                 prefix=(), stderr=None):
        """Starts the module and waits until it is ready. config is its part of tarsier.yaml. prefix: a command in
        front of the program that keeps fds 3 to 5 (unshare -n, setpriv …)."""
        self.name = name
        self.logs = []
        self.alerts = []
        self.acks = []  # (sender, number): alerts that the module says it has
        self.registered = None
        self.pongs = 0
        self.status = None
        self._answers = {}
        self._buffer = b""
        self._stream = 0
        self._gone = False
        values = {"build": build_id(), "mode": "persist", "privacy": "on" if privacy else "off",
                  "config": json.dumps(config or {})}
        if state:
            values["state-directory"] = str(state)
        self._spawn(area, name, program, prefix, environment, stderr, values)
        try:
            self._wait_ready()
        except Exception:
            self.kill()
            raise

    def _spawn(self, area, name, program, prefix, environment, stderr, values):
        ours, theirs = socket.socketpair()
        requests_ours, requests = socket.socketpair()
        self.requests = socket.socket(fileno=_lift(requests_ours.detach()))
        requests_end = _lift(requests.detach())
        data_read, data_write = map(_lift, os.pipe())
        status_read, status_write = map(_lift, os.pipe())
        child_end = _lift(theirs.detach())
        self.socket = socket.socket(fileno=_lift(ours.detach()))
        self._status_fd = status_read
        argv = [*prefix, str(program or area_path(area)), "worker", name]
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "V23_EXEC_VERSION": "1.0.0", **(environment or {})}
        for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if key in os.environ:
                env[key] = os.environ[key]
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_DUP2, data_read, DATA_FD), (os.POSIX_SPAWN_DUP2, status_write, STATUS_FD),
                   (os.POSIX_SPAWN_DUP2, child_end, FRAMES_FD),
                   (os.POSIX_SPAWN_DUP2, requests_end, REQUESTS_FD)]
        if stderr is not None:
            actions.append((os.POSIX_SPAWN_DUP2, stderr, 2))
        self.pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions, setsigdef=[signal.SIGPIPE])
        for fd in (data_read, status_write, child_end, requests_end):
            os.close(fd)
        text = json.dumps(values).encode()
        os.write(data_write, struct.pack(">q", len(text)) + text + struct.pack(">q", 0))
        os.close(data_write)

    def _wait_ready(self):
        text = b""
        limit = time.monotonic() + DEADLINE
        while b"\xff" not in text:
            if not select.select([self._status_fd], [], [], max(0, limit - time.monotonic()))[0]:
                raise Failed("no status")
            piece = os.read(self._status_fd, 4096)
            if not piece:
                break
            text += piece
        os.close(self._status_fd)
        self.status = text.rstrip(b"\xff").decode(errors="replace")
        if not self.status.startswith("ready::"):
            raise Failed(self.status.removeprefix("failed::") or "ended without a status")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.kill()

    def send(self, class_, parameters=None, stream=0):
        text = json.dumps({"class": class_, "parameters": parameters or {}}).encode()
        self.socket.sendall(struct.pack("=IHH", len(text), MESSAGE, stream) + text)

    def _take(self, kind, stream, payload):
        if stream:
            self._answers.setdefault(stream, []).append((kind, payload))
            return
        message = json.loads(payload)
        parameters = message.get("parameters", {})
        if message["class"] == "log":
            self.logs.append(parameters["message"])
        elif message["class"] == "alert":
            self.alerts.append(json.loads(parameters["message"]))
        elif message["class"] == "register":
            self.registered = parameters
        elif message["class"] == "ping":
            self.pongs += 1
        elif message["class"] == "ack":
            self.acks.append((parameters["sender"], parameters["id"]))

    def pump(self, seconds=0.0):
        """Takes what has come, waiting at most so long for the first of it. False when the module is gone."""
        while not self._gone and select.select([self.socket], [], [], seconds)[0]:
            try:
                piece = self.socket.recv(1 << 16)
            except ConnectionResetError:
                piece = b""
            self._gone = not piece
            self._buffer += piece
            seconds = 0
            while len(self._buffer) >= 8:
                length, kind, stream = struct.unpack_from("=IHH", self._buffer)
                if len(self._buffer) < 8 + length:
                    break
                payload = self._buffer[8:8 + length]
                self._buffer = self._buffer[8 + length:]
                self._take(kind, stream, payload)
        return not self._gone

    def wait(self, condition, what="the condition"):
        """Until condition() is true; its value."""
        limit = time.monotonic() + DEADLINE
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > limit or not self.pump(0.05):
                value = condition()
                assert value, f"{what} did not come; alerts {self.alerts[-8:]}, logs {self.logs[-8:]}"
                return value

    def wait_alert(self, matches, since=0):
        """The first alert at or after index `since` for which matches(alert) is true."""
        return self.wait(lambda: next((a for a in self.alerts[since:] if matches(a)), None), "an alert")

    def wait_log(self, part):
        return self.wait(lambda: next((line for line in self.logs if part in line), None), f"log line {part!r}")

    def alert(self, event, sender=None, number=None):
        """Hands the module an alert, as the agent does for dispatch; with its id, of which the module says when it has
        it."""
        known = {"id": number, "sender": sender} if sender else {}
        self.send("alert", {"message": event if isinstance(event, str) else json.dumps(event), **known})

    def query(self, parameters=None, module=None):
        """The answer: {"rows", "statistics", "errors", "done"}. module: one that asks this one."""
        self._stream += 1
        stream = self._stream
        name = (module or self.name).encode()
        text = json.dumps({"class": "parameters", "parameters": parameters or {}}).encode()
        payload = struct.pack("=H", len(name)) + name + text
        self.socket.sendall(struct.pack("=IHH", len(payload), ASK, stream) + payload)
        frames = self.wait(lambda: self._answers[stream] if any(
            kind == DONE for kind, _ in self._answers.get(stream, [])) else None, "an answer")
        answer = {"rows": [], "statistics": None, "errors": [], "done": None}
        for kind, payload in frames:
            if kind == ROW:
                size, = struct.unpack_from("=H", payload)
                answer["rows"].append(json.loads(payload[2 + size:]))
            elif kind == STATISTICS:
                answer["statistics"] = json.loads(payload)
            elif kind == ERROR:
                answer["errors"].append(payload.decode())
            elif kind == DONE:
                answer["done"] = json.loads(payload)
        return answer

    def ping(self):
        before = self.pongs
        self.send("ping")
        self.wait(lambda: self.pongs > before, "the answer to a ping")

    def stop(self):
        """Asks it to end; its exit status."""
        self.send("stop")
        self.wait(lambda: not self.pump(0.05), "its end")
        return self._reap()

    def _reap(self):
        if self.pid is None:
            return None
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        self.socket.close()
        self.requests.close()
        return os.waitstatus_to_exitcode(status)

    def kill(self):
        """kill -9, when it still runs."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            self._gone = True
            self._reap()
