"""Handlebars templates, as handlebars 4.7 renders them; the differential tests compare whole notes with it."""

import pytest

from releasd.core.semrel.handlebars import compile_template
from releasd.errors import ConfigError

CONTEXT = {"a": "A", "no": None, "zero": 0, "list": [{"n": 1}, {"n": 2}], "map": {"k": "v"}, "t": True, "empty": []}


def rendered(template: str, **partials: str) -> str:
    """Return the template with the context above."""
    return compile_template(template, partials)(CONTEXT, 1)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{a}}{{no}}{{zero}}{{t}}{{nothing.at.all}}", "A0true"),
        ("x {{~a~}} y", "xAy"),
        ("{{#if empty}}1{{else if zero}}2{{else}}3{{/if}}", "3"),
        ("{{#if zero includeZero=true}}1{{/if}}{{#unless no}}2{{/unless}}", "12"),
        ("{{#each list}}{{@index}}{{n}}{{../a}}{{#unless @last}},{{/unless}}{{/each}}", "01A,12A"),
        ("{{#each map}}{{@key}}={{this}}{{/each}}{{#each empty}}{{else}}none{{/each}}", "k=vnone"),
        ("{{#with map}}{{k}}{{@root.a}}{{/with}}{{#list}}{{n}}{{/list}}{{^no}}!{{/no}}", "vA12!"),
        ("a\n{{#if a}}\nb\n{{/if}}\nc\n", "a\nb\nc\n"),
        ("a\n  {{! gone }}\nb {{!-- {{x}} --}} c", "a\nb  c"),
        ("  {{> p}}\nend", "  1\n  2\nend"),
        ("{{> p n=3 a=map.k}}", "1\n2\n"),
        ("{{{a}}}{{&a}}\\{{a}}{{list.0.n}}{{list.length}}{{lookup map 'k'}}", "AA{{a}}12v"),
    ],
)
def test_templates(template: str, text: str) -> None:
    """Values, blocks, paths, partials, and the white space that tags take with them."""
    assert rendered(template, p="1\n2\n") == text


@pytest.mark.parametrize(
    "template",
    ["{{#if a}}", "{{/if}}", "{{#if a}}{{/each}}", "{{", "{{> nowhere}}", "{{helper a}}", "{{#each a b}}{{/each}}",
     "{{(a)}}"],
)  # fmt: skip
def test_wrong_templates_are_named(template: str) -> None:
    """What is no template, or asks for helpers, is the configuration's mistake."""
    with pytest.raises(ConfigError, match="template"):
        rendered(template)


def test_partials_without_an_end_are_ended() -> None:
    """A partial that includes itself is a mistake, not a crash."""
    with pytest.raises(ConfigError, match="deeper"):
        rendered("{{> p}}", p="x{{> p}}")


def test_loops_without_an_end_are_ended() -> None:
    """Loops within loops over the same list have a limit on their work."""
    numbers = {"n": [*range(300)]}
    template = "{{#each n}}" * 5 + "{{/each}}" * 5
    nested = template.replace("each n", "each @root.n")
    with pytest.raises(ConfigError, match="too much work"):
        compile_template(nested, {})(numbers, 1)
