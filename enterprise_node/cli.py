"""``cefed node``: the commands of an enterprise's owner. ``cefed.py`` adds ``app``.

Nothing here has a network, or imports anything that has: what leaves goes by the outbox.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from enterprise_node import cli_ledger, cli_setup
from enterprise_node.cli_shared import AsJson, Folder, RoundId, show
from enterprise_node.errors import NodeError, NodeUsageError, PlanRefused
from enterprise_node.private import checking, events, outlook
from enterprise_node.private.events import Event
from enterprise_node.private.intake import read_own, require_usable
from enterprise_node.private.position import position, read_targets
from enterprise_node.private.published import read_release_file
from enterprise_node.private.repeats import corrected_since
from enterprise_node.private.side import PrivateSide, approve_round, preview_round
from enterprise_node.private.status import status_document, status_lines
from enterprise_node.private.store import NodeStore
from protocols.errors import ProtocolError
from protocols.service import logs
from protocols.service.stopping import stop_event

LOG = logging.getLogger("cefed.node")

app = typer.Typer(
    help="An enterprise's own node: enrol, import records, preview, contribute, see where you "
    "stand.",
    no_args_is_help=True,
)
app.command()(cli_setup.enrol)
app.command()(cli_setup.rotate)
app.add_typer(cli_ledger.app, name="ledger")

Correct = Annotated[
    bool,
    typer.Option("--correct", help="Contribute again, in the place of what was contributed."),
]
ReplacePlan = Annotated[
    bool, typer.Option("--replace-plan", help="Accept another plan for a period, knowingly.")
]
Plan = Annotated[
    str | None,
    typer.Option("--plan", metavar="HASH", help="The plan you mean; else what you previewed last."),
]


@app.command("import")
def import_(
    folder: Folder,
    records: Annotated[Path, typer.Option(metavar="CSV", help="Your records.")],
    mapping: Annotated[Path, typer.Option(metavar="TOML", help="Which column is what.")],
    enterprise: Annotated[
        str | None, typer.Option(metavar="ID", help="Your row, if the file has several.")
    ] = None,
    plants: Annotated[
        int, typer.Option(min=1, help="How many rows are yours, one a plant; they are summed.")
    ] = 1,
    other_id: Annotated[
        bool,
        typer.Option("--other-id", help="The file has you under another id than the operator."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read your records by a mapping, compute your measures and keep them in the folder.

    Example: cefed node import nodes/A01 --records a01.csv --mapping mapping.toml --enterprise A01
    """
    store = NodeStore(folder)
    enrolled = store.settings().enterprise_id
    own = read_own(records, mapping, enterprise, plants, enrolled)
    if own.enterprise != enrolled and not other_id:
        raise NodeUsageError(
            f"{folder} is the node of {enrolled}, the row is that of {own.enterprise}; nothing was "
            "imported. If both are the same enterprise, say --other-id"
        )
    require_usable(own)
    store.save_import(own, records.read_bytes(), mapping.read_bytes())
    now = int(time.time())
    found = (outlook.earlier_figures(store, kept, now) for kept in store.rounds())
    earlier = [text for text in found if text is not None]
    earlier += corrected_since(store, store.policy())
    facts = {
        "enterprise": own.enterprise,
        "cohort": own.cohort,
        "plants": own.plants,
        "measures": sorted(own.integers),
        "findings": list(own.findings),
        "notes": list(own.notes),
        "earlier_figures": earlier,
    }
    summed = f" over {own.plants} plants" if own.plants > 1 else ""
    show(
        as_json,
        facts,
        [
            f"{own.enterprise} (cohort {own.cohort}): {len(own.integers)} measures{summed} "
            "imported: " + ", ".join(own.integers),
            *(f"  finding: {finding}" for finding in own.findings),
            *(f"  note: {note}" for note in own.notes),
            *earlier,
            f"Look at them with: cefed node check {folder}",
        ],
    )


@app.command()
def check(folder: Folder, as_json: AsJson = False) -> None:
    """Check folder, key, policy and ledger, and show your findings and measures. Local only.

    Example: cefed node check nodes/A01
    """
    store = NodeStore(folder)
    checked = checking.checks(store)
    wrong = [check for check in checked if check.problem]
    own = store.own() if store.has_import() else None
    facts: dict[str, Any] = {
        "checked": [check.name for check in checked],
        "problems": [check.problem for check in wrong],
    }
    lines = [check.line() for check in checked]
    if own is not None:
        facts |= checking.document(own)
        lines += checking.lines(own)
    else:
        lines.append("nothing was imported yet")
    show(as_json, facts, lines)
    if wrong:
        count = "1 problem keeps" if len(wrong) == 1 else f"{len(wrong)} problems keep"
        typer.echo(f"{count} this node from taking part, see above", err=True)
        raise typer.Exit(max(check.exit_code for check in wrong))
    if own is not None:
        require_usable(own)


