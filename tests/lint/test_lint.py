"""A lint that cannot fail is no lint: each finds the defect in a tree that has it and is silent about the same tree without."""
import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

import lint  # noqa: E402
import rooms  # noqa: E402
import tools  # noqa: E402
import words  # noqa: E402
from tree import Tree  # noqa: E402

GOOD_FUNCTION = '#include "base/banned.h"\n\nint one(void);\n\nint one(void)\n{\n        return 1;\n}\n'


@pytest.fixture
def make(tmp_path):
    """make({path: text}) is a tree that is clean but for what the texts bring."""
    def build(files):
        basis = {'src/base/banned.h': '#pragma once\n', 'src/base/sv.h': '#pragma once\n#include "base/banned.h"\n'}
        for path, text in {**basis, **files}.items():
            place = tmp_path / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        (tmp_path / '.clang-format').write_text((ROOT / '.clang-format').read_text())
        (tmp_path / '.clang-tidy').write_text((ROOT / '.clang-tidy').read_text())
        return Tree(tmp_path)
    return build


def places(problems):
    return [f'{problem.path}:{problem.line}' for problem in problems]


MODULE = 'const struct module {0}_module = {{\n'


@pytest.mark.parametrize('source, target', [
    ('src/base/a.c', 'schema/field.h'),
    ('src/schema/a.c', 'loop/loop.h'),
    ('src/loop/a.c', 'schema/field.h'),
    ('src/linux/a.c', 'loop/loop.h'),
    ('src/linux/elf/a.c', 'lib/walk/walk.h'),
    ('src/lib/walk/a.c', 'module/run.h'),
    ('src/lib/pkgdb/a.c', 'lib/walk/walk.h'),
    ('src/module/a.c', 'modules/host/ps.h'),
    ('src/module/a.c', 'agent/agent.h'),
    ('src/modules/net/a.c', 'modules/host/ps.h'),
    ('src/modules/host/a.c', 'agent/agent.h'),
    ('src/modules/host/a.c', 'cli/verbs.h'),
    ('src/agent/a.c', 'modules/host/ps.h'),
    ('src/agent/a.c', 'cli/verbs.h'),
    ('src/cli/a.c', 'modules/host/ps.h'),
    ('src/child/a.c', 'base/sv.h'),
    ('src/newroom/a.c', 'base/sv.h'),
    ('include/tarsier/child.h', 'base/sv.h'),
])
def test_an_arrow_that_points_up(make, source, target):
    tree = make({source: f'/* room */\n#include "{target}"\n', f'src/{target}': '#pragma once\n'})
    assert places(rooms.include_direction(tree)) == [f'{source}:2']


def test_an_arrow_to_a_file_that_is_generated(make):
    assert places(rooms.include_direction(make({'src/base/a.c': '#include "agent/version.h"\n'}))) == ['src/base/a.c:1']


@pytest.mark.parametrize('source, target', [
    ('src/schema/a.c', 'base/sv.h'),
    ('src/linux/elf/a.c', 'linux/proc/proc.h'),
    ('src/lib/walk/a.c', 'linux/mounts.h'),
    ('src/lib/walk/a.c', 'lib/walk/walk.h'),
    ('src/module/a.c', 'lib/store/store.h'),
    ('src/modules/host/a.c', 'module/run.h'),
    ('src/modules/modules.c', 'modules/host/modules.h'),
    ('src/cli/a.c', 'term/table.h'),
    ('src/child/a.c', 'tarsier/child.h'),
])
def test_an_arrow_that_points_down(make, source, target):
    folder = 'include' if target.startswith('tarsier/') else 'src'
    tree = make({source: f'#include "{target}"\n', f'{folder}/{target}': '#pragma once\n'})
    assert places(rooms.include_direction(tree)) == []


def test_a_module_includes_another_module_of_its_area(make):
    tree = make({'src/modules/host/ps.c': MODULE.format('ps') + '#include "modules/host/ps_tree.h"\n',
                 'src/modules/host/ps_tree.h': '', 'src/modules/host/common.h': '',
                 'src/modules/host/mem.c': MODULE.format('mem') + '#include "modules/host/common.h"\n'
                 '#include "modules/host/ps_tree.h"\n',
                 'src/modules/host/modules.c': '#include "modules/host/ps_tree.h"\n'})
    assert places(rooms.include_direction(tree)) == ['src/modules/host/mem.c:3']


