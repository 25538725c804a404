"""`cefed coordinator round ...`: rehearse, create, watch, announce and export rounds."""

from __future__ import annotations

import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from coordinator import earlier, export, operator, rehearsal, roundfiles, synthetic
from coordinator.cli_common import AsJson, Config, Folder, open_office, parse_deadline, tell
from coordinator.errors import SettingsError
from coordinator.folder import Office
from coordinator.history import awaited, closed_rounds
from coordinator.registry import Registry
from coordinator.registry_rows import MemberState
from coordinator.rehearsal import Report
from coordinator.status import Status, day, list_rounds, plan_of, round_status
from protocols.ceremony import Ceremony
from protocols.hashing import HASH_BYTES
from protocols.notices import make_rehearsal
from protocols.paillier import DEFAULT_MODULUS_BITS
from protocols.plan import Plan
from protocols.roster import Roster
from protocols.template import PlanTemplate

round_app = typer.Typer(
    no_args_is_help=True, help="Rehearse, create, watch, extend, cancel and export rounds."
)

SHORTEST_SECONDS = 10
"""A round that ends sooner could not even be countersigned."""

Name = Annotated[str, typer.Argument(metavar="ROUND")]
Template = Annotated[Path, typer.Option(help="Plan template (docs/plans.md).")]
Cohort = Annotated[str, typer.Option(help="The cohort's name.")]
Period = Annotated[str | None, typer.Option(help="Period; the template's by default.")]
Definitions = Annotated[
    Path | None, typer.Option(help="JSON object: definitions the members' mappings share.")
]
Sample = Annotated[
    Path | None,
    typer.Option(metavar="CSV", help="Records like the members' own, to redraw members from."),
]
Mapping = Annotated[Path | None, typer.Option(metavar="TOML", help="The sample's mapping.")]
Seed = Annotated[int, typer.Option(help="The same seed rehearses with the same members.")]
Trials = Annotated[int, typer.Option(min=1, max=1000, help="How many times.")]
Turnout = Annotated[
    int, typer.Option(min=1, max=100, help="Percent of the members that contribute.")
]
Reason = Annotated[str, typer.Option(help="One line; logged, everybody can read it.")]


@round_app.command("rehearse")
def round_rehearse(
    template: Template,
    cohort: Cohort,
    members: Annotated[int, typer.Option(min=1, help="How many members there will be.")],
    period: Period = None,
    definitions: Definitions = None,
    sample: Sample = None,
    mapping: Mapping = None,
    seed: Seed = 1,
    trials: Trials = rehearsal.TRIALS,
    turnout: Turnout = 100,
    as_json: AsJson = False,
) -> None:
    """Run a plan dry on synthetic members: the bands it would give, and what it would withhold.

    Nothing is created and no folder is needed.

    Example: cefed coordinator round rehearse --template examples/region_a/plan.toml --cohort
    region-a --members 72
    """
    made = PlanTemplate.load(template)
    plan = made.instantiate(
        round_id="rehearsal",
        cohort=cohort,
        participants=members,
        roster_hash=bytes(HASH_BYTES),
        key_id=bytes(HASH_BYTES),
        opens_at=0,
        deadline=1,
        period=period or made.period or "rehearsal",
        definitions=roundfiles.read_definitions(definitions),
    )
    report = _rehearse(plan, DEFAULT_MODULUS_BITS, sample, mapping, seed, trials, turnout)
    tell(report.document, "\n".join(report.lines()), as_json)


