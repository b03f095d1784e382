"""The bundle that is committed is what the sources make, and small enough."""
import pathlib
import shutil
import subprocess

import pytest

WEB = pathlib.Path(__file__).resolve().parents[2] / 'web'


@pytest.mark.skipif(not shutil.which('npm') or not (WEB / 'node_modules/esbuild').exists(),
                    reason='needs npm, and the packages of web/package-lock.json')
def test_types_bundle_and_size():
    done = subprocess.run(['npm', 'run', '--silent', 'check'], cwd=WEB, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_names_no_registry():
    """Addresses of packages are the business of who installs them."""
    lock = (WEB / 'package-lock.json').read_text()
    assert '"integrity"' in lock and '"resolved"' not in lock
