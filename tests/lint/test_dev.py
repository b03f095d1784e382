"""The doors themselves: what ./dev says, what it refuses, and that its package lists cover what the build asks for."""
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPENDENCY = re.compile(r"\bdependency\('([^']+)'")


def dev(*arguments):
    return subprocess.run(['./dev', *arguments], cwd=ROOT, capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)


def test_help_names_every_command():
    said = dev('help')
    assert said.returncode == 0
    commands = set(re.findall(r'^cmd_(\w+)\(\)', (ROOT / 'dev').read_text(), re.MULTILINE)) - {'help'}
    assert commands >= {'run', 'test', 'build', 'lint', 'fuzz', 'bench', 'web', 'deb', 'format', 'clean'}
    for command in commands | {'deps'}:
        assert re.search(rf'^  {command}\b', said.stdout, re.MULTILINE), command


@pytest.mark.parametrize('arguments', [['bogus'], ['deps', 'bogus'], ['test', '--bogus'], ['bench', 'no-such-bench']])
def test_a_wrong_line_is_refused(arguments):
    said = dev(*arguments)
    assert said.returncode != 0
    assert said.stdout == ''
    assert arguments[-1] in said.stderr


def test_package_lists_cover_the_build():
    asked = set()
    for path in [ROOT / 'meson.build', *ROOT.glob('src/**/meson.build'), *ROOT.glob('tests/**/meson.build')]:
        asked.update(DEPENDENCY.findall(path.read_text()))
    text = (ROOT / 'dev').read_text()
    assert unlisted(asked, text) == {}
    assert unlisted(asked, text.replace('libjansson-dev', '')) == {'jansson': 'libjansson-dev'}


def unlisted(asked, text):
    listed = set(re.findall(r'[a-z0-9][a-z0-9.+-]+', text))
    found = {}
    for name in asked - {'threads', 'dl'}:
        said = subprocess.run(['pkg-config', '--path', name], capture_output=True, text=True, check=False)
        file = pathlib.Path(said.stdout.strip())
        if said.returncode != 0:
            continue  # optional and absent, or found in another way: the build itself fails when it must
        owner = subprocess.run(['dpkg', '-S', file.resolve()], capture_output=True, text=True, check=False).stdout
        package = owner.split(':')[0]
        if package and package not in listed:
            found[name] = package
    return found
