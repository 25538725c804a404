"""Faults of a simulation: a list of operations, and which nodes carry them out.

``--fault drop-before-masks=20%`` or a file of such lines. Who is struck follows from the seed, and
nobody is struck twice, so that a run can be repeated and its outcome predicted. The engines carry
the operations out where a real fault would happen: on a node's way out (:mod:`sim.misconduct`), or
in a trustee's process. Each node finds its own in ``faults.json`` beside its folder's files.
"""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

from protocols.federated.terms import Mode
from sim.errors import OptionError

FILE = "faults.json"
MAX_FILE_BYTES = 1 << 20
_AMOUNT = re.compile(r"([0-9]{1,6})(?:\.([0-9]{1,6}))?(%?)", re.ASCII)


class Kind(StrEnum):
    """What goes wrong.

    ``DROP_BEFORE_MASKS``, ``DROP_AFTER_MASKS``: the node is gone for good before, or after, it
    sends its masked vector. ``LATE``: what it sends first comes when it is no longer waited for
    (in ``totals`` its masked vector does). ``CORRUPT``: a bit of it is flipped. ``DUPLICATE``: it
    comes twice. ``STALE_PLAN``: it is properly signed, and for another plan. ``LYING_TRUSTEE``:
    this many trustees send wrong shares.
    """

    DROP_BEFORE_MASKS = "drop-before-masks"
    DROP_AFTER_MASKS = "drop-after-masks"
    LATE = "late"
    CORRUPT = "corrupt"
    DUPLICATE = "duplicate"
    STALE_PLAN = "stale-plan"
    LYING_TRUSTEE = "lying-trustee"


CONTRIBUTION, MASKED = "contribution", "masked"
"""Where certified and Paillier rounds are struck: kinds of outgoing envelopes."""

ANSWER_KEYS, ANSWER_MASKING, ANSWER_AGREEMENT = "keys", "masking", "agreement"
"""Where totals rounds are struck: stages whose answer is concerned."""

_WHAT = {
    Kind.DROP_BEFORE_MASKS: "drop",
    Kind.DROP_AFTER_MASKS: "drop",
    Kind.LATE: "late",
    Kind.CORRUPT: "corrupt",
    Kind.DUPLICATE: "duplicate",
    Kind.STALE_PLAN: "stale",
}
_IN_TOTALS = {
    Kind.DROP_BEFORE_MASKS: ANSWER_MASKING,
    Kind.DROP_AFTER_MASKS: ANSWER_AGREEMENT,
    Kind.LATE: ANSWER_MASKING,
    Kind.CORRUPT: ANSWER_MASKING,
    Kind.DUPLICATE: ANSWER_MASKING,
    Kind.STALE_PLAN: ANSWER_KEYS,
}
_WITH_TRUSTEES = {
    Kind.DROP_BEFORE_MASKS: MASKED,
    Kind.DROP_AFTER_MASKS: "release",
    Kind.LATE: CONTRIBUTION,
    Kind.CORRUPT: CONTRIBUTION,
    Kind.DUPLICATE: CONTRIBUTION,
    Kind.STALE_PLAN: CONTRIBUTION,
}


@dataclass(frozen=True)
class Operation:
    """What a node does at one point: ``what`` is drop, late, corrupt, duplicate or stale."""

    at: str
    what: str

    def __str__(self) -> str:
        return f"{self.what} at {self.at}"


@dataclass(frozen=True)
class Fault:
    """One line of the list: a kind, and a number or a share (0 to 1) of those it strikes."""

    kind: Kind
    count: int = 0
    share: Fraction | None = None

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read ``KIND=NUMBER`` or ``KIND=SHARE%``. :raises OptionError: neither."""
        name, _, amount = text.partition("=")
        try:
            kind = Kind(name.strip())
        except ValueError:
            known = ", ".join(Kind)
            raise OptionError(f"--fault {text!r}: no such fault; there are {known}") from None
        found = _AMOUNT.fullmatch(amount.strip())
        if not found or (found[2] and not found[3]):
            raise OptionError(f"--fault {text!r}: say how many, such as {kind}=3 or {kind}=20%")
        if not found[3]:
            return cls(kind, count=int(found[1]))
        if kind is Kind.LYING_TRUSTEE:
            raise OptionError(f"--fault {text!r}: trustees are few; give a number")
        share = Fraction(f"{found[1]}.{found[2] or 0}") / 100
        if share > 1:
            raise OptionError(f"--fault {text!r}: a share is at most 100%")
        return cls(kind, share=share)

    def number(self, nodes: int) -> int:
        """How many of ``nodes`` it strikes; shares are rounded to the nearest."""
        return self.count if self.share is None else round(self.share * nodes)

    def operation(self, mode: Mode | None) -> Operation:
        """What a struck node does in a round of this mode; None for Paillier's."""
        places = _IN_TOTALS if mode is Mode.TOTALS else _WITH_TRUSTEES
        return Operation(places[self.kind], _WHAT[self.kind])

    def __str__(self) -> str:
        if self.share is None:
            return f"{self.kind}={self.count}"
        return f"{self.kind}={float(100 * self.share):g}%"


