"""`cefed trustee ...`: a trustee's commands."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from protocols.ceremony import MAX_BYTES, Ceremony
from protocols.errors import KeyRefused, ProtocolError, StorageError
from protocols.service.credentials import new_passphrase
from trustee import ceremonies, folder
from trustee.agreement import TrusteeLimits
from trustee.cli_records import ledger_app, roster_app, status
from trustee.cli_serve import check, serve
from trustee.errors import SettingsError
from trustee.ledger import Ledger
from trustee.options import CREDENTIAL, AsJson, Folder, PassphraseFile, confirm, tell, unlock

SAME = "the same fingerprint"
"""What is typed after the dealer's fingerprint was compared."""

app = typer.Typer(no_args_is_help=True, help="A trustee: holds one share of a period's key.")


@app.command()
def init(
    directory: Folder,
    name: Annotated[str, typer.Option(help="How the ceremony names this trustee.")],
    minimum_cohort: Annotated[int, typer.Option(help="Least k of a plan it accepts.")] = 5,
    dominance_percent: Annotated[int, typer.Option(help="Least p of the p% rule.")] = 10,
    profile: Annotated[
        str, typer.Option(help="A disclosure profile whose rules every plan has to keep.")
    ] = "",
    refuse_cohort: Annotated[
        list[str] | None, typer.Option(help="A cohort it takes no part in; may be repeated.")
    ] = None,
    approve_by_hand: Annotated[
        bool, typer.Option(help="A person approves every roster (cefed trustee roster).")
    ] = False,
    passphrase_file: PassphraseFile = None,
    no_passphrase: Annotated[
        bool, typer.Option("--no-passphrase", help="Leave the private keys unencrypted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a trustee's folder: keys, identity.json for the dealer, limits, an empty ledger.

    The private keys are encrypted under a passphrase: from --passphrase-file, from the systemd
    credential trustee-passphrase, or typed twice.

    Example: cefed trustee init trustees/a --name "Industry association" --passphrase-file pass
    """
    if no_passphrase and passphrase_file is not None:
        raise SettingsError("give --passphrase-file or --no-passphrase, not both")
    secret = None if no_passphrase else new_passphrase(CREDENTIAL, passphrase_file)
    if no_passphrase:
        typer.echo(
            f"WARNING: the private keys in {directory} are NOT encrypted. Whoever copies the "
            "folder, a backup of it too, holds this trustee's share of the key",
            err=True,
        )
    limits = TrusteeLimits(
        minimum_cohort,
        dominance_percent,
        tuple(refuse_cohort or ()),
        approve_by_hand=approve_by_hand,
        profile=profile,
    )
    identity = folder.create(directory, name, limits, secret)
    facts = {
        "identity": str(directory / folder.IDENTITY),
        "name": name,
        "fingerprint": identity.signing_key.fingerprint,
        "encrypted": secret is not None,
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
    dealer: Annotated[
        str | None,
        typer.Option(metavar="HEX", help="The dealer's fingerprint, as the dealer read it out."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask whether the fingerprint was compared.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Check the ceremony and this trustee's share of the key, keep them, and countersign.

    Shows the fingerprint of the dealer who signed the record, to be compared with what the dealer
    reads out by another way; --dealer compares it instead.

    A trustee may hold keys of several periods; its ledger serves all of them. Start the service
    anew afterwards.

    Example: cefed trustee accept trustees/a --ceremony c/ceremony.bin --share c/share-1.sealed
    --out c --dealer 0f3a5b7c9d1e2f40
    """
    record = folder.read_file(ceremony, MAX_BYTES)
    sealed = folder.read_file(share, MAX_BYTES)
    _compare_dealer(ceremony, record, dealer, yes)
    keys = unlock(directory, passphrase_file)
    try:
        accepted, path = ceremonies.accept(directory, keys, record, sealed)
    except StorageError:
        raise
    except ProtocolError as error:
        raise KeyRefused(f"{share}, with {ceremony}: {error}") from error
    if out is not None:
        signature = folder.read_file(path, MAX_BYTES)
        path = out / f"countersignature-{accepted.me.index}.bin"
        folder.write_file(path, signature)
    held = accepted.ceremony
    facts = {
        "index": accepted.me.index,
        "period": held.period,
        "key_id": held.key_id.hex(),
        "dealer": held.dealer.fingerprint,
        "trustees": len(held.trustees),
        "threshold": held.key.threshold,
        "quorum": held.closing_quorum,
        "countersignature": str(path),
    }
    tell(
        facts,
        f"share {accepted.me.index} of {facts['trustees']} checked and countersigned: any "
        f"{facts['threshold']} open, {facts['quorum']} close; period {held.period}, dealer "
        f"{facts['dealer']}. Send {path} to the dealer and the coordinator",
        as_json,
    )


def _compare_dealer(path: Path, record: bytes, read_out: str | None, yes: bool) -> None:
    """See that the record is the dealer's, before anything is kept.

    :param read_out: the fingerprint from --dealer. :raises SettingsError: another's, or not said.
    """
    try:
        found = Ceremony.from_signed(record).dealer.fingerprint
    except ProtocolError as error:
        raise KeyRefused(f"{path}: {error}") from error
    if read_out is not None:
        if read_out.replace(" ", "").lower() != found:
            raise SettingsError(
                f"{path} is signed by {found}, which is not the dealer's fingerprint that was "
                "given: nothing was accepted. Ask the dealer for the record again"
            )
        return
    typer.echo(
        f"{path} is signed by the dealer {found}: compare that with what the dealer reads out to "
        "you by another way.",
        err=True,
    )
    if not yes:
        confirm(SAME)


@app.command()
def forget(
    directory: Folder,
    key: Annotated[
        str | None, typer.Option(help="How the key id begins, if there are several.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Destroy this trustee's share of a period's key after its last opening, and attest it.

    Nothing sent under that key can be opened any more once n - t + 1 trustees have done this. Stop
    the service first. Copies of the folder in backups have to be destroyed as well.

    Example: cefed trustee forget trustees/a --key 3fa9
    """
    ledger = Ledger(directory / folder.LEDGER)
    try:
        keys = unlock(directory, passphrase_file)
        chosen = ceremonies.choose(ceremonies.load(directory, keys), key)
        if not yes:
            confirm(f"destroy the share of {chosen.ceremony.period}")
        path, _ = ceremonies.destroy_share(
            directory, keys, chosen, now=int(time.time()), head=ledger.head
        )
    finally:
        ledger.close()
    facts = {
        "key_id": chosen.ceremony.key_id.hex(),
        "period": chosen.ceremony.period,
        "attestation": str(path),
    }
    tell(
        facts,
        f"the share of {chosen.ceremony.period} is destroyed here; destroy it in every backup of "
        f"{directory} too, and give {path} to the other trustees",
        as_json,
    )


app.add_typer(roster_app, name="roster")
app.add_typer(ledger_app, name="ledger")
app.command()(serve)
app.command()(check)
app.command()(status)
