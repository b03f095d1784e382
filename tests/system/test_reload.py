"""A changed configuration and SIGHUP: what ends, what starts, what is told, what is left alone, and what is refused."""
import contextlib
import copy
import json
import os
import pathlib
import signal
import socket
import tempfile

import pytest

from agent_harness import PATIENCE, ROW, Agent, Refused, wait_for

SLOW = '''#!/bin/sh
if [ "$1" = --describe ]; then
    echo '{"name": "patient", "summary": "wait for a file", "shape": "object", "parameters": {"fields": []},
        "element": {"fields": [{"name": "done", "type": "bool"}]}}'
    exit 0
fi
read -r line
while ! [ -e "${0%/*}/.go" ]; do sleep 0.05; done
echo '{"foundanything": true, "success": true, "elements": {"done": true}, "statistics": {}, "errors": []}'
'''


def services(agent):
    front = agent.front()
    try:
        return {s["name"]: s for s in front.json("status")["services"]}
    finally:
        front.close()


def status(agent):
    front = agent.front()
    try:
        return front.json("status")
    finally:
        front.close()


def pids(agent):
    return {name: s["pid"] for name, s in services(agent).items() if "pid" in s}


def all_ready(agent, *names):
    now = services(agent)
    return all(now.get(n, {}).get("state") == "ready" for n in names)


def written(places, name="lines"):
    """What dispatch has written to its file."""
    path = places / name
    return path.read_text() if path.exists() else ""


def watching(agent):
    """fswatch has seen what is there: what comes now is new."""
    def idle():
        try:
            _, frames = agent.front().run("fswatch")
        except Refused:
            return False
        return any(kind == ROW and b'"scanning":false' in payload for kind, payload in frames)
    wait_for(idle, "fswatch's first look")


def reload(agent, config=None):
    """Writes it and waits until it was judged; the log since then."""
    if config is not None:
        agent.write(config)
    before = len(agent.log())
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "configuration reloaded" in agent.log()[before:] or "was not reloaded" in agent.log()[before:],
             "the reload")
    return agent.log()[before:]


