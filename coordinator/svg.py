"""Small SVG vocabulary: elements, scales and ticks. Called by `coordinator.charts`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """One element; attribute names use `_` for `-`, values are escaped, content is markup."""
    written = "".join(
        f' {key.strip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def text(x: float, y: float, content: str, **attributes: object) -> str:
    """A text element; `content` is HTML-safe already."""
    return element("text", content, x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def path(points: Sequence[tuple[float, float]], **attributes: object) -> str:
    """An open polyline."""
    steps = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
    return element("polyline", points=steps, fill="none", **attributes)


def marker(shape: str, x: float, y: float, **attributes: object) -> str:
    """A circle, square or triangle centred on a point: series differ in shape, not colour alone."""
    if shape == "square":
        return element("rect", x=x - 3.4, y=y - 3.4, width=6.8, height=6.8, **attributes)
    if shape == "triangle":
        corners = ((x, y - 4.6), (x + 4.4, y + 3.4), (x - 4.4, y + 3.4))
        points = " ".join(f"{_number(a)},{_number(b)}" for a, b in corners)
        return element("polygon", points=points, **attributes)
    return element("circle", cx=x, cy=y, r=3.7, **attributes)


def figure(
    identity: str, width: int, height: int, title: str, description: str, content: str
) -> str:
    """A drawing with the title and description that a screen reader announces."""
    head = element("title", title, id=f"{identity}-title")
    head += element("desc", description, id=f"{identity}-desc")
    return element(
        "svg",
        head + content,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{identity}-title {identity}-desc",
    )


@dataclass(frozen=True)
class Scale:
    """Maps values of [low, high] to pixels of [start, end], linearly or by logarithm."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; values outside the range are drawn at its ends."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten within the range, with 2 and 5 in between when there are few of them."""
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    decades = [10.0**k for k in exponents if low <= 10.0**k <= high]
    if len(decades) > 3:
        return decades
    return [m * 10.0**k for k in exponents for m in (1, 2, 5) if low <= m * 10.0**k <= high]


def round_ceiling(value: float) -> float:
    """The least of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten that is at least `value`."""
    base = 10.0 ** math.floor(math.log10(value))
    return next(m * base for m in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if m * base >= value * 0.999999)


def linear_ticks(high: float, parts: int = 5) -> Iterator[float]:
    """Zero and equal steps up to `high`."""
    leading = round(high / 10.0 ** math.floor(math.log10(high)), 1)
    steps = {1.0: 5, 1.5: 3, 2.0: 4, 3.0: 3, 4.0: 4, 5.0: 5, 6.0: 6, 8.0: 4}.get(leading, parts)
    return (high * step / steps for step in range(steps + 1))


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)
