"""The whole way: a file changes, fswatch sees it, the agent hands the alert to dispatch, dispatch writes it; also over
kill -9 of either module."""

import json
import os
import signal

import pytest
from agent_harness import ROW, TARSIER, Agent, Refused, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.access(TARSIER, os.X_OK), reason="needs root, build/tarsier")


def whole_lines(path):
    if not path.exists():
        return []
    lines = path.read_text().split("\n")[:-1]  # behind the last newline: a line that is being written
    return [json.loads(line) for line in lines if line.endswith("}")]  # a writer that was killed leaves a part of a line


def alerts(path):
    return [line["event"] for line in whole_lines(path)]


def pid_of(agent, name):
    return wait_for(lambda: agent.service(name).get("pid"), f"{name} runs")


def query(agent, name):
    front = agent.front()
    try:
        rows = [payload for kind, payload in front.run(name)[1] if kind == ROW]
        return json.loads(rows[0][2:]) if rows else {}  # behind the length of an empty label
    except Refused:
        return {}
    finally:
        front.close()


def test_alerts_reach_the_file(tmp_path):
    watched, out = tmp_path / "watched", tmp_path / "out"
    watched.mkdir()
    out.mkdir()
    lines = out / "alerts"
    (watched / "program").write_text("1")
    config = {"modules": {"fswatch": {"paths": [f"recursive:{watched}"], "settle": "20ms"},
                          "dispatch": {"outputs": [{"type": "file", "path": str(lines)}]}}}
    with Agent(tmp_path / "state", config) as agent:
        wait_for(lambda: query(agent, "fswatch").get("watched") == 2 and not query(agent, "fswatch")["pending"],
                 "the first scan")
        (watched / "new").write_text("x")
        wait_for(lambda: any(a["alert"] == f"new path {watched}/new" for a in alerts(lines)), "the alert")
        wait_for(lambda: query(agent, "dispatch").get("outputs", [{"delivered": 0}])[0]["delivered"], "it is counted")

        # fswatch is killed, a file changes while nothing watches; the next start finds it
        os.kill(pid_of(agent, "fswatch"), signal.SIGKILL)
        (watched / "program").write_text("2")
        wait_for(lambda: any(a["event"] == "changed" and a["path"] == f"{watched}/program" for a in alerts(lines)),
                 "the alert about the change")

        # dispatch is killed; what happens meanwhile, and what it was just told, waits in the agent
        os.kill(pid_of(agent, "dispatch"), signal.SIGKILL)
        (watched / "program").chmod(0o4755)
        wait_for(lambda: any(a["event"] == "attributes" for a in alerts(lines)), "the alert about the mode")
        assert agent.stop() == 0


def kept(path):
    """Alerts and the ids by which dispatch knows them."""
    ids = {}
    for line in whole_lines(path):
        ids.setdefault(line["event"]["alert"], []).append(line["id"])
    return ids


def test_dispatch_is_killed_while_alerts_pour_in(tmp_path):
    """Each alert is taken once: it has one id. A line may come twice with that id, when dispatch died between writing
    it and noting so."""
    watched, out = tmp_path / "watched", tmp_path / "out"
    watched.mkdir()
    out.mkdir()
    lines = out / "alerts"
    config = {"modules": {"fswatch": {"paths": [str(watched)], "settle": "1ms"},
                          "dispatch": {"outputs": [{"type": "file", "path": str(lines)}]}}}
    with Agent(tmp_path / "state", config) as agent:
        wait_for(lambda: query(agent, "fswatch").get("scanning") is False, "the first scan")
        pid = None
        for turn in range(4):
            pid = wait_for(lambda killed=pid: next((new for new in [agent.service("dispatch").get("pid")]
                                                    if new and new != killed), None), "dispatch runs")
            before = len(kept(lines))
            for n in range(250):
                (watched / f"{turn}-{n}").write_text("x")
            wait_for(lambda before=before: len(kept(lines)) >= before + 20, "the first of them")
            os.kill(pid, signal.SIGKILL)
        expected = {f"new path {watched}/{turn}-{n}" for turn in range(4) for n in range(250)}
        wait_for(lambda: expected <= kept(lines).keys(), "all alerts")
        front = agent.front()
        wait_for(lambda: front.json("status")["alerts_waiting"] == 0, "all acknowledgements")
        assert front.json("status")["counters"]["alerts_dropped"] == 0
        front.close()
        assert agent.stop() == 0
    numbers = sorted({int(one.split("-")[1]) for ids in kept(lines).values() for one in ids})
    assert all(len(set(ids)) == 1 for ids in kept(lines).values())
    assert numbers == list(range(1, len(kept(lines)) + 1))
