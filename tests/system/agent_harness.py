"""An agent on a directory of its own, and a front that speaks its wire protocol (src/module/agent_wire.h)."""
import http.client
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time

MESSAGE, LABEL, ROW, STATISTICS, ERROR, SKIPPED, DONE = range(1, 8)
BODY, DATA, END, CANCEL, CREDIT = 17, 19, 20, 21, 22
HEADER = struct.Struct("=IHH")
PATIENCE = int(os.environ.get("TARSIER_PATIENCE", "60"))  # seconds until a condition must hold; nothing is judged by time

TARSIER = os.environ.get("TARSIER") or os.path.join(
    os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "build", "tarsier")


def wait_for(condition, what="the condition"):
    """Asks until it is true and returns what it said."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"{what} did not come to hold"
        select.select([], [], [], 0.02)


class Refused(Exception):
    def __init__(self, parameters):
        super().__init__(parameters["message"])
        self.code = parameters["code"]


class Front:
    """One connection to agent.sock; requests one after the other, each on a stream of its own."""

    def __init__(self, path, token=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(path)
        self.stream = 0
        self.credential = {"token": token} if token else {"connection": True}
        self.input = b""

    def close(self):
        self.socket.close()

    def send(self, kind, payload=b"", stream=None):
        self.socket.sendall(HEADER.pack(len(payload), kind, self.stream if stream is None else stream) + payload)

    def receive(self):
        while True:
            if len(self.input) >= HEADER.size:
                length, kind, stream = HEADER.unpack_from(self.input)
                if len(self.input) >= HEADER.size + length:
                    payload = self.input[HEADER.size:HEADER.size + length]
                    self.input = self.input[HEADER.size + length:]
                    return kind, stream, payload
            got = self.socket.recv(1 << 16)
            if not got:
                raise EOFError("the agent closed the connection")
            self.input += got

    def ask(self, verb, body=None, **parameters):
        """The answer's parameters."""
        self.stream += 1
        parameters.setdefault("credential", self.credential)
        self.send(MESSAGE, json.dumps({"class": verb, "parameters": parameters}).encode())
        if body is not None:
            self.send(BODY, body if isinstance(body, bytes) else json.dumps(body).encode())
        return self.answer()

    def answer(self):
        kind, stream, payload = self.receive()
        assert (kind, stream) == (MESSAGE, self.stream)
        message = json.loads(payload)
        if message["class"] == "refused":
            raise Refused(message["parameters"])
        return message["parameters"]

    def rest(self, end):
        """Frames of the stream until one of the kind `end`, with credit given back."""
        frames = []
        while not frames or frames[-1][0] != end:
            kind, stream, payload = self.receive()
            assert stream == self.stream
            if kind == MESSAGE:
                raise Refused(json.loads(payload)["parameters"])
            self.send(CREDIT, struct.pack("=I", len(payload)))
            frames.append((kind, payload))
        return frames

    def text(self, verb, **parameters):
        self.ask(verb, **parameters)
        return b"".join(payload for kind, payload in self.rest(END) if kind == DATA)

    def json(self, verb, **parameters):
        return json.loads(self.text(verb, **parameters))

    def start(self, module, parameters=None, **options):
        return self.ask("run", body=parameters or {}, module=module, **options)["run"]

    def run(self, module, parameters=None, **options):
        """A whole run: its ID and its frames."""
        run = self.start(module, parameters, follow=True, **options)
        return run, self.rest(DONE)


class Local(http.client.HTTPConnection):
    """HTTP over the agent's unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(self.path)


class Agent:
    def __init__(self, state, config=None, arguments=(), environment=None, **popen):
        self.state = str(state)
        os.makedirs(self.state, exist_ok=True)
        self.config = os.path.join(self.state, "tarsier.yaml")
        self.write(config or {})
        self.log_path = os.path.join(self.state, "stderr")
        self.arguments = list(arguments)
        self.listen = "127.0.0.1:0"
        self.environment = dict(os.environ, **(environment or {}))
        self.popen = popen
        self.process = None

    def write(self, config):
        """At once: the agent may be reading it, and an empty file is a configuration of nothing."""
        with open(self.config + ".new", "w") as file:  # JSON is YAML
            file.write(config if isinstance(config, str) else json.dumps(config))
        os.replace(self.config + ".new", self.config)

    def start(self, ready=True):
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [TARSIER, "serve", "--state", self.state, "--config", self.config, "--listen", self.listen, "--log-level",
                 "debug", *self.arguments], stderr=log, stdin=subprocess.DEVNULL, env=self.environment, **self.popen)
        if ready:
            try:
                wait_for(lambda: "tarsier: ready" in self.log() or self.process.poll() is not None, "ready")
            except AssertionError:
                self.process.kill()
                self.process.wait()
                raise
            assert self.process.poll() is None, self.log()
        return self

    def log(self):
        with open(self.log_path) as log:
            return log.read()

    def front(self, token=None):
        return Front(os.path.join(self.state, "run", "agent.sock"), token)

    def service(self, name):
        front = self.front()
        try:
            return next(s for s in front.json("status")["services"] if s["name"] == name)
        finally:
            front.close()

    def stop(self, number=signal.SIGTERM):
        """The exit status."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def tarsier(self, *arguments):
        return subprocess.run([TARSIER, arguments[0], *arguments[1:], "--state", self.state], capture_output=True, text=True,
                              timeout=PATIENCE)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
