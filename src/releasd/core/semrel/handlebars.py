"""Handlebars templates, rendered as handlebars 4.7 renders them with `noEscape`: the writer's way.

Values are what JSON has: mappings, lists, texts, numbers, True, False and None. A template can come from a repository,
so a rendering has a limit on its work and on how deep partials go.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from releasd.core.semrel import handlebarsast as ast
from releasd.errors import ConfigError

_DEEPEST = 40
_MOST, _MOST_EACH = 5_000_000, 500  # statements in one rendering, and more for each item it is about
_LONGEST = 500_000_000  # characters of values in one rendering


class Frame(NamedTuple):
    """Where a statement stands: what names are looked up in, what is around it, `@` values, the work and text left."""

    context: Any
    depths: tuple[Any, ...]
    data: Mapping[str, Any]
    level: int
    work: list[int]


Emit = Callable[[Frame, list[str]], None]
Value = Callable[[Frame], Any]


def compile_template(main: str, partials: Mapping[str, str]) -> Callable[[Mapping[str, Any], int], str]:
    """Return the function that renders `main` with a context, which is about some number of items.

    Raises `ConfigError` for what is no such template; the function, where the template asks for a partial that is
    not there, or for too much work.
    """
    run = _compiled(main, tuple(partials.items()))

    def render(context: Mapping[str, Any], size: int) -> str:
        out: list[str] = []
        run(Frame(context, (), {"root": context}, 0, [_MOST + _MOST_EACH * size, _LONGEST]), out)
        return "".join(out)

    return render


@lru_cache(maxsize=16)
def _compiled(main: str, partials: tuple[tuple[str, str], ...]) -> Emit:
    compiled: dict[str, Emit] = {}
    for name, text in partials:
        compiled[name] = _program(ast.parse(text), compiled)
    return _program(ast.parse(main), compiled)


def text_of(value: Any) -> str:
    """Return a value as JavaScript writes it into a text; nothing for null."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return _scalar(value)
    return "[object Object]" if isinstance(value, Mapping) else ",".join(map(text_of, value))


