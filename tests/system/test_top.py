"""`tarsier top` in a real tmux and on a bare pseudo terminal."""
import itertools
import json
import os
import re
import signal
import subprocess
import termios

import pytest
from agent_harness import TARSIER, wait_for
from tmux_harness import CLEAN, SCREENS, Terminal, Tmux, colours

pytestmark = pytest.mark.timeout(300)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VIEWS = ["overview", "containers", "processes", "network", "disks", "events", "alerts"]
SECOND = 10 ** 9
BEGAN = 1_790_000_000 * SECOND


# ---- a recording with everything in it -------------------------------------------------------------------------------

def process(pid, name, ppid=1, cpu=0.0, **more):
    return {"process": {"pid": pid, "ppid": ppid, "start": f"2026-09-21T10:00:{pid % 60:02d}Z", "uid": 0, "user": "root",
                        "state": "S", "nice": 0, "priority": 20, "threads": 1, "cpu": cpu, "cpu_time": 12 * SECOND,
                        "memory": 7 << 20, "virtual": 90 << 20, "read": 0, "write": 1024, "name": name,
                        "executable": f"/usr/bin/{name}", "command_line": f"/usr/bin/{name} --serve", **more}}


def container(name, alias, cpu, **more):
    return {"container": {"name": name, "kind": "container", "engine": "docker", "id": f"{alias}-id", "alias": alias,
                          "image": f"registry/{alias}:1", "cpu": cpu, "cpu_user": cpu / 2, "cpu_system": cpu / 2,
                          "memory": 123 << 20, "memory_usage": 200 << 20, "memory_limit": 512 << 20, "processes": 3,
                          "receive": 5000, "send": 3000, "read": 0, "write": 4096, "psi_cpu": 1.5, **more}}


def picture(n):
    """Records of one picture; figures move with n."""
    wave = (n % 10) / 10
    rows = [
        {"host": {"hostname": "example", "kernel": "6.1.0", "os": "Debian GNU/Linux 12 (bookworm)", "uptime": 90000 * SECOND,
                  "cpus": 4, "cpu": 1 + wave, "cpu_user": 1, "cpu_system": wave, "cpu_iowait": 0.1, "cpu_steal": 0,
                  "cores": [wave, 0.5, 0.25, 0.1], "load1": 1.5, "load5": 1.2, "load15": 0.9, "memory_total": 16 << 30,
                  "memory_available": (10 << 30) - n * (64 << 20), "memory_cached": 3 << 30, "memory_free": 6 << 30,
                  "swap_total": 2 << 30, "swap_used": 1 << 28, "psi_cpu": 12.5, "psi_memory": 0.1, "psi_io": 3,
                  "receive": 1 << 20, "send": 1 << 18, "read": 1 << 22, "write": 1 << 21, "processes": 9, "threads": 20,
                  "running": 2, "blocked": 0, "context_switches": 5000, "forks": 12}},
        container("/docker/web", "web-1", 0.5 + wave),
        container("/docker/db", "数据库", 0.25),
        container("/docker/evil", "evil\x1b[2J\u202ename", 0.01),
        {"container": {"name": "/system.slice/ssh.service", "kind": "unit", "unit": "ssh.service", "cpu": 0.01,
                       "memory": 9 << 20, "processes": 2}},
        process(1, "systemd", ppid=0),
        process(200, "nginx", cpu=0.5 + wave, group="/docker/web", container="web-1"),
        process(201, "worker", ppid=200, cpu=0.25, group="/docker/web", container="web-1"),
        process(300, "postgres", cpu=0.2, group="/docker/db", container="数据库", user="postgres"),
        process(400, "ev\x1b]0;il\x07", cpu=0.01, command_line="sh -c \x1b[31mred\n\u202e"),
        {"network": {"name": "eth0", "state": "up", "receive": 1 << 20, "send": 1 << 18, "receive_packets": 900,
                     "send_packets": 300, "speed": 10 ** 10, "mac": "02:00:00:00:00:01", "mtu": 1500,
                     "addresses": ["192.0.2.7/24"]}},
        {"disk": {"name": "vda", "read": 1 << 22, "write": 1 << 21, "reads": 50, "writes": 70, "busy": 0.25 + wave / 2,
                  "queue": 1.5, "model": "a disk", "size": 1 << 38}},
        {"filesystem": {"mountpoint": "/", "device": "/dev/vda1", "type": "ext4", "size": 1 << 37, "used": 1 << 36,
                        "available": 1 << 36, "inodes": 1 << 20, "inodes_used": 1 << 18, "read_only": False}},
    ]
    rows.append({"tick": {"time": "2026-09-21T10:00:%02dZ" % (n % 60), "sequence": n + 1, "interval": SECOND}})
    return rows


