"""Nobody speaks for another: members, trustees, and keys whose time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coordinator.registry import Registry
from coordinator.store import Store, Verdict
from protocols.notices import roster_vote
from protocols.passes import METADATA_KEY, make_pass
from protocols.signing import SigningKey, open_signed
from protocols.wire import messages_pb2 as wire
from protocols.wire import service_pb2 as pb
from protocols.wire.codec import encode
from tests.cohort import COORDINATOR, NOW, member_key
from tests.hostile.served import NOBODY, REFUSED, Served, requests, serve
from tests.keys import signing_key
from tests.trustee.scene import Scene

# isort: split
import grpc

OUTSIDER = signing_key(77)
"""A member of another cohort: enrolled, and not on the scene's roster."""

OTHER_TRUSTEE = signing_key(9, "another cohort's trustee")
PATIENCE = 30.0


def submission(scene: Scene, data: bytes) -> pb.SubmitRequest:
    return pb.SubmitRequest(round_id=scene.round_id, contribution=data)


def renamed(data: bytes, key: SigningKey) -> bytes:
    """A statement with another signer's name on it."""
    signed = wire.Signed.FromString(data)
    signed.signer = key.public.raw
    return encode(signed)


def taken_over(data: bytes, key: SigningKey) -> bytes:
    """The content of a contribution under one's own signature: ciphertexts, proof and all."""
    return key.sign("contribution", open_signed(data, "contribution").payload)


A, B = member_key(1), member_key(2)

