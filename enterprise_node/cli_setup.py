"""``cefed node enrol|rotate``: how a node comes to be, and changes its key."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from enterprise_node.cli_shared import AsJson, Folder, show
from enterprise_node.private import enrolling
from enterprise_node.private.enrolling import Choices
from enterprise_node.private.identity import begin_rotation
from enterprise_node.private.policy import Approver
from enterprise_node.private.settings import read_identity
from enterprise_node.private.side import PrivateSide
from enterprise_node.private.store import NodeStore
from protocols.enrolment import Invitation

Trustees = Annotated[
    list[Path] | None,
    typer.Option("--trustee", metavar="FILE", help="A trustee's identity.json; once for each."),
]
Automatic = Annotated[
    bool, typer.Option("--automatic", help="Answer plans that keep the policy without asking.")
]
Names = Annotated[list[str] | None, typer.Option(metavar="NAME")]
Exchange = Annotated[
    Path | None, typer.Option("--exchange", metavar="DIR", help="The folder for the gateway.")
]


def enrol(
    folder: Folder,
    invitation: Annotated[
        Path, typer.Option(metavar="FILE", help="The invitation that the operator gave you.")
    ],
    trustee: Trustees = None,
    automatic: Automatic = False,
    indicator: Names = None,
    measure: Names = None,
    minimum_cohort: Annotated[
        int, typer.Option(min=3, help="Refuse plans that publish figures of fewer enterprises.")
    ] = 5,
    dominance_percent: Annotated[
        int, typer.Option(min=1, max=100, help="Refuse plans with a smaller p of the p% rule.")
    ] = 10,
    profile: Annotated[
        str, typer.Option(help="Refuse plans that break a rule of this disclosure profile.")
    ] = "",
    rounds_a_year: Annotated[int, typer.Option(min=1, help="Rounds within 365 days.")] = 4,
    exchange: Exchange = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm without being asked.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a node from an invitation: a key of its own, a policy, a request in the outbox.

    A node whose key was revoked takes a new invitation into its old folder, under a new key; it
    keeps its policy and all that it remembers.
    Compare the trustees with what each of them gave you itself: name their identity.json files, or
    compare the fingerprints that are shown.
    Example: cefed node enrol nodes/A01 --invitation a01.json --trustee t1.json --trustee t2.json
    """
    invited = Invitation.load(invitation)
    if trustee:
        enrolling.check_trustees(invited, [read_identity(path) for path in trustee])
    choices = Choices(
        approval=Approver.AUTOMATIC if automatic else Approver.PERSON,
        indicators=tuple(indicator or ()),
        measures=tuple(measure or ()),
        minimum_cohort=minimum_cohort,
        dominance_percent=dominance_percent,
        profile=profile,
        rounds_a_year=rounds_a_year,
        exchange=exchange,
    )
    enrolling.policy_of(invited, choices)
    if not yes:
        typer.echo("\n".join(enrolling.summary(invited)), err=as_json)
        typer.confirm("Is all of this right?", abort=True, err=as_json)
    store = enrolling.enrol(folder, invited, choices, int(time.time()))
    shared = store.exchange()
    with PrivateSide(store, shared) as side:
        side.step()
    upcoming = store.next_key()
    key = (store.key() if upcoming is None else upcoming).public
    show(
        as_json,
        {
            "folder": str(folder),
            "exchange": str(shared.folder),
            "signing_key": key.raw.hex(),
            "pseudonym": key.fingerprint,
        },
        [
            f"{folder} is ready, and its request is in {shared.folder / 'outbox'}.",
            f"In rounds you appear as {key.fingerprint}. Tell the operator this fingerprint: it is "
            "what gets approved.",
            f"Next: cefed gateway run {shared.folder}   (where there is a network)",
            f"      cefed node run {folder} --watch   (here)",
        ],
    )


def rotate(folder: Folder, as_json: AsJson = False) -> None:
    """Replace the node's key: the present one signs for the next, which waits for a certificate.

    Do it between rounds: a roster names keys. Example: cefed node rotate nodes/A01
    """
    store = NodeStore(folder)
    with PrivateSide(store) as side:
        upcoming = begin_rotation(store)
        side.step()
    show(
        as_json,
        {"next_key": upcoming.raw.hex(), "pseudonym": upcoming.fingerprint},
        [
            f"The request for the next key is in the outbox; its fingerprint is "
            f"{upcoming.fingerprint}.",
            "The present key stays in use until the coordinator's certificate for the next one "
            "came in.",
        ],
    )
