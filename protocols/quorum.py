"""Agreement of trustees: q distinct ones signed the same bytes."""

from __future__ import annotations

from collections.abc import Iterable

from protocols.ceremony import Ceremony, Trustee
from protocols.errors import InvalidSignature, QuorumMissing
from protocols.signing import Statement, open_signed


def open_vote(data: bytes, kind: str, ceremony: Ceremony) -> tuple[Trustee, Statement]:
    """A trustee's signed statement of ``kind``. :raises InvalidSignature: not by a trustee."""
    statement = open_signed(data, kind)
    return ceremony.trustee(statement.signer), statement


def agreed(votes: Iterable[tuple[Trustee, bytes]], ceremony: Ceremony, what: str) -> bytes:
    """The content that at least q different trustees voted for.

    :param votes: who voted, and the content that must be the same for all.
    :param what: the statement's name, for messages.
    :raises InvalidSignature: one trustee voted for two contents.
    :raises QuorumMissing: no content has q votes.
    """
    choice: dict[int, bytes] = {}
    for trustee, content in votes:
        if choice.setdefault(trustee.index, content) != content:
            raise InvalidSignature(f"trustee {trustee.name} signed two different {what}s")
    contents = list(choice.values())
    best = max(contents, key=contents.count, default=b"")
    count = contents.count(best)
    if count < ceremony.closing_quorum:
        raise QuorumMissing(
            f"{what}: {count} of {len(ceremony.trustees)} trustees signed the same one, "
            f"{ceremony.closing_quorum} needed"
        )
    return best
