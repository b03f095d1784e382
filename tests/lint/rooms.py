"""Include direction: which room may include which (docs/architecture.md). Everything not allowed is refused."""
import pathlib
import re

from tree import Problem

BELOW_MODULE = {'base', 'schema', 'loop', 'linux', 'lib'}
CONTRACT = BELOW_MODULE | {'term', 'module'}
# room: rooms below it. `lib` and `modules` are rooms of rooms: see below.
ALLOWED = {
    'base': set(),
    'schema': {'base'},
    'loop': {'base'},
    'linux': {'base', 'schema'},
    'lib': {'base', 'schema', 'loop', 'linux'},
    'term': {'base'},  # what a line looks like: modules, the agent and the verbs print with it
    'module': BELOW_MODULE | {'term'},
    'modules': CONTRACT,
    'agent': CONTRACT,
    'tui': CONTRACT,
    'cli': CONTRACT | {'tui', 'agent'},  # the verbs: `serve` starts the agent, `top` the view
    'cadvisor': set(),  # libtarsier-cadvisor, and
    'child': set(),  # libtarsier-child are for other people's programs: they stand alone on include/
}
# (library, library it may include): an engine on top of another. Add a pair with its reason.
LIB_ON_LIB = set()
MODULE_TABLE = re.compile(r'^(?:static )?const struct module (\w+)_module = \{', re.MULTILINE)

ASKS = re.compile(r'^\s*\.asks = "([a-z][a-z0-9-]*)"', re.MULTILINE)


def room_of(path):
    """('base', None), ('lib', 'regex'), ('modules', 'host') or None outside src."""
    if path.parts[0] != 'src' or len(path.parts) < 3:
        return None
    if path.parts[1] in ('lib', 'modules') and len(path.parts) > 3:
        return path.parts[1], path.parts[2]
    return path.parts[1], None


def module_names(tree, area):
    names = set()
    for path in tree.sources('src'):
        if room_of(path) == ('modules', area):
            names.update(MODULE_TABLE.findall(tree.text(path) or ''))
    return names


def owner(path, names):
    """The module that a file of an area belongs to: its folder, or the longest module name it starts with. A folder with
    another name holds what the area's modules share."""
    inside = path.parts[3:]
    if len(inside) > 1:
        return inside[0] if inside[0] in names else None
    stem = pathlib.PurePath(inside[0]).stem
    fitting = [name for name in names if stem == name or stem.startswith(name + '_')]
    return max(fitting, key=len) if fitting else None


def refusal(tree, source, target, names_of_area):
    here, there = room_of(source), room_of(target)
    if here is None or there is None:
        return None
    if here[0] not in ALLOWED:
        return f'{here[0]} is no known room'
    if here == there:
        if here[0] != 'modules' or here[1] is None:
            return None
        names = names_of_area(here[1])
        of_target, of_source = owner(target, names), owner(source, names)
        asked = ASKS.findall(tree.text(source) or '')  # its run is in that module's service
        if of_target and of_target not in (of_source, *asked) and source.name != 'modules.c':
            return f'module {of_source or source.stem} includes a header of module {of_target}'
        return None
    if here[0] == there[0] == 'lib':
        return None if (here[1], there[1]) in LIB_ON_LIB else f'lib/{here[1]} includes lib/{there[1]}'
    if here[0] == there[0] == 'modules':
        return None if here[1] is None else f'area {here[1]} includes area {there[1]}'
    if there[0] not in ALLOWED[here[0]]:
        return f'{here[0]} may not include {there[0]}'
    return None


def include_direction(tree):
    areas = {}

    def names_of_area(area):
        if area not in areas:
            areas[area] = module_names(tree, area)
        return areas[area]

    problems = []
    for source in tree.sources('src', 'include'):
        for line, name, target in tree.includes(source):
            if target is None:
                # generated, or a typing error that the compiler reports: still judged by the room in its name
                target = pathlib.Path('src') / name
                if room_of(target) is None or room_of(target)[0] not in ALLOWED:
                    continue
            if source.parts[0] == 'include' and target.parts[0] == 'src':
                problems.append(Problem(source, line, f'a public header includes {name} of the inside'))
                continue
            message = refusal(tree, source, target, names_of_area)
            if message:
                problems.append(Problem(source, line, f'{message} ("{name}")'))
    return problems


def banned_header(tree):
    """Every .c of src sees base/banned.h, so that a banned function is a compile error everywhere. What runs in the
    kernel (.bpf.c) has none of these functions."""
    banned = pathlib.Path('src/base/banned.h')
    return [Problem(path, 1, 'does not include base/banned.h, directly or through a header of base')
            for path in tree.sources('src', suffixes={'.c'})
            if room_of(path) and room_of(path)[0] not in ('cadvisor', 'child') and not path.name.endswith('.bpf.c')
            and banned not in tree.reachable(path)]
