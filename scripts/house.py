"""Print how large and how tangled gate/ is: modules, lines, importers, helpers, cycles, names, README lines.

``make house`` prints today's figures next to those from before the code base was put in order.
``tests/unit/test_house.py`` holds the limits. Needs nothing but Python's own library.
"""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "gate"
LAB = "gate/lab"

_PARTICIPLES = "told seen made found given said asked wanted stood came gone kept known held taken begun left shown"
_ADJECTIVES = "named stated met due heard spoken odd stray strays beside once"
_METAPHORS = "tape way course ahead witness hands"
BANNED_NAMES = frozenset(f"{_PARTICIPLES} {_ADJECTIVES} {_METAPHORS}".split())

# Modules, importers, helpers, cycles and the README: an outside review at commit 3d69099. Lines, names and classes:
# commit bb730bf, the largest tree, just before the first files were merged.
BEFORE = {
    "modules": 303,
    "modules with exactly one importer": 105,
    "private helpers called once": 689,
    "import cycles": 2,
    "lines": 42213,
    "lines without gate/lab": 36924,
    "longest module, lines": 506,
    "banned names": 1104,
    "class names in two modules": 15,
    "README lines": 891,
}
# Modules and lines at commit bb730bf.
BEFORE_BY_ROOM = {
    "gate": (10, 1108),
    "gate/cli": (29, 3464),
    "gate/evidence": (36, 4648),
    "gate/github": (15, 1997),
    "gate/judge": (47, 5619),
    "gate/lab": (37, 5289),
    "gate/model": (27, 3610),
    "gate/net": (4, 502),
    "gate/observe": (34, 4961),
    "gate/parse": (40, 4856),
    "gate/probe": (22, 2875),
    "gate/process": (9, 849),
    "gate/render": (11, 1478),
    "gate/settings": (9, 957),
}


@dataclass(frozen=True, kw_only=True)
class Module:
    """One Python file.

    ``name`` is its dotted name, ``package`` that of the package that its relative imports start from, and ``room`` the
    folder right below the top package; a file right below the top package has that package as its room.
    """

    name: str
    package: str
    room: str
    lines: int
    tree: ast.Module


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A place that gives something a name. ``kind`` is function, class, field, parameter or variable."""

    module: str
    line: int
    kind: str
    name: str


def read_modules(root: Path, package: str = PACKAGE) -> tuple[Module, ...]:
    """Every module of a package below ``root``, ordered by path."""
    modules = []
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        text = path.read_text(encoding="utf-8")
        modules.append(
            Module(
                name=".".join(parts).removesuffix(".__init__"),
                package=".".join(parts[:-1]),
                room="/".join(parts[:-1][:2]),
                lines=text.count("\n"),
                tree=ast.parse(text, str(path)),
            )
        )
    return tuple(modules)


def imports(modules: Iterable[Module]) -> dict[str, frozenset[str]]:
    """The modules of the package that each module imports, also inside a function or under ``if TYPE_CHECKING:``."""
    by_name = {module.name: module for module in modules}
    return {
        name: frozenset(_import_targets(module, by_name.keys())) & by_name.keys() - {name}
        for name, module in by_name.items()
    }


def _import_targets(module: Module, names: Iterable[str]) -> Iterator[str]:
    """What the import statements of a module name: a submodule where there is one, else the module they import from."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                start = module.package.split(".")
                source = ".".join([*start[: len(start) - node.level + 1], *([source] if source else [])])
            for alias in node.names:
                submodule = f"{source}.{alias.name}"
                yield submodule if submodule in names else source