FORGERIES: dict[str, tuple[Callable[[Scene], bytes], SigningKey]] = {
    "A's pass, B's contribution": (lambda scene: scene.contribution(2), A),
    "A's signature, B's name, A's pass": (lambda scene: renamed(scene.contribution(1), B), A),
    "A's signature, B's name, B's pass": (lambda scene: renamed(scene.contribution(1), B), B),
    "signed by a trustee": (lambda scene: scene.contribution(1, scene.held.signing[0]), A),
    "a member of another cohort": (lambda scene: scene.contribution(1, OUTSIDER), OUTSIDER),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_node_that_speaks_for_another(served: Served, scene: Scene, forgery: str) -> None:
    served.registry.admit_many([(OUTSIDER.public, "another enterprise", "another group")])
    make, sender = FORGERIES[forgery]

    assert served.refused("Submit", submission(scene, make(scene)), sender) == REFUSED


def test_another_members_ciphertexts_under_ones_own_name_count_for_nobody(
    scene: Scene, tmp_path: Path
) -> None:
    """The copy is durable, since its envelope is in order; its proof is the victim's."""
    with serve(scene, tmp_path) as running:
        data = running.submit(2)
        running.call("Submit", submission(scene, taken_over(data, A)), A)

        verdicts = examined(running, 2)

    assert [verdict.valid for verdict in verdicts] == [True, False]
    assert verdicts[1].reason.startswith("InvalidProof")


def test_a_contribution_for_another_round(served: Served, scene: Scene) -> None:
    other = Scene(round_id="round-2", members=scene.members).contribution(1)

    refused = served.refused("Submit", submission(scene, other), A)

    assert refused == ("FAILED_PRECONDITION", "PlanError")


def test_a_trustee_that_votes_for_another(served: Served, scene: Scene) -> None:
    vote = roster_vote(scene.plan, scene.roster, served.trustees[3])
    request = pb.PostRequest(round_id=scene.round_id, statement=vote)
    forged = pb.PostRequest(round_id=scene.round_id, statement=renamed(vote, served.trustees[0]))

    assert served.refused("Post", request, served.trustees[0]) == REFUSED
    assert served.refused("Post", forged, served.trustees[0]) == REFUSED


def test_a_member_and_the_operator_cannot_vote(served: Served, scene: Scene) -> None:
    for key in (A, COORDINATOR):
        vote = roster_vote(scene.plan, scene.roster, key)
        request = pb.PostRequest(round_id=scene.round_id, statement=vote)

        assert served.refused("Post", request, key) == REFUSED
        # Not even when a trustee hands it in.
        assert served.refused("Post", request, served.trustees[3]) == REFUSED


@pytest.mark.parametrize("method", ["Post", "FetchSealed", "SendSealed", "PostPeer"])
def test_a_registered_trustee_of_other_rounds(served: Served, scene: Scene, method: str) -> None:
    served.registry.add_trustee(OTHER_TRUSTEE.public, "of another cohort")
    request = requests(scene)[method]
    if method == "Post":
        request.statement = roster_vote(scene.plan, scene.roster, OTHER_TRUSTEE)
    elif method == "PostPeer":
        question = wire.LedgerQuestion(key_id=scene.held.ceremony.key_id, nonce=b"n" * 32)
        request.statement = OTHER_TRUSTEE.sign("ledger-question", encode(question))

    assert served.refused(method, request, OTHER_TRUSTEE) == REFUSED


@pytest.mark.parametrize("method", ["FetchSealed", "SendSealed"])
def test_a_trustee_at_anothers_envelopes(served: Served, scene: Scene, method: str) -> None:
    """The requests are trustee 4's, every other trustee makes them."""
    for key in served.trustees[:3]:
        assert served.refused(method, requests(scene)[method], key) == REFUSED


def test_a_trustee_that_answers_in_anothers_name(served: Served, scene: Scene) -> None:
    question = requests(scene)["PostPeer"]

    assert served.refused("PostPeer", question, served.trustees[0]) == REFUSED
    before = served.call(
        "ReadPeers", pb.ReadPeersRequest(key_id=scene.held.ceremony.key_id), served.trustees[0]
    )
    assert question.statement not in before.statements


def test_a_revoked_node(scene: Scene, tmp_path: Path) -> None:
    """By the operator's command, in another process, while the pass is valid and known."""
    key = member_key(3)
    with serve(scene, tmp_path) as running:
        kept = running.submit(3)
        bearer = make_pass(key, COORDINATOR.public, now=NOW, lifetime=3600)
        shown = ((METADATA_KEY, bearer),)
        running.call("ListRounds", pb.ListRoundsRequest(), None, shown=shown)

        elsewhere = Store(running.store.url)
        operator = Registry(elsewhere.engine, COORDINATOR, clock=running.clock)
        (row,) = operator.find(key.public.fingerprint)
        operator.revoke(row, "key compromised")
        elsewhere.close()
        wait_until_revoked(running, key)

        for method, request in requests(scene).items():
            assert running.refused(method, request, None, shown=shown) == NOBODY
        correction = submission(scene, scene.contribution(3, version=2))
        assert running.refused("Submit", correction, key) == NOBODY
        # Another member's pass does not help it.
        assert running.refused("Submit", correction, A) == REFUSED
        assert kept in [entry.payload for entry in running.store.read(scene.round_id)]


def test_a_revoked_node_whose_pass_was_looked_at_before_the_revocation(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board asks once more before it takes a contribution."""
    key = member_key(3)
    with serve(scene, tmp_path) as running:
        standing = running.registry.standing(key.public)
        (row,) = running.registry.find(key.public.fingerprint)
        running.registry.revoke(row, "key compromised")
        monkeypatch.setattr(running.registry, "standing", lambda _: standing)
        request = submission(scene, scene.contribution(3))

        status, name, text = running.unchanged(lambda: running.call("Submit", request, key))

    assert (status, name) == REFUSED
    assert "was revoked" in text


def examined(running: Served, count: int) -> list[Verdict]:
    """The verdicts on the round's contributions, once there are so many."""
    until = time.monotonic() + PATIENCE
    while len(found := running.store.verdicts(running.scene.round_id)) < count:
        assert time.monotonic() < until, "not examined"
        time.sleep(0.02)
    return found


def wait_until_revoked(running: Served, key: SigningKey) -> None:
    """Until the serving process has seen what another one wrote."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            running.call("ListRounds", pb.ListRoundsRequest(), key)
        except grpc.RpcError:
            return
        assert time.monotonic() < until, "still admitted"
        time.sleep(0.05)
