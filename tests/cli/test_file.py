"""file: its flags and messages, hostile trees, and each defect of MIG's file module with our behaviour beside it. MIG's
own cases are in tests/compat/test_mig_file_cases.py, find and grep as oracles in tests/system/test_file_differential.py."""
import base64
import gzip
import hashlib
import json
import lzma
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

import pytest

NOBODY = 65534
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason='skipped: needs root')


@pytest.fixture
def search(tarsier):
    """search(label={...}) runs the searches; a path-like "paths" becomes a list."""
    def run(*args, **searches):
        for one in searches.values():
            one['paths'] = [str(path) for path in one['paths']]
        return tarsier.message('file', {'searches': searches}, *args)
    return run


def files(result, label='s'):
    return sorted(row['file'] for row in result['elements'][label] or [] if row['file'])


def names(result, label='s'):
    return sorted(os.path.basename(path) for path in files(result, label))


# ---- flags and lines for people ---------------------------------------------------------------------------------------

def test_flags_are_the_documented_ones(tarsier, tmp_path):
    (tmp_path / 'one').write_text('alpha\n')
    (tmp_path / 'two').write_text('beta\n')
    result = tarsier.json('file', '-path', tmp_path, '-name', '^one$', '-size', '<10', '-mode', '^-rw', '-mtime', '<1d',
                          '-content', 'alp', '-maxdepth', '1.9', '-maxerrors', '3', '-matchlimit', '7', '-returnsha256',
                          '-decompress', '-verbose', '--onefilesystem')
    row, = result['elements']['s1']
    assert row['file'] == str(tmp_path / 'one')
    assert row['fileinfo']['sha256'] == hashlib.sha256(b'alpha\n').hexdigest().upper()
    assert row['search']['options'] == {
        'maxdepth': 0, 'maxerrors': 0, 'matchall': True, 'macroal': False, 'mismatch': None, 'matchlimit': 0,
        'verbose': True, 'returnsha256': True, 'decompress': True, 'onefilesystem': True}
    tarsier.check('file', row)


def test_flags_of_digests_and_mismatch(tarsier, tmp_path):
    (tmp_path / 'one').write_bytes(b'x')
    (tmp_path / 'two').write_bytes(b'y')
    flags = []
    for flag, kind in (('md5', 'md5'), ('sha1', 'sha1'), ('sha2', 'sha512'), ('sha3', 'sha3_224')):
        flags += [f'--{flag}', hashlib.new(kind, b'x').hexdigest()]
    assert names(tarsier.json('file', '--path', tmp_path, *flags), 's1') == ['one']
    assert names(tarsier.json('file', '--path', tmp_path, *flags, '--mismatch', 'md5'), 's1') == []
    every = [word for kind in ('md5', 'sha1', 'sha2', 'sha3') for word in ('--mismatch', kind)]
    assert names(tarsier.json('file', '--path', tmp_path, *flags, *every), 's1') == ['two']


def test_several_searches_by_flags(tarsier, tmp_path):
    (tmp_path / 'one').write_text('alpha\n')
    result = tarsier.json('file', '--search', 'a', '--path', tmp_path, '--name', 'one', '--search', 'b', '--path', tmp_path,
                          '--name', 'two', '--matchany')
    assert names(result, 'a') == ['one']
    assert names(result, 'b') == [] and len(result['elements']['b']) == 1


def test_lines(tarsier, tmp_path):
    path = tmp_path / 'one'
    path.write_text('alpha\n')
    os.utime(path, ns=(0, 1_500_000_000_250_000_000))
    path.chmod(0o640)
    digest = hashlib.sha256(b'alpha\n').hexdigest()
    lines = tarsier('file', '--path', tmp_path, '--name', 'one', '--returnsha256').stdout.splitlines()
    assert lines[0] == (f'{path} [lastmodified:2017-07-14 02:40:00.25 +0000 UTC, mode:-rw-r-----, size:6, '
                        f"sha256:{digest}] in search 's1'")
    assert re.fullmatch(r'Statistics: 1 files checked, 0 failed to open, 1 matched, ran in [0-9.]+[mµ]?s\.', lines[1])
    lines = tarsier('file', '--path', tmp_path, '--name', 'one', '--size', '6', '--matchany').stdout.splitlines()
    assert lines[0].endswith("in search 's1' on checks name='one'")
    assert lines[1].endswith("in search 's1' on checks size='6'")
    lines = tarsier('file', '--path', tmp_path, '--name', 'nope').stdout.splitlines()
    assert lines[0] == "0 match found in search 's1'"
    assert tarsier('file', '--path', tmp_path, '--name', 'nope', '--results-only').stdout == ''


def test_a_hostile_name_cannot_write_to_the_terminal(tarsier, tmp_path):
    (tmp_path / 'a\x1b[2Jb\nc').write_text('')
    out = tarsier('file', '--path', tmp_path, '--name', 'a').stdout
    assert '\x1b' not in out and len(out.splitlines()) == 2


