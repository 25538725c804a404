"""``cefed node``: the commands of an enterprise's owner. ``cefed.py`` adds ``app``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from enterprise_node.errors import NodeUsageError
from enterprise_node.node import Node
from enterprise_node.private import checking
from enterprise_node.private.intake import read_own, require_usable
from enterprise_node.private.position import position, read_targets
from enterprise_node.private.published import read_release_file
from enterprise_node.private.settings import Settings, read_identity
from enterprise_node.private.store import NodeStore
from protocols.errors import InvalidSignature
from protocols.signing import VerifyKey
from protocols.terms import Limits

app = typer.Typer(
    help="An enterprise's own node: import records, preview, contribute, see where you stand.",
    no_args_is_help=True,
)
ledger_app = typer.Typer(
    help="The egress ledger: everything that this node ever sent.", no_args_is_help=True
)
app.add_typer(ledger_app, name="ledger")

NO_TRUSTEES = "none yet, so every plan is refused; write their keys into trustee_keys in node.toml"

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The node's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print facts as JSON.")]
Address = Annotated[
    str, typer.Option("--coordinator", metavar="HOST:PORT", help="Where the coordinator listens.")
]
Round = Annotated[str, typer.Option("--round", metavar="ID", help="The round's identifier.")]
PinnedKey = Annotated[
    str | None,
    typer.Option(
        "--coordinator-key", metavar="HEX", help="The coordinator's key; pinned on first use."
    ),
]


@app.command()
def init(
    folder: Folder,
    name: Annotated[str, typer.Option(help="The name of this node, for your own eyes.")],
    coordinator_key: PinnedKey = None,
    trustee: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A trustee's identity.json; once for each trustee."),
    ] = None,
    minimum_cohort: Annotated[
        int, typer.Option(min=3, help="Refuse plans that publish figures of fewer enterprises.")
    ] = 5,
    dominance_percent: Annotated[
        int, typer.Option(min=1, max=100, help="Refuse plans with a smaller p of the p% rule.")
    ] = 10,
    minimum_threshold: Annotated[
        int, typer.Option(min=2, help="Refuse keys that fewer trustees can open with.")
    ] = 2,
    as_json: AsJson = False,
) -> None:
    """Make a node's folder with a fresh signing key, and pin whom it deals with.

    A node takes part only under a key that exactly its pinned trustees hold. Example:
    cefed node init nodes/A01 --name A01 --coordinator-key 3f..e1 --trustee t1/identity.json
    --trustee t2/identity.json --trustee t3/identity.json
    """
    trustees = tuple(read_identity(path) for path in trustee or ())
    if len(set(trustees)) != len(trustees):
        raise NodeUsageError("two of the trustees' files hold the same key; give each one once")
    settings = Settings(
        name,
        _key(coordinator_key) if coordinator_key else None,
        trustees,
        Limits(minimum_cohort, dominance_percent, minimum_threshold=minimum_threshold),
    )
    store = NodeStore.create(folder, settings)
    key = store.key().public
    facts = {"folder": str(folder), "signing_key": key.raw.hex(), "pseudonym": key.fingerprint}
    _show(
        as_json,
        facts,
        [
            f"{folder} is ready.",
            f"Give the coordinator this public key for its roster: {key.raw.hex()}",
            f"In rounds you appear as {key.fingerprint}.",
            f"Pinned trustees: {', '.join(t.fingerprint for t in trustees) or NO_TRUSTEES}",
        ],
    )


@app.command("import")
def import_(
    folder: Folder,
    records: Annotated[Path, typer.Option(metavar="CSV", help="Your records.")],
    mapping: Annotated[Path, typer.Option(metavar="TOML", help="Which column is what.")],
    enterprise: Annotated[
        str | None, typer.Option(metavar="ID", help="Your row, if the file has several.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read your records by a mapping, compute your measures and keep them in the folder.

    Example: cefed node import nodes/A01 --records a01.csv --mapping mapping.toml --enterprise A01
    """
    store = NodeStore(folder)
    own = read_own(records, mapping, enterprise)
    require_usable(own)
    store.save_import(own, records.read_bytes(), mapping.read_bytes())
    facts = {
        "enterprise": own.enterprise,
        "cohort": own.cohort,
        "measures": sorted(own.integers),
        "findings": list(own.findings),
        "notes": list(own.notes),
    }
    _show(
        as_json,
        facts,
        [
            f"{own.enterprise} (cohort {own.cohort}): {len(own.integers)} measures imported: "
            + ", ".join(own.integers),
            *(f"  finding: {finding}" for finding in own.findings),
            *(f"  note: {note}" for note in own.notes),
            f"Look at them with: cefed node check {folder}",
        ],
    )


@app.command()
def check(folder: Folder, as_json: AsJson = False) -> None:
    """Show your findings, measures and definitions. Local only; shows your own figures.

    Example: cefed node check nodes/A01
    """
    own = NodeStore(folder).own()
    _show(as_json, checking.document(own), checking.lines(own))
    require_usable(own)