def test_a_source_that_does_not_see_banned_h(make):
    tree = make({'src/loop/direct.c': '#include "base/banned.h"\n', 'src/loop/far.c': '#include "loop.h"\n',
                 'src/loop/loop.h': '#include "base/sv.h"\n', 'src/loop/bare.c': '#include <string.h>\n',
                 'src/child/alone.c': ''})
    assert places(rooms.banned_header(tree)) == ['src/loop/bare.c:1']


def test_sizes(make):
    warned = []
    tree = make({'src/base/fits.c': 'int x;\n' * 600, 'src/base/smell.c': 'int x;\n' * 601,
                 'src/base/most.c': 'int x;\n' * 1200, 'src/base/defect.c': 'int x;\n' * 1201})
    assert places(words.file_size(tree, warned.append)) == ['src/base/defect.c:1201']
    assert places(warned) == ['src/base/most.c:1200', 'src/base/smell.c:601']


def test_a_long_function(make):
    body = 'int {0}(void)\n{{\n' + '        work();\n' * 79 + '{1}        return 0;\n}}\n'
    tree = make({'src/base/a.c': body.format('fits', '') + body.format('longer', '        work();\n')})
    problems = words.function_length(tree)
    assert len(problems) == 1
    assert 'longer has 81 lines' in problems[0].message


def test_unfinished_work(make):
    mark = 'TO' + 'DO'
    tree = make({'src/base/a.c': f'int x;\n/* {mark}: more */\n', 'src/base/b.c': 'char name[] = "XXXXXX"; /* method */\n',
                 'dev': f'#!/bin/sh\n# {mark}\n', 'docs/a.md': mark})
    assert places(words.unfinished(tree)) == ['dev:2', 'src/base/a.c:2']


def test_names_of_one_machine(make):
    place = '/wo' + 'rk/main/x'
    tree = make({'README.md': f'see {place}\n', 'tests/a.py': 'fetch("https://mirror.example.net/pool")\n',
                 'src/base/a.c': '/* lowerdir=/a,workdir=/b/work/c, mirror.example.network is another */\n',
                 'src/base/b.c': '/* by Clau' + 'de */\n'})
    assert places(words.machine_names(tree, hosts={'mirror.example.net'})) == [
        'README.md:1', 'src/base/b.c:1', 'tests/a.py:1']


def test_format(make):
    tree = make({'src/base/good.c': GOOD_FUNCTION, 'src/base/bad.c': 'int  one( void );\n'})
    assert places(tools.clang_format(tree)) == ['src/base/bad.c:1']


def test_shell(make):
    tree = make({'good': '#!/bin/sh\nset -eu\necho "$1"\n', 'tests/unquoted.sh': '#!/bin/sh\nrm $1\n',
                 'notshell': '#!/usr/bin/env python3\nrm $1\n'})
    assert 'tests/unquoted.sh:2' in places(tools.shell(tree))
    assert {problem.path.name for problem in tools.shell(tree)} == {'unquoted.sh'}


def test_tidy_and_its_memory(make, tmp_path):
    leak = ('#include "base/banned.h"\n#include <stdlib.h>\n\nint one(int *p);\n\nint one(int *p)\n{\n'
            '        if (!p)\n                return *p;\n        return 1;\n}\n')
    tree = make({'src/base/good.c': GOOD_FUNCTION, 'src/base/bad.c': leak})
    build = tmp_path / 'build-x'
    build.mkdir()
    (build / 'compile_commands.json').write_text(json.dumps(
        [{'directory': str(build), 'file': str(tmp_path / 'src/base' / name),
          'command': f'clang -I{tmp_path}/src -c {tmp_path}/src/base/{name}'} for name in ('good.c', 'bad.c')]))
    assert places(tools.clang_tidy(tree, build)) == ['src/base/bad.c:9']
    assert len(list((build / 'tidy-cache').iterdir())) == 1  # only the good one is remembered
    (tmp_path / 'src/base/good.c').write_text(leak)
    assert len(tools.clang_tidy(Tree(tmp_path), build)) == 2


def test_each_check_is_one_counted_line(make, tmp_path):
    make({'src/base/a.c': '#include "agent/x.h"\n'})
    said = subprocess.run([sys.executable, HERE / 'lint.py', '--root', tmp_path, '--tap', tmp_path / 'lint.tap',
                           'include-direction', 'banned-header', 'file-size'], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert (tmp_path / 'lint.tap').read_text().splitlines() == [
        '1..3', f'not ok 1 - include-direction: {lint.CHECKS["include-direction"][0]}',
        f'not ok 2 - banned-header: {lint.CHECKS["banned-header"][0]}', f'ok 3 - file-size: {lint.CHECKS["file-size"][0]}']
    assert '#   src/base/a.c:1: base may not include agent ("agent/x.h")' in said.stdout
