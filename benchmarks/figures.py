"""A measured figure, and how it is shown."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_MORE_IS_BETTER = ("/s", "x")  # a rate, a ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: the median of `samples`, its aim, and what it stands beside.

    Attributes:
        unit: "ms", "s", "MB", "%", "/s" or "x" (of which more is better), or "" for a count.
        samples: every measurement, warm-ups left out.
        aim: what DESIGN.md asks for; None where the line only explains another.
        beside: measured in the same run, in the same unit: peers and physical limits.
        peers: figures of others from an earlier measurement (hooks-and-queues-facts.md §4).
        how: what was measured, from when to when.
    """

    what: str
    unit: str
    samples: tuple[float, ...]
    aim: float | None = None
    beside: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    peers: str = ""
    how: str = ""

    @property
    def median(self) -> float:
        """Return the median of the samples."""
        return statistics.median(self.samples)

    @property
    def is_met(self) -> bool | None:
        """Return whether the median meets the aim; None without one."""
        if self.aim is None:
            return None
        return self.median >= self.aim if self.unit in _MORE_IS_BETTER else self.median <= self.aim

    def to_json(self) -> dict[str, Any]:
        """Return the figure as JSON values."""
        return {
            "what": self.what,
            "unit": self.unit,
            **summary(self.samples),
            "samples": list(self.samples),
            "aim": self.aim,
            "met": self.is_met,
            "beside": {name: summary(samples) for name, samples in self.beside.items()},
            "peers": self.peers,
            "how": self.how,
        }


def summary(samples: Iterable[float]) -> dict[str, float]:
    """Return number, median, quartiles and extremes."""
    ordered = sorted(samples)
    low, median, high = statistics.quantiles(ordered, n=4, method="inclusive") if len(ordered) > 1 else ordered * 3
    return {"n": len(ordered), "median": median, "q1": low, "q3": high, "min": ordered[0], "max": ordered[-1]}


def lines(figure: Figure) -> list[str]:
    """Return the figure as lines of text."""
    verdict = {None: "", True: "met", False: "MISSED"}[figure.is_met]
    sign = ">=" if figure.unit in _MORE_IS_BETTER else "<="
    aim = "" if figure.aim is None else f"aim {sign} {figure.aim:g} {figure.unit}"
    shown = [f"{figure.what:<58} {_value(figure.median, figure.unit):>12}  {aim:<15} {verdict:<7} {_spread(figure)}"]
    for name, samples in figure.beside.items():
        median = statistics.median(samples)
        ratio = f"x{figure.median / median:.2f}" if median else ""
        shown.append(f"    beside: {name:<46} {_value(median, figure.unit):>12}  {ratio} (n={len(samples)})")
    shown += [f"    peers:  {figure.peers}"] if figure.peers else []
    return shown + ([f"    how:    {figure.how}"] if figure.how else [])


def _value(value: float, unit: str) -> str:
    digits = 0 if unit in {"", "/s"} else 3 if unit == "s" else 2 if unit in {"%", "x"} else 1
    return f"{value:.{digits}f} {unit}".rstrip()


def _spread(figure: Figure) -> str:
    found = summary(figure.samples)
    if found["n"] == 1:
        return "n=1"
    return f"n={found['n']}, quartiles {found['q1']:.4g} to {found['q3']:.4g}, max {found['max']:.4g}"
