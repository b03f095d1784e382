"""`tarsier metrics --port N` beside the answers that a real cAdvisor v0.35 gave on such a machine: status, headers, error
texts, keys and types. And every answer against the shapes of cAdvisor's newest release (cadvisor_shapes.py)."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest
from ports import free_port

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import cadvisor_shapes as shapes  # noqa: E402

TESTDATA = pathlib.Path(os.environ.get("TARSIER_TESTDATA", HERE.parents[1] / ".." / "shared" / "testdata"))
SAMPLES = TESTDATA / "watch" / "cadvisor-v0.35-live-samples"

JSON_SAMPLES = {
    "_api_v1.0_containers_": "/api/v1.0/containers/",
    "_api_v1.1_subcontainers_": "/api/v1.1/subcontainers/",
    "_api_v1.2_docker": "/api/v1.2/docker",
    "_api_v1.3_events_all_events_true_subcontainers_true": "/api/v1.3/events?all_events=true&subcontainers=true",
    "_api_v1.3_machine": "/api/v1.3/machine",
    "_api_v2.0_appmetrics": "/api/v2.0/appmetrics",
    "_api_v2.0_attributes": "/api/v2.0/attributes",
    "_api_v2.0_ps": "/api/v2.0/ps",
    "_api_v2.0_spec_recursive_true": "/api/v2.0/spec?recursive=true",
    "_api_v2.0_stats": "/api/v2.0/stats",
    "_api_v2.0_storage": "/api/v2.0/storage",
    "_api_v2.0_summary": "/api/v2.0/summary",
    "_api_v2.0_version": "/api/v2.0/version",
    "_api_v2.1_machinestats": "/api/v2.1/machinestats",
    "_api_v2.1_stats_recursive_true_count_2": "/api/v2.1/stats?recursive=true&count=2",
}
# the same bytes, but for the date
TEXT_SAMPLES = {
    "_": "/",
    "_api": "/api",
    "_api_v1.0_containers_nope": "/api/v1.0/containers/nope",
    "_api_v1.0_nothere": "/api/v1.0/nothere",
    "_api_v2.0": "/api/v2.0",
    "_api_v9": "/api/v9",
    "_healthz": "/healthz",
}
# only where the machine has it, so that one without it does not fail: swap and limits of a group, per CPU times and
# quotas of v1 hierarchies, disks of a machine that reports them
MACHINE_DEPENDENT = {"per_cpu_usage", "period", "quota", "mask", "swap_limit", "reservation", "subcontainers", "network",
                     "cpu", "filesystem", "diskio", "limit", "io_service_bytes", "io_serviced", "inodes", "inodes_free",
                     "interfaces", "container_deletion", "cpu_inst"}
# lists that v0.35 left null
NULL_IN_SAMPLE = {".hugepages"}


class Server:
    def __init__(self, port):
        self.port = port

    def get(self, path, body=None, method=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method or ("POST" if body is not None else "GET"), path, body)
        reply = connection.getresponse()
        text = reply.read()
        connection.close()
        return reply.status, dict(reply.getheaders()), text

    def json(self, path, body=None):
        status, headers, text = self.get(path, body)
        assert status == 200, (path, status, text)
        assert headers["Content-Type"] == "application/json"
        assert not text.endswith(b"\n")
        assert not re.search(rb"[<>&]", text), "Go escapes these"
        return json.loads(text)


@pytest.fixture(scope="module")
def server(tarsier, tmp_path_factory):
    """Until the machine has been sampled twice, so that rates are there."""
    errors = tmp_path_factory.mktemp("metrics") / "errors"
    port = free_port()
    with open(errors, "wb") as err:
        process = subprocess.Popen([tarsier.path, "metrics", "--port", str(port),
                                    "--disable_metrics=perf_event,referenced_memory,resctrl"],  # all the rest is on
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)
    found = Server(port)
    try:
        deadline = time.monotonic() + 60
        while True:
            assert process.poll() is None, errors.read_text()
            assert time.monotonic() < deadline, errors.read_text()
            with contextlib.suppress(OSError, http.client.HTTPException):
                stats = found.json("/api/v2.0/stats").get("/", [])
                if len(stats) > 1 and stats[-1].get("filesystem"):
                    break
            time.sleep(0.2)
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def read_sample(name):
    path = SAMPLES / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"skipped: needs {path}")
    head, _, body = path.read_bytes().replace(b"\r\n", b"\n").partition(b"\n\n")
    lines = head.decode().splitlines()
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), headers, body


# ---- what the samples say: per path of keys, the types; and which keys every object there has ----

def step(path, key):
    """Keys that name things (containers, devices, sizes) are one step: '*'."""
    if key.startswith("/") or re.fullmatch(r"\d+:\d+|\d+[MKG]B", key):
        return path + ".*"
    return f"{path}.{key}"


def learn(value, path, types, always):
    name = {bool: "bool", int: "number", float: "number", str: "text", list: "list", dict: "object"}.get(type(value))
    if name:
        types.setdefault(path, set()).add(name)
    if isinstance(value, dict):
        keys = {step(path, key) for key in value}
        always[path] = always[path] & keys if path in always else keys
        for key, item in value.items():
            learn(item, step(path, key), types, always)
    for item in value if isinstance(value, list) else []:
        learn(item, path + "[]", types, always)


@pytest.mark.parametrize("name", JSON_SAMPLES)
def test_same_keys_and_types(server, name):
    status, headers, body = read_sample(name)
    theirs, their_always, ours, our_always = {}, {}, {}, {}
    learn(json.loads(body), "", theirs, their_always)
    got_status, got_headers, got = server.get(JSON_SAMPLES[name])
    assert (got_status, got_headers["Content-Type"]) == (status, headers["Content-Type"])
    learn(json.loads(got), "", ours, our_always)
    for path, keys in their_always.items():
        if path not in our_always:
            continue
        lost = {key for key in keys - our_always[path] if key.rsplit(".", 1)[-1] not in MACHINE_DEPENDENT | {"*"}}
        assert not lost, f"not in every {path or 'answer'}: {lost}"
    for path, types in theirs.items():
        if path in ours and path not in NULL_IN_SAMPLE:
            assert ours[path] <= types, f"{path}: {ours[path]} where cAdvisor has {types}"
    # what we add is in the newest shapes: the next test refuses all else
    print("keys that v0.35 had not:", sorted(set(ours) - set(theirs)))


@pytest.mark.parametrize("name", TEXT_SAMPLES)
def test_same_bytes(server, name):
    status, headers, body = read_sample(name)
    got_status, got_headers, got = server.get(TEXT_SAMPLES[name])
    assert (got_status, got) == (status, body)
    for key in ("Content-Type", "Location", "X-Content-Type-Options", "Content-Length"):
        assert got_headers.get(key) == headers.get(key), key


def test_same_sections_of_validate(server):
    status, headers, body = read_sample("_validate_")
    got_status, got_headers, got = server.get("/validate/")
    assert (got_status, got_headers["Content-Type"]) == (status, headers["Content-Type"])

    def titles(text):
        return [line.split(":")[0] for line in text.decode().splitlines() if re.match(r"[A-Z][^:]*: ", line)]
    assert titles(got) == titles(body)


def test_page_of_root(server):
    status, headers, _ = read_sample("_containers_")
    got_status, got_headers, got = server.get("/containers/")
    assert (got_status, got_headers["Content-Type"]) == (status, headers["Content-Type"])
    for section in (b"Isolation", b"Usage", b"Overview", b"Processes", b"CPU", b"Memory"):
        assert section in got
    for page in ("/docker/", "/podman/"):
        assert server.get(page)[0] == 200
    # nothing is loaded from elsewhere; the text between the tags is the host's, and its programs have any names
    parts = re.findall(rb"<script.*?</script>|<style.*?</style>|<(?!a )[a-z][^>]*>", got, re.S)
    assert len(parts) > 50
    assert b"http" not in b"".join(parts).replace(b"http-equiv", b"").replace(b"http://www.w3.org", b"")


def test_metrics_content_type(server):
    status, headers, _ = read_sample("_metrics")
    got_status, got_headers, _ = server.get("/metrics")
    assert got_status == status
    assert got_headers["Content-Type"].startswith(headers["Content-Type"])


# ---- the newest shapes ----

ANSWERS = {
    "/api/v1.0/machine": "MachineInfo",
    "/api/v2.0/machine": "MachineInfo",
    "/api/v1.0/containers/": "ContainerInfo",
    "/api/v1.1/subcontainers/": "[]*ContainerInfo",
    "/api/v1.2/docker": "map[string]ContainerInfo",
    "/api/v1.3/events?all_events=true&subcontainers=true&max_events=100": "[]*Event",
    "/api/v2.0/version": "string",
    "/api/v2.0/attributes": "v2.Attributes",
    "/api/v2.0/summary?recursive=true": "map[string]DerivedStats",
    "/api/v2.0/stats?recursive=true&count=3": "map[string][]v2.DeprecatedContainerStats",
    "/api/v2.0/spec?recursive=true": "map[string]v2.ContainerSpec",
    "/api/v2.0/storage": "[]Storage",
    "/api/v2.0/storage?label=root": "[]Storage",
    "/api/v2.0/ps": "[]ProcessInfo",
    "/api/v2.0/appmetrics": "map[string]map[string]map[string][]MetricValBasic",
    "/api/v2.1/machinestats": "[]v2.MachineStats",
    "/api/v2.1/stats?recursive=true": "map[string]StatsOf",
    "/api/v2.1/spec": "map[string]v2.ContainerSpec",
}
# nothing on a test machine makes these: hardware counters, RDT, accelerators, persistent memory, Kubernetes, s390
NEVER_HERE = {"AcceleratorStats", "PerfStat", "PerfUncoreStat", "PerfValue", "MemoryBandwidthStats", "CacheStats",
              "MetricSpec", "MetricValBasic", "MetricVal", "MemoryInfo", "HugetlbStats", "UlimitSpec", "EventData",
              "OomKillEventData", "ContainerDeletionEventData", "v2.FilesystemStats", "PerDiskStats"}


@pytest.mark.parametrize("path", ANSWERS)
def test_shape(server, path):
    shapes.check(server.json(path), ANSWERS[path])


def test_every_key_appears(server):
    """All that Go always writes, and all that omitempty leaves out only where it is zero, over all answers."""
    seen = set()
    for path, kind in ANSWERS.items():
        shapes.check(server.json(path), kind, path, seen)
    expected = {f"{name}.{key}" for name, fields in shapes.SHAPES.items() if name not in NEVER_HERE
                for key, (_, omit) in fields.items() if not omit}
    # a shape of v2 stands for v1's of the same name where both are equal, and the other way round
    seen |= {key.removeprefix("v2.") for key in seen} | {"v2." + key for key in seen}
    assert not expected - seen


def test_times_are_of_the_machine_s_zone(server):
    text = server.json("/api/v1.0/containers/")["stats"][-1]["timestamp"]
    seconds = subprocess.run(["date", "-d", text, "+%:z"], capture_output=True, text=True, check=True,
                             env={"PATH": os.environ["PATH"]}).stdout.strip()
    assert text.endswith("Z" if seconds == "+00:00" else seconds)


# ---- what is asked ----

ERRORS = [
    ("/api/", None, 400, "Supported API versions: v1.0,v1.1,v1.2,v1.3,v2.0,v2.1"),
    ("/api/v2.1", None, 400, 'Supported request types: "appmetrics,attributes,events,machine,machinestats,ps,spec,stats,'
                             'storage,summary,version"'),
    ("/api/v1.1/subcontainers/nope", None, 500,
     'failed to get subcontainers for container "/nope" with error: no containers found'),
    ("/api/v1.2/docker/nope", None, 500,
     'failed to get Docker container "nope" with error: unable to find container "nope" in "docker" namespace'),
    ("/api/v1.2/docker/a/b", None, 500, "unknown request for Docker container [a b]"),
    ("/api/v2.0/stats/nope", None, 500, 'unknown container "/nope"'),
    ("/api/v2.0/stats/nope?recursive=true", None, 500, 'unknown container: "/nope"'),
    ("/api/v2.0/stats/x?type=podman", None, 500, 'unable to find container "x" in "podman" namespace'),
    ("/api/v2.0/stats/x?type=docker&recursive=true", None, 500,
     'invalid request for docker container "/x" with subcontainers'),
    ("/api/v2.0/ps/nope", None, 500, 'process listing failed: unknown container "/nope"'),
    ("/api/v2.0/spec?type=x", None, 500, "unknown 'type' \"x\""),
    ("/api/v2.0/spec?count=-2", None, 500, "invalid 'count' option: only -1 and larger values allowed, not -2"),
    ("/api/v2.0/spec?count=x", None, 500, "failed to parse 'count' option: x"),
    ("/api/v2.0/spec?max_age=1", None, 500, 'failed to parse \'max_age\' option: time: missing unit in duration "1"'),
    ("/api/v2.0/storage?label=nope", None, 500, 'non-existent label "nope"'),
    ("/api/v2.0/storage?uuid=nope", None, 500, "cadvisor: no such device"),
    ("/api/v1.0/containers/", "{", 500, "unable to decode the json value: unexpected EOF"),
    ("/api/v1.0/containers/", "x", 500,
     "unable to decode the json value: invalid character 'x' looking for beginning of value"),
    ("/api/v1.0/containers/", '{"num_stats":"1"}', 500, "unable to decode the json value: json: cannot unmarshal string "
     "into Go struct field ContainerInfoRequest.num_stats of type int"),
]


@pytest.mark.parametrize("path,body,status,text", ERRORS)
def test_error(server, path, body, status, text):
    got_status, headers, got = server.get(path, body)
    assert (got_status, got.decode()) == (status, text + "\n")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_what_is_asked(server):
    assert len(server.json("/api/v1.0/containers/", '{"num_stats":1}')["stats"]) == 1
    assert "stats" not in server.json("/api/v1.0/containers/", '{"num_stats":0}')
    assert "stats" not in server.json("/api/v1.0/containers/", '{"start":"2100-01-01T00:00:00Z"}')
    assert len(server.json("/api/v2.0/stats?count=1")["/"]) == 1
    before = server.json("/api/v2.1/machinestats?count=1")[0]["timestamp"]
    assert server.json("/api/v2.1/machinestats?count=1&max_age=0s")[0]["timestamp"] > before
    assert "/" not in server.json("/api/v2.1/stats?recursive=true")
    assert server.json("/api/v1.3/events") == []
    assert server.json("/api/v2.0/spec?type=docker&recursive=true") == server.json(
        "/api/v2.0/spec?type=docker&recursive=true&count=-1")


def test_unclean_path_is_redirected(server):
    status, headers, body = server.get("/api//v2.0/../v1.0/machine?x=1&y")
    assert (status, headers["Location"]) == (301, "/api/v1.0/machine?x=1&y")
    assert body == b'<a href="/api/v1.0/machine?x=1&amp;y">Moved Permanently</a>.\n\n'
