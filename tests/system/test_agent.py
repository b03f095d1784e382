"""The agent's life: start, ready line, questions, reload, restart, stop."""
import contextlib
import contextlib
import hashlib
import json
import os
import pty
import signal
import socket
import sqlite3
import stat
import struct
import subprocess
import tempfile

import pytest
from agent_harness import CREDIT, DATA, DONE, END, ERROR, MESSAGE, ROW, TARSIER, Agent, Front, Refused, wait_for


@pytest.fixture
def agent(tmp_path):
    with Agent(tmp_path, {"modules": {"example-persist": {}}}) as running:
        yield running


SLOW = '''#!/bin/sh
if [ "$1" = --describe ]; then
        echo '{"name": "slow", "summary": "wait for a word that never comes", "shape": "object", "parameters": {"fields": [
                {"name": "password", "type": "string", "secret": true, "help": "not for the log"}]},
                "element": {"fields": [{"name": "word", "type": "string", "help": "a word"}]}}'
        exit 0
fi
read -r message
while read -r line; do
        case $line in *stop*) exit 0 ;; esac
done
while :; do sleep 1; done
'''


@pytest.fixture
def modules():
    """A directory of third parties' modules with one that never ends; the environment that names it. An unprivileged user
    describes them, so it is not below pytest's own."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = os.path.join(directory, "slow")
        with open(path, "w") as script:
            script.write(SLOW)
        os.chmod(path, 0o755)
        yield {"TARSIER_MODULES_DIR": directory}


def refused(front, *arguments, **options):
    with pytest.raises(Refused) as told:
        front.ask(*arguments, **options)
    return told.value


# ---- start and stop ----


def test_ready_line_and_end(tmp_path):
    with Agent(tmp_path) as agent:
        ready = next(line for line in agent.log().splitlines() if "ready" in line and line.startswith("tarsier:"))
        assert f"(pid {agent.process.pid})" in ready
        assert agent.tarsier("status").stdout.startswith(f"ready, pid {agent.process.pid}")
        assert agent.stop() == 0
    assert not os.path.exists(tmp_path / "run" / "agent.sock")
    status = agent.tarsier("status")
    assert status.returncode == 11 and "no agent answers" in status.stderr


def test_status_with_chosen_fields(tmp_path):
    with Agent(tmp_path) as agent:
        chosen_fields(agent)


def chosen_fields(agent):
    told = json.loads(agent.tarsier("status", "--json=pid,log.rows,services.name").stdout)
    assert told["pid"] == agent.process.pid and list(told) == ["pid", "log", "services"]
    assert list(told["log"]) == ["rows"] and all(list(service) == ["name"] for service in told["services"])
    wrong = agent.tarsier("status", "--json=pit")
    assert wrong.returncode == 2 and wrong.stdout == "" and 'unknown field "pit"; did you mean pid?' in wrong.stderr
    assert agent.tarsier("status", "--json=").returncode == 2
    assert "services" in json.loads(agent.tarsier("status", "--json").stdout)
    assert json.loads(agent.tarsier("saved", "--json=name,every").stdout) == []


def test_two_agents_on_one_directory_are_refused(agent):
    second = subprocess.run([TARSIER, "serve", "--state", agent.state], capture_output=True, text=True, timeout=60)
    assert second.returncode == 5
    assert "another agent runs on" in second.stderr


def test_sigint_ends_too(agent):
    assert agent.stop(signal.SIGINT) == 0


def test_a_lost_terminal_ends_a_foreground_run(tmp_path):
    controller, terminal = pty.openpty()
    agent = Agent(tmp_path)
    log = open(agent.log_path, "w")
    pid = os.fork()
    if pid == 0:
        os.login_tty(terminal) if hasattr(os, "login_tty") else _login(terminal)
        os.dup2(log.fileno(), 2)
        os.execv(TARSIER, [TARSIER, "serve", "--state", agent.state, "--config", agent.config, "--listen", "127.0.0.1:0"])
    os.close(terminal)
    log.close()
    wait_for(lambda: "tarsier: ready" in agent.log(), "ready")
    os.close(controller)  # the kernel sends SIGHUP to the foreground
    ended = wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0], "the end")
    assert ended == pid


def _login(terminal):
    import fcntl
    import termios
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(terminal, fd)


def test_systemd_is_told(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(path)
        notified.settimeout(60)
        agent = Agent(tmp_path / "state", environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "200000"})
        with agent:
            assert b"READY=1" in notified.recv(4096)
            assert notified.recv(4096) == b"WATCHDOG=1"
            agent.process.send_signal(signal.SIGHUP)
            seen = b""
            while b"RELOADING=1" not in seen:
                seen = notified.recv(4096)
            assert b"MONOTONIC_USEC=" in seen
            agent.process.send_signal(signal.SIGTERM)
            while b"STOPPING=1" not in seen:
                seen = notified.recv(4096)
            assert agent.process.wait(60) == 0


def test_systemd_is_told_though_its_queue_is_full(tmp_path):
    """On a host that begins to run, say: a READY=1 that is lost is a service that never started."""
    path = str(tmp_path / "notify")
    agent = Agent(tmp_path / "state", environment={"NOTIFY_SOCKET": path})
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others:
        notified.bind(path)
        notified.settimeout(60)
        others.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                others.sendto(b"STATUS=of another one", path)
        with agent:  # its line says ready
            seen = b""
            while b"READY=1" not in seen:
                seen = notified.recv(4096)
            assert agent.stop() == 0


# ---- configuration ----


def check(tmp_path, text):
    path = tmp_path / "tarsier.yaml"
    path.write_text(text)
    return subprocess.run([TARSIER, "serve", "--check", "--config", str(path)], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("text, message", [
    ("listem: 127.0.0.1:1", "listem"),
    ("modules: {nope: {}}", "modules.nope: module 'nope' is not available"),
    ("modules: {example: {}}", "modules.example: not a persistent module"),
    ("modules: {example-persist: {interval: 1}, example-persist: {}}", "example-persist"),
    ("modules: {example-persist: {interval: soon}}", "modules.example-persist.interval"),
    ("modules: {example-persist: {listen: {http: ':1'}}}", 'no listener "http"'),
    ("schedule: [{name: a, module: example}]", "schedule[0]: either every or cron"),
    ("schedule: [{name: a, module: example, cron: '61 * * * *'}]", "schedule[0].cron: minute"),
    ("schedule: [{name: a, module: example, every: 1m, parameters: {bad: 1}}]", "schedule[0].parameters"),
    ("schedule: [{name: a, module: example, every: 1m}, {name: a, module: example, every: 1m}]", "schedule[1].name"),
    ("tokens: [{name: a, role: king, sha256: aa}]", "tokens[0].role"),
    ("tokens: [{name: a, role: admin, sha256: aa}]", "tokens[0].sha256"),
    ("local_roles: {ann: king}", "local_roles.ann"),
    ("tls: {certificate: /x}", "tls: certificate and key belong together"),
    ("limits: {runs: 0}", "limits.runs"),
    ("a: [", "line"),
])
def test_a_wrong_configuration_is_refused_with_its_path(tmp_path, text, message):
    done = check(tmp_path, text)
    assert done.returncode != 0
    assert message in done.stderr


def test_the_shipped_example_is_valid(tmp_path):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "tarsier.yaml")
    with open(path) as file:
        text = file.read()
    assert check(tmp_path, text).returncode == 0
    # and so is every example in it, when it is no comment any more
    shown = "\n".join(line[1:] if line.startswith("#") and not line.startswith("# ") and line != "#" else line
                      for line in text.splitlines())
    done = check(tmp_path, shown)
    assert done.returncode == 0, done.stderr


def test_services_that_wait_for_each_other_are_refused(tmp_path):
    agent = Agent(tmp_path, {"modules": {"example-persist": {}},
                             "services": {"example-persist": ["scheduler"], "scheduler": ["example-persist"]}})
    agent.start(ready=False)
    assert agent.process.wait(60) == 2
    assert "services wait for each other: " in agent.log()
    assert "example-persist needs scheduler needs example-persist" in agent.log() or \
        "scheduler needs example-persist needs scheduler" in agent.log()


def test_reload(agent):
    front = agent.front()
    agent.write({"modules": {"example-persist": {}}, "schedule": [{"name": "new", "module": "example", "every": "1h"}]})
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: [s["name"] for s in front.json("status")["schedule"]] == ["new"], "the new schedule")
    assert agent.service("example-persist")["state"] == "ready"
    agent.write({"schedule": [{"name": "new", "module": "example", "every": "1h"}]})
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: agent.service("example-persist")["state"] == "stopped", "the end of a module that is not wanted")
    assert front.ask("health")["ready"]
    agent.write({"modules": {"example-persist": {"interval": "1h"}},
                 "schedule": [{"name": "new", "module": "example", "every": "1h"}]})
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: agent.service("example-persist")["state"] == "ready", "its return")
    agent.write("schedule: 7")
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "was not reloaded" in agent.log(), "the refusal")
    assert [s["name"] for s in front.json("status")["schedule"]] == ["new"]


# ---- questions ----


def test_a_run_from_question_to_result(agent):
    front = agent.front()
    run, frames = front.run("example", {"gethostname": True}, client="192.0.2.1")
    assert [kind for kind, _ in frames if kind in (ROW, DONE)] == [ROW, DONE]
    envelope = front.json("result", run=run)
    assert envelope["success"] and envelope["foundanything"]
    assert envelope["elements"]["hostname"] == socket.gethostname()
    row = front.json("runs", run=run)[0]
    assert row["state"] == "completed" and row["summary"]["rows"] == 1
    assert row["identity"].startswith(f"uid {os.getuid()}")
    assert row["asked"]["parameters"] == {"gethostname": True} and row["asked"]["client"] == "192.0.2.1"
    body = json.dumps({"gethostname": True}).encode()
    assert row["asked"]["parameters_sha256"] == hashlib.sha256(body).hexdigest()
    # the same again, from the file
    front.ask("follow", run=run)
    assert front.rest(DONE) == frames
    assert run in agent.tarsier("runs").stdout


def living(pid):
    """Its children that have not ended."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        children = file.read().split()
    found = set()
    for child in children:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{child}/stat") as file:
            found |= {child} if file.read().rsplit(")", 1)[1].split()[0] not in "ZX" else set()
    return found


