"""alerts by itself, with a parent that hands it alerts."""
import contextlib
import json
import os
import pathlib
import resource
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from agent_harness import TARSIER  # noqa: E402
from persist_harness import Persist  # noqa: E402

REQUEST, BODY, HEAD, DATA, END, CANCEL = 16, 17, 18, 19, 20, 21
SENDER, LATER_SENDER = "00000000000000aa", "ffffffffffffffff"


class Alerts(Persist):
    """The module, its alerts and its counters."""

    def __init__(self, state, config=None, **more):
        self.number = 0
        super().__init__("alerts", "alerts", config=config, state=state, **more)

    def give(self, event, module="watch", time_ns=None, sender=SENDER, number=None):
        """As the agent does; the number that the alert has."""
        self.number = number or self.number + 1
        extra = {"time_ns": time_ns} if time_ns else {}
        self.send("alert", {"message": event if isinstance(event, str) else json.dumps(event), "id": self.number,
                            "sender": sender, "module": module, **extra})
        return self.number

    def kept(self, number=None, sender=SENDER):
        """Waits until the module says that it has all up to this one."""
        number = number or self.number
        self.wait(lambda: any(s == sender and n >= number for s, n in self.acks), f"acknowledgement of {number}")

    def list(self, **parameters):
        answer = self.query(parameters)
        assert not answer["errors"], answer
        return answer["rows"]

    def counters(self):
        return self.query({}, module="alerts-counts")["statistics"]


def alert(text="something", rule="r", severity="high", **more):
    return {"severity": severity, "alert": text, "rule": rule, "event": {"type": "exec", "process": {
        "pid": 42, "exe": "/bin/x", "uid": 4000000000, **more}}}


def test_what_comes_again_is_counted(tmp_path):
    with Alerts(tmp_path) as module:
        for _ in range(3):
            module.give(alert("again"))
        module.give(alert("again", severity="critical"))
        module.give(alert("other"))
        module.give(alert("again", rule="s"))
        module.give(alert("again", container={"engine": "docker", "id": "a" * 64, "name": "web"}))
        module.give(alert("again"), module="fswatch")
        module.kept()
        rows = module.list()
        assert [(r["message"], r["rule"], r["count"]) for r in rows] == [
            ("again", "r", 1), ("again", "r", 1), ("again", "s", 1), ("other", "r", 1), ("again", "r", 4)]
        assert rows[-1]["severity"] == "critical"  # the worst of them
        assert rows[1]["container"] == "web" and rows[1]["container_id"] == "a" * 64
        assert rows[0]["module"] == "fswatch"
        assert (rows[2]["pid"], rows[2]["exe"], rows[2]["user"]) == (42, "/bin/x", "4000000000")
        assert rows[2]["evidence"] == alert("again", rule="s")
        assert module.stop() == 0


def test_a_minute_later_it_is_another(tmp_path):
    now = 1_795_000_000_000_000_000
    with Alerts(tmp_path, {"retain_time": "3650d"}) as module:
        for second in (0, 60, 120, 181):
            module.give(alert("again"), time_ns=now + second * 10**9)
        module.kept()
        assert [r["count"] for r in module.list()] == [1, 3]


@pytest.mark.parametrize("text", ["plain words", "", "{", '"\\u0000"', "[1,2]", "42", '{"alert":"a\\nb\\u001b[31mred"}',
                                  '{"alert":"' + "€" * 20000 + '"}', '{"event":{"process":[]},"rule":9}', "x" * 200_000,
                                  "[" * 5000], ids=range(11))
def test_whatever_a_module_says(tmp_path, text):
    with Alerts(tmp_path) as module:
        module.give(text, module="odd")
        module.kept()
        row, = module.list()
        assert row["module"] == "odd" and len(row["message"].encode()) <= 1024 and "evidence" in row
        shown = subprocess.run([TARSIER, "schema", "alerts", "--result"], capture_output=True, text=True, check=True)
        __import__("jsonschema").Draft202012Validator(json.loads(shown.stdout)).validate(row)


