"""Runs that are saved under a name: over HTTP, by the clock, over restarts and reloads, and who may do what."""
import json
import os
import signal
import tempfile

import jsonschema
import pytest
from agent_harness import Agent, Refused, wait_for
from test_api import CONFIG, SLOW, TOKENS, Api

NIGHTLY = {'module': 'example', 'parameters': {'gethostname': True}, 'description': 'who is this', 'cron': '30 3 * * *'}
FULL = {**CONFIG, 'schedule': [{'name': 'of-the-file', 'module': 'example', 'cron': '0 0 1 1 *'}]}


@pytest.fixture
def api(tmp_path):
    with Agent(tmp_path / 'agent', FULL) as agent:
        yield Api(agent)


def put(api, name, entry, expected=201, **options):
    status, fields, text = api.ask('PUT', f'/v1/saved/{name}', entry, **options)
    assert status == expected, (status, text)
    assert (fields['Location'] == f'/v1/saved/{name}') if expected == 201 else 'Location' not in fields
    return json.loads(text)


def names(api):
    return [entry['name'] for entry in api.get('/v1/saved')['saved']]


def scheduled(api, name):
    return next((entry for entry in api.get('/v1/status')['schedule'] if entry['name'] == name), None)


def runs_of(api, identity):
    return [run for run in api.get('/v1/runs')['runs'] if run['identity'] == identity]


def test_life_of_a_saved_run(api):
    assert api.get('/v1/saved') == {'saved': []}
    assert put(api, 'who', NIGHTLY) == {'name': 'who', 'created': True}
    one = api.get('/v1/saved/who')
    assert {key: one[key] for key in NIGHTLY} == NIGHTLY
    assert one['enabled'] is True and one['saved_at'].endswith('Z') and one['saved_by'].startswith('uid ')
    put(api, 'another', {'module': 'ps'})
    assert names(api) == ['another', 'who']  # sorted
    assert put(api, 'who', {'module': 'example'}, 200) == {'name': 'who', 'created': False}
    one = api.get('/v1/saved/who')
    assert 'cron' not in one and 'description' not in one and one['parameters'] is None  # replaced as a whole
    assert api.ask('DELETE', '/v1/saved/who')[0] == 200
    assert api.error('GET', '/v1/saved/who') == (404, {'code': 'not-found', 'message': 'there is no saved run who'})
    assert api.error('DELETE', '/v1/saved/who')[0] == 404 and names(api) == ['another']


def test_run_by_hand(api):
    put(api, 'who', {**NIGHTLY, 'enabled': False, 'privacy': True, 'max_time': '1m'})
    status, fields, text = api.ask('POST', '/v1/saved/who/run', tcp=True, token=TOKENS['viewer'])
    run = json.loads(text)['run']
    assert status == 202 and fields['Location'] == f'/v1/runs/{run}'
    assert api.follow(run)[-1][0] == 'done'
    log = api.get(f'/v1/runs/{run}')
    assert log['identity'] == 'token viewer' and log['module'] == 'example' and 'gethostname' in json.dumps(log)
    status, fields, text = api.ask('POST', '/v1/saved/who/run?follow=1')
    assert status == 200 and fields['Content-Type'] == 'text/event-stream' and b'event: done' in text
    assert api.error('POST', '/v1/saved/nobody/run')[0] == 404


def test_by_the_clock(api):
    """The first run of an interval comes at once, that of points in time later; without a time there is none."""
    put(api, 'often', {'module': 'example', 'parameters': {'gethostname': True}, 'every': '1h'})
    wait_for(lambda: runs_of(api, 'schedule often'))
    put(api, 'who', NIGHTLY)
    put(api, 'by-hand', {'module': 'example'})
    put(api, 'off', {'module': 'example', 'every': '1h', 'enabled': False})
    often, who, off = (scheduled(api, name) for name in ('often', 'who', 'off'))
    assert often['saved'] and often['enabled'] and often['next'] > often['last'] and often['module'] == 'example'
    assert who['next'][11:16] == '03:30' and 'last' not in who
    assert off['enabled'] is False and 'next' not in off
    assert scheduled(api, 'by-hand') is None and scheduled(api, 'of-the-file')['saved'] is False
    put(api, 'off', {'module': 'example', 'every': '1h'}, 200)  # switched on
    wait_for(lambda: runs_of(api, 'schedule off'))
    api.ask('DELETE', '/v1/saved/often')
    assert scheduled(api, 'often') is None
    assert not runs_of(api, 'schedule by-hand') and len(runs_of(api, 'schedule often')) == 1


