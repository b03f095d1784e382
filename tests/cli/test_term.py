"""What is drawn on a terminal, and that nothing of it reaches a pipe."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import pytest

DEADLINE = 60.0  # a limit for a broken build, never a verdict
PLAIN = {'TERM': 'xterm-256color', 'LC_ALL': 'C.UTF-8', 'TARSIER_PAGER': 'cat'}
FORGOTTEN = ('NO_COLOR', 'CLICOLOR', 'CLICOLOR_FORCE', 'FORCE_COLOR', 'COLORTERM', 'PAGER', 'TARSIER_THEME', 'TMUX')


def on_terminal(tarsier, *args, rows=200, columns=100, **variables):
    """The bytes that a terminal of this size gets, and the exit status."""
    environment = {name: value for name, value in os.environ.items() if name not in FORGOTTEN} | PLAIN | variables
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    child = os.fork()
    if child == 0:
        os.close(master)
        os.login_tty(slave) if hasattr(os, 'login_tty') else login(slave)
        os.execve(tarsier.path, [tarsier.path, *args], environment)
    os.close(slave)
    text = b''
    end = time.monotonic() + DEADLINE
    try:
        while select.select([master], [], [], max(0, end - time.monotonic()))[0]:
            try:
                part = os.read(master, 65536)
            except OSError:  # Linux: the last one has closed the terminal
                break
            if not part:
                break
            text += part
        else:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(master)
    return text.decode(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def login(slave):
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)


def test_pipes_get_no_sequence_and_the_same_each_time(tarsier):
    first, second = tarsier('term', 'demo'), tarsier('term', 'demo')
    assert first.returncode == 0
    assert (first.stdout, first.stderr) == (second.stdout, second.stderr)
    assert '\x1b' not in first.stdout + first.stderr
    assert 'evil\\x1b[2Jname' in first.stdout
    assert 'one: 100% (20/20)\n' in first.stderr


@pytest.mark.parametrize('args', [['modules'], ['help'], ['disk', '--help'], ['no-such-thing']])
def test_pipes_of_other_commands(tarsier, args):
    done = tarsier(*args)
    assert '\x1b' not in done.stdout + done.stderr


def test_demo_on_a_terminal(tarsier):
    text, status = on_terminal(tarsier, 'term', 'demo')
    assert status == 0
    assert '\x1b[48;5;231m' in text and '\x1b[107m' in text     # both tables
    assert '\x1b[48;5;196m' in text                             # the ramp, in what 256 colours have
    assert '48;2;' not in text
    assert text.count('\r\x1b[K') >= 14                         # every spinner went away
    assert re.search('\r\x1b\\[1A.*100%', text)                 # one bar drawn again in place
    assert '\r\x1b[3A' in text                                  # and three
    assert 'half of it is done' in text


def test_true_colour_and_themes(tarsier):
    text, _ = on_terminal(tarsier, 'term', 'demo', 'colours', COLORTERM='truecolor')
    assert '\x1b[48;2;255;0;0m' in text
    text, _ = on_terminal(tarsier, 'no-such-thing', COLORTERM='truecolor', TARSIER_THEME='dark')
    assert text.startswith('\x1b[1;38;2;255;107;107mtarsier:\x1b[0m there is no')


@pytest.mark.parametrize(('args', 'variables', 'coloured'), [
    ([], {}, True),
    ([], {'NO_COLOR': '1'}, False),
    ([], {'NO_COLOR': ''}, True),
    ([], {'TERM': 'dumb'}, False),
    ([], {'CLICOLOR': '0'}, False),
    ([], {'CLICOLOR': '0', 'CLICOLOR_FORCE': '1'}, True),
    (['--color=never'], {'CLICOLOR_FORCE': '1'}, False),
    (['--color', 'always'], {'NO_COLOR': '1', 'TERM': 'dumb'}, True),
])
def test_who_decides(tarsier, args, variables, coloured):
    text, status = on_terminal(tarsier, *args, 'no-such-thing', **variables)
    assert status == 3
    assert ('\x1b[' in text) == coloured


def test_color_flag(tarsier):
    assert '\x1b[1;31mtarsier:' in tarsier('--color=always', 'no-such-thing').stderr
    assert '\x1b[1mUsage:\x1b[0m' in tarsier('disk', '--color=always', '--help').stdout
    refused = tarsier('--color=sometimes', 'modules')
    assert refused.returncode == 2
    assert 'auto, always or never' in refused.stderr
    assert tarsier('disk', '--color', 'sometimes').returncode == 2


def test_a_terminal_that_is_dumb_gets_lines(tarsier):
    text, _ = on_terminal(tarsier, 'term', 'demo', 'bars', TERM='dumb')
    assert '\x1b' not in text
    assert 'one: 50% (10/20)' in text


def test_modules_fit_the_terminal(tarsier):
    text, _ = on_terminal(tarsier, 'modules', columns=60, NO_COLOR='1')
    lines = text.replace('\r', '').splitlines()
    assert lines[0].startswith('MODULE ')
    assert len(lines) > 5
    assert max(map(len, lines)) <= 60
    assert any(line.endswith('…') for line in lines)


def test_pager(tarsier):
    marked, _ = on_terminal(tarsier, 'help', rows=10, TARSIER_PAGER='sed s/^/>/')
    assert all(line.startswith('>') for line in marked.replace('\r', '').splitlines())
    short, _ = on_terminal(tarsier, 'help', rows=500, TARSIER_PAGER='sed s/^/>/')
    assert not short.startswith('>')
    left, status = on_terminal(tarsier, 'help', rows=10, TARSIER_PAGER='head -n 2')
    assert status == 0
    assert len(left.splitlines()) == 2
    missing, status = on_terminal(tarsier, 'help', rows=10, TARSIER_PAGER='no-such-pager')
    assert status == 0
    assert 'Commands:' in missing


def test_tables_are_paged_and_json_is_not(tarsier):
    table, status = on_terminal(tarsier, 'ps', '--format', 'table', rows=3, TARSIER_PAGER='sed s/^/>/')
    assert status == 0
    assert table.startswith('>')
    text, status = on_terminal(tarsier, 'ps', '--json', rows=3, TARSIER_PAGER='sed s/^/>/')
    assert status == 0
    assert text.startswith('{')
