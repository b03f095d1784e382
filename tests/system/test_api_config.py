"""What the agent says of itself over HTTP: its services and what they use, its configuration without its secrets."""
import hashlib
import json
import os

import pytest
import yaml
from agent_harness import Agent
from test_api import CONFIG, TOKENS, Api

HEADER = 'a-header-that-is-a-secret'
FULL = {
    **CONFIG,
    'modules': {'example-persist': {'interval': '7s'}, 'watch': {'enabled': False},
                'dispatch': {'outputs': [{'type': 'http', 'url': 'http://ann:pass-word@127.0.0.1:1/', 'headers': {'Authorization': HEADER}}]}},
    'schedule': [{'name': 'nightly', 'module': 'example', 'parameters': {'gethostname': True}, 'cron': '30 3 * * *'}],
    'limits': {'runs': 3},
}


@pytest.fixture(scope='module')
def api(tmp_path_factory):
    with Agent(tmp_path_factory.mktemp('config'), FULL) as agent:
        yield Api(agent)


def test_configuration_in_effect(api):
    status, _, text = api.ask('GET', '/v1/config', tcp=True, token=TOKENS['admin'])
    text = text.decode()
    assert status == 200, text
    config = json.loads(text)
    assert config['modules']['example-persist'] == {'enabled': True, 'interval': '7s', **{
        key: value for key, value in config['modules']['example-persist'].items() if key not in ('enabled', 'interval')}}
    assert config['modules']['watch'] == {'enabled': False}
    assert config['modules']['api']['connections'] == 256 and config['modules']['api']['listen']['http'] == api.url.split('//')[1]
    assert 'metrics' not in config['modules']
    assert config['limits']['runs'] == 3 and config['limits']['queue'] == 256  # a default
    assert config['schedule'][0]['parameters'] == {'gethostname': True} and config['listen'] == '127.0.0.1:0'
    assert [token['name'] for token in config['tokens']] == list(TOKENS)


def test_its_secrets_are_hidden(api):
    status, _, text = api.ask('GET', '/v1/config', tcp=True, token=TOKENS['admin'])
    text = text.decode()
    assert status == 200, text
    for token in TOKENS.values():
        assert token not in text and hashlib.sha256(token.encode()).hexdigest() not in text
    assert HEADER not in text
    assert 'pass-word' not in text and 'http://ann:hidden@127.0.0.1:1/' in text
    assert json.loads(text)['modules']['dispatch']['outputs']
    assert text.count('hidden') >= len(TOKENS) + 1


def test_configuration_is_for_admins(api):
    assert api.error('GET', '/v1/config', tcp=True)[0] == 401
    for role in ('viewer', 'investigator'):
        assert api.error('GET', '/v1/config', tcp=True, token=TOKENS[role])[0] == 403


def test_configuration_is_of_the_files_form(tmp_path, tarsier):
    """What it says can be used as a file, but for its secrets."""
    with Agent(tmp_path / 'a', {'modules': {'example-persist': {}}, 'schedule': FULL['schedule']}) as agent:
        config = Api(agent).get('/v1/config')
    config['modules']['api'].pop('listen')
    path = tmp_path / 'again.yaml'
    path.write_text(yaml.safe_dump(config))
    done = tarsier('serve', '--check', '--config', path)
    assert done.returncode == 0, done.stderr


def test_services_and_what_they_use(api):
    status = api.get('/v1/status')
    services = {service['name']: service for service in status['services']}
    for name in ('api', 'example-persist', 'dispatch'):
        service = services[name]
        assert service['state'] == 'ready' and service['restarts'] == 0 and service['since'].endswith('Z')
        assert 0 < service['memory'] < 1 << 30 and service['cpu_time'] >= 0 and service['threads'] >= 1
        fds = f'/proc/{service["pid"]}/fd'
        if os.access(fds, os.R_OK):
            assert service['fds'] > 3
    assert 'pid' not in services['scheduler']
    assert 0 < status['memory'] < 1 << 30 and status['cpu_time'] >= 0 and status['fds'] > 5
    assert status['log']['head'] and status['schedule'][0]['name'] == 'nightly'
