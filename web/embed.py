#!/usr/bin/env python3
"""Makes of the files of web/dist what the api program holds: one file with all of them gzipped, and a C table of it.

usage: embed.py DIRECTORY TABLE.c BYTES DEPFILE

The output depends on the contents alone: no times, no order of the directory."""
import gzip
import hashlib
import os
import sys

TYPES = {
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.svg': 'image/svg+xml',
    '.png': 'image/png',
    '.ico': 'image/vnd.microsoft.icon',
    '.json': 'application/json',
    '.txt': 'text/plain; charset=utf-8',
}
SIZE_MAX = 8 << 20  # src/modules/api/asset.h: ASSET_SIZE_MAX


def fail(text):
    sys.exit(f'embed.py: {text}')


def files(directory):
    """Paths below it, "/"-separated, sorted."""
    found = []
    for folder, folders, names in os.walk(directory):
        folders.sort()
        found += [os.path.relpath(os.path.join(folder, name), directory).replace(os.sep, '/') for name in names]
    return sorted(found)


def main():
    directory, table, blob, depfile = sys.argv[1:]
    names = files(directory)
    if 'index.html' not in names:
        fail(f'{directory} holds no index.html: ./dev web makes it')
    rows = []
    packed = b''
    for name in names:
        kind = TYPES.get(os.path.splitext(name)[1])
        if not kind or not all(c.isascii() and (c.isalnum() or c in '._-/') for c in name):
            fail(f'{name}: no type is known for such a name')
        with open(os.path.join(directory, name), 'rb') as file:
            content = file.read()
        if len(content) > SIZE_MAX:
            fail(f'{name}: {len(content)} bytes are more than {SIZE_MAX}')
        small = gzip.compress(content, 9, mtime=0)
        tag = hashlib.sha256(content).hexdigest()[:32]
        rows.append(f'        {{ "/{name}", "{kind}", "{tag}", {len(packed)}, {len(small)}, {len(content)} }},\n')
        packed += small
    with open(blob, 'wb') as out:
        out.write(packed)
    # the tags change with the contents, so that the table is compiled again when only the bytes are new
    with open(table, 'w') as out:
        out.write('/* Made by web/embed.py from web/dist. */\n#include "modules/api/asset.h"\n\n'
                  '__asm__(".section .rodata\\n"\n'
                  '        ".global asset_bytes\\n"\n'
                  '        "asset_bytes:\\n"\n'
                  f'        ".incbin \\"{blob}\\"\\n"\n'
                  '        ".previous\\n");\n\n'
                  'const struct asset assets[] = {\n' + ''.join(rows) + '        { 0 },\n};\n')
    # a folder changes when a file of it comes or goes
    folders = sorted({directory} | {os.path.dirname(os.path.join(directory, name)) for name in names})
    with open(depfile, 'w') as out:
        out.write(f'{table}: ' + ' '.join([os.path.join(directory, name) for name in names] + folders) + '\n')


main()
