"""`cefed coordinator ...`: the platform operator's commands."""

from __future__ import annotations

import json
import logging
import re
import signal
import threading
import time
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from coordinator import export, folder, operator, server
from coordinator.errors import SettingsError
from protocols.template import PlanTemplate

app = typer.Typer(no_args_is_help=True, help="The platform that collects a round.")
round_app = typer.Typer(no_args_is_help=True, help="Create, watch, close and export rounds.")
app.add_typer(round_app, name="round")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The coordinator's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")]

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
_DURATION = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
MAX_DEFINITIONS_FILE = 1 << 20


@app.command()
def init(directory: Folder, as_json: AsJson = False) -> None:
    """Make a coordinator's folder: its key and an empty database.

    Example: cefed coordinator init platform
    """
    key = folder.create(directory)
    facts = {
        "signing_key": key.raw.hex(),
        "fingerprint": key.fingerprint,
        "identity": str(directory / folder.IDENTITY),
    }
    _tell(facts, f"nodes and trustees pin this coordinator's key: {facts['signing_key']}", as_json)


@app.command()
def serve(
    directory: Folder,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT on loopback; port 0 for any.")
    ] = "127.0.0.1:7443",
    log: Annotated[Path | None, typer.Option(help="Log file; stderr by default.")] = None,
) -> None:
    """Serve the rounds of a folder until stopped (Ctrl-C or SIGTERM).

    Prints the address and writes it to DIR/address.

    Example: cefed coordinator serve platform --listen 127.0.0.1:7443
    """
    logging.basicConfig(format=LOG_FORMAT, level=logging.INFO, filename=log)
    server.check_listen(listen)
    with folder.exclusive(directory) as alone:
        if not alone:
            raise SettingsError(f"another process serves {directory} already")
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        running = server.start(folder.open_board(directory), listen)
        try:
            folder.write_address(directory, running.address)
            typer.echo(running.address)
            stop.wait()
        finally:
            folder.forget_address(directory)
            running.stop()


@round_app.command("create")
def round_create(
    directory: Folder,
    template: Annotated[Path, typer.Option(help="Plan template (docs/plans.md).")],
    cohort: Annotated[str, typer.Option(help="The cohort's name.")],
    members: Annotated[Path, typer.Option(help="CSV with signing_key and, optionally, group.")],
    ceremony: Annotated[Path, typer.Option(help="Folder with the ceremony's public files.")],
    deadline: Annotated[str, typer.Option(help="2026-12-31T18:00Z, or from now: 90s 30m 2h 7d.")],
    period: Annotated[str | None, typer.Option(help="Period; the template's by default.")] = None,
    name: Annotated[
        str | None, typer.Option(help="Round's name; COHORT-PERIOD by default.")
    ] = None,
    definitions: Annotated[
        Path | None, typer.Option(help="JSON object: definitions the members' mappings share.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open a round from a plan template; the plan is signed with the coordinator's key.

    Example: cefed coordinator round create platform --template examples/region_a/plan.toml
    --cohort region-a --members members.csv --ceremony ceremony-2026 --deadline 7d
    """
    record = operator.prepare(
        PlanTemplate.load(template),
        operator.read_members(members),
        operator.CeremonyFiles.load(ceremony),
        folder.load_key(directory),
        cohort=cohort,
        round_id=name,
        period=period,
        deadline=parse_deadline(deadline, int(time.time())),
        definitions=_definitions(definitions),
    )
    plan = operator.create_round(directory, record)
    facts = {
        "round": plan.round_id,
        "plan_hash": plan.hash.hex(),
        "members": plan.participants,
        "deadline": plan.deadline,
    }
    until = datetime.fromtimestamp(plan.deadline, UTC).isoformat()
    _tell(
        facts,
        f"round {plan.round_id} is open for {plan.participants} members until {until}",
        as_json,
    )


@round_app.command("status")
def round_status(directory: Folder, as_json: AsJson = False) -> None:
    """List the rounds with their states; works while the coordinator serves.

    Example: cefed coordinator round status platform --json
    """
    rows = operator.list_rounds(directory)
    facts = [
        {
            "round": row.round_id,
            "state": row.state,
            "contributions": row.contributions,
            "entries": row.entries,
        }
        for row in rows
    ]
    lines = [
        f"{row.round_id}: {row.state}, {row.contributions} contributions, {row.entries} entries"
        for row in rows
    ]
    _tell({"rounds": facts}, "\n".join(lines) or "no rounds yet", as_json)


@round_app.command("close")
def round_close(
    directory: Folder,
    name: Annotated[str, typer.Argument(metavar="ROUND")],
    as_json: AsJson = False,
) -> None:
    """Close a round before its deadline, with the contributions it has.

    Example: cefed coordinator round close platform region-a-2020
    """
    operator.close_round(directory, name)
    _tell({"round": name, "closed": True}, f"round {name} is closed", as_json)


@round_app.command("export")
def round_export(
    directory: Folder,
    name: Annotated[list[str], typer.Argument(metavar="ROUND...")],
    out: Annotated[Path, typer.Option(help="Folder for bundle, release, targets and report.")],
    as_json: AsJson = False,
) -> None:
    """Write a finished round's bundle, release.json, targets.csv and report.html.

    Example: cefed coordinator round export platform region-a-2020 --out out
    """
    done = export.export_rounds(
        folder.open_store(directory), name, out, generated_by=generated_by()
    )
    facts = {
        "out": str(out),
        "rounds": {
            round_id: {"n": document["n"], "withheld": document["withheld"]}
            for round_id, document in done.documents.items()
        },
    }
    _tell(facts, f"{len(name)} rounds written to {out}; check: cefed verify {out}/bundle", as_json)


def parse_deadline(text: str, now: int) -> int:
    """Seconds since 1970 from an ISO 8601 time (UTC unless it says) or a duration from ``now``.

    :raises SettingsError: neither.
    """
    if match := _DURATION.fullmatch(text):
        return now + int(match[1]) * _SECONDS[match[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is no deadline; write 2026-12-31T18:00Z, or from now 90s, 30m, 2h, 7d"
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def generated_by() -> str:
    """Name and version of this program, as documents carry it."""
    try:
        return f"cefed {version('cefed')}"
    except PackageNotFoundError:
        return "cefed"


def _definitions(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        data = json.loads(operator.read_file(path, MAX_DEFINITIONS_FILE))
    except ValueError as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or not all(isinstance(v, str) for v in data.values()):
        raise SettingsError(f"{path} must hold one JSON object with texts as values")
    return data


def _tell(facts: dict[str, Any], words: str, as_json: bool) -> None:
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else words)
