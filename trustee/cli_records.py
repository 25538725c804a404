"""`cefed trustee roster`, `ledger` and `status`: what a trustee remembers, while it serves or not.

They read and write whole files in its folder, need no key and no network, and disturb no service.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from trustee import chain
from trustee.folder import LEDGER
from trustee.options import AsJson, Folder, confirm, tell
from trustee.refusals import Refusals
from trustee.rosters import Rosters, SeenRoster
from trustee.words import in_words

roster_app = typer.Typer(no_args_is_help=True, help="Who is behind a round's pseudonyms.")
ledger_app = typer.Typer(no_args_is_help=True, help="What this trustee signed, and saw.")

Round = Annotated[str, typer.Argument(metavar="ROUND", help="The round's name.")]


@roster_app.callback()
def roster() -> None:
    """Who is behind the pseudonyms of a round, as the coordinator's certificates say."""


@roster_app.command()
def show(directory: Folder, round_id: Round, as_json: AsJson = False) -> None:
    """Show the enterprises on a round's roster.

    Example: cefed trustee roster show trustees/a cement-2026
    """
    rosters = Rosters(directory)
    seen = rosters.find(round_id)
    changed = {m.fingerprint: keys for m, keys in rosters.changes(seen).items()}
    notes = {key: f"  ANOTHER KEY; before: {' '.join(keys)}" for key, keys in changed.items()}
    lines = [
        f"round {seen.round_id}, cohort {seen.cohort}, period {seen.period}: "
        f"{len(seen.members)} members, {_approval(seen)}",
        *(
            f"  {m.fingerprint}  {m.enterprise_id}  ({m.group}){notes.get(m.fingerprint, '')}"
            for m in seen.members
        ),
    ]
    tell(asdict(seen) | {"changed": changed}, "\n".join(lines), as_json)


@roster_app.command()
def approve(
    directory: Folder,
    round_id: Round,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a round's roster; the service then countersigns it at its next look.

    Compare the key of whoever is marked as having another one with the enterprise itself first.

    Example: cefed trustee roster approve trustees/a cement-2026
    """
    rosters = Rosters(directory)
    seen = rosters.find(round_id)
    if seen.approved is None:
        if not yes:
            show(directory, round_id)
            confirm(f"approve {in_words(len(seen.members))} members")
        seen = rosters.approve(seen, int(time.time()), by_hand=True)
    tell(asdict(seen), f"round {round_id}: {_approval(seen)}", as_json)


@ledger_app.callback()
def ledger() -> None:
    """The release ledger: every closing this trustee signed, and the others' that it saw."""


@ledger_app.command()
def verify(directory: Folder, as_json: AsJson = False) -> None:
    """Check the ledger's hash chain and show where it stands. Exit code 8 if it was touched.

    Example: cefed trustee ledger verify trustees/a
    """
    facts = _ledger(directory)
    tell(
        facts,
        f"the chain holds: {facts['lines']} lines, {facts['closings']} closings signed, "
        f"{facts['seen']} votes of others seen, head {facts['head']}",
        as_json,
    )


def status(directory: Folder, as_json: AsJson = False) -> None:
    """Show the rounds this trustee has seen, what it signed, and the rounds it left and why.

    Example: cefed trustee status trustees/a
    """
    rosters, refusals = Rosters(directory).all(), Refusals(directory).all()
    signed = {r["plan"] for r in chain.look(directory / LEDGER) if r["event"] == chain.CLOSING}
    facts = {
        "ledger": _ledger(directory),
        "rounds": [
            {
                "round": seen.round_id,
                "cohort": seen.cohort,
                "period": seen.period,
                "members": len(seen.members),
                "approved": seen.approved,
                "by_hand": seen.by_hand,
                "closing_signed": seen.plan in signed,
            }
            for seen in rosters
        ],
        "refusals": [
            {"round": r.round_id, "reason": r.reason, "time": r.time, "told": r.told}
            for r in refusals
        ],
    }
    lines = [
        f"{len(signed)} closings signed",
        *(
            f"round {seen.round_id}: {len(seen.members)} members, {_approval(seen)}"
            f"{', closing signed' if seen.plan in signed else ''}"
            for seen in rosters
        ),
        *(
            f"round {r.round_id}: LEFT: {r.reason}"
            f"{'' if r.told else ' (the coordinator does not know yet)'}"
            for r in refusals
        ),
    ]
    tell(facts, "\n".join(lines), as_json)


def _approval(seen: SeenRoster) -> str:
    if seen.approved is None:
        return "waits for approval"
    return f"approved {'by hand' if seen.by_hand else 'by the rules'}"


def _ledger(directory: Folder) -> dict[str, Any]:
    records = chain.look(directory / LEDGER)
    closings = sum(record["event"] == chain.CLOSING for record in records)
    return {
        "lines": len(records),
        "closings": closings,
        "seen": len(records) - closings,
        "head": records[-1]["hash"] if records else chain.GENESIS.hex(),
    }
