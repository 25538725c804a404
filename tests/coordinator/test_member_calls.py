"""A certified round through the calls that members make: places, masks, vectors, the outcome."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from coordinator.board import Board
from enterprise_node.gateway.client import CoordinatorClient, Summary
from enterprise_node.gateway.errors import CoordinatorRefused
from protocols.federated.masked import mask, read_masking
from protocols.passes import make_pass
from protocols.places import Place
from protocols.service.channel import Target
from protocols.signing import SigningKey
from protocols.transcript import open_receipt
from protocols.wire import service_pb2 as pb
from tests.cohort import COORDINATOR, NOW, Scene, member_key, values
from tests.coordinator.acting import Acting
from tests.coordinator.test_server import Running, start

MEMBERS = 12


@pytest.fixture(scope="module")
def certified() -> Scene:
    return Scene(certified=True)


@pytest.fixture(scope="module")
def running(certified: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A certified round with every contribution, up to its band certificate."""
    folder = tmp_path_factory.mktemp("coordinator")
    for made in start(certified, folder):
        board = made.server._board
        for number in range(1, MEMBERS + 1):
            certified.submit(board, number)
        acting = Acting(certified, board)
        for state, posts in (("closed", acting.closings), ("closed", acting.certificates)):
            wait_for(board, state)
            acting.post(posts()[:3])
        wait_for(board, "masking")
        yield made


def wait_for(board: Board, state: str) -> None:
    """Until the server's clerk has come to it."""
    until = time.monotonic() + 20
    while board.rounds()[0].state != state:
        assert time.monotonic() < until, f"still {board.rounds()[0].state}, not {state}"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def client(
    running: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CoordinatorClient]:
    authority = (running.folder / "tls" / "authority.pem").read_bytes()
    with CoordinatorClient(Target(running.server.address, authority)) as made:
        yield made


def bearer(key: SigningKey) -> bytes:
    return make_pass(key, COORDINATOR.public, now=NOW, lifetime=3600)


def summary(client: CoordinatorClient, key: SigningKey) -> Summary:
    (found,) = client.rounds(bearer(key))
    return found


def test_members_get_their_place_and_trustees_the_roster(
    running: Running, certified: Scene, client: CoordinatorClient
) -> None:
    request = pb.DescribeRequest(round_id=certified.round_id)
    told = client.describe(bearer(member_key(4)), certified.round_id)
    place = Place.from_bytes(told.place.SerializeToString())
    place.check(certified.plan)
    assert place.member(member_key(4).public).key == member_key(4).public
    assert told.roster == b""
    for key in (running.trustee, COORDINATOR):
        reply = running.call("Describe", request, key)
        assert reply.roster == certified.roster.to_bytes()
        assert not reply.HasField("place")


def test_a_member_that_is_not_on_the_roster_is_told_nothing(
    running: Running, certified: Scene, client: CoordinatorClient
) -> None:
    key = member_key(40)
    running.registry.admit_many([(key.public, "id-40", "group-40")])
    with pytest.raises(CoordinatorRefused, match="not on the roster"):
        client.describe(bearer(key), certified.round_id)
    with pytest.raises(CoordinatorRefused, match="not on the roster"):
        client.outcome(bearer(key), certified.round_id, None)
    with pytest.raises(CoordinatorRefused):
        client.masking(bearer(key), certified.round_id)
    assert not summary(client, key).masking


def masked(certified: Scene, client: CoordinatorClient, number: int) -> bytes:
    """A member's vector, from what the call gives it."""
    key = member_key(number)
    reply = pb.MaskingReply.FromString(client.masking(bearer(key), certified.round_id))
    own = certified.round_key(number, key)
    terms = read_masking(reply, certified.plan, certified.held.ceremony, key.public, own)
    return mask(terms, values(number), certified.secret_key(number), key)


def test_nobody_brings_anothers_vector(certified: Scene, client: CoordinatorClient) -> None:
    data = masked(certified, client, 2)
    with pytest.raises(CoordinatorRefused, match="who sends it"):
        client.submit_masked(bearer(member_key(1)), certified.round_id, data)
    with pytest.raises(CoordinatorRefused):
        client.submit_masked(bearer(member_key(1)), certified.round_id, b"nonsense")
    assert summary(client, member_key(2)).masking


def test_masks_are_asked_for_until_they_came_and_the_outcome_follows(
    running: Running, certified: Scene, client: CoordinatorClient
) -> None:
    board = running.server._board
    with pytest.raises(CoordinatorRefused, match="no outcome"):
        client.outcome(bearer(member_key(1)), certified.round_id, None)
    for number in range(1, MEMBERS + 1):
        key = member_key(number)
        assert summary(client, key).masking
        data = masked(certified, client, number)
        first = client.submit_masked(bearer(key), certified.round_id, data)
        assert client.submit_masked(bearer(key), certified.round_id, data) == first
        open_receipt(first, COORDINATOR.public, round_id=certified.round_id)
        assert not summary(client, key).masking
    wait_for(board, "pending")
    acting = Acting(certified, board)
    acting.post(acting.endorsements()[:3])
    assert summary(client, member_key(1)).state == "released"
    told = client.outcome(bearer(member_key(1)), certified.round_id, None)
    reply = pb.OutcomeReply.FromString(told)
    assert reply.release
    assert reply.HasField("counted")
