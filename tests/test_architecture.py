"""The design's promises about the source itself: small files, one module for each step, every event documented."""

import ast
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median, quantiles

from releasd.core.lifecycle import ORDER
from releasd.model import StepName
from releasd.steps import STEPS
from releasd.steps.faultpoints import AROUND_A_STEP, ATTACHING, INSIDE, OF_DESTINATIONS, OF_PACKAGES, POINTS
from support.tools import lacking, require_tool

ROOT = Path(__file__).parents[1]
SOURCES = tuple(sorted((ROOT / "src").rglob("*.py")))
TESTS = tuple(sorted((ROOT / "tests").rglob("*.py")))
EVERY = (*SOURCES, *TESTS)
LONGEST_FILE, MEDIAN_FILE, LONGEST_FUNCTION, MEDIAN_FUNCTION = 400, 150, 60, 10
# Migrations tell once and for all how tables looked on one day: they are read as a list, and never changed.
FROZEN = ROOT / "src/releasd/store/migrations"
# Put together, so that this file does not hold what it looks for.
REGISTRIES = tuple(
    ".".join(parts)
    for parts in (("pypi", "org"), ("pythonhosted", "org"), ("crates", "io"), ("npmjs", "org"), ("npmjs", "com"))
)
NO_EVENTS = frozenset({"release.published"})  # the webhook's event (docs/announce.md)
EVENT = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)*")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    """Return a path as people name it."""
    return str(path.relative_to(ROOT))


def tree(path: Path) -> ast.Module:
    """Return a file, parsed."""
    return ast.parse(path.read_text())


def functions(path: Path) -> Iterator[Function]:
    """Yield all functions of a file, inner ones too."""
    return (node for node in ast.walk(tree(path)) if isinstance(node, Function))


def length(node: Function) -> int:
    """Return how many lines a function has, signature and docstring included."""
    return (node.end_lineno or 0) - node.lineno + 1


def body(node: Function) -> int:
    """Return how many lines a function has below its docstring."""
    first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or 0) - first.lineno + 1


def texts(path: Path) -> Iterator[str]:
    """Yield the text constants of a file."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_no_file_is_long() -> None:
    """No file has more than 400 lines."""
    lines = {name(path): len(path.read_text().splitlines()) for path in EVERY}
    assert {path: count for path, count in lines.items() if count > LONGEST_FILE} == {}


def test_most_files_are_short() -> None:
    """Half of the source files have at most 150 lines."""
    assert median(len(path.read_text().splitlines()) for path in SOURCES) <= MEDIAN_FILE


def test_no_function_is_long() -> None:
    """No function has more than 60 lines."""
    files = [path for path in EVERY if FROZEN not in path.parents]
    lengths = {f"{name(path)}: {node.name}": length(node) for path in files for node in functions(path)}
    assert {function: count for function, count in lengths.items() if count > LONGEST_FUNCTION} == {}


def test_most_functions_are_short(record_property: Callable[[str, object], None]) -> None:
    """Half of the functions have a body of at most ten lines; median and ninth decile are put on record."""
    bodies = [body(node) for path in SOURCES for node in functions(path)]
    record_property("median function body", median(bodies))
    record_property("ninth decile of function bodies", quantiles(bodies, n=10)[-1])
    assert median(bodies) <= MEDIAN_FUNCTION


def test_every_test_says_what_it_proves() -> None:
    """Each test function has a docstring: the truth that it proves."""
    files = [path for path in TESTS if path.name.startswith("test_")]
    tests = [(path, node) for path in files for node in functions(path) if node.name.startswith("test_")]
    assert {path for path, _ in tests} == set(files), "a test file without tests"
    assert [f"{name(path)}: {node.name}" for path, node in tests if not ast.get_docstring(node)] == []


def test_steps_are_modules_in_their_order() -> None:
    """Each of the nine steps is a module of its name, listed in the order of the journal, and observes and applies."""
    assert tuple(STEPS) == ORDER == tuple(StepName)
    for step, module in STEPS.items():
        assert getattr(module, "__name__", None) == f"releasd.steps.{step}"
        assert callable(module.observe)
        assert callable(module.apply)


def _faults(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fault":
            yield ast.unparse(node.args[0])


def test_every_fault_point_is_in_the_source() -> None:
    """A point that the fault tier kills at is reached by some line, and no line has a point that the tier forgets."""
    called = {point for path in SOURCES for point in _faults(path)}
    around = {f"f'{{step}}.{moment}'" for moment in AROUND_A_STEP}
    assert called == around | {repr(point) for point in (*INSIDE, *OF_DESTINATIONS, *OF_PACKAGES, *ATTACHING)}
    assert len(POINTS) == len(set(POINTS)) == len(AROUND_A_STEP) * len(STEPS) + len(INSIDE)


def _event_names() -> set[str]:
    """Return every `noun.verb` of the files that tell of events; table columns and fault points aside."""
    telling = [path for path in SOURCES if path.name != "tables.py" and FROZEN not in path.parents]
    nouns = {word.partition(".")[0] for word in _documented()}
    found = {text for path in telling for text in texts(path) if EVENT.fullmatch(text)}
    points = {*POINTS, *OF_PACKAGES} - _documented()
    return {word for word in found - points - NO_EVENTS if word.partition(".")[0] in nouns and _is_told(word)}


def _is_told(word: str) -> bool:
    """Return whether the second half is a verb in its past, as every event's is."""
    return word.endswith(("ed", "lost", "found", "begun", "unreachable"))


def _documented() -> set[str]:
    rows = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", (ROOT / "docs/events.md").read_text(), re.MULTILINE)
    return set(rows)


def test_every_event_is_documented_and_every_documented_event_exists() -> None:
    """docs/events.md lists exactly the events that the source can tell."""
    assert _event_names() == _documented()


def _holding(pattern: str) -> list[str]:
    return [name(path) for path in SOURCES if re.search(pattern, path.read_text())]


def test_nothing_is_locked() -> None:
    """Threads share the database and one queue; a lock would be a second way."""
    assert _holding(r"\bR?Lock\(") == []


def test_nothing_is_left_to_do() -> None:
    """No placeholder stays in the source."""
    assert _holding(r"\b(TODO|FIXME|XXX|NotImplementedError)\b") == []


def test_no_file_names_a_package_registry() -> None:
    """Tests and demonstration talk to this machine alone; no tracked file holds a registry's host name."""
    git = require_tool("git")
    listed = subprocess.run(
        (git, "-C", ROOT, "ls-files", "-z"), capture_output=True, text=True, timeout=30, check=False
    )
    if listed.returncode:
        lacking("this is no git checkout: only tracked files are looked at")
    tracked = [ROOT / path for path in listed.stdout.split("\0") if path]
    naming = {
        name(path): host
        for path in tracked
        if path.is_file()
        for host in REGISTRIES
        if host.encode() in path.read_bytes()
    }
    assert naming == {}
