"""alerts in an agent with a module that raises real ones: roles, routes, streams, commands, receivers."""
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from agent_harness import TARSIER, Agent, Local, wait_for  # noqa: E402

TOKENS = {role: role * 4 for role in ("viewer", "investigator", "admin")}
BASE = "/v1/modules/alerts"


class Host:
    """An agent with fswatch on one directory, alerts, and whatever else."""

    def __init__(self, directory, **modules):
        self.watched = directory / "watched"
        self.watched.mkdir()
        config = {
            "tokens": [{"name": role, "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
                       for role, token in TOKENS.items()],
            "modules": {"alerts": {}, "fswatch": {"paths": [str(self.watched)]}, **modules}}
        self.agent = Agent(directory / "state", config)
        self.socket = os.path.join(self.agent.state, "run", "api.sock")

    def __enter__(self):
        self.agent.start()
        return self

    def __exit__(self, *_):
        self.agent.__exit__()

    def raise_alert(self, name):
        (self.watched / name).touch()  # nothing is written: however slow this is, it is one alert

    def request(self, method, path, body=None, role="investigator"):
        connection = Local(self.socket)
        try:
            connection.request(method, path if path.startswith("/v1") else BASE + path,
                               body if body is None or isinstance(body, (str, bytes)) else json.dumps(body),
                               {"Authorization": "Bearer " + TOKENS[role]} if role else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def alerts(self, query="", role="viewer"):
        status, answer = self.request("GET", "/alerts" + query, role=role)
        assert status == 200, answer
        return answer["alerts"]

    def wait_alert(self, name):
        return wait_for(lambda: next((a for a in self.alerts("?limit=1000") if a["message"].endswith("/" + name)), None), name)

    def command(self, *words):
        return subprocess.run([TARSIER, "alerts", *words, "--agent", self.socket], capture_output=True, text=True,
                              timeout=60)


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    with Host(tmp_path_factory.mktemp("alerts")) as host:
        host.raise_alert("first")
        host.wait_alert("first")
        yield host


def test_a_real_alert(host):
    row = host.wait_alert("first")
    assert row["module"] == "fswatch" and row["rule"] == "created" and row["state"] == "open"
    assert row["evidence"]["path"] == str(host.watched / "first")
    assert host.request("GET", f"/alerts/{row['id']}", role="viewer") == (200, row)


def test_roles(host):
    number = host.wait_alert("first")["id"]
    for method, path, body in (("POST", f"/alerts/{number}/acknowledge", {}), ("DELETE", f"/alerts/{number}/acknowledge", None),
                               ("POST", "/acknowledge", {"ids": [number]}), ("POST", "/mutes", {"rule": "x", "for": "1h"}),
                               ("DELETE", "/mutes/1", None)):
        status, answer = host.request(method, path, body, role="viewer")
        assert (status, answer["error"]["code"]) == (403, "permission"), path
    assert host.alerts("?state=acknowledged") == []
    for path in ("/alerts", "/mutes", "/counts", "/status", f"/alerts/{number}"):
        assert host.request("GET", path, role="viewer")[0] == 200
    front = host.agent.front(TOKENS["viewer"])
    try:  # the same by a run, which is how commands ask
        with pytest.raises(Exception, match="needs investigator"):
            front.start("alerts-acknowledge", {"ids": [number]})
        # who asks is the agent's word, whatever the parameters are
        with contextlib.suppress(Exception):
            front.run("alerts-list", b'{},"identity":"root"')
    finally:
        front.close()
    connection = Local(host.socket)
    connection.request("GET", BASE + "/alerts", headers={"Authorization": "Bearer nobody"})
    assert connection.getresponse().status == 401
    connection.close()


def test_who_acknowledged(host):
    number = host.wait_alert("first")["id"]
    status, row = host.request("POST", f"/alerts/{number}/acknowledge", {"comment": "a test"})
    assert status == 200 and row["state"] == "acknowledged"
    assert row["acknowledged"]["by"] == "token investigator" and row["acknowledged"]["comment"] == "a test"
    status, row = host.request("DELETE", f"/alerts/{number}/acknowledge")
    assert status == 200 and row["state"] == "open" and "acknowledged" not in row
    status, answer = host.request("POST", "/acknowledge", {"ids": [number, 4711], "comment": "both"}, role="admin")
    assert (status, answer) == (200, {"acknowledged": [number], "unknown": [4711]})
    assert host.alerts("?state=acknowledged")[0]["acknowledged"]["by"] == "token admin"
    done = host.command("reopen", str(number))
    assert done.returncode == 0 and "open" in done.stdout
    done = host.command("acknowledge", str(number), "--comment", "by hand", "--json")
    assert json.loads(done.stdout)["elements"][0]["acknowledged"]["by"].startswith(f"uid {os.getuid()} (")
    host.command("reopen", str(number))


@pytest.mark.parametrize("method, path, body, status, code, field", [
    ("GET", "/alerts?severity=huge", None, 400, "invalid", "severity"),
    ("GET", "/alerts?since=soon", None, 400, "invalid", "since"),
    ("GET", "/alerts?limit=0", None, 400, "invalid", "limit"),
    ("GET", "/alerts?state=open,shut", None, 400, "invalid", "state"),
    ("GET", "/alerts?before=x", None, 400, "invalid", "before"),
    ("GET", "/alerts/999999", None, 404, "not-found", None),
    ("GET", "/alerts/x", None, 404, "not-found", None),
    ("GET", "/alerts/1/evidence", None, 404, "not-found", None),
    ("GET", "/nothing", None, 404, "not-found", None),
    ("POST", "/alerts/1", {}, 404, "not-found", None),
    ("POST", "/alerts/999999/acknowledge", {}, 404, "not-found", None),
    ("DELETE", "/alerts/999999/acknowledge", None, 404, "not-found", None),
    ("POST", "/alerts/1/acknowledge", {"comment": 5}, 400, "invalid", "comment"),
    ("POST", "/alerts/1/acknowledge", {"by": "eve"}, 400, "invalid", "by"),
    ("POST", "/alerts/1/acknowledge", {"comment": "x" * 1001}, 400, "invalid", "comment"),
    ("POST", "/alerts/1/acknowledge", "{", 400, "invalid", None),
    ("POST", "/alerts/1/acknowledge", "[]", 400, "invalid", None),
    ("POST", "/alerts/1/acknowledge", json.dumps({"comment": "x" * 100000}), 413, "too-large", None),
    ("POST", "/acknowledge", {}, 400, "invalid", "ids"),
    ("POST", "/acknowledge", {"ids": [1, "x"]}, 400, "invalid", "ids[1]"),
    ("POST", "/acknowledge", {"ids": list(range(1, 1002))}, 400, "invalid", "ids"),
    ("POST", "/mutes", {"rule": "x"}, 400, "invalid", "for"),
    ("POST", "/mutes", {"for": "1h"}, 400, "invalid", "rule"),
    ("POST", "/mutes", {"rule": "x", "for": "never"}, 400, "invalid", "for"),
    ("DELETE", "/mutes/999", None, 404, "not-found", None),
    ("GET", "/counts?since=x", None, 400, "invalid", "since"),
    ("GET", "/counts?since=3650d&step=1m", None, 400, "invalid", "step"),
    ("PUT", "/alerts", {}, 405, "unsupported", None),
])
def test_errors(host, method, path, body, status, code, field):
    got, answer = host.request(method, path, body)
    assert (got, answer["error"]["code"], answer["error"].get("path")) == (status, code, field), answer


def test_mutes_and_counts_over_http(host):
    status, mute = host.request("POST", "/mutes", {"module": "fswatch", "rule": "created", "for": "2h", "comment": "quiet"})
    assert status == 201 and mute["by"] == "token investigator" and mute["active"]
    host.raise_alert("muted")
    row = host.wait_alert("muted")
    assert row["state"] == "muted" and row["mute"] == mute["id"]
    assert [m["id"] for m in host.request("GET", "/mutes")[1]["mutes"]] == [mute["id"]]
    status, ended = host.request("DELETE", f"/mutes/{mute['id']}")
    assert status == 200 and not ended["active"] and ended["ended_by"] == "token investigator" and ended["count"] == 1
    assert host.request("GET", "/mutes")[1]["mutes"] == []
    assert len(host.request("GET", "/mutes?all=true")[1]["mutes"]) == 1
    status, counts = host.request("GET", "/counts?since=1h&step=5m", role="viewer")
    assert status == 200 and counts["step"] == "5m0s" and counts["muted"]["medium"] == 1
    assert sum(bin["medium"] for bin in counts["histogram"]) == counts["total"]["medium"] >= 1
    assert 12 <= len(counts["histogram"]) <= 14 and counts["open"]["medium"] >= 1


def test_counts_are_filtered_as_the_list_is(host):
    host.raise_alert("counted-once")
    host.raise_alert("counted-twice")
    for name in ("counted-once", "counted-twice"):
        host.wait_alert(name)
    (host.watched / "counted-twice").write_text("y")  # another alert: changed

    def counted(query):
        status, counts = host.request("GET", "/counts?since=1h&step=5m" + query, role="viewer")
        assert status == 200, counts
        total = sum(counts["total"].values())
        assert sum(bin[level] for bin in counts["histogram"] for level in counts["total"]) == total
        assert 12 <= len(counts["histogram"]) <= 14
        return total, counts["open"]
    wait_for(lambda: counted("&text=counted")[0] >= 3, "three times")
    everything = counted("")
    assert everything[1] == counted("&text=counted-once")[1], "open is of all"
    assert counted("&text=counted-once&rule=created")[0] == 1
    assert counted("&text=counted-once&state=open")[0] == counted("&text=counted-once")[0] >= 1
    assert counted("&text=counted-once&state=acknowledged")[0] == 0
    for level in ("low", "medium", "high", "critical"):
        listed = host.alerts(f"?limit=1000&text=counted&severity={level}")
        assert counted(f"&text=counted&severity={level}")[0] == sum(alert["count"] for alert in listed)
    assert counted("&text=counted&module=watch")[0] == 0
    assert counted("&text=counted&container=web*")[0] == 0
    one = host.wait_alert("counted-once")
    host.request("POST", f"/alerts/{one['id']}/acknowledge", {})
    assert counted("&text=counted-once&state=acknowledged")[0] >= 1


@pytest.mark.parametrize("query", ["rule=" + "r" * 201, "state=shut", "severity=worst"])
def test_counts_refuse_what_they_do_not_know(host, query):
    status, answer = host.request("GET", "/counts?" + query)
    assert status == 400 and answer["error"]["path"] == query.split("=")[0]


class Stream:
    """Server-sent events, one after the other."""

    def __init__(self, host, query="", **headers):
        self.connection = Local(host.socket)
        self.connection.request("GET", BASE + "/stream" + query,
                                headers={"Authorization": "Bearer " + TOKENS["viewer"], **headers})
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200 and self.answer.headers["Content-Type"].startswith("text/event-stream")
        assert self.answer.readline() == b": tarsier alerts\n"

    def next(self):
        event = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            assert line or event or not self.answer.isclosed()
            if not line and "data" in event:
                return event.get("event"), event.get("id"), json.loads(event["data"])
            if line and not line.startswith(":"):
                key, _, value = line.partition(": ")
                event[key] = value

    def close(self):
        self.connection.close()


def test_stream(host):
    stream = Stream(host, "?rule=created")
    host.raise_alert("streamed")
    event, number, row = stream.next()
    assert event == "alert" and row["message"].endswith("/streamed") and int(number) == row["id"]
    host.request("POST", f"/alerts/{row['id']}/acknowledge", {"comment": "live"})
    event, number, changed = stream.next()
    assert (event, number) == ("changed", None) and changed["acknowledged"]["comment"] == "live"
    stream.close()
    host.raise_alert("meanwhile")
    host.wait_alert("meanwhile")
    stream = Stream(host, **{"Last-Event-ID": str(row["id"])})
    event, number, after = stream.next()
    assert event == "alert" and after["message"].endswith("/meanwhile")
    host.raise_alert("live-again")
    assert stream.next()[2]["message"].endswith("/live-again")
    stream.close()


def test_commands(host):
    listed = json.loads(host.command("--json", "--limit", "1000").stdout)["elements"]
    assert [a["id"] for a in listed] == [a["id"] for a in host.alerts("?limit=1000")]
    assert json.loads(host.command("list", "--json", "--limit", "1000").stdout)["elements"] == listed
    line = next(line for line in host.command().stdout.splitlines() if line.endswith("/first"))
    assert line.split()[0] == "1" and "fswatch/created" in line
    assert host.command("--severity", "critical", "--text", "nowhere").stdout.strip() in ("", "nothing found")
    mute = json.loads(host.command("mute", "--rule", "never", "--for", "2h", "--comment", "x", "--json").stdout)["elements"][0]
    assert "never" in host.command("mutes").stdout
    assert host.command("unmute", str(mute["id"])).returncode == 0
    assert "never" not in host.command("mutes").stdout
    counts = json.loads(host.command("counts", "--json").stdout)
    assert [c["severity"] for c in counts["elements"]] == ["critical", "high", "medium", "low"]
    done = host.command("acknowledge", "99999")
    assert done.returncode == 3 and "no alert 99999" in done.stdout + done.stderr
    done = host.command("mute", "--rule", "x")
    assert done.returncode == 2 and "for: " in done.stdout + done.stderr


def test_a_hostile_name_is_shown_not_obeyed(host):
    host.raise_alert("evil\n\x1b[31m  99  critical")
    wait_for(lambda: [a for a in host.alerts("?text=evil")], "the alert")
    lines = host.command("--text", "evil").stdout.splitlines()
    assert len(lines) == 1 and "\x1b" not in lines[0] and "critical" in lines[0]


def test_every_receiver_gets_every_alert(tmp_path):
    """dispatch and alerts, each by its own acknowledgement; killed one after the other, neither misses one."""
    lines = tmp_path / "lines"
    with Host(tmp_path, dispatch={"outputs": [{"type": "file", "path": str(lines)}]}) as host:
        names = []

        def raise_some():
            for _ in range(20):
                names.append(f"n{len(names):03}")
                host.raise_alert(names[-1])

        def everywhere():
            with contextlib.suppress(OSError, ValueError, AssertionError, http.client.HTTPException):
                here = [a["message"].rsplit("/", 1)[1] for a in host.alerts("?limit=1000")]
                there = [json.loads(line)["event"]["alert"].rsplit("/", 1)[1] for line in lines.read_text().splitlines()]
                return sorted(here) == sorted(there) == names

        raise_some()
        wait_for(everywhere, "alerts in both")
        for victim in ("alerts", "dispatch", "alerts"):
            pid = host.agent.service(victim)["pid"]
            raise_some()
            os.kill(pid, signal.SIGKILL)
            raise_some()
            wait_for(everywhere, f"alerts in both after {victim} was killed")
        front = host.agent.front()
        status = front.json("status")
        front.close()
        assert status["counters"]["alerts_dropped"] == 0 and status["counters"]["alerts"] == len(names)
        wait_for(lambda: host.agent.front().json("status")["alerts_waiting"] == 0, "nothing that waits")
        # one is taken out of the configuration: it holds nothing up
        config = json.loads(pathlib.Path(host.agent.config).read_text())
        config["modules"]["alerts"]["enabled"] = False
        host.agent.write(config)
        host.agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: host.agent.service("alerts")["state"] == "stopped", "alerts stopped")
        host.raise_alert("later")
        wait_for(lambda: "later" in lines.read_text(), "the alert in dispatch")
        wait_for(lambda: host.agent.front().json("status")["alerts_waiting"] == 0, "nothing that waits")
        assert host.agent.front().json("status")["counters"]["alerts_untaken"] == 0
        assert "did not take" not in host.agent.log()
        assert host.agent.stop() == 0


def test_what_a_removed_receiver_did_not_take_is_told(tmp_path):
    with Host(tmp_path) as host:
        host.raise_alert("first")
        host.wait_alert("first")

        def status():
            return host.agent.front().json("status")
        wait_for(lambda: status()["alerts_waiting"] == 0, "nothing that waits")
        os.kill(host.agent.service("alerts")["pid"], signal.SIGSTOP)
        for name in ("a", "b", "c"):
            host.raise_alert(name)
        wait_for(lambda: status()["alerts_waiting"] == 3, "three that wait")
        config = json.loads(pathlib.Path(host.agent.config).read_text())
        config["modules"]["alerts"]["enabled"] = False
        host.agent.write(config)
        host.agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: host.agent.service("alerts")["state"] == "stopped", "alerts stopped")
        assert "alerts is no more, and did not take 3 alerts, which no other module takes; the first: " in host.agent.log()
        assert status()["counters"]["alerts_untaken"] == 3 and status()["alerts_waiting"] == 0
        host.raise_alert("later")  # nobody takes it: the log has it
        wait_for(lambda: any("alert of fswatch" in line and "/later" in line for line in host.agent.log().splitlines()), "later")
        assert host.agent.stop() == 0
        assert host.agent.log().count("did not take") == 1


def test_an_agent_that_is_started_anew(tmp_path):
    with Host(tmp_path) as host:
        host.raise_alert("first")
        row = host.wait_alert("first")
        host.request("POST", f"/alerts/{row['id']}/acknowledge", {"comment": "x"})
        assert host.agent.stop() == 0
        host.agent.start()
        host.raise_alert("second")
        assert host.wait_alert("second")["id"] == row["id"] + 1
        assert host.wait_alert("first")["acknowledged"]["comment"] == "x"
        assert host.agent.stop() == 0