def test_filters(tmp_path):
    with Alerts(tmp_path) as module:
        for severity in ("low", "medium", "high", "critical"):
            module.give(alert(f"text {severity}", rule=f"rule-{severity}", severity=severity))
        module.give(alert("in web", container={"engine": "docker", "id": "abcdef" + "0" * 58, "name": "web"}))
        module.kept()

        def found(**parameters):
            return [r["id"] for r in module.list(**parameters)]

        assert found() == [5, 4, 3, 2, 1]
        assert found(limit=2) == [5, 4] and found(limit=2, before=4) == [3, 2]
        assert found(severity="high") == [5, 4, 3]
        assert found(rule="rule-*") == [4, 3, 2, 1] and found(rule="rule-low") == [1]
        assert found(container="web") == [5] and found(container="abcdef") == [5]
        assert found(text="TEXT CRIT") == [4]
        assert found(state=["acknowledged", "muted"]) == []
        assert found(since="1h") == [5, 4, 3, 2, 1] and found(until="1h") == []
        assert found(module="watch", limit=1) == [5] and found(module="dispatch") == []
        assert module.query({"since": "soon"})["errors"][0].startswith("since: ")


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path):
    """Killed in the middle of a stream and handed over again from the last acknowledgement on, as the agent does: each
    alert is there once."""
    count, acknowledged, turns, duplicates = 2000, 0, 0, 0
    while acknowledged < count:
        with Alerts(tmp_path, {"burst": 1000000}) as module:
            turns += 1
            for number in range(acknowledged + 1, count + 1):
                module.give(alert(f"alert {number}."), number=number)
                if number % 50 == 0:
                    module.pump()
                if turns < 6 and number == acknowledged + 300:
                    module.kill()  # what it says now is lost
                    break
            if module.pid:
                module.kept()
                duplicates = module.counters()["duplicates"]
                rows, before = [], 0
                while page := module.list(limit=1000, before=before):
                    rows += page
                    before = page[-1]["id"]
                assert sorted(int(r["message"].split()[1][:-1]) for r in rows) == list(range(1, count + 1))
                assert all(r["count"] == 1 for r in rows)
                assert len({r["id"] for r in rows}) == count
            acknowledged = max([n for _, n in module.acks], default=acknowledged)
    print(f"{turns} processes, {duplicates} handed over twice to the last")


def test_a_restart_knows_what_it_had(tmp_path):
    with Alerts(tmp_path) as module:
        module.give(alert("again"))
        module.kept()
        module.query({"rule": "quiet", "for": "1h", "comment": "why"}, module="alerts-mute")
        module.kill()
    with Alerts(tmp_path) as module:
        module.give(alert("again"), number=1)  # its acknowledgement was lost
        module.kept(1)
        module.give(alert("again"), number=2)
        module.give(alert("x", rule="quiet"), number=3)
        module.kept(3)
        module.give(alert("again"), number=1, sender=LATER_SENDER)  # the agent was started anew
        module.kept(1, LATER_SENDER)
        rows = module.list()
        assert [(r["message"], r["count"], r["state"]) for r in rows] == [("x", 1, "muted"), ("again", 3, "open")]
        assert module.counters()["duplicates"] == 1


def test_acknowledge_and_reopen(tmp_path):
    with Alerts(tmp_path) as module:
        for n in range(3):
            module.give(alert(f"{n}"))
        module.kept()
        row, = module.query({"ids": [2], "comment": "seen"}, module="alerts-acknowledge")["rows"]
        assert row["state"] == "acknowledged" and row["acknowledged"]["comment"] == "seen"
        first = row["acknowledged"]
        row, = module.query({"ids": [2], "comment": "again"}, module="alerts-acknowledge")["rows"]
        assert row["acknowledged"] == first  # who was first stays
        module.give(alert("1"))  # it goes on: that is news
        module.kept()
        assert [(r["message"], r["state"]) for r in module.list()] == [
            ("1", "open"), ("2", "open"), ("1", "acknowledged"), ("0", "open")]
        answer = module.query({"ids": [99, 2]}, module="alerts-reopen")
        assert [r["state"] for r in answer["rows"]] == ["open"] and "no alert 99" in answer["errors"][0]
        assert module.query({"ids": [99]}, module="alerts-reopen")["done"]["code"] == 3
        counts = {r["severity"]: r for r in module.query({}, module="alerts-counts")["rows"]}
        assert counts["high"] == {"severity": "high", "open": 4, "total": 4, "muted": 0}