def test_who_saw_the_end_gets_the_result(agent):
    """The agent hears of the worker's end and of the follower in one turn: it must not take the run for live then."""
    front = agent.front()
    services = living(agent.process.pid)
    for _ in range(30):
        run = front.start("example", {"gethostname": True}, follow=True)
        follower, frames = front.stream, []
        while not frames or frames[-1] not in (ROW, DONE):
            frames.append(front.receive()[0])
        os.kill(agent.process.pid, signal.SIGSTOP)
        try:
            wait_for(lambda: living(agent.process.pid) <= services, "the worker's end")
            front.send(CREDIT, struct.pack("=I", 1000))
            front.stream += 1
            parameters = {"run": run, "credential": front.credential}
            front.send(MESSAGE, json.dumps({"class": "result", "parameters": parameters}).encode())
        finally:
            os.kill(agent.process.pid, signal.SIGCONT)
        answer = None
        while frames[-1] != DONE or not answer:
            kind, stream, payload = front.receive()
            if stream == follower:
                frames.append(kind)
            elif kind == MESSAGE:
                answer = json.loads(payload)
                over = DONE in frames
            else:
                assert kind in (DATA, END)
        assert answer["class"] == "ok" or not over, (answer, frames)
        if answer["class"] == "ok":
            while kind != END:
                kind = front.receive()[0]


