"""Private side and gateway against a real coordinator over TLS."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.registry_rows import MemberState
from enterprise_node.exchange import Envelope
from enterprise_node.gateway import cli as gateway
from enterprise_node.gateway.client import CoordinatorClient
from enterprise_node.gateway.errors import CoordinatorRefused, CoordinatorUnreachable, NotAdmitted
from enterprise_node.private.enrolling import Choices, enrol, settle_gateway
from enterprise_node.private.side import approve_round
from protocols.notices import make_cancellation, make_deadline
from protocols.passes import make_pass
from protocols.service import tls
from protocols.service.channel import Target
from protocols.signing import statement_hash
from protocols.transcript import open_receipt
from sim.nodes import Task
from sim.worker import take_part
from tests import keys
from tests.enterprise_node.live import serving
from tests.enterprise_node.scene import COORDINATOR, ROUND, Scene, make_scene
from tests.enterprise_node.test_identity import invitation


def test_a_contribution_and_its_receipt(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live:
        assert [event.kind for event in live.turn()] == ["contributed", "receipt"]
        assert live.turn(1) == []
        (logged,) = live.logged()
    kept = scene.store.round(ROUND).last_receipt() or b""
    receipt = open_receipt(kept, COORDINATOR.public, round_id=ROUND)
    assert receipt.payload_hash == logged


def test_a_repeated_submission_gets_the_same_receipt(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live, CoordinatorClient(live.target) as client:
        live.turn(1)
        data = scene.store.round(ROUND).contribution(1) or b""
        bearer = scene.exchange.outbox.get("pass")
        assert bearer is not None
        receipts = {client.submit(bearer.payload, ROUND, data) for _ in range(3)}
        assert len(receipts) == 1
        (path,) = scene.exchange.outbox.folder.glob("contribution*")
        assert Envelope.from_bytes(path.read_bytes()).payload == data
        assert [e.kind for e in live.turn(1)] == ["receipt"]
        assert live.logged() == [statement_hash(data)]


def test_a_correction_reaches_the_log_as_the_next_version(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live:
        live.turn()
        approve_round(scene.store, ROUND, int(scene.clock()), correct=True)
        assert [event.kind for event in live.turn()] == ["contributed", "receipt"]
        assert len(live.logged()) == 2
    assert scene.store.round(ROUND).receipts() == [1, 2]


def test_a_node_restored_from_before_its_contribution(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live:
        live.turn()
        folder = scene.store.round(ROUND)
        folder.drop("receipt-1")
        events = live.turn()
        assert "restored from an old backup" in " ".join(event.text for event in events)
        assert len(live.logged()) == 1
        approve_round(scene.store, ROUND, int(scene.clock()), correct=True)
        assert "receipt" in [event.kind for event in live.turn()]
        assert len(live.logged()) == 2


def test_enrolment_over_the_wire(tmp_path: Path) -> None:
    made = make_scene(tmp_path)
    with serving(made, tmp_path, admitted=False) as live:
        invited = invitation(expires=4_000_000_000)
        live.registry.invite(invited, "A01")
        store = enrol(tmp_path / "enrolled", invited, Choices(), 1_800_000_000)
        live.scene = Scene(store, store.exchange(), made.plan, made.roster, made.desk)
        assert "waiting" in live.turn(1)[0].text
        assert store.certificate() is None
        (row,) = live.registry.members(MemberState.WAITING)
        assert row.key == store.key().public
        live.registry.approve(row)
        assert [event.kind for event in live.turn()] == ["certificate"]
        assert live.turn(1) == []


def test_a_revoked_node_hears_of_it_and_gets_nothing_through(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live:
        (row,) = live.registry.find("A01")
        live.registry.revoke(row, "key lost")
        live.registry.standing(row.key)
        scene.step()
        bearer = scene.exchange.outbox.get("pass")
        assert bearer is not None
        with (
            CoordinatorClient(live.target) as client,
            pytest.raises((NotAdmitted, CoordinatorRefused)),
        ):
            client.rounds(bearer.payload)
        events = live.turn()
        assert [event.kind for event in events] == ["notice"]
        assert live.logged() == []


def test_a_revoked_node_is_enrolled_again_in_its_old_folder(tmp_path: Path) -> None:
    """Its operator rejects the new key by mistake at first, and approves it after all."""
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live:
        (row,) = live.registry.find("A01")
        scene.store.certificate_path.write_bytes(live.registry.certificates([row.key])[0])
        live.turn()
        live.registry.revoke(row, "key lost")
        invited = invitation(expires=4_000_000_000)
        live.registry.invite(invited, "A01")
        enrol(scene.store.folder, invited, Choices(), 1_800_000_000)
        live.turn(1)
        (row,) = live.registry.members(MemberState.WAITING)
        live.registry.reject(row, "the fingerprint was misread")
        assert "misread" in " ".join(event.text for event in live.turn(1))
        (row,) = live.registry.members(MemberState.REJECTED)
        live.registry.approve(row)
        assert "certificate" in [event.kind for event in live.turn(1)]
    assert scene.store.key().public == row.key
    assert scene.store.ledger.verify(row.key) > 0
    assert scene.store.commitments.held("2020") is not None


def test_a_round_that_is_announced_about(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path, opened=False) as live:
        assert "countersigned" in live.turn(1)[0].text
        now = int(scene.clock())
        moved = make_deadline(scene.plan, now, scene.plan.deadline + 10, "holidays", COORDINATOR)
        live.board.announce(ROUND, moved)
        live.turn(1)
        offer = scene.store.round(ROUND).offer()
        assert offer is not None
        assert offer.notices == (moved,)
        live.board.announce(ROUND, make_cancellation(scene.plan, now, "again", COORDINATOR))
        assert "cancelled by the coordinator: again" in live.turn(1)[-1].text


def test_another_authority_is_not_believed(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    tls.create_authority(tmp_path / "other", ["127.0.0.1"])
    other = (tmp_path / "other" / "authority.pem").read_bytes()
    with serving(scene, tmp_path) as live:
        target = Target(live.target.address, other)
        with pytest.raises(CoordinatorUnreachable, match="TLS failed"):
            live.turn(1, target)
        with pytest.raises(CoordinatorUnreachable):
            live.turn(1, Target(live.target.address, None, True))


def test_somebody_elses_pass_lets_nobody_contribute(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live, CoordinatorClient(live.target) as client:
        live.turn(1)
        data = scene.store.round(ROUND).contribution(1) or b""
        other = keys.signing_key(1)
        bearer = make_pass(other, COORDINATOR.public, now=int(scene.clock()), lifetime=100)
        with pytest.raises(CoordinatorRefused) as caught:
            client.submit(bearer, ROUND, data)
        assert caught.value.reason_name == "InvalidSignature"
        assert live.logged() == []


def test_a_simulations_node_is_this_node(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    with serving(scene, tmp_path) as live, CoordinatorClient(live.target) as client:
        folder = str(scene.store.folder)
        first = take_part(client, Task.CONTRIBUTE, ROUND, folder, b"")
        again = take_part(client, Task.CONTRIBUTE, ROUND, folder, b"")
        other = take_part(client, Task.CONTRIBUTE, "unknown", folder, b"")
    assert (first["error"], again["error"]) == (None, None)
    assert first["sent"] > 5_000
    assert again["sent"] == 0
    assert "unknown" in other["error"]
    assert scene.store.round(ROUND).receipts() == [1]


def test_the_gateways_commands_end_by_what_the_coordinator_says(tmp_path: Path) -> None:
    scene = make_scene(tmp_path)
    folder = str(scene.exchange.folder)
    with serving(scene, tmp_path) as live:
        authority = (live.target.authority or b"").decode()
        settle_gateway(scene.exchange, live.target.address, authority)
        scene.step()
        assert CliRunner().invoke(gateway.app, ["check", folder]).exit_code == 0
        done = CliRunner().invoke(gateway.app, ["run", folder, "--once"])
        assert done.exit_code == 0, done.output
        (row,) = live.registry.find("A01")
        live.registry.revoke(row, "key lost")
        live.registry.standing(row.key)
        assert CliRunner().invoke(gateway.app, ["check", folder]).exit_code == 7
        done = CliRunner().invoke(gateway.app, ["run", folder, "--once"])
        assert done.exit_code == 7
        assert "refused: " in done.stderr
        request = Envelope("enrolment", "", b"a request that is under way")
        scene.exchange.outbox.put(request)
        assert CliRunner().invoke(gateway.app, ["check", folder]).exit_code == 0
