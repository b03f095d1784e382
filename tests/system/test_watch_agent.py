"""watch in the agent: events over HTTP and from its store, the tree, rules and their alerts, rights."""
import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import subprocess
import time

import pytest
import watch_harness
from agent_harness import TARSIER, Agent, Local, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.access(TARSIER, os.X_OK), reason="needs root, build/tarsier")
TOKEN = "viewer-token-0123456789"
RULES = """
rules:
  - name: marked-echo
    summary: a program with a mark
    severity: high
    types: [exec]
    condition: process.argv = tarsier-mark
    output: "marked %process.comm"
"""


class WatchAgent:
    def __init__(self, agent):
        self.agent = agent
        ready = next(line for line in agent.log().splitlines() if line.startswith("tarsier: ready"))
        self.socket = re.search(r"(/\S+api\.sock)", ready).group(1)
        self.port = int(re.search(r"https?://[^,\s]+:(\d+)", ready).group(1))

    def ask(self, path, tcp=False, token=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60) if tcp else Local(self.socket)
        try:
            connection.request("GET", f"/v1/modules/watch{path}", headers={"Authorization": f"Bearer {token}"} if token else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path, **options):
        status, text = self.ask(path, **options)
        assert status == 200, (path, status, text)
        return json.loads(text)

    def up(self):
        """Until watch answers."""
        wait_for(lambda: self.ask("/status")[0] == 200, "watch answers")
        return self

    def tarsier(self, *arguments):
        return subprocess.run([TARSIER, *arguments], capture_output=True, text=True, timeout=60,
                              env=dict(os.environ, TARSIER_SOCKET=self.socket))

    def events(self, query=""):
        return self.get(f"/events?{query}")["events"]

    def act(self, *argv):
        """A program's run; its exec event, once it is there."""
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        process.wait()
        found = wait_for(lambda: self.events(f"type=exec&pid={process.pid}"), f"the exec of {argv}")
        return found[-1]

    def seen(self):
        """Until watch sees what happens now."""
        pids = []

        def echo():
            process = subprocess.Popen(["/bin/true"])
            process.wait()
            pids.append(process.pid)
            time.sleep(0.1)
            return any(self.events(f"type=exec&pid={pid}") for pid in pids[-10:])
        wait_for(echo, "an exec is seen")
        return self

    @contextlib.contextmanager
    def stream(self, query="", last=None):
        """Lines of the stream."""
        connection = Local(self.socket)
        connection.request("GET", f"/v1/modules/watch/stream?{query}", headers={"Last-Event-ID": str(last)} if last else {})
        answer = connection.getresponse()
        assert answer.status == 200 and answer.headers["Content-Type"] == "text/event-stream"
        try:
            yield Blocks(answer)
        finally:
            connection.close()


class Blocks:
    def __init__(self, answer):
        self.answer, self.rest = answer, b""

    def next(self):
        """The next event of a stream: (id, type, event)"""
        while True:
            while b"\n\n" not in self.rest:
                got = self.answer.read1(1 << 16)
                assert got, "the stream ended"
                self.rest += got
            block, self.rest = self.rest.split(b"\n\n", 1)
            if not block.startswith(b":"):
                fields = dict(line.split(": ", 1) for line in block.decode().split("\n"))
                return int(fields["id"]), fields["event"], json.loads(fields["data"])


def next_event(stream):
    return stream.next()


@pytest.fixture(scope="module", autouse=True)
def alone():
    with watch_harness.alone():
        yield


@pytest.fixture(scope="module")
def watch(tmp_path_factory):
    directory = tmp_path_factory.mktemp("watch-agent")
    rules = directory / "rules.yaml"
    rules.write_text(RULES)
    config = {"modules": {"watch": {"source": "bpf", "rules": [str(rules)]},
                          "dispatch": {"outputs": [{"type": "file", "path": str(directory / "alerts")}]}},
              "tokens": [{"name": "viewer", "role": "viewer", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}]}
    with Agent(directory / "state", config) as agent:
        one = WatchAgent(agent)
        one.up()
        one.seen()
        one.directory = directory
        yield one
        assert agent.stop() == 0