def cycles(graph: Mapping[str, frozenset[str]]) -> list[list[str]]:
    """Each set of modules that import one another, directly or through others (Tarjan's components of two or more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in sorted(graph[name]):
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            start = stack.index(name)
            component = sorted(stack[start:])
            del stack[start:]
            if len(component) > 1:
                components.append(component)

    for name in graph:
        if name not in index:
            visit(name)
    return components


def one_importer(graph: Mapping[str, frozenset[str]]) -> list[str]:
    """The modules that exactly one other module imports."""
    importers = Counter(target for targets in graph.values() for target in targets)
    return sorted(name for name, number in importers.items() if number == 1)


def single_use_helpers(module: Module) -> list[str]:
    """The private functions of a module, methods included, whose name the module uses once outside of themselves."""
    functions = {
        node.name: node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and _is_private(node.name)
    }
    uses = _uses(module.tree)
    return sorted(name for name, node in functions.items() if uses[name] - _uses(node)[name] == 1)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _uses(tree: ast.AST) -> Counter[str]:
    """How often each name is used below a node, as a name or as an attribute."""
    return Counter(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Name | ast.Attribute)
    )


def definitions(module: Module) -> Iterator[Definition]:
    """Every name that a module defines; a variable counts once for each place that assigns it."""
    fields = {
        statement.target
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
        for statement in node.body
        if isinstance(statement, ast.AnnAssign)
    }
    for node in ast.walk(module.tree):
        kind, name = "variable", ""
        match node:
            case ast.ClassDef():
                kind, name = "class", node.name
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                kind, name = "function", node.name
            case ast.arg():
                kind, name = "parameter", node.arg
            case ast.Name(ctx=ast.Store()):
                kind, name = "field" if node in fields else "variable", node.id
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar():
                name = node.name or ""
            case ast.MatchMapping():
                name = node.rest or ""
        if name:
            line = getattr(node, "lineno", 0)
            yield Definition(module=module.name, line=line, kind=kind, name=name)


def banned_definitions(module: Module) -> list[Definition]:
    """The definitions of a module whose name, without underscores around it, is banned."""
    return [definition for definition in definitions(module) if definition.name.strip("_").lower() in BANNED_NAMES]


def duplicate_classes(modules: Iterable[Module]) -> dict[str, list[str]]:
    """The class names that more than one module uses, with those modules."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for module in modules:
        for definition in definitions(module):
            if definition.kind == "class":
                places[definition.name].append(module.name)
    return {name: sorted(set(names)) for name, names in sorted(places.items()) if len(set(names)) > 1}


def by_room(modules: Iterable[Module]) -> dict[str, list[Module]]:
    """The modules of each room, ordered by room."""
    rooms: defaultdict[str, list[Module]] = defaultdict(list)
    for module in modules:
        rooms[module.room].append(module)
    return dict(sorted(rooms.items()))


def report(modules: tuple[Module, ...], readme_lines: int) -> list[str]:
    """The lines that ``make house`` prints: totals and rooms in two tables, then what is left to do by name."""
    graph = imports(modules)
    importers = one_importer(graph)
    loops = cycles(graph)
    doubles = duplicate_classes(modules)
    banned = [definition for module in modules for definition in banned_definitions(module)]
    lab = sum(module.lines for module in modules if module.room == LAB)
    lines = sum(module.lines for module in modules)
    today = {
        "modules": len(modules),
        "modules with exactly one importer": len(importers),
        "private helpers called once": sum(len(single_use_helpers(module)) for module in modules),
        "import cycles": len(loops),
        "lines": lines,
        "lines without gate/lab": lines - lab,
        "longest module, lines": max(module.lines for module in modules),
        "banned names": len(banned),
        "class names in two modules": len(doubles),
        "README lines": readme_lines,
    }
    text = [f"{'':34}{'before':>8}{'today':>8}"]
    text += [f"{name:34}{BEFORE[name]:>8}{number:>8}" for name, number in today.items()]
    text += ["", f"{'room':16}{'modules':>16}{'lines':>18}{'banned names':>16}"]
    rooms = by_room(modules)
    for room in sorted(rooms.keys() | BEFORE_BY_ROOM.keys()):
        inside = rooms.get(room, [])
        old_modules, old_lines = BEFORE_BY_ROOM.get(room, (0, 0))
        names = sum(len(banned_definitions(module)) for module in inside)
        size = sum(module.lines for module in inside)
        text.append(f"{room:16}{f'{old_modules} -> {len(inside)}':>16}{f'{old_lines} -> {size}':>18}{names:>16}")
    kinds = Counter(definition.kind for definition in banned)
    text += ["", "banned names: " + ", ".join(f"{number} x {kind}" for kind, number in kinds.most_common())]
    text += ["", "modules with exactly one importer:", *(f"  {name}" for name in importers)]
    text += [f"import cycle: {', '.join(loop)}" for loop in loops]
    text += [f"class {name}: {', '.join(places)}" for name, places in doubles.items()]
    return text


def main(arguments: list[str]) -> int:
    """Print the report; with ``--names``, every banned name by its place."""
    modules = read_modules(ROOT)
    if arguments == ["--names"]:
        text = [
            f"{definition.module}:{definition.line}: {definition.kind} {definition.name}"
            for module in modules
            for definition in banned_definitions(module)
        ]
    elif arguments:
        sys.stderr.write("house: expected no argument, or --names: see `make house`\n")
        return 2
    else:
        text = report(modules, len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()))
    sys.stdout.write("\n".join(text) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