@pytest.mark.parametrize('how', [signal.SIGTERM, signal.SIGKILL])
def test_over_a_restart(tmp_path, how):
    with Agent(tmp_path / 'agent', FULL) as agent:
        api = Api(agent)
        put(api, 'who', NIGHTLY)
        put(api, 'often', {'module': 'example', 'every': '1h'})
        wait_for(lambda: runs_of(api, 'schedule often'))
        before = api.get('/v1/saved')
        agent.stop(how)
        with agent:
            again = Api(agent)
            assert again.get('/v1/saved') == before
            assert scheduled(again, 'who')['next'] and scheduled(again, 'often')['last']
            assert len(runs_of(again, 'schedule often')) == 1  # it was not missed


def test_over_a_reload(tmp_path):
    """A reload keeps them; a file that takes a name of theirs goes first."""
    with Agent(tmp_path / 'agent', FULL) as agent:
        api = Api(agent)
        put(api, 'who', NIGHTLY)
        agent.write({**FULL, 'schedule': [{'name': 'who', 'module': 'ps', 'cron': '0 0 1 1 *'}]})
        agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: 'configuration reloaded' in agent.log())
        assert 'saved run who is not scheduled' in agent.log()
        assert names(api) == ['who'] and scheduled(api, 'who')['module'] == 'ps' and scheduled(api, 'who')['saved'] is False
        assert scheduled(api, 'of-the-file') is None
        agent.write(FULL)
        agent.process.send_signal(signal.SIGHUP)
        wait_for(lambda: agent.log().count('configuration reloaded') == 2)
        assert scheduled(api, 'who')['module'] == 'example' and scheduled(api, 'who')['saved'] is True


def test_who_may(api):
    """Role investigator and the role of the module, of the one before too: what an admin saved an investigator leaves alone."""
    def ask(role, method, path, body=None):
        return api.ask(method, path, body, tcp=True, token=TOKENS[role])[0]

    assert api.error('GET', '/v1/saved', tcp=True)[0] == 401
    assert ask('viewer', 'PUT', '/v1/saved/a', NIGHTLY) == 403 and ask('investigator', 'PUT', '/v1/saved/a', NIGHTLY) == 201
    kill = {'module': 'kill', 'parameters': {'pid': 1}}
    assert ask('investigator', 'PUT', '/v1/saved/k', kill) == 403 and ask('admin', 'PUT', '/v1/saved/k', kill) == 201
    assert ask('investigator', 'PUT', '/v1/saved/k', NIGHTLY) == 403 and ask('investigator', 'PUT', '/v1/saved/a', kill) == 403
    assert ask('investigator', 'POST', '/v1/saved/k/run') == 403 and ask('investigator', 'DELETE', '/v1/saved/k') == 403
    assert ask('viewer', 'DELETE', '/v1/saved/a') == 403 and ask('viewer', 'GET', '/v1/saved') == 200
    assert api.get('/v1/saved/a')['saved_by'] == 'token investigator'
    assert ask('viewer', 'POST', '/v1/saved/a/run') == 202
    assert ask('admin', 'POST', '/v1/saved/k/run') == 202 and ask('admin', 'DELETE', '/v1/saved/k') == 200
    assert names(api) == ['a']


def test_contents_of_the_host_are_not_saved_from_afar(api):
    """A module that shows contents is for local users, also when the scheduler runs it."""
    entry = {'module': 'talk', 'parameters': {'target': '127.0.0.1:1'}}
    status, error = api.error('PUT', '/v1/saved/m', entry, tcp=True, token=TOKENS['admin'])
    assert status == 403 and 'it is run here' in error['message']
    put(api, 'm', entry)
    assert api.error('PUT', '/v1/saved/m', NIGHTLY, tcp=True, token=TOKENS['admin'])[0] == 403
    assert api.error('POST', '/v1/saved/m/run', tcp=True, token=TOKENS['admin'])[0] == 403


