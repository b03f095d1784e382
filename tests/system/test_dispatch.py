"""dispatch against real receivers: an HTTP server, syslog over a unix socket, UDP and TCP, a journal socket, files."""

import http.server
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from persist_harness import Failed, Persist  # noqa: E402


class Receiver:
    """An HTTP server that keeps what is POSTed to it and answers as it is told."""

    def __init__(self, context=None):
        self.got = []
        self.answer = lambda event: 200
        self.headers = {}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = receiver.answer(event)
                if status is None:  # no answer at all
                    self.close_connection = True
                    return
                if status < 300:
                    receiver.got.append((self.path, dict(self.headers), event))
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *arguments: None  # a sender that was killed
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, scheme="http", host="127.0.0.1"):
        return f"{scheme}://{host}:{self.port}/alerts"

    def texts(self):
        return [event["event"]["alert"] for _, _, event in self.got]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.close()


def start(state, outputs, **more):
    config = {"outputs": outputs, "retry_min": "20ms", "retry_max": "100ms", **more}
    return Persist("dispatch", "dispatch", config=config, state=state)


def alert(text, severity="low"):
    return {"severity": severity, "alert": text}


def counters(module, output=0):
    row = module.query()["rows"][0]
    return {**row, **row["outputs"][output]}


def test_http(tmp_path, receiver):
    headers = {"Authorization": "Bearer secret-word"}
    with start(tmp_path, [{"type": "http", "url": receiver.url(), "headers": headers}], tags={"site": "north"},
               environment="test") as module:
        module.alert(alert("first"))
        module.wait(lambda: len(receiver.got) == 1)
        path, headers, event = receiver.got[0]
        assert path == "/alerts" and headers["Content-Type"] == "application/json"
        assert headers["Authorization"] == "Bearer secret-word" and headers["Idempotency-Key"] == event["id"]
        assert event["hostname"] == os.uname().nodename and event["tags"] == {"site": "north"}
        assert event["environment"]["name"] == "test" and event["event"] == alert("first")
        module.wait(lambda: counters(module)["delivered"] == 1)
        assert "secret-word" not in json.dumps(module.query()) + "".join(module.logs)
        assert module.stop() == 0


def test_names_are_resolved(tmp_path, receiver):
    with start(tmp_path, [{"type": "http", "url": receiver.url(host="localhost")}]) as module:
        module.alert(alert("by name"))
        module.wait(lambda: receiver.texts() == ["by name"])


def test_status_is_looked_at(tmp_path, receiver):
    """An error of the server is tried again, an event that it refuses for good holds up nobody."""
    tries = []

    def answer(event):
        tries.append(event["event"]["alert"])
        if event["event"]["alert"] == "bad":
            return 422
        return 200 if tries.count("good") > 3 else (503 if len(tries) % 2 else None)

    receiver.answer = answer
    with start(tmp_path, [{"type": "http", "url": receiver.url()}]) as module:
        module.alert(alert("bad"))
        module.alert(alert("good"))
        module.wait(lambda: receiver.texts() == ["good"])
        module.wait(lambda: counters(module)["delivered"] == 1)
        now = counters(module)
        # curl itself tries once more when a connection that was kept open closes without an answer
        assert now["rejected"] == 1 and now["failures"] >= 1 and now["last_error"]
        assert tries == ["bad"] + ["good"] * 4
        assert len([line for line in module.logs if "tried again" in line]) == 1  # once in a row of failures


def test_nothing_is_lost_by_kill_9(tmp_path, receiver):
    """Killed again and again in the middle of deliveries: each accepted event arrives, with an id of its own."""
    accepted = 0
    requests = itertools.count()
    receiver.answer = lambda event: 200 if next(requests) % 3 == 0 else None
    for turn in range(8):
        before = len(receiver.got)
        with start(tmp_path, [{"type": "http", "url": receiver.url()}]) as module:
            for n in range(25):
                module.alert(alert(f"{turn}-{n}"))
            module.ping()  # answered after the alerts before it were taken
            accepted += 25
            module.wait(lambda: len(receiver.got) > before + turn)
            module.kill()
    receiver.answer = lambda event: 200
    with start(tmp_path, [{"type": "http", "url": receiver.url()}]) as module:
        module.wait(lambda: len({e["id"] for _, _, e in receiver.got}) == accepted)
        module.wait(lambda: counters(module)["waiting"] == 0)
    texts = {}
    for _, _, event in receiver.got:
        assert texts.setdefault(event["id"], event["event"]["alert"]) == event["event"]["alert"]
    assert sorted(texts.values()) == sorted(f"{t}-{n}" for t in range(8) for n in range(25))


