"""yara: rules over files, in the parameters and results of MIG's module."""
import os
import shutil
import subprocess

import pytest

RULES = '''
import "elf"
rule marker : a_tag { strings: $a = "needle in here" condition: $a }
rule also { strings: $h = { 6e 65 65 64 6c 65 } condition: $h }
private rule hidden { condition: true }
rule by_name { condition: hidden and filename == "named.sh" and extension == ".sh" and filepath contains "/sub/" }
rule program { condition: elf.type == elf.ET_DYN or elf.type == elf.ET_EXEC }
'''


@pytest.fixture(autouse=True)
def area(tarsier):
    if tarsier('yara', '--help').returncode:
        pytest.skip('needs libexec/tarsier/tarsier-yara')


@pytest.fixture
def tree(tmp_path):
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'hit').write_text('a needle in here')
    (tmp_path / 'half').write_text('a needle')
    (tmp_path / 'miss').write_text('nothing')
    (tmp_path / 'empty').write_text('')
    (tmp_path / 'sub' / 'named.sh').write_text('x')
    (tmp_path / 'rules.yar').write_text('rule none { condition: false }')
    return tmp_path


def matches(result, root):
    assert result['success'], result
    return {os.path.relpath(row['Object'], root): row['MatchedRules'] for row in result['elements']['Matches']}


EVERYTHING = {'hit': ['marker', 'also'], 'half': ['also'], 'sub/named.sh': ['by_name']}


def test_wire(tarsier, tree):
    result = tarsier.message('yara', {'yara': RULES, 'filesearch': f'-path {tree}'})
    assert matches(result, tree) == EVERYTHING
    for row in result['elements']['Matches']:
        assert list(row) == ['Object', 'MatchedRules']
        tarsier.check('yara', row)
    assert result['statistics']['files'] == 5 and result['foundanything'] is True
    nothing = tarsier.message('yara', {'yara': 'rule no { condition: false }', 'filesearch': f'-path {tree}'})
    assert nothing['elements'] == {'Matches': []} and nothing['foundanything'] is False


def test_flags(tarsier, tree, tmp_path_factory):
    rules = tmp_path_factory.mktemp('rules') / 'rules.yar'
    rules.write_text(RULES)
    assert matches(tarsier.json('yara', '-rules', rules, '-files', f'-path {tree} -name ^ha'), tree) == {'half': ['also']}
    assert matches(tarsier.json('yara', '--rules', rules, tree), tree) == EVERYTHING
    assert matches(tarsier.json('yara', '--rules', rules, tree, '--name', '^hit$', '--name', '^miss$'), tree) == {
        'hit': EVERYTHING['hit']}
    assert set(matches(tarsier.json('yara', '--rules', rules, tree, '--maxdepth', 1), tree)) == {'hit', 'half'}


@pytest.mark.parametrize('spec, found', [
    ("-path '{}' -maxdepth 1", {'hit', 'half'}),
    ('-path "{}" -size <9', {'half', 'sub/named.sh'}),
    ('-path {} -size >8', {'hit'}),
    ('-path {} -size 8 -name half', {'half'}),
    ('-path={}/sub -matchall', {'sub/named.sh'}),
    ('-path {0}/sub -path {0}/hit', {'sub/named.sh', 'hit'}),
])
def test_file_searches(tarsier, tree, spec, found):
    result = tarsier.message('yara', {'yara': RULES, 'filesearch': spec.format(tree)})
    assert set(matches(result, tree)) & {'hit', 'half', 'sub/named.sh'} == found


def test_modules_of_libyara(tarsier):
    result = tarsier.message('yara', {'yara': RULES, 'paths': [shutil.which('true')]})
    assert 'program' in result['elements']['Matches'][0]['MatchedRules']


def test_special_files(tarsier, tree):
    os.mkfifo(tree / 'fifo')
    os.symlink('/dev/zero', tree / 'device')
    os.symlink('hit', tree / 'link')
    os.symlink('.', tree / 'loop')
    result = tarsier.message('yara', {'yara': RULES, 'filesearch': f'-path {tree}'})
    assert matches(result, tree) == {**EVERYTHING, 'link': EVERYTHING['hit']}


def test_time_for_one_file(tarsier, tree):
    """A rule that takes for ever ends at its file, and the others are scanned all the same."""
    endless = 'rule endless { condition: filename == "hit" and for all i in (0..filesize * 1000000000) : ( uint8(i % filesize) != 0 ) }'
    result = tarsier.message('yara', {'yara': endless + RULES, 'filesearch': f'-path {tree}', 'timeout': '3s'})
    assert result['skipped'] == [{'path': f'{tree}/hit', 'reason': 'not finished after 3 s'}]
    assert result['statistics']['timeouts'] == 1
    assert {'half', 'sub/named.sh'} <= set(matches(result, tree))


def test_privacy(tarsier, tree):
    result = tarsier.message('yara', {'yara': RULES, 'filesearch': f'-path {tree}'}, '--privacy')
    assert {row['Object'] for row in result['elements']['Matches']} == {'masked'}


@pytest.mark.parametrize('parameters, message', [
    ({'filesearch': '-path /x'}, 'no rules: yara or rulesfile is needed'),
    ({'yara': 'rule a { condition: true }', 'rulesfile': '/x', 'paths': ['/x']}, 'yara and rulesfile are two sets of rules'),
    ({'yara': 'rule a { condition: true }'}, 'no path to scan: filesearch or paths is needed'),
    ({'yara': 'include "/etc/hostname"', 'paths': ['/x']}, 'rules: line 1: includes are disabled'),
    ({'yara': 'rule a {\n condition: b }', 'paths': ['/x']}, 'rules: line 2: undefined identifier "b"'),
    ({'yara': 'import "nosuch"', 'paths': ['/x']}, 'rules: line 1: unknown module "nosuch"'),
    ({'yara': 'rule a {', 'paths': ['/x']}, 'rules: '),
    ({'yara': 'rule a { condition: true }', 'filesearch': '-path /x -content y'}, 'filesearch: unknown flag -content'),
    ({'yara': 'rule a { condition: true }', 'filesearch': '-path "/x'}, 'filesearch: a quote is not closed'),
    ({'yara': 'rule a { condition: true }', 'filesearch': '-path /x -size <>'}, 'filesearch: "<>" is not a size'),
    ({'yara': 'rule a { condition: true }', 'filesearch': '-path /x -name ['}, 'missing closing ]'),
    ({'rulesfile': '/nonexistent/rules', 'paths': ['/x']}, 'No such file or directory'),
])
def test_refused(tarsier, parameters, message):
    result = tarsier.message('yara', parameters)
    assert result['success'] is False and len(result['errors']) == 1 and message in result['errors'][0]


def test_like_the_yara_program(tarsier, tree, tmp_path_factory):
    if not shutil.which('yara'):
        pytest.skip('needs yara')
    rules = tmp_path_factory.mktemp('rules') / 'rules.yar'
    rules.write_text(RULES.replace('rule by_name', 'private rule by_name'))
    said = subprocess.run(['yara', '-r', '-d', 'filename=', '-d', 'filepath=', '-d', 'extension=', rules, tree], check=True,
                          capture_output=True, text=True).stdout
    expected = {tuple(line.split(' ', 1)) for line in said.splitlines()}
    result = tarsier.json('yara', '--rules', rules, tree)
    assert {(rule, row['Object']) for row in result['elements']['Matches'] for rule in row['MatchedRules']} == expected
