"""In which form rows are shown: fields, JSON, templates, and what does not fit a terminal."""
import csv
import io
import json
import os

import pytest
from test_term import on_terminal


def own(tarsier, *args):
    """What ps tells of the test itself."""
    return tarsier('ps', '--pid', os.getpid(), *args)


def test_json_with_fields_is_the_rows_alone_in_their_order(tarsier):
    done = own(tarsier, '--json=ppid,pid,user')
    assert done.returncode == 0
    rows = json.loads(done.stdout)
    assert [list(row) for row in rows] == [['ppid', 'pid', 'user']]
    assert rows[0]['pid'] == os.getpid() and rows[0]['ppid'] == os.getppid()
    whole = json.loads(own(tarsier, '--json').stdout)
    assert whole['elements'][0]['pid'] == os.getpid() and 'statistics' in whole


def test_json_with_fields_of_one_object_is_that_object(tarsier):
    assert json.loads(tarsier('host', '--json=hostname').stdout) == {'hostname': os.uname().nodename}
    nested = json.loads(tarsier('host', '--json=os.id,hostname').stdout)
    assert list(nested) == ['os', 'hostname'] and list(nested['os']) == ['id']


def test_json_as_a_switch_stays_one(tarsier):
    assert 'elements' in json.loads(own(tarsier, '--json=true').stdout)
    assert own(tarsier, '--json=false').stdout.split()[0] == str(os.getpid())


@pytest.mark.parametrize('args', [['--json=pid,usr'], ['--fields', 'pid,usr'], ['--template', '{{pid}} {{usr}}']])
def test_an_unknown_field_is_told_before_the_run_with_the_nearest(tarsier, args):
    done = own(tarsier, *args)
    assert done.returncode == 2 and done.stdout == ''
    assert '"usr"; did you mean user?' in done.stderr
    assert 'statistics' not in done.stderr


@pytest.mark.parametrize('args', [
    ['--json=pid', '--fields', 'user'], ['--json=pid', '--format', 'csv'], ['--json=pid', '--template', '{{pid}}'],
    ['--format', 'csv', '--template', '{{pid}}'], ['--format', 'template'], ['--template', '{{pid'], ['--json=']])
def test_what_does_not_go_together(tarsier, args):
    done = own(tarsier, *args)
    assert done.returncode == 2 and done.stdout == '' and done.stderr.startswith('tarsier: ')


def test_templates(tarsier):
    pid = os.getpid()
    assert own(tarsier, '--template', '{{pid}}:{{.ppid}}').stdout == f'{pid}:{os.getppid()}\n'
    assert own(tarsier, '--template', r'a\tb{{pad pid 9}}|\n{{pad pid -9}}|').stdout == f'a\tb{pid:<9}|\n{pid:>9}|\n'
    row = json.loads(own(tarsier, '--template', '{{json .}}').stdout)
    assert row['pid'] == pid
    user = row['user']
    assert own(tarsier, '--format', 'template', '--template', '{{upper user}} {{json user}}').stdout == \
        f'{user.upper()} {json.dumps(user)}\n'
    both = own(tarsier, '--template', '{{rss}}|{{exact rss}}').stdout.strip().split('|')
    assert both[0].endswith('iB') and int(both[1]) > 1 << 20


def test_a_template_on_hostile_values(tarsier, tmp_path):
    (tmp_path / 'x\x1b[2J').write_text('')
    done = tarsier('file', '--path', tmp_path, '--name', 'x', '--template', '{{label}} {{file}} {{json file}}')
    assert done.returncode == 0 and '\x1b' not in done.stdout
    assert r'x\x1b[2J' in done.stdout and 's1 ' in done.stdout


def test_every_form_has_the_same_rows(tarsier):
    fields = 'path,total'
    forms = {form: tarsier('disk', '--fields', fields, '--format', form).stdout
             for form in ('json', 'ndjson', 'csv', 'yaml', 'table', 'lines')}
    rows = json.loads(forms['json'])
    assert [json.loads(line) for line in forms['ndjson'].splitlines()] == rows
    table = list(csv.DictReader(io.StringIO(forms['csv'])))
    assert [(row['path'], int(row['total'])) for row in table] == [(row['path'], row['total']) for row in rows]
    assert forms['yaml'].count('- path: ') == len(rows)
    assert len(forms['table'].splitlines()) == len(rows) + 1
    assert forms['lines'].count('path: ') == len(rows)
    plain = tarsier('disk', '--fields', fields, '--format', 'table', '--no-header').stdout
    assert len(plain.splitlines()) == len(rows) and 'PATH' not in plain


@pytest.mark.parametrize('columns', [40, 60, 80, 120, 200])
def test_a_table_fits_the_terminal_and_says_what_it_left_out(tarsier, columns):
    text, status = on_terminal(tarsier, 'ps', '--pid', str(os.getpid()), '--format', 'table', columns=columns,
                               NO_COLOR='1')
    assert status == 0
    lines = text.replace('\r', '').splitlines()
    table = lines[:2]
    assert table[0].split()[0] == 'PID' and str(os.getpid()) in table[1]
    assert max(map(len, table)) <= columns
    assert any('columns do not fit' in line for line in lines[2:])


def test_what_was_asked_for_is_shown_however_narrow(tarsier):
    text, _ = on_terminal(tarsier, 'ps', '--pid', str(os.getpid()), '--format', 'table', '--fields', 'exe,pid,comm,user',
                          columns=40, NO_COLOR='1')
    assert text.replace('\r', '').splitlines()[0].split() == ['EXE', 'PID', 'COMM', 'USER']
    assert 'do not fit' not in text


