"""The page of `releasd replay --html`: one file that asks nobody for anything, and runs nothing.

All text from the repository goes through `_text`: a commit message is anyone's, and may hold markup or characters that
turn the text around them. The page's own policy forbids scripts and requests, should that ever fail.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib import resources
from pathlib import PurePath
from typing import Any

from releasd.core.rules import SHORT

Release = dict[str, Any]
STEPS = {
    "major": "major",
    "minor": "minor",
    "patch": "patch",
    "prerelease": "pre",
    "first": "first",
    "other": "other",
}
BUMPS = ("major", "minor", "patch", "none")
_HEIGHTS = {"major": 2, "minor": 12, "first": 7, "other": 12, "patch": 22, "prerelease": 27}  # where a tick begins
_TALL = 40  # units of a year's picture from top to bottom
_WIDE = 1000
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(found: dict[str, Any]) -> str:
    """Return the document of `replay --json` as a page of HTML."""
    releases: Sequence[Release] = found["releases"]
    name = _text(PurePath(found["repo"]).name or found["repo"])
    style = resources.files("releasd.cli").joinpath("replaypage.css").read_text(encoding="utf-8")
    parts = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>Replay of {name}</title>',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>\n{style}</style>\n</head>\n<body>\n<main>",
        f"<header>\n<h1>Replay of {name}</h1>",
        f'<p class="soft">Every past release, beside what releasd would have decided. {_rules(found)}</p>\n</header>',
        *(_body(found, releases) if releases else [_nothing(found), *_warnings(found["warnings"])]),
        "<footer>Made by <code>releasd replay --html</code>. The page is one file and loads nothing.</footer>",
        "</main>\n</body>\n</html>\n",
    )
    return "\n".join(parts)


def _body(found: dict[str, Any], releases: Sequence[Release]) -> Iterator[str]:
    yield f'<div class="hero">\n{_figure(found, len(releases))}\n{_matrix(releases)}\n</div>'
    yield from _warnings(found["warnings"])
    yield '<h2 id="timeline">Timeline</h2>'
    yield from _timeline(releases)
    yield from _differences(releases)
    yield from _all(releases)


def _text(value: object, longest: int = 400) -> str:
    """Return a text for HTML: escaped, on one line, without characters that cannot be seen or that turn others."""
    raw = str(value)
    shown = raw if len(raw) <= longest else f"{raw[: longest - 1]}…"
    return escape("".join(char if char.isprintable() else " " for char in shown))


def _rules(found: dict[str, Any]) -> str:
    left_out = found["tags_left_out"]
    more = f" {left_out} other {'tag is' if left_out == 1 else 'tags are'} no release." if left_out else ""
    return f"Read by <em>{_text(found['analysis'])}</em>, rules from <code>{_text(found['config'])}</code>.{more}"


def _nothing(found: dict[str, Any]) -> str:
    shape = _text(found["tag_format"])
    return f'<p class="card">No tag looks like <code>{shape}</code>: there is nothing to compare with.</p>'


def _warnings(warnings: Sequence[str]) -> Iterator[str]:
    if warnings:
        count = "1 thing" if len(warnings) == 1 else f"{len(warnings)} things"
        listed = "".join(f"<li>{_text(warning, 1000)}</li>" for warning in warnings)
        is_open = " open" if len(warnings) == 1 else ""
        summary = f"<summary>{count} to know about the rules</summary>"
        yield f'<details class="card warn"{is_open}>{summary}<ul>{listed}</ul></details>'


def _figure(found: dict[str, Any], count: int) -> str:
    share = found["agreed"] / count
    shown = f"{100 * share:.0f}" if found["agreed"] in (0, count) else f"{min(max(100 * share, 0.1), 99.9):.1f}"
    around = 276.46  # of a circle with radius 44
    releases = "release" if count == 1 else "releases"
    return (
        '<section class="card figure" aria-label="Agreement">'
        f'<svg class="ring" viewBox="0 0 110 110" role="img" aria-label="{shown} per cent agree">'
        '<circle class="track" cx="55" cy="55" r="44"/><circle cx="55" cy="55" r="44"/>'
        f'<circle class="yes" cx="55" cy="55" r="44" transform="rotate(-90 55 55)" '
        f'stroke-dasharray="{around * share:.2f} {around:.2f}"/>'
        f'<text x="55" y="55">{shown}%</text></svg>'
        f"<p><strong>{found['agreed']} of {count} {releases}</strong><br>as releasd would have decided</p></section>"
    )


def _matrix(releases: Sequence[Release]) -> str:
    """Return how often each answer met each kind of release."""
    counts = Counter((each["bump"], each["step"], each["agree"]) for each in releases)
    steps = [step for step in STEPS if any(key[1] == step for key in counts)]
    heads = "".join(f'<th scope="col">{STEPS[step]}</th>' for step in steps)
    rows = "".join(
        f'<tr><th scope="row">{bump}</th>'
        + "".join(_cell(counts[bump, step, True], counts[bump, step, False]) for step in steps)
        + "</tr>"
        for bump in BUMPS
        if any(key[0] == bump for key in counts)
    )
    return (
        '<section class="card scroll"><table class="matrix">'
        "<caption>What the commits ask for (rows), and what was released (columns)</caption>"
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _cell(same: int, different: int) -> str:
    if not same and not different:
        return '<td class="zero">0</td>'
    differs = f"<small class=no>{different} differ</small>" if different else ""
    if not same:
        return f'<td class="no">{different}<small>{"differs" if different == 1 else "differ"}</small></td>'
    return f'<td class="yes">{same}{differs}</td>'


def _timeline(releases: Sequence[Release]) -> Iterator[str]:
    yield '<div class="card">\n<ul class="legend">'
    kinds = Counter(each["step"] for each in releases)
    for step, name in STEPS.items():
        if kinds[step]:
            mark = f'<path class="tick {step}" d="M5 {_HEIGHTS[step]}V40"/>'
            picture = f'<svg viewBox="0 0 10 40" aria-hidden="true">{mark}</svg>'
            yield f"<li>{picture}{name} <span class=soft>{kinds[step]}</span></li>"
    if any(not each["agree"] for each in releases):
        dot = '<svg viewBox="0 0 10 40" aria-hidden="true"><path class="tick gap" d="M5 20V20.01"/></svg>'
        yield f"<li>{dot}differs: select it to read why</li>"
    yield "</ul>"
    years: dict[int, list[tuple[int, Release]]] = {}
    for number, each in enumerate(releases):
        years.setdefault(int(each["date"][:4]), []).append((number, each))
    for year in sorted(years):
        yield _year(year, years[year])
    quarters = "".join(f"<span>{month}</span>" for month in ("Jan", "Apr", "Jul", "Oct"))
    yield f'<div class="year months" aria-hidden="true"><span></span><div>{quarters}</div><span></span></div>\n</div>'


def _year(year: int, releases: Sequence[tuple[int, Release]]) -> str:
    ticks: dict[str, list[str]] = {}
    gaps: list[str] = []
    for number, each in releases:
        x = _across(each["date"])
        ticks.setdefault(each["step"], []).append(f"M{x} {_HEIGHTS[each['step']]}V{_TALL}")
        if not each["agree"]:
            label = f"{_text(each['to_tag'])}: {_text(each['why'])}"
            top = max(_HEIGHTS[each["step"]], 4)
            gaps.append(
                f'<a href="#r{number}" aria-label="{label}"><title>{label}</title>'
                f'<path class="tick gap" d="M{x} {top}V{top}.01"/></a>'
            )
    paths = "".join(
        f'<path class="tick {step}" d="{"".join(ticks[step])}"/>' for step in reversed(STEPS) if step in ticks
    )
    count = len(releases)
    label = f"{year}: {count} {'release' if count == 1 else 'releases'}, {len(gaps)} differ"
    picture = f'<svg viewBox="0 0 {_WIDE} {_TALL}" preserveAspectRatio="none" role="group" aria-label="{label}">{paths}'
    return f'<div class="year"><span>{year}</span>{picture}{"".join(gaps)}</svg><span>{count}</span></div>'


def _across(day: str) -> float:
    """Return where a day stands in its year's picture."""
    date = dt.date.fromisoformat(day)
    return round(6 + (_WIDE - 12) * (date.timetuple().tm_yday - 1) / 366, 1)


