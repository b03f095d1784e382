"""Every page and flow in Chromium: the scenarios of these files."""
import json
import urllib.request

from web_stage import TOKENS, pytest_generate_tests, stage  # noqa: F401: the last two are for pytest

SCENARIOS = ['shell.mjs', 'pages.mjs', 'overview.mjs', 'containers.mjs', 'processes.mjs', 'events.mjs', 'alerts.mjs',
             'investigate.mjs', 'agent.mjs', 'defects.mjs', 'fast.mjs', 'large.mjs', 'day.mjs']


def test_page(stage, scenario):
    stage.play(*scenario)


def test_no_page_broke_its_policy(stage):
    """Browsers report what the policy of the page forbade; this comes after all scenarios."""
    request = urllib.request.Request(stage.address() + '/v1/status', headers={'Authorization': f'Bearer {TOKENS["viewer"]}'})
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)['csp_reports'] == 0
