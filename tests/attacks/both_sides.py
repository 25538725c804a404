"""An attack against two builds: the defaults, and one without the line of defence that stops it."""

from __future__ import annotations

from collections.abc import Callable

from tests.attacks.result import Result

Attack = Callable[[bool], Result]
"""Run with True against the build without the line of defence."""


def name_of(attack: Attack) -> str:
    """For test identifiers: the module and the function."""
    return f"{attack.__module__.rsplit('.', 1)[1]}-{attack.__name__}"


def check_both_sides(attack: Attack, refusal: str) -> None:
    """It succeeds where the defence is away, and fails against the defaults with ``refusal``."""
    without = attack(True)
    assert without.succeeded, list(without.lines())
    assert without.removed

    default = attack(False)
    assert not default.succeeded, list(default.lines())
    assert not default.removed
    assert any(refusal in reason for reason in default.stopped_by), default.stopped_by
