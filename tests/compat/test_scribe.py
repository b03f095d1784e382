"""scribe: documents in the format of MIG's scribe module, with the results that its documentation and tests define."""
import json
import os
import re

import pytest
import yaml

DPKG = ''.join(f'Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n' for name, version in [
    ('openssl', '1.0.1e'), ('libbind', '1:9.9.5.dfsg-4.3'), ('grub-common', '2.02-beta2'),
    ('kernel-a', '2.6.32-504.12.2.el6.x86_64'), ('kernel-b', '2.6.32-573.8.1.el6.x86_64')])


@pytest.fixture
def tree(tmp_path):
    files = {
        'content/one.conf': 'Test line\nVersion = 0.5\r\nvar = (1.5, 8)\n',
        'content/two.conf': 'nothing\nVersion = 0.4z',
        'content/sub/minor.conf': 'minor = 7\n',
        'content/minor.conf': 'minor = 3\n',
        'names/file-1.2.3.txt': '',
        'names/other.txt': 'a test here\n',
        'var/lib/dpkg/status': DPKG,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return tmp_path


@pytest.fixture
def run(tarsier, tree):
    def run_(objects, tests, **parameters):
        document = {'variables': [{'key': 'root', 'value': str(tree)}],
                    'objects': [{'object': name, **body} for name, body in objects.items()],
                    'tests': [{'test': name, **body} for name, body in tests.items()]}
        result = tarsier.message('scribe', {'scribedoc': document, 'root': str(tree), **parameters})
        if result['success']:
            tarsier.check('scribe', result['elements'])
        return result
    return run_


def masters(result):
    return {test['testid']: 'error' if test['iserror'] else test['masterresult'] for test in result['elements']['results']}


def values(result, test):
    (found,) = [one for one in result['elements']['results'] if one['testid'] == test]
    return [(sub['identifier'], sub['result']) for sub in found['results'] or []]


def content(file, expression, path='${root}/content', **more):
    return {'filecontent': {'path': path, 'file': file, 'expression': expression, **more}}


def test_filecontent(run, tree):
    result = run({
        'none': content('nosuchfile', '(.*)'),
        'word': content('one', '.*(Test).*'),
        'no-group': content('one', 'Test'),
        'one': content(r'.*one\.conf', r'^Version = (\S+)'),
        'two': content('two', r'^Version = (\S+)'),
        'both': content(r'\.conf$', r'^Version = (\S+)'),
    }, {
        'none': {'object': 'none'},
        'word': {'object': 'word'},
        'no-group': {'object': 'no-group'},
        'word-regexp': {'object': 'word', 'regexp': {'value': '^T.st$'}},
        'less': {'object': 'one', 'evr': {'operation': '<', 'value': '0.6'}},
        'not-less': {'object': 'one', 'evr': {'operation': '<', 'value': '0.4z'}},
        'last-line-without-newline': {'object': 'two', 'evr': {'operation': '=', 'value': '0.4z'}},
        'carriage-return-is-not-part': {'object': 'one', 'exactmatch': {'value': '0.5'}},
        'both': {'object': 'both', 'evr': {'operation': '>', 'value': '0.4z'}},
        'if-false': {'object': 'one', 'if': ['none']},
        'if-true': {'object': 'one', 'if': ['word', 'less']},
    })
    assert masters(result) == {
        'none': False, 'word': True, 'no-group': False, 'word-regexp': True, 'less': True, 'not-less': False,
        'last-line-without-newline': True, 'carriage-return-is-not-part': True, 'both': True, 'if-false': False,
        'if-true': True}
    assert values(result, 'both') == [(f'{tree}/content/one.conf', True), (f'{tree}/content/two.conf', False)]
    by_id = {test['testid']: test for test in result['elements']['results']}
    assert by_id['if-false']['hastrueresults'] is True and by_id['none']['results'] is None
    assert result['foundanything'] is True and result['errors'] is None
    assert list(by_id['less']) == ['testid', 'name', 'description', 'iserror', 'error', 'masterresult', 'hastrueresults', 'results']


def test_filename_and_hasline(run, tree):
    result = run({
        'any': {'filename': {'path': '${root}/names', 'file': '(.*)'}},
        'version': {'filename': {'path': '${root}/names/', 'file': r'file-(\S+)\.txt'}},
        'no-group': {'filename': {'path': '${root}/names', 'file': 'file'}},
        'line': {'hasline': {'path': '${root}/names', 'file': r'.*\.txt', 'expression': '.*test.*'}},
    }, {
        'any': {'object': 'any'},
        'version-less': {'object': 'version', 'evr': {'operation': '<', 'value': '1.6.0'}},
        'version-not-less': {'object': 'version', 'evr': {'operation': '<', 'value': '1.1.0'}},
        'version-regexp': {'object': 'version', 'regexp': {'value': '1.2.3'}},
        'no-group': {'object': 'no-group'},
        'with': {'object': 'line', 'exactmatch': {'value': 'true'}},
        'without': {'object': 'line', 'exactmatch': {'value': 'false'}},
    })
    assert masters(result) == {'any': True, 'version-less': True, 'version-not-less': False, 'version-regexp': True,
                               'no-group': False, 'with': True, 'without': True}
    assert values(result, 'with') == [(f'{tree}/names/file-1.2.3.txt', False), (f'{tree}/names/other.txt', True)]


def test_packages(run):
    def version(operation, value):
        return {'evr': {'operation': operation, 'value': value}}
    result = run({
        'openssl': {'package': {'name': 'openssl'}},
        'libbind': {'package': {'name': 'libbind'}},
        'grub': {'package': {'name': 'grub-common'}},
        'absent': {'package': {'name': 'absent'}},
        'kernels': {'package': {'name': 'kernel', 'collectmatch': '^kernel-.$'}},
        'newest': {'package': {'name': 'kernel', 'collectmatch': '^kernel-.$', 'onlynewest': True}},
    }, {
        'present': {'object': 'openssl'},
        'absent': {'object': 'absent'},
        'epoch': {'object': 'libbind', **version('=', '1:9.9.5.dfsg-4.3')},
        'beta1': {'object': 'grub', **version('<', '2.02-beta1')},
        'beta3': {'object': 'grub', **version('<', '2.02-beta3')},
        'beta3-if': {'object': 'grub', **version('<', '2.02-beta3'), 'if': ['beta1']},
        'letter': {'object': 'openssl', **version('>', '1.0.1d')},
        'bad-operation': {'object': 'openssl', **version('badop', '1')},
        'depends-on-error': {'object': 'openssl', 'if': ['bad-operation']},
        'old-kernel': {'object': 'kernels', **version('<', '2.6.32-573.8.1.el6.x86_64')},
        'newest-kernel': {'object': 'newest', **version('<', '2.6.32-573.8.1.el6.x86_64')},
    })
    assert masters(result) == {'present': True, 'absent': False, 'epoch': True, 'beta1': False, 'beta3': True,
                               'beta3-if': False, 'letter': True, 'bad-operation': 'error', 'depends-on-error': 'error',
                               'old-kernel': True, 'newest-kernel': False}
    assert values(result, 'newest-kernel') == [('kernel-b', False)]
    assert result['errors'] == ['Error: invalid evr operation badop in "bad-operation"',
                                'Error: a test dependency failed ("bad-operation") in "depends-on-error"']
    assert result['success'] is True


def test_concat_chains_and_variables(run, tree):
    result = run({
        'pairs': content('one', r'var = \((\S+), (\S+)\)', concat='.'),
        'combined': content('one', r'var = \((\S+), (\S+)\)', concat='.', **{'import-chain': ['minor']}),
        'minor': content('minor', r'minor = (\S+)', path='${chain_root}', concat='+', **{'import-chain': ['word']}),
        'word': {'raw': {'identifiers': [{'identifier': 'x', 'value': 'end'}]}},
        'nested': {'filename': {'path': '${outer}', 'file': '(other)'}},
    }, {
        'joined': {'object': 'pairs', 'exactmatch': {'value': '1.5.8'}},
        'chained': {'object': 'combined', 'regexp': {'value': r'^1\.5\.8\.'}},
        'chain-object': {'object': 'minor'},
    })
    assert masters(result) == {'joined': True, 'chained': True, 'chain-object': 'error'}
    assert values(result, 'joined') == [(f'{tree}/content/one.conf', True)]
    assert values(result, 'chained') == [(f'{tree}/content/one.conf', True)]
    # both minor files, each with the raw value behind it, joined with their file's name as identifier
    exact = run({
        'combined': content('one', r'var = \((\S+), (\S+)\)', concat='.', **{'import-chain': ['minor']}),
        'minor': content('^minor', r'minor = (\S+)', path='${chain_root}', concat='+', **{'import-chain': ['word']}),
        'word': {'raw': {'identifiers': [{'identifier': 'x', 'value': 'end'}]}},
    }, {'chained': {'object': 'combined', 'exactmatch': {'value': '1.5.8.3+end.7+end'}}})
    assert masters(exact) == {'chained': True}


def test_chains_that_import_each_other_end(run):
    result = run({
        'a': content('one', '(.)', path='${root}/content', **{'import-chain': ['b']}),
        'b': content('one', '(.)', path='${chain_root}', **{'import-chain': ['b']}),
    }, {'a': {'object': 'a'}})
    assert masters(result) == {'a': 'error'} and 'nested too deep' in result['errors'][0]


def test_tests_that_depend_on_each_other_end(run):
    raw = {'raw': {'identifiers': [{'identifier': 'i', 'value': 'v'}]}}
    result = run({'raw': raw}, {'a': {'object': 'raw', 'if': ['b']}, 'b': {'object': 'raw', 'if': ['a']}})
    assert masters(result) == {'a': False, 'b': False}


RAW = {'raw': {'raw': {'identifiers': [{'identifier': 'an id', 'value': 'VALUE'}, {'identifier': 'other', 'value': 'TEST'}]}}}
TESTS = {
    'yes': {'object': 'raw', 'name': 'a title', 'description': 'what it is', 'regexp': {'value': 'TEST'},
            'tags': [{'key': 'k', 'value': 'v w'}], 'expectedresult': True},
    'no': {'object': 'raw', 'exactmatch': {'value': 'nope'}},
    'broken': {'object': 'nosuch', 'expecterror': True},
    'pattern': {'object': 'raw', 'regexp': {'value': '['}, 'expecterror': True},
}


def test_errors_and_options(run):
    result = run(RAW, TESTS)
    assert masters(result) == {'yes': True, 'no': False, 'broken': 'error', 'pattern': 'error'}
    assert result['errors'] == ['Error: unknown object "nosuch" in "broken"',
                                'Error: error parsing regexp: missing closing ]: `[` in "pattern"']
    assert result['elements']['results'][0]['tags'] == [{'key': 'k', 'value': 'v w'}]
    only = run(RAW, TESTS, onlytrue=True)
    assert list(masters(only)) == ['yes'] and only['errors'] is None
    nothing = run(RAW, {'no': TESTS['no']}, onlytrue=True)
    assert nothing['foundanything'] is False and nothing['elements']['results'] == []


def test_expectations(run):
    assert run(RAW, TESTS, selftest=True)['success'] is True
    wrong = {'yes': {**TESTS['yes'], 'expectedresult': False}, 'no': {**TESTS['no'], 'expecterror': True},
             'broken': {'object': 'nosuch'}}
    result = run(RAW, wrong, selftest=True)
    assert result['success'] is False
    assert [test['unexpected'] for test in result['elements']['results']] == [True, True, True]


def test_privacy(tarsier):
    document = {'objects': [{'object': 'raw', **RAW['raw']}], 'tests': [{'test': 't', 'object': 'raw'}]}
    result = tarsier.message('scribe', {'scribedoc': document}, '--privacy')
    assert {sub['identifier'] for sub in result['elements']['results'][0]['results']} == {'masked'}


def test_lines(tarsier, tmp_path):
    document = {'objects': [{'object': name, **body} for name, body in RAW.items()],
                'tests': [{'test': name, **body} for name, body in TESTS.items()]}
    path = tmp_path / 'policy.yaml'
    path.write_text(yaml.safe_dump(document))
    lines = tarsier('scribe', '-path', path).stdout.splitlines()
    assert lines[:3] == ['master [true] name:"a title" id:"yes" hastrue:true error:""',
                         'sub [false] name:"a title" id:"yes" identifier:"an id"',
                         'sub [true] name:"a title" id:"yes" identifier:"other"']
    assert 'master [error] name:"broken" id:"broken" hastrue:false error:"unknown object "nosuch""' in lines
    human = tarsier('scribe', '-path', path, '-onlytrue', '-human', '--results-only').stdout.splitlines()
    assert [line.strip() for line in human] == [
        'result for "a title" (yes)', 'description: what it is', 'master result: true', 'tag: k: v w',
        '[false] identifier: "an id"', '[true] identifier: "other"']
    each = tarsier('scribe', '-path', path, '--json-lines', '--results-only').stdout.splitlines()
    assert [json.loads(line)['testid'] for line in each] == ['yes', 'no', 'broken', 'pattern']
    same = tarsier.message('scribe', {'scribedoc': path.read_text()})
    assert masters(same) == masters(tarsier.message('scribe', {'scribedoc': document}))


@pytest.mark.parametrize('document, message', [
    ({'objects': [{'raw': RAW['raw']['raw']}]}, 'an object in document has no identifier'),
    ({'objects': [{'object': 'o'}]}, 'o: no valid source interface'),
    ({'objects': [{'object': 'o', 'filecontent': {'path': '/x'}}]}, 'o: filecontent file must be set'),
    ({'objects': [{'object': 'o', 'filecontent': {'path': '/x', 'file': 'f'}}]}, 'o: filecontent expression must be set'),
    ({'objects': [{'object': 'o', 'hasline': {'path': '/x', 'file': '['}}]}, 'o: error parsing regexp: missing closing ]: `[`'),
    ({'objects': [{'object': 'o', 'filename': {'path': '/x'}}]}, 'o: filename file must be set'),
    ({'objects': [{'object': 'o', 'raw': {'identifiers': [{'identifier': 'x'}]}}]}, 'o: identifier must include identifier and value'),
    ({'objects': [{'object': 'o', **content('f', 'x', **{'import-chain': ['p']})}]}, 'o: unknown object "p"'),
    ({'tests': [{'object': 'o'}]}, 'a test in document has no identifier'),
    ({'tests': [{'test': 't', 'if': ['u']}]}, 't: unknown test "u"'),
    ({'tests': [{'test': 't', 'if': ['t']}]}, 't: test cannot reference itself'),
    ({'tests': [{'test': 't', 'tags': [{'key': 'a"', 'value': 'b'}]}]}, 't: test tag key cannot contain quote'),
    ({'tests': [{'test': 't', 'tags': [{'key': 'a', 'value': '"'}]}]}, 't: test tag value cannot contain quote'),
])
def test_refused_documents(tarsier, document, message):
    result = tarsier.message('scribe', {'scribedoc': document})
    assert result['success'] is False and result['errors'] == [message]


@pytest.mark.parametrize('parameters', [{}, {'scribedoc': 3}, {'scribedoc': '- a\n- b\n'}, {'scribedoc': {}, 'path': '/x'},
                                        {'path': '/nonexistent/policy'}])
def test_refused_parameters(tarsier, parameters):
    result = tarsier.message('scribe', parameters)
    assert result['success'] is False and len(result['errors']) == 1


def test_strings_may_be_absent_or_null(tarsier):
    document = {'variables': [{}, {'key': None, 'value': 'x'}], 'objects': [{'object': 'o', 'raw': RAW['raw']['raw']}],
                'tests': [{'test': 't', 'object': 'o', 'tags': [{}, {'key': None, 'value': 'v'}], 'evr': {'value': None}},
                          {'test': 'u', 'name': None}]}
    result = tarsier.message('scribe', {'scribedoc': document})
    assert masters(result) == {'t': True, 'u': 'error'}
    assert [(test['name'], test['description']) for test in result['elements']['results']] == [('', ''), ('', '')]


@pytest.mark.parametrize('document', [
    {'objects': [{}]}, {'objects': [None]}, {'tests': [{}]}, {'tests': [{'test': None}]},
    {'objects': [{'object': 'a', **content('f', 'x', **{'import-chain': ['b']})}, {'raw': RAW['raw']['raw']}]},
    {'tests': [{'test': 'a', 'if': ['b']}, {}]},
])
def test_names_that_are_absent(tarsier, document):
    result = tarsier.message('scribe', {'scribedoc': document})
    assert result['success'] is False and len(result['errors']) == 1


def test_a_document_may_be_empty(tarsier):
    result = tarsier.message('scribe', {'scribedoc': {}})
    assert result['success'] is True and result['elements'] == {'results': [], 'humanoutput': False, 'jsonoutput': False}


def test_odd_files(run, tree):
    """A FIFO does not block, a link to a file counts, one to a directory does not, and a long line is searched whole."""
    os.mkfifo(tree / 'content/fifo.conf')
    os.symlink('../names/other.txt', tree / 'content/link.conf')
    os.symlink('../names', tree / 'content/linked')
    (tree / 'content/long.conf').write_text('x' * 300000 + 'needle = 5\n')
    result = run({'test': content('.', '(test)'), 'long': content('long', r'^x+needle = (\d)')},
                 {'test': {'object': 'test'}, 'long': {'object': 'long', 'exactmatch': {'value': '5'}}})
    assert [identifier for identifier, _ in values(result, 'test')] == [f'{tree}/content/link.conf']
    assert masters(result)['long'] is True


def test_depth(run, tree):
    deep = tree
    for _ in range(12):
        deep = deep / 'd'
        deep.mkdir()
        (deep / 'mark').write_text('')
    result = run({'marks': {'filename': {'path': '${root}/d', 'file': '(mark)'}}}, {'marks': {'object': 'marks'}})
    assert len(values(result, 'marks')) == 10


def test_statistics(run):
    assert re.fullmatch(r'[0-9.hmµns]+', run({}, {})['statistics']['execruntime'])