SENDER, LATER_SENDER = "00000000000000aa", "ffffffffffffffff"


def spooled(state):
    """The alerts of the spool's files, as bytes stand in them."""
    return b"".join(path.read_bytes() for path in sorted(state.glob("spool-*")))


def test_an_acknowledged_alert_is_in_the_spool(tmp_path):
    """Sent to nobody who answers: what was acknowledged is in the files, and what is handed over again counts once."""
    outputs = [{"type": "http", "url": "http://127.0.0.1:1/"}]
    with start(tmp_path, outputs) as module:
        module.alert(alert("without an id"))
        for n in range(1, 21):
            module.alert(alert(f"kept {n}."), SENDER, n)
        module.wait(lambda: (SENDER, 20) in module.acks)
        assert [number for _, number in module.acks] == sorted(number for _, number in module.acks)
        module.kill()
    assert all(spooled(tmp_path).count(f"kept {n}.".encode()) == 1 for n in range(1, 21))
    with start(tmp_path, outputs) as module:  # the acknowledgement of the last ten was lost
        for n in range(11, 26):
            module.alert(alert(f"kept {n}."), SENDER, n)
        module.wait(lambda: (SENDER, 25) in module.acks)
        assert counters(module)["duplicates"] == 10 and counters(module)["accepted"] == 5
        module.alert(alert("of another start"), LATER_SENDER, 1)  # the agent was started anew
        module.wait(lambda: (LATER_SENDER, 1) in module.acks)
        assert counters(module)["accepted"] == 6
    assert all(spooled(tmp_path).count(f"kept {n}.".encode()) == 1 for n in range(1, 26))


def test_killed_between_taking_and_acknowledging(tmp_path, receiver):
    """Killed somewhere in a stream of alerts and handed over again from the last acknowledgement on, as the agent does:
    each is in the spool once, with one id."""
    count, acknowledged, turn, duplicates = 3000, 0, 0, 0
    while acknowledged < count:
        with start(tmp_path, [{"type": "http", "url": receiver.url()}]) as module:
            module.socket.setblocking(True)
            first, turn = acknowledged + 1, turn + 1
            stop = min(count, first + 900)
            for n in range(first, stop + 1):
                module.alert(alert(str(n)), SENDER, n)
                if n == stop - 50 and turn < 5:
                    module.kill()  # what it acknowledged is still in the socket, or never left
                    break
                if n % 100 == 0:
                    module.pump()
            if module.pid:
                module.wait(lambda: (SENDER, stop) in module.acks)
                duplicates += counters(module)["duplicates"]
            acknowledged = max([number for _, number in module.acks], default=acknowledged)
    with start(tmp_path, [{"type": "http", "url": receiver.url()}]) as module:
        module.wait(lambda: counters(module)["waiting"] == 0)
    ids = {}
    for _, _, event in receiver.got:
        ids.setdefault(event["event"]["alert"], set()).add(event["id"])
    assert sorted(map(int, ids)) == list(range(1, count + 1))
    assert all(len(known) == 1 for known in ids.values())
    print(f"{turn} processes, {duplicates} handed over twice")


def test_a_spool_of_before_there_were_ids(tmp_path, receiver):
    """Records without an id are sent as before, and those with one behind them."""
    with start(tmp_path, [{"type": "http", "url": "http://127.0.0.1:1/"}]) as module:
        module.alert(alert("old"))
        module.ping()
        module.kill()
    record = spooled(tmp_path)
    assert record[8 + 16:].startswith(b'{"severity"')  # head of the frame, number and time, and nothing else
    with start(tmp_path, [{"type": "http", "url": receiver.url()}]) as module:
        module.alert(alert("new"), SENDER, 1)
        module.wait(lambda: receiver.texts() == ["old", "new"])


def test_what_is_refused_is_acknowledged_too(tmp_path):
    """The agent need not keep what dispatch has refused and counted."""
    with start(tmp_path, [{"type": "http", "url": "http://127.0.0.1:1/"}], rate=1, burst=2) as module:
        for n in range(1, 11):
            module.alert(alert(str(n)), SENDER, n)
        module.wait(lambda: (SENDER, 10) in module.acks)
        row = counters(module)
        assert row["rate_limited"] >= 7 and row["accepted"] + row["rate_limited"] == 10