# ---- validation --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('key, value, text', [
    ('sizes', 'BADSIZE', 'has no number where one must be'), ('sizes', '<BADSIZEg', 'has no number where'),
    ('sizes', '>>>>BADSIZEm', 'has no number where'), ('sizes', 'm', 'has no number'), ('sizes', '<', 'has no number'),
    ('sizes', 'k', 'has no number'), ('sizes', '', 'has no number'), ('sizes', '1K', 'has no number where'),
    ('sizes', '99999999999t', 'larger than any file'), ('sizes', '18446744073709551616', 'too large'),
    ('mtimes', '5h', 'does not begin with'), ('mtimes', '<5s', 'does not end with'), ('mtimes', '<d', 'has no number'),
    ('mtimes', '<99999999999d', 'longer than 292 years'),
    ('names', '', 'must not be empty'), ('names', r'(a)\1', r'invalid escape sequence: `\1`'),
    ('contents', '(?=x)', 'invalid or unsupported Perl syntax: `(?=`'), ('modes', '!*', 'missing argument to repetition'),
    ('md5', 'ab', '2 characters are not a digest of this kind: it has 32 hex digits'),
    ('md5', 'g' * 32, 'not hexadecimal'), ('sha1', 'a' * 41, '40 hex digits'), ('sha2', 'a' * 40, '56, 64, 96 or 128'),
    ('sha3', 'a' * 63, '56, 64, 96 or 128'),
])
def test_a_bad_value_is_named(search, tmp_path, key, value, text):
    """Also MIG's defect 4: a digest of a wrong length is an error, and nothing but JSON is on stdout."""
    result = search(s={'paths': [tmp_path], key: [value]})
    assert not result['success'] and result['elements'] is None
    message, = result['errors']
    assert message.startswith(f'searches.s.{key}[0]: ') and text in message


def test_paths_are_required(search, tarsier):
    assert search(s={'paths': []})['errors'] == ['searches.s.paths: 0 items, at least 1 is needed']
    assert tarsier.message('file', {'searches': {'s': {}}})['errors'] == ['searches.s.paths: required']
    assert tarsier('file', '--name', 'x').returncode == 2


def test_mismatch_names_a_kind(search, tmp_path):
    error, = search(s={'paths': [tmp_path], 'options': {'mismatch': ['owner']}})['errors']
    assert error.startswith('searches.s.options.mismatch[0]: "owner" is none of name, size, mode, mtime')


def test_labels(search, tmp_path):
    for label in ('x' * 64, '*&^!*@&#^*!', 'ü' * 64, ' '):
        assert search(**{label: {'paths': [tmp_path], 'names': ['x']}})['success'], label
    for label in ('', 'x' * 65, 'a\nb'):
        assert not search(**{label: {'paths': [tmp_path], 'names': ['x']}})['success'], label


def test_too_many_searches_are_refused(tarsier):
    small = {f's{i}': {'paths': ['/']} for i in range(1001)}
    assert 'searches' in tarsier.message('file', {'searches': small})['errors'][0]
    text = '{"class":"parameters","parameters":{"searches":{' + \
        ','.join(f'"{i}":{{"paths":["/"]}}' for i in range(1_000_000)) + '}}}'
    result = json.loads(tarsier('-m', 'file', input=text).stdout)
    assert not result['success'] and result['elements'] is None


# ---- what a search means -----------------------------------------------------------------------------------------------

def test_no_checks(search, tmp_path):
    result = search(all={'paths': [tmp_path], 'options': {'matchall': True}}, any={'paths': [tmp_path]})
    assert result['elements']['any'] is None
    row, = result['elements']['all']
    assert row['file'] == '' and row['search']['paths'] == [str(tmp_path)]
    assert row['fileinfo'] == {'size': 0, 'mode': '', 'lastmodified': ''}
    assert not result['foundanything'] and result['success']


def test_matchany_rows_name_their_check(search, tmp_path):
    (tmp_path / 'one').write_text('alpha\n')
    result = search(s={'paths': [tmp_path], 'names': ['one', 'two'], 'sizes': ['6']})
    rows = {(row['file'], str(row['search'].get('names')), str(row['search'].get('sizes'))):
            row['search']['paths'] for row in result['elements']['s']}
    found = str(tmp_path / 'one')
    assert rows == {(found, "['one']", 'None'): [str(tmp_path)], (found, 'None', "['6']"): [str(tmp_path)],
                    ('', "['two']", 'None'): [str(tmp_path)]}


def test_sizes_include_their_bounds(search, tmp_path):
    for size in (1023, 1024, 1025):
        (tmp_path / str(size)).write_bytes(b'x' * size)
    for value, expected in (('<1k', ['1023', '1024']), ('>1k', ['1024', '1025']), ('1k', ['1024']), ('>0', None)):
        result = search(s={'paths': [tmp_path], 'sizes': [value], 'options': {'matchall': True}})
        assert names(result) == (expected or ['1023', '1024', '1025'])


