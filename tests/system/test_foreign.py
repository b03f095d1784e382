"""Third parties' modules: the two examples, and programs that mean harm."""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'examples' / 'modules'
DESCRIPTION = '{"name":"%s","summary":"a test","shape":"list","parameters":{"fields":[%s]},"element":{"fields":[' \
    '{"name":"file","type":"path","private":true},{"name":"size","type":"int"}]},' \
    '"statistics":{"fields":[{"name":"owner","type":"string","private":true}]}}'


@pytest.fixture
def directory():
    """Where an unprivileged user can read what stands there."""
    path = pathlib.Path(tempfile.mkdtemp(prefix='tarsier-modules-'))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def foreign(tarsier, directory):
    def run(*args, **options):
        options.setdefault('env', dict(os.environ, TARSIER_MODULES_DIR=str(directory)))
        return tarsier(*args, timeout=60, **options)
    return run


@pytest.fixture
def write(directory):
    def put(name, body, described=None, fields=''):
        path = directory / name
        described = DESCRIPTION % (name, fields) if described is None else described
        path.write_text("#!/bin/sh\nif [ \"${1:-}\" = --describe ]; then cat <<'EOF'\n%s\nEOF\nexit 0; fi\n%s\n"
                        % (described, body))
        path.chmod(0o755)
        return path
    return put


@pytest.fixture
def examples(directory):
    for name in ('greet', 'largest'):
        shutil.copy(EXAMPLES / name, directory / name)
        (directory / name).chmod(0o755)


def envelope(rows, **more):
    return json.dumps({'foundanything': bool(rows), 'success': True, 'elements': rows, 'statistics': None, 'errors': None,
                       **more})


def answer(foreign, name, message='{"class":"parameters"}', *args):
    done = foreign('-m', name, *args, input=message)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize('size', [10, 4096, 300_000])
def test_what_it_says_on_stderr_is_passed_on(foreign, write, size):
    write('talker', f"""read -r line; head -c {size} /dev/zero | tr '\\0' x >&2
        echo '{envelope([{'file': '/x', 'size': 1}])}'""")
    done = foreign('-m', 'talker', input='{"class":"parameters"}')
    assert done.returncode == 0 and json.loads(done.stdout)['success'], done.stdout
    assert done.stderr == 'x' * size


