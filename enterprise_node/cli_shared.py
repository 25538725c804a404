"""What the node's commands share: arguments, and how facts are shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from enterprise_node.errors import NodeUsageError
from protocols.errors import InvalidSignature
from protocols.signing import VerifyKey

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The node's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]
RoundId = Annotated[str, typer.Option("--round", metavar="ID", help="The round's identifier.")]


def key_of(text: str) -> VerifyKey:
    """A public key as it is typed. :raises NodeUsageError: something else."""
    try:
        return VerifyKey(bytes.fromhex(text))
    except (ValueError, InvalidSignature) as error:
        raise NodeUsageError(
            f"{text[:80]!r} is not a public key: 64 hexadecimal digits are needed"
        ) from error


def show(as_json: bool, facts: object, lines: list[str]) -> None:
    """Facts as JSON for machines, or lines for people."""
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(lines))
