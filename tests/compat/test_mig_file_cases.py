"""The 90 cases of MIG's own test of its file module, as data: `tarsier -m file` has to answer each as MIG does."""
import json
import os
import pathlib
import re

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = pathlib.Path(os.environ.get('TARSIER_TESTDATA', SOURCE.parent / 'shared' / 'testdata'))
CASES_FILE = TESTDATA / 'investigate' / 'mig_file_cases.json'
DATA = json.loads(CASES_FILE.read_text()) if CASES_FILE.exists() else {'cases': [], 'files': [], 'subdirs': ''}

pytestmark = pytest.mark.skipif(not DATA['cases'], reason='skipped: needs mig_file_cases.json in TARSIER_TESTDATA')


@pytest.fixture(scope='module')
def base(tmp_path_factory):
    root = tmp_path_factory.mktemp('migfiles')
    for directory in (root, root / DATA['subdirs']):
        directory.mkdir(parents=True, exist_ok=True)
        for entry in DATA['files']:
            path = directory / entry['filename']
            if 'link_to' in entry:
                path.symlink_to(entry['link_to'])
            else:
                path.write_bytes(bytes.fromhex(entry['data_hex']))
                path.chmod(0o644)
    return root


def test_the_data_is_complete():
    assert len(DATA['cases']) == 90


@pytest.mark.parametrize('case', DATA['cases'], ids=lambda case: case['description'].replace(' ', '-'))
def test_case(tarsier, base, case):
    paths = [path.replace('SEARCHBASE+', f'{base}/') for path in case.get('paths', [str(base)])]
    search = {'paths': paths, **case['search'], 'options': case['options']}
    message = json.dumps({'class': 'parameters', 'parameters': {'searches': {'s1': search}}})
    flags = ['--privacy'] if case.get('privacy') else []
    done = tarsier('-m', 'file', *flags, input=message)
    result = json.loads(done.stdout)
    assert result['success'], result
    files = [row['file'] for row in result['elements']['s1'] if row['file']]
    expected = {str(base / name) for name in case['expect_root']}
    expected |= {str(base / DATA['subdirs'] / name) for name in case['expect_sub']}

    if case.get('privacy'):
        assert files == ['masked'] * case['expect_count']
        assert set(result['errors'] or []) <= {'masked'}
        assert all(row['search']['paths'] == ['masked'] for row in result['elements']['s1'])
        return
    if 'expect_count' in case:
        assert len(files) == case['expect_count']
    else:
        assert sorted(files) == sorted(expected)
    assert result['foundanything'] == bool(files)
    assert result['statistics']['totalhits'] == len(files)

    patterns = case.get('errors_re') or ([] if case['options'].get('maxdepth') else [r'^ERROR: followSymLink\(\)'])
    for error in result['errors'] or []:
        assert any(re.search(pattern, error) for pattern in patterns), error
    if 'checkContent' in str(case.get('errors_re')) or 'doesnotexist' in str(paths) or 'warning' in str(patterns):
        assert result['errors'], 'MIG reports an error here'
