"""`tarsier -m NAME` as the documented agent, and the command line around it: good and bad input, stop, privacy, exit codes."""
import json
import os
import pathlib
import pty
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import jsonschema
import pytest

GOOD = '{"class":"parameters","parameters":{"gethostname":true}}'
REFUSED = '{"foundanything":false,"success":false,"elements":null,"statistics":null,"errors":["%s"]}\n'


def ask(tarsier, text, module='example', *args):
    done = tarsier('-m', module, *args, input=text)
    assert done.returncode == 0
    assert done.stdout.count('\n') == 1 and done.stdout.endswith('\n')
    return done.stdout


def test_envelope_keeps_its_order(tarsier):
    text = ask(tarsier, GOOD)
    assert list(json.loads(text)) == ['foundanything', 'success', 'elements', 'statistics', 'errors']
    value = json.loads(text)
    assert value == {'foundanything': True, 'success': True, 'elements': {'hostname': os.uname().nodename},
                     'statistics': {'stufffound': 1}, 'errors': None}


def test_documented_example(tarsier):
    value = json.loads(ask(tarsier, '{"class":"parameters", "parameters":{"gethostname": true, "getaddresses": true, '
                                    '"lookuphost": ["localhost"]}}'))
    assert set(value['elements']) <= {'hostname', 'addresses', 'lookeduphost'}
    assert set(value['elements']['lookeduphost']['localhost']) & {'127.0.0.1', '::1'}
    assert all('/' in address for address in value['elements'].get('addresses', []))
    assert value['statistics']['stufffound'] == 1 + len(value['elements'].get('addresses', []))


@pytest.mark.parametrize('text', [
    GOOD, GOOD + '\n', GOOD + '\r\n', ' ' + GOOD + ' \n', GOOD + '\nrubbish\n', GOOD + '\n{"class":"ping"}\n',
    '{"CLASS":"parameters","PARAMETERS":{"GETHOSTNAME":true}}', '{"Class":"parameters","Parameters":{"GetHostName":true}}',
    '{"class":"parameters","nope":1,"parameters":{"gethostname":true,"nope":{"a":[1]}}}',
    '{"class":"parameters","parameters":{"gethostname":false,"gethostname":true}}',
    '{"class":"parameters","parameters":{"gethostname":true,"x":99999999999999999999}}',
    '{"class":"parameters","parameters":{"gethostname":false,"GETHOSTNAME":true}}'])
def test_good_input(tarsier, text):
    assert json.loads(ask(tarsier, text))['elements'] == {'hostname': os.uname().nodename}


@pytest.mark.parametrize('text', ['{"class":"parameters"}', '{"class":"parameters","parameters":null}',
                                  '{"class":"parameters","parameters":{}}',
                                  '{"class":"parameters","parameters":{"gethostname":null,"lookuphost":null}}'])
def test_absent_parameters_are_zero(tarsier, text):
    assert json.loads(ask(tarsier, text)) == {'foundanything': False, 'success': True, 'elements': {},
                                              'statistics': {'stufffound': 0}, 'errors': None}


@pytest.mark.parametrize('text, error', [
    ('', 'ReadInputParameters() -> ReadInput() -> EOF'),
    ('\n', 'ReadInputParameters() -> ReadInput() -> EOF'),
    ('{"class":"stop"}', 'ReadInputParameters() -> unexpected input is not module parameters'),
    ('{"class":"PARAMETERS","parameters":{}}', 'ReadInputParameters() -> unexpected input is not module parameters'),
    ('{"parameters":{}}', 'ReadInputParameters() -> unexpected input is not module parameters'),
    ('[]', 'ReadInputParameters() -> unexpected input is not module parameters'),
    ('{"class":"parameters","parameters":[]}', 'expected an object, found a list'),
    ('{"class":"parameters","parameters":{"gethostname":"yes"}}', 'gethostname: expected true or false, found a string'),
    ('{"class":"parameters","parameters":{"lookuphost":["a b"]}}',
     'lookuphost[0]: ValidateParameters: LookupHost parameter is not a valid FQDN.'),
    ('{"class":"parameters","parameters":{"lookuphost":[null]}}',
     'lookuphost[0]: ValidateParameters: LookupHost parameter is not a valid FQDN.')])
def test_refused_input(tarsier, text, error):
    assert ask(tarsier, text) == REFUSED % error


