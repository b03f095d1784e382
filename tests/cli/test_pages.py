"""Every module has its page and its row in the README."""
import json
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(os.environ.get("TARSIER_SOURCE", pathlib.Path(__file__).parents[2]))
TARSIER = os.environ.get("TARSIER", SOURCE / "build/tarsier")


def first_party():
    listed = subprocess.run([TARSIER, "modules", "--json"], capture_output=True, check=True,
                            env={**os.environ, "TARSIER_MODULES_DIR": "/nonexistent"})
    return [module["name"] for module in json.loads(listed.stdout)]


def test_each_module_has_a_page():
    missing = [name for name in first_party() if not (SOURCE / f"docs/modules/{name}.md").is_file()]
    assert not missing


def test_each_module_stands_in_the_readme():
    readme = (SOURCE / "README.md").read_text()
    assert [name for name in first_party() if f"(docs/modules/{name}.md)" not in readme] == []
