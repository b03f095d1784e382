#!/usr/bin/env python3
"""lint.py [--root DIR] [--build DIR] [--tap FILE] [--list] [NAME...]: the checks of the house, one TAP line each.

What fails is named as file:line. --build is a configured clang build; only clang-tidy needs it.
"""
import argparse
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import rooms  # noqa: E402
import tools  # noqa: E402
import words  # noqa: E402
from tree import Tree  # noqa: E402

SHOWN_PROBLEMS = 100


def warn(problem):
    print(f'# warning: {problem}')


# name: (what holds, check(tree, arguments) -> [Problem])
CHECKS = {
    'include-direction': ('includes point downwards only', lambda tree, _: rooms.include_direction(tree)),
    'banned-header': ('every source sees banned.h', lambda tree, _: rooms.banned_header(tree)),
    'file-size': ('no file is a defect by its size', lambda tree, _: words.file_size(tree, warn)),
    'function-length': ('functions stay short', lambda tree, _: words.function_length(tree)),
    'unfinished': ('nothing is left for later', lambda tree, _: words.unfinished(tree)),
    'machine-names': ('no name of one machine', lambda tree, _: words.machine_names(tree)),
    'clang-format': ('sources are formatted', lambda tree, _: tools.clang_format(tree)),
    'shell': ('shell scripts are clean', lambda tree, _: tools.shell(tree)),
    'clang-tidy': ('clang-tidy has nothing to say', lambda tree, arguments: tools.clang_tidy(tree, arguments.build)),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--root', default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument('--build', default='build-clang')
    parser.add_argument('--tap', help='also write the TAP lines to this file')
    parser.add_argument('--list', action='store_true', help='names of the checks')
    parser.add_argument('names', nargs='*', metavar='NAME')
    arguments = parser.parse_args()
    if arguments.list:
        for name, (meaning, _) in CHECKS.items():
            print(f'{name:18} {meaning}')
        return 0
    unknown = [name for name in arguments.names if name not in CHECKS]
    if unknown:
        parser.error(f'no check {", ".join(unknown)}; there are {", ".join(CHECKS)}')
    tree = Tree(arguments.root)
    chosen = arguments.names or list(CHECKS)
    lines = [f'1..{len(chosen)}']
    print(lines[0])
    failed = 0
    for number, name in enumerate(chosen, 1):
        meaning, check = CHECKS[name]
        problems = check(tree, arguments)
        failed += bool(problems)
        lines.append(f'{"not ok" if problems else "ok"} {number} - {name}: {meaning}')
        print(lines[-1], flush=True)
        for problem in problems[:SHOWN_PROBLEMS]:
            print(f'#   {problem}')
        if len(problems) > SHOWN_PROBLEMS:
            print(f'#   and {len(problems) - SHOWN_PROBLEMS} more')
    if arguments.tap:
        pathlib.Path(arguments.tap).write_text('\n'.join(lines) + '\n')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
