"""What the coordinator's commands share: their common options, and how they speak."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from coordinator.errors import SettingsError
from coordinator.folder import Office

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The coordinator's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="A configuration file beside the usual ones."),
]

_DURATION = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_deadline(text: str, now: int) -> int:
    """Seconds since 1970 from an ISO 8601 time (UTC unless it says) or a duration from ``now``.

    :raises SettingsError: neither.
    """
    if match := _DURATION.fullmatch(text):
        return now + int(match[1]) * _SECONDS[match[2]]
    try:
        moment = datetime.fromisoformat(text)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise SettingsError(
            f"{text!r} is no deadline; write 2026-12-31T18:00Z, or from now 90s, 30m, 2h, 7d"
        ) from error


def open_office(directory: Path, config: Path | None = None) -> Office:
    """The folder that a command works on."""
    return Office.open(directory, config)


def tell(facts: dict[str, Any], words: str, as_json: bool) -> None:
    """Print what was done, for a machine or for people."""
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else words)