@pytest.mark.parametrize('mode, text', [(0o644, '-rw-r--r--'), (0o4755, 'urwxr-xr-x'), (0o2755, 'grwxr-xr-x'),
                                        (0o1755, 'trwxr-xr-x'), (0o7000, 'ugt---------'), (0, '----------')])
def test_modes_are_as_go_writes_them(search, tmp_path, mode, text):
    path = tmp_path / 'f'
    path.write_text('')
    path.chmod(mode)
    row, = search(s={'paths': [tmp_path], 'modes': [f'^{text}$'], 'options': {'matchall': True}})['elements']['s']
    assert row['fileinfo']['mode'] == text


def content(search, tmp_path, contents, **options):
    options.setdefault('matchall', True)
    return names(search(s={'paths': [tmp_path], 'contents': contents, 'options': options}))


def test_content_is_by_line(search, tmp_path):
    (tmp_path / 'crlf').write_bytes(b'one\r\ntwo')
    (tmp_path / 'binary').write_bytes(b'\xff\xfe\n')
    (tmp_path / 'empty').write_bytes(b'')
    assert content(search, tmp_path, ['^one$', '^two$']) == ['crlf']
    assert content(search, tmp_path, ['one.*two']) == []
    assert content(search, tmp_path, ['^..$']) == ['binary']
    assert content(search, tmp_path, [r'\xff']) == []
    assert content(search, tmp_path, ['!one']) == ['binary', 'empty']


def test_macroal(search, tmp_path):
    (tmp_path / 'good').write_text('key a\nkey b\n')
    (tmp_path / 'rogue').write_text('key a\nother\n')
    (tmp_path / 'empty').write_text('')
    assert content(search, tmp_path, ['^key'], macroal=True) == ['good']
    assert content(search, tmp_path, ['!^key'], macroal=True) == ['empty']
    assert content(search, tmp_path, ['^key'], macroal=True, mismatch=['content']) == ['rogue']
    assert content(search, tmp_path, ['!^other'], macroal=True, mismatch=['content']) == ['rogue']


def test_depth(search, tmp_path):
    (tmp_path / 'a/b').mkdir(parents=True)
    for directory in ('.', 'a', 'a/b'):
        (tmp_path / directory / 'f').write_text('')
    for depth, expected in ((1, 1), (2, 2), (2.9, 2), (3, 3), (0, 3), (-1, 3)):
        result = search(s={'paths': [tmp_path], 'names': ['f'], 'options': {'matchall': True, 'maxdepth': depth}})
        assert len(files(result)) == expected, depth


def test_depth_is_counted_from_each_path(search, tmp_path):
    (tmp_path / 'a/b/c').mkdir(parents=True)
    for directory in ('.', 'a', 'a/b', 'a/b/c'):
        (tmp_path / directory / 'f').write_text('')
    result = search(s={'paths': [tmp_path, tmp_path / 'a/b', str(tmp_path / 'a') + '/./b/'], 'names': ['f'],
                       'options': {'matchall': True, 'maxdepth': 1}},
                    t={'paths': [tmp_path / 'a'], 'names': ['f'], 'options': {'matchall': True, 'maxdepth': 2}},
                    u={'paths': [tmp_path / 'a/b/f', tmp_path / 'a'], 'names': ['f'], 'options': {'matchall': True}})
    assert files(result) == [str(tmp_path / 'a/b/f'), str(tmp_path / 'f')]
    assert files(result, 't') == [str(tmp_path / 'a/b/f'), str(tmp_path / 'a/f')]
    assert files(result, 'u') == [str(tmp_path / f'a/{rest}') for rest in ('b/c/f', 'b/f', 'f')]


def test_links(search, tmp_path):
    (tmp_path / 'd').mkdir()
    (tmp_path / 'd/f').write_text('needle')
    (tmp_path / 'file_link').symlink_to('d/f')
    (tmp_path / 'directory_link').symlink_to('d')
    (tmp_path / 'dangling').symlink_to('nowhere')
    (tmp_path / 'loop').symlink_to('loop')
    result = search(s={'paths': [tmp_path], 'contents': ['needle'], 'options': {'matchall': True}})
    assert files(result) == [str(tmp_path / 'd/f'), str(tmp_path / 'file_link')]
    assert sorted(error.split(':')[0] for error in result['errors']) == [
        f'ERROR: followSymLink() -> {tmp_path}/{name}'.split(':')[0] for name in ('dangling', 'loop')]
    assert result['statistics']['openfailed'] == 2
    assert sorted(os.path.basename(entry['path']) for entry in result['skipped']) == ['dangling', 'loop']


def test_a_root_that_is_a_link(search, tmp_path):
    (tmp_path / 'd').mkdir()
    (tmp_path / 'd/f').write_text('needle')
    (tmp_path / 'to_file').symlink_to('d/f')
    (tmp_path / 'to_directory').symlink_to('d')
    result = search(s={'paths': [tmp_path / 'to_file'], 'contents': ['needle'], 'options': {'matchall': True}})
    assert files(result) == [str(tmp_path / 'd/f')]
    result = search(s={'paths': [tmp_path / 'to_directory'], 'names': ['.'], 'options': {'matchall': True}})
    assert result['errors'] == [f'warning: {tmp_path}/to_directory is a link to {tmp_path}/d and was not followed']
    assert files(result) == [str(tmp_path / 'to_directory')]