def write_recording(path, pictures=8, step=SECOND):
    with open(path, "w", encoding="utf-8") as file:
        file.write(json.dumps({"tarsier-top": 1, "time": BEGAN}) + "\n")
        file.write(json.dumps({"at": 0, "record": {"begin": {}}}) + "\n")
        for n in range(pictures):
            for record in picture(n):
                file.write(json.dumps({"at": n * step, "record": record}) + "\n")
        file.write(json.dumps({"at": pictures * step, "record": {"alert": {
            "id": 7, "time": "2026-09-21T10:00:05Z", "severity": "high", "module": "watch", "rule": "shell-in-container",
            "message": "a shell was begun in web-1", "container": "web-1", "pid": 201, "user": "root", "state": "open",
            "count": 2}}}) + "\n")
    return str(path)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return write_recording(tmp_path_factory.mktemp("top") / "recording")


def run(*words, **environment):
    return subprocess.run([TARSIER, "top", *words], env={**CLEAN, **environment}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)


def table_of_keys():
    """(keys, command, views or None) of docs/top.md, which a unit test holds equal to the program's own."""
    rows = []
    for line in open(f"{ROOT}/docs/top.md", encoding="utf-8"):
        match = re.match(r"\| ((?:`[^ ]+` ?)+)\| `([a-z-]+).*?` \| (.*) \|$", line)
        if match:
            views = re.search(r"\(([a-z ]+)\)(?:; not with `--readonly`)?$", match[3])
            views = views[1].split() if views and set(views[1].split()) <= set(VIEWS) else None
            rows.append((re.findall(r"`([^ ]+)`", match[1]), match[2], views))
    assert len(rows) > 30
    return rows


# An Esc that is followed at once by a key is Alt: here C-g leaves what is typed, Backspace goes back.
TMUX_NAMES = {"PageUp": "PPage", "PageDown": "NPage", "Esc": "Escape", "Backspace": "BSpace", "S-Tab": "BTab"}


# ---- as text ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("view", VIEWS)
def test_once_is_plain_text(recording, view):
    done = run("--replay", recording, "--once", "--view", view, "--width", "100", "--height", "20")
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert len(text.split("\n")) == 21
    assert all(letter >= " " or letter == "\n" for letter in text) and "\x7f" not in text and "\u202e" not in text
    styled = run("--replay", recording, "--once", "--view", view, "--width", "100", "--height", "20", "--color=always",
                 TERM="xterm-256color").stdout.decode()
    assert re.sub(r"\x1b\[[0-9;]*m", "", styled).split() == text.split() and colours(styled)


def test_once_of_a_recording_is_its_last_picture(recording):
    text = run("--replay", recording, "--once", "--view", "processes", "--width", "160").stdout.decode()
    assert "nginx" in text and "120" in text  # 0.5 + 0.7 of a CPU
    containers = run("--replay", recording, "--once", "--view", "containers", "--width", "170").stdout.decode()
    assert "web-1" in containers and "数据库" in containers and "evil\\x1b[2J\\u202ename" in containers
    assert "shell" in run("--replay", recording, "--once", "--view", "alerts", "--width", "120").stdout.decode()


def test_once_looks_at_this_host():
    done = run("--once", "--view", "processes", "--filter", "name:^pytest|python|tarsier", "--width", "150")
    assert done.returncode == 0, done.stderr
    assert "CPU%" in done.stdout.decode()