@pytest.fixture
def places(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return tmp_path


def configuration(places):
    return {"modules": {
        "example-persist": {"interval": "1h"},
        "dispatch": {"outputs": [{"type": "file", "name": "lines", "path": str(places / "lines")}], "retry_min": "20ms",
                     "retry_max": "100ms"},
        "fswatch": {"paths": [str(places / "one")], "settle": "10ms", "recheck": "50ms", "suppress": "0s",
                    "backend": "inotify"}}}


NAMES = ("api", "dispatch", "example-persist", "fswatch")


@pytest.fixture
def agent(places):
    agent = Agent(places / "state", configuration(places))
    agent.start()
    try:
        wait_for(lambda: all_ready(agent, *NAMES), "all services")
        yield agent
        if agent.process.poll() is None:
            assert agent.stop() == 0
    finally:
        agent.__exit__()


def test_nothing_changed(agent):
    before = pids(agent)
    told = reload(agent)
    assert "configuration reloaded: nothing changed; 0 services changed, 4 go on as they are" in told
    assert pids(agent) == before
    assert status(agent)["counters"]["reloads"] == 1


def test_a_changed_service_is_restarted_and_the_others_are_not(agent, places):
    before = pids(agent)
    config = configuration(places)
    config["modules"]["fswatch"]["paths"] = [str(places / "two")]
    told = reload(agent, config)
    assert "reload: fswatch is restarted: its settings changed" in told
    assert "configuration reloaded: modules; 1 services changed, 3 go on as they are" in told
    wait_for(lambda: pids(agent).get("fswatch") not in (None, before["fswatch"]) and all_ready(agent, *NAMES), "fswatch")
    after = pids(agent)
    assert {n: after[n] for n in NAMES if n != "fswatch"} == {n: before[n] for n in NAMES if n != "fswatch"}
    assert services(agent)["fswatch"]["restarts"] == 0  # it did not fail
    watching(agent)
    (places / "two" / "new").write_text("x")
    wait_for(lambda: "two/new" in written(places), "an alert from the new path")


def test_a_path_that_comes_back_is_taken_as_it_is_then(agent, places):
    here, there = configuration(places), configuration(places)
    there["modules"]["fswatch"]["paths"] = [str(places / "two")]
    reload(agent, there)
    watching(agent)
    (places / "one" / "meanwhile").write_text("x")  # nobody was to look
    reload(agent, here)
    wait_for(lambda: all_ready(agent, *NAMES), "all services")
    watching(agent)
    (places / "one" / "later").write_text("x")
    wait_for(lambda: "one/later" in written(places), "an alert")
    assert "one/meanwhile" not in written(places)


def test_settings_that_the_module_takes_while_it_runs(agent, places):
    before = pids(agent)
    config = configuration(places)
    config["modules"]["api"] = {"connections": 77}
    told = reload(agent, config)
    assert "reload: api gets new settings" in told and "1 services changed, 3 go on" in told
    assert pids(agent) == before
    # the same in another order is the same
    config["modules"]["fswatch"] = dict(reversed(config["modules"]["fswatch"].items()))
    assert "0 services changed, 4 go on" in reload(agent, config)


def test_listeners_that_move(agent, places):
    before = pids(agent)
    config = configuration(places)
    path = places / "elsewhere.sock"
    old = services(agent)["api"]["listens"]["socket"]
    config["socket"] = str(path)
    assert "reload: api is restarted: where it listens changed" in reload(agent, config)
    wait_for(lambda: all_ready(agent, *NAMES) and pids(agent)["api"] != before["api"], "api")
    assert path.is_socket() and not os.path.exists(old)
    assert {**pids(agent), "api": 0} == {**before, "api": 0}


def test_one_that_is_gone_ends_after_those_that_needed_it(agent, places):
    config = configuration(places)
    config["services"] = {"example-persist": ["fswatch"], "fswatch": ["dispatch"]}
    told = reload(agent, config)
    assert "reload: example-persist is restarted: what it waits for changed" in told
    wait_for(lambda: all_ready(agent, *NAMES), "all services")
    before = pids(agent)
    mark = len(agent.log())
    agent.write({"modules": {"example-persist": {"interval": "1h"}}})
    reload(agent)
    wait_for(lambda: pids(agent).get("example-persist") not in (None, before["example-persist"]), "example-persist")
    wait_for(lambda: services(agent)["dispatch"]["state"] == "stopped", "dispatch's end")
    told = agent.log()[mark:]
    ends = [told.index(f"module {n} has ended") for n in ("example-persist", "fswatch", "dispatch")]
    assert ends == sorted(ends)
    assert services(agent)["fswatch"]["state"] == "stopped"
    assert agent.front().ask("health")["ready"]
    # what ended is not shown for ever
    reload(agent)
    assert not {"fswatch", "dispatch"} & set(services(agent))


def test_a_new_one_waits_for_what_it_needs(places):
    with Agent(places / "state", {}) as agent:
        config = configuration(places)
        config["services"] = {"example-persist": ["fswatch"], "scheduler": ["example-persist"]}
        told = reload(agent, config)
        assert "reload: fswatch is new" in told and "reload: scheduler is restarted" in told
        wait_for(lambda: all_ready(agent, "scheduler", *NAMES), "all services")
        told = agent.log()
        starts = [told.index(f"module {n} is ready") for n in ("dispatch", "fswatch", "example-persist")]
        assert starts == sorted(starts)
        config["schedule"] = [{"name": "now", "module": "example", "every": "1h"}]
        assert "schedule" in reload(agent, config)
        wait_for(lambda: status(agent)["counters"]["schedule_started"] == 1, "the scheduler's work")
        assert agent.stop() == 0


@pytest.mark.parametrize("change, message", [
    (lambda c: c.update(services={"fswatch": ["nothing"]}), "services: service fswatch needs nothing: there is no service"),
    (lambda c: c.update(services={"fswatch": ["example-persist"], "example-persist": ["fswatch"]}),
     "services: services wait for each other: "),
    (lambda c: c["modules"]["fswatch"].update(settle="never"), "modules.fswatch.settle"),
    (lambda c: c["modules"].update(unheard={}), "modules.unheard"),
    (lambda c: c.update(limits={"runs": 0}), "limits.runs"),
    (lambda c: c.update(schedule=[{"name": "x", "module": "example", "cron": "61 * * * *"}]), "schedule[0].cron"),
    (lambda c: c.update(tls={"certificate": "/nowhere/c.pem", "key": "/nowhere/k.pem"}), "tls.certificate: open /nowhere/c.pem"),
])
def test_an_error_changes_nothing(agent, places, change, message):
    before = pids(agent)
    good = configuration(places)
    good["schedule"] = [{"name": "kept", "module": "example", "every": "1h"}]
    reload(agent, good)
    bad = copy.deepcopy(good)
    bad["modules"]["dispatch"]["rate"] = 5  # right by itself
    change(bad)
    told = reload(agent, bad)
    assert "the configuration was not reloaded: " + agent.config + ": " in told and message in told
    now = status(agent)
    refused = now["configuration"]["refused"]
    assert refused["message"].startswith(agent.config + ": ") and message in refused["message"]
    assert now["counters"]["reloads_refused"] == 1 and now["ready"]
    assert [s["name"] for s in now["schedule"]] == ["kept"]
    assert pids(agent) == before
    shown = agent.tarsier("status").stdout
    assert "was not reloaded at " in shown and message in shown
    # the next good one clears it
    reload(agent, good)
    assert "refused" not in status(agent)["configuration"]
    assert pids(agent) == before


@pytest.fixture
def modules():
    """An unprivileged user describes them, so they are not below pytest's own directory."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = pathlib.Path(directory) / "patient"
        path.write_text(SLOW)
        path.chmod(0o755)
        yield {"TARSIER_MODULES_DIR": directory}


def test_runs_under_way_go_on(places, modules):
    with Agent(places / "state", configuration(places), environment=modules) as agent:
        wait_for(lambda: all_ready(agent, *NAMES), "all services")
        front = agent.front()
        go = pathlib.Path(modules["TARSIER_MODULES_DIR"]) / ".go"
        run = front.start("patient", {}, follow=True)
        wait_for(lambda: status(agent)["runs"]["running"] == 1, "the run")
        config = configuration(places)
        config["privacy"] = True  # restarts every service
        told = reload(agent, config)
        assert "reload: api is restarted: privacy changed" in told and "4 services changed" in told
        del config["modules"]["dispatch"]
        reload(agent, config)
        wait_for(lambda: all_ready(agent, "api", "fswatch", "example-persist"), "the services")
        go.touch()
        done = front.rest(7)[-1]
        assert json.loads(done[1])["success"], done
        assert agent.front().json("runs", run=run)[0]["state"] == "completed"
        assert agent.stop() == 0


def test_alerts_are_neither_lost_nor_doubled(agent, places):
    """Files come while fswatch and dispatch are restarted with other settings, again and again."""
    watching(agent)
    number = 0
    for turn in range(6):
        for _ in range(20):
            (places / "one" / f"file-{number}").write_text(str(number))
            number += 1
        config = configuration(places)
        config["modules"]["fswatch"]["exclude"] = [f"/nowhere/{turn}"]
        config["modules"]["dispatch"]["environment"] = f"turn{turn}"
        config["modules"]["dispatch"]["outputs"][0]["path"] = str(places / f"lines-{turn % 2}")
        agent.write(config)
        agent.process.send_signal(signal.SIGHUP)
        for _ in range(20):
            (places / "one" / f"file-{number}").write_text(str(number))
            number += 1

    def told():
        return [json.loads(line) for name in ("lines", "lines-0", "lines-1") for line in written(places, name).splitlines()]

    wanted = {f"file-{i}" for i in range(number)}
    wait_for(lambda: wanted <= {os.path.basename(p) for p in every_path(told())}, "an alert for each file")
    wait_for(lambda: all_ready(agent, *NAMES), "all services")
    wait_for(lambda: status(agent)["alerts_waiting"] == 0, "nothing that waits")
    ids = [line["id"] for line in told() if "id" in line]
    assert ids and len(ids) == len(set(ids))  # the file's own writes were taken: no event was written twice
    assert status(agent)["counters"]["alerts_dropped"] == 0


def every_path(value):
    """All members named path, wherever they are."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == "path" and isinstance(member, str):
                yield member
            else:
                yield from every_path(member)
    elif isinstance(value, list):
        for member in value:
            yield from every_path(member)


def tell(pid, number):
    """The agent may have been faster: it kills who does not end within 5 s, which a loaded machine takes for a question."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def was_late(agent):
    return "did not end within" in agent.log()


def test_kill_9_in_the_middle(agent, places):
    """A service that does not end is killed while the reload waits for it; another one dies at that moment too."""
    before = pids(agent)
    config = configuration(places)
    config["services"] = {"fswatch": ["dispatch"]}
    config["modules"]["dispatch"]["environment"] = "new"
    os.kill(before["fswatch"], signal.SIGSTOP)
    reload(agent, config)
    now = services(agent)
    assert now["fswatch"]["state"] == "stopping" or was_late(agent)
    os.kill(before["example-persist"], signal.SIGKILL)  # one that has nothing to do with it
    tell(before["fswatch"], signal.SIGKILL)
    wait_for(lambda: all_ready(agent, *NAMES), "all services")
    after = pids(agent)
    assert after["api"] == before["api"] and after["fswatch"] != before["fswatch"]
    assert after["dispatch"] != before["dispatch"] and after["example-persist"] != before["example-persist"]
    now = services(agent)
    assert now["fswatch"]["restarts"] == 0  # its end was asked for
    assert now["example-persist"]["restarts"] == 1 and "signal 9" not in now["fswatch"].get("reason", "")
    # one that waits for its turn to end dies before it comes
    config["modules"]["dispatch"]["environment"] = "newer"
    config["modules"]["fswatch"]["settle"] = "20ms"
    before = pids(agent)
    os.kill(before["fswatch"], signal.SIGSTOP)
    reload(agent, config)
    tell(before["dispatch"], signal.SIGKILL)
    wait_for(lambda: pids(agent).get("dispatch") != before["dispatch"], "dispatch's end")
    tell(before["fswatch"], signal.SIGKILL)
    wait_for(lambda: all_ready(agent, *NAMES), "all services")
    assert services(agent)["dispatch"]["restarts"] == 0


def test_two_at_once(agent, places):
    """The second comes while services still end for the first; the last configuration counts."""
    before = pids(agent)
    first, second = configuration(places), configuration(places)
    del first["modules"]["dispatch"]
    first["modules"]["fswatch"]["settle"] = "11ms"
    first["modules"]["example-persist"]["interval"] = "2h"
    second["modules"]["fswatch"]["settle"] = "12ms"
    del second["modules"]["example-persist"]
    for name in ("dispatch", "fswatch", "example-persist"):
        os.kill(before[name], signal.SIGSTOP)
    reload(agent, first)
    assert services(agent)["dispatch"]["state"] in ("stopping", "ready") or was_late(agent)
    told = reload(agent, second)
    assert "reload: dispatch comes again" in told and "reload: example-persist ends" in told
    for name in ("dispatch", "fswatch", "example-persist"):
        tell(before[name], signal.SIGCONT)
    wait_for(lambda: all_ready(agent, "api", "dispatch", "fswatch") and
             services(agent)["example-persist"]["state"] == "stopped", "the last configuration")
    after = pids(agent)
    assert after["dispatch"] != before["dispatch"] and after["fswatch"] != before["fswatch"]
    # and as fast as signals go: the last one written counts, whichever were merged
    for turn in range(20):
        second["modules"]["fswatch"]["paths"] = [str(places / ("one" if turn % 2 else "two"))]
        agent.write(second)
        agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: all_ready(agent, "api", "dispatch", "fswatch"), "all services")
    watching(agent)
    (places / "one" / "at-last").write_text("x")
    wait_for(lambda: "one/at-last" in written(places), "an alert from the last path")
    assert "is down" not in agent.log()


def test_while_the_agent_starts(places):
    """From its first moments on; what starts meanwhile comes up with what the last file says."""
    config = configuration(places)
    config["services"] = {"example-persist": ["fswatch"], "fswatch": ["dispatch"]}
    agent = Agent(places / "state", config)
    agent.start(ready=False)
    try:
        wait_for((places / "state" / "agent.lock").exists, "its first file")
        for turn in range(5):
            config["modules"]["fswatch"]["settle"] = f"{turn + 20}ms"
            config["modules"]["dispatch"]["environment"] = f"start-{turn}"
            if turn == 3:
                del config["modules"]["example-persist"], config["services"]["example-persist"]
            agent.write(config)
            agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "tarsier: ready" in agent.log() and "configuration reloaded" in agent.log(), "ready")
        wait_for(lambda: all_ready(agent, "api", "dispatch", "fswatch"), "all services")
        assert services(agent).get("example-persist", {"state": "stopped"})["state"] == "stopped"
        watching(agent)
        (places / "one" / "f").write_text("x")
        wait_for(lambda: "start-4" in written(places), "the last settings")
        assert agent.stop() == 0
    finally:
        agent.__exit__()


def test_one_that_is_down_is_tried_with_the_new_settings(agent, places):
    """What only the module can judge: it is down, and says why; a right file mends it without a wait."""
    config = configuration(places)
    good = copy.deepcopy(config)
    config["modules"]["fswatch"]["paths"] = ["not/absolute"]
    before = pids(agent)
    reload(agent, config)
    wait_for(lambda: services(agent)["fswatch"]["state"] == "down" and services(agent)["fswatch"]["restarts"] >= 3, "its end")
    assert 'does not begin with /' in services(agent)["fswatch"]["reason"]
    told = reload(agent, good)
    assert "reload: fswatch is tried at once" in told or "reload: fswatch is restarted" in told
    wait_for(lambda: all_ready(agent, *NAMES), "all services")
    assert {**pids(agent), "fswatch": 0} == {**before, "fswatch": 0}


def test_the_end_in_the_middle(agent, places):
    config = configuration(places)
    config["modules"]["dispatch"]["environment"] = "new"
    config["modules"]["fswatch"]["settle"] = "30ms"
    workers = set(pids(agent).values())
    stopped = pids(agent)["fswatch"]
    os.kill(stopped, signal.SIGSTOP)
    reload(agent, config)
    workers |= set(pids(agent).values())
    agent.process.send_signal(signal.SIGTERM)
    tell(stopped, signal.SIGCONT)
    assert agent.process.wait(PATIENCE) == 0
    assert len(workers) >= 4 and not [pid for pid in workers if state_of(pid) not in "ZX-"]


def state_of(pid):
    """As proc(5) has it; "-" when there is no such process."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "-"


def test_a_query_under_way_when_its_module_goes(agent, places):
    """The module's end and a second reload come in one turn of the agent's loop."""
    worker = pids(agent)["example-persist"]
    os.kill(worker, signal.SIGSTOP)
    front = agent.front()
    front.start("example-persist", {"string": "x"}, follow=True)
    config = configuration(places)
    del config["modules"]["example-persist"]
    reload(agent, config)
    mark = len(agent.log())
    agent.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: state_of(agent.process.pid) == "T", "the agent's stop")
    tell(worker, signal.SIGKILL)
    wait_for(lambda: state_of(worker) in "ZX-", "the worker's end")
    agent.process.send_signal(signal.SIGHUP)
    agent.process.send_signal(signal.SIGCONT)
    wait_for(lambda: "configuration reloaded" in agent.log()[mark:], "the second reload")
    done = json.loads(front.rest(7)[-1][1])
    assert not done["success"] and done["partial"] == "module went away"
    assert services(agent).get("example-persist", {"state": "stopped"})["state"] == "stopped"