def test_order_is_kept_and_nothing_comes_twice(tmp_path, receiver):
    with start(tmp_path, [{"type": "http", "url": receiver.url()}]) as module:
        for n in range(300):
            module.alert(alert(str(n)))
        module.wait(lambda: len(receiver.got) >= 300)
        module.wait(lambda: counters(module)["waiting"] == 0)
        module.stop()
    with start(tmp_path, [{"type": "http", "url": receiver.url()}]) as module:
        module.alert(alert("last"))
        module.wait(lambda: receiver.texts()[-1] == "last")
        assert receiver.texts() == [str(n) for n in range(300)] + ["last"]


def test_receiver_that_is_away(tmp_path):
    with socket.socket() as closed:  # bound and not listening: nobody else gets the port
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        with start(tmp_path, [{"type": "http", "url": url}, {"type": "file", "path": f"{tmp_path}/lines"}]) as module:
            module.alert(alert("x"))
            module.wait(lambda: counters(module)["failures"] > 2)
            assert counters(module, 1)["delivered"] == 1  # the other output does not wait for it
            assert counters(module)["waiting"] == 1


def test_torn_spool(tmp_path, receiver):
    with start(tmp_path, [{"type": "http", "url": "http://127.0.0.1:1/"}]) as module:
        for n in range(5):
            module.alert(alert(str(n)))
        module.ping()
        module.kill()
    segment, = tmp_path.glob("spool-*")
    segment.write_bytes(segment.read_bytes()[:-3])
    with start(tmp_path, [{"type": "http", "url": receiver.url()}]) as module:
        module.alert(alert("after"))
        module.wait(lambda: receiver.texts() == ["0", "1", "2", "3", "after"])


@pytest.mark.parametrize("policy", ["oldest", "newest"])
def test_full_spool(tmp_path, receiver, policy):
    receiver.answer = lambda event: 503
    with start(tmp_path, [{"type": "http", "url": receiver.url()}], spool_size="64k", segment_size="4k",
               policy=policy) as module:
        for n in range(1000):
            module.alert(alert(f"{n:04}" + "x" * 200))
        module.ping()
        now = counters(module)
        assert now["spooled"] <= 64 << 10 and now["refused"] > 500
        warnings = [line for line in module.logs if "dropped since last warning" in line]
        assert len(warnings) == 1  # one in five minutes
        receiver.answer = lambda event: 200
        module.wait(lambda: counters(module)["waiting"] == 0)
        kept = [int(text[:4]) for text in receiver.texts()]
        assert kept == sorted(set(kept))
        assert (999 in kept and 1 not in kept) if policy == "oldest" else (0 in kept and 999 not in kept)
        now = counters(module)
        assert len(kept) + now["refused"] >= 1000


def test_rate_limit_and_severity(tmp_path, receiver):
    with start(tmp_path, [{"type": "http", "url": receiver.url(), "severity": "high"}], rate=1, burst=4) as module:
        for severity in ("low", "critical", "medium", "high", "critical", "critical", "critical"):
            module.alert(alert(severity, severity))
        module.wait(lambda: receiver.texts()[:2] == ["critical", "high"])
        module.wait(lambda: counters(module)["rate_limited"] >= 2)
        assert counters(module)["filtered"] == 2


def test_old_events_are_given_up(tmp_path, receiver):
    with start(tmp_path, [{"type": "http", "url": "http://127.0.0.1:1/"}]) as module:
        module.alert(alert("old"))
        module.ping()
        module.stop()
    # a record is {length, crc}, {number, time}, alert: written anew with a time of long ago
    segment, = tmp_path.glob("spool-*")
    record = bytearray(segment.read_bytes()[8:])
    record[8:16] = struct.pack("=q", 1)
    segment.write_bytes(struct.pack("<I", len(record)) + struct.pack("<I", crc32c(struct.pack("<I", len(record)) + record))
                        + record)
    with start(tmp_path, [{"type": "http", "url": receiver.url()}], spool_age="1h") as module:
        module.alert(alert("new"))
        module.wait(lambda: "new" in receiver.texts())
        module.wait(lambda: counters(module)["expired"] + len(receiver.got) == 2)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in bytes(data):
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_mozdef_form(tmp_path, receiver):
    with start(tmp_path, [{"type": "http", "url": receiver.url(), "format": "mozdef"}]) as module:
        module.alert(alert("x", "critical"))
        module.wait(lambda: receiver.got)
    event = receiver.got[0][2]
    assert event["summary"] == "mig dispatch event" and event["category"] == "mig"
    assert event["tags"] == ["mig-dispatch"] and event["severity"] == "CRITICAL"
    assert event["details"]["event"] == alert("x", "critical")