@pytest.mark.parametrize('text', ['{', '{"class":"parameters"', 'nonsense', '{"class":"parameters",}', '\x00', GOOD + '\x00',
                                  GOOD + GOOD, '[' * 100000, '{"class":"parameters","parameters":' + '{"a":' * 3000,
                                  '{"class":"parameters","parameters":{"x":1e999}}', '"\\ud800"'])
def test_malformed_json(tarsier, text):
    value = json.loads(ask(tarsier, text))
    assert not value['success'] and value['elements'] is None
    assert value['errors'][0].startswith('ReadInputParameters() -> ')


def test_unknown_module(tarsier):
    assert ask(tarsier, GOOD, 'nope') == '{"errors":["module \'nope\' is not available"]}\n'
    for name in ('../example', 'a' * 200, 'ex ample', ''):
        done = tarsier('-m', name, input=GOOD)
        assert done.returncode == (0 if name else 2)


def test_module_names_in_any_case(tarsier):
    assert ask(tarsier, GOOD, 'EXAMPLE') == ask(tarsier, GOOD)


def bounded():
    resource.setrlimit(resource.RLIMIT_DATA, (192 << 20, 192 << 20))


def test_eight_mebibytes_and_no_more(tarsier):
    room = (8 << 20) - len(GOOD) - 1
    assert json.loads(ask(tarsier, GOOD + ' ' * room + '\n'))['success']
    text = ask(tarsier, GOOD + ' ' * (8 << 20) + '\n')
    assert not json.loads(text)['success'] and '8388608' in text


