"""elf against readelf(1) on every file of /usr/bin: header, segments, sections, libraries, paths, ids, symbols."""
import os
import re
import shutil
import subprocess

import pytest

FOLDER = '/usr/bin'
BATCH = 100


def elf_files():
    found = []
    for entry in sorted(os.scandir(FOLDER), key=lambda one: one.name):
        if entry.is_file(follow_symlinks=False):
            with open(entry.path, 'rb') as file:
                if file.read(4) == b'\x7fELF':
                    found.append(entry.path)
    return found


def readelf(paths):
    text = subprocess.run(['readelf', '-W', '-h', '-l', '-d', '-n', '--dyn-syms', *paths], capture_output=True,
                          env={**os.environ, 'LC_ALL': 'C'}).stdout.decode('utf-8', 'replace')
    if len(paths) == 1:
        return {paths[0]: text}
    parts = re.split(r'^File: (.*)\n', text, flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def one(pattern, text):
    match = re.search(pattern, text, re.M)
    return match.group(1) if match else None


def theirs(text):
    symbols = re.findall(r'^ *\d+: ([0-9a-f]+) +(\S+) (\S+) +(\S+) +(\S+) +(\S+) ?(.*)$', text, re.M)
    return {
        'bits': 64 if one(r'^  Class: +(\S+)', text) == 'ELF64' else 32,
        'type': one(r'^  Type: +(\S+)', text),
        'entry': int(one(r'^  Entry point address: +0x([0-9a-f]+)', text), 16),
        'segments': int(one(r'^  Number of program headers: +(\d+)', text)),
        'sections': int(one(r'^  Number of section headers: +(\d+)', text)),
        'interpreter': one(r'Requesting program interpreter: (.*)\]', text),
        'needed': re.findall(r'\(NEEDED\) +Shared library: \[(.*)\]', text),
        'soname': one(r'\(SONAME\) +Library soname: \[(.*)\]', text),
        'rpath': one(r'\(RPATH\) +Library rpath: \[(.*)\]', text),
        'runpath': one(r'\(RUNPATH\) +Library runpath: \[(.*)\]', text),
        'build_id': one(r'Build ID: ([0-9a-f]+)', text),
        'symbols': sorted((int(value, 16), kind, binding, index == 'UND', re.sub(r'(@\S+)?( \(\d+\))?$', '', name))
                          for value, _, kind, binding, _, index, name in symbols
                          if (value.strip('0'), kind, name) != ('', 'NOTYPE', '') or binding != 'LOCAL'),
    }


def ours(row):
    return {
        'bits': row['bits'], 'type': row['type'], 'entry': int(row['header']['entry'], 16),
        'segments': len(row.get('segments') or []), 'sections': len(row.get('sections') or []),
        'interpreter': row.get('interpreter'), 'needed': row.get('needed') or [], 'soname': row.get('soname'),
        'rpath': row.get('rpath'), 'runpath': row.get('runpath'), 'build_id': row.get('build_id'),
        'symbols': sorted((int(one['value'], 16), one['type'], one['binding'], one.get('imported', False), one['name'])
                          for one in row.get('symbols') or [] if one['table'] == 'dynsym'),
    }


@pytest.mark.timeout(600)
def test_every_program(tarsier):
    if not shutil.which('readelf'):
        pytest.skip('needs readelf')
    paths = elf_files()
    assert len(paths) > 50
    for start in range(0, len(paths), BATCH):
        batch = paths[start:start + BATCH]
        peer = readelf(batch)
        result = tarsier.json('elf', '--headers', '--segments', '--sections', '--symbols', *batch)
        assert not result['errors']
        rows = {}
        for row in result['elements']:
            if row.get('part'):  # of a file with many symbols
                rows[row['path']]['symbols'] += row['symbols']
            else:
                rows[row['path']] = row
        assert list(rows) == batch
        for row in rows.values():
            expected = theirs(peer[row['path']])
            found = ours(row)
            for key, value in expected.items():
                assert found[key] == value, (row['path'], key)