def test_a_query_of_a_persistent_module(agent):
    front = agent.front()
    run, frames = front.run("example-persist", {"string": "hello"})
    assert front.json("result", run=run)["elements"] == {"string": "hello"}
    run, frames = front.run("example-persist", {})
    assert not json.loads(frames[-1][1])["success"]
    assert any(kind == ERROR for kind, _ in frames)


def test_a_run_is_stopped_on_request(tmp_path, modules):
    with Agent(tmp_path / "state", environment=modules) as agent:
        front, other = agent.front(), agent.front()
        run = front.start("slow", {"password": "hunter2"}, follow=True)
        assert [r["run"] for r in other.json("runs", state="running")] == [run]
        assert refused(other, "result", run=run).code == "unavailable"
        other.ask("cancel", run=run)
        done = json.loads(front.rest(DONE)[-1][1])
        assert not done["success"] and done["partial"]
        row = other.json("runs", run=run)[0]
        assert row["summary"]["stopped"].startswith("stopped by uid ")
        assert row["asked"]["parameters"] == {"password": "hidden"}
        assert other.json("result", run=run)["partial"]
    with open(tmp_path / "state" / "runs.db", "rb") as store:
        assert b"hunter2" not in store.read()


def test_time_and_ceilings(tmp_path, modules):
    with Agent(tmp_path / "state", {"limits": {"max_time": "300ms", "max_memory": "64m"}}, environment=modules) as agent:
        front = agent.front()
        run, frames = front.run("slow", {}, max_time="1h")
        row = front.json("runs", run=run)[0]
        assert row["asked"]["max_time"] == "300ms" and row["asked"]["max_memory"] == 64 << 20
        assert row["summary"]["partial"] == "out of time"


