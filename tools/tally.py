#!/usr/bin/env python3
"""tally.py DIRECTORY: adds up what the tests of ./dev left in DIRECTORY and prints it.

NAME.json  meson's testlog: one object a line, a test program each, whose stdout is TAP (a libFuzzer replay's too)
NAME.tap   TAP of the lints and of the steps of ./dev
NAME.xml   pytest's JUnit file

A test program counts once for each of its TAP lines. One that ends with a bad status and shows no failed line, prints
no plan or fewer lines than planned has one failure more: a crash is never a pass. The failures are printed with what
the program said; the last line is `N passed, N failed, N skipped`. Exit status 1 when something failed or nothing ran.
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

TAP_LINE = re.compile(r'^(not )?ok\b\s*(\d+)?\s*(?:-\s*)?(.*)$')
TAP_PLAN = re.compile(r'^1\.\.(\d+)')
SKIP = re.compile(r'#\s*skip\b', re.IGNORECASE)
SHOWN_LINES = 60


class Tally:
    def __init__(self):
        self.passed = self.skipped = 0
        self.failures = []  # (name, text)
        self.skips = []

    def skip(self, name):
        self.skipped += 1
        self.skips.append(name)

    def fail(self, name, text=''):
        self.failures.append((name, text))


def read_tap(text):
    """(passed, [failed names], [skipped names], planned): cmocka says `not ok N # SKIP name` for a skipped test."""
    passed, failed, skipped, planned = 0, [], [], 0
    for line in text.splitlines():
        plan = TAP_PLAN.match(line)
        if plan:
            planned += int(plan.group(1))
            continue
        found = TAP_LINE.match(line)
        if not found:
            continue
        name = found.group(3).strip() or found.group(2) or '?'
        if SKIP.search(line):
            skipped.append(SKIP.sub('', name).strip(' -#'))
        elif found.group(1):
            failed.append(name)
        else:
            passed += 1
    return passed, failed, skipped, planned


def add_program(tally, where, record):
    name = f"{where}: {record['name'].split(' / ')[-1]}"
    output = record.get('stdout') or ''
    passed, failed, skipped, planned = read_tap(output)
    said = '\n'.join((output + (record.get('stderr') or '')).splitlines()[-SHOWN_LINES:])
    seen = passed + len(failed) + len(skipped)
    tally.passed += passed
    for test in skipped:
        tally.skip(f'{name}: {test}')
    for test in failed:
        tally.fail(f'{name}: {test}', said)
        said = ''
    if record.get('result') == 'TIMEOUT':
        tally.fail(f'{name}: timed out', said)
    elif record.get('returncode') == 77 and seen == 0:
        tally.skip(name)
    elif planned == 0 or seen < planned:
        tally.fail(f"{name}: ended after {seen} of {planned or 'no'} planned tests, status {record.get('returncode')}", said)
    elif record.get('returncode') != 0 and not failed:
        tally.fail(f"{name}: every test passed but the program ended with status {record.get('returncode')}", said)


def add_meson(tally, path):
    for line in path.read_text(errors='replace').splitlines():
        if line.strip():
            add_program(tally, path.stem, json.loads(line))


def add_tap(tally, path):
    passed, failed, skipped, planned = read_tap(path.read_text(errors='replace'))
    tally.passed += passed
    for test in skipped:
        tally.skip(f'{path.stem}: {test}')
    for test in failed:
        tally.fail(f'{path.stem}: {test}')
    if planned > passed + len(failed) + len(skipped):
        tally.fail(f'{path.stem}: ended early')


def add_junit(tally, path):
    for case in ElementTree.parse(path).getroot().iter('testcase'):
        name = f"{case.get('classname')}: {case.get('name')}"
        bad = case.find('failure')
        if bad is None:
            bad = case.find('error')
        if bad is not None:
            tally.fail(name, bad.get('message') or '')
        elif case.find('skipped') is not None:
            tally.skip(f"{name}: {case.find('skipped').get('message')}")
        else:
            tally.passed += 1


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    tally = Tally()
    readers = {'.json': add_meson, '.tap': add_tap, '.xml': add_junit}
    for path in sorted(pathlib.Path(arguments[0]).iterdir()):
        reader = readers.get(path.suffix)
        if reader:
            try:
                reader(tally, path)
            except (ValueError, KeyError, ElementTree.ParseError) as reason:
                tally.fail(f'{path.name} cannot be read: {reason}')
    for name in tally.skips:
        print(f'skipped  {name}')
    for name, text in tally.failures:
        print(f'FAILED   {name}')
        if text:
            print('         | ' + text.replace('\n', '\n         | '))
    print(f'{tally.passed} passed, {len(tally.failures)} failed, {tally.skipped} skipped')
    return 1 if tally.failures or tally.passed == 0 else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
