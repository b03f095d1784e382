"""Completion of the commands: the same tables as --help, also of commands that are in other programs."""
import re
import shutil
import subprocess

import pytest

COMMANDS = ['serve', 'status', 'runs', 'saved', 'top', 'modules', 'schema', 'spawn', 'term']


def offered(tarsier, *words):
    """What is offered for the last word."""
    done = tarsier('__complete', len(words) - 1, *words)
    assert done.returncode == 0 and done.stderr == '', done.stderr
    return [line.split('\t')[0] for line in done.stdout.splitlines()]


def flags_of(page):
    """All flags that a help page shows: `-n, --limit N`, `--[no-]hash`."""
    flags = set(re.findall(r'(?<![\w-])--[a-z][\w-]*', page))
    for name in re.findall(r'--\[no-\]([\w-]+)', page):
        flags |= {'--' + name, '--no-' + name}
    return flags


def test_the_first_word(tarsier):
    assert set(COMMANDS) <= set(offered(tarsier, ''))
    assert 'example' in offered(tarsier, '') and offered(tarsier, 'versi') == ['version']
    assert offered(tarsier, '--ag') == ['--agent'] and '--verbose' in offered(tarsier, '-')


@pytest.mark.parametrize('command', COMMANDS)
def test_flags_of_a_command(tarsier, command):
    page = tarsier(command, '--help')
    assert page.returncode == 0 and page.stderr == ''
    offers = offered(tarsier, command, '--')
    assert '--help' in offers and len(offers) == len(set(offers))
    assert set(offers) - {'--help'} <= flags_of(page.stdout)
    # and the other way: nothing that help tells is missing
    options = {flag for line in page.stdout.splitlines() if re.match(r'\s+(-\w, )?--', line)
               for flag in flags_of(line.split('  ')[1] if line.startswith('  ') else line)}
    assert options - {'--help'} <= set(offers) | {'--no-' + o[2:] for o in offers} | {'--' + o[5:] for o in offers}
    assert tarsier('help', command).stdout == page.stdout
    # what begins as it was typed, and what was given is not offered again
    if command not in ('schema', 'term'):
        one = next(o for o in offers if o != '--help')
        assert one in offered(tarsier, command, one[:4])
    if '--state' in offers:
        assert '--state' not in offered(tarsier, command, '--state', '/x', '--')


@pytest.mark.parametrize('words, values', [
    (('serve', '--log-level', ''), ['error', 'warning', 'notice', 'info', 'debug']),
    (('serve', '--log-level=n'), ['--log-level=notice']),
    (('runs', '--format', 'js'), ['json']),
    (('runs', '--only', ''), ['running', 'completed', 'lost']),
    (('runs', 'ver'), ['verify']),
    (('saved', ''), ['list', 'show', 'put', 'delete', 'run']),
    (('saved', 'd'), ['delete']),
    (('top', '--theme', ''), ['dark', 'light', 'high-contrast', 'mono']),
    (('top', '--color', ''), ['auto', 'always', 'never']),
    (('modules', '--format', 'tab'), ['table']),
    (('term', ''), ['demo']),
    (('term', 'demo', 'ta'), ['tables']),
    (('--color', 'al'), ['always']),
    (('--color', 'always', 'versi'), ['version']),
    (('--verbose', 'serve', '--log-level', 'e'), ['error']),
])
def test_values(tarsier, words, values):
    assert [v for v in offered(tarsier, *words) if not v.startswith('--') or '=' in v] == values


def test_every_value_that_is_offered_is_taken(tarsier, tmp_path):
    for theme in offered(tarsier, 'top', '--theme', ''):
        assert 'theme' not in tarsier('top', '--theme', theme, '--replay', tmp_path / 'none', '--once').stderr
    assert 'theme' in tarsier('top', '--theme', 'nonsense', '--replay', tmp_path / 'none', '--once').stderr
    source = (tarsier.source / 'src' / 'tui' / 'views')
    views = {re.search(r'^        \.name = "(\w+)"', file.read_text(), re.M) for file in source.glob('view_*.c')}
    assert set(offered(tarsier, 'top', '--view', '')) == {found[1] for found in views if found}


@pytest.mark.parametrize('words', [('serve', '--config', ''), ('top', '--replay', ''), ('spawn', '--secret-file', ''),
                                   ('spawn', '--', '')])
def test_files(tarsier, words):
    assert offered(tarsier, *words) == ['<file>']


def test_modules_behind_commands(tarsier):
    assert 'example' in offered(tarsier, 'schema', '') and 'serve' not in offered(tarsier, 'schema', '')
    assert {'example', 'serve'} <= set(offered(tarsier, 'help', ''))


def test_numbers_that_are_none(tarsier):
    for index in ('', 'x', '-1', '99999999999999999999', '5000'):
        assert tarsier('__complete', index, 'serve').returncode == 2
    assert tarsier('__complete', '3', 'serve').stdout == ''
    assert tarsier('__complete').returncode == 2


@pytest.mark.skipif(not shutil.which('bash'), reason='needs bash')
def test_through_bash(tarsier):
    """The script as a shell calls it."""
    script = '''source packaging/completions/tarsier.bash
        COMP_WORDS=("$TARSIER_PROGRAM" serve --log-level ''); COMP_CWORD=3; COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
        _tarsier; printf '%s\\n' "${COMPREPLY[@]}"
        COMP_WORDS=("$TARSIER_PROGRAM" top --th); COMP_CWORD=2; _tarsier; printf '%s\\n' "${COMPREPLY[@]}"'''
    done = subprocess.run(['bash', '--norc', '-c', script], capture_output=True, text=True, cwd=tarsier.source,
                          env={'PATH': '/usr/bin:/bin', 'TARSIER_PROGRAM': tarsier.path})
    assert done.stdout.split() == ['error', 'warning', 'notice', 'info', 'debug', '--theme'], done.stderr


def test_help_of_spawn_behind_its_options(tarsier):
    """Everywhere before the program, whose own words are left alone."""
    page = tarsier('spawn', '--help').stdout
    assert '--timeout' in page
    for words in (['-h'], ['--timeout', '5s', '--help'], ['--no-protocol', '--config', 'a=b', '-h']):
        assert tarsier('spawn', *words).stdout == page, words
    assert tarsier('spawn', '--no-protocol', '--', 'echo', 'x', '--help').stdout == 'x --help\n'