def test_runs_wait_and_too_many_are_refused(tmp_path, modules):
    with Agent(tmp_path / "state", {"limits": {"runs": 2, "queue": 3}}, environment=modules) as agent:
        front = agent.front()
        ids = [front.start("slow") for _ in range(5)]
        assert refused(front, "run", module="slow", body={}).code == "unavailable"
        assert front.json("status")["runs"] == {"running": 2, "queued": 3}
        for run in ids:
            front.ask("cancel", run=run)
        wait_for(lambda: front.json("status")["runs"] == {"running": 0, "queued": 0}, "the end of all")
        run, frames = front.run("example", {})
        assert json.loads(frames[-1][1])["success"]


def test_runs_end_with_the_agent_and_are_logged(tmp_path, modules):
    agent = Agent(tmp_path / "state", environment=modules)
    with agent:
        run = agent.front().start("slow")
        assert agent.stop() == 0
    row = json.loads(agent.tarsier("runs", "--json").stdout)[0]
    assert (row["run"], row["state"], row["summary"]["stopped"]) == (run, "completed", "the agent stops")


def test_a_run_that_is_not_over_makes_the_next_one_be_skipped(tmp_path, modules):
    schedule = [{"name": "slow", "module": "slow", "every": "100ms"}]
    with Agent(tmp_path / "state", {"schedule": schedule}, environment=modules) as agent:
        front = agent.front()
        counters = wait_for(lambda: (lambda c: c if c["schedule_skipped"] >= 3 else None)(front.json("status")["counters"]),
                            "three skipped runs")
        assert counters["schedule_started"] == 1
        assert len(front.json("runs")) == 1


def test_wrong_questions(agent):
    front = agent.front()
    assert refused(front, "dance").code == "invalid"
    assert refused(front, "run", module="nope", body={}).code == "not-found"
    assert refused(front, "run", module="example", body=b'{}, "class": "stop"').code == "invalid"
    assert refused(front, "run", module="example", body=b"[").code == "invalid"
    assert refused(front, "follow", run="../../etc/passwd").code == "invalid"
    assert refused(front, "result", run="00ff").code == "not-found"
    assert refused(front, "cancel", run="00ff").code == "not-found"
    assert refused(front, "status", credential={}).code == "unauthenticated"
    assert refused(front, "status", credential={"token": "x"}).code == "unauthenticated"
    run, frames = front.run("example", {"unknown": 1})
    assert not json.loads(frames[-1][1])["success"]
    assert front.ask("health", credential=None) == {"ready": True, "message": "ready"}


