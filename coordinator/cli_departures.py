"""`cefed coordinator member leave` and `corrections`: what changes after data was published."""

from __future__ import annotations

from typing import Any

import typer

from coordinator.cli_common import AsJson, Config, Folder, open_office, tell
from coordinator.cli_members import Reason, Who, check_reason, only
from coordinator.history import Part, Waiting, parts_of, waiting
from coordinator.registry import Registry
from coordinator.registry_rows import MemberRow, MemberState


def attach(member_app: typer.Typer) -> None:
    """Add the commands to ``cefed coordinator member``."""
    member_app.command("leave")(member_leave)
    member_app.command("corrections")(member_corrections)


def member_leave(
    directory: Folder,
    who: Who,
    reason: Reason = "the enterprise withdrew",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Let an enterprise withdraw: it is on no future roster. Says what still contains it.

    What is published stays published, and contributions that are logged stay logged; a round under
    way that must not count it has to be cancelled.

    Example: cefed coordinator member leave platform 91350100M0001 --reason "left the scheme"
    """
    check_reason(reason)
    office = open_office(directory, config)
    with office.store() as store:
        registry = Registry(store.engine, office.key())
        row = only(registry, who, MemberState.ENROLLED)
        keys = {r.key.raw for r in registry.members() if r.enterprise_id == row.enterprise_id}
        parts = parts_of(store, keys)
        registry.depart(row, reason)
    facts: dict[str, Any] = {
        "enterprise_id": row.enterprise_id,
        "fingerprint": row.key.fingerprint,
        "contained_in": [_facts(part) for part in parts if part.contained],
        "under_way": [_facts(part) for part in parts if part.under_way],
    }
    tell(facts, "\n".join(_left(row, parts)), as_json)


def member_corrections(directory: Folder, config: Config = None, as_json: AsJson = False) -> None:
    """List corrections that came after a closing and wait for the next period.

    The contributions themselves were not kept: the members send new ones in the next period's
    round, and are off the list once that is released.

    Example: cefed coordinator member corrections platform
    """
    office = open_office(directory, config)
    with office.store() as store:
        queue = waiting(store)
        names = {row.key.raw: row for row in Registry(store.engine, office.key()).members()}
    facts = {
        "waiting": [
            {
                "round": held.round_id,
                "period": held.period,
                "enterprises": [_name(names, key) for key in held.members],
            }
            for held in queue
        ]
    }
    lines = [line for held in queue for line in _queued(held, names)]
    tell(facts, "\n".join(lines) or "no corrections wait", as_json)


def _left(row: MemberRow, parts: list[Part]) -> list[str]:
    lines = [f"{row.enterprise_id} has left: {row.key.fingerprint} is on no future roster"]
    contained = [part for part in parts if part.contained]
    under_way = [part for part in parts if part.under_way]
    if contained:
        lines.append(f"published figures go on containing it: {_rounds(contained)}")
        lines.append(
            "rounds over the other enterprises of these that share or follow their period would "
            "show it by subtraction, so they cannot be closed until a year lies between"
        )
    else:
        lines.append("no published figure contains it")
    if under_way:
        lines.append(
            f"under way with it on the roster: {_rounds(under_way)}; what it has contributed there "
            "counts, unless you cancel the round (cefed coordinator round cancel)"
        )
    return lines


def _queued(held: Waiting, names: dict[bytes, MemberRow]) -> list[str]:
    who = ", ".join(_name(names, key) for key in held.members)
    return [
        f"round {held.round_id} ({held.period}): {len(held.members)} waiting: {who}",
        f"  no further round for {held.period} takes them, however many enterprises are new in it, "
        "since subtraction would show them: members send there what they sent the first time. "
        "Corrected ones count in a round for the next period",
    ]


def _name(names: dict[bytes, MemberRow], key: bytes) -> str:
    return names[key].enterprise_id if key in names else key.hex()[:16]


def _rounds(parts: list[Part]) -> str:
    return ", ".join(f"{part.round_id} ({part.period}, {part.state})" for part in parts)


def _facts(part: Part) -> dict[str, Any]:
    return {"round": part.round_id, "period": part.period, "state": part.state}
