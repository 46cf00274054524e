"""Notes from a Jinja template of the project's own, which may do nothing but make text.

A template comes from the repository, so that it is run in Jinja's sandbox, and with less than the sandbox gives: no
other templates, no methods of texts, only filters that cannot make much out of little, and a budget for what it does
and what it writes. What a template can name is in `values`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import asdict
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from releasd.core.formats import Release, escaped
from releasd.errors import ConfigError

_LONGEST_TEMPLATE = 100_000
_MOST_STEPS = 3_000_000
_LONGEST_TEXT = 50_000_000
_LARGEST_NUMBER = 10**12
_WIDEST_RANGE = 1_000
_FILTERS = (
    "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "groupby", "int", "items", "join",
    "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select",
    "selectattr", "sort", "string", "striptags", "title", "trim", "truncate", "unique", "upper", "urlencode",
    "wordcount",
)  # fmt: skip
_MISTAKES = (
    jinja2.TemplateError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    SyntaxError,  # Python's, for loops nested too deep
    TypeError,
    ValueError,
)
_METHODS = frozenset({"get", "items", "keys", "values"})


def values(release: Release) -> Mapping[str, Any]:
    """Return what a template can name.

    `version`, `tag`, `previous_tag`, `date` (as 2026-01-02), `url`, `compare_url`, `contributors`, and `commits`, each
    with `id short type scope subject shown breaking issues url author`, newest first; an issue has `number` and `url`.
    `more` is the number of commits that are shown and no longer in `commits`, which has the newest of very many.
    """
    made = asdict(release)
    commits = made.pop("entries")
    for commit in commits:
        commit["issues"] = [{"number": number, "url": url} for number, url in commit["issues"]]
    return {**made, "date": release.date.isoformat(), "commits": commits}


def render_template(source: str, release: Release) -> str:
    """Return the notes that a template makes. Raises `ConfigError` for a template that is wrong or does too much.

    Besides Jinja's own there is the filter `md`, which escapes what markdown and HTML act on.
    """
    if len(source) > _LONGEST_TEMPLATE:
        raise _wrong(f"it is longer than {_LONGEST_TEMPLATE} characters")
    try:
        text = _Sandbox().from_string(source).render(values(release))
    except _MISTAKES as error:
        line = getattr(error, "lineno", None)
        raise _wrong(f"{f'line {line}: ' if line else ''}{error}") from error
    except (RecursionError, MemoryError) as error:
        raise _wrong("it calls itself without an end") from error
    text = text.strip()
    return f"{text}\n" if text else ""


def _wrong(why: str) -> ConfigError:
    return ConfigError(f"the template of the release notes cannot be used: {why}", advice="edit the template")


class _Sandbox(ImmutableSandboxedEnvironment):
    """One rendering's environment, with its budget."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self) -> None:
        super().__init__(
            undefined=jinja2.StrictUndefined,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._steps = self._length = 0
        known = {name: self._metered(self.filters[name]) for name in _FILTERS}
        own = {"_loop": self._counted, "_text": self._written, "_plain": _plain}
        # With a context they are called while the template runs: constants are not computed before the budget counts.
        self.filters = {**known, "md": self._metered(_markdown), **{name: _late(each) for name, each in own.items()}}
        self.globals = {"range": self._range}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        """Read a template, with each loop and each text counted, and no list within a list: they grow like texts."""
        tree = super()._parse(source, name, filename)
        for loop in tree.find_all(nodes.For):
            loop.iter = _through("_loop", _expression(loop.iter))
        for shown in [*tree.find_all(nodes.Output)]:
            shown.nodes = [_through("_text", _expression(part)) for part in shown.nodes]
        for joined in [*tree.find_all(nodes.Concat)]:
            joined.nodes = [_through("_text", part) for part in joined.nodes]
        for listed in [*tree.find_all(nodes.List)]:
            listed.items = [_through("_plain", item) for item in listed.items]
        for tupled in [*tree.find_all(nodes.Tuple)]:
            if tupled.ctx == "load":
                tupled.items = [_through("_plain", item) for item in tupled.items]
        for pair in [*tree.find_all(nodes.Pair)]:
            pair.value = _through("_plain", pair.value)
        tree.set_environment(self)
        return tree

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute with small numbers, and join texts; nothing else."""
        self._spend(1)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return self._written(left + right)
        if operator == "**" or not _is_small(left) or not _is_small(right):
            raise _wrong(f"{operator} is for numbers up to {_LARGEST_NUMBER}, and + for texts")
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, /, *args: Any, **kwargs: Any) -> Any:
        self._spend(1)
        return super().call(context, *args, **kwargs)

    def getitem(self, obj: Any, argument: Any) -> Any:
        self._spend(len(obj) if isinstance(argument, slice) and isinstance(obj, Sized) else 1)
        return super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return whether a template may use an attribute: those of loops and macros, and four of mappings."""
        if isinstance(obj, dict):
            return attr in _METHODS
        return not isinstance(obj, str | bytes | int | float | list | tuple) and super().is_safe_attribute(
            obj, attr, value
        )

    def wrap_str_format(self, value: Any) -> None:
        """Return nothing: the sandbox would let `format` through, which makes much out of little."""

    def _metered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a filter that pays for what it reads and for the text that it makes."""

        def metered(*args: Any, **kwargs: Any) -> Any:
            for value in (*args, *kwargs.values()):
                if isinstance(value, str | list | tuple | dict):
                    self._spend(1 + len(value) // (1000 if isinstance(value, str) else 1))
            result = function(*args, **kwargs)
            return self._written(result) if isinstance(result, str) else result

        for name in ("jinja_pass_arg", "jinja_async_variant"):
            if hasattr(function, name):
                setattr(metered, name, getattr(function, name))
        return metered

    def _counted(self, items: Iterable[Any]) -> Iterator[Any]:
        for item in items:
            self._spend(1)
            yield item

    def _written(self, value: Any) -> Any:
        text = "" if value is None else str(value)
        self._length += len(text)
        if self._length > _LONGEST_TEXT:
            raise _wrong(f"it makes more than {_LONGEST_TEXT} characters")
        return text

    def _range(self, *numbers: int) -> range:
        made = range(*numbers)
        if len(made) > _WIDEST_RANGE:
            raise _wrong(f"range() gives up to {_WIDEST_RANGE} numbers")
        return made

    def _spend(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise _wrong("it takes too much work")


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple | dict):
        raise _wrong("a list of its own may hold texts and numbers, not lists")
    return value


def _markdown(value: Any) -> str:
    return escaped(str(value))


def _late(function: Callable[[Any], Any]) -> Callable[[Context, Any], Any]:
    return jinja2.pass_context(lambda _context, value: function(value))


def _expression(node: nodes.Node) -> nodes.Expr:
    """Return what stands in an output or after `in`, text of the template itself included."""
    if isinstance(node, nodes.TemplateData):
        return nodes.Const(node.data, lineno=node.lineno)
    if not isinstance(node, nodes.Expr):
        raise _wrong("it loops over what is no value")
    return node


def _through(name: str, value: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, [], [], None, None, lineno=value.lineno)


def _is_small(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= _LARGEST_NUMBER