def test_a_line_of_a_gigabyte(tarsier):
    """It is refused after eight mebibytes: the rest is not even read."""
    with subprocess.Popen([tarsier.path, '-m', 'example'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          preexec_fn=bounded) as child:
        written = 0
        try:
            for _ in range(1024):
                child.stdin.write(b' ' * (1 << 20))
                written += 1
        except BrokenPipeError:
            pass
        assert written < 32
        assert b'a line of more than 8388608 bytes' in child.stdout.read()
        try:
            child.stdin.close()
        except BrokenPipeError:
            pass


def test_a_million_keys_and_names(tarsier):
    keys = '{"class":"parameters","parameters":{%s}}' % ','.join('"%x":1' % i for i in range(700000))
    text = ask(tarsier, keys)  # unknown ones are ignored, unless the module's memory is too small for them
    assert json.loads(text)['success'] or 'memory' in text
    names = '{"class":"parameters","parameters":{"lookuphost":[%s]}}' % ','.join(['"a"'] * 1000000)
    assert ask(tarsier, names) in (REFUSED % 'lookuphost: 1000000 items are too many, at most 100 are allowed',
                                   REFUSED % ('ReadInputParameters() -> ReadInput() -> no memory for %d bytes of JSON'
                                              % len(names)))


def test_stop_in_the_same_write(tarsier):
    text = ask(tarsier, GOOD + '\n{"class":"stop"}\n')
    value = json.loads(text)
    assert value['success'] or value['partial'] == 'stopped'


def modules(tarsier):
    return [module for module in json.loads(tarsier('modules', '--json').stdout) if not module['foreign']]


def test_text_output_is_the_documents(tarsier):
    done = tarsier('example', '--gethostname', '--getaddresses', '--lookuphost', 'localhost')
    value = tarsier.json('example', '--gethostname', '--getaddresses', '--lookuphost', 'localhost')
    lines = ['hostname is ' + value['elements']['hostname']]
    lines += ['address is ' + address for address in value['elements'].get('addresses', [])]
    lines += ['lookedup host localhost has IP ' + address for address in value['elements']['lookeduphost']['localhost']]
    lines += ['stat: %d stuff found' % value['statistics']['stufffound']]
    assert done.stdout.splitlines() == lines
    assert done.stderr == '' and done.returncode == 0
    assert tarsier('example', '--gethostname', '--results-only').stdout.splitlines() == lines[:1]


@pytest.mark.parametrize('arguments, status, talk', [
    (('exmaple',), 3, 'did you mean example?'),
    (('hepl',), 3, 'did you mean help?'),
    (('qqqqqq',), 3, 'there is no module or command "qqqqqq"; `tarsier help` lists them'),
    (('example', '--gethostnam'), 2, 'unknown flag --gethostnam; did you mean --gethostname?'),
    (('example', 'word'), 2, 'unexpected argument "word"'),
    (('example', '--lookuphost'), 2, 'needs a value'),
    (('example', '--lookuphost', 'a b'), 2, 'lookuphost[0]: '),
    (('example', '--format', 'nope'), 2, '--format'),
    (('example', '--max-time', '-1s'), 2, 'max_time'),
    (('-m',), 2, 'usage: '),
    (('-m', 'a', 'b'), 2, 'usage: '),
    (('schema',), 2, 'usage: '),
    (('schema', 'nope'), 3, 'not available'),
    (('modules', 'x'), 2, 'unexpected argument'),
    (('worker', 'example'), 2, 'by a parent')])
def test_misuse_is_talk_and_a_status(tarsier, arguments, status, talk):
    done = tarsier(*arguments)
    assert done.returncode == status
    assert done.stdout == ''  # standard output is data
    assert talk in done.stderr


@pytest.mark.parametrize('form', ['json', 'table', 'lines', 'csv', 'tsv'])
def test_formats(tarsier, form):
    done = tarsier('example', '--gethostname', '--format', form)
    if done.returncode == 2:
        pytest.skip('needs format ' + form)
    assert done.returncode == 0 and os.uname().nodename in done.stdout
    if form == 'json':
        assert json.loads(done.stdout)['success']


def test_a_full_disk_is_an_error(tarsier):
    for arguments in (('example', '--gethostname'), ('example', '--gethostname', '--json'), ('modules',), ('help',)):
        with open('/dev/full', 'w') as full:
            done = subprocess.run([tarsier.path, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode != 0 and done.stderr


def test_help_in_three_ways(tarsier):
    text = tarsier('example', '--help').stdout
    assert '--lookuphost' in text and '--max-time' in text
    assert tarsier('example', 'help').stdout == text
    assert tarsier('help', 'example').stdout == text
    assert tarsier('example', '-h').stdout == text


def test_interactive(tarsier):
    master, slave = pty.openpty()
    with subprocess.Popen([tarsier.path, 'example', '--interactive', '--json'], stdin=slave, stdout=subprocess.PIPE,
                          stderr=slave, close_fds=True) as child:
        os.close(slave)
        os.write(master, b'yes\nno\nlocalhost\n\n\n')
        value = json.loads(child.stdout.read())
        assert child.wait() == 0
    os.close(master)
    assert value['elements']['hostname'] == os.uname().nodename
    assert 'localhost' in value['elements']['lookeduphost']


def test_no_module_is_a_command(tarsier):
    text = tarsier('help').stdout
    commands = [line.split()[0] for line in text.split('Commands:')[1].split('Modules:')[0].splitlines() if line.strip()]
    names = [module['name'] for module in modules(tarsier)]
    assert not set(commands) & set(names)
    assert len(set(names)) == len(names) and names == sorted(names)


# ---- every module of this installation ----

def test_every_module_has_its_pages(tarsier):
    for module in modules(tarsier):
        name = module['name']
        for result in (False, True):
            schema = json.loads(tarsier('schema', name, *(['--result'] if result else [])).stdout)
            jsonschema.Draft202012Validator.check_schema(schema)
        page = tarsier('help', name)
        assert page.returncode == 0 and module['summary'] in ' '.join(page.stdout.split()), name
        flags = [word.strip(',;().') for line in page.stdout.splitlines() if line.startswith(' ')
                 for word in line.split()]
        flags += [both for flag in flags if flag.startswith('--[no-]') for both in ('--' + flag[7:], '--no-' + flag[7:])]
        manual = tarsier('man', name).stdout
        compiled = subprocess.run(['scdoc'], input=manual, capture_output=True, text=True)
        assert compiled.returncode == 0, (name, compiled.stderr)
        offered = [line.split('\t')[0] for line in tarsier('__complete', '1', name, '-').stdout.splitlines()]
        properties = json.loads(tarsier('schema', name).stdout).get('properties', {})
        for flag in offered:
            if flag.startswith('--'):
                assert flag in flags, (name, flag)
        assert properties == {} or any(flag.startswith('--') for flag in offered), name
        assert '--json' in offered, name


def test_every_module_refuses_rubbish_alike(tarsier):
    for module in modules(tarsier):
        if module['kind'] != 'standard':
            continue
        name = module['name']
        assert ask(tarsier, '', name) == REFUSED % 'ReadInputParameters() -> ReadInput() -> EOF', name
        assert ask(tarsier, '{"class":"stop"}', name) == \
            REFUSED % 'ReadInputParameters() -> unexpected input is not module parameters', name
        value = json.loads(ask(tarsier, '{"class":"parameters","parameters":7}', name))
        assert value['errors'] == ['expected an object, found a number'], name
        done = tarsier(name, '--no-such-flag-at-all')
        assert done.returncode == 2 and done.stdout == '' and 'unknown flag' in done.stderr, name


def test_kill_9_of_the_worker_at_any_point(tarsier):
    """Whenever it comes, an envelope comes, the parent ends by itself and leaves nothing behind."""
    message = b'{"class":"parameters","parameters":{"gethostname":true,"getaddresses":true,"lookuphost":["localhost"]}}'
    killed = whole = 0
    for turn in range(200):
        with subprocess.Popen([tarsier.path, '-m', 'example'], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
            parent.stdin.write(message)
            parent.stdin.close()
            children = '/proc/%d/task/%d/children' % (parent.pid, parent.pid)
            seen = None
            while parent.poll() is None and not seen:
                try:
                    seen = open(children).read().split()
                except OSError:
                    break
            for _ in range(turn * 40):  # a little later each time
                pass
            for child in seen or []:
                try:
                    os.kill(int(child), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            out = parent.stdout.read()
            assert parent.wait(timeout=30) == 0
        value = json.loads(out)
        assert list(value)[:5] == ['foundanything', 'success', 'elements', 'statistics', 'errors']
        whole += value['success']
        killed += not value['success']
    assert killed + whole == 200 and killed > 0


@pytest.fixture
def directory():
    """Where an unprivileged user can read what stands there."""
    path = pathlib.Path(tempfile.mkdtemp(prefix='tarsier-modules-'))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_signals_stop_the_run_and_keep_the_result(tarsier, directory):
    """SIGINT while a foreign program works: an envelope with what there is."""
    program = directory / 'sleeper'
    naptime = f'1000.{os.getpid()}'  # nobody else's
    program.write_text('#!/bin/sh\nif [ "${1:-}" = --describe ]; then\n'
                       'echo \'{"name":"sleeper","summary":"sleep","shape":"list"}\'; exit; fi\nexec sleep ' + naptime + '\n')
    program.chmod(0o755)
    environment = dict(os.environ, TARSIER_MODULES_DIR=str(directory))
    for stop in ('message', 'signal', 'time'):
        arguments = ['sleeper', '--json', '--max-time', '100ms'] if stop == 'time' else ['-m', 'sleeper']
        with subprocess.Popen([tarsier.path, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env=environment) as parent:
            if stop != 'time':
                parent.stdin.write(b'{"class":"parameters"}\n')
                parent.stdin.flush()
                deadline = time.monotonic() + 30
                while time.monotonic() < deadline and not any_child_is(parent.pid, sleeping(naptime)):
                    pass
            if stop == 'message':
                parent.stdin.write(b'{"class":"stop"}\n')
                parent.stdin.flush()
            elif stop == 'signal':
                parent.send_signal(signal.SIGINT)
            value = json.loads(parent.stdout.read())
            assert parent.wait(timeout=30) == (0 if stop != 'time' else 7)
        assert not value['success'] and value['errors']
        assert value['partial'] == {'message': 'stopped', 'signal': 'interrupted', 'time': 'out of time'}[stop]
    deadline = time.monotonic() + 30  # what was killed may take a moment to go
    while sleepers(naptime) and time.monotonic() < deadline:
        pass
    assert not sleepers(naptime)


def sleeping(naptime):
    return f'sleep\0{naptime}\0'.encode()


def sleepers(naptime):
    return [pid for pid in os.listdir('/proc') if pid.isdigit() and command_of(pid) == sleeping(naptime)]


def command_of(pid):
    try:
        with open('/proc/%s/cmdline' % pid, 'rb') as file:
            return file.read()
    except OSError:
        return b''


def any_child_is(pid, command):
    try:
        with open('/proc/%s/task/%s/children' % (pid, pid)) as file:
            children = file.read().split()
    except OSError:
        return False
    return any(command_of(child) == command or any_child_is(child, command) for child in children)