@pytest.mark.parametrize('name, entry, status, path', [
    ('a', {}, 400, 'module'),
    ('a', {'module': 'nonsense'}, 404, None),
    ('a', {'module': 'example', 'parameters': {'gethostnam': True}}, 400, 'parameters.gethostnam'),
    ('a', {'module': 'example', 'parameters': []}, 400, None),
    ('a', {'module': 'example', 'every': '1m', 'cron': '* * * * *'}, 400, None),
    ('a', {'module': 'example', 'every': '1ms'}, 400, 'every'),
    ('a', {'module': 'example', 'cron': 'never'}, 400, None),
    ('a', {'module': 'example', 'name': 'b'}, 400, 'name'),
    ('a', {'module': 'example', 'saved_by': 'root'}, 400, 'saved_by'),
    ('a', '{"module":"example","module":"ps"}', 400, None),
    ('a', '[]', 400, None), ('a', '{', 400, None),
    ('of-the-file', NIGHTLY, 409, None),
    ('a%20b', NIGHTLY, 400, None), ('-a', NIGHTLY, 400, None), ('%C3%A4', NIGHTLY, 400, None), ('a' * 64, NIGHTLY, 404, None),
    ('a', {'module': 'example', 'description': 'x' * 2000}, 400, 'description'),
    ('a', {'module': 'file', 'parameters': {'searches': {'s': {'paths': ['/' + 'x' * 4000] * 20}}}}, 413, None),
    ('a', {'module': 'api'}, 400, None)], ids=lambda value: str(value)[:24])
def test_refused(api, name, entry, status, path):
    got, error = api.error('PUT', f'/v1/saved/{name}', entry)
    assert got == status, error
    assert path is None or error['path'] == path, error
    assert names(api) == []


def test_the_agent_judges_by_itself(api):
    """Who speaks its own wire does not get around the checks of the API."""
    front = api.agent.front()
    for entry in ({'module': 'example', 'parameters': {'nonsense': 1}}, {'module': 'example', 'cron': 'x'}, {}, None, []):
        with pytest.raises(Refused):
            front.ask('save', name='a', entry=entry)
    for name in ('../a', '', None):
        with pytest.raises(Refused):
            front.ask('save', name=name, entry=NIGHTLY)
    assert front.ask('save', name='a', entry=NIGHTLY) == {'name': 'a', 'created': True}
    assert front.json('saved', name='a')[0]['module'] == 'example' and len(front.json('saved')) == 1
    assert front.ask('run-saved', name='a')['run']
    assert front.ask('forget', name='a') == {}
    with pytest.raises(Refused):
        front.ask('forget', name='a')
    front.close()


def test_not_more_than_there_is_room_for(api):
    for number in range(256):
        put(api, f'n{number}', {'module': 'example'})
    status, error = api.error('PUT', '/v1/saved/more', NIGHTLY)
    assert status == 413 and 'delete some' in error['message']
    put(api, 'n255', NIGHTLY, 200)
    assert len(names(api)) == 256


def test_a_file_that_cannot_be_read_is_left_alone(tmp_path):
    with Agent(tmp_path / 'agent', FULL) as agent:
        agent.stop()
        path = os.path.join(agent.state, 'saved.json')
        with open(path, 'w') as file:
            file.write('{"version": 7}')
        with agent:
            api = Api(agent)
            status, error = api.error('PUT', '/v1/saved/a', NIGHTLY)
            assert status == 503 and 'saved.json' in error['message'] and 'saved.json' in agent.log()
            assert names(api) == [] and scheduled(api, 'of-the-file')
        with open(path) as file:
            assert file.read() == '{"version": 7}'


def test_a_module_that_is_gone(tmp_path):
    """It stays saved, cannot be run, and can be removed."""
    with Agent(tmp_path / 'agent', FULL) as agent:
        put(Api(agent), 'a', {'module': 'example', 'every': '1h'})
        agent.stop()
        path = os.path.join(agent.state, 'saved.json')
        with open(path) as file:
            text = file.read()
        with open(path, 'w') as file:
            file.write(text.replace('"example"', '"no-more"'))
        with agent:
            api = Api(agent)
            assert api.error('POST', '/v1/saved/a/run')[0] == 404 and api.get('/v1/saved/a')['module'] == 'no-more'
            assert api.ask('DELETE', '/v1/saved/a')[0] == 200


def test_described(api):
    document = api.get('/v1/openapi.json')
    assert set(document['paths']['/v1/saved/{name}']) == {'get', 'put', 'delete'}
    check = jsonschema.Draft202012Validator({**document['components']['schemas']['SavedRun'], 'components': document['components']})
    assert check.is_valid(NIGHTLY) and not check.is_valid({**NIGHTLY, 'parameters': {'nonsense': 1}}) and not check.is_valid({'x': 1})
    assert api.ask('OPTIONS', '/v1/saved/a')[1]['Allow'] == 'GET, HEAD, PUT, DELETE, OPTIONS'
    assert api.error('POST', '/v1/saved/a')[0] == 405