def test_what_a_reload_ended_is_as_if_it_had_never_run(agent, places):
    """A query of it says that it is not enabled; a module that may ask it runs by itself."""
    config = configuration(places)
    config["modules"]["alerts"] = {}
    reload(agent, config)
    wait_for(lambda: all_ready(agent, "alerts", *NAMES), "all services")
    reload(agent, {"modules": {"dispatch": config["modules"]["dispatch"]}})
    wait_for(lambda: {services(agent)[n]["state"] for n in ("alerts", "example-persist")} == {"stopped"}, "their end")
    _, frames = agent.front().run("alerts-list")
    assert any(b"no agent with the module alerts" in payload for _, payload in frames), frames  # its own words
    _, frames = agent.front().run("example-persist", {"string": "x"})
    assert any(b"is not enabled in the configuration" in payload for _, payload in frames), frames
    reload(agent, config)
    wait_for(lambda: all_ready(agent, "alerts", *NAMES), "all services")
    _, frames = agent.front().run("example-persist", {"string": "x"})
    assert json.loads(frames[-1][1])["success"], frames


def test_one_that_never_started_gets_no_more_alerts(places):
    """dispatch waits for api, which cannot listen; when it is taken away alerts go to the log."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        agent = Agent(places / "state", {"services": {"dispatch": ["api"]}, "modules": {
            "dispatch": configuration(places)["modules"]["dispatch"], "example-persist": {"interval": "100ms"}}})
        agent.listen = "127.0.0.1:%d" % taken.getsockname()[1]
        agent.start(ready=False)
        try:
            wait_for(lambda: "tarsier: ready" in agent.log(), "ready")  # of what can be
            assert services(agent)["dispatch"]["waits_for"] == "api"
            assert services(agent)["example-persist"]["waits_for"] == "dispatch"
            reload(agent, {"modules": {"example-persist": {"interval": "100ms"}}})
            wait_for(lambda: "alert of example-persist" in agent.log(), "an alert in the log")
            assert status(agent)["alerts_waiting"] == 0
            assert agent.stop() == 0
        finally:
            agent.__exit__()


def test_systemd_is_told_that_it_is_ready_when_it_is(places):
    """A reload in its first moment, which is there before its loop, is no sign of that."""
    def hang_up():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
        os.kill(os.getpid(), signal.SIGHUP)

    path = str(places / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(path)
        notified.settimeout(PATIENCE)
        agent = Agent(places / "state", configuration(places), environment={"NOTIFY_SOCKET": path}, preexec_fn=hang_up)
        with agent:
            told = [notified.recv(4096)]
            while b"READY=1" not in told[-1]:
                told.append(notified.recv(4096))
            assert b"RELOADING=1" in told[0] and b"STATUS=ready" in told[-1], told
            assert agent.stop() == 0


def test_more_places_for_runs(places, modules):
    config = {"limits": {"runs": 1}}
    with Agent(places / "state", config, environment=modules) as agent:
        front = agent.front()
        for _ in range(3):
            front.start("patient")
        assert [status(agent)["runs"][n] for n in ("running", "queued")] == [1, 2]
        reload(agent, {"limits": {"runs": 2}})
        wait_for(lambda: [status(agent)["runs"][n] for n in ("running", "queued")] == [2, 1], "the second run")
        (pathlib.Path(modules["TARSIER_MODULES_DIR"]) / ".go").touch()
        wait_for(lambda: [status(agent)["runs"][n] for n in ("running", "queued")] == [0, 0], "the end of all")
        assert agent.stop() == 0
