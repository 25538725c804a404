"""Too large, too often, too slow: refused before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coordinator.settings import OpenRates, Rates, TrusteeRates
from protocols.enrolment import enrolment_statement
from protocols.wire import service_pb2 as pb
from protocols.wire import service_pb2_grpc as rpc
from tests.cohort import COORDINATOR, member_key
from tests.coordinator.test_registry import invite
from tests.hostile.served import NOBODY, RIGHTFUL, Served, callers, serve
from tests.keys import signing_key
from tests.trustee.scene import Scene

# isort: split
import grpc

from protocols.service import tls

MIB = 1 << 20
SMALL, LARGE = 1 << 16, 64 * MIB + (1 << 16)
MOST = {
    "ListRounds": SMALL,
    "Describe": SMALL,
    "Read": SMALL,
    "Outcome": SMALL,
    "Masking": SMALL,
    "FetchSealed": SMALL,
    "Members": SMALL,
    "ReadPeers": SMALL,
    "Announce": 2 * SMALL,
    "PostPeer": 4 * MIB,
    "Submit": LARGE,
    "SubmitMasked": LARGE,
    "Post": LARGE,
    "SendSealed": LARGE,
    "CreateRound": LARGE,
}
"""Bytes that each call takes at most."""

SECONDS = 20.0
TOO_MUCH = "RESOURCE_EXHAUSTED"


def test_every_call_has_a_limit() -> None:
    assert set(MOST) == set(RIGHTFUL)


@pytest.mark.parametrize("method", sorted(MOST))
def test_a_message_over_its_calls_limit(served: Served, method: str) -> None:
    """One byte more than the limit, by the caller that may make the call."""
    key = callers(served.scene)[min(RIGHTFUL[method])]
    with plain_channel(served) as channel:
        call: Any = channel.unary_unary(f"/cefed.v1.Board/{method}")

        refused = served.unchanged(
            lambda: call(bytes(MOST[method] + 1), timeout=SECONDS, metadata=served.shown(key))
        )

    if MOST[method] == LARGE:  # the transport's own limit: the message is not even taken in
        assert refused[:2] == (TOO_MUCH, "")
    else:
        assert refused[:2] == ("INVALID_ARGUMENT", "MalformedMessage")
        assert f"at most {MOST[method]}" in refused[2]


def test_an_enrolment_over_its_limit(served: Served) -> None:
    with plain_channel(served) as channel:
        call: Any = channel.unary_unary("/cefed.v1.Admission/Enrol")

        refused = served.unchanged(lambda: call(bytes(2 * SMALL + 1), timeout=SECONDS))

    assert refused[:2] == ("INVALID_ARGUMENT", "MalformedMessage")


def test_a_contribution_that_is_larger_than_the_plans(served: Served, scene: Scene) -> None:
    """Within the call's limit, and larger than any contribution to this plan can be."""
    data = member_key(1).sign("contribution", bytes(MIB))
    request = pb.SubmitRequest(round_id=scene.round_id, contribution=data)

    assert served.refused("Submit", request, member_key(1)) == (
        "INVALID_ARGUMENT",
        "MalformedMessage",
    )


@pytest.mark.parametrize("timeout", [None, 620.0], ids=["none", "too long"])
@pytest.mark.parametrize("method", sorted(RIGHTFUL))
def test_a_call_without_a_fit_deadline(
    served: Served, asked: dict[str, Any], method: str, timeout: float | None
) -> None:
    key = callers(served.scene)[min(RIGHTFUL[method])]
    stub = getattr(rpc.BoardStub(served.channel), method)
    request = asked[method]

    def call() -> None:
        reply = stub(request, timeout=timeout, metadata=served.shown(key))
        list(reply) if method in ("Read", "FetchSealed") else reply

    status, _, text = served.unchanged(call)

    assert status == "INVALID_ARGUMENT"
    assert "a deadline of at most 600 seconds" in text


def test_an_enrolment_without_a_deadline(served: Served) -> None:
    statement = enrolment_statement(invite(served.registry), signing_key(50))
    stub = rpc.AdmissionStub(served.channel)

    refused = served.unchanged(lambda: stub.Enrol(pb.EnrolRequest(statement=statement)))

    assert refused[0] == "INVALID_ARGUMENT"


ALMOST_NONE: dict[str, Any] = {"calls_per_second": 0.001, "calls_burst": 2}


def test_too_many_calls_of_one_caller_leave_room_for_the_others(
    scene: Scene, tmp_path: Path
) -> None:
    limits: dict[str, Any] = {
        "member_rates": Rates(**ALMOST_NONE),
        "trustee_rates": TrusteeRates(**ALMOST_NONE),
    }
    ask = pb.ListRoundsRequest()
    with serve(scene, tmp_path, **limits) as running:
        for key in (member_key(1), running.trustees[0], COORDINATOR):
            running.call("ListRounds", ask, key)
            running.call("ListRounds", ask, key)
            assert running.refused("ListRounds", ask, key) == (TOO_MUCH, "LimitExceeded")
        # A contribution that comes too often is not taken either.
        submit = pb.SubmitRequest(round_id=scene.round_id, contribution=scene.contribution(1))
        assert running.refused("Submit", submit, member_key(1)) == (TOO_MUCH, "LimitExceeded")
        running.call("ListRounds", ask, member_key(2))
        running.call("ListRounds", ask, running.trustees[1])


def test_too_many_bytes_of_one_caller(scene: Scene, tmp_path: Path) -> None:
    rates = Rates(megabytes_per_second=0.000001, megabytes_burst=0.001)
    with serve(scene, tmp_path, member_rates=rates) as running:
        running.submit(1)  # the first is let through, and leaves a debt
        again = pb.SubmitRequest(
            round_id=scene.round_id, contribution=scene.contribution(1, version=2)
        )

        assert running.refused("Submit", again, member_key(1)) == (TOO_MUCH, "LimitExceeded")
        running.submit(2)


def test_an_address_that_guesses_at_invitations(scene: Scene, tmp_path: Path) -> None:
    with serve(scene, tmp_path, open_rates=OpenRates(**ALMOST_NONE)) as running:
        statement = enrolment_statement(invite(running.registry), signing_key(50))
        running.enrol(statement)
        running.enrol(statement)

        refused = running.unchanged(lambda: running.enrol(statement))

        assert refused[:2] == (TOO_MUCH, "LimitExceeded")
        running.call("ListRounds", pb.ListRoundsRequest(), member_key(1))


def test_a_flood_of_strangers_leaves_room_for_members(scene: Scene, tmp_path: Path) -> None:
    """Each with a key and a pass of its own: they are counted by the address they share."""
    ask = pb.ListRoundsRequest()
    with serve(scene, tmp_path) as running:
        keys = [signing_key(number, "flood") for number in range(100)]
        refused = [running.refused("ListRounds", ask, key) for key in keys]
        assert refused[0] == NOBODY
        assert set(refused) == {NOBODY, (TOO_MUCH, "LimitExceeded")}
        running.call("ListRounds", ask, member_key(1))


def plain_channel(served: Served) -> grpc.Channel:
    """A channel that sends whatever it is given, as no client of ours would."""
    options = (("grpc.max_send_message_length", -1), ("grpc.enable_http_proxy", 0))
    credentials = tls.channel_credentials(served.target.authority)
    return grpc.secure_channel(served.target.address, credentials, options=options)