# ---- from the command line ----


def test_from_the_command_line(tmp_path):
    with Agent(tmp_path / 'agent', FULL) as agent:
        api = Api(agent)

        def saved(*args):
            return agent.tarsier('saved', *args)

        done = saved('put', 'who', '--module', 'example', '--parameters', '{"gethostname": true}', '--every', '1h', '--disabled',
                     '--description', 'who is this', '--max-time', '1m')
        assert done.returncode == 0, done.stderr
        one = api.get('/v1/saved/who')
        assert one['parameters'] == {'gethostname': True} and one['enabled'] is False and one['max_time'] == '1m0s'
        assert json.loads(saved('show', 'who').stdout) == one and json.loads(saved('--json').stdout) == [one]
        lines = saved().stdout.splitlines()
        assert lines[0].split() == ['NAME', 'MODULE', 'WHEN', 'SAVED_BY', 'DESCRIPTION']
        assert 'every 1h0m0s (off)' in lines[1] and 'who is this' in lines[1]
        run = saved('run', 'who').stdout.strip()
        assert api.follow(run)[-1][0] == 'done'
        assert saved('delete', 'who').returncode == 0 and names(api) == []
        for args, status, words in ((('delete', 'who'), 3, 'no saved run who'), (('put', 'a'), 2, 'module: required'),
                                    (('put',), 2, 'which one'), (('run', 'who'), 3, 'no saved run'),
                                    (('put', 'a', '--module', 'example', '--parameters', '{'), 2, 'parameters: '),
                                    (('put', 'of-the-file', '--module', 'example'), 5, 'the configuration has')):
            done = saved(*args)
            assert done.returncode == status and words in done.stderr, (args, done.returncode, done.stderr)
    done = agent.tarsier('saved')
    assert done.returncode != 0 and 'no agent answers' in done.stderr


def test_parameters_for_a_module_that_is_gone_are_not_shown(tmp_path):
    """Nobody knows which of them are secret any more."""
    state = tmp_path / 'agent'
    state.mkdir()
    entry = {'name': 'old', 'module': 'gone-with-the-package', 'parameters': {'password': 'a-secret-word'}, 'enabled': True,
             'privacy': False, 'saved_by': 'uid 0 (root)', 'saved_at': '2026-01-01T00:00:00Z'}
    (state / 'saved.json').write_text(json.dumps({'version': 1, 'saved': [entry]}))
    with Agent(tmp_path / 'agent', FULL) as agent:
        shown = Api(agent).get('/v1/saved')
    assert shown['saved'][0]['name'] == 'old' and 'a-secret-word' not in json.dumps(shown)


def reload(agent, config):
    before = agent.log().count('configuration reloaded')
    agent.write(config)
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: agent.log().count('configuration reloaded') > before, 'the reload')


def without(name, **changes):
    """The configuration without a token, or with another one in its place."""
    tokens = [dict(token, **changes) if token['name'] == name else token for token in FULL['tokens']
              if changes or token['name'] != name]
    return {**FULL, 'tokens': tokens}


def test_a_token_that_is_withdrawn_takes_its_runs_along(tmp_path):
    with Agent(tmp_path / 'agent', FULL) as agent:
        api = Api(agent)
        put(api, 'often', {'module': 'example', 'every': '1s'}, tcp=True, token=TOKENS['investigator'])
        put(api, 'mine', {'module': 'example', 'every': '1s'})
        wait_for(lambda: runs_of(api, 'schedule often'))
        reload(agent, without('investigator'))
        assert 'saved run often is suspended: token investigator is not known any more' in agent.log()
        one = api.get('/v1/saved/often')
        assert one['suspended'] == 'token investigator is not known any more' and one['enabled']
        entry = scheduled(api, 'often')
        assert entry['suspended'] == one['suspended'] and 'next' not in entry
        assert 'suspended' not in api.get('/v1/saved/mine') and scheduled(api, 'mine')['next']
        assert '(suspended)' in agent.tarsier('saved').stdout
        assert 'schedule often: example, suspended: token investigator' in agent.tarsier('status').stdout
        ran = len(runs_of(api, 'schedule often'))
        others = len(runs_of(api, 'schedule mine'))
        wait_for(lambda: len(runs_of(api, 'schedule mine')) >= others + 3, 'three more of the other one')
        assert len(runs_of(api, 'schedule often')) == ran
        # by hand it runs with the rights of who asks
        status, fields, text = api.ask('POST', '/v1/saved/often/run')
        assert status == 202
        # over a restart too
        assert agent.stop() == 0
        with agent:
            again = Api(agent)
            assert scheduled(again, 'often')['suspended'] and len(runs_of(again, 'schedule often')) == ran
            # another secret under the same name is the same holder
            reload(agent, without('investigator', sha256='0' * 64))
            assert 'saved run often is scheduled again' in agent.log()
            wait_for(lambda: len(runs_of(again, 'schedule often')) > ran, 'it goes on')
            assert 'suspended' not in again.get('/v1/saved/often')