def test_a_pipe_gets_every_column(tarsier):
    done = own(tarsier, '--format', 'table')
    assert 'do not fit' not in done.stderr and len(done.stdout.splitlines()[0]) > 200


def paged(tarsier, *args, **options):
    """What the pager got. Rows are held for 300 ms: on a machine that is busy elsewhere a run may take longer than that."""
    for _ in range(20):
        text, status = on_terminal(tarsier, *args, rows=2, TARSIER_PAGER='sed s/^/>/', **options)
        assert status == 0
        if text.startswith('>'):
            break
    lines = text.replace('\r', '').splitlines()
    assert lines and all(line.startswith('>') for line in lines)
    return text


def test_own_lines_are_paged_when_they_end_at_once(tarsier):
    paged(tarsier, 'disk', '--all')
    paged(tarsier, 'report', '--area', 'kernel')  # another program prints
    short, _ = on_terminal(tarsier, 'disk', '/', rows=50, TARSIER_PAGER='sed s/^/>/')
    assert '>' not in short


def test_own_lines_that_go_on_are_shown_as_they_come(tarsier):
    text, status = on_terminal(tarsier, 'mem', '--count', '3', '--interval', '400ms', rows=3,
                               TARSIER_PAGER='sed s/^/>/')
    assert status == 0 and '>' not in text and text.count('Total') >= 3


def test_colours_of_a_module_go_through_the_pager(tarsier):
    checks = ['--check', 'memory-available', '--check', 'load']
    assert paged(tarsier, 'report', *checks).startswith('>\x1b[')
    assert '\x1b' not in paged(tarsier, 'report', *checks, NO_COLOR='1')


def test_paths_are_links_where_the_terminal_knows_them(tarsier):
    link = f'\x1b]8;;file://{os.uname().nodename}/usr/bin/env\x1b\\/usr/bin/env\x1b]8;;\x1b\\'
    args = ['stat', '/usr/bin/env', '--format', 'table', '--fields', 'path,size']
    text, _ = on_terminal(tarsier, *args, TERM='xterm-kitty')
    assert link in text
    for variables in ({}, {'TERM': 'xterm-kitty', 'TMUX': '/tmp/x'}, {'TERM': 'xterm-kitty', 'FORCE_HYPERLINK': '0'}):
        text, _ = on_terminal(tarsier, *args, **variables)
        assert '/usr/bin/env' in text and '\x1b]8' not in text
    assert '\x1b' not in tarsier(*args, env={**os.environ, 'TERM': 'xterm-kitty'}).stdout


# Each is printed by another program or another room: an area's program, a derived table, the agent's, this one.
COLOURED = [['report', '--check', 'load', '--check', 'memory-available'], ['disk', '--format', 'table'],
            ['runs', '--state', '/nonexistent'], ['no-such-thing'], ['disk', '--help']]
DECISIONS = [({}, True), ({'NO_COLOR': '1'}, False), ({'NO_COLOR': ''}, True), ({'TERM': 'dumb'}, False),
             ({'TERM': ''}, False), ({'CLICOLOR': '0'}, False), ({'CLICOLOR': '0', 'FORCE_COLOR': '1'}, True),
             ({'NO_COLOR': '1', 'CLICOLOR_FORCE': '1'}, False), ({'FORCE_COLOR': '0', 'TERM': 'dumb'}, False)]


def is_coloured(text):
    """A run that takes a while shows its progress, on a line that it erases: no colour."""
    return '\x1b[' in text.replace('\x1b[K', '')


@pytest.mark.parametrize(('variables', 'coloured'), DECISIONS)
@pytest.mark.parametrize('args', COLOURED, ids=lambda args: args[0])
def test_the_environment_decides_for_every_command_alike(tarsier, args, variables, coloured):
    text, _ = on_terminal(tarsier, *args, **variables)
    assert text and is_coloured(text) == coloured
    text, _ = on_terminal(tarsier, '--color=always', *args, **variables)
    assert is_coloured(text)
    text, _ = on_terminal(tarsier, '--color', 'never', *args, **variables)
    assert not is_coloured(text)


@pytest.mark.parametrize('args', COLOURED, ids=lambda args: args[0])
def test_pipes_get_colours_only_when_forced(tarsier, args):
    plain = {name: value for name, value in os.environ.items() if 'COLOR' not in name}
    done = tarsier(*args, env=plain)
    assert '\x1b' not in done.stdout + done.stderr
    done = tarsier(*args, env={**plain, 'CLICOLOR_FORCE': '1'})
    assert '\x1b[' in done.stdout + done.stderr


def test_the_list_of_modules_in_every_form(tarsier):
    whole = json.loads(tarsier('modules', '--json').stdout)
    assert json.loads(tarsier('modules', '--json=area,name').stdout) == \
        [{'area': module['area'], 'name': module['name']} for module in whole]
    rows = list(csv.DictReader(io.StringIO(tarsier('modules', '--format', 'csv').stdout)))
    assert [row['name'] for row in rows] == [module['name'] for module in whole]
    names = tarsier('modules', '--template', '{{name}}').stdout.split()
    assert names == [module['name'] for module in whole]
    assert tarsier('modules', '--fields', 'name', '--no-header', '--format', 'table').stdout.split() == names
    done = tarsier('modules', '--json=nmae')
    assert done.returncode == 2 and 'did you mean name?' in done.stderr
    assert tarsier('modules', '--jsn').returncode == 2
    assert 'Options:' in tarsier('modules', '--help').stdout
