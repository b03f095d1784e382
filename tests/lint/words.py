"""Sizes and words. The words are written in pieces here, so that this file does not find itself."""
import functools
import os
import re
import shutil
import subprocess
import urllib.parse

from tree import Problem

SMELL_LINES, DEFECT_LINES = 600, 1200
FUNCTION_LINES = 80
SIZED = {'.c', '.h', '.cc', '.cpp', '.py', '.sh', '.ts', '.tsx'}
UNFINISHED = re.compile(r'\b(' + '|'.join(['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK']) + r')\b')
UNFINISHED_SUFFIXES = {'.c', '.h', '.cc', '.cpp', '.py', '.sh', '.ts', '.tsx', '.build', '.scd', ''}
MACHINE_PATH = re.compile(r'(?<![\w.})-])/' + 'wo' + r'rk/\w')
TOOL_NAMES = re.compile(r'\b(' + '|'.join(['clau' + 'de', 'anthro' + 'pic', 'chat' + 'gpt', 'open' + 'ai', 'co' + 'pilot'])
                        + r')\b', re.IGNORECASE)


def lines_of(text):
    return text.count('\n') + (not text.endswith('\n') and text != '')


def file_size(tree, warn=lambda problem: None):
    problems = []
    for path in tree.sources(suffixes=SIZED):
        count = lines_of(tree.text(path) or '')
        if count > DEFECT_LINES:
            problems.append(Problem(path, count, f'{count} lines; {DEFECT_LINES} is a defect'))
        elif count > SMELL_LINES:
            warn(Problem(path, count, f'{count} lines; {SMELL_LINES} is a smell'))
    return problems


def function_length(tree):
    """The format puts a function's braces, and only those, alone at the start of a line."""
    problems = []
    for path in tree.sources(suffixes={'.c', '.h', '.cc', '.cpp'}):
        start = None
        lines = (tree.text(path) or '').splitlines()
        for number, line in enumerate(lines, 1):
            if line == '{':
                start = number
            elif line == '}' and start is not None:
                count = number - start - 1
                if count > FUNCTION_LINES:
                    name = re.search(r'(\w+)\(', lines[start - 2])
                    problems.append(Problem(path, start, f'{name.group(1) if name else "a function"} has {count} lines, '
                                            f'{FUNCTION_LINES} at most'))
                start = None
    return problems


def unfinished(tree):
    problems = []
    for path in tree.sources(suffixes=UNFINISHED_SUFFIXES):
        for number, line in enumerate((tree.text(path) or '').splitlines(), 1):
            found = UNFINISHED.search(line)
            if found:
                problems.append(Problem(path, number, f'{found.group(1)}: finish it or file an issue'))
    return problems


@functools.lru_cache(maxsize=None)
def registry_hosts():
    """Where this machine's package clients fetch from: their names have no business in the tree."""
    urls = [os.environ.get(name, '') for name in ('PIP_INDEX_URL', 'npm_config_registry', 'GOPROXY', 'CARGO_REGISTRY')]
    places = ['/etc/apt/sources.list']
    if os.path.isdir('/etc/apt/sources.list.d'):
        places += [os.path.join('/etc/apt/sources.list.d', name) for name in os.listdir('/etc/apt/sources.list.d')]
    for place in places:
        try:
            with open(place, encoding='utf-8', errors='replace') as file:
                urls += re.findall(r'https?://\S+', file.read())
        except OSError:
            continue
    if shutil.which('npm'):
        said = subprocess.run(['npm', 'config', 'get', 'registry'], capture_output=True, text=True, check=False)
        urls.append(said.stdout.strip())
    hosts = {urllib.parse.urlsplit(url).hostname for url in urls if '://' in url}
    return frozenset(host for host in hosts if host and '.' in host and not host.startswith('127.'))


def machine_names(tree, hosts=None):
    hosts = registry_hosts() if hosts is None else hosts
    host_pattern = re.compile(r'(?<![\w-])(?:' + '|'.join(map(re.escape, sorted(hosts))) + r')(?![\w-])') if hosts else None
    problems = []
    for path in tree.files:
        for number, line in enumerate((tree.text(path) or '').splitlines(), 1):
            if MACHINE_PATH.search(line):
                problems.append(Problem(path, number, 'a path of one machine'))
            if TOOL_NAMES.search(line):
                problems.append(Problem(path, number, 'names a tool that made it'))
            if host_pattern and host_pattern.search(line):
                problems.append(Problem(path, number, 'names a package registry of one machine'))
    return problems