def test_once_filters_and_sorts(recording):
    def names(*words):
        text = run("--replay", recording, "--once", "--view", "processes", "--width", "160", *words).stdout.decode()
        return re.findall(r"(\w+) --serve", text)
    assert names("--filter", "nginx") == ["nginx"]
    assert names("--filter", "!nginx !worker !systemd") == ["postgres"]
    assert names("--sort=-pid", "--filter", "serve")[0] == "postgres"
    assert names("--sort=+pid", "--filter", "serve")[0] == "systemd"
    assert names("--filter", "user:postgres") == ["postgres"]


@pytest.mark.parametrize("words,status,says", [
    (["--view", "nosuch"], 2, "there is no view"),
    (["--theme", "pink"], 2, "high-contrast"),
    (["--view", "processes", "--filter", "a("], 2, "missing closing"),
    (["--view", "processes", "--sort", "nosuch"], 2, "to sort by"),
    (["--replay", "/nonexistent"], 3, "/nonexistent"),
    (["--replay", "/etc/passwd"], 2, "no recording"),
    (["--record", "/nonexistent/file", "--count", "1"], 3, "/nonexistent/file"),
    (["--batch", "a", "--record", "b"], 2, "--batch"),
    (["--interval", "1ms"], 2, "interval"),
    (["--nosuch"], 2, "nosuch"),
])
def test_what_cannot_be_done_is_said(words, status, says):
    done = run("--once", *words) if "--batch" not in words else run(*words)
    assert done.returncode == status and says in done.stderr.decode() and done.stderr.count(b"\n") == 1


def test_letters_of_the_locale(recording):
    for extra, environment in ((["--ascii"], {}), ([], {"LC_ALL": "C"}), ([], {"LC_ALL": "", "LANG": "de_DE.ISO-8859-1"})):
        for view in VIEWS:
            out = run("--replay", recording, "--once", "--view", view, *extra, **environment).stdout
            assert out and all(byte < 0x7f for byte in out)


def test_lines_without_a_terminal(recording):
    done = run("--count", "2", "--interval", "500ms")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0 and len(lines) == 2
    assert all(re.match(r"\d{4}-\d\d-\d\dT[\d:]+Z .*cpu", line) for line in lines), lines
    replayed = run("--replay", recording, "--speed", "1000").stdout.decode().splitlines()
    assert len(replayed) == 8 and all(line.isprintable() for line in replayed)
    for view in VIEWS:
        assert len(run("--replay", recording, "--speed", "1000", "--view", view).stdout.splitlines()) == 8


def test_a_reader_that_leaves():
    child = subprocess.Popen([TARSIER, "top", "--interval", "250ms"], env=CLEAN, stdout=subprocess.PIPE,
                             stdin=subprocess.DEVNULL)
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(timeout=60) == 1


def test_recording_without_a_screen(tmp_path):
    path = str(tmp_path / "day")
    done = run("--batch", path, "--count", "2", "--interval", "500ms")
    assert (done.returncode, done.stdout) == (0, b"")
    assert os.stat(path).st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in open(path, encoding="utf-8")]
    assert lines[0]["tarsier-top"] == 1
    kinds = {next(iter(line["record"])) for line in lines[1:]}
    assert {"host", "process", "tick"} <= kinds
    assert [line["at"] for line in lines[1:]] == sorted(line["at"] for line in lines[1:])
    assert b"CPU" in run("--replay", path, "--once", "--view", "processes").stdout
    child = subprocess.Popen([TARSIER, "top", "--batch", path], env=CLEAN)
    wait_for(lambda: b'"tick"' in open(path, "rb").read(), "a picture in the file")
    child.terminate()
    assert child.wait(timeout=60) == -signal.SIGTERM


# ---- on a terminal ---------------------------------------------------------------------------------------------------