@pytest.mark.parametrize('entry, by, change, why', [
    ({'module': 'kill', 'parameters': {'pid': 1}}, 'admin', {'role': 'investigator'},
     'token admin has the role investigator; this needs admin'),
    ({'module': 'example'}, 'investigator', {'role': 'viewer'}, 'token investigator has the role viewer; this needs investigator'),
])
def test_a_role_that_is_lowered(tmp_path, entry, by, change, why):
    with Agent(tmp_path / 'agent', FULL) as agent:
        api = Api(agent)
        put(api, 'it', {**entry, 'cron': '0 0 1 1 *'}, tcp=True, token=TOKENS[by])
        reload(agent, without(by, **change))
        assert api.get('/v1/saved/it')['suspended'] == why and scheduled(api, 'it')['suspended'] == why
        # who has the rights takes it over
        put(api, 'it', {**entry, 'cron': '0 0 1 1 *'}, 200)
        assert 'suspended' not in api.get('/v1/saved/it') and scheduled(api, 'it')['next']


def test_a_grant_that_is_withdrawn(tmp_path):
    """A module that is run locally only, and the token it was granted to."""
    local = {'module': 'listen', 'parameters': {'kind': 'tcp'}, 'cron': '0 0 1 1 *'}
    with Agent(tmp_path / 'agent', without('admin', modules=['listen'])) as agent:
        api = Api(agent)
        put(api, 'it', local, tcp=True, token=TOKENS['admin'])
        assert 'suspended' not in api.get('/v1/saved/it')
        reload(agent, FULL)
        assert 'it is run here, or with a token that names it' in api.get('/v1/saved/it')['suspended']


def test_the_first_token_ends_the_token_of_the_file(tmp_path):
    """admin.token holds while no token is configured; what it saved is suspended with it."""
    bare = {key: value for key, value in FULL.items() if key != 'tokens'}
    with Agent(tmp_path / 'agent', bare) as agent:
        api = Api(agent)
        token = open(os.path.join(agent.state, 'admin.token')).read().strip()
        put(api, 'it', NIGHTLY, tcp=True, token=token)
        assert api.get('/v1/saved/it')['saved_by'] == 'token admin.token' and scheduled(api, 'it')['next']
        reload(agent, FULL)
        assert api.get('/v1/saved/it')['suspended'] == 'token admin.token is not known any more'
        reload(agent, bare)
        assert 'suspended' not in api.get('/v1/saved/it')


@pytest.fixture
def slow_modules():
    with tempfile.TemporaryDirectory() as modules:
        os.chmod(modules, 0o755)
        path = os.path.join(modules, 'slow')
        with open(path, 'w') as script:
            script.write(SLOW)
        os.chmod(path, 0o755)
        yield {'TARSIER_MODULES_DIR': modules}


def test_what_waits_for_its_turn_is_cancelled(tmp_path, slow_modules):
    """One place for runs, which is taken: the scheduled one waits, and does not come to its turn without rights."""
    config = {**FULL, 'limits': {'runs': 1}}
    with Agent(tmp_path / 'agent', config, environment=slow_modules) as agent:
        api = Api(agent)
        blocker = json.loads(api.ask('POST', '/v1/runs', {'module': 'slow', 'parameters': {}})[2])['run']
        put(api, 'it', {'module': 'example', 'every': '1h'}, tcp=True, token=TOKENS['investigator'])
        wait_for(lambda: api.get('/v1/status')['runs']['queued'] == 1, 'it waits')
        reload(agent, {**config, 'tokens': without('investigator')['tokens']})
        wait_for(lambda: api.get('/v1/status')['runs']['queued'] == 0, 'its end')
        assert api.get('/v1/status')['runs']['running'] == 1  # who runs goes on
        assert 'the run that waited for its turn is cancelled' in agent.log()
        api.ask('DELETE', f'/v1/runs/{blocker}')