def test_mutes(tmp_path):
    with Alerts(tmp_path) as module:
        def mute(**parameters):
            return module.query({"for": "1h", **parameters}, module="alerts-mute")

        assert mute(rule="loud", container="web*", severity="medium")["rows"][0]["id"] == 1
        web = {"container": {"engine": "docker", "id": "c" * 64, "name": "web-1"}}
        module.give(alert("a", rule="loud", severity="medium", **web))
        module.give(alert("b", rule="loud", severity="high", **web))  # worse than was muted
        module.give(alert("c", rule="loud", severity="low"))  # not there
        module.give(alert("d", rule="calm", severity="low", **web))
        for _ in range(2):
            module.give(alert("a", rule="loud", severity="low", **web))
        module.kept()
        states = {r["message"]: (r["state"], r.get("mute"), r["count"]) for r in module.list()}
        assert states == {"a": ("muted", 1, 3), "b": ("open", None, 1), "c": ("open", None, 1), "d": ("open", None, 1)}
        row, = module.query({}, module="alerts-mutes")["rows"]
        assert row["count"] == 3 and row["active"]
        assert not module.query({"id": 1}, module="alerts-unmute")["rows"][0]["active"]
        assert module.query({"id": 1}, module="alerts-unmute")["done"]["code"] == 3
        assert module.query({}, module="alerts-mutes")["rows"] == []
        assert len(module.query({"all": True}, module="alerts-mutes")["rows"]) == 1
        module.give(alert("a", rule="loud", severity="medium", **web))
        module.kept()
        assert (module.list()[0]["message"], module.list()[0]["state"]) == ("a", "open")
        assert {r["severity"]: r["muted"] for r in module.query({}, module="alerts-counts")["rows"]} == {
            "critical": 0, "high": 0, "medium": 1, "low": 2}
        for wrong, path in (({"for": "0s", "rule": "x"}, "for"), ({"for": "1h"}, "rule"),
                            ({"for": "1h", "until": "2100-01-01", "rule": "x"}, "until"),
                            ({"for": "0s", "until": "2001-01-01", "rule": "x"}, "until")):
            answer = module.query(wrong, module="alerts-mute")
            assert answer["done"]["code"] == 2 and answer["errors"][0].startswith(path + ": ")


def test_a_flood(tmp_path):
    """Of one rule, each different: bounded in rows and memory, none uncounted."""
    with Alerts(tmp_path, {"burst": 100}) as module:
        module.give(alert("a quiet one", rule="quiet"))
        now = 1_795_000_000_000_000_000
        for n in range(20000):
            module.give(alert(f"loud {n}", rule="loud"), time_ns=now)
            if n % 100 == 0:
                module.pump()
        module.kept()
        rows = module.list(limit=1000)
        assert len(rows) == 102 and sum(r["count"] for r in rows) == 20001
        assert rows[0]["count"] == 19900 and "too many" in rows[0]["message"]
        counters = module.counters()
        assert counters["taken"] == 20001 and counters["merged"] == 19900 and counters["lost"] == 0
        peak = next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{module.pid}/status").read_text().splitlines()
                    if line.startswith("VmHWM"))
        sanitized = b"__asan_init" in pathlib.Path(f"/proc/{module.pid}/exe").read_bytes()
        assert peak < 100_000 or sanitized, peak
        assert len(module.acks) < 1000  # many with one


def test_a_mute_of_what_is_there(tmp_path):
    with Alerts(tmp_path) as module:
        for text in ("a", "b"):
            module.give(alert(text, rule="loud"))
        module.give(alert("c", rule="other"))
        module.kept()
        assert module.query({"rule": "loud", "for": "1h"}, module="alerts-mute")["rows"][0]["count"] == 0
        assert {r["state"] for r in module.list()} == {"open"}
        row, = module.query({"rule": "loud", "for": "1h", "existing": True}, module="alerts-mute")["rows"]
        assert (row["id"], row["count"]) == (2, 2)
        module.give(alert("a", rule="loud"))
        module.kept()
        assert sorted((r["message"], r["state"], r.get("mute")) for r in module.list()) == [
            ("a", "muted", 2), ("a", "muted", 2), ("b", "muted", 2), ("c", "open", None)]
        assert module.query({"id": 2}, module="alerts-unmute")["rows"][0]["count"] == 3
        assert len(module.list(state=["muted"])) == 3  # what was muted stays
        assert module.query({"ids": [1]}, module="alerts-reopen")["done"]["success"]
        assert len(module.list(state=["open"])) == 2
        assert module.stop() == 0