def test_a_path_behind_a_link_is_reached_beside_its_parent(search, tmp_path):
    """/bin/ls next to / where /bin is a link: the walk of / does not come by."""
    (tmp_path / 'usr/bin').mkdir(parents=True)
    (tmp_path / 'usr/bin/ls').write_text('')
    (tmp_path / 'bin').symlink_to('usr/bin')
    result = search(s={'paths': [tmp_path / 'bin/ls'], 'names': ['ls'], 'options': {'matchall': True}},
                    t={'paths': [tmp_path], 'names': ['nothing'], 'options': {'matchall': True}})
    assert files(result) == [str(tmp_path / 'bin/ls')]


def test_decompression(search, tmp_path):
    text = b'--- needle ---\n' * 1000
    (tmp_path / 'gz').write_bytes(gzip.compress(text))
    (tmp_path / 'xz').write_bytes(lzma.compress(text))
    (tmp_path / 'members').write_bytes(gzip.compress(b'first\n') + gzip.compress(text))
    (tmp_path / 'plain').write_bytes(text)
    (tmp_path / 'cut').write_bytes(gzip.compress(text)[:-9])
    digest = hashlib.md5(text).hexdigest()
    result = search(s={'paths': [tmp_path], 'contents': ['^--- needle'],
                       'options': {'matchall': True, 'decompress': True}},
                    digest={'paths': [tmp_path], 'md5': [digest],
                            'options': {'matchall': True, 'decompress': True, 'returnsha256': True}},
                    inverse={'paths': [tmp_path], 'contents': ['!nothing'],
                             'options': {'matchall': True, 'decompress': True}},
                    raw={'paths': [tmp_path], 'contents': ['^--- needle'], 'options': {'matchall': True}})
    assert names(result, 'raw') == ['plain']
    assert names(result) == ['cut', 'gz', 'members', 'plain', 'xz']
    assert names(result, 'digest') == ['gz', 'plain', 'xz']
    assert {row['fileinfo']['sha256'] for row in result['elements']['digest']} == {hashlib.sha256(text).hexdigest().upper()}
    assert names(result, 'inverse') == ['gz', 'members', 'plain', 'xz']
    assert [error for error in result['errors'] if '/cut: ' in error]


def test_statistics_and_found(search, tmp_path):
    (tmp_path / 'one').write_text('12345')
    (tmp_path / 'two').write_text('12')
    result = search(s={'paths': [tmp_path], 'md5': [hashlib.md5(b'12').hexdigest()], 'contents': ['1'],
                       'options': {'matchall': True}})
    assert result['foundanything']
    statistics = result['statistics']
    assert statistics['filescount'] == 2 and statistics['totalhits'] == 1 and statistics['openfailed'] == 0
    assert statistics['bytesread'] == 7, 'one reading for content and digest'


def test_files_that_no_search_wants_are_not_opened(search, tmp_path):
    path = tmp_path / 'one'
    path.write_text('x' * 1000)
    result = search(s={'paths': [tmp_path], 'names': ['two'], 'contents': ['x'], 'md5': ['0' * 32],
                       'options': {'matchall': True}},
                    t={'paths': [tmp_path], 'sizes': ['<10'], 'contents': ['x'], 'options': {'matchall': True}})
    assert result['statistics']['bytesread'] == 0


# ---- files of several names -------------------------------------------------------------------------------------------

@pytest.fixture
def program():
    """A file that is large, has blocks, and was last changed before any run of this test."""
    path = pathlib.Path(sys.executable).resolve()
    stat = path.stat()
    if stat.st_size < 16384 or stat.st_blocks == 0 or stat.st_ctime > time.time() - 5:
        pytest.skip('skipped: needs an interpreter that was installed before')
    return path


def links_to(program, directory):
    for name in ('a', 'b', 'sub/c'):
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).symlink_to(program)
    return program.stat().st_size, hashlib.sha256(program.read_bytes()).hexdigest()


def test_a_file_is_hashed_once_whatever_links_lead_to_it(search, tmp_path, program):
    size, sha256 = links_to(program, tmp_path)
    result = search(s={'paths': [tmp_path], 'sha2': [sha256], 'options': {'matchall': True, 'returnsha256': True}},
                    t={'paths': [tmp_path], 'sha2': [sha256], 'options': {'matchall': True, 'mismatch': ['sha2']}})
    assert names(result) == ['a', 'b', 'c'] and names(result, 't') == []
    assert {row['fileinfo']['sha256'] for row in result['elements']['s']} == {sha256.upper()}
    statistics = result['statistics']
    assert statistics['filescount'] == 3 and statistics['openfailed'] == 0
    assert statistics['bytesread'] == size and statistics['bytescached'] == 2 * size


