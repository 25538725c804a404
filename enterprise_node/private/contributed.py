"""``contributed.jsonl``: the integers that each contribution of this node held.

Totals of two rounds over the same data can be subtracted. Whoever sends other figures the second
time is seen in the difference by what it corrected, and the encryption hides that from everybody
who could warn it. So the node itself remembers what it sent (:mod:`enterprise_node.private.repeats`
compares), for as long as its folder exists and whatever key it has. As private as the records.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enterprise_node.errors import NodeStoreError
from enterprise_node.private.backends import Backend, backend_of
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.lines import append_line, read_lines
from protocols.plan import Plan


@dataclass(frozen=True, repr=False)
class Sent:
    """What one version of a contribution held. Its text form shows no value.

    ``integers`` and ``units`` by measure, of the plan's measures only. ``category``: the leaf of
    the plan's table; None where the plan has none. ``time`` in seconds since 1970-01-01 UTC.
    ``backend``: how the round's sums are opened.
    """

    round_id: str
    period: str
    version: int
    time: int
    integers: Mapping[str, int]
    units: Mapping[str, str]
    category: str | None
    backend: Backend = Backend.PAILLIER

    def __repr__(self) -> str:
        return f"<Sent for round {self.round_id!r}, version {self.version}>"

    @classmethod
    def of(cls, plan: Plan, own: OwnMeasures, version: int, time: int) -> Sent:
        """What a contribution of ``own`` to ``plan`` holds."""
        return cls(
            plan.round_id,
            plan.period,
            version,
            time,
            {m.name: own.integers[m.name] for m in plan.measures},
            {m.name: m.unit for m in plan.measures},
            own.category if plan.table is not None else None,
            backend_of(plan),
        )

    def differences_from(self, own: OwnMeasures) -> tuple[str, ...]:
        """Names of what is not the same in the owner's measures now, sorted."""
        now = Sent("", self.period, 1, 0, own.integers, own.units, own.category)
        return self.differences(now)

    def differences(self, other: Sent) -> tuple[str, ...]:
        """Names of what both hold and what is not the same in both, sorted.

        A measure in another unit is not the same, whatever its value. What only one of them holds
        is in the totals of one round alone, and is not compared.
        """
        shared = self.integers.keys() & other.integers.keys()
        found = {
            name
            for name in shared
            if (self.integers[name], self.units[name]) != (other.integers[name], other.units[name])
        }
        if None not in (self.category, other.category) and self.category != other.category:
            found.add("category")
        return tuple(sorted(found))

    def equals(self, other: Sent) -> bool:
        """Whether all that both hold in one unit is the same, and not all of it zero."""
        shared = [
            (value, other.integers[name])
            for name, value in self.integers.items()
            if other.units.get(name) == self.units[name]
        ]
        return any(mine for mine, _ in shared) and all(mine == theirs for mine, theirs in shared)


class Contributed:
    """Everything that one node ever sent, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> tuple[Sent, ...]:
        """Of each version of each round what was sent, in the order of first writing.

        A version is written down before it is made; where a crash came between and it was written
        again, the last line is the one that was sent.

        :raises NodeStoreError: damaged, in which case nothing is contributed.
        """
        found: dict[tuple[str, int], Sent] = {}
        try:
            for line in read_lines(self.path):
                sent = _read(json.loads(line))
                found[sent.round_id, sent.version] = sent
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise NodeStoreError(
                f"{self.path}: not a list of contributions; restore the file from a backup"
            ) from error
        return tuple(found.values())

    def of(self, round_id: str, version: int) -> Sent | None:
        """What one version of a round's contribution held. :raises NodeStoreError: damaged."""
        wanted = (round_id, version)
        return next((s for s in self.all() if (s.round_id, s.version) == wanted), None)

    def add(self, sent: Sent) -> None:
        """Write down what is about to be sent.

        :raises NodeStoreError: it cannot be written, so nothing may be sent.
        """
        document = {
            "round_id": sent.round_id,
            "period": sent.period,
            "version": sent.version,
            "time": sent.time,
            "measures": {
                name: {"unit": sent.units[name], "value": str(value)}
                for name, value in sent.integers.items()
            },
            "category": sent.category,
            "backend": sent.backend.value,
        }
        line = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        append_line(self.path, line.encode("utf-8"))


def _read(document: dict[str, Any]) -> Sent:
    measures = document["measures"]
    if type(document["version"]) is not int or not isinstance(document["period"], str):
        raise TypeError("version and period")
    return Sent(
        document["round_id"],
        document["period"],
        document["version"],
        document["time"],
        {name: int(item["value"]) for name, item in measures.items()},
        {name: item["unit"] for name, item in measures.items()},
        document["category"],
        Backend(document.get("backend", Backend.PAILLIER.value)),  # older lines know one only
    )