@pytest.mark.parametrize("away, tried, kept", [(0, 0, False), (5000, 0, True), (5000, 20, True), (5000, 24, False)])
def test_a_clock_far_ahead_forgets_nothing(tmp_path, away, tried, kept):
    """What the clock says now is 5000 days ahead of the last time that was known, for so many hours; or it is not."""
    now, day = int(time.time() * 1e9), 86400 * 10**9
    with Alerts(tmp_path) as module:
        module.give(alert("of old"), time_ns=now - 4990 * day if away else now - 40 * day)
        module.kept()
        assert module.stop() == 0
    (path,) = pathlib.Path(tmp_path).rglob("alerts.db")
    with contextlib.closing(sqlite3.connect(path)) as store, store:
        store.execute("UPDATE age SET believed_ns = ?, tried_ns = ?", (now - away * day, tried * 3600 * 10**9))
    with Alerts(tmp_path) as module:
        module.give(alert("of now"), number=2)
        module.kept()
        assert [r["message"] for r in module.list()] == ["of now"] + (["of old"] if kept else [])
        assert module.stop() == 0
    with contextlib.closing(sqlite3.connect(path)) as store:
        believed, spent = store.execute("SELECT believed_ns, tried_ns FROM age").fetchone()
    assert abs(believed - (now - away * day if kept else now)) < day / 2
    assert spent == 0 if not kept else spent > tried * 3600 * 10**9


def test_size_is_bounded_and_muted_ones_go_first(tmp_path):
    with Alerts(tmp_path, {"retain": "1m", "burst": 1000000}) as module:
        module.query({"rule": "loud", "for": "1h"}, module="alerts-mute")
        module.give(alert("old and open"))
        for n in range(1000):
            module.give(alert(f"{n}", rule="loud", cwd="/" + "x" * 4000))
            if n % 50 == 0:
                module.pump()
        module.kept()
        assert module.counters()["removed"] > 500
        assert module.list(rule="r")[0]["message"] == "old and open"
        assert module.stop() == 0
    assert sum(p.stat().st_size for p in tmp_path.iterdir()) < 8 << 20