def test_hard_links_are_found_by_every_name(search):
    names_of = {}
    for path in pathlib.Path('/usr/bin').iterdir():
        stat = path.lstat()
        if stat.st_nlink > 1 and stat.st_size >= 16384 and path.is_file() and not path.is_symlink():
            names_of.setdefault(stat.st_ino, []).append(path)
    paths = next((paths for paths in names_of.values() if len(paths) > 1), None)
    if not paths:
        pytest.skip('skipped: needs a hard link in /usr/bin')
    content = paths[0].read_bytes()
    result = search(s={'paths': paths, 'md5': [hashlib.md5(content).hexdigest()], 'options': {'matchall': True}})
    assert files(result) == sorted(map(str, paths))
    assert result['statistics']['bytesread'] == len(content)
    assert result['statistics']['bytescached'] == len(content) * (len(paths) - 1)


def test_a_file_changed_just_now_is_read_for_each_name(search, tmp_path):
    """Its time may not tell a change that is yet to come."""
    content = os.urandom(32768)
    (tmp_path / 'a').write_bytes(content)
    os.utime(tmp_path / 'a', (1000, 1000))
    os.link(tmp_path / 'a', tmp_path / 'b')
    (tmp_path / 'c').symlink_to('a')
    result = search(s={'paths': [tmp_path], 'sha1': [hashlib.sha1(content).hexdigest()], 'options': {'matchall': True}})
    assert names(result) == ['a', 'b', 'c']
    assert result['statistics']['bytesread'] == 3 * 32768 and 'bytescached' not in result['statistics']
    other = os.urandom(32768)
    (tmp_path / 'a').write_bytes(other)
    os.utime(tmp_path / 'a', (1000, 1000))
    result = search(s={'paths': [tmp_path], 'sha1': [hashlib.sha1(content).hexdigest()]},
                    t={'paths': [tmp_path], 'sha1': [hashlib.sha1(other).hexdigest()]})
    assert names(result) == [] and names(result, 't') == ['a', 'b', 'c']


def test_other_digests_of_the_same_file_are_right_too(search, tmp_path, program):
    """Each name is wanted for other kinds of digests."""
    links_to(program, tmp_path)
    content = program.read_bytes()
    kinds = {'a': ('md5', 'md5'), 'b': ('sha2', 'sha512'), 'c': ('sha3', 'sha3_256')}
    searches = {name: {'paths': [tmp_path], 'names': [f'^{name}$'], key: [hashlib.new(kind, content).hexdigest()],
                       'options': {'matchall': True}} for name, (key, kind) in kinds.items()}
    searches['all'] = {'paths': [tmp_path], 'sha1': [hashlib.sha1(content).hexdigest()], 'options': {'matchall': True}}
    result = search(**searches)
    assert [names(result, label) for label in ('a', 'b', 'c', 'all')] == [['a'], ['b'], ['c'], ['a', 'b', 'c']]
    assert result['statistics']['bytesread'] == 3 * len(content)


@pytest.mark.parametrize('extra', [{'contents': ['!needle of no program 7d1f']}, {'options': {'decompress': True}}])
def test_content_is_searched_under_each_name(search, tmp_path, program, extra):
    size, sha256 = links_to(program, tmp_path)
    asked = {'paths': [tmp_path], 'sha2': [sha256], **extra}
    asked['options'] = {'matchall': True, **extra.get('options', {})}
    result = search(s=asked)
    assert names(result) == ['a', 'b', 'c']
    assert result['statistics']['bytesread'] == 3 * size and 'bytescached' not in result['statistics']


# ---- MIG's defects -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('length', [70_000, 1_000_000, 8 << 20])
def test_defect_1_long_lines_are_searched(search, tmp_path, length):
    (tmp_path / 'f').write_bytes(b'x' * length + b'\nneedle\n')
    assert content(search, tmp_path, ['^needle$']) == ['f']
    assert content(search, tmp_path, ['!needle']) == []


def test_defect_2_roots_that_are_no_files_do_not_hang(search, tmp_path):
    os.mkfifo(tmp_path / 'fifo')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / 'socket'))
        result = search(s={'paths': [tmp_path / 'fifo', tmp_path / 'socket', '/dev/zero'], 'contents': ['x']})
    assert result['success'] and files(result) == []
    assert sorted(result['errors']) == sorted([f'ERROR: open {tmp_path}/fifo: a FIFO is not searched',
                                               f'ERROR: open {tmp_path}/socket: a socket is not searched',
                                               'ERROR: open /dev/zero: a device is not searched'])
    assert result['statistics']['openfailed'] == 3


def test_fifos_inside_a_directory_are_passed_over_and_listed_when_verbose(search, tmp_path):
    os.mkfifo(tmp_path / 'fifo')
    (tmp_path / 'link').symlink_to('fifo')
    assert 'skipped' not in search(s={'paths': [tmp_path], 'contents': ['x']})
    for option in ({'verbose': True}, {'debug': 'print'}):
        result = search(s={'paths': [tmp_path], 'contents': ['x'], 'options': option})
        assert sorted(os.path.basename(entry['path']) for entry in result['skipped']) == ['fifo', 'link']


