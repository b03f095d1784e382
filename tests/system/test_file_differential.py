"""file against find, grep and the digest programs: random trees, random searches, the same answer. Each label of a
message is a search of its own, so a tree answers many searches with one run."""
import hashlib
import os
import pathlib
import random
import shutil
import subprocess

import pytest

TREES = int(os.environ.get('TARSIER_FILE_TREES', '42'))
SEARCHES = 50
NOW_SLACK = 600  # ages near a bound would differ by when each program looks

pytestmark = pytest.mark.skipif(not all(map(shutil.which, ('find', 'grep', 'sha256sum', 'md5sum', 'openssl'))),
                                reason='skipped: needs find, grep, sha256sum, md5sum and openssl')

WORDS = ['alpha', 'beta', 'gamma', 'key', 'root', 'x1', 'Zeta', '', '  ', '#note', '42', 'a.b', 'end$', '[x]']
NAMES = ['passwd', 'shadow', 'a.conf', 'b.conf', '.hidden', 'log.1', 'log.2', 'Makefile', 'x y', 'k-9', 'lib.so.1']
NAME_PATTERNS = [r'\.conf$', '^log', '^[a-m]', 'o', r'^\.', ' ', r'\.[0-9]$', '^Makefile$', 'nothing', '[0-9]']
CONTENT_PATTERNS = ['alpha', '^key', 'key$', '^$', '^ +$', 'a.*b', '^#', '[0-9]+', 'Zeta|beta', r'end\$', r'\[x\]', 'zzz',
                    '^(alpha|beta|gamma)( [a-z]+)*$', '(alpha ?){2}', '^.{20,}$', 'x1$']
# Bytes that are never part of a UTF-8 sequence count as one character here, as any byte does for grep in locale C; a
# trailing carriage return belongs to the line only for grep.
BINARY = [byte for byte in (*range(1, 128), *range(0x80, 0xc0), *range(0xf8, 0x100)) if byte != 13]
MODES = [0o644, 0o600, 0o755, 0o4755, 0o2750, 0o1777, 0o640]
SIZES = [0, 1, 10, 1023, 1024, 1025, 5000, 70000]
AGES = [0, 3600 * 3, 3600 * 30, 86400 * 10, 86400 * 400]


def make_tree(base, rng, now):
    directories = [base]
    for i in range(rng.randrange(1, 12)):
        directory = rng.choice(directories) / f'd{i}'
        directory.mkdir()
        directories.append(directory)
    for directory in directories:
        for name in rng.sample(NAMES, rng.randrange(0, 7)):
            path = directory / name
            if rng.random() < 0.15:
                content = bytes(rng.choices(BINARY, k=rng.choice(SIZES)))
            else:
                content = '\n'.join(' '.join(rng.choices(WORDS, k=rng.randrange(0, 5)))
                                    for _ in range(rng.randrange(0, 30))).encode()
                content += b'\n' * rng.randrange(2)
                content = content.ljust(rng.choice(SIZES), b'-') if rng.random() < 0.3 else content
            path.write_bytes(content)
            path.chmod(rng.choice(MODES))
            age = rng.choice(AGES)
            os.utime(path, (now - age, now - age))
        if rng.random() < 0.3:
            (directory / 'to_directory').symlink_to('.')
            os.mkfifo(directory / 'fifo')
    return directories


def lines_of(command):
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, 'LC_ALL': 'C'})
    assert done.returncode in (0, 1), (command, done.stderr)
    return {os.fsdecode(path) for path in done.stdout.split(b'\0') if path}


