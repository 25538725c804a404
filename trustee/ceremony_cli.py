"""`cefed ceremony deal`: the dealer's command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from protocols.paillier import DEFAULT_MODULUS_BITS
from trustee import dealing, folder
from trustee.cli import AsJson, tell
from trustee.errors import SettingsError

app = typer.Typer(no_args_is_help=True, help="The key ceremony, run by its dealer.")


@app.callback()
def ceremony() -> None:
    """The key ceremony of a reporting period, run by its dealer."""


@app.command()
def deal(
    trustee: Annotated[list[Path], typer.Option(help="A trustee's identity.json; repeat it.")],
    threshold: Annotated[int, typer.Option(help="How many trustees open an aggregate.")],
    quorum: Annotated[int, typer.Option(help="How many sign what is counted.")],
    period: Annotated[str, typer.Option(help="The reporting period of this key.")],
    out: Annotated[Path, typer.Option(help="Where to write the record and the sealed shares.")],
    modulus_bits: Annotated[int, typer.Option(help="Length of the modulus.")] = (
        DEFAULT_MODULUS_BITS
    ),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a period's key and seal one share to each trustee; this process forgets the rest.

    Example: cefed ceremony deal --trustee a/identity.json --trustee b/identity.json
    --trustee c/identity.json --trustee d/identity.json --threshold 2 --quorum 3 --period 2026
    --out ceremony-2026
    """
    identities = [folder.Identity.load(path) for path in trustee]
    words = dealing.in_words(identities, threshold, quorum, period)
    if not yes:
        typer.echo(words, err=True)
        if not sys.stdin.isatty():
            raise SettingsError("nobody can confirm this; check the counts and add --yes")
        typer.confirm("Is that right?", abort=True, err=True)
    dealt = dealing.deal(
        out,
        identities,
        threshold=threshold,
        quorum=quorum,
        period=period,
        primes=lambda: dealing.draw_primes(modulus_bits),
    )
    facts = {
        "ceremony": str(dealt.record),
        "key_id": dealt.ceremony.key_id.hex(),
        "dealer": dealt.ceremony.dealer.fingerprint,
        "shares": {i.name: str(p) for i, p in zip(identities, dealt.shares, strict=True)},
    }
    tell(
        facts,
        f"{words}\nWritten to {out}. Send each trustee ceremony.bin and its own share, tell them "
        f"the dealer's fingerprint {facts['dealer']} by another way, and delete the shares here",
        as_json,
    )
