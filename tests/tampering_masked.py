"""Bundles of a certified round, tampered with, and the condition that must reject each.

As in :mod:`tests.tampering` the attacker signs as coordinator and trustees; here it may also be a
member.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache

from protocols import release
from protocols.federated import masked
from protocols.federated.keybook import root_of
from protocols.signing import open_signed
from protocols.walkthrough import Cast, Played, example_measures, run_round
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests.bundles import Bundle
from tests.keys import cast, trustees
from tests.masked_round import certified_plan
from tests.scenes import small_plan


@lru_cache(maxsize=1)
def scene() -> tuple[Cast, Played]:
    """The small plan, masked."""
    measures = example_measures()
    players = cast(trustees(), len(measures))
    return players, run_round(
        players, measures, lambda *frame: certified_plan(small_plan(*frame)), lambda _: None
    )


def missing_vector(b: Bundle) -> None:
    """The coordinator leaves a member out of the sum."""
    b.replace("masked", b.of_kind("masked")[1:])


def repeated_vector(b: Bundle) -> None:
    """A member counts twice."""
    b.replace("masked", [*b.of_kind("masked"), b.of_kind("masked")[0]])


def vector_for_another_certificate(b: Bundle) -> None:
    """A member's vector was made for other bands."""
    _again(b, basis=bytes(32))


def changed_vector(b: Bundle) -> None:
    """A member signs other words than those that the release was made of."""
    _again(b, words=bytes(len(_message(b).words)))


def foreign_vector(b: Bundle) -> None:
    """The coordinator signs a vector itself."""
    first, *rest = b.of_kind("masked")
    payload = open_signed(first, "masked").payload
    b.replace("masked", [b.cast.coordinator.sign("masked", payload), *rest])


def shares_of_sums(b: Bundle) -> None:
    """Trustees gave shares of something in a round whose sums are not encrypted."""
    place = b.first("release")
    b.entries.insert(place, ("sums", b.cast.trustees[0].sign("sums", b"")))


def opening_in_a_masked_round(b: Bundle) -> None:
    """Trustees opened a member's counts, and it is in the release."""
    b.open_too(b.played.layout.labels[0])


def other_round_keys(b: Bundle) -> None:
    """The trustees certify other round keys than were contributed."""
    changed = dataclasses.replace(b.played.certificate, masks_root=root_of([b"x"]))
    b.certify_again(changed)


def no_round_keys(b: Bundle) -> None:
    """The trustees certify none."""
    b.certify_again(dataclasses.replace(b.played.certificate, masks_root=b""))


def changed_figure(b: Bundle) -> None:
    """The coordinator publishes other figures than the vectors add up to."""
    document = dict(b.played.release.document)
    b.release_again(document=release.canonical_json(document | {"n": 17}))


def _message(b: Bundle) -> pb.Masked:
    return decode(pb.Masked, open_signed(b.of_kind("masked")[0], "masked").payload)


def _again(b: Bundle, **fields: bytes) -> None:
    """The first vector once more, by its own member."""
    first, *rest = b.of_kind("masked")
    message, signer = _message(b), open_signed(first, "masked").signer
    for name, value in fields.items():
        setattr(message, name, value)
    key = next(key for key in b.cast.members if key.public == signer)
    b.replace("masked", [key.sign(masked.KIND, encode(message)), *rest])


TAMPERINGS: dict[str, tuple[Callable[[Bundle], None], str]] = {
    "missing-vector": (missing_vector, "openings"),
    "repeated-vector": (repeated_vector, "openings"),
    "vector-for-another-certificate": (vector_for_another_certificate, "openings"),
    "foreign-vector": (foreign_vector, "openings"),
    "changed-vector": (changed_vector, "figures"),
    "shares-of-sums": (shares_of_sums, "openings"),
    "opening-in-a-masked-round": (opening_in_a_masked_round, "openings"),
    "other-round-keys": (other_round_keys, "round-keys"),
    "no-round-keys": (no_round_keys, "certificate-quorum"),
    "changed-figure": (changed_figure, "figures"),
}