class Oracle:
    """The answers of the usual programs about one tree; each question is asked once."""

    def __init__(self, base):
        self.base = str(base)
        self.cache = {}
        self.all = self.find()

    def find(self, *tests):
        if tests not in self.cache:
            self.cache[tests] = lines_of(['find', self.base, '-type', 'f', *tests, '-print0'])
        return self.cache[tests]

    def grep(self, flags, pattern):
        """With -a, since file has no notion of a binary file."""
        key = (flags, pattern)
        if key not in self.cache:
            files = sorted(self.all)
            self.cache[key] = lines_of(['grep', f'-{flags}aEZ', '-e', pattern, '--', '/dev/null', *files]) - {'/dev/null'}
        return self.cache[key]

    def digest(self, kind):
        if kind not in self.cache:
            if kind.startswith('sha3'):
                command = ['openssl', 'dgst', '-r', '-' + kind.replace('_', '-')]
            else:
                command = [kind + 'sum', '-b']
            out = subprocess.run([*command, *sorted(self.all)], capture_output=True, text=True, check=True).stdout \
                if self.all else ''
            rows = [line.split(' *', 1) for line in out.splitlines()]
            self.cache[kind] = {path: digest for digest, path in rows}
        return self.cache[kind]


def one_check(rng, oracle, options):
    """(kind, value, the files it holds for)"""
    kind = rng.choice(['name', 'size', 'mode', 'mtime', 'content', 'content', 'md5', 'sha1', 'sha2', 'sha3'])
    flip = kind in options['mismatch']
    inverse = kind in ('name', 'mode', 'content') and rng.random() < 0.3
    if kind == 'name':
        value = rng.choice(NAME_PATTERNS)
        found = {path for path in oracle.all if name_matches(value, os.path.basename(path), oracle)}
    elif kind == 'size':
        number, sign = rng.choice(SIZES), rng.choice(['', '<', '>'])
        value = f'{sign}{number}' if rng.random() < 0.7 or number % 1024 else f'{sign}{number // 1024}k'
        tests = {'': [f'{number}c'], '<': [f'-{number + 1}c'], '>': [f'+{number - 1}c']}[sign]
        found = oracle.all if sign == '>' and number == 0 else oracle.find('-size', *tests)
    elif kind == 'mode':
        mode = rng.choice(MODES)
        text = ''.join('rwxrwxrwx'[bit] if mode & (0o400 >> bit) else '-' for bit in range(9))
        special = ('u' if mode & 0o4000 else '') + ('g' if mode & 0o2000 else '') + ('t' if mode & 0o1000 else '')
        value, found = f'^{special or "-"}{text}$', oracle.find('-perm', f'{mode:o}')
    elif kind == 'mtime':
        sign, (value, minutes) = rng.choice('<>'), rng.choice([('2h', 120), ('1d', 1440), ('90m', 90), ('100d', 144000)])
        value, found = sign + value, oracle.find('-mmin', ('-' if sign == '<' else '+') + str(minutes))
    elif kind == 'content':
        value = rng.choice(CONTENT_PATTERNS)
        if options['macroal'] and not inverse:
            outside = oracle.grep('lv', value)
            nonempty = oracle.find('-size', '+0c')
            return kind, value, outside if flip else nonempty - outside
        found = oracle.grep('l', value)
    else:
        function = {'md5': ['md5'], 'sha1': ['sha1'], 'sha2': ['sha224', 'sha256', 'sha384', 'sha512'],
                    'sha3': ['sha3_224', 'sha3_256', 'sha3_384', 'sha3_512']}[kind]
        digests = oracle.digest(rng.choice(function))
        value = rng.choice(sorted(digests.values())) if digests else hashlib.new(function[0], b'').hexdigest()
        found = {path for path, digest in digests.items() if digest == value}
        value = value.upper() if rng.random() < 0.5 else value
    if inverse != flip:
        found = oracle.all - found
    return kind, ('!' if inverse else '') + value, found


def name_matches(pattern, name, oracle):
    """grep -E on the names, once for each pattern."""
    key = ('names', pattern)
    if key not in oracle.cache:
        names = sorted({os.path.basename(path) for path in oracle.all})
        done = subprocess.run(['grep', '-E', '-e', pattern], input='\n'.join(names), capture_output=True, text=True,
                              check=False)
        oracle.cache[key] = set(done.stdout.splitlines())
    return name in oracle.cache[key]


