"""``cefed node ledger``: what left this node and when, for its owner and for auditors."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from enterprise_node.cli_shared import AsJson, Folder, key_of, show
from enterprise_node.errors import NodeUsageError
from enterprise_node.private.backends import left_as
from enterprise_node.private.events import moment
from enterprise_node.private.ledger_export import MAX_BYTES, export_ledger, verify_export
from enterprise_node.private.store import NodeStore
from protocols.files import read_limited, replace_file

app = typer.Typer(
    help="The egress ledger: everything that this node ever sent.", no_args_is_help=True
)

OwnFolder = Annotated[Path | None, typer.Argument(metavar="DIR", help="The node's folder.")]


@app.command("show")
def show_entries(folder: Folder, as_json: AsJson = False) -> None:
    """List everything this node sent. Example: cefed node ledger show nodes/A01"""
    entries = NodeStore(folder).ledger.entries()
    lines = [
        f"{moment(e.time)} UTC  {e.kind:<13} {e.bytes:>9} bytes  round {e.round_id or '-'}  to "
        f"{e.destination}  sha256 {e.sha256[:16]}  {left_as(e.kind)}"
        for e in entries
    ]
    facts = [asdict(e) | {"left_as": left_as(e.kind)} for e in entries]
    show(as_json, facts, lines or ["nothing was sent yet"])


@app.command()
def verify(
    folder: OwnFolder = None,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="An exported ledger instead.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(metavar="HEX", help="The node's key as you know it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check chain, signatures and length of a ledger; exit code 6 when something does not hold.

    Examples: cefed node ledger verify nodes/A01
    cefed node ledger verify --export a01-ledger.json --key 3f..e1
    """
    if (folder is None) == (export is None):
        raise NodeUsageError("name a node's folder, or an exported ledger with --export FILE")
    expected = key_of(key) if key is not None else None
    if export is not None:
        found = verify_export(read_limited(export, MAX_BYTES), expected)
        facts = {
            "valid": True,
            "entries": found.entries,
            "contributions": found.contributions,
            "receipts": found.receipts,
            "key": found.key.raw.hex(),
            "coordinator_key": found.coordinator.raw.hex() if found.coordinator else None,
            "enterprise_id": found.enterprise_id,
            "group": found.group,
        }
        who = f" of {found.enterprise_id}" if found.enterprise_id else ""
        lines = [
            f"{found.entries} entries, {found.contributions} of them contributions, "
            f"{found.receipts} with the coordinator's receipt: every one holds",
            f"signed by {found.key.raw.hex()}{who}",
        ]
        if expected is None:
            lines.append("compare this key with the one that you know from elsewhere")
        show(as_json, facts, lines)
        return
    store = NodeStore(folder or Path())
    count = store.ledger.verify(expected or store.key().public)
    show(
        as_json,
        {"entries": count, "valid": True},
        [f"{count} entries; the chain, every signature and the length hold"],
    )


@app.command()
def export(
    folder: Folder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the file goes.")],
    as_json: AsJson = False,
) -> None:
    """Write one file that shows an auditor what left, and that nothing was left out.

    Example: cefed node ledger export nodes/A01 --out a01-ledger.json
    """
    replace_file(out, export_ledger(NodeStore(folder)).encode("utf-8"))
    show(
        as_json,
        {"file": str(out)},
        [f"{out} is written; it is checked with: cefed node ledger verify --export {out}"],
    )
