"""elf: dump, hardening by the flags a program was built with, parts, whole trees, and files that are broken or no ELF."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

SOURCE = '''
#include <stdio.h>
#include <string.h>
int shown_function(const char *text) { char room[64]; strcpy(room, text); puts(room); return room[0]; }
int main(int argc, char **argv) { return argc > 1 ? shown_function(argv[1]) : 0; }
'''


@pytest.fixture(scope='module')
def build(tmp_path_factory):
    if not shutil.which('gcc'):
        pytest.skip('needs gcc')
    folder = tmp_path_factory.mktemp('elf')
    (folder / 'source.c').write_text(SOURCE)

    def compile_with(name, *flags):
        subprocess.run(['gcc', '-O2', '-w', '-o', folder / name, folder / 'source.c', *flags], check=True)
        return folder / name
    return compile_with


def checksec(tarsier, path, *flags):
    row = tarsier.json('elf', *flags, path)['elements'][0]
    tarsier.check('elf', row)
    return row['checksec']


def test_hardened(tarsier, build):
    found = checksec(tarsier, build('hard', '-fPIE', '-pie', '-fstack-protector-all', '-D_FORTIFY_SOURCE=2',
                                    '-Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code'), '--fortify')
    assert (found['relro'], found['canary'], found['nx'], found['kind'], found['fortify']) == (
        'full', 'yes', 'yes', 'PIE', 'yes')
    assert found['wx'] == 'yes' and found['separate_code'] == 'yes' and found['symbols'] > 0
    assert '__strcpy_chk' in found['fortified_names'] and found['fortified'] == 1
    assert not found['static'] and 'rpath' not in found and not found['text_relocations']


def test_not_hardened(tarsier, build):
    found = checksec(tarsier, build('soft', '-no-pie', '-fno-pie', '-fno-stack-protector', '-U_FORTIFY_SOURCE', '-s',
                                    '-Wl,-z,norelro,-z,lazy,-z,execstack,--disable-new-dtags,-rpath,/tmp/x:$ORIGIN'),
                     '--fortify')
    assert (found['relro'], found['canary'], found['nx'], found['kind'], found['fortify']) == (
        'none', 'no', 'no', 'EXEC', 'no')
    assert found['symbols'] == 0 and set(found['rpath']) == {'origin', 'writable'}
    assert 'strcpy' in found['unfortified_names']


def test_library_and_partial_relro(tarsier, build):
    path = build('lib.so', '-shared', '-fPIC', '-Wl,-soname,libshown.so.1,-z,relro,-z,lazy,-rpath,relative/way')
    row = tarsier.json('elf', path)['elements'][0]
    assert row['soname'] == 'libshown.so.1' and row['runpath'] == 'relative/way'
    assert (row['checksec']['kind'], row['checksec']['relro']) == ('DSO', 'partial')
    assert row['checksec']['runpath'] == ['relative']
    lines = tarsier('elf', '--dump', path).stdout.splitlines()
    middle = lines.index('Symbols:')
    assert lines[:middle] == ['DynStrings:', 'libc.so.6', 'libshown.so.1', 'relative/way']
    assert 'shown_function' in lines[middle:]


def test_dump_is_what_nm_lists(tarsier, build):
    path = build('plain')
    text = subprocess.run(['nm', '-a', '--format=posix', path], capture_output=True, text=True, check=True).stdout
    theirs = sorted(line.split()[0].split('@')[0] for line in text.splitlines() if line[0] != ' ')
    dump = tarsier.json('elf', '--dump', path)['elements'][0]['dump']
    assert sorted(name.split('@')[0] for name in dump['symbols'] if name) == theirs
    assert dump['dyn_strings'] == ['libc.so.6']


def test_parts(tarsier, build):
    path = build('parts')
    row = tarsier.json('elf', '--headers', '--segments', '--sections', '--dynamic', '--symbols', '--notes',
                       path)['elements'][0]
    tarsier.check('elf', row)
    assert row['header']['segments'] == len(row['segments']) and row['header']['sections'] == len(row['sections'])
    assert {'.text', '.dynsym'} <= {one['name'] for one in row['sections']}
    puts = next(one for one in row['symbols'] if one['table'] == 'dynsym' and one['name'] == 'puts')
    assert puts['imported'] and puts['version'] == 'GLIBC_2.2.5' and puts['library'] == 'libc.so.6'
    assert any(one['tag'] == 'NEEDED' and one['text'] == 'libc.so.6' for one in row['dynamic'])
    note = next(one for one in row['notes'] if one['owner'] == 'GNU' and one['type'] == 3)
    assert note['hex'] == row['build_id']
    assert 'section .text' in tarsier('elf', '--sections', path).stdout


def test_no_elf(tarsier, tmp_path):
    (tmp_path / 'empty').touch()
    (tmp_path / 'text').write_text('text')
    os.mkfifo(tmp_path / 'fifo')
    for name in ('empty', 'text'):
        done = tarsier('elf', tmp_path / name)
        assert done.returncode != 0 and f'{name}: not an ELF file' in done.stdout + done.stderr
    for name in ('fifo', 'missing', '.'):
        result = tarsier.json('elf', tmp_path / name)
        assert not result['elements'] and len(result['errors']) == 1 and not result['success']


def test_broken_files(tarsier, tmp_path):
    whole = pathlib.Path('/bin/true').resolve().read_bytes()
    for size in (4, 15, 16, 63, 64, 100, 4096, len(whole) // 2, len(whole) - 1):
        path = tmp_path / f'cut{size}'
        path.write_bytes(whole[:size])
        result = tarsier.json('elf', '--headers', '--segments', '--sections', '--dynamic', '--symbols', '--notes',
                              '--go', '--dump', '--fortify', path)
        assert result['elements'] or result['errors']
    path = tmp_path / 'ones'
    path.write_bytes(whole[:64] + b'\xff' * 8192)
    assert tarsier.json('elf', '--symbols', '--sections', path)['statistics']['files'] == 1


CUT = """
mount -t tmpfs -o size=4k none "$1" || exit 77
head -c 4096 /bin/true >"$1/file"
truncate -s "$(stat -Lc %s /bin/true)" "$1/file"
"$2" elf --sections --symbols --json "$1/file" /bin/true
"""


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root: unshare')
def test_a_file_whose_pages_are_gone(tarsier, tmp_path, mount_namespace):
    """Touching a page that the file no longer has (here: that a full tmpfs cannot give) is an error of that file."""
    done = subprocess.run(['unshare', '-m', 'sh', '-c', CUT, 'sh', tmp_path, tarsier.path], capture_output=True,
                          text=True)
    if done.returncode == 77:
        pytest.skip('needs a mount namespace')
    result = json.loads(done.stdout)
    assert len(result['elements']) == 1 and result['elements'][0]['path'] == '/bin/true'
    assert result['statistics']['changed'] == 1 and 'was cut while it was read' in result['errors'][0]


def test_tree(tarsier, tmp_path, build):
    (tmp_path / 'a/b').mkdir(parents=True)
    shutil.copy(build('tree'), tmp_path / 'a/b/program')
    shutil.copy(build('tree'), tmp_path / 'a/\udcff'.encode('utf-8', 'surrogateescape').decode('utf-8', 'surrogateescape'))
    (tmp_path / 'a/text').write_text('text')
    (tmp_path / 'a/link').symlink_to('b/program')
    os.mkfifo(tmp_path / 'a/fifo')
    result = tarsier.json('elf', '-r', tmp_path)
    assert result['success'] and len(result['elements']) == 2 and result['statistics']['other'] == 1
    assert not result['errors']


def test_go(tarsier):
    go = shutil.which('go')
    if not go:
        pytest.skip('needs go')
    row = tarsier.json('elf', '--go', os.path.realpath(go))['elements'][0]
    theirs = subprocess.run([go, 'version', os.path.realpath(go)], capture_output=True, text=True).stdout
    assert row['checksec']['go'] and row['go']['version'] == theirs.split(': ')[1].strip()
