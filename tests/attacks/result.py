"""What an attack came to, and the command line that all attacks share."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch


@dataclass(frozen=True)
class Result:
    """One run of an attack.

    ``had``: what the attacker had to begin with. ``did``: its steps. ``planted``: what it was
    after, known to the test alone. ``gained``: what it believes to have found; None for nothing.
    ``stopped_by``: the refusals it met, in their own words; empty for none. ``removed``: the line
    of defence that was taken away; empty against the defaults. ``figures``: anything else worth
    printing.
    """

    had: str
    did: str
    planted: Any
    gained: Any = None
    stopped_by: tuple[str, ...] = ()
    removed: str = ""
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def succeeded(self) -> bool:
        """Whether the attacker found what was planted."""
        return self.gained is not None and self.gained == self.planted

    def lines(self) -> Iterator[str]:
        """The run for people."""
        yield f"removed:    {self.removed or 'nothing, these are the defaults'}"
        yield f"had:        {self.had}"
        yield f"did:        {self.did}"
        yield f"gained:     {'nothing' if self.gained is None else self.gained}"
        yield f"planted:    {self.planted}"
        for reason in self.stopped_by:
            yield f"stopped by: {reason}"
        for name, value in self.figures.items():
            yield f"{name}: {value}"
        yield "the attack SUCCEEDED" if self.succeeded else "the attack failed"


def main(run: Callable[..., Result], description: str | None, *, bits: int | None = None) -> None:
    """``python -m tests.attacks.NAME [--weakened]``.

    :param description: the module's docstring.
    :param bits: the default of an option ``--bits``, for attacks that take it.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weakened", action="store_true", help="without one line of defence")
    if bits is not None:
        parser.add_argument("--bits", type=int, default=bits)
    options = vars(parser.parse_args())
    # Trustees log what they refuse; the reasons are printed below.
    logging.getLogger().addHandler(logging.NullHandler())
    for line in run(**options).lines():
        print(line)


class _Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def heard() -> Iterator[list[str]]:
    """The lines that anybody logs during a ``with`` block, at every level."""
    handler, root = _Heard(), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield handler.lines
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


@contextmanager
def removed(on: bool, target: object, name: str, instead: Any) -> Iterator[str]:
    """Take a line of defence away for the time of a ``with`` block; what was removed, in words.

    :param on: False leaves everything as it is.
    :param target: the module or class, ``name`` what it calls the check, ``instead`` its stand-in.
    """
    if not on:
        yield ""
        return
    owner = getattr(target, "__name__", type(target).__name__)
    with patch.object(target, name, instead):
        yield f"{owner}.{name}"