@app.command()
def preview(
    folder: Folder,
    coordinator: Address,
    round_id: Round,
    coordinator_key: PinnedKey = None,
    as_json: AsJson = False,
) -> None:
    """Show exactly what would leave this node in a round, before anything does.

    Example: cefed node preview nodes/A01 --coordinator 127.0.0.1:7000 --round region-a-2020
    """
    seen = _node(folder, coordinator, coordinator_key).preview(round_id)
    _show(as_json, seen.document(), seen.lines())


@app.command()
def run(
    folder: Folder,
    coordinator: Address,
    round_id: Round,
    coordinator_key: PinnedKey = None,
    replace_plan: Annotated[
        bool, typer.Option("--replace-plan", help="Accept another plan for a period, knowingly.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take part in a round: check the plan, encrypt, send, keep the receipt. Safe to repeat.

    Example: cefed node run nodes/A01 --coordinator 127.0.0.1:7000 --round region-a-2020
    """
    done = _node(folder, coordinator, coordinator_key).run(round_id, replace_plan=replace_plan)
    text = (
        f"Round {round_id}: this node has its receipt already; nothing was sent again."
        if done.already
        else f"Round {round_id}: {done.ciphertexts} ciphertexts, {done.bytes} bytes sent; the "
        f"coordinator's receipt (entry {done.index}) is in {folder / 'receipts'}. You may go "
        "offline now."
    )
    _show(as_json, asdict(done), [text])


@app.command()
def status(folder: Folder, as_json: AsJson = False) -> None:
    """Show what this node knows: key, coordinator, trustees, plans, receipts, releases.

    Example: cefed node status nodes/A01
    """
    store = NodeStore(folder)
    settings, key = store.settings(), store.key().public
    imported = (folder / "measures.json").exists()
    own = store.own() if imported else None
    releases = sorted(path.stem for path in (folder / "releases").glob("*.json"))
    facts = {
        "name": settings.name,
        "pseudonym": key.fingerprint,
        "signing_key": key.raw.hex(),
        "coordinator": settings.coordinator.fingerprint if settings.coordinator else None,
        "trustees": [trustee.fingerprint for trustee in settings.trustees],
        "limits": asdict(settings.limits),
        "enterprise": own.enterprise if own else None,
        "cohort": own.cohort if own else None,
        "plans": [asdict(plan) for plan in store.commitments.all()],
        "receipts": store.rounds(),
        "releases": releases,
    }
    lines = [f"{name:<12} {value if value is not None else '-'}" for name, value in facts.items()]
    _show(as_json, facts, lines)


@app.command("position")
def position_(
    folder: Folder,
    release: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A published release.json.")
    ] = None,
    targets: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The published targets.csv.")
    ] = None,
    coordinator: Annotated[
        str | None, typer.Option("--coordinator", metavar="HOST:PORT", help="Or fetch it there.")
    ] = None,
    round_id: Annotated[str | None, typer.Option("--round", metavar="ID")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare your own figures with a release: percentile range, grade, distances, target.

    Local only. Example: cefed node position nodes/A01 --release out/release.json
    """
    store = NodeStore(folder)
    own = store.own()
    if release is not None:
        document = read_release_file(release, own.cohort)
    elif round_id is None:
        raise NodeUsageError("name a release: --release FILE, or --round ID with --coordinator")
    elif coordinator is not None:
        fetched = Node(store, coordinator).fetch_release(round_id)
        document = fetched.document
        if fetched.warning is not None:
            typer.echo(f"warning: {fetched.warning}", err=True)
    else:
        document = read_release_file(store.release(round_id), own.cohort)
    rates = read_targets(targets, own.cohort) if targets is not None else None
    place = position(document, own, rates)
    _show(as_json, place.document(), place.lines())


@ledger_app.command("show")
def ledger_show(folder: Folder, as_json: AsJson = False) -> None:
    """List everything this node sent. Example: cefed node ledger show nodes/A01"""
    entries = list(NodeStore(folder).ledger.entries())
    lines = [
        f"{e.time}  {e.kind:<13} {e.bytes:>9} bytes  round {e.round_id}  to {e.destination}  "
        f"sha256 {e.sha256[:16]}"
        for e in entries
    ]
    _show(as_json, [asdict(e) for e in entries], lines or ["nothing was sent yet"])


@ledger_app.command("verify")
def ledger_verify(folder: Folder, as_json: AsJson = False) -> None:
    """Check the ledger's chain of hashes. Example: cefed node ledger verify nodes/A01"""
    count = NodeStore(folder).ledger.verify()
    _show(as_json, {"entries": count, "valid": True}, [f"{count} entries, the chain holds"])


def _node(folder: Path, address: str, coordinator_key: str | None) -> Node:
    store = NodeStore(folder)
    if coordinator_key is not None:
        store.pin(_key(coordinator_key))
    return Node(store, address)


def _key(text: str) -> VerifyKey:
    try:
        return VerifyKey(bytes.fromhex(text))
    except (ValueError, InvalidSignature) as error:
        raise NodeUsageError(
            f"{text[:80]!r} is not a public key: 64 hexadecimal digits are needed"
        ) from error


def _show(as_json: bool, facts: object, lines: list[str]) -> None:
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        typer.echo("\n".join(lines))