def read_faults(lines: Iterable[str], file: Path | None) -> tuple[Fault, ...]:
    """The faults of the command line, then those of a file.

    :param file: TOML or JSON with a list ``faults`` of such lines.
    :raises OptionError: an unreadable file, or a line that is no fault.
    """
    wanted = list(lines)
    if file is not None:
        wanted += _lines_of(file)
    return tuple(Fault.parse(line) for line in wanted)


def check_faults(faults: Sequence[Fault], mode: Mode | None, trustees: int) -> None:
    """Whether a run in this mode can carry them out. :raises OptionError: it cannot."""
    for fault in faults:
        masks = fault.kind in (Kind.DROP_BEFORE_MASKS, Kind.DROP_AFTER_MASKS)
        if masks and mode is None:
            raise OptionError(
                f"--fault {fault}: there are no masks under Paillier; say --backend federated"
            )
        if fault.kind is Kind.LYING_TRUSTEE:
            if mode is Mode.TOTALS:
                raise OptionError(f"--fault {fault}: there are no trustees in the mode 'totals'")
            if fault.count > trustees:
                raise OptionError(f"--fault {fault}: there are {trustees} trustees")


def liars(faults: Iterable[Fault]) -> int:
    """How many trustees lie."""
    return sum(fault.count for fault in faults if fault.kind is Kind.LYING_TRUSTEE)


def assign(
    faults: Iterable[Fault], nodes: Sequence[str], seed: int, mode: Mode | None
) -> dict[str, Operation]:
    """Which of the nodes, named by their folders, does what: nobody two things.

    :raises OptionError: more faults than nodes.
    """
    order = sorted(nodes)
    random.Random(f"cefed/faults {seed}").shuffle(order)  # noqa: S311 - to be repeated
    struck: dict[str, Operation] = {}
    at = 0
    for fault in faults:
        if fault.kind is Kind.LYING_TRUSTEE:
            continue
        number = fault.number(len(order))
        if at + number > len(order):
            raise OptionError(
                f"--fault {fault}: all faults together strike more than the {len(order)} nodes of "
                "the cohort"
            )
        struck |= dict.fromkeys(order[at : at + number], fault.operation(mode))
        at += number
    return struck


def write_operation(folder: Path, operation: Operation) -> None:
    """Leave a node's operation in its folder, where the engines look."""
    document = {"operations": [{"at": operation.at, "what": operation.what}]}
    try:
        (folder / FILE).write_text(json.dumps(document), encoding="utf-8")
    except OSError as error:
        raise OptionError(f"cannot write {folder / FILE}: {error.strerror}") from error


def read_operation(folder: Path) -> Operation | None:
    """What a node is to do wrong; None for an honest one."""
    path = folder / FILE
    if not path.exists():
        return None
    (item,) = json.loads(path.read_text(encoding="utf-8"))["operations"]
    return Operation(item["at"], item["what"])


def _lines_of(file: Path) -> list[str]:
    try:
        data = file.read_bytes()[:MAX_FILE_BYTES].decode("utf-8")
        document: Mapping[str, Any] = (
            json.loads(data) if file.suffix == ".json" else tomllib.loads(data)
        )
        lines = document["faults"]
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise TypeError
    except OSError as error:
        raise OptionError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise OptionError(
            f'{file}: expected a list such as faults = ["drop-before-masks=20%", "late=1"]'
        ) from error
    return lines
