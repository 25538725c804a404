"""What the owner sees of folder and import: problems, findings, measures. Local only."""

from __future__ import annotations

import os
import stat

from enterprise_node.errors import NodeError
from enterprise_node.private import policy as policies
from enterprise_node.private.intake import OwnMeasures
from enterprise_node.private.store import NodeStore
from protocols.errors import ProtocolError


def problems(store: NodeStore) -> list[str]:
    """What keeps this node from taking part, or its secrets from being kept; empty if nothing."""
    found = []
    if os.name == "posix" and stat.S_IMODE(store.folder.stat().st_mode) & 0o077:
        found.append(f"{store.folder} is open to others; run: chmod 700 {store.folder}")
    try:
        key = store.key().public
        store.ledger.verify(key)
    except (NodeError, ProtocolError) as error:
        found.append(str(error))
    try:
        store.settings()
        found += policies.problems(store.policy(), store.policy_path.exists())
        store.exchange()
    except (NodeError, ProtocolError) as error:
        found.append(str(error))
    return found


def document(own: OwnMeasures) -> dict[str, object]:
    """As JSON, with the owner's own figures."""
    return {
        "enterprise": own.enterprise,
        "cohort": own.cohort,
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
        + (f": EXCLUDED - {own.excluded}" if own.excluded else ": may take part"),
        *(f"  {name:<18} {value:>22} {own.units[name]}" for name, value in own.integers.items()),
        *(f"  finding: {finding}" for finding in own.findings),
        *(f"  note: {note}" for note in own.notes),
        *(f"  {name}: {value}" for name, value in own.definitions),
        "These figures are shown to you only; nothing was sent.",
    ]