@pytest.mark.parametrize("data", [b"\xff" * 64, b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 64])
def test_a_client_that_talks_nonsense_is_left(agent, data):
    front = agent.front()
    front.socket.sendall(data)
    with pytest.raises((EOFError, ConnectionError)):
        while True:
            front.receive()
    assert agent.front().ask("health")["ready"]


def test_tokens_and_roles(tmp_path, modules):
    tokens = {"viewer": "v" * 20, "investigator": "i" * 20, "admin": "a" * 20}
    config = {"tokens": [{"name": f"t-{role}", "role": role, "sha256": hashlib.sha256(token.encode()).hexdigest()}
                         for role, token in tokens.items()], "modules": {"example-persist": {}}}
    with Agent(tmp_path, config, environment=modules) as agent:
        assert not os.path.exists(tmp_path / "admin.token")
        viewer = agent.front(tokens["viewer"])
        assert viewer.ask("authorize", role="viewer") == {"identity": "token t-viewer", "role": "viewer"}
        assert viewer.json("status")["ready"]
        assert refused(viewer, "authorize", role="investigator").code == "permission"
        assert refused(viewer, "run", module="slow", body={}).code == "permission"
        run, frames = viewer.run("example-persist", {"string": "x"})  # its role is viewer
        assert refused(viewer, "result", run=run).code == "permission"
        investigator = agent.front(tokens["investigator"])
        run, _ = investigator.run("example", {"gethostname": True})
        assert investigator.json("runs", run=run)[0]["identity"] == "token t-investigator"
        assert investigator.json("result", run=run)["success"]
        assert agent.front(tokens["admin"]).ask("authorize", role="admin")["role"] == "admin"


def test_admin_token_file(agent):
    path = os.path.join(agent.state, "admin.token")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert path in agent.log()
    token = open(path).read().strip()
    assert len(token) == 43
    assert agent.front(token).ask("authorize", role="admin")["identity"] == "token admin.token"


def test_a_stranger_without_a_role(agent):
    if os.getuid() != 0:
        pytest.skip("needs root")
    for directory in (agent.state, os.path.join(agent.state, "run")):
        os.chmod(directory, 0o755)
    parent = os.path.dirname(agent.state)
    while parent != "/":
        os.chmod(parent, os.stat(parent).st_mode | 0o055)
        parent = os.path.dirname(parent)
    path = os.path.join(agent.state, "run", "agent.sock")
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            Front(path).ask("status")
            told = b"answered"
        except Refused as error:
            told = error.code.encode()
        except OSError as error:
            told = str(error).encode()
        os.write(writer, told)
        os._exit(0)
    os.waitpid(pid, 0)
    assert os.read(reader, 100) == b"permission"


def test_a_module_may_come_by_reload(tmp_path):
    with Agent(tmp_path) as agent:
        assert "example-persist" not in [s["name"] for s in agent.front().json("status")["services"]]
        agent.write({"modules": {"example-persist": {}}})
        agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "configuration reloaded" in agent.log(), "the reload")
        wait_for(lambda: agent.service("example-persist")["state"] == "ready", "the new module")
        run, frames = agent.front().run("example-persist", {"string": "new"})
        assert json.loads(frames[-1][1])["success"]
        assert agent.stop() == 0


def test_metrics_and_describe(agent):
    front = agent.front()
    front.run("example", {})
    text = front.text("metrics").decode()
    assert "tarsier_agent_runs_completed_total 1" in text
    assert 'tarsier_agent_service_up{service="example-persist"} 1' in text
    assert {d["name"] for d in front.json("describe")} >= {"example", "example-persist"}
    one, = front.json("describe", module="example")
    assert one["name"] == "example" and one["element"]["fields"] and one["examples"]  # which the agent does not keep


def test_results_are_kept_within_their_number(tmp_path):
    with Agent(tmp_path, {"limits": {"results": 5}}) as agent:
        front = agent.front()
        for _ in range(40):
            front.run("example", {})
        assert agent.stop() == 0
    with agent:
        assert len(os.listdir(tmp_path / "results")) <= 5


# ---- the log ----