def test_every_key(recording):
    """Each key of the table, in each view where it holds, does no harm; what ends the program is tested below."""
    rows = table_of_keys()
    with Tmux(110, 30) as tmux:
        tmux.top("--replay", recording, "--speed", "1000")
        tmux.shows("END OF REPLAY")
        for number, view in enumerate(VIEWS, 1):
            for keys, command, views in rows:
                if command in ("quit", "leave", "suspend", "view") or (views and view not in views):
                    continue
                for key in keys:
                    tmux.keys("C-g", str(number), TMUX_NAMES.get(key, key), "C-g", "C-g")
            tmux.keys("C-g", str(number))
        tmux.keys("C-g", "1", "?")
        tmux.shows("any other key closes")
        tmux.keys("z", "Q")
        tmux.ended(0)
        assert tmux.restored()


def test_keys_do_what_they_say(recording):
    with Tmux(120, 30) as tmux:
        tmux.top("--replay", recording, "--speed", "1000", "--view", "processes")
        tmux.shows("END OF REPLAY", "nginx", "postgres")
        tmux.keys("s")
        tmux.wait(lambda: "-cpu" not in tmux.lines()[-2], "another order")
        tmux.keys("<")
        tmux.shows("-cpu")
        tmux.keys("S")
        tmux.shows("+cpu")
        tmux.keys("S", "t")
        tmux.shows("tree", "└─")
        tmux.keys("t", "Space", "Space")
        tmux.shows("2 marked")
        tmux.keys("u")
        tmux.lacks("marked")
        tmux.keys("/")
        tmux.type("post")
        tmux.shows("1 of 5")
        tmux.keys("Enter")
        tmux.shows("/post")
        tmux.lacks("nginx")
        tmux.keys("\\")
        tmux.shows("nginx")
        tmux.keys("/")
        tmux.type("!post")
        tmux.keys("Enter")
        tmux.lacks("postgres")
        tmux.keys("\\", "p")
        tmux.shows("PAUSED")
        tmux.keys("p")
        tmux.lacks("PAUSED")
        tmux.keys("T")
        tmux.shows("theme light")
        tmux.keys(":")
        tmux.type("theme dark")
        tmux.keys("Enter")
        tmux.shows("theme dark")
        tmux.keys("[")
        tmux.shows("500 times")
        tmux.keys("x")  # no key acts in a replay
        tmux.keys("g", "Enter")
        tmux.shows("nginx --serve")
        tmux.keys("BSpace", "1")
        tmux.shows("Memory")
        tmux.keys("Tab")
        tmux.shows("web-1")
        tmux.keys("q")
        tmux.ended(0)


def test_places_of_a_recording(tmp_path):
    """Back and forward by pictures, minutes and to a time, playing and standing still, in every view."""
    path = tmp_path / "long.rec"
    begin = 1700000000  # 22:13:20 UTC
    lines = [{"tarsier-top": 1, "time": begin * 10**9}]
    for minute in range(5):
        at = minute * 60 * 10**9
        for record in ({"host": {"cpu": minute, "hostname": f"minute{minute}"}},
                       {"process": {"pid": 100 + minute, "start": str(minute), "name": f"made{minute}", "cpu": 1}},
                       {"event": {"type": "exec", "process": {"pid": 100 + minute, "name": f"made{minute}"}}},
                       {"tick": {"time": begin + minute * 60}}):
            lines.append({"at": at, "record": record})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Tmux(120, 30) as tmux:
        tmux.top("--replay", str(path), "--speed", "1000", "--view", "processes", ready="END OF REPLAY", TZ="UTC")
        tmux.shows("made0", "made4", "22:17:20")
        tmux.keys("(")
        tmux.wait(lambda: "made4" in tmux.text() and "END OF REPLAY" in tmux.text(), "played from the beginning again")
        tmux.keys("p", "(")  # it stands still now
        tmux.shows("made0", "22:13:20", "PAUSED")
        tmux.lacks("made1")
        tmux.keys(".", ".")
        tmux.shows("made2", "22:15:20")
        tmux.lacks("made3")
        tmux.keys(",")
        tmux.shows("made1", "22:14:20")
        tmux.lacks("made2")
        tmux.keys("Enter", ",")  # details of a process that is not there yet
        tmux.shows("22:13:20")
        tmux.keys("Escape", "}", "}", "}")
        tmux.shows("made3", "22:16:20")
        tmux.keys("{")
        tmux.shows("22:15:20")
        for word, clock in (("22:14:50", "22:14:50"), ("22:16", "22:16:00"), ("-90s", "22:14:30"), ("+1m", "22:15:30"),
                            ("2023-11-14T22:13:25Z", "22:13:25"), ("23:59:59", "22:17:20"), ("10:00", "22:17:20")):
            tmux.keys(":")
            tmux.type("time " + word)
            tmux.keys("Enter")
            tmux.shows(clock)
        tmux.shows("END OF REPLAY")
        for word in ("25:00", "noon", "1:2:3:4", "+", "-x"):
            tmux.keys(":")
            tmux.type("time " + word)
            tmux.keys("Enter")
            tmux.shows("a time is 12:34:56")
        for number in range(1, 8):
            tmux.keys(str(number), "(", "Enter", ")", ",", "Escape", "{", ".", ")", "Escape")
        tmux.keys("?")
        tmux.shows("any other key closes")
        tmux.keys("z", "Q")
        tmux.ended(0)
        assert tmux.restored()


