"""What the tests of the program share: tarsier() runs it, message() speaks the modules' wire contract, check() holds a
result against the schema that the program itself prints."""
import json
import os
import pathlib
import subprocess

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = os.environ.get('TARSIER', str(ROOT / 'build' / 'tarsier'))


def pytest_collection_modifyitems(items):
    if not os.access(PROGRAM, os.X_OK):
        for item in items:
            if 'tarsier' in getattr(item, 'fixturenames', ()):
                item.add_marker(pytest.mark.skip(reason='needs build/tarsier'))


@pytest.fixture
def mount_namespace():
    if subprocess.run(['unshare', '-m', 'true'], capture_output=True).returncode:
        pytest.skip('needs a mount namespace: unshare -m')


class Tarsier:
    """Called with arguments: the finished process. json() and message() give the parsed result."""

    path = PROGRAM
    source = ROOT

    def __call__(self, *args, input=None, **options):
        options.setdefault('timeout', 120)
        return subprocess.run([PROGRAM, *map(str, args)], input=input, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL if input is None else None, **options)

    def json(self, *args, **options):
        done = self(*args, '--json', **options)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def message(self, module, parameters, *args, **options):
        text = json.dumps({'class': 'parameters', 'parameters': parameters})
        done = self('-m', module, *args, input=text, **options)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def check(self, module, element):
        """One element against `tarsier schema MODULE --result`."""
        schema = json.loads(self('schema', module, '--result').stdout)
        jsonschema.Draft202012Validator(schema).validate(element)


@pytest.fixture(scope='session')
def tarsier():
    return Tarsier()