def test_defect_3_a_search_keeps_to_its_paths(search, tmp_path):
    for directory in ('d1', 'd1x', 'd1-'):
        (tmp_path / directory).mkdir()
        (tmp_path / directory / 'f').write_text('')
    result = search(a={'paths': [tmp_path / 'd1'], 'names': ['f'], 'options': {'matchall': True}},
                    b={'paths': [tmp_path / 'd1x'], 'names': ['f'], 'options': {'matchall': True}},
                    c={'paths': [tmp_path / 'd1-'], 'names': ['f'], 'options': {'matchall': True}})
    for label, directory in (('a', 'd1'), ('b', 'd1x'), ('c', 'd1-')):
        assert files(result, label) == [str(tmp_path / directory / 'f')]


def test_defect_5_an_empty_file_with_decompress(search, tmp_path):
    (tmp_path / 'empty').write_text('')
    result = search(s={'paths': [tmp_path], 'md5': [hashlib.md5(b'').hexdigest()], 'contents': ['!x'],
                       'options': {'matchall': True, 'decompress': True}})
    assert names(result) == ['empty'] and result['errors'] is None


def test_defect_6_mismatch_of_an_inverse_content(search, tmp_path):
    for name, text in (('a', 'a'), ('ab', 'a\nb'), ('b', 'b')):
        (tmp_path / name).write_text(text)
    assert content(search, tmp_path, ['!a']) == ['b']
    assert content(search, tmp_path, ['a'], mismatch=['content']) == ['b']
    assert content(search, tmp_path, ['!a'], mismatch=['content']) == ['a', 'ab']


def test_defect_7_the_limit_is_of_each_search(search, tmp_path):
    for i in range(20):
        (tmp_path / f'f{i}').write_text('')
    result = search(a={'paths': [tmp_path], 'names': ['f'], 'options': {'matchall': True, 'matchlimit': 3}},
                    b={'paths': [tmp_path], 'names': ['f'], 'options': {'matchall': True, 'matchlimit': 5}},
                    c={'paths': [tmp_path], 'names': ['f', '.'], 'options': {'matchlimit': 7}},
                    d={'paths': [tmp_path], 'names': ['f'], 'options': {'matchall': True}})
    assert [len(files(result, label)) for label in 'abcd'] == [3, 5, 7, 20]
    assert result['statistics']['totalhits'] == 35


def test_defect_8_sha256_in_matchany_too(search, tmp_path):
    (tmp_path / 'f').write_text('x')
    result = search(s={'paths': [tmp_path], 'names': ['f'], 'sizes': ['1'], 'options': {'returnsha256': True}})
    assert [row['fileinfo']['sha256'] for row in result['elements']['s']] == [hashlib.sha256(b'x').hexdigest().upper()] * 2


def test_decompress_is_of_each_search(search, tmp_path):
    (tmp_path / 'gz').write_bytes(gzip.compress(b'needle\n'))
    for order in ('ab', 'ba'):
        searches = {label: {'paths': [tmp_path], 'contents': ['needle'],
                            'options': {'matchall': True, 'decompress': label == 'a'}} for label in order}
        result = search(**searches)
        assert names(result, 'a') == ['gz'] and names(result, 'b') == []


@ROOT_ONLY
def test_defect_25_one_file_system(tarsier, tmp_path):
    (tmp_path / 'here').write_text('')
    (tmp_path / 'mnt').mkdir()
    script = (f'mount -t tmpfs none {tmp_path}/mnt && touch {tmp_path}/mnt/there && '
              f'{tarsier.path} file --path {tmp_path} --name . --json --onefilesystem && '
              f'{tarsier.path} file --path {tmp_path} --name . --json && '
              f'{tarsier.path} file --path {tmp_path} --path {tmp_path}/mnt --name . --json --onefilesystem')
    done = subprocess.run(['unshare', '-m', 'sh', '-c', script], capture_output=True, text=True, check=False)
    if done.returncode == 1 and 'unshare' in done.stderr:
        pytest.skip('skipped: needs a mount namespace')
    one, all_, both = map(json.loads, done.stdout.splitlines())
    assert names(one, 's1') == ['here'] and one['statistics']['otherfilesystems'] == 1
    assert names(all_, 's1') == ['here', 'there']
    assert names(both, 's1') == ['here', 'there']


def test_the_digest_is_of_what_was_searched(tarsier, tmp_path):
    """MIG reads a file again for its row: one that changes in between is shown with the digest of other content. Here
    a writer swaps two contents as fast as it can, and each row's size and digest are of the one that matched."""
    texts = {b'needle' + b'x' * 5000: 0, b'other' * 400: 0}
    needle = hashlib.sha256(next(iter(texts))).hexdigest().upper()
    stop = threading.Event()
    path = tmp_path / 'f'
    path.write_bytes(next(iter(texts)))

    def swap():
        while not stop.is_set():
            for text in texts:
                (tmp_path / '.new').write_bytes(text)
                os.replace(tmp_path / '.new', path)
    writer = threading.Thread(target=swap)
    writer.start()
    try:
        for _ in range(40):
            result = tarsier.json('file', '--path', path, '--content', 'needle', '--returnsha256')
            for row in result['elements']['s1']:
                assert not row['file'] or (row['fileinfo']['sha256'], row['fileinfo']['size']) == (needle, 5006)
    finally:
        stop.set()
        writer.join()


