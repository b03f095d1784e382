"""Every page and flow in Chromium: the scenarios of these files."""
SCENARIOS = ['shell.mjs']


def test_page(stage, scenario):
    stage.play(*scenario)