def test_events_by_filter_limit_and_cursor(watch):
    pids = [watch.act("/bin/echo", "mark-of-filters", str(number))["process"]["pid"] for number in range(5)]
    assert [e["process"]["pid"] for e in watch.events("type=exec&argv=mark-of-filters")] == pids
    assert {e["type"] for e in watch.events(f"pid={pids[0]}")} == {"exec", "exit"}
    assert watch.events("type=exec&argv=mark-of-filters&exe=/nonexistent") == []
    assert watch.events("argv=mark-of-filters&container=any") == []
    assert watch.events("argv=mark-of-filters&since=1h&until=30m") == []
    first = watch.get("/events?type=exec&argv=mark-of-filters&limit=2")
    assert [e["process"]["pid"] for e in first["events"]] == pids[:2] and first["more"] is True
    rest = watch.get(f"/events?type=exec&argv=mark-of-filters&after={first['cursor']}")
    assert [e["process"]["pid"] for e in rest["events"]] == pids[2:] and rest["more"] is False
    newest = watch.events("type=exec&argv=mark-of-filters&reverse=true&limit=1")
    assert [e["process"]["pid"] for e in newest] == pids[-1:]
    for wrong in ("type=nonsense", "since=yesterdayish", "limit=100000", "argv=(", "store=/etc"):
        status, text = watch.ask(f"/events?{wrong}")
        assert status == 400 and json.loads(text)["error"]["message"], wrong


def test_stream_goes_on_where_it_was(watch):
    with watch.stream("type=exec&argv=mark-of-streams") as stream:
        one = watch.act("/bin/echo", "mark-of-streams", "1")
        number, kind, event = next_event(stream)
        assert (number, kind, event) == (one["id"], "exec", one)
        two = watch.act("/bin/echo", "mark-of-streams", "2")
        assert next_event(stream)[2] == two
    three = watch.act("/bin/echo", "mark-of-streams", "3")
    with watch.stream("type=exec&argv=mark-of-streams", last=one["id"]) as stream:
        assert [next_event(stream)[0] for _ in range(2)] == [two["id"], three["id"]]
        four = watch.act("/bin/echo", "mark-of-streams", "4")
        assert next_event(stream)[2] == four


def test_tree_and_containers(watch):
    rows = wait_for(lambda: [row for row in watch.get("/tree")["processes"] if row["process"]["pid"] == os.getpid()],
                    "this test is in the tree")
    assert rows[0]["process"]["ppid"] == os.getppid()
    child = subprocess.Popen(["sleep", "1000"])
    try:
        row = wait_for(lambda: [row for row in watch.get("/tree")["processes"] if row["process"]["pid"] == child.pid and
                                row["process"]["comm"] == "sleep"], "the child is in the tree")[0]
        assert row["process"]["ppid"] == os.getpid() and row["depth"] == rows[0]["depth"] + 1
        asked = watch.tarsier("tree", str(child.pid), "--json")
        assert asked.returncode == 0, asked.stderr
        told = json.loads(asked.stdout)
        assert [element["process"]["pid"] for element in told["elements"]] == [child.pid]
        assert told["statistics"]["from_watch"] is True
    finally:
        child.terminate()
        child.wait()
    assert isinstance(watch.get("/containers")["containers"], list)
    assert watch.get("/tree?container=nonexistent") == {"processes": []}


def test_tree_without_an_agent(tarsier, tmp_path):
    done = tarsier("tree", os.getpid(), "--json", env=dict(os.environ, TARSIER_SOCKET=str(tmp_path / "none")))
    told = json.loads(done.stdout)
    assert told["elements"][0]["process"]["pid"] == os.getpid() and told["statistics"]["from_watch"] is False