KEYS = {'name': 'names', 'size': 'sizes', 'mode': 'modes', 'mtime': 'mtimes', 'content': 'contents'}


def random_search(rng, base, oracle, directories):
    options = {'matchall': rng.random() < 0.7, 'macroal': rng.random() < 0.2,
               'mismatch': rng.sample(['name', 'size', 'mode', 'mtime', 'content', 'md5', 'sha1', 'sha2', 'sha3'],
                                      rng.randrange(1, 4)) if rng.random() < 0.25 else []}
    if rng.random() < 0.3:
        options['decompress'] = True  # nothing here is compressed: no difference
    if rng.random() < 0.2:
        options['returnsha256'] = True
    options['prefilter'] = rng.choice(['auto', 'off', 'builtin', 'vectorscan'])
    search = {'paths': [str(base)], 'options': options}
    scope = oracle.all
    if rng.random() < 0.3:
        roots = rng.sample(directories, min(len(directories), rng.randrange(1, 4)))
        search['paths'] = [str(root) for root in roots]
        options['maxdepth'] = rng.randrange(0, 4)
        scope = set()
        for root in roots:
            depth = ['-maxdepth', str(options['maxdepth'])] if options['maxdepth'] else []
            scope |= lines_of(['find', str(root), *depth, '-type', 'f', '-print0'])
    expected = set(scope)
    rows = 0
    for _ in range(rng.randrange(1, 4)):
        kind, value, found = one_check(rng, oracle, options)
        search.setdefault(KEYS.get(kind, kind), []).append(value)
        expected = expected & found
        rows += len(found & scope)
    return search, expected, rows


@pytest.mark.parametrize('seed', range(TREES))
def test_tree(tarsier, tmp_path, seed):
    rng = random.Random(seed)
    now = int(pathlib.Path('/proc/self').stat().st_ctime) - NOW_SLACK
    base = tmp_path / 'tree'
    base.mkdir()
    directories = make_tree(base, rng, now)
    oracle = Oracle(base)
    searches, expected, rows = {}, {}, {}
    for number in range(SEARCHES):
        label = f's{number}'
        searches[label], expected[label], rows[label] = random_search(rng, base, oracle, directories)
    result = tarsier.message('file', {'searches': searches})
    assert result['success'] and not result['errors'], result['errors']
    for label, search in searches.items():
        found = [row for row in result['elements'][label] or [] if row['file']]
        paths = [row['file'] for row in found]
        if search['options']['matchall']:
            assert sorted(paths) == sorted(expected[label]), (label, search)
        else:
            assert len(paths) == rows[label], (label, search)
        if search['options'].get('returnsha256'):
            sums = oracle.digest('sha256')
            assert all(row['fileinfo']['sha256'].lower() == sums[row['file']] for row in found), (label, search)
    if result['elements']:
        tarsier.check('file', result['elements']['s0'][0])


def test_prefilters_agree(tarsier):
    """Real text, many patterns: with and without the accelerators the same files."""
    patterns = CONTENT_PATTERNS[:8] + [r'(?i)copyright \(c\)', r'\bGPL-[23]', 'https?://[a-z.]+/', 'Debian.{1,20}Project']
    searches = {f'{prefilter} {pattern}'[:64]: {'paths': ['/usr/share/doc'], 'contents': [pattern], 'sizes': ['<100k'],
                                                'names': ['^copyright$'],
                                                'options': {'matchall': True, 'prefilter': prefilter}}
                for pattern in patterns for prefilter in ('off', 'builtin', 'vectorscan')}
    result = tarsier.message('file', {'searches': searches})
    for pattern in patterns:
        answers = [{row['file'] for row in result['elements'][f'{prefilter} {pattern}'[:64]]}
                   for prefilter in ('off', 'builtin', 'vectorscan')]
        assert answers[0] == answers[1] == answers[2], pattern
