"""metrics in the agent: its routes and ports, the history over HTTP and on the command line, what a killed worker leaves."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import urllib.parse

import pytest
from agent_harness import TARSIER, Agent, Local, wait_for
from metrics_harness import Groups, parse, value
from ports import free_port

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.access(TARSIER, os.X_OK), reason="needs root, build/tarsier")
ROUTE = "/v1/modules/metrics"


class MetricsAgent:
    def __init__(self, agent):
        self.agent = agent
        ready = next(line for line in agent.log().splitlines() if line.startswith("tarsier: ready"))
        self.socket = re.search(r"(/\S+api\.sock)", ready).group(1)

    def ask(self, path, method="GET", body=None):
        connection = Local(self.socket)
        try:
            connection.request(method, ROUTE + path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def json(self, path, **options):
        status, text = self.ask(path, **options)
        assert status == 200, (path, status, text)
        return json.loads(text)

    def up(self):
        wait_for(lambda: self.ask("/status")[0] == 200, "metrics answers")
        return self

    def query(self, text, **parameters):
        return self.json("/query?" + urllib.parse.urlencode({"query": text, **parameters}))

    def values(self, text, **parameters):
        return [v for series in self.query(text, **parameters)["series"] for v in series["values"] if v is not None]

    def tarsier(self, *arguments):
        return subprocess.run([TARSIER, *arguments], capture_output=True, text=True, timeout=60,
                              env=dict(os.environ, TARSIER_SOCKET=self.socket))

    def worker(self):
        return self.agent.service("metrics")["pid"]


@contextlib.contextmanager
def running(tmp_path, settings="", privacy=False):
    config = ("modules:\n  api: {listen: {http: 127.0.0.1:0}}\n  metrics:\n    history_step: 1s\n"
              "    cadvisor: {housekeeping_interval: 200ms, env_metadata_whitelist: SECRET}\n" + settings)
    with Agent(tmp_path / "state", config + ("privacy: true\n" if privacy else "")) as agent:
        yield MetricsAgent(agent).up()


@pytest.fixture
def groups(request):
    with Groups(f"tarsier-test-{os.getpid()}-{abs(hash(request.node.name)) % 10000}") as made:
        yield made


def test_routes(tmp_path, groups):
    name = groups.make("web")
    with running(tmp_path) as metrics:
        wait_for(lambda: f'container_memory_usage_bytes{{id="{name}"' in metrics.ask("/prometheus")[1], "the group is told")
        status, text = metrics.ask("/prometheus")
        assert status == 200 and value(parse(text), "container_spec_memory_limit_bytes", id=name) >= 0
        samples = [line for line in text.splitlines() if not line.startswith("#")]
        assert not [line for line in samples if re.search(r"} \S+ \d+$", line)], "times in our own exposition"
        assert "container_env_" not in text
        assert "node_load1 " in metrics.ask("/node?collect%5B%5D=loadavg")[1]
        status, text = metrics.ask("/node?collect%5B%5D=nonsense")
        assert status == 400 and "nonsense" in text
        quoted = urllib.parse.quote(name)
        assert metrics.json(f"/cadvisor/api/v1.3/containers{quoted}")["name"] == name
        asked = metrics.json(f"/cadvisor/api/v1.3/containers{quoted}", method="POST", body='{"num_stats": 1}')
        assert len(asked["stats"]) == 1
        assert metrics.ask("/cadvisor/api/v9")[0] == 500
        assert metrics.ask("/cadvisor/containers/")[0] == 404
        assert metrics.json("/status")["containers"] >= 3
        assert metrics.ask("/query")[0] == 400 and metrics.ask("/query?query=cpu%7B")[0] == 400


def test_events_stream(tmp_path, groups):
    with running(tmp_path) as metrics:
        connection = Local(metrics.socket)
        connection.request("GET", ROUTE + "/stream")
        answer = connection.getresponse()
        assert answer.status == 200 and answer.getheader("Content-Type").startswith("text/event-stream")
        name = groups.make("late")
        for line in answer:
            if line.startswith(b"data: ") and name in line.decode():
                break
        event = json.loads(line[6:])
        assert event["type"] == "containerCreation" and event["container"] == name
        connection.close()


def test_ports_and_history(tmp_path, groups):
    """The ports are open where they are named; what a container used can be asked, also after its end and a restart."""
    cadvisor, node = free_port(), free_port()
    name = groups.make("busy")
    process = subprocess.Popen(["sh", "-c", "read x; while :; do :; done"], stdin=subprocess.PIPE)
    groups.enter("busy", process.pid)
    settings = f"    listen: {{cadvisor: '127.0.0.1:{cadvisor}', node: '127.0.0.1:{node}'}}\n"
    selector = f'cpu{{cgroup="{name}"}}'
    try:
        with running(tmp_path, settings) as metrics:
            process.stdin.write(b"go\n")
            process.stdin.flush()

            def port(number, path):
                connection = http.client.HTTPConnection("127.0.0.1", number, timeout=30)
                connection.request("GET", path)
                return connection.getresponse().read().decode()

            assert port(cadvisor, "/healthz") == "ok"
            assert "node_uname_info{" in port(node, "/metrics")
            wait_for(lambda: [v for v in metrics.values(selector, since="1m", step="1s") if v > 0.2], "the history tells of it")
            asked = metrics.query(selector, since="1m", step="1s")
            assert asked["step"] == "1s" and asked["series"][0]["labels"]["cgroup"] == name
            shown = metrics.tarsier("metrics", "query", selector, "--since", "1m", "--step", "1s", "--json")
            assert json.loads(shown.stdout)["elements"], shown.stderr
            process.kill()
            process.wait()
            groups.remove("busy")
            metrics.agent.stop()
            metrics.agent.start()
            metrics.up()
            wait_for(lambda: [v for v in metrics.values(selector, since="5m", step="1s") if v > 0.2], "it is still there")
    finally:
        process.kill()
        process.wait()


def test_a_killed_worker_leaves_the_history(tmp_path, groups):
    with running(tmp_path) as metrics:
        directory = pathlib.Path(tmp_path / "state/modules/metrics")
        wait_for(lambda: metrics.values('memory{cgroup="/"}', since="1m", step="1s"), "values of the root")
        wait_for(lambda: sum(f.stat().st_size for f in directory.rglob("*") if f.is_file()) > 0, "something on disk")
        for _ in range(3):
            pid = metrics.worker()
            os.kill(pid, signal.SIGKILL)
            wait_for(lambda pid=pid: metrics.ask("/status")[0] == 200 and metrics.worker() != pid, "metrics is back")
        assert metrics.values('memory{cgroup="/"}', since="5m", step="1s")


def test_privacy_tells_no_command_lines(tmp_path, groups):
    name = groups.make("psql")  # begins as the list of processes is called
    with running(tmp_path, privacy=True) as metrics:
        for path in ("/cadvisor/api/v2.0/ps", "/cadvisor/api/v2.0/ps/", "/cadvisor/api/v2.1/ps" + name):
            assert metrics.ask(path)[0] == 403
        assert metrics.ask("/cadvisor/api/v2.0//ps/")[0] == 301  # not answered, but sent to the above
        wait_for(lambda: metrics.ask("/cadvisor/api/v1.3/containers" + name)[0] == 200, "the container")


def test_privacy_holds_on_the_ports_too(tmp_path, groups):
    port = free_port()
    groups.make("one")
    with running(tmp_path, f"    listen: {{cadvisor: '127.0.0.1:{port}'}}\n", privacy=True):

        def ask(path):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

        for path in ("/api/v2.0/ps/", "/api/v2.1/ps/" + groups.name, "/containers/", "/docker/"):
            assert ask(path) == (403, "privacy: command lines are not told\n"), path
        wait_for(lambda: ask(f"/api/v1.3/containers/{groups.name}/one")[0] == 200, "the container")
        assert "container_env_" not in ask("/metrics")[1]
