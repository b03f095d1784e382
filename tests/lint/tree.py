"""What the lints look at: the files of a source tree, their text, and which quoted include names which file."""
import functools
import os
import pathlib
import re

SKIPPED_DIRECTORIES = {'.git', 'node_modules', 'dist', '__pycache__'}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)
C_SUFFIXES = {'.c', '.h', '.cc', '.cpp'}


class Problem:
    def __init__(self, path, line, message):
        self.path, self.line, self.message = path, line, message

    def __str__(self):
        return f'{self.path}:{self.line}: {self.message}'


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()

    @functools.cached_property
    def files(self):
        """All files as paths relative to the root, sorted; build directories, data of tests and generated ones are left out."""
        found = []
        for directory, names, files in os.walk(self.root):
            here = pathlib.Path(directory)
            names[:] = [name for name in names if name not in SKIPPED_DIRECTORIES
                        and not (here == self.root and name.startswith('build'))]
            found += [(here / file).relative_to(self.root) for file in files]
        return sorted(path for path in found if path.parts[:2] != ('fuzz', 'corpus')
                      and not (self.root / path).is_symlink())

    def sources(self, *folders, suffixes=C_SUFFIXES):
        return [path for path in self.files if path.suffix in suffixes and (not folders or path.parts[0] in folders)]

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        """The text, or None for a binary file."""
        try:
            content = (self.root / path).read_bytes()
        except FileNotFoundError:  # an editor's or a formatter's short-lived file
            return None
        return None if b'\0' in content[:8192] else content.decode('utf-8', 'replace')

    @functools.lru_cache(maxsize=None)
    def includes(self, path):
        """[(line number, name, path or None)] of the quoted includes; None is a generated file or an unknown one."""
        text = self.text(path) or ''
        found = []
        for match in INCLUDE.finditer(text):
            name = match.group(1)
            target = None
            for base in (path.parent, pathlib.Path('src'), pathlib.Path('include')):
                candidate = pathlib.Path(os.path.normpath(base / name))
                if (self.root / candidate).is_file():
                    target = candidate
                    break
            found.append((text.count('\n', 0, match.start()) + 1, name, target))
        return found

    def reachable(self, path):
        """The file and every project file that it includes, directly or through others."""
        seen, todo = {path}, [path]
        while todo:
            for _, _, target in self.includes(todo.pop()):
                if target and target not in seen:
                    seen.add(target)
                    todo.append(target)
        return seen