def _differences(releases: Sequence[Release]) -> Iterator[str]:
    differing = [(number, each) for number, each in enumerate(releases) if not each["agree"]]
    if not differing:
        yield "<h2>No differences</h2>\n<p>Every release is what releasd would have decided.</p>"
        return
    yield f"<h2>Where the two differ <span class=soft>{len(differing)}</span></h2>\n<ol class=differ>"
    for number, each in reversed(differing):
        facts = (
            ("predicted", each["predicted"] or "no release"),
            ("was", each["actual"]),
            ("commits", each["commits"]),
        )
        listed = "".join(f"<div><dt>{term}</dt><dd>{_text(value)}</dd></div>" for term, value in facts)
        yield (
            f'<li class="card edge-{each["step"]}" id="r{number}"><h3><span>{_tags(each)}</span>'
            f'<time datetime="{each["date"]}">{each["date"]}</time></h3><dl>{listed}</dl>'
            f"<p><bdi>{_text(each['why'], 1000)}</bdi></p>{_commits(each['deciding'])}</li>"
        )
    yield "</ol>"


def _tags(release: Release) -> str:
    start = f"<bdi>{_text(release['from_tag'])}</bdi>" if release["from_tag"] else "(first)"
    return f"{start} → <bdi>{_text(release['to_tag'])}</bdi>"


def _commits(deciding: Iterable[dict[str, Any]]) -> str:
    rows = [_commit(each) for each in deciding]
    if not rows:
        return ""
    count = "1 commit" if len(rows) == 1 else f"{len(rows)} commits"
    return f"<details><summary>{count} that decided</summary><ul class=commits>{''.join(rows)}</ul></details>"


def _commit(commit: dict[str, Any]) -> str:
    scope = f"({commit['scope']})" if commit["scope"] else ""
    header = f"{commit['type']}{scope}{'!' if commit['breaking'] else ''}: " if commit["type"] else ""
    return (
        f"<li><code>{_text(commit['commit'][:SHORT])}</code><bdi>{_text(header + commit['subject'])}</bdi>"
        f'<span class="soft"><bdi>{_text(commit["why"])}</bdi></span></li>'
    )


def _all(releases: Sequence[Release]) -> Iterator[str]:
    yield f"<h2>All releases <span class=soft>{len(releases)}</span></h2>"
    yield '<details class="card scroll"><summary>Show the table</summary><table class=all>'
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("from", "to", "day", "commits", "predicted", ""))
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    for each in reversed(releases):
        cells = (each["from_tag"] or "(first)", each["to_tag"], each["date"], each["commits"])
        row = "".join(f"<td><bdi>{_text(cell)}</bdi></td>" for cell in cells)
        predicted = _text(each["predicted"] or "no release")
        yield f"<tr>{row}<td>{predicted}</td><td>{'agrees' if each['agree'] else 'differs'}</td></tr>"
    yield "</tbody></table></details>"