@app.command()
def preview(folder: Folder, round_id: RoundId, as_json: AsJson = False) -> None:
    """Show exactly what would leave this node in a round, before anything does.

    Example: cefed node preview nodes/A01 --round region-a-2020
    """
    store = NodeStore(folder)
    seen = preview_round(store, round_id, int(time.time()))
    command = f"cefed node approve {folder} --round {round_id} --plan {seen.plan_hash}"
    if store.round(round_id).version():
        command += " --correct"
    if seen.held_against:
        command += " --replace-plan"
    show(as_json, seen.document(), [*seen.lines(), "", f"To contribute: {command}"])


@app.command()
def approve(
    folder: Folder,
    round_id: RoundId,
    plan: Plan = None,
    correct: Correct = False,
    replace_plan: ReplacePlan = False,
    as_json: AsJson = False,
) -> None:
    """Decide that this node contributes to the plan that you looked at; the next run does it.

    Example: cefed node approve nodes/A01 --round region-a-2020
    """
    terms = approve_round(
        NodeStore(folder),
        round_id,
        int(time.time()),
        correct=correct,
        replace_plan=replace_plan,
        plan=plan,
    )
    show(
        as_json,
        {"round": round_id, "plan_hash": terms.plan.hash.hex(), "correct": correct},
        [
            f"Approved: round {round_id}, plan {terms.plan.hash.hex()[:16]}. "
            f"Next: cefed node run {folder} (a running one does it by itself)"
        ],
    )


@app.command()
def run(
    folder: Folder,
    round_id: Annotated[
        str | None, typer.Option("--round", metavar="ID", help="The round that you ask about.")
    ] = None,
    plan: Plan = None,
    correct: Correct = False,
    replace_plan: ReplacePlan = False,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Send everything again: a medium was lost.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until told to stop.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.05, help="Seconds between two looks, with --watch.")
    ] = 10.0,
    as_json: AsJson = False,
) -> None:
    """Read what the gateway brought, answer it by your policy, fill the outbox. Safe to repeat.

    Exit code 4 when the plan you ask about, or one that has just come, is refused.
    Example: cefed node run nodes/A01 --watch
    """
    store = NodeStore(folder)
    if (correct or replace_plan) and round_id is None:
        raise NodeUsageError("say which round with --round ID")
    if plan is not None and not (correct or replace_plan):
        raise NodeUsageError("--plan goes with --correct or --replace-plan")
    with PrivateSide(store) as side:
        if repeat:
            side.repeat_everything()
        if correct or replace_plan:
            side.step()  # what waits in the inbox may be the receipt of the version before
            approve_round(
                store,
                round_id or "",
                int(time.time()),
                correct=correct,
                replace_plan=replace_plan,
                plan=plan,
            )
        if watch:
            _watch(side, interval)
            return
        happened = side.step()
    if round_id is not None:
        happened = [event for event in happened if event.round_id == round_id]
    facts = [asdict(event) for event in happened]
    show(as_json, facts, [event.line() for event in happened] or ["nothing new"])
    refused = [event for event in happened if event.kind == events.REFUSED]
    if refused:
        raise PlanRefused(refused[0].round_id, [refused[0].text])
    standing = store.decisions.last(round_id) if round_id is not None else None
    if standing is not None and standing.outcome == "refused" and not happened:
        raise PlanRefused(standing.round_id, standing.reasons)


@app.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """Show what this node knows: key, policy, rounds, refused plans with reasons, notices.

    Example: cefed node status nodes/A01
    """
    document = status_document(NodeStore(folder), int(time.time()))
    show(as_json, document, status_lines(document))


@app.command("position")
def position_(
    folder: Folder,
    release: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A published release.json.")
    ] = None,
    targets: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The published targets.csv.")
    ] = None,
    round_id: Annotated[
        str | None, typer.Option("--round", metavar="ID", help="Or the release of this round.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare your own figures with a release: percentile range, grade, distances, target.

    Local only. Example: cefed node position nodes/A01 --round region-a-2020
    """
    store = NodeStore(folder)
    own = store.own()
    if release is not None:
        document = read_release_file(release, own.cohort)
    elif round_id is not None:
        kept = store.round(round_id)
        if not kept.release_path.exists():
            raise NodeUsageError(
                f"no release of round {round_id} came yet: cefed node run {folder}"
            )
        document = read_release_file(kept.release_path, own.cohort)
        warning = kept.warning()
        if warning is not None:
            typer.echo(f"warning: {warning}", err=True)
    else:
        raise NodeUsageError("name a release: --release FILE, or --round ID")
    rates = read_targets(targets, own.cohort) if targets is not None else None
    place = position(document, own, rates)
    show(as_json, place.document(), place.lines())


def _watch(side: PrivateSide, interval: float) -> None:
    """Step until told to stop; a step that cannot be done is logged and done later."""
    logs.set_up("node", json=True)
    stop = stop_event()
    said: set[Event] = set()
    while not stop.is_set():
        try:
            happened = side.step()
        except (NodeError, ProtocolError) as error:
            LOG.warning("%s", error)
        else:
            for event in happened:
                if event not in said:
                    LOG.info("%s", event.line())
            said = set(happened)
        stop.wait(interval)