def test_what_is_no_json(tmp_path):
    lines = tmp_path / "lines"
    state = tmp_path / "state"
    state.mkdir()
    with start(state, [{"type": "file", "path": str(lines)}]) as module:
        module.alert("not JSON \x1b\n at all")
        module.alert('{\n "alert":\n "two lines"\n}')
        module.wait(lambda: lines.exists() and len(lines.read_text().splitlines()) == 2)
    events = [json.loads(line)["event"] for line in lines.read_text().splitlines()]
    assert events == ["not JSON \x1b\n at all", {"alert": "two lines"}]


def test_file_rotates(tmp_path):
    state, logs = tmp_path / "state", tmp_path / "logs"
    state.mkdir()
    logs.mkdir()
    with start(state, [{"type": "file", "path": f"{logs}/a", "max_size": 2048, "keep": 2}]) as module:
        for n in range(50):
            module.alert(alert(f"{n:03}"))
        module.wait(lambda: counters(module)["delivered"] == 50)
        assert sorted(p.name for p in logs.iterdir()) == ["a", "a.1", "a.2"]
        assert all(p.stat().st_size <= 2048 for p in logs.iterdir())
        text = "".join((logs / name).read_text() for name in ("a.2", "a.1", "a"))
        kept = [int(json.loads(line)["event"]["alert"]) for line in text.splitlines()]
        assert kept == list(range(kept[0], 50))
        (logs / "a").rename(logs / "elsewhere")  # by logrotate, say
        module.alert(alert("after"))
        module.wait(lambda: (logs / "a").exists())


def test_syslog_unix_and_udp(tmp_path):
    state = tmp_path / "s"
    state.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log, socket.socket(type=socket.SOCK_DGRAM) as udp:
        log.bind(str(tmp_path / "log"))
        udp.bind(("127.0.0.1", 0))
        outputs = [{"type": "syslog", "name": "local", "address": str(tmp_path / "log")},
                   {"type": "syslog", "name": "far", "address": f"udp://127.0.0.1:{udp.getsockname()[1]}"}]
        with start(state, outputs) as module:
            module.alert(alert("hello", "critical"))
            for sock in (log, udp):
                sock.settimeout(30)
                header, _, text = sock.recv(1 << 16).decode().partition(" - ")
                priority, when, host, app, pid, kind = header.split(" ")
                assert priority == f"<{13 * 8 + 2}>1" and when.endswith("Z") and len(when.partition(".")[2]) <= 7
                assert (host, app, pid, kind) == (os.uname().nodename, "tarsier", str(module.pid), "alert")
                assert json.loads(text)["event"] == alert("hello", "critical")


