"""`cefed ceremony ...`: the dealer's commands, and what everybody checks of a ceremony."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from protocols.errors import KeyRefused
from protocols.paillier import DEFAULT_MODULUS_BITS
from trustee import dealing, folder, forgetting, words
from trustee.errors import SettingsError
from trustee.options import AsJson, confirm, tell

EXIT_INCOMPLETE = 6

app = typer.Typer(no_args_is_help=True, help="The key ceremony, run by its dealer.")

Out = Annotated[Path, typer.Argument(metavar="OUT", help="The ceremony's folder.")]


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
    yes: Annotated[bool, typer.Option("--yes", help="Do not have the counts typed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a period's key and seal one share to each trustee.

    The counts are confirmed in words. Prints protocol.txt, to be filled in and signed by hand. The
    dealer's own key stays in OUT until cefed ceremony forget.

    Example: cefed ceremony deal --trustee a/identity.json --trustee b/identity.json
    --trustee c/identity.json --trustee d/identity.json --threshold 2 --quorum 3 --period 2026
    --out ceremony-2026
    """
    identities = [folder.Identity.load(path) for path in trustee]
    names = [identity.name for identity in identities]
    try:
        dealing.check(identities, threshold, quorum)
        dealing.check_modulus(modulus_bits)
    except KeyRefused as error:
        raise SettingsError(str(error)) from error
    counts = words.counts(threshold, quorum, len(identities))
    typer.echo(words.announcement(names, threshold, quorum, period), err=True)
    for identity in identities:
        typer.echo(f"  {identity.name}: {identity.signing_key.fingerprint}", err=True)
    if not yes:
        confirm(counts)
    dealt = dealing.deal(
        out,
        identities,
        threshold=threshold,
        quorum=quorum,
        period=period,
        primes=lambda: dealing.draw_primes(modulus_bits),
        confirmed="nobody was asked (--yes)" if yes else counts,
    )
    facts = {
        "ceremony": str(dealt.record),
        "key_id": dealt.ceremony.key_id.hex(),
        "dealer": dealt.ceremony.dealer.fingerprint,
        "shares": {name: str(path) for name, path in zip(names, dealt.shares, strict=True)},
        "protocol": str(out / dealing.PROTOCOL),
        "transcript": str(out / dealing.TRANSCRIPT),
    }
    tell(
        facts,
        f"{dealt.protocol}\nWritten to {out}. Send each trustee ceremony.bin and its own share, "
        f"tell them the dealer's fingerprint {facts['dealer']} by another way, collect the "
        f"countersignatures in {out}, then: cefed ceremony forget {out}",
        as_json,
    )


@app.command()
def check(out: Out, as_json: AsJson = False) -> None:
    """Show whether record, countersignatures and deletion are complete; exit code 6 if not.

    Example: cefed ceremony check ceremony-2026
    """
    progress = forgetting.look(out)
    tell(_facts(progress), _words(progress), as_json)
    if not progress.complete:
        raise typer.Exit(EXIT_INCOMPLETE)


@app.command()
def forget(out: Out, as_json: AsJson = False) -> None:
    """The dealer's last step: delete the shares and the dealer's key, and attest it.

    Refused until every trustee's countersignature is in OUT. Leaves deletion.bin, signed, for the
    trustees and the coordinator. Files are deleted, not overwritten: disks of today write
    elsewhere, so that overwriting would prove nothing.

    Example: cefed ceremony forget ceremony-2026
    """
    progress = forgetting.forget(out, now=int(time.time()))
    tell(_facts(progress), _words(progress), as_json)


def _facts(progress: forgetting.Progress) -> dict[str, Any]:
    held = progress.ceremony
    return {
        "complete": progress.complete,
        "key_id": held.key_id.hex(),
        "period": held.period,
        "dealer": held.dealer.fingerprint,
        "trustees": len(held.trustees),
        "threshold": held.key.threshold,
        "quorum": held.closing_quorum,
        "not_countersigned": list(progress.missing),
        "not_deleted": list(progress.left),
        "deleted": progress.deleted,
        "defects": list(progress.defects),
    }


def _words(progress: forgetting.Progress) -> str:
    held = progress.ceremony
    counts = words.counts(held.key.threshold, held.closing_quorum, len(held.trustees))
    lines = [f"key {held.key_id.hex()} for {held.period}: {counts}"]
    lines += [f"WRONG: {defect}" for defect in progress.defects]
    missing = ", ".join(progress.missing)
    lines.append(f"not countersigned by {missing}" if missing else "countersigned by all trustees")
    if progress.left:
        lines.append(f"the dealer has not deleted {', '.join(progress.left)}")
    elif progress.deleted is None:
        lines.append("the dealer's deletion is not attested")
    else:
        lines.append("the dealer attested the deletion of shares and key")
    return "\n".join(lines)
