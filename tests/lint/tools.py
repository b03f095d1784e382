"""Lints that other programs do: clang-format, clang-tidy, shellcheck, dash."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess

from tree import Problem

SAID = re.compile(r'^(?P<path>[^:\n]+):(?P<line>\d+):\d+: (?:error|warning|note): (?P<message>.*)$')
SHEBANG_SH = re.compile(r'^#!\s*\S*(?:/|/env )(sh|bash|dash)\b')


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, errors='replace', check=False)


def problems_in(tree, output, only=('error', 'warning')):
    found = []
    for line in output.splitlines():
        match = SAID.match(line)
        if match and any(f' {word}: ' in line for word in only):
            path = pathlib.Path(os.path.relpath(os.path.join(tree.root, match.group('path')), tree.root))
            found.append(Problem(path, int(match.group('line')), match.group('message')))
    return found


def clang_format(tree):
    paths = [str(path) for path in tree.sources()]
    if not paths:
        return []
    said = run('clang-format', '--dry-run', '-Werror', '--style=file', *paths, cwd=tree.root)
    problems = problems_in(tree, said.stderr)
    if said.returncode != 0 and not problems:
        problems.append(Problem('.clang-format', 1, said.stderr.strip()[:500]))
    files = {}
    for problem in problems:  # the first place of each file is enough
        files.setdefault(str(problem.path), problem)
    for problem in files.values():
        problem.message = 'not formatted: ./dev format ' + str(problem.path)
    return list(files.values())


def shell(tree):
    problems = []
    for path in tree.files:
        text = tree.text(path)
        first = SHEBANG_SH.match(text or '')
        if path.suffix != '.sh' and not first:
            continue
        said = run('shellcheck', '-f', 'gcc', str(path), cwd=tree.root)
        found = problems_in(tree, said.stdout, only=('error', 'warning', 'note'))
        problems += found
        if said.returncode != 0 and not found:
            problems.append(Problem(path, 1, (said.stdout + said.stderr).strip()[:500]))
        if first and first.group(1) in ('sh', 'dash'):
            said = run('dash', '-n', str(path), cwd=tree.root)
            if said.returncode != 0:
                problems.append(Problem(path, 1, said.stderr.strip()))
    return problems


def tidy_key(tree, path, version):
    """What the verdict on a file depends on: it, the project headers it sees, the configuration and the tool."""
    digest = hashlib.sha256(version.encode())
    for part in sorted(tree.reachable(path)):
        digest.update(str(part).encode() + b'\0' + (tree.root / part).read_bytes())
    digest.update((tree.root / '.clang-tidy').read_bytes())
    return digest.hexdigest()


def clang_tidy(tree, build):
    """A file that passed is remembered in the build directory until it or a header it sees changes. clang-tidy goes through
    a file once for each of its commands: it gets a list with one of each."""
    build = pathlib.Path(build).resolve()
    commands = json.loads((build / 'compile_commands.json').read_text())
    commands = list({(command['directory'], command['file']): command for command in commands}.values())
    version = run('clang-tidy', '--version', cwd=tree.root).stdout
    cache = build / 'tidy-cache'
    cache.mkdir(exist_ok=True)
    once = build / 'tidy-commands'
    once.mkdir(exist_ok=True)
    (once / 'compile_commands.json').write_text(json.dumps(commands))
    todo = {}
    for command in commands:
        source = pathlib.Path(os.path.normpath(os.path.join(command['directory'], command['file'])))
        if source.suffix != '.c' or not source.is_file() or tree.root / 'src' not in source.parents:
            continue
        path = source.relative_to(tree.root)
        key = cache / tidy_key(tree, path, version)
        if not key.exists():
            todo[path] = key

    def judge(path):
        said = run('clang-tidy', '--quiet', '-p', str(once), str(path), cwd=tree.root)
        found = problems_in(tree, said.stdout)
        if said.returncode != 0 and not found:
            found.append(Problem(path, 1, (said.stdout + said.stderr).strip()[-500:]))
        if not found:
            todo[path].touch()
        return found

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        verdicts = list(pool.map(judge, sorted(todo)))
    unique = {str(problem): problem for found in verdicts for problem in found}
    return list(unique.values())