@round_app.command("create")
def round_create(
    directory: Folder,
    template: Template,
    cohort: Cohort,
    ceremony: Annotated[Path, typer.Option(help="Folder with the ceremony's public files.")],
    deadline: Annotated[str, typer.Option(help="2026-12-31T18:00Z, or from now: 90s 30m 2h 7d.")],
    members: Annotated[
        Path | None, typer.Option(help="CSV with signing_key and, optionally, group.")
    ] = None,
    cohort_members: Annotated[
        bool,
        typer.Option("--cohort-members", help="The roster is every enrolled member of the cohort."),
    ] = False,
    period: Period = None,
    name: Annotated[
        str | None, typer.Option(help="Round's name; COHORT-PERIOD by default.")
    ] = None,
    definitions: Definitions = None,
    sample: Sample = None,
    mapping: Mapping = None,
    seed: Seed = 1,
    trials: Trials = rehearsal.TRIALS,
    no_rehearsal: Annotated[
        bool, typer.Option("--no-rehearsal", help="Do not run the plan dry first.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Propose a round from a plan template; it opens when enough trustees countersigned its roster.

    The plan is signed with the coordinator's key, run dry on synthetic members, and the report of
    that is logged with it.

    Example: cefed coordinator round create platform --template examples/region_a/plan.toml
    --cohort region-a --cohort-members --ceremony ceremony-2026 --deadline 7d
    """
    office = open_office(directory, config)
    files = roundfiles.CeremonyFiles.load(ceremony)
    now = int(time.time())
    ends = parse_deadline(deadline, now)
    if ends < now + SHORTEST_SECONDS:
        raise SettingsError(
            f"the deadline {day(ends)} leaves no time to contribute: at least {SHORTEST_SECONDS} "
            "seconds from now"
        )
    record = roundfiles.prepare(
        PlanTemplate.load(template),
        _roster(office, cohort, members, cohort_members),
        files,
        office.key(),
        cohort=cohort,
        round_id=name,
        period=period,
        deadline=ends,
        definitions=roundfiles.read_definitions(definitions),
    )
    report, logged = None, b""
    if not no_rehearsal:
        plan = plan_of(record)
        bits = Ceremony.from_signed(files.record).key.public.bits
        report = _rehearse(plan, bits, sample, mapping, seed, trials, 100)
        logged = make_rehearsal(plan, report.to_bytes(), office.key())
    plan = operator.create_round(office, record, logged)
    doubts = _doubts(office, plan, Roster.from_bytes(record.roster))
    facts = {
        "round": plan.round_id,
        "plan_hash": plan.hash.hex(),
        "members": plan.participants,
        "deadline": plan.deadline,
        "rehearsal": None if report is None else report.document,
        "warnings": doubts,
    }
    lines = [
        f"round {plan.round_id} is proposed to the trustees for {plan.participants} members, "
        f"deadline {day(plan.deadline)}",
        *([] if report is None else ["rehearsal: " + report.lines()[0], *report.lines()[1:]]),
        *(f"WARNING: if all of them contribute, it is cancelled: {doubt}" for doubt in doubts),
    ]
    tell(facts, "\n".join(lines), as_json)


@round_app.command("remind")
def round_remind(
    directory: Folder, name: Name, config: Config = None, as_json: AsJson = False
) -> None:
    """Remind the members that have not contributed; their nodes show it to them.

    Example: cefed coordinator round remind platform region-a-2020
    """
    operator.remind(open_office(directory, config), name)
    tell({"round": name, "reminded": True}, f"members of round {name} are reminded", as_json)


@round_app.command("extend")
def round_extend(
    directory: Folder,
    name: Name,
    deadline: Annotated[str, typer.Option(help="2026-12-31T18:00Z, or from now: 90s 30m 2h 7d.")],
    reason: Reason = "more time to contribute",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Move a round's deadline, while it is collecting.

    Example: cefed coordinator round extend platform region-a-2020 --deadline 3d
    """
    moved = parse_deadline(deadline, int(time.time()))
    if moved <= time.time():
        raise SettingsError("that deadline has passed; to end the collection now: round close")
    operator.extend(open_office(directory, config), name, moved, reason)
    tell({"round": name, "deadline": moved}, f"round {name} collects until {day(moved)}", as_json)


@round_app.command("close")
def round_close(
    directory: Folder,
    name: Name,
    reason: Reason = "ended by the operator",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """End the collection now, with the contributions there are; the round goes on from there.

    Example: cefed coordinator round close platform region-a-2020
    """
    operator.close(open_office(directory, config), name, reason)
    tell({"round": name, "closed": True}, f"round {name} collects no more", as_json)


@round_app.command("cancel")
def round_cancel(
    directory: Folder,
    name: Name,
    reason: Annotated[str, typer.Option(help="One line; logged, everybody can read it.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """End a round without a result, before its bands are certified. Nothing is opened.

    Example: cefed coordinator round cancel platform region-a-2020 --reason "wrong factor set"
    """
    operator.cancel(open_office(directory, config), name, reason)
    tell({"round": name, "cancelled": True}, f"round {name} is cancelled", as_json)


@round_app.command("status")
def round_status_command(
    directory: Folder,
    name: Annotated[
        str | None, typer.Argument(metavar="[ROUND]", help="One round in full; else a list.")
    ] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List the rounds, or show one: votes, proofs checked, trustees that left it and why.

    Of a round that collects also those whose contributions it cannot be closed without, by id.
    Works while the coordinator serves.

    Example: cefed coordinator round status platform region-a-2020 --json
    """
    office = open_office(directory, config)
    with office.store() as store:
        if name is not None:
            status: Status = round_status(store, name, office.key().public)
            rows = Registry(store.engine, office.key()).members()
            needed = awaited(store, name, {row.key.raw: row.enterprise_id for row in rows})
            shown = status.facts | {"awaited": {a.round_id: list(a.members) for a in needed}}
            lines = [*status.lines(), *(a.line for a in needed)]
            tell(shown, "\n".join(lines), as_json)
            return
        rounds = list_rounds(store)
    facts = [
        {
            "round": row.round_id,
            "state": row.state,
            "contributions": row.contributions,
            "entries": row.entries,
        }
        for row in rounds
    ]
    lines = [
        f"{row.round_id}: {row.state}, {row.contributions} contributions, {row.entries} entries"
        for row in rounds
    ]
    tell({"rounds": facts}, "\n".join(lines) or "no rounds yet", as_json)


@round_app.command("export")
def round_export(
    directory: Folder,
    name: Annotated[list[str], typer.Argument(metavar="ROUND...")],
    out: Annotated[Path, typer.Option(help="Folder for bundle, release, targets and report.")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write a finished round's bundle, release.json, targets.csv and report.html.

    Example: cefed coordinator round export platform region-a-2020 --out out
    """
    with open_office(directory, config).store() as store:
        done = export.export_rounds(store, name, out, generated_by=generated_by())
    facts = {
        "out": str(out),
        "rounds": {
            round_id: {"n": document["n"], "withheld": document["withheld"]}
            for round_id, document in done.documents.items()
        },
    }
    tell(facts, f"{len(name)} rounds written to {out}; check: cefed verify {out}/bundle", as_json)


def generated_by() -> str:
    """Name and version of this program, as documents carry it."""
    try:
        return f"cefed {version('cefed')}"
    except PackageNotFoundError:
        return "cefed"


def _roster(office: Office, cohort: str, members: Path | None, cohort_members: bool) -> Roster:
    if (members is None) == (not cohort_members):
        raise SettingsError("say who takes part: either --members CSV or --cohort-members")
    if members is not None:
        return roundfiles.read_members(members)
    with office.store() as store:
        registry = Registry(store.engine, office.key())
        return roundfiles.cohort_roster(registry.members(MemberState.ENROLLED), cohort)


def _doubts(office: Office, plan: Plan, roster: Roster) -> list[str]:
    """Why a round could not be closed if its whole roster contributes."""
    with office.store() as store:
        identify = earlier.registered(Registry(store.engine, office.key()))
        return earlier.warnings(plan, roster, closed_rounds(store, plan.round_id), identify)


def _rehearse(
    plan: Plan,
    modulus_bits: int,
    sample: Path | None,
    mapping: Path | None,
    seed: int,
    trials: int,
    turnout: int,
) -> Report:
    if (sample is None) != (mapping is None):
        raise SettingsError("--sample and --mapping go together: give both or neither")
    if sample is None or mapping is None:
        source, described = synthetic.made_up(plan), "made up inside the plan's bounds"
    else:
        rows, dropped = synthetic.sample_of(sample, mapping, table=plan.table)
        unfit = [why for member in rows if (why := synthetic.why_unfit(plan, member))]
        for line in synthetic.lost(dropped, unfit):
            typer.echo(line, err=True)  # beside the report: it is logged, and a row is not public
        source, described = (
            synthetic.redrawn(plan, rows),
            f"redrawn from {len(rows) - len(unfit)} records",
        )
    fitting = min(trials, max(1, rehearsal.MAX_DRAWN // plan.participants))
    return rehearsal.rehearse(
        plan,
        modulus_bits,
        source,
        described=described,
        seed=seed,
        trials=fitting,
        turnout=turnout,
    )