def _scalar(value: float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if value == int(value) else str(value)


def _program(program: ast.Program | None, partials: Mapping[str, Emit]) -> Emit:
    steps = tuple(_statement(node, partials) for node in program.body if not _is_empty(node)) if program else ()

    def run(frame: Frame, out: list[str]) -> None:
        frame.work[0] -= 1 + len(steps)
        if frame.work[0] < 0:
            raise _too_much("it takes too much work")
        for step in steps:
            step(frame, out)

    return run


def _is_empty(node: ast.Node) -> bool:
    return isinstance(node, ast.Comment) or (isinstance(node, ast.Content) and not node.value)


def _too_much(why: str) -> ConfigError:
    return ConfigError(
        f"a template of the release notes cannot be used: {why}", advice="edit the template in writerOpts"
    )


def _statement(node: ast.Node, partials: Mapping[str, Emit]) -> Emit:
    match node:
        case ast.Content():
            return _content(node.value)
        case ast.Mustache():
            return _mustache(_call(node.call))
        case ast.Partial():
            return _partial(node, partials)
        case ast.Block():
            return _block(node, partials)
        case ast.Comment():
            return _content("")


def _content(text: str) -> Emit:
    return lambda _frame, out: out.append(text)


def _mustache(value: Value) -> Emit:
    def run(frame: Frame, out: list[str]) -> None:
        text = text_of(value(frame))
        frame.work[1] -= len(text)
        if frame.work[1] < 0:
            raise _too_much("its text gets too long")
        out.append(text)

    return run


def _call(call: ast.Call) -> Value:
    if not call.params:
        return _value(call.name)
    if call.name == "lookup" and len(call.params) > 1:
        of, key = _value(call.params[0]), _value(call.params[1])
        return lambda frame: _property(of(frame), text_of(key(frame)))
    raise _too_much(f"it calls {call.name}, and helpers cannot be used")


def _partial(node: ast.Partial, partials: Mapping[str, Emit]) -> Emit:
    name = node.call.name.strip("\"'")
    given = _value(node.call.params[0]) if node.call.params else None
    pairs = tuple((key, _value(text)) for key, text in node.call.hash)
    indent = node.indent

    def run(frame: Frame, out: list[str]) -> None:
        body = partials.get(name)
        if body is None or frame.level > _DEEPEST:
            raise _too_much(
                f"the partial {name} is not there" if body is None else f"its partials go deeper than {_DEEPEST}"
            )
        context = given(frame) if given else frame.context
        if pairs:
            base = context if isinstance(context, Mapping) else {}
            context = {**base, **{key: value(frame) for key, value in pairs}}
        inner: list[str] = []
        depths = frame.depths if context is frame.context else (frame.context, *frame.depths)
        body(Frame(context, depths, frame.data, frame.level + 1, frame.work), inner)
        text = "".join(inner)
        out.append(_indented(text, indent) if indent else text)

    return run


def _indented(text: str, indent: str) -> str:
    lines = text.split("\n")
    ends = len(lines) - 1
    return "\n".join(line if not line and at == ends else indent + line for at, line in enumerate(lines))


def _into(frame: Frame, context: Any) -> Frame:
    if context is frame.context:
        return frame
    return Frame(context, (frame.context, *frame.depths), frame.data, frame.level, frame.work)


def _block(node: ast.Block, partials: Mapping[str, Emit]) -> Emit:
    program, inverse = _program(node.program, partials), _program(node.inverse, partials)
    if node.inverted:
        program, inverse = inverse, program
    name, params = node.call.name, node.call.params
    if name in ("if", "unless", "each", "with"):
        if len(params) != 1:
            raise _too_much(f"#{name} takes one value")
        zero = any(key == "includeZero" and text == "true" for key, text in node.call.hash)
        return _HELPERS[name](_value(params[0]), program, inverse, zero)
    if params:
        raise _too_much(f"it calls {name}, and helpers cannot be used")
    return _plain(_value(name), program, inverse)


def _if(value: Value, program: Emit, inverse: Emit, zero: bool) -> Emit:  # noqa: FBT001 - one shape for all helpers
    def run(frame: Frame, out: list[str]) -> None:
        found = value(frame)
        held = bool(found) or (found is not None and (isinstance(found, Mapping) or (zero and _is_number(found))))
        (program if held else inverse)(frame, out)

    return run


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unless(value: Value, program: Emit, inverse: Emit, zero: bool) -> Emit:  # noqa: FBT001
    return _if(value, inverse, program, zero)


def _each(value: Value, program: Emit, inverse: Emit, _zero: bool) -> Emit:  # noqa: FBT001
    def run(frame: Frame, out: list[str]) -> None:
        found = value(frame)
        pairs: list[tuple[Any, Any]] = []
        if isinstance(found, Mapping):
            pairs = list(found.items())
        elif isinstance(found, Sequence) and not isinstance(found, str):
            pairs = list(enumerate(found))
        for at, (key, item) in enumerate(pairs):
            data = {**frame.data, "key": key, "index": at, "first": at == 0, "last": at == len(pairs) - 1}
            depths = frame.depths if item is frame.context else (frame.context, *frame.depths)
            program(Frame(item, depths, data, frame.level, frame.work), out)
        if not pairs:
            inverse(frame, out)

    return run


def _with(value: Value, program: Emit, inverse: Emit, _zero: bool) -> Emit:  # noqa: FBT001
    def run(frame: Frame, out: list[str]) -> None:
        found = value(frame)
        if _is_nothing(found):
            inverse(frame, out)
        else:
            program(_into(frame, found), out)

    return run


def _plain(value: Value, program: Emit, inverse: Emit) -> Emit:
    """`{{#name}}`: each of a list, else with a value that there is."""
    each = _each(value, program, inverse, False)  # noqa: FBT003

    def run(frame: Frame, out: list[str]) -> None:
        found = value(frame)
        if found is True:
            program(frame, out)
        elif found is False or found is None:
            inverse(frame, out)
        elif isinstance(found, Sequence) and not isinstance(found, str):
            each(frame, out)
        else:
            program(_into(frame, found), out)

    return run


def _is_nothing(value: Any) -> bool:
    """Return what handlebars calls empty: nothing at all, false, "", an empty list; not 0."""
    return not value and not _is_number(value) and not isinstance(value, Mapping)


_HELPERS: Mapping[str, Callable[[Value, Emit, Emit, bool], Emit]] = {
    "if": _if,
    "unless": _unless,
    "each": _each,
    "with": _with,
}


def _value(text: str) -> Value:
    """Return what finds the value that a word of a tag means: a literal or a path."""
    if text[0] in "\"'":
        literal: Any = text[1:-1]
        return lambda _frame: literal
    if text.lstrip("-").isdecimal() or text in ("true", "false", "null", "undefined"):
        literal = int(text) if text.lstrip("-").isdecimal() else {"true": True, "false": False}.get(text)
        return lambda _frame: literal
    return _path(text)


def _path(text: str) -> Value:
    ups = 0
    while text == ".." or text.startswith("../"):
        ups, text = ups + 1, text[3:] or "this"
    at = text.startswith("@")
    names = tuple(part.strip("[]") for part in text.removeprefix("@").replace("/", ".").split("."))
    if text == ".":
        names = ()
    elif names[0] in ("this", "") and not at:
        names = tuple(name for name in names[1:] if name)
    if not ups and not at and len(names) == 1:
        return _name(names[0])

    if at and names[0] == "root" and len(names) == 2:  # noqa: PLR2004 - `@root.name`, most of the paths in presets
        key = names[1]
        return lambda frame: frame.data["root"].get(key)

    def find(frame: Frame) -> Any:
        found = frame.data if at else _up(frame, ups)
        for name in names:
            found = _property(found, name)
        return found

    return find


def _name(name: str) -> Value:
    def find(frame: Frame) -> Any:
        context = frame.context
        return context.get(name) if isinstance(context, dict) else _property(context, name)

    return find


def _up(frame: Frame, ups: int) -> Any:
    if not ups:
        return frame.context
    return frame.depths[ups - 1] if ups <= len(frame.depths) else None


def _property(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, str | Sequence) and name == "length":
        return len(value)
    if isinstance(value, Sequence) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    return None