def test_a_recording_without_a_way_back(recording, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with Tmux(100, 20) as tmux:
        writer = subprocess.Popen(["sh", "-c", 'exec cat "$1" > "$2"', "sh", str(recording), str(fifo)])
        tmux.top("--replay", str(fifo), "--speed", "1000", "--view", "processes", ready="END OF REPLAY")
        assert writer.wait(timeout=60) == 0
        tmux.keys("(")
        tmux.shows("there is no way back", "nginx")
        tmux.keys("Q")
        tmux.ended(0)


def test_down_and_back(recording):
    """From a container to its processes and back; q leaves step by step."""
    with Tmux(120, 30) as tmux:
        tmux.top("--replay", recording, "--speed", "1000", "--view", "containers", "--sort=-cpu")
        tmux.shows("web-1", "数据库")
        tmux.keys("P")
        tmux.shows("nginx")
        tmux.lacks("postgres")
        tmux.keys("Escape")
        tmux.shows("数据库")
        tmux.keys("Enter")
        tmux.lacks("数据库")
        tmux.keys("q")
        tmux.shows("数据库")
        tmux.keys("q")
        tmux.ended(0)


@pytest.mark.parametrize("columns,rows", [(40, 12), (80, 24), (120, 36), (250, 80)])
def test_sizes(recording, columns, rows):
    with Tmux(columns, rows) as tmux:
        tmux.top("--replay", recording, "--speed", "1000", ready="END OF REPLAY")
        for number, view in enumerate(VIEWS, 1):
            tmux.keys(str(number))
            title = view.capitalize()
            tmux.wait(lambda title=title: title in tmux.lines()[0], title)
            lines = tmux.lines()
            assert len(lines) == rows + 1
            tmux.save(f"top-{view}-{columns}x{rows}")


def test_resize(recording):
    with Tmux(120, 36) as tmux:
        tmux.top("--replay", recording, "--speed", "1000", "--view", "processes", ready="END OF REPLAY")
        for columns, rows in ((40, 12), (250, 80), (20, 4), (10, 2), (1, 1), (120, 36)):
            tmux.resize(columns, rows)
            tmux.wait(lambda columns=columns, rows=rows: len(tmux.lines()) == rows + 1, "the size")
            if columns >= 40:
                tmux.wait(lambda rows=rows: "END OF REPLAY" in tmux.lines()[rows - 1] and "PID" in tmux.lines()[1],
                          f"the screen of {columns} by {rows}")
        tmux.keys("q")
        tmux.ended(0)
        assert tmux.restored()


def test_mouse(recording):
    def click(row, column):
        tmux.type(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")
    with Tmux(120, 30) as tmux:
        tmux.top("--replay", recording, "--speed", "1000")
        tmux.shows("END OF REPLAY")
        assert tmux.format("#{mouse_any_flag}") == "1"
        click(1, tmux.lines()[0].index("Processes") + 1)
        tmux.wait(lambda: "PID" in tmux.lines()[1], "the processes")
        header = tmux.lines()[1]
        click(2, header.index("PID") + 2)
        tmux.shows("+pid")
        click(2, header.index("PID") + 2)
        tmux.shows("-pid")
        row = next(i for i, line in enumerate(tmux.lines(), 1) if "postgres" in line)
        click(row, 20)
        click(row, 20)  # again: open it
        tmux.shows("postgres --serve")
        tmux.keys("BSpace")
        tmux.type("\x1b[<65;10;10M")
        tmux.type("\x1b[M`!!")  # X10's wheel
        tmux.keys("M")
        tmux.shows("mouse off")
        assert tmux.format("#{mouse_any_flag}") == "0"
        tmux.keys("q")
        tmux.ended(0)
        assert tmux.restored()


@pytest.mark.parametrize("name,environment,words,check", [
    ("mono-vt100", {"TERM": "vt100"}, [], lambda found: not found),
    ("mono-no-color", {"NO_COLOR": "1"}, [], lambda found: not found),
    ("mono-theme", {}, ["--theme", "mono"], lambda found: not found),
    ("mono-color-never", {}, ["--color=never"], lambda found: not found),
    ("16", {"TERM": "screen"}, [], lambda found: found and not found & {38, 48}),
    ("256", {"TERM": "screen-256color"}, [], lambda found: 38 in found and 48 in found),
    ("true", {"TERM": "tmux-256color", "COLORTERM": "truecolor"}, [], lambda found: 38 in found and 48 in found),
    ("true-xterm", {"TERM": "xterm", "COLORTERM": "truecolor"}, [], lambda found: 38 in found and 48 in found),
    ("light", {"TERM": "screen-256color"}, ["--theme", "light"], lambda found: 38 in found),
    ("high-contrast", {"TERM": "screen-256color", "TARSIER_THEME": "high-contrast"}, [], lambda found: 38 in found),
])
def test_colours(recording, name, environment, words, check):
    with Tmux(110, 30) as tmux:
        tmux.top("--replay", recording, "--speed", "1000", *words, ready="END OF REPLAY", **environment)
        for number, view in enumerate(VIEWS, 1):
            tmux.keys(str(number))
            tmux.wait(lambda view=view: view.capitalize() in tmux.lines()[0], view)
            tmux.save(f"top-{view}-{name}")
        tmux.keys("3")
        tmux.shows("postgres")
        found = colours(tmux.styled())
        assert check(found), found
        assert ("38;2;" in tmux.styled()) == name.startswith("true")
        if name.startswith("mono"):  # the selected row is still to be seen
            assert re.search(r"\x1b\[[0-9;]*7", tmux.styled())


def test_locale_without_utf8(recording):
    with Tmux(110, 30) as tmux:
        tmux.top("--replay", recording, "--speed", "1000", ready="END OF REPLAY", LC_ALL="C")
        for number, view in enumerate(VIEWS, 1):
            tmux.keys(str(number))
            tmux.wait(lambda view=view: view.capitalize() in tmux.lines()[0], view)
            assert tmux.text().isascii(), tmux.text()
            tmux.save(f"top-{view}-ascii")


def test_help_and_dialogs_are_drawn(recording):
    with Tmux(110, 30) as tmux:
        tmux.top("--replay", recording, "--speed", "1000", "--view", "containers", ready="END OF REPLAY")
        tmux.keys("?")
        tmux.shows("any other key closes")
        tmux.save("top-help")
        tmux.keys("z", ":")
        tmux.type("s")
        tmux.keys("Tab")
        tmux.shows("sort sort-previous")
        tmux.save("top-command")
        tmux.keys("C-g", "/")
        tmux.type("web(")
        tmux.shows("missing closing")
        tmux.save("top-filter")


def test_live_host_and_a_kill():
    """On this host: a process of ours is found, killed after a question, and gone."""
    child = subprocess.Popen(["sleep", "86399"])
    try:
        with Tmux(140, 36) as tmux:
            tmux.top("--view", "processes", "--interval", "500ms", "--filter", "8639[9]")  # and not top's own row
            tmux.shows("sleep 86399")
            tmux.keys("x")
            tmux.shows(f"Signal to {child.pid} sleep")
            tmux.save("top-kill")
            tmux.keys("C-g")
            assert child.poll() is None
            tmux.keys(":")
            tmux.type("kill KILL")
            tmux.keys("Enter")
            tmux.shows(f"Send KILL to {child.pid} sleep?")
            tmux.save("top-kill-confirm")
            tmux.keys("y")
            tmux.wait(lambda: child.poll() is not None, "the end of sleep")
            assert child.returncode == -signal.SIGKILL
            tmux.lacks("sleep 86399")
            tmux.keys("q")
            tmux.ended(0)
    finally:
        child.kill()
        child.wait()


def test_readonly_has_no_kill():
    with Tmux(120, 30) as tmux:
        tmux.top("--readonly", "--view", "processes")
        tmux.shows("PID")
        tmux.keys(":")
        tmux.type("kill")
        tmux.keys("Enter")
        tmux.shows("not with --readonly")
        tmux.keys("?")
        tmux.shows("any other key closes")
        assert "a signal to" not in tmux.text()
        tmux.keys("z", "Q")
        tmux.ended(0)


# ---- the terminal is given back --------------------------------------------------------------------------------------

@pytest.mark.parametrize("number,status", [
    (signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGSEGV, 139), (signal.SIGABRT, 134),
    (signal.SIGBUS, 135), (signal.SIGFPE, 136), (signal.SIGILL, 132), (signal.SIGQUIT, 131)])
def test_signals_and_crashes_restore(recording, number, status):
    with Tmux(100, 24) as tmux:
        tmux.shell("ulimit -c 0; stty -g")
        before = wait_for(lambda: re.search(r"^[0-9a-f]+(:[0-9a-f]+)+$", tmux.text(), re.M), "the modes")[0]
        tmux.top("--replay", recording)
        assert not tmux.restored()
        os.kill(tmux.pid(), number)
        if number == signal.SIGINT:  # bash stops its own list of commands for it
            tmux.wait(lambda: tmux.text().rstrip().endswith("READY$"), "the shell")
        else:
            tmux.ended(status)
        assert tmux.restored()
        tmux.shell("clear; stty -g")
        tmux.shows(before)


def test_suspend_and_resume(recording):
    with Tmux(100, 24) as tmux:
        tmux.top("--replay", recording, "--view", "processes")
        tmux.shows("postgres")
        tmux.keys("C-z")
        tmux.shows("Stopped")
        assert tmux.restored()
        tmux.shell("echo in the sh''ell")
        tmux.shows("in the shell")
        tmux.shell("fg")
        tmux.shows("postgres", "REPLAY")
        assert not tmux.restored()
        os.kill(tmux.pid(), signal.SIGTSTP)  # the same from outside
        tmux.shows("Stopped")
        tmux.shell("fg")
        tmux.shows("postgres")
        os.kill(tmux.pid(), signal.SIGSTOP)  # unforeseen: what comes back draws anew
        tmux.shows("Stopped")
        tmux.shell("fg")
        tmux.shows("REPLAY")
        tmux.keys("q")
        tmux.shows("READY$")
        tmux.wait(tmux.restored, "the terminal")


def test_the_shell_dies():
    """kill -9 of what it runs in: it ends too, by SIGHUP of its parent's death."""
    with Tmux(100, 24) as tmux:
        tmux.top()
        pid = tmux.pid()
        os.kill(int(tmux.format("#{pane_pid}")), signal.SIGKILL)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "its end")


def test_tmux_dies(recording):
    with Tmux(100, 24) as tmux:
        tmux.top("--replay", recording)
        pid, server = tmux.pid(), int(tmux.format("#{pid}"))
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: not os.path.exists(f"/proc/{pid}"), "its end")