def test_syslog_tcp_reconnects(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with start(tmp_path, [{"type": "syslog", "address": address}]) as module:
            for turn in range(2):
                module.alert(alert(f"turn {turn}"))
                connection, _ = server.accept()
                with connection:
                    connection.settimeout(30)
                    stream = connection.makefile("rb")
                    length = b""
                    while not length.endswith(b" "):
                        length += stream.read(1)
                    text = stream.read(int(length)).decode()
                    assert json.loads(text.partition(" - ")[2])["event"]["alert"] == f"turn {turn}"
                    module.wait(lambda: counters(module)["delivered"] == turn + 1)
                    stream.close()


def test_journal(tmp_path):
    state = tmp_path / "s"
    state.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(str(tmp_path / "journal"))
        journal.settimeout(30)
        with start(state, [{"type": "journal", "address": str(tmp_path / "journal")}]) as module:
            module.alert(alert("two\nlines", "high"))
            fields = journal_fields(journal.recv(1 << 20))
            assert fields["MESSAGE"] == "two\nlines" and fields["PRIORITY"] == "3"
            assert fields["SYSLOG_IDENTIFIER"] == "tarsier"
            assert json.loads(fields["TARSIER_EVENT"])["event"] == alert("two\nlines", "high")
            large = "y" * 240_000  # more than a datagram carries: a sealed file instead
            module.alert(alert(large))
            payload, files, _, _ = socket.recv_fds(journal, 1 << 20, 1)
            if files:
                payload = os.pread(files[0], 1 << 20, 0)
                os.close(files[0])
            assert json.loads(journal_fields(payload)["TARSIER_EVENT"])["event"]["alert"] == large


def journal_fields(payload):
    fields = {}
    while payload:
        line, _, payload = payload.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size, = struct.unpack_from("<Q", payload)
            value, payload = payload[8:8 + size], payload[8 + size + 1:]
        fields[name.decode()] = value.decode()
    return fields


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_full_disk(tmp_path, receiver):
    """The spool's disk is full: events wait in memory, what was on disk stays, and the disk is used again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], check=True)
    try:
        receiver.answer = lambda event: 503
        with start(disk, [{"type": "http", "url": receiver.url()}]) as module:
            module.alert(alert("on disk"))
            module.ping()
            with open(disk / "ballast", "wb", buffering=0) as ballast, pytest.raises(OSError):
                while ballast.write(b"x" * 4096):
                    pass
            for n in range(100):
                module.alert(alert(f"{n}" + "x" * 1000))
            module.wait(lambda: counters(module)["in_memory"])
            (disk / "ballast").unlink()
            receiver.answer = lambda event: 200
            module.wait(lambda: counters(module)["waiting"] == 0)
            assert receiver.texts()[0] == "on disk" and len(receiver.texts()) == 101
            assert counters(module)["refused"] == 0
            module.alert(alert("again"))
            module.wait(lambda: "again" in receiver.texts())
            assert not counters(module)["in_memory"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not shutil.which("certtool"):
        pytest.skip("needs certtool")
    place = tmp_path_factory.mktemp("tls")
    (place / "template").write_text("cn=localhost\ndns_name=localhost\nip_address=127.0.0.1\nca\nsigning_key\n"
                                    "tls_www_server\nexpiration_days=2\n")
    subprocess.run(["certtool", "--generate-privkey", "--ecc", "--outfile", "key"], cwd=place, check=True,
                   capture_output=True)
    subprocess.run(["certtool", "--generate-self-signed", "--load-privkey", "key", "--template", "template",
                    "--outfile", "certificate"], cwd=place, check=True, capture_output=True)
    return place


def test_tls(tmp_path, certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate", certificate / "key")
    receiver = Receiver(context)
    try:
        output = {"type": "http", "url": receiver.url("https")}
        with start(tmp_path, [output]) as module:  # not trusted: nothing is sent
            module.alert(alert("secret"))
            module.wait(lambda: counters(module)["failures"] > 0)
            assert "certificate" in counters(module)["last_error"].lower() and not receiver.got
        with start(tmp_path, [{**output, "ca": str(certificate / "certificate")}]) as module:
            module.wait(lambda: receiver.texts() == ["secret"])
    finally:
        receiver.close()


def test_configuration_is_checked(tmp_path):
    for outputs, message in (
        ([{"type": "http", "url": "ftp://x/"}], "http://"),
        ([{"type": "file", "path": "relative"}], "begin with /"),
        ([{"type": "syslog", "address": "udp://name:514"}], "no IP address"),
        ([{"type": "syslog", "address": "tcp://127.0.0.1:0"}], "ADDRESS:PORT"),
        ([{"type": "journal"}, {"type": "journal"}], "called journal too"),
        ([{"type": "pigeon"}], "pigeon"),
        ([{}], "type"),
    ):
        with pytest.raises(Failed, match=message):
            start(tmp_path, outputs)
    with pytest.raises(Failed, match="state directory"):
        start(None, [])


def test_what_it_does_not_need_is_refused(tmp_path):
    """An output into a file: no capability, no write elsewhere; the lock itself is the sandbox's test."""
    with start(tmp_path, [{"type": "file", "path": f"{tmp_path}/f"}]) as module:
        status = pathlib.Path(f"/proc/{module.pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status and "Seccomp:\t2" in status


def test_sigstop_and_flood(tmp_path):
    """No output at all: alerts are taken, and nothing grows."""
    with start(tmp_path, []) as module:
        for _ in range(3):
            for n in range(500):
                module.alert(alert("x" * 1000))
            module.ping()
        os.kill(module.pid, signal.SIGCONT)
        assert module.query()["rows"][0]["spooled"] < 2 << 20


def test_answer_fits_its_schema(tmp_path, tarsier):
    with start(tmp_path, [{"type": "file", "path": f"{tmp_path}/f"}]) as module:
        tarsier.check("dispatch", module.query()["rows"][0])
