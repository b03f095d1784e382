"""The count at the end of ./dev test: nothing that failed, crashed or did not run may look like a pass."""
import json
import pathlib
import subprocess
import sys

import pytest

TALLY = pathlib.Path(__file__).resolve().parents[2] / 'tools' / 'tally.py'


def tally(folder, **files):
    for name, text in files.items():
        (folder / name.replace('_', '.')).write_text(text)
    said = subprocess.run([sys.executable, TALLY, folder], capture_output=True, text=True, check=False)
    return said.returncode, said.stdout.splitlines()


def program(stdout, returncode=0, result='OK', **more):
    return json.dumps({'name': 'tarsier:unit / sv', 'stdout': stdout, 'returncode': returncode, 'result': result, **more})


@pytest.mark.parametrize('record, line', [
    (program('1..2\nok 1 - a\nok 2 - b\n# ok - tests\n'), '2 passed, 0 failed, 0 skipped'),
    (program('1..2\nok 1 - a\nnot ok 2 - b\n# not ok - tests\n', 1, 'FAIL'), '1 passed, 1 failed, 0 skipped'),
    (program('1..2\nok 1 - a\nnot ok 2 # SKIP needs root\n', 0, 'FAIL'), '1 passed, 0 failed, 1 skipped'),
    (program('1..2\nok 1 - a\nok 2 - b # SKIP needs root\n'), '1 passed, 0 failed, 1 skipped'),
    (program('1..3\nok 1 - a\n', -11, 'FAIL', stderr='AddressSanitizer'), '1 passed, 1 failed, 0 skipped'),
    (program('', -6, 'ERROR'), '0 passed, 1 failed, 0 skipped'),
    (program('', 0), '0 passed, 1 failed, 0 skipped'),
    (program('1..1\nok 1 - a\n', 1, 'ERROR', stderr='LeakSanitizer'), '1 passed, 1 failed, 0 skipped'),
    (program('1..2\nok 1 - a\n', -15, 'TIMEOUT'), '1 passed, 1 failed, 0 skipped'),
    (program('1..1\nok 1 - a\n1..1\nok 1 - b\n'), '2 passed, 0 failed, 0 skipped'),
    (program('ok 1 - empty input\nok 2 - x\n1..2\n'), '2 passed, 0 failed, 0 skipped'),
])
def test_a_program(tmp_path, record, line):
    status, said = tally(tmp_path, build_json=record + '\n')
    assert said[-1] == line
    assert status == (0 if ' 0 failed' in line else 1)


def test_all_kinds_add_up(tmp_path):
    junit = ('<testsuites><testsuite><testcase classname="a" name="good"/><testcase classname="a" name="bad">'
             '<failure message="assert 1 == 2"/></testcase><testcase classname="a" name="broken"><error message="import"/>'
             '</testcase><testcase classname="a" name="not here"><skipped message="needs audit"/></testcase></testsuite>'
             '</testsuites>')
    status, said = tally(tmp_path, pytest_xml=junit, steps_tap='ok - build\nnot ok - configure\n',
                         build_json=program('1..1\nok 1 - a\n') + '\n')
    assert status == 1
    assert said[-1] == '3 passed, 3 failed, 1 skipped'
    assert 'FAILED   a: bad' in said
    assert 'FAILED   steps: configure' in said
    assert 'skipped  a: not here: needs audit' in said


def test_nothing_ran(tmp_path):
    assert tally(tmp_path) == (1, ['0 passed, 0 failed, 0 skipped'])


def test_a_broken_file_is_a_failure(tmp_path):
    status, said = tally(tmp_path, build_json='{"name":\n')
    assert status == 1
    assert said[-1] == '0 passed, 1 failed, 0 skipped'
