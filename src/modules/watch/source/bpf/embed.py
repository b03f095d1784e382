#!/usr/bin/env python3
"""embed.py FILE NAME HEADER: the bytes of FILE as `static const unsigned char NAME[]`, aligned for what is in it."""
import sys

source, name, header = sys.argv[1:]
with open(source, 'rb') as file:
    content = file.read()
with open(header, 'w', encoding='ascii') as out:
    out.write(f'static const unsigned char {name}[{len(content)}] __attribute__((aligned(8))) = {{\n')
    for at in range(0, len(content), 24):
        out.write(','.join(map(str, content[at:at + 24])) + ',\n')
    out.write('};\n')
