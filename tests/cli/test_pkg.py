"""pkg: against dpkg-query on this machine, and against trees of other package managers."""
import os
import shutil
import subprocess

import pytest

APK = """P:musl
V:1.2.5-r0
A:x86_64
I:425984
o:musl

P:busybox
V:1.36.1-r29
A:x86_64
o:busybox

"""
DPKG = """Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36-9
Source: glibc

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

"""


def names(result):
    return [row['name'] for row in result['elements']['packages']]


@pytest.fixture
def image(tmp_path):
    (tmp_path / 'lib/apk/db').mkdir(parents=True)
    (tmp_path / 'lib/apk/db/installed').write_text(APK)
    (tmp_path / 'var/lib/dpkg').mkdir(parents=True)
    (tmp_path / 'var/lib/dpkg/status').write_text(DPKG)
    return tmp_path


def test_every_package_of_dpkg(tarsier):
    if not shutil.which('dpkg-query'):
        pytest.skip('needs dpkg-query')
    query = subprocess.run(['dpkg-query', '-W', '-f', '${db:Status-Status} ${Package} ${Version} ${Architecture}\n'],
                           check=True, capture_output=True, text=True).stdout
    expected = sorted(line.split()[1:] for line in query.splitlines() if line.startswith('installed '))
    result = tarsier.json('pkg', '--type', 'dpkg')
    found = sorted([row['name'], row['version'], row['arch']] for row in result['elements']['packages'])
    assert found == expected
    assert result['success'] and result['foundanything'] == bool(expected)
    assert result['statistics']['examined'] >= len(expected)
    for row in result['elements']['packages'][:5]:
        tarsier.check('pkg', row)


def test_names_have_no_architecture(tarsier, image):
    """With multiarch dpkg -l says libc6:amd64, and ^libc6$ would find nothing."""
    result = tarsier.json('pkg', '-name', '^libc6$', '--root', image)
    assert result['elements']['packages'] == [
        {'name': 'libc6', 'version': '2.36-9', 'type': 'dpkg', 'arch': 'amd64', 'source': 'glibc'}]


def test_filters(tarsier, image):
    assert names(tarsier.json('pkg', '--root', image)) == ['libc6', 'musl', 'busybox']
    assert names(tarsier.json('pkg', '--root', image, '--type', 'apk')) == ['musl', 'busybox']
    assert names(tarsier.json('pkg', '--root', image, '--arch', 'amd64')) == ['libc6']
    assert names(tarsier.json('pkg', '--root', image, '-name', 'musl', '-name', 'busy')) == ['musl', 'busybox']
    assert names(tarsier.json('pkg', '--root', image, '-version', '^1\\.2')) == ['musl']
    assert names(tarsier.json('pkg', '--root', image, '-version', '!^1\\.2')) == ['libc6', 'busybox']
    assert names(tarsier.json('pkg', '--root', image, '-name', 'gone')) == []


def test_wire(tarsier, image):
    result = tarsier.message('pkg', {'pkgmatch': {'matches': ['^musl$']}, 'vermatch': '', 'root': str(image)})
    assert list(result)[:5] == ['foundanything', 'success', 'elements', 'statistics', 'errors']
    assert result['elements']['packages'][0]['installedsize'] == 425984
    assert result['errors'] is None and 'execruntime' in result['statistics']
    nothing = tarsier.message('pkg', {'pkgmatch': {'matches': ['^nosuch$']}, 'root': str(image)})
    assert nothing['foundanything'] is False and nothing['success'] is True
    assert nothing['elements'] == {'packages': []}


@pytest.mark.parametrize('parameters, word', [
    ({}, 'pkgmatch'),
    ({'pkgmatch': {'matches': []}}, 'pkgmatch'),
    ({'pkgmatch': {'matches': ['[']}}, 'missing closing ]'),
    ({'pkgmatch': {'matches': ['a']}, 'vermatch': '!('}, 'missing closing )'),
    ({'pkgmatch': {'matches': ['a']}, 'types': ['snap']}, 'types'),
])
def test_refused_parameters(tarsier, parameters, word):
    result = tarsier.message('pkg', parameters)
    assert result['success'] is False and len(result['errors']) == 1 and word in result['errors'][0]


def test_links_end_at_the_root(tarsier, tmp_path):
    """An absolute link inside of the tree is followed inside of it; one that climbs out leads nowhere."""
    (tmp_path / 'real/dpkg').mkdir(parents=True)
    (tmp_path / 'real/dpkg/status').write_text(DPKG)
    (tmp_path / 'var').mkdir()
    os.symlink('/../../real', tmp_path / 'var/lib')
    assert names(tarsier.json('pkg', '--root', tmp_path)) == ['libc6']
    (tmp_path / 'real/dpkg/status').unlink()
    os.symlink('../../../../../../../../../../../../var/lib/dpkg/status.host', tmp_path / 'real/dpkg/status')
    assert names(tarsier.json('pkg', '--root', tmp_path)) == []
    (tmp_path / 'real/dpkg/status').unlink()
    os.symlink('status', tmp_path / 'real/dpkg/status')
    looped = tarsier.json('pkg', '--root', tmp_path)
    assert looped['skipped'] == [{'path': f'{tmp_path}/var/lib/dpkg/status', 'reason': 'Too many levels of symbolic links'}]
    assert looped['success'] is True


def test_a_fifo_does_not_block(tarsier, tmp_path):
    (tmp_path / 'var/lib/dpkg').mkdir(parents=True)
    os.mkfifo(tmp_path / 'var/lib/dpkg/status')
    result = tarsier.json('pkg', '--root', tmp_path)
    assert names(result) == [] and 'not a regular file' in result['skipped'][0]['reason']


def test_broken_root(tarsier, tmp_path):
    done = tarsier('pkg', '--root', tmp_path / 'absent')
    assert done.returncode == 3 and 'No such file or directory' in done.stderr + done.stdout