def test_what_it_says_last_reaches_a_slow_reader(tarsier, write, directory):
    """More than one pipe holds, and it has ended before the first byte is read."""
    write('talker', f"""read -r line; head -c 120000 /dev/zero | tr '\\0' x >&2
        echo '{envelope([{'file': '/x', 'size': 1}])}'""")
    with subprocess.Popen([tarsier.path, 'talker', '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=dict(os.environ, TARSIER_MODULES_DIR=str(directory))) as run:
        assert select.select([run.stderr], [], [], 60)[0]  # it has begun
        children = pathlib.Path(f'/proc/{run.pid}/task/{run.pid}/children')
        deadline = time.monotonic() + 60
        while children.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert run.stderr.read() == b'x' * 120000
        assert json.loads(run.stdout.read())['success']


def test_nobody_reads_what_it_says(tarsier, write, directory):
    """The pipe is full: the module waits, and its time runs out as ever."""
    write('talker', 'read -r line; head -c 1000000 /dev/zero >&2')
    reader, writer = os.pipe()
    try:
        done = subprocess.run([tarsier.path, 'talker', '--json', '--max-time', '1s'], stdout=subprocess.PIPE, stderr=writer,
                              stdin=subprocess.DEVNULL, env=dict(os.environ, TARSIER_MODULES_DIR=str(directory)), timeout=60)
        assert done.returncode == 7 and json.loads(done.stdout)['partial'] == 'out of time'
    finally:
        os.close(reader)
        os.close(writer)


def test_the_examples(foreign, examples, tmp_path):
    assert answer(foreign, 'greet', '{"class":"parameters","parameters":{"who":"Ada"}}')['elements'] == \
        {'greeting': 'hello Ada'}
    assert foreign('greet').stdout == 'greeting: hello world\n'
    sizes = [5000, 400, 30, 2]
    tree = pathlib.Path(tempfile.mkdtemp())
    tree.chmod(0o755)
    for size in sizes:
        (tree / str(size)).write_bytes(b'x' * size)
    done = foreign('largest', '--count', '3', str(tree), '--json')
    value = json.loads(done.stdout)
    assert [row['size'] for row in value['elements']] == sizes[:3]
    assert value['statistics'] == {'files': 4}
    masked = json.loads(foreign('largest', str(tree), '--privacy', '--json').stdout)
    assert {row['file'] for row in masked['elements']} == {'masked'}
    shutil.rmtree(tree)
    assert 'largest files below a directory' in foreign('largest', '--help').stdout
    assert foreign('largest').returncode == 2  # path is required
    assert foreign('largest', '--count', '0', '/').returncode == 2
    listed = {module['name']: module for module in json.loads(foreign('modules', '--json').stdout)}
    assert listed['greet']['foreign'] and listed['largest']['foreign'] and listed['greet']['role'] == 'viewer'


def test_described_as_nobody_and_locked(foreign, write, directory):
    """The description itself tells what the program could do."""
    path = write('probe', 'true')
    path.write_text('''#!/usr/bin/python3
import json, os, socket, sys
def can(act):
    try:
        act()
        return 'yes'
    except OSError:
        return 'no'
text = 'uid %d, write %s, inet %s, fds %s' % (os.getuid(), can(lambda: open('/tmp/tarsier-probe', 'w')),
    can(lambda: socket.socket()), len(os.listdir('/proc/self/fd')) <= 4)
print(json.dumps({"name": "probe", "summary": text, "shape": "list"}))
''')
    summary = next(module['summary'] for module in json.loads(foreign('modules', '--json').stdout)
                   if module['name'] == 'probe')
    uid = 65534 if os.geteuid() == 0 else os.geteuid()
    assert summary == 'uid %d, write no, inet no, fds True' % uid


def test_a_run_writes_nothing_and_holds_nothing_of_ours(foreign, write, directory):
    target = directory / 'written'
    write('writer', 'read -r line; echo x > %s 2>/dev/null && w=1 || w=0; n=$(ls /proc/self/fd | wc -l)\n'
          'printf \'{"foundanything":true,"success":true,"elements":[{"file":"w%%s","size":%%s}]}\' $w $n' % target)
    value = answer(foreign, 'writer')
    assert value['elements'][0]['file'] == 'w0' and value['elements'][0]['size'] <= 5
    assert not target.exists()


@pytest.mark.parametrize('mode', [0o775, 0o757])
def test_wrong_mode(foreign, write, mode):
    write('loose', 'true').chmod(mode)
    done = foreign('loose')
    assert done.returncode == 4 and 'can be written by others' in done.stderr
    assert 'can be written by others' in answer(foreign, 'loose')['errors'][0]


def test_wrong_owner_or_directory(foreign, write, directory):
    if os.geteuid() != 0:
        pytest.skip('needs root')
    path = write('owned', 'true')
    os.chown(path, 65534, 0)
    done = foreign('owned')
    assert done.returncode == 4 and 'belongs to user 65534' in done.stderr
    os.chown(path, 0, 0)
    directory.chmod(0o777)
    assert foreign('owned').returncode == 4
    directory.chmod(0o755)
    path.chmod(0o644)
    assert foreign('owned').returncode == 2


def test_names_that_are_taken(foreign, write, directory):
    write('example', 'true')
    write('schema', 'true')
    write('Bad_Name', 'true')
    done = foreign('modules', '--json')
    names = [module['name'] for module in json.loads(done.stdout)]
    assert names.count('example') == 1 and 'schema' not in names and 'Bad_Name' not in names
    assert 'there is a module of that name already' in done.stderr
    assert '"schema" is a command' in done.stderr
    assert not next(module for module in json.loads(done.stdout) if module['name'] == 'example')['foreign']
    assert '"schema" is a command' in answer(foreign, 'schema')['errors'][0]


@pytest.mark.parametrize('body, why', [
    ('exec sleep 1000', 'no description within 5 seconds'),
    ('exec yes', 'a description of more than 1048576 bytes'),
    ('exec head -c 5000 /dev/urandom', ''),
    ('exit 0', 'line 1'),
    ('echo "{}"; exit 1', 'exit status 1'),
    ('echo "[]"', 'a description is a JSON object'),
    ('echo "{}"', 'name: must be'),
    ('echo \'{"name":"other","summary":"x"}\'', 'describes itself as "other"'),
    ('echo \'{"name":"hostile"}\'', 'summary: required'),
    ('echo \'{"name":"hostile","summary":"x","persistent":true}\'', 'cannot keep running'),
    ('echo \'{"name":"hostile","summary":"x","shape":"cube"}\'', 'shape: "cube" is not known'),
    ('echo \'{"name":"hostile","summary":"x","parameters":{"fields":[{"name":"a","type":"int","help":"h"},'
     '{"name":"b","type":"int","help":"h","option":"a"}]}}\'', 'flag --a'),
    ('printf \'{"name":"hostile","summary":"\\033[2J"}\'', ''),
    ('(sleep 1000 &) ; echo \'{"name":"hostile"\'', ''),
])
def test_hostile_descriptions(foreign, directory, body, why):
    path = directory / 'hostile'
    path.write_text('#!/bin/sh\n%s\n' % body)
    path.chmod(0o755)
    done = foreign('hostile')
    assert done.returncode != 0 and done.stdout == ''
    assert why in done.stderr and '\033' not in done.stderr
    deadline = time.monotonic() + 30  # what was killed may take a moment to go
    while left_behind() and time.monotonic() < deadline:
        pass
    assert not left_behind()


def left_behind():
    return [pid for pid in os.listdir('/proc') if pid.isdigit() and command_of(pid) in (b'sleep\x001000\x00', b'yes\x00')]


def command_of(pid):
    try:
        with open('/proc/%s/cmdline' % pid, 'rb') as file:
            return file.read()
    except OSError:
        return b''


@pytest.mark.parametrize('body, why', [
    ('exit 7', 'printed no result (status 7)'),
    ('kill -9 $$', 'printed no result (status 137)'),
    ('echo nonsense', 'the result is not JSON'),
    ('echo "{}"', 'the result is no envelope'),
    ('echo \'{"success":true,"elements":{}}\'', 'elements: a list was expected'),
    ('exec yes', 'printed more than 8388608 bytes'),
    ('echo \'{"success":true}\'; exec >&-; exec sleep 1000', None),
])
def test_bad_runs(foreign, write, body, why):
    write('bad', body)
    value = answer(foreign, 'bad')
    if why:
        assert not value['success'] and why in value['errors'][0]
    else:
        assert value['success']


def test_a_whole_answer_passes(foreign, write):
    write('good', "read -r line\ncat <<'EOT'\n%s\nEOT" % envelope(
        [{'file': '/a', 'size': 1}, {'file': '', 'size': 2}], statistics={'owner': 'ada'}, errors=['soft'], partial='tired',
        skipped=[{'path': '/secret', 'reason': 'locked'}]))
    assert answer(foreign, 'good') == {
        'foundanything': True, 'success': True, 'elements': [{'file': '/a', 'size': 1}, {'file': '', 'size': 2}],
        'statistics': {'owner': 'ada'}, 'errors': ['soft'], 'partial': 'tired',
        'skipped': [{'path': '/secret', 'reason': 'locked'}]}
    masked = answer(foreign, 'good', '{"class":"parameters"}', '--privacy')
    assert masked['elements'] == [{'file': 'masked', 'size': 1}, {'file': '', 'size': 2}]
    assert masked['statistics'] == {'owner': 'masked'}
    assert masked['skipped'] == [{'path': 'masked', 'reason': 'locked'}]


def test_large_messages_and_answers(foreign, write):
    write('echoes', 'read -r line; printf \'{"success":true,"foundanything":true,"elements":[{"size":%s}]}\' ${#line}')
    message = '{"class":"parameters","parameters":{"x":"%s"}}' % ('y' * 3000000)
    assert answer(foreign, 'echoes', message)['elements'] == [{'size': len(message)}]
    write('many', 'read -r line; printf \'{"success":true,"foundanything":true,"elements":[{"size":1}\'\n'
          'i=0; while [ $i -lt 20000 ]; do printf \',{"size":%s}\' $i; i=$((i+1)); done; printf "]}"')
    assert len(answer(foreign, 'many')['elements']) == 20001


def test_stop_reaches_the_program(foreign, write):
    """It is told on its standard input, and what it says then is the result."""
    write('listens', 'read -r line\nread -r stop\necho \'%s\'' % envelope([{'file': '/x', 'size': 1}], partial='stopped'))
    value = json.loads(foreign('listens', '--json', '--max-time', '300ms').stdout)
    assert value['elements'] == [{'file': '/x', 'size': 1}]
    assert value['partial'] == 'out of time' and not value['success']


WORDS_THAT_NEED_A_CPU = '''#!/usr/bin/python3
import os, sys, time
if '--describe' in sys.argv:
    print(%r)
    sys.exit()
sys.stdin.readline()
print('ready', file=sys.stderr, flush=True)
sys.stdin.readline()
if os.fork():  # a shell would wait like that for what it runs
    os.wait()
    sys.exit()
began = time.process_time()
while time.process_time() - began < 0.02:
    pass
print(%r)
'''


def test_a_stop_on_a_host_that_has_no_cpu_to_give(tarsier, directory):
    """What the program does to obey takes little, and it gets a fifth of a CPU: it is heard all the same."""
    (directory / 'busy').write_text(WORDS_THAT_NEED_A_CPU % (DESCRIPTION % ('busy', ''), envelope([{'file': '/x', 'size': 1}])))
    (directory / 'busy').chmod(0o755)
    cpu = str(min(os.sched_getaffinity(0)))
    others = [subprocess.Popen(['taskset', '-c', cpu, sys.executable, '-c', 'while True: pass']) for _ in range(4)]
    try:
        with subprocess.Popen(['taskset', '-c', cpu, tarsier.path, 'busy', '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env=dict(os.environ, TARSIER_MODULES_DIR=str(directory))) as run:
            assert run.stderr.readline() == 'ready\n'
            run.send_signal(signal.SIGINT)
            value = json.loads(run.communicate(timeout=60)[0])
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert value['elements'] == [{'file': '/x', 'size': 1}] and value['partial'] == 'interrupted', value


def test_one_table_many_uses(foreign, write):
    """A field that is added to the description is in flags, help, schema, completion, man page, prompt and printer."""
    before = '{"name":"tool","summary":"a test","shape":"list","parameters":{"fields":[' \
        '{"name":"count","type":"int","help":"how many times"}]},"element":{"fields":[{"name":"n","type":"int"}]}}'
    after = before.replace('"how many times"}', '"how many times"},{"name":"patience","type":"duration","flag":"p",'
                           '"help":"how long to wait","default":"7s"}') \
        .replace('{"name":"n","type":"int"}', '{"name":"n","type":"int"},{"name":"colour","type":"string","help":"its colour"}')
    body = 'read -r line; printf \'%s\' "$line" >&2; echo \'' + envelope([{'n': 1, 'colour': 'red'}]) + "'"
    for described, there in ((before, False), (after, True)):
        write('tool', body, described)
        assert ('--patience' in foreign('tool', '--help').stdout) == there
        assert ('how long to wait' in foreign('man', 'tool').stdout) == there
        assert ('colour' in foreign('man', 'tool').stdout) == there
        assert ('--patience' in foreign('__complete', '1', 'tool', '-').stdout) == there
        assert ('patience' in json.loads(foreign('schema', 'tool').stdout)['properties']) == there
        assert ('colour' in json.loads(foreign('schema', 'tool', '--result').stdout)['properties']) == there
        done = foreign('tool', '-p', '2m')
        assert (done.returncode == 0) == there
        assert ('"patience":"2m"' in done.stderr) == there
        prompted = foreign('tool', '--interactive', input='1\n2m\n')
        assert ('patience [7s]: ' in prompted.stderr) == there
        assert ('COLOUR' in foreign('tool').stdout) == there


# ---- descriptions that are kept ----


@pytest.fixture
def cache(tmp_path):
    return tmp_path / 'cache'


@pytest.fixture
def counting(directory, tarsier, cache, tmp_path):
    """A module that counts how often it was asked, in a file that everybody may write; and how it is run."""
    count = directory / '.asked'
    count.touch()
    env = dict(os.environ, TARSIER_MODULES_DIR=str(directory), TARSIER_CACHE_DIR=str(cache))

    def put(summary, name='tool', described=None):
        path = directory / name
        text = described or (DESCRIPTION % (name, '')).replace('a test', summary)
        part = path.with_suffix('.new')
        part.write_text('#!/bin/sh\n# %s\nif [ "${1:-}" = --describe ]; then cat <<\'EOF\'\n%s\nEOF\nexit 0; fi\nread -r l\n'
                        "echo '%s'\n" % (summary, text, envelope([{'file': '/x', 'size': 1}])))
        part.chmod(0o755)
        part.rename(path)

    def listed(name='tool'):
        rows = json.loads(tarsier('modules', '--json', env=env).stdout)
        return next((row['summary'] for row in rows if row['name'] == name), None)

    put.env, put.listed = env, listed
    return put


def settle(counting, cache, name='tool'):
    """A file that was just written is asked again for two seconds; then what it says is kept."""
    deadline = time.monotonic() + 30
    while not (cache / (name + '.description')).exists():
        assert time.monotonic() < deadline, 'nothing is kept'
        counting.listed(name)


def test_a_description_is_kept_until_the_file_changes(counting, cache, tarsier):
    counting('one')
    assert counting.listed() == 'one'
    settle(counting, cache)
    kept = cache / 'tool.description'
    # it is what is shown: the module is not asked
    text = kept.read_text()
    kept.write_text(text.replace('one', 'kept'))
    assert counting.listed() == 'kept'
    assert tarsier('tool', '--results-only', env=counting.env).returncode == 0
    counting('two')
    assert counting.listed() == 'two'
    settle(counting, cache)
    os.utime(cache.parent / 'cache' / 'tool.description')  # its own time does not make it right
    counting('three')
    assert counting.listed() == 'three'


def test_a_broken_one_poisons_nothing(counting, cache):
    counting('right')
    settle(counting, cache)
    counting('wrong', described='{"name": "tool", "summary": 7')
    assert counting.listed() is None
    counting('right again')
    assert counting.listed() == 'right again'
    # what is kept is judged as if it had just been said
    settle(counting, cache)
    kept = cache / 'tool.description'
    key = kept.read_text().split('\n', 1)[0]
    for text in ('', '{', '[]', '{"name":"other","summary":"s","element":{"fields":[]}}', 'x' * 100, '\x00'):
        kept.write_text(key + '\n' + text)
        assert counting.listed() in ('right again', None), text
        if text not in ('{"name":"other","summary":"s","element":{"fields":[]}}',):
            assert counting.listed() == 'right again', text


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_a_cache_that_others_can_write_is_not_used(counting, cache):
    counting('honest')
    settle(counting, cache)
    kept = cache / 'tool.description'
    kept.write_text(kept.read_text().replace('honest', 'forged'))
    assert counting.listed() == 'forged'  # root's own word
    for mode in (0o777, 0o775):
        cache.chmod(mode)
        assert counting.listed() == 'honest'
    cache.chmod(0o755)
    kept.write_text(kept.read_text().replace('honest', 'forged'))
    os.chown(kept, 65534, 65534)
    assert counting.listed() == 'honest'