def filled(tmp_path):
    agent = Agent(tmp_path)
    with agent:
        front = agent.front()
        for _ in range(3):
            front.run("example", {"gethostname": True})
        assert front.ask("verify") | {"head": ""} == {"rows": 6, "intact": True, "message": "intact", "head": ""}
        assert agent.stop() == 0
    return agent


@pytest.mark.parametrize("change, message", [
    ("UPDATE log SET body = replace(body, 'true', 'false') WHERE seq = 4", "row 4"),
    ("UPDATE log SET identity = 'uid 0 (nobody)' WHERE seq = 1", "row 1"),
    ("UPDATE log SET time_ns = time_ns + 1 WHERE seq = 6", "row 6"),
    ("UPDATE log SET hash = substr(hash, 2) || substr(hash, 1, 1) WHERE seq = 2", "row 2"),
    ("DELETE FROM log WHERE seq = 3", "row 3 is missing"),
    ("DELETE FROM log WHERE seq > 4", "the end is cut off"),
    ("DELETE FROM log", "the end is cut off"),
    ("DELETE FROM log WHERE seq < 3", "row 1 is missing"),
])
def test_verify_finds_what_was_changed(tmp_path, change, message):
    agent = filled(tmp_path)
    assert agent.tarsier("runs", "verify").stdout.startswith("intact: 6 rows")
    store = sqlite3.connect(tmp_path / "runs.db")
    store.execute(change)
    store.commit()
    store.close()
    verdict = agent.tarsier("runs", "verify")
    assert verdict.returncode == 14
    assert message in verdict.stderr


def test_verify_without_its_second_file(tmp_path):
    agent = filled(tmp_path)
    os.unlink(tmp_path / "runs.db.head")
    assert agent.tarsier("runs", "verify").returncode == 14


def test_verify_against_a_head_from_elsewhere(tmp_path):
    """Who cuts the tail and mends the file beside it is found by what the journal noted."""
    agent = filled(tmp_path)
    head = next(line for line in reversed(agent.log().splitlines()) if "run log head" in line).split("head ")[1]
    assert agent.tarsier("runs", "verify", "--head", head).returncode == 0
    store = sqlite3.connect(tmp_path / "runs.db")
    store.execute("DELETE FROM log WHERE seq > 4")
    last = store.execute("SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1").fetchone()
    store.commit()
    store.close()
    (tmp_path / "runs.db.head").write_text("%020d %s\n" % last)
    assert agent.tarsier("runs", "verify").returncode == 0
    found = agent.tarsier("runs", "verify", "--head", head)
    assert found.returncode == 14 and "the end is cut off" in found.stderr


def test_a_newer_log_is_refused(tmp_path):
    agent = filled(tmp_path)
    store = sqlite3.connect(tmp_path / "runs.db")
    store.execute("PRAGMA user_version = 99")
    store.close()
    assert agent.tarsier("runs").returncode == 10
    agent.start(ready=False)
    assert agent.process.wait(60) == 10


# ---- the schedule ----


def test_a_missed_run_runs_once(tmp_path):
    agent = Agent(tmp_path, {"schedule": [{"name": "often", "module": "example", "every": "100ms"}]})
    with agent:
        front = agent.front()
        wait_for(lambda: len(front.json("runs")) >= 3, "three runs")
        agent.stop()
    agent.write({"schedule": [{"name": "often", "module": "example", "every": "1h"}]})
    with agent:  # not due: the last run is fresh
        assert agent.front().json("status")["counters"]["schedule_missed"] == 0
        agent.stop()
    store = sqlite3.connect(tmp_path / "runs.db")
    before = store.execute("SELECT count(*) FROM log WHERE event = 'intent'").fetchone()[0]
    store.close()
    agent.write({"schedule": [{"name": "often", "module": "example", "every": "500ms"}]})
    with agent:  # many were missed meanwhile, one is made up for
        front = agent.front()
        counters = wait_for(lambda: (lambda c: c if c["schedule_started"] else None)(front.json("status")["counters"]), "a run")
        assert counters["schedule_missed"] <= 1
        assert before >= 3
