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


def page_of(name):
    """Its own; `tarsier alerts mute` may stand in the page of alerts, in these words."""
    area, _, sub = name.partition("-")
    for page, words in ((name, ""), (area, f"`tarsier {area} {sub}") if sub else (name, "")):
        path = SOURCE / f"docs/modules/{page}.md"
        if path.is_file() and words in path.read_text():
            return page
    return None


def test_each_module_has_a_page():
    assert [name for name in first_party() if not page_of(name)] == []


def test_each_module_stands_in_the_readme():
    readme = (SOURCE / "README.md").read_text()
    assert [name for name in first_party() if f"(docs/modules/{page_of(name)}.md)" not in readme] == []
