"""./dev deb: the package holds what the build holds, asks for the libraries it links, and installs a unit that systemd reads."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / 'build'


def said(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, **options).stdout


@pytest.fixture(scope='module')
def package():
    if not (BUILD / 'tarsier').exists() or pathlib.Path(os.environ.get('TARSIER_BUILD', BUILD)).resolve() != BUILD:
        pytest.skip('needs build/, which ./dev deb packs, to be the build under test')
    return pathlib.Path(said('./dev', 'deb', cwd=ROOT).splitlines()[-1])


@pytest.mark.timeout(1800)
def test_control(package):
    control = said('dpkg-deb', '--field', package)
    assert 'Package: tarsier\n' in control
    depends = said('dpkg-deb', '--field', package, 'Depends')
    for library in ('libc6', 'libsqlite3-0', 'libmicrohttpd12'):
        assert library in depends
    assert '-dev' not in depends


@pytest.mark.timeout(1800)
def test_files(package, tmp_path):
    said('dpkg-deb', '-x', package, tmp_path)
    assert os.access(tmp_path / 'usr/bin/tarsier', os.X_OK)
    assert (tmp_path / 'etc/tarsier/tarsier.yaml').is_file()
    built = {path.name for path in (BUILD / 'libexec/tarsier').glob('tarsier-*') if path.is_file()}
    assert built <= {path.name for path in (tmp_path / 'usr/libexec/tarsier').iterdir()}
    assert not [path for path in tmp_path.rglob('*') if path.is_file() and path.stat().st_mode & 0o6022]


@pytest.mark.timeout(1800)
def test_unit(package, tmp_path):
    if not shutil.which('systemd-analyze'):
        pytest.skip('needs systemd-analyze')
    said('dpkg-deb', '-x', package, tmp_path)
    unit = tmp_path / 'lib/systemd/system/tarsier.service'
    # the program stands where the unit says only after the installation
    unit.write_text(unit.read_text().replace('/usr/bin/tarsier', str(tmp_path / 'usr/bin/tarsier'))
                    .replace('Documentation=man:tarsier(1)\n', ''))
    checked = subprocess.run(['systemd-analyze', 'verify', unit], capture_output=True, text=True, check=False)
    assert 'tarsier.service' not in checked.stderr
