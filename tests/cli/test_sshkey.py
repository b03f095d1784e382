"""sshkey: every type and format that ssh-keygen writes, against `ssh-keygen -l`."""
import os
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(not shutil.which('ssh-keygen'), reason='needs ssh-keygen')
TYPES = [('ed25519', 256), ('rsa', 2048), ('ecdsa', 256), ('ecdsa', 384), ('ecdsa', 521), ('dsa', 1024)]


def keygen(*args):
    return subprocess.run(['ssh-keygen', *map(str, args)], check=True, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL).stdout


def fingerprint(path, kind):
    """bits, fingerprint as ssh-keygen says it."""
    bits, text = keygen('-l', '-E', kind, '-f', path).split()[:2]
    return int(bits), text.removeprefix('MD5:')


def keys(tarsier, path, *args):
    result = tarsier.json('sshkey', '--path', path, *args)
    assert result['success']
    return {os.path.relpath(key['path'], path): key for key in result['elements']['keys']}


@pytest.mark.parametrize('format_', ['RFC4716', 'PEM', 'PKCS8'])
@pytest.mark.parametrize('passphrase', ['', 'secret word'])
def test_types_and_formats(tarsier, tmp_path, format_, passphrase):
    made = {}
    for kind, bits in TYPES:
        if kind == 'ed25519' and format_ == 'PKCS8':
            continue
        path = tmp_path / f'{kind}-{bits}'
        try:
            keygen('-q', '-t', kind, '-b', bits, '-m', format_, '-N', passphrase, '-C', f'{kind} key', '-f', path)
        except subprocess.CalledProcessError:
            continue  # a type this ssh-keygen no longer makes
        made[path.name] = (kind, bits)
    found = keys(tarsier, tmp_path)
    assert sorted(found) == sorted(name + end for name in made for end in ('', '.pub'))
    for name, (kind, bits) in made.items():
        public, private = found[name + '.pub'], found[name]
        for key in (public, private):
            tarsier.check('sshkey', key)
        assert (public['type'], public['keytype'], public['encrypted']) == ('public', kind, False)
        assert (public['bits'], public['fingerprint_sha256']) == fingerprint(tmp_path / (name + '.pub'), 'sha256')
        assert public['fingerprint_md5'] == fingerprint(tmp_path / (name + '.pub'), 'md5')[1]
        assert public['comment'] == f'{kind} key'
        assert private['type'] == 'private' and private['encrypted'] is bool(passphrase)
        if private['format'] == 'openssh' or not passphrase:
            assert private['fingerprint_sha256'] == public['fingerprint_sha256']
            assert private['fingerprint_md5'] == public['fingerprint_md5']
        else:
            assert private['fingerprint_sha256'] == '' and private['fingerprint_md5'] == ''


def test_lists_of_keys(tarsier, tmp_path):
    keygen('-q', '-t', 'ed25519', '-N', '', '-C', 'me@here', '-f', tmp_path / 'key')
    public = (tmp_path / 'key.pub').read_text().split()
    ssh = tmp_path / 'home' / '.ssh'
    ssh.mkdir(parents=True)
    (ssh / 'authorized_keys').write_text('# keys\n' * 2000 + 'command="ls",no-pty ' + ' '.join(public) + '\nssh-rsa AAAAbroken\n')
    (ssh / 'known_hosts').write_text(f'host.example {public[0]} {public[1]}\n')
    result = tarsier.json('sshkey', tmp_path / 'home')
    assert sorted((key['type'], key['line']) for key in result['elements']['keys']) == [('authorizedkeys', 2001), ('knownhosts', 1)]
    assert {key['fingerprint_sha256'] for key in result['elements']['keys']} == {fingerprint(tmp_path / 'key', 'sha256')[1]}
    assert result['errors'] == [f'{ssh}/authorized_keys contained unparsable data']


def test_no_key_leaves_the_worker(tarsier, tmp_path):
    keygen('-q', '-t', 'ed25519', '-N', '', '-f', tmp_path / 'key')
    done = tarsier('sshkey', '--path', tmp_path, '--json')
    for line in (tmp_path / 'key').read_text().splitlines()[1:-1]:
        assert line not in done.stdout
    assert (tmp_path / 'key.pub').read_text().split()[1] not in done.stdout


def test_depth_and_overlapping_paths(tarsier, tmp_path):
    deep = tmp_path / 'a/b/c'
    deep.mkdir(parents=True)
    keygen('-q', '-t', 'ed25519', '-N', '', '-f', deep / 'key')
    os.remove(deep / 'key.pub')
    assert keys(tarsier, tmp_path, '-maxdepth', 3) == {}
    assert list(keys(tarsier, tmp_path, '-maxdepth', 4)) == ['a/b/c/key']
    result = tarsier.message('sshkey', {'paths': [str(tmp_path), str(deep), str(deep / 'key')]})
    assert [key['path'] for key in result['elements']['keys']] == [str(deep / 'key')]


def test_what_is_not_read(tarsier, tmp_path):
    keygen('-q', '-t', 'ed25519', '-N', '', '-f', tmp_path / 'key')
    (tmp_path / 'key').rename(tmp_path / 'large')
    with open(tmp_path / 'large', 'a') as file:
        file.write('\n' * (1 << 20))
    os.mkfifo(tmp_path / 'fifo')
    os.symlink('fifo', tmp_path / 'link')
    (tmp_path / 'text').write_text('nothing to see\n')
    assert list(keys(tarsier, tmp_path)) == ['key.pub']
    absent = tarsier.json('sshkey', '--path', tmp_path / 'absent')
    assert absent['skipped'] == [{'path': f'{tmp_path}/absent', 'reason': 'No such file or directory'}]
    assert absent['elements'] == {'keys': []} and absent['foundanything'] is False


def test_privacy(tarsier, tmp_path):
    keygen('-q', '-t', 'ed25519', '-N', '', '-C', 'somebody', '-f', tmp_path / 'key')
    (tmp_path / 'authorized_keys').write_text('ssh-rsa AAAAbroken\n')
    result = tarsier.message('sshkey', {'paths': [str(tmp_path)]}, '--privacy')
    assert len(result['elements']['keys']) == 2
    for key in result['elements']['keys']:
        assert key['path'] == 'masked' and key['comment'] == 'masked' and key['keytype'] == 'ed25519'
    assert result['errors'] == ['masked']


@pytest.mark.parametrize('parameters', [{'maxdepth': 1001}, {'maxdepth': -1}, {'paths': 'x'}])
def test_refused_parameters(tarsier, parameters):
    result = tarsier.message('sshkey', parameters)
    assert result['success'] is False and result['errors']