# ---- errors ------------------------------------------------------------------------------------------------------------

def test_errors_are_limited_by_maxerrors(search, tmp_path):
    for i in range(10):
        (tmp_path / f'l{i}').symlink_to('nowhere')
    result = search(s={'paths': [tmp_path], 'names': ['l'], 'options': {'matchall': True, 'maxerrors': 3}})
    assert len(result['errors']) == 4
    assert result['errors'][-1] == '7 errors were not returned (max errors = 3)'
    assert len(search(s={'paths': [tmp_path], 'names': ['l']})['errors']) == 10
    assert result['statistics']['openfailed'] == 10 and len(result['skipped']) == 10


def test_a_missing_root_is_told_once(search):
    result = search(s={'paths': ['/doesnotexist'], 'names': ['x'], 'options': {'matchall': True}})
    assert result['success'] and result['errors'] == ['ERROR: open /doesnotexist: No such file or directory']
    assert result['statistics']['openfailed'] == 1


@ROOT_ONLY
@pytest.mark.skipif(not shutil.which('setpriv'), reason='skipped: needs setpriv')
def test_unreadable_files_and_directories(tarsier):
    root = pathlib.Path('/tmp') / f'tarsier-file-{os.getpid()}'
    root.mkdir()
    try:
        (root / 'open').write_text('needle')
        (root / 'secret').write_text('needle')
        (root / 'secret').chmod(0)
        (root / 'closed').mkdir()
        (root / 'closed/inside').write_text('needle')
        (root / 'closed').chmod(0o711)
        command = [tarsier.path, 'file', '--path', root, '--content', 'needle', '--json', '--search', 'deep', '--path',
                   root / 'closed/inside', '--name', 'inside']
        drop = ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', '--']
        if subprocess.run([*drop, tarsier.path, 'version'], capture_output=True, check=False).returncode != 0:
            pytest.skip('skipped: needs a program that others may run')
        user = json.loads(subprocess.run([*drop, *command], capture_output=True, text=True, check=False).stdout)
        assert names(user, 's1') == ['open']
        assert names(user, 'deep') == ['inside'], 'a closed directory on the way does not hide a path below it'
        assert sorted(user['errors']) == [f'ERROR: open {root}/closed: Permission denied',
                                          f'ERROR: open {root}/secret: Permission denied']
        assert user['statistics']['openfailed'] == 2 and len(user['skipped']) == 2
        whole = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
        assert names(whole, 's1') == ['inside', 'open', 'secret'] and whole['errors'] is None
    finally:
        (root / 'closed').chmod(0o755)
        shutil.rmtree(root)


def test_names_that_are_not_utf8(search, tmp_path):
    name = b'\xff' * 250 + b'.conf'
    with open(os.path.join(os.fsencode(tmp_path), name), 'w', encoding='ascii') as file:
        file.write('x')
    row, = search(s={'paths': [tmp_path], 'names': [r'\.conf$'], 'options': {'matchall': True}})['elements']['s']
    assert base64.b64decode(row['file_raw']) == os.path.join(os.fsencode(tmp_path), name)
    assert '\ufffd' in row['file']


def test_a_tree_that_changes_while_it_is_walked(search, tmp_path):
    """Files and directories come and go all the time: no failure, no error, and what stays is found."""
    (tmp_path / 'stays').write_text('needle')
    stop = threading.Event()

    def churn():
        i = 0
        while not stop.is_set():
            directory = tmp_path / f'd{i % 7}'
            directory.mkdir()
            for at in range(20):
                (directory / f'f{at}').write_text('needle')
            shutil.rmtree(directory)
            i += 1
    worker = threading.Thread(target=churn)
    worker.start()
    try:
        for _ in range(20):
            result = search(s={'paths': [tmp_path], 'contents': ['needle'],
                               'options': {'matchall': True, 'returnsha256': True}})
            assert result['success'] and result['errors'] is None
            assert str(tmp_path / 'stays') in files(result)
    finally:
        stop.set()
        worker.join()


