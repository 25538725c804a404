"""What valid inputs are made of: one finished round, and a scene that services run in.

Everything is frozen, keys and randomness alike: an input that was found on one machine does the
same on another.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache

from protocols.layout import Layout
from protocols.signing import SigningKey
from protocols.transcript import Entry
from protocols.walkthrough import Cast, Played, run_round
from tests.cohort import COORDINATOR, MEMBERS, NOW, member_key, values
from tests.keys import Trustees, cast, hold_ceremony
from tests.trustee.scene import Scene
from tests.vectors.write_vectors import Stream

__all__ = ["COORDINATOR", "NOW", "Entry", "SigningKey", "member_key"]


@lru_cache
def held(small: bool = True) -> Trustees:
    """A ceremony with the 512-bit key, or the 2048-bit one."""
    return hold_ceremony(small=small, randbelow=Stream("fuzz-ceremony").randbelow)


@lru_cache
def scene() -> Scene:
    """The cohort of the suite's small round, before it begins."""
    made = Scene()
    made.held = held()
    made.plan = made.make_plan()
    made.layout = Layout(made.plan, made.held.ceremony.key.public.bits)
    return made


@lru_cache
def players() -> Cast:
    """Everybody in :func:`played`."""
    return cast(held(), MEMBERS)


@lru_cache
def played() -> Played:
    """The scene's round from the plan to the endorsements."""
    plan = scene().plan
    return run_round(
        players(),
        [values(number) for number in range(1, MEMBERS + 1)],
        lambda roster, _: dataclasses.replace(plan, roster_hash=roster.hash),
        say=lambda _: None,
        randbits=Stream("fuzz-round").randbits,
    )


def logged(kind: str) -> list[bytes]:
    """The signed statements of a kind in the finished round."""
    return list(played().transcript.of_kind(kind))
