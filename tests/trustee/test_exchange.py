"""One sealed step among trustees: who is convicted of lying, and who is not."""

from __future__ import annotations

import logging

import pytest

from protocols import closing, opening
from protocols.aggregate import Aggregates
from protocols.sealing import seal
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests.trustee.scene import Scene
from trustee.exchange import Exchange

BASIS = b"b" * 32


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


@pytest.fixture(scope="module")
def aggregates(scene: Scene) -> Aggregates:
    sent = [scene.contribution(number) for number in range(1, 7)]
    held = scene.held.ceremony
    return closing.recompute(scene.plan, scene.layout, scene.roster, held, sent).aggregates


def exchange(
    scene: Scene, aggregates: Aggregates, index: int, phase: str = "counts", *, lying: bool = False
) -> Exchange:
    labels = tuple(scene.layout.count_labels())
    holder = scene.holder(index, lying=lying)
    return Exchange(scene.terms(), holder, aggregates, phase, BASIS, labels)


def envelope(step: Exchange, recipient: int) -> bytes:
    """What ``step`` sends to another trustee."""
    return next(send.envelope for send in step.outgoing if send.recipient == recipient)


def hostile_envelopes(scene: Scene, aggregates: Aggregates) -> list[bytes]:
    """What may reach trustee 1 in the name of trustee 2, which does not lie."""
    key, trustees = scene.held.signing[1], scene.held.ceremony.trustees
    honest = exchange(scene, aggregates, 2)
    signed = decode(pb.SealedShares, decode(pb.Signed, envelope(honest, 1)).payload)
    bare = decode(pb.SealedEnvelope, signed.envelope)
    bare.ciphertext = bytes(len(bare.ciphertext))
    does_not_open = pb.SealedShares()
    does_not_open.CopyFrom(signed)
    does_not_open.envelope = encode(bare)
    elsewhere = pb.SealedShares()
    elsewhere.CopyFrom(signed)
    elsewhere.envelope = seal(trustees[0].sealing_key, b"shares", (b"another context",))
    return [
        b"",
        b"\xff" * 100,
        envelope(exchange(scene, aggregates, 2, "classes"), 1),
        envelope(honest, 3),
        envelope(exchange(scene, aggregates, 3), 1),
        envelope(exchange(Scene(round_id="round-2"), aggregates, 2), 1),
        scene.held.signing[2].sign("sealed", encode(signed)),
        key.sign("sealed", signed.envelope),
        key.sign("sealed", encode(does_not_open)),
        key.sign("sealed", encode(elsewhere)),
        opening.seal_shares(b"no set", scene.plan, "counts", trustees[1], trustees[0], key),
    ]


def test_nothing_that_others_can_make_convicts_an_honest_trustee(
    scene: Scene, aggregates: Aggregates, caplog: pytest.LogCaptureFixture
) -> None:
    step = exchange(scene, aggregates, 1)

    with caplog.at_level(logging.DEBUG):
        for hostile in hostile_envelopes(scene, aggregates):
            step.receive({2: hostile})
            step.receive({2: hostile})
            assert step.opened is None
    assert "OpeningFailed" not in caplog.text
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}
    # Each was looked at once.
    assert len(caplog.records) == len(hostile_envelopes(scene, aggregates))

    step.receive({2: envelope(exchange(scene, aggregates, 2), 1)})
    assert step.opened is not None


def test_a_share_whose_proof_fails_convicts_its_signer_for_good(
    scene: Scene, aggregates: Aggregates, caplog: pytest.LogCaptureFixture
) -> None:
    step = exchange(scene, aggregates, 1)

    step.receive({3: envelope(exchange(scene, aggregates, 3, lying=True), 1)})

    assert step.opened is None
    assert "wrong counts shares from trustee trustee-3, signed by it" in caplog.text
    step.receive({3: envelope(exchange(scene, aggregates, 3), 1)})
    assert step.opened is None
    step.receive({2: envelope(exchange(scene, aggregates, 2), 1)})
    assert step.opened is not None


def test_an_own_envelope_coming_back_is_no_share_of_another(
    scene: Scene, aggregates: Aggregates
) -> None:
    step = exchange(scene, aggregates, 1)

    step.receive({sender: envelope(step, 2) for sender in (0, 1, 2, 9)})

    assert step.opened is None
