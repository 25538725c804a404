"""Whoever is nobody to the coordinator gets no answer but its refusal, to no call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from protocols.passes import METADATA_KEY, make_pass
from protocols.signing import SigningKey
from protocols.wire import messages_pb2 as wire
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import encode
from tests.cohort import COORDINATOR, NOW, member_key
from tests.hostile.served import (
    NOBODY,
    REFUSED,
    RIGHTFUL,
    STRANGER,
    Served,
    callers,
    serve,
    told,
)
from tests.trustee.scene import Scene

# isort: split
import grpc

CALLS = sorted(RIGHTFUL)
HOUR, DAY = 3600, 86_400
NOT_YET = ("SendSealed", "Outcome", "Masking", "SubmitMasked")
"""Calls that no round answers before its closing."""


def test_every_call_is_here() -> None:
    service = pb.DESCRIPTOR.services_by_name["Board"]

    assert sorted(method.name for method in service.methods) == CALLS


@pytest.mark.parametrize("method", CALLS)
def test_an_unenrolled_client(served: Served, asked: dict[str, Any], method: str) -> None:
    assert served.refused(method, asked[method], STRANGER) == NOBODY


@pytest.mark.parametrize("method", CALLS)
def test_a_client_without_a_pass(served: Served, asked: dict[str, Any], method: str) -> None:
    assert served.refused(method, asked[method]) == NOBODY


@pytest.mark.parametrize("method", CALLS)
def test_a_client_whose_pass_has_expired(
    served: Served, asked: dict[str, Any], method: str
) -> None:
    key = callers(served.scene)[min(RIGHTFUL[method])]
    old = make_pass(key, COORDINATOR.public, now=NOW - 2 * HOUR, lifetime=HOUR)

    status, name, text = served.unchanged(
        lambda: served.call(method, asked[method], None, shown=((METADATA_KEY, old),))
    )

    assert (status, name) == NOBODY
    assert text.startswith("the pass expired 60 minutes ago")


@pytest.mark.parametrize(
    ("method", "standing"),
    [
        (method, standing)
        for method in CALLS
        for standing in ("member", "trustee", "operator")
        if standing not in RIGHTFUL[method]
    ],
)
def test_calls_that_are_anothers_to_make(
    served: Served, asked: dict[str, Any], method: str, standing: str
) -> None:
    key = callers(served.scene)[standing]

    assert served.refused(method, asked[method], key) == REFUSED


def test_the_same_requests_by_their_rightful_callers(
    scene: Scene, asked: dict[str, Any], tmp_path: Path
) -> None:
    """The refusals above are the callers' doing, not the requests'."""
    with serve(scene, tmp_path) as running:
        for method in CALLS:
            for standing in sorted(RIGHTFUL[method]):
                key = callers(scene)[standing]
                if method in NOT_YET:
                    with pytest.raises(grpc.RpcError) as caught:
                        running.call(method, asked[method], key)
                    assert told(caught.value)[1] == "PolicyRefusal"
                    continue
                running.call(method, asked[method], key)


def altered(pass_: bytes) -> bytes:
    """Its signature with one bit changed."""
    signed = wire.Signed.FromString(pass_)
    signed.signature = signed.signature[:-1] + bytes([signed.signature[-1] ^ 1])
    return encode(signed)


def renamed(pass_: bytes, key: SigningKey) -> bytes:
    """Signed by one, and said to be another's."""
    signed = wire.Signed.FromString(pass_)
    signed.signer = key.public.raw
    return encode(signed)


PASSES = {
    "for another coordinator": "another coordinator",
    "from a clock an hour ahead": "in the future",
    "for too long": "1 to 2678400 seconds",
    "altered": "not a pass",
    "a stranger's, in a member's name": "not a pass",
    "another statement of a member": "not a pass",
    "two at once": "shows no pass",
    "too large": "shows no pass",
}


def bad_pass(kind: str, scene: Scene) -> list[bytes]:
    key, here = member_key(1), COORDINATOR.public
    good = make_pass(key, here, now=NOW, lifetime=HOUR)
    long = wire.Pass(coordinator=here.raw, not_before=NOW, expires=NOW + 32 * DAY)
    made = {
        "for another coordinator": make_pass(key, STRANGER.public, now=NOW, lifetime=HOUR),
        "from a clock an hour ahead": make_pass(key, here, now=NOW + HOUR, lifetime=HOUR),
        "for too long": key.sign("pass", encode(long)),
        "altered": altered(good),
        "a stranger's, in a member's name": renamed(
            make_pass(STRANGER, here, now=NOW, lifetime=HOUR), key
        ),
        "another statement of a member": key.sign("contribution", b""),
        "too large": good + bytes(2000),
    }
    return [good, good] if kind == "two at once" else [made[kind]]


@pytest.mark.parametrize("kind", PASSES)
def test_what_is_no_pass(served: Served, scene: Scene, kind: str) -> None:
    shown = tuple((METADATA_KEY, data) for data in bad_pass(kind, scene))
    request = pb.SubmitRequest(round_id=scene.round_id, contribution=scene.contribution(1))

    status, name, text = served.unchanged(lambda: served.call("Submit", request, None, shown=shown))

    assert (status, name) == NOBODY
    assert PASSES[kind] in text


def test_a_members_pass_ends_with_its_certificate(tmp_path: Path) -> None:
    scene = Scene(deadline=NOW + 5 * 366 * DAY)
    with serve(scene, tmp_path) as running:
        running.call("ListRounds", pb.ListRoundsRequest(), member_key(1))
        running.clock.now = NOW + 4 * 366 * DAY

        assert running.refused("ListRounds", pb.ListRoundsRequest(), member_key(1)) == NOBODY
        running.call("ListRounds", pb.ListRoundsRequest(), scene.held.signing[0])
