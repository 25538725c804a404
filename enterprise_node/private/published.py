"""A published release, checked by the node itself before it is believed.

The coordinator signs a release, and q trustees endorse it after they recomputed it from the
openings; a node asks for both. Whoever wants every condition runs ``cefed verify`` on the round's
bundle. SPEC.md section 4.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import cast

from enterprise_node.errors import ReleaseRefused
from protocols import closing
from protocols.ceremony import Ceremony
from protocols.errors import ProtocolError
from protocols.plan import Plan
from protocols.quorum import agreed, open_vote
from protocols.release import Release
from protocols.signing import VerifyKey, open_signed, statement_hash
from protocols.transcript import Receipt
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import MAX_SMALL, decode

Document = Mapping[str, object]

MAX_DOCUMENT_BYTES = 1 << 28


def check_release(
    posted: bytes,
    endorsements: Iterable[bytes],
    plan: Plan,
    ceremony: Ceremony,
    coordinator: VerifyKey,
) -> Document:
    """The document of a round's release.

    :param posted: the signed release; empty if there is none.
    :param endorsements: the trustees' signed endorsements.
    :raises ReleaseRefused: not there yet, signed by another key, or too few endorsements.
    """
    if not posted:
        raise ReleaseRefused(f"round {plan.round_id} has no release yet: try again later")
    try:
        statement = open_signed(posted, "release")
        if statement.signer != coordinator:
            raise ReleaseRefused("the release is not signed by the coordinator this node knows")
        votes = (open_vote(data, "endorsement", ceremony) for data in endorsements)
        content = agreed(
            (
                (who, decode(pb.Endorsement, vote.payload, MAX_SMALL).release_hash)
                for who, vote in votes
            ),
            ceremony,
            "release",
        )
        if content != statement_hash(posted):
            raise ReleaseRefused("the trustees endorsed another release than the one posted")
        release = Release.from_bytes(statement.payload, ceremony.key.public.modulus_bytes)
    except ProtocolError as error:
        raise ReleaseRefused(f"the release of round {plan.round_id} is refused: {error}") from error
    document = cast("Document", release.document)
    if document.get("plan_hash") != plan.hash.hex():
        raise ReleaseRefused("the release belongs to another plan")
    return document


def check_counted(
    closings: Iterable[bytes],
    plan: Plan,
    ceremony: Ceremony,
    receipt: Receipt,
    place: int,
    proof: Sequence[bytes],
) -> None:
    """Whether the trustees counted the contribution that a receipt is for.

    :param closings: the trustees' signed closing votes.
    :param place: where it is on the list of what is counted; ``proof`` shows it.
    :raises ReleaseRefused: that is not shown, or not enough votes are there.
    """
    try:
        statement = closing.tally(closings, plan, ceremony)
    except ProtocolError as error:
        raise ReleaseRefused(
            f"cannot tell whether this node's contribution was counted: {error}"
        ) from error
    try:
        statement.check_counted(receipt.payload_hash, place, proof)
    except ProtocolError as error:
        raise ReleaseRefused(
            f"this node has a receipt for place {receipt.index} of round {plan.round_id}, and "
            "nothing shows that the trustees counted it when they closed the round: keep the "
            "receipt and ask the trustees"
        ) from error


def read_release_file(path: Path, cohort: str) -> Document:
    """The document of one cohort in a ``release.json``, or in a file that holds one document.

    :raises ReleaseRefused: unreadable, or without this cohort.
    """
    try:
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise ReleaseRefused(f"{path} is larger than {MAX_DOCUMENT_BYTES} bytes")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ReleaseRefused(f"cannot read {path} as a release: {error}") from error
    if isinstance(content, dict):
        documents = content.get("cohorts", [content])
        for document in documents if isinstance(documents, list) else []:
            if isinstance(document, dict) and document.get("cohort") == cohort:
                return document
    raise ReleaseRefused(f"{path} holds no release of cohort {cohort!r}")
