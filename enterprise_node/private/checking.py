"""What the owner sees of folder and import: what was checked, findings, measures. Local only."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from enterprise_node.errors import NodeError, NodeStoreError, NodeUsageError
from enterprise_node.private import policy as policies
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.store import NodeStore
from protocols.errors import ProtocolError


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. ``problem`` is empty when all is well.

    ``exit_code`` is what a command ends with because of the problem.
    """

    name: str
    problem: str
    exit_code: int = NodeStoreError.exit_code

    def line(self) -> str:
        """As text for a terminal."""
        return f"problem: {self.problem}" if self.problem else f"ok: {self.name}"


def checks(store: NodeStore) -> list[Check]:
    """Everything that was looked at, with what keeps this node from taking part."""
    folder = store.folder
    exposed = os.name == "posix" and stat.S_IMODE(folder.stat().st_mode) & 0o077
    found = [
        Check("folder", f"{folder} is open to others; run: chmod 700 {folder}" if exposed else ""),
        _tried("key", store.key),
        _tried("ledger", lambda: store.ledger.verify(store.key().public)),
        _tried("settings", store.settings),
        _tried("exchange folder", store.exchange),
    ]
    policy = _tried("policy", store.policy)
    if policy.problem:
        return [*found, policy]
    wrong = policies.problems(store.policy(), store.policy_path.exists())
    return [
        *found,
        *([Check("policy", text, NodeUsageError.exit_code) for text in wrong] or [policy]),
    ]


def _tried(name: str, call: Callable[[], object]) -> Check:
    try:
        call()
    except (NodeError, ProtocolError) as error:
        return Check(name, str(error))
    return Check(name, "")


def document(own: OwnMeasures) -> dict[str, object]:
    """As JSON, with the owner's own figures."""
    return {
        "enterprise": own.enterprise,
        "cohort": own.cohort,
        "category": own.category,
        "plants": own.plants,
        "excluded": own.excluded,
        "measures": {
            name: {"unit": own.units[name], "value": str(value)}
            for name, value in own.integers.items()
        },
        "findings": list(own.findings),
        "notes": list(own.notes),
        "definitions": dict(own.definitions),
    }


def lines(own: OwnMeasures) -> list[str]:
    """As text for a terminal."""
    return [
        f"{own.enterprise}, cohort {own.cohort}"
        + (f", category {own.category}" if own.category else "")
        + (f": EXCLUDED - {own.excluded}" if own.excluded else ": may take part"),
        *(f"  {name:<18} {value:>22} {own.units[name]}" for name, value in own.integers.items()),
        *(f"  finding: {finding}" for finding in own.findings),
        *(f"  note: {note}" for note in own.notes),
        *(f"  {name}: {value}" for name, value in own.definitions),
        "These figures are shown to you only; nothing was sent.",
    ]
