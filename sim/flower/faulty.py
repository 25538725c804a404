"""Where a simulated node's faults touch its letters (:mod:`sim.faults` says what they are)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from google.protobuf.message import DecodeError

from protocols.service.flower.letters import Item, Letter
from protocols.signing import SigningKey
from sim.faults import CONTRIBUTION, MASKED
from sim.misconduct import Misconduct, stage_of

STAGED = "totals"
"""The kind of envelope whose point in a round is written in the step that it answers."""


class Faulty:
    """One node's part in the faults of a run, at the letters that it gets and sends.

    :param folder: the node's own.
    :param key: gives its signing key.
    """

    def __init__(self, folder: Path, key: Callable[[], SigningKey]) -> None:
        self._misconduct = Misconduct(folder, key)

    def is_gone(self, letter: Letter) -> bool:
        """Whether the node has left by the time this letter comes."""
        return any(self._misconduct.is_gone(at) for at in map(_asked_at, letter.items) if at)

    def outgoing(self, asked: Letter, reply: Letter) -> Letter:
        """What leaves the node in the place of ``reply``.

        A duplicate contribution or vector arrives with the next letter once more, as one that was
        sent twice does.
        """
        at_step = next((at for item in asked.items if (at := _stage(item))), "")
        items: list[Item] = []
        for item in reply.items:
            at = at_step if item.kind == STAGED else item.kind
            if at not in (CONTRIBUTION, MASKED) and item.kind != STAGED:
                items.append(item)
                continue
            payload = self._misconduct.outgoing(at, item.payload)
            if payload is not None:
                items.append(replace(item, payload=payload))
        return replace(reply, items=tuple(items))


def _asked_at(item: Item) -> str:
    """The point of a round that an item asks the node for; empty for none."""
    points = {"round": CONTRIBUTION, "masking": MASKED, "release": "release"}
    return points.get(item.kind, "") or _stage(item)


def _stage(item: Item) -> str:
    """The stage of a totals step; empty for anything else."""
    if item.kind != STAGED:
        return ""
    try:
        return stage_of(item.payload)
    except DecodeError:
        return ""