@pytest.mark.parametrize("live", [False, True])
def test_terminal_hangs_up_in_a_frame(recording, live):
    """The other end goes while a large frame is half read: it ends at once, without burning time."""
    words = ["--interval", "250ms"] if live else ["--replay", recording, "--speed", "5"]
    with Terminal(*words, columns=250, rows=80) as terminal:
        terminal.read(b"Overview")
        terminal.close()
        status = terminal.wait()
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGHUP
        assert terminal.usage.ru_utime + terminal.usage.ru_stime < 2


def test_terminal_that_takes_nothing(recording):
    """Nobody reads (as after ^S): it waits without burning time, and a signal still ends it."""
    with Terminal("--replay", recording, "--speed", "20", columns=400, rows=200) as terminal:
        terminal.read(b"\x1b")
        call = f"/proc/{terminal.pid}/syscall"  # write is 1 on x86-64, 64 on the others
        keys = itertools.cycle([b"3", b"?", b"z", b"1", b"\x0c"])

        def waits():  # more frames than the terminal's queue holds
            terminal.write(next(keys))
            return open(call, encoding="ascii").read().split()[0] in ("1", "64")
        wait_for(waits, "a write that waits")
        os.kill(terminal.pid, signal.SIGTERM)
        status = terminal.wait()
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGTERM


def test_modes_of_the_terminal_come_back(recording):
    with Terminal("--replay", recording) as terminal:
        terminal.read(b"REPLAY")
        assert b"\x1b[?1006h" in terminal.output and b"\x1b[?2004h" in terminal.output
        raw = termios.tcgetattr(terminal.fd)
        assert not raw[3] & (termios.ICANON | termios.ECHO)
        terminal.write(b"q")
        assert terminal.wait() == 0
        tail = terminal.output[-200:]
        assert b"\x1b[?1006l" in tail and b"\x1b[?2004l" in tail and b"\x1b[?1049l" in tail
        modes = termios.tcgetattr(terminal.fd)
        assert modes[3] & termios.ICANON and modes[3] & termios.ECHO


def test_terminals_that_are_unknown(recording):
    with Terminal("--replay", recording, term="nosuch-terminal") as terminal:
        status = terminal.wait()
        assert os.WEXITSTATUS(status) == 10 and b"nosuch-terminal" in terminal.output
    with Terminal("--count", "1", term="dumb") as terminal:  # lines, as without a terminal
        assert terminal.wait() == 0
        assert b"\x1b" not in terminal.output and b"cpu" in terminal.output


@pytest.mark.parametrize("term", ["vt100", "linux", "rxvt", "xterm", "tmux-256color", "screen"])
def test_terminals_that_are_known(recording, term):
    with Terminal("--replay", recording, term=term) as terminal:
        terminal.read(b"REPLAY")
        terminal.write(b"\x1b[B\x1bOB3?")
        terminal.read(b"Moving")
        terminal.write(b"\x1bQ" if term == "none" else b"zQ")
        assert terminal.wait() == 0
        if term in ("vt100", "linux"):
            assert b"\x1b[?2004h" not in terminal.output


def test_record_while_looking(tmp_path):
    path = str(tmp_path / "incident")
    with Tmux(100, 24) as tmux:
        tmux.top("--record", path, "--interval", "250ms", "--view", "processes")
        tmux.shows("PID")
        wait_for(lambda: open(path, "rb").read().count(b'"tick"') >= 3, "three pictures")
        tmux.keys("q")
        tmux.ended(0)
        tmux.shell("clear")
        tmux.top("--replay", path, "--view", "processes", "--speed", "100")
        tmux.shows("END OF REPLAY", "PID")
        tmux.keys("q")
        tmux.ended(0)


def test_screens_are_kept():
    with Tmux(100, 24) as tmux:
        tmux.top("--view", "processes")
        tmux.shows("PID")
        tmux.save("top-kept")
        for suffix in ("txt", "ansi"):
            with open(f"{SCREENS}/top-kept.{suffix}", encoding="utf-8") as file:
                assert "PID" in file.read()
        tmux.keys("q")
        tmux.ended(0)