def test_deep_trees(search, tmp_path):
    """Beyond PATH_MAX: names have to be given relative to directories."""
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(60):
        os.mkdir('d' * 100, dir_fd=here)
        below = os.open('d' * 100, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open('bottom', os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    result = search(s={'paths': [tmp_path], 'names': ['bottom'], 'options': {'matchall': True, 'returnsha256': True}})
    row, = result['elements']['s']
    assert len(row['file']) > 6000 and row['fileinfo']['sha256'] == hashlib.sha256(b'').hexdigest().upper()


# ---- bounds ------------------------------------------------------------------------------------------------------------

def peak_of_run(tarsier, *args):
    """The output and the largest resident size of any process of the run, in KiB."""
    code = ('import resource,subprocess,sys\n'
            'done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)\n'
            'sys.stdout.buffer.write(done.stdout)\n'
            'sys.stderr.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))')
    done = subprocess.run(['/usr/bin/python3', '-c', code, tarsier.path, *map(str, args)], capture_output=True, text=True,
                          check=True)
    return done.stdout, int(done.stderr)


def test_a_line_of_a_gibibyte_in_bounded_memory(tarsier, tmp_path):
    with open(tmp_path / 'sparse', 'wb') as file:
        file.truncate(1 << 30)
    out, peak = peak_of_run(tarsier, 'file', '--path', tmp_path, '--content', 'needle', '--json')
    result = json.loads(out)
    assert names(result, 's1') == [] and result['statistics']['longlines'] == 1
    assert result['statistics']['bytesread'] == 1 << 30
    assert result['skipped'][0]['reason'] == 'only the first 8 MiB of 1 lines were searched'
    assert peak < 64 << 10


def test_a_bomb_is_refused(search, tmp_path):
    """gzip of gzip-able zeros beyond the ratio that is allowed: an error, not a day of work."""
    with gzip.open(tmp_path / 'bomb.gz', 'wb', compresslevel=9) as file:
        for _ in range(128):
            file.write(bytes(1 << 20))
    result = search(s={'paths': [tmp_path], 'contents': ['needle'], 'options': {'matchall': True, 'decompress': True}})
    assert names(result) == [] and result['success']
    assert 'bomb.gz: gzip: ' in result['errors'][0] and 'ratio above' in result['skipped'][0]['reason']


def test_many_matches_do_not_need_memory(tarsier, tmp_path):
    """MIG's defect 27: 69000 matches took it 163 MB and quadratic time."""
    for i in range(20_000):
        (tmp_path / f'f{i}').write_text('')
    out, peak = peak_of_run(tarsier, 'file', '--path', tmp_path, '--name', 'f', '--matchlimit', '0', '--json')
    assert len(json.loads(out)['elements']['s1']) == 20_000
    assert peak < 32 << 10, 'the measuring process itself is about 14 MiB'


def test_time_is_up_with_what_was_found(tarsier, tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
    (tmp_path / 'a/f').write_text('hit')
    with open(tmp_path / 'b/endless', 'wb') as file:
        file.truncate(1 << 42)
    result = tarsier.json('file', '--path', tmp_path / 'a', '--path', tmp_path / 'b', '--content', '^hit$', '--max-time',
                          '3s')  # in which a worker starts and reads a file, whatever else runs here
    assert names(result, 's1') == ['f'] and result['foundanything']
    assert result['partial'] and not result['success']


@pytest.mark.skipif(not os.path.exists('/proc/kmsg'), reason='skipped: needs /proc/kmsg')
def test_files_of_the_kernel_that_would_block(search):
    result = search(s={'paths': ['/proc/kmsg', '/proc/self/status'], 'contents': ['^Name:'], 'options': {'matchall': True}})
    assert result['success'] and names(result) == ['status']


# ---- privacy and sandbox -----------------------------------------------------------------------------------------------

def test_privacy(search, tmp_path):
    (tmp_path / 'hidden_name').write_text('x')
    (tmp_path / 'hidden_link').symlink_to('nowhere')
    for matchall in (True, False):
        result = search('--privacy', s={'paths': [tmp_path], 'names': ['hidden'], 'options': {'matchall': matchall}},
                        t={'paths': [tmp_path], 'names': ['absent'], 'options': {'matchall': matchall}})
        assert str(tmp_path) not in json.dumps(result) and 'hidden_' not in json.dumps(result)
        assert result['elements']['s'][0]['file'] == 'masked'
        assert result['elements']['s'][0]['fileinfo']['size'] == 1
        assert result['elements']['t'][0]['file'] == ''
        assert result['errors'] == ['masked']


def test_access_times_stay(search, tmp_path):
    path = tmp_path / 'f'
    path.write_text('x')
    os.utime(path, (1000, 1000))
    search(s={'paths': [tmp_path], 'md5': ['0' * 32], 'contents': ['x'], 'options': {'matchall': True}})
    assert path.stat().st_atime == 1000


def test_every_prefilter_gives_the_same(search, tmp_path):
    for i in range(50):
        (tmp_path / f'f{i}').write_text('\n'.join(f'line {at} of {i} needle{at * i}' for at in range(50)))
    searches = {prefilter: {'paths': [tmp_path], 'contents': [r'needle(42|5[0-9]+)\b'],
                            'options': {'matchall': True, 'prefilter': prefilter}}
                for prefilter in ('auto', 'off', 'builtin', 'vectorscan')}
    result = search(**searches)
    assert len({tuple(files(result, prefilter)) for prefilter in searches}) == 1
    assert files(result, 'off')