def test_a_full_disk(tmp_path):
    """A limit on file sizes stands for it: nothing is acknowledged that is not written, and all is once there is room."""
    with Alerts(tmp_path, {"burst": 1000000}) as module:
        module.give(alert("before"))
        module.kept()
        resource.prlimit(module.pid, resource.RLIMIT_FSIZE, (64 << 10, resource.RLIM_INFINITY))
        for n in range(500):
            module.give(alert(f"{n}", cwd="/" + "x" * 2000))
        module.wait_log("alerts are not written")
        said = max(n for _, n in module.acks)
        assert said < module.number
        assert any(r["message"] == "before" for r in module.list(limit=1000))  # it goes on answering
        resource.prlimit(module.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        module.kept()
        assert len(module.list(limit=1000)) == 501
        module.wait_log("alerts are written again")
        counters = module.counters()
        assert counters["lost"] == 0 and counters["write_errors"] > 0


def take(stream, size):
    """So many bytes: a socket with a time-out does not wait for all of them, whatever MSG_WAITALL says."""
    got = b""
    while len(got) < size:
        part = stream.recv(size - len(got))
        assert part, "the module hung up"
        got += part
    return got


def test_a_client_that_leaves_in_the_middle_of_a_list(tmp_path):
    """An answer that waits for credit when the client is gone; the next one gets its own."""
    with Alerts(tmp_path, {"burst": 1000000}) as module:
        for n in range(300):
            module.give(alert(f"{n}", cwd="/" + "x" * 1000))
        module.kept()

        def frame(kind, stream, payload=b""):
            module.requests.sendall(struct.pack("=IHH", len(payload), kind, stream) + payload)

        def ask(stream, path):
            frame(REQUEST, stream, json.dumps({"method": "GET", "path": path, "query": "limit=300", "headers": {}}).encode())
            frame(BODY, stream)

        def receive():
            head = take(module.requests, 8)
            length, kind, stream = struct.unpack("=IHH", head)
            return kind, stream, take(module.requests, length)

        module.requests.settimeout(60)
        for stream in range(1, 20):
            ask(stream, "/alerts")
            got = 0
            while got < 64 << 10:
                kind, _, payload = receive()
                got += len(payload) if kind == DATA else 0
            frame(CANCEL, stream)
        ask(99, "/status")
        kinds = []
        while not kinds or kinds[-1] != END:
            kind, stream, payload = receive()
            assert stream == 99
            kinds.append(kind)
        module.ping()
        assert module.stop() == 0


def test_counts_with_a_filter_while_the_clock_was_behind(tmp_path):
    """A host without a clock begins in 1970 until the network tells the time."""
    now, hour = int(time.time() * 1e9), 3600 * 10**9
    with Alerts(tmp_path) as module:
        module.query({"rule": "quiet", "for": "48h"}, module="alerts-mute")
        module.give(alert("of yesterday", rule="quiet"), time_ns=now - 24 * hour - hour // 2)
        module.give(alert("before it began anew"), time_ns=now - 2 * hour)
        module.give(alert("without a clock"), time_ns=5 * 10**9)
        module.give(alert("of now"), time_ns=now)
        module.kept()

        def frame(kind, payload=b""):
            module.requests.sendall(struct.pack("=IHH", len(payload), kind, 1) + payload)

        frame(REQUEST, json.dumps({"method": "GET", "path": "/counts", "query": "since=24h&severity=medium", "headers": {}}).encode())
        frame(BODY)
        module.requests.settimeout(60)
        answer = b""
        while True:
            length, kind, _ = struct.unpack("=IHH", take(module.requests, 8))
            payload = take(module.requests, length)
            if kind == END:
                break
            answer += payload if kind == DATA else b""
        counts = json.loads(answer)
        assert counts["total"]["high"] == 2 and sum(bin["high"] for bin in counts["histogram"]) == 2
        assert counts["muted"]["high"] == 0  # it came before
        assert module.stop() == 0


def test_a_stream_begins_with_its_head(tmp_path):
    """Also where an alert waits to be written when the request for the stream comes."""
    with Alerts(tmp_path) as module:
        module.requests.settimeout(60)
        head = json.dumps({"method": "GET", "path": "/stream", "query": "", "headers": {}}).encode()
        for stream in range(1, 9):
            os.kill(module.pid, signal.SIGSTOP)  # so that it finds both
            module.give(alert(f"waits {stream}"))
            for kind, payload in ((REQUEST, head), (BODY, b"")):
                module.requests.sendall(struct.pack("=IHH", len(payload), kind, stream) + payload)
            os.kill(module.pid, signal.SIGCONT)
            seen = set()
            while stream not in seen:
                length, kind, number = struct.unpack("=IHH", take(module.requests, 8))
                if length:
                    take(module.requests, length)
                assert kind == (DATA if number < stream else HEAD), (kind, number, stream)
                seen.add(number)
            length, kind, number = struct.unpack("=IHH", take(module.requests, 8))
            take(module.requests, length)
            assert (kind, number) == (DATA, stream)
        assert module.stop() == 0


def test_a_damaged_store_does_not_keep_the_module_down(tmp_path):
    with Alerts(tmp_path) as module:
        module.give(alert("before"))
        module.kept()
        assert module.stop() == 0
    (tmp_path / "alerts.db").write_bytes(b"this is no database" * 1000)
    with Alerts(tmp_path) as module:
        module.wait_log("was damaged")
        module.give(alert("after"))
        module.kept()
        assert [r["message"] for r in module.list()] == ["after"]
    assert (tmp_path / "alerts.db.damaged").exists()


def test_privacy(tmp_path):
    with Alerts(tmp_path, privacy=True) as module:
        module.give(alert("secret-word"))
        module.kept()
        assert "secret-word" not in json.dumps(module.query({}))
        assert module.list(text="secret-word") == [] and len(module.list(text="/bin/x")) == 1