def test_status_and_rules(watch):
    status = watch.get("/status")
    assert status["watch"]["source"] == "bpf" and status["watch"]["events"] > 0 and status["store"]["events"] > 0
    before = next(r for r in watch.get("/rules")["rules"] if r["name"] == "marked-echo")
    event = watch.act("/bin/echo", "tarsier-mark")
    assert event["tags"] == ["marked-echo"] and "marked" in event["alerts"][0]
    after = next(r for r in watch.get("/rules")["rules"] if r["name"] == "marked-echo")
    assert after["matched"] == before["matched"] + 1

    def written():
        path = watch.directory / "alerts"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if "marked-echo" in line and event["process"]["exec_id"] in line]
    assert len(wait_for(written, "the alert is in the file")) == 1


def test_rights(watch):
    for path in ("/events", "/stream", "/tree", "/containers", "/status", "/rules"):
        assert watch.ask(path, tcp=True)[0] == 401
    assert watch.ask("/events", tcp=True, token="wrong-token-0123456789")[0] == 401
    assert watch.get("/status", tcp=True, token=TOKEN)["watch"]["source"] == "bpf"


def test_command_line_reads_the_store(watch, tarsier):
    one = watch.act("/bin/echo", "mark-of-lines", "1")
    store = os.path.join(watch.agent.state, "modules", "watch")
    asked = tarsier("events", "--store", store, "--argv", "^mark-of-lines$", "--type", "exec", "--json")
    assert asked.returncode == 0, asked.stderr
    assert [json.loads(line) for line in asked.stdout.splitlines()] == [one]
    follower = subprocess.Popen([TARSIER, "events", "--store", store, "--argv", "^mark-of-lines$", "--type", "exec", "--follow",
                                 "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert json.loads(follower.stdout.readline()) == one
        two = watch.act("/bin/echo", "mark-of-lines", "2")
        assert json.loads(follower.stdout.readline()) == two
    finally:
        follower.send_signal(signal.SIGINT)
        follower.communicate(timeout=60)
    assert follower.returncode == 0


def test_a_restart_goes_on_counting(watch):
    before = watch.act("/bin/echo", "mark-of-restart", "1")
    pid = watch.agent.service("watch")["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: watch.agent.service("watch").get("pid") not in (None, pid), "watch runs again")
    watch.up()
    watch.seen()
    after = watch.act("/bin/echo", "mark-of-restart", "2")
    assert after["id"] > before["id"]
    ids = [event["id"] for event in watch.events("limit=10000")]
    assert ids == sorted(set(ids))
    kept = [e["process"]["argv"][2] for e in watch.events("type=exec&argv=mark-of-restart")]
    assert kept[-1:] == ["2"]


def test_privacy_masks_arguments(tmp_path):
    """On the way out: what is kept is whole."""
    config = {"privacy": True, "modules": {"watch": {"source": "bpf"}}}
    with Agent(tmp_path / "state", config) as agent:
        watch = WatchAgent(agent).up().seen()
        with watch.stream("type=exec") as stream:
            event = watch.act("/bin/echo", "a private word")
            assert event["process"]["argv"] == "masked" and event["process"]["exe"].endswith("/echo")
            while True:
                _, _, streamed = stream.next()
                assert streamed["process"]["argv"] == "masked"
                if streamed["process"]["pid"] == event["process"]["pid"]:
                    break
        assert b"a private word" not in watch.ask("/events?limit=10000")[1]
        assert {row["process"].get("argv", "masked") for row in watch.get("/tree")["processes"]} == {"masked"}
        done = watch.tarsier("--agent", watch.socket, "events", "--json", "--type", "exec")
        assert done.returncode == 0 and "a private word" not in done.stdout and '"argv":"masked"' in done.stdout
        assert agent.stop() == 0
    done = subprocess.run([TARSIER, "events", "--json", "--store", tmp_path / "state/modules/watch", "--argv", "private word"],
                          capture_output=True, text=True, timeout=60, check=True)
    assert "a private word" in done.stdout
