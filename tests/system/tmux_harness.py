"""A real tmux with a terminal of any size and kind in it, and a bare pseudo terminal."""
import atexit
import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import tempfile
import termios

from agent_harness import TARSIER, wait_for

SCREENS = os.environ.get("TARSIER_SCREENS")
if not SCREENS:  # kept for as long as the tests run
    SCREENS = tempfile.mkdtemp(prefix="tarsier-screens-")
    atexit.register(shutil.rmtree, SCREENS, ignore_errors=True)
# what a test wants to say about the terminal, and nothing of the machine it runs on
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}


class Tmux:
    """A server of its own with one pane that runs bash; ends with the block."""

    def __init__(self, columns=100, rows=30, **environment):
        self.directory = tempfile.TemporaryDirectory(prefix="tarsier-tmux-")
        self.socket = self.directory.name + "/socket"
        self.environment = {**CLEAN, "PS1": "READY$ ", "TMUX_TMPDIR": self.directory.name}
        self.exports = environment
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "bash", "--norc", "--noprofile")
        self.tmux("set-option", "-g", "escape-time", "0")
        wait_for(lambda: "READY$" in self.text(), "the shell")

    def tmux(self, *words, check=True):
        done = subprocess.run(["tmux", "-u", "-S", self.socket, "-f", "/dev/null", *words], env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert not check or done.returncode == 0, (words, done.stdout)
        return done.stdout.decode("utf-8", "surrogateescape")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server", check=False)
        self.directory.cleanup()

    def keys(self, *names):
        self.tmux("send-keys", *names)

    def type(self, text):
        """Bytes as they are, escape sequences too."""
        self.tmux("send-keys", "-l", text)

    def shell(self, line):
        self.type(line)
        self.keys("Enter")

    def text(self):
        return self.tmux("capture-pane", "-p")

    def styled(self):
        return self.tmux("capture-pane", "-p", "-e")

    def lines(self):
        return self.text().split("\n")

    def shows(self, *words):
        for word in words:
            self.wait(lambda: word in self.text(), f"{word!r} on the screen")

    def lacks(self, word):
        self.wait(lambda: word not in self.text(), f"the screen without {word!r}")

    def wait(self, condition, what):
        try:
            wait_for(condition, what)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.text()}") from None

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def format(self, text):
        return self.tmux("display-message", "-p", text).strip()

    def top(self, *words, ready="help", **environment):
        """Begins tarsier top in the shell's foreground."""
        exports = {**self.exports, **environment}
        assignments = " ".join(f"{name}={shlex.quote(value)}" for name, value in exports.items())
        self.shell(f"env {assignments} {shlex.join([TARSIER, 'top', *words])}; echo ENDED $?")
        if ready:
            self.shows(ready)

    def ended(self, status):
        self.shows(f"ENDED {status}")

    def pid(self):
        """Of tarsier-top, the child of the pane's shell."""
        shell = self.format("#{pane_pid}")

        def child():
            for pid in open(f"/proc/{shell}/task/{shell}/children", encoding="ascii").read().split():
                name = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
                if name == "tarsier-top":
                    return int(pid)
            return None
        return wait_for(child, "tarsier-top")

    def restored(self):
        """Is the terminal as a shell wants it? No alternate screen, a cursor, no mouse, letters echoed in lines."""
        state = self.format("#{alternate_on} #{cursor_flag} #{mouse_any_flag} #{mouse_sgr_flag} #{keypad_cursor_flag}")
        tty = self.format("#{pane_tty}")
        with open(tty, "rb", buffering=0) as file:
            modes = termios.tcgetattr(file.fileno())
        wanted = termios.ISIG
        return state == "0 1 0 0 0" and modes[3] & wanted == wanted and modes[1] & termios.OPOST

    def save(self, name):
        """For whoever wants to look at it: TARSIER_SCREENS names the directory."""
        os.makedirs(SCREENS, exist_ok=True)
        for suffix, text in (("ansi", self.styled()), ("txt", self.text())):
            with open(f"{SCREENS}/{name}.{suffix}", "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)


class Terminal:
    """A pseudo terminal whose other end is this test: it can go away, or read nothing."""

    def __init__(self, *words, columns=120, rows=40, term="xterm-256color", **environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(TARSIER, [TARSIER, "top", *words], {**CLEAN, "TERM": term, **environment})
        self.resize(columns, rows)
        self.status = None
        self.output = b""

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, until):
        def more():
            if select.select([self.fd], [], [], 0)[0]:
                self.output += os.read(self.fd, 65536)
            return until in self.output
        wait_for(more, f"{until!r} from the terminal")

    def write(self, text):
        os.write(self.fd, text)

    def close(self):
        """The terminal hangs up."""
        os.close(self.fd)
        self.fd = -1

    def wait(self):
        """Reads what comes, until the program ended; its status as waitpid tells it."""
        def ended():
            if self.fd >= 0 and select.select([self.fd], [], [], 0)[0]:
                try:
                    self.output += os.read(self.fd, 65536)
                except OSError:
                    pass
            return self.over()
        wait_for(ended, "the end of tarsier top")
        return self.status

    def over(self):
        if self.status is None:
            pid, status, self.usage = os.wait4(self.pid, os.WNOHANG)
            if pid:
                self.status = status
        return self.status is not None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.over():
            os.kill(self.pid, signal.SIGKILL)
            wait_for(self.over)
        if self.fd >= 0:
            os.close(self.fd)


def colours(styled):
    """The SGR parameters in a styled capture that set a colour."""
    found = set()
    for sequence in re.findall(r"\x1b\[([0-9;:]*)m", styled):
        for number in re.split("[;:]", sequence):
            if number and (30 <= int(number) <= 38 or 40 <= int(number) <= 48 or 90 <= int(number) <= 107):
                found.add(int(number))
    return found
