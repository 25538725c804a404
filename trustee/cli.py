"""`cefed trustee ...`: a trustee's commands."""

from __future__ import annotations

import json
import logging
import signal
import threading
from pathlib import Path
from typing import Annotated, Any

import typer

from protocols.ceremony import MAX_BYTES
from trustee import folder
from trustee.agreement import TrusteeLimits
from trustee.client import BoardClient
from trustee.ledger import Ledger
from trustee.service import Service

app = typer.Typer(no_args_is_help=True, help="A trustee: holds one share of a period's key.")

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The trustee's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")]

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"


@app.command()
def init(
    directory: Folder,
    name: Annotated[str, typer.Option(help="How the ceremony names this trustee.")],
    minimum_cohort: Annotated[int, typer.Option(help="Least k of a plan it accepts.")] = 5,
    dominance_percent: Annotated[int, typer.Option(help="Least p of the p% rule.")] = 10,
    refuse_cohort: Annotated[
        list[str] | None, typer.Option(help="A cohort it takes no part in; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a trustee's folder: keys, identity.json for the dealer, limits, an empty ledger.

    Example: cefed trustee init trustees/a --name "Industry association"
    """
    limits = TrusteeLimits(minimum_cohort, dominance_percent, tuple(refuse_cohort or ()))
    identity = folder.create(directory, name, limits)
    facts = {
        "identity": str(directory / folder.IDENTITY),
        "name": name,
        "fingerprint": identity.signing_key.fingerprint,
    }
    tell(facts, f"{name} has the key {facts['fingerprint']}; send {facts['identity']}", as_json)


@app.command()
def accept(
    directory: Folder,
    ceremony: Annotated[Path, typer.Option(help="The dealer's ceremony.bin.")],
    share: Annotated[Path, typer.Option(help="This trustee's share-<index>.sealed.")],
    out: Annotated[
        Path | None, typer.Option(help="Where else to write the countersignature.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the ceremony and this trustee's share of the key, keep them, and countersign.

    Example: cefed trustee accept trustees/a --ceremony c/ceremony.bin --share c/share-1.sealed
    --out c
    """
    record = folder.read_file(ceremony, MAX_BYTES)
    sealed = folder.read_file(share, MAX_BYTES)
    accepted, me, signature = folder.accept(directory, record, sealed)
    path = directory / folder.COUNTERSIGNATURE
    if out is not None:
        path = out / f"countersignature-{me.index}.bin"
        folder.write_file(path, signature)
    facts = {
        "index": me.index,
        "period": accepted.period,
        "key_id": accepted.key_id.hex(),
        "dealer": accepted.dealer.fingerprint,
        "trustees": len(accepted.trustees),
        "threshold": accepted.key.threshold,
        "quorum": accepted.closing_quorum,
        "countersignature": str(path),
    }
    tell(
        facts,
        f"share {me.index} of {facts['trustees']} checked and countersigned: any "
        f"{facts['threshold']} open, {facts['quorum']} close; period {accepted.period}, dealer "
        f"{facts['dealer']}. Send {path} to the coordinator",
        as_json,
    )


@app.command()
def serve(
    directory: Folder,
    coordinator: Annotated[str, typer.Option(help="HOST:PORT of the coordinator.")],
    coordinator_key: Annotated[str, typer.Option(help="Its public key, 64 hex digits.")],
    log: Annotated[Path | None, typer.Option(help="Log file; stderr by default.")] = None,
) -> None:
    """Take part in every round at a coordinator until stopped (Ctrl-C or SIGTERM).

    Example: cefed trustee serve trustees/a --coordinator 127.0.0.1:7443 --coordinator-key 3f..
    """
    logging.basicConfig(format=LOG_FORMAT, level=logging.INFO, filename=log)
    pinned = folder.parse_key(coordinator_key)
    accepted = folder.open_accepted(directory)
    limits = folder.load_limits(directory)
    ledger = Ledger(directory / folder.LEDGER)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with BoardClient(coordinator) as board:
            Service(board, accepted.holder, ledger, accepted.ceremony, pinned, limits).run(stop)
    finally:
        ledger.close()


def tell(facts: dict[str, Any], words: str, as_json: bool) -> None:
    """Print a command's outcome: for people, or as JSON."""
    typer.echo(json.dumps(facts, ensure_ascii=False) if as_json else words)
