"""Options and outputs that the trustee's and the dealer's commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from protocols.keyfiles import is_encrypted
from protocols.service.credentials import passphrase
from trustee.errors import SettingsError
from trustee.folder import SIGNING, Keys, load_keys
from trustee.words import same

CREDENTIAL = "trustee-passphrase"

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The trustee's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")]
PassphraseFile = Annotated[
    Path | None, typer.Option(help="File with the passphrase of the private keys, mode 0600.")
]
Config = Annotated[Path | None, typer.Option(help="A configuration file, read last.")]


def unlock(folder: Path, file: Path | None) -> Keys:
    """The private keys; asks for their passphrase if they have one and it is nowhere given.

    :raises ProtocolError: none, or a wrong one.
    """
    needed = is_encrypted(folder / SIGNING)
    return load_keys(folder, passphrase(CREDENTIAL, file) if needed else None)


def confirm(words: str, typed: str | None = None) -> None:
    """Have a person type ``words``. :raises SettingsError: something else, or nobody is there.

    :param typed: what was typed already; None to ask.
    """
    if typed is None:
        try:
            typed = typer.prompt(f"Type these words to go on: {words}\n", err=True)
        except click.Abort as error:
            raise SettingsError("nobody typed the words; nothing was done") from error
    if not same(str(typed), words):
        raise SettingsError(f"that is not {words!r}; nothing was done")


def tell(facts: dict[str, Any], words: str, as_json: bool) -> None:
    """Print a command's outcome: for people, or as JSON."""
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else words)
