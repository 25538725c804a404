"""Which rosters a trustee countersigns, and how it leaves a round."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from coordinator.board import Board
from protocols.enrolment import EnrolmentError, issue, revocation_list
from protocols.errors import PolicyRefusal
from protocols.notices import make_cancellation
from protocols.signing import VerifyKey
from protocols.terms import Description
from tests.trustee.scene import (
    COORDINATOR,
    NOW,
    YEAR,
    Direct,
    Scene,
    certificates,
    enterprise_id,
    new_service,
    run,
    run_again,
)
from trustee.agreement import TrusteeLimits
from trustee.client import Members
from trustee.errors import FolderError, SettingsError, StumbledError
from trustee.membership import see_roster
from trustee.refusals import Refusals
from trustee.rosters import Rosters, SeenRoster

REVOKED_NONE = revocation_list(COORDINATOR, [], now=NOW)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Scene()


def proposed(scene: Scene, path: Path) -> Board:
    return scene.board(path / "board.sqlite", opened=False)


def own_folder(path: Path, index: int) -> Path:
    return path / f"trustee-{index}"


def state(board: Board) -> str:
    return board.rounds()[0].state


def ids(scene: Scene) -> frozenset[str]:
    return frozenset(enterprise_id(member.key) for member in scene.roster.members)


def test_q_trustees_open_a_round(scene: Scene, tmp_path: Path) -> None:
    board = proposed(scene, tmp_path)

    run(board, [new_service(scene, board, i, tmp_path) for i in range(1, 5)])

    assert state(board) == "open"
    seen = Rosters(own_folder(tmp_path, 1)).find(scene.round_id)
    assert {member.enterprise_id for member in seen.members} == ids(scene)
    assert (seen.approved, seen.by_hand) == (NOW, False)


def test_fewer_leave_it_proposed(scene: Scene, tmp_path: Path) -> None:
    board = proposed(scene, tmp_path)
    services = [new_service(scene, board, i, tmp_path) for i in range(1, 5)]
    for trustee in services:
        trustee._notary._limits = TrusteeLimits(approve_by_hand=True)
    for trustee in services[:2]:
        trustee._notary._limits = TrusteeLimits()

    run(board, services)

    assert state(board) == "proposed"
    assert len(board.describe(scene.round_id)[2]) == 2


def test_a_person_approves(scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    board = proposed(scene, tmp_path)
    limits = TrusteeLimits(approve_by_hand=True)
    services = [new_service(scene, board, i, tmp_path, limits=limits) for i in range(1, 4)]
    run(board, services)
    assert board.describe(scene.round_id)[2] == []
    assert caplog.text.count("waits for a person") == 3

    for index in range(1, 4):
        rosters = Rosters(own_folder(tmp_path, index))
        rosters.approve(rosters.find(scene.round_id), NOW, by_hand=True)
    run(board, services)

    assert state(board) == "open"


def test_a_trustee_that_missed_the_vote_looks_before_it_closes(
    scene: Scene, tmp_path: Path
) -> None:
    board = scene.board(tmp_path / "board.sqlite")
    for number in range(1, 13):
        scene.submit(board, number)
    by_hand = TrusteeLimits(approve_by_hand=True)
    services = [new_service(scene, board, i, tmp_path) for i in (1, 2)]
    careful = new_service(scene, board, 3, tmp_path, limits=by_hand)

    assert run(board, [*services, careful]) == "closed"

    rosters = Rosters(own_folder(tmp_path, 3))
    rosters.approve(rosters.find(scene.round_id), NOW, by_hand=True)
    assert run(board, [*services, careful]) == "released"


def test_an_enterprise_that_nobody_knows_is_refused_and_said_once(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = proposed(scene, tmp_path)
    stranger = scene.roster.members[3].key
    known = dict.fromkeys(ids(scene) - {enterprise_id(stranger)}, frozenset[str]())
    limits = TrusteeLimits(known_enterprises=known)
    services = [new_service(scene, board, i, tmp_path, limits=limits) for i in range(1, 5)]

    run(board, services)

    assert state(board) == "proposed"
    refusals = board.refusals(scene.round_id)
    assert len(refusals) == 4
    for reason in refusals.values():
        assert reason.startswith("1 members of the roster are not enterprises")
        assert stranger.fingerprint in reason
        assert enterprise_id(stranger) not in reason
    (refusal,) = Refusals(own_folder(tmp_path, 1)).all()
    assert refusal.told

    # After a restart with the same limits it leaves again and says nothing new.
    services[0]._ledger.close()
    again = new_service(scene, board, 1, tmp_path, limits=limits)
    posts: list[bytes] = []
    monkeypatch.setattr(again._notary._board, "post", lambda _round, data: posts.append(data))
    run_again(board, [again, *services[1:]])
    assert again._left == {scene.round_id}
    assert posts == []


class Certified(Direct):
    """A coordinator that hands out these certificates."""

    found: Members

    def members(self, round_id: str) -> Members:
        return self.found


@pytest.mark.parametrize("defect", ["missing", "another issuer", "expired", "revoked", "group"])
def test_certificates_that_do_not_hold(
    scene: Scene, tmp_path: Path, defect: str, caplog: pytest.LogCaptureFixture
) -> None:
    board = proposed(scene, tmp_path)
    roster, now, revoked = scene.roster, NOW, REVOKED_NONE
    found = certificates(roster)
    if defect == "missing":
        found = found[1:]
    elif defect == "another issuer":
        found = certificates(roster, scene.held.signing[0])
    elif defect == "expired":
        now = NOW + 2 * YEAR
    elif defect == "revoked":
        revoked = revocation_list(COORDINATOR, [(2, NOW)], now=NOW)
    else:
        key = roster.members[0].key
        group = roster.members[1].group.upper()
        found = [*found[1:], certificate(key, enterprise_id(key), group, serial=20)]
    with pytest.raises(EnrolmentError):
        see_roster(scene.terms(), found, revoked, TrusteeLimits(), now=now)

    view = Certified(board, scene.held.signing[0].public)
    view.found = Members(tuple(found), revoked)
    services = [
        new_service(scene, board, 1, tmp_path, seen=view),
        *(new_service(scene, board, i, tmp_path) for i in (2, 3)),
    ]
    services[0]._notary._clock = lambda: now
    run(board, services)

    assert len(board.describe(scene.round_id)[2]) == 2
    (reason,) = board.refusals(scene.round_id).values()
    assert reason.endswith("a certificate of the roster does not hold; ask this trustee which")
    assert "left: EnrolmentError" in caplog.text


def certificate(key: VerifyKey, name: str, group: str, serial: int = 1) -> bytes:
    return issue(
        COORDINATOR, key, name, group, serial=serial, not_before=NOW - 9, not_after=NOW + YEAR
    )


def named(scene: Scene, prefix: str) -> Members:
    """Certificates for the roster's members in order, under made-up ids."""
    found = [
        certificate(m.key, f"{prefix}-{n}", f"group {n}", serial=n)
        for n, m in enumerate(scene.roster.members, start=1)
    ]
    return Members(tuple(found), REVOKED_NONE)


def test_an_approval_is_for_the_certificates_that_were_approved(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board = proposed(scene, tmp_path)
    view = Certified(board, scene.held.signing[0].public)
    view.found = named(scene, "REAL")
    limits = TrusteeLimits(approve_by_hand=True)
    trustee = new_service(scene, board, 1, tmp_path, limits=limits, seen=view)
    run(board, [trustee, *(new_service(scene, board, i, tmp_path) for i in (2, 3))])
    rosters = Rosters(own_folder(tmp_path, 1))
    rosters.approve(rosters.find(scene.round_id), NOW, by_hand=True)
    view.found = named(scene, "INVENTED")

    trustee.poll()

    seen = rosters.find(scene.round_id)
    assert seen.approved is None
    assert {member.enterprise_id[:8] for member in seen.members} == {"INVENTED"}
    assert "certificates changed" in caplog.text


def test_a_key_that_the_enterprise_told_is_demanded(scene: Scene) -> None:
    first, *_ = scene.roster.members
    known = {name: frozenset[str]() for name in ids(scene)}
    limits, found = TrusteeLimits(known_enterprises=known), certificates(scene.roster)

    def see() -> SeenRoster:
        return see_roster(scene.terms(), found, REVOKED_NONE, limits, now=NOW)

    known[enterprise_id(first.key)] = frozenset({first.key.fingerprint})
    assert len(see().members) == 12

    known[enterprise_id(first.key)] = frozenset({"f" * 16})
    with pytest.raises(PolicyRefusal, match=r"1 members .* another key") as refused:
        see()
    assert first.key.fingerprint in str(refused.value)
    assert enterprise_id(first.key) not in str(refused.value)


def test_another_key_for_an_id_waits_for_a_person(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "trustee-1"
    rosters = Rosters(path)
    path.mkdir()
    before = see_roster(
        Scene(title="before").terms(),
        named(scene, "E").certificates,
        REVOKED_NONE,
        TrusteeLimits(),
        now=NOW,
    )
    first, second, *rest = before.members
    swapped = (
        dataclasses.replace(first, fingerprint="0" * 16),
        dataclasses.replace(second, enterprise_id=second.enterprise_id.lower()),
        *rest,
    )
    rosters.approve(dataclasses.replace(before, members=swapped), NOW, by_hand=False)
    board = proposed(scene, tmp_path)
    view = Certified(board, scene.held.signing[0].public)
    view.found = named(scene, "E")
    known = {member.enterprise_id: frozenset[str]() for member in before.members}
    limits = TrusteeLimits(known_enterprises=known)
    trustee = new_service(scene, board, 1, tmp_path, limits=limits, seen=view)
    others = [new_service(scene, board, i, tmp_path) for i in (2, 3)]

    run(board, [trustee, *others])

    assert state(board) == "proposed"
    assert "1 of them with another key than before, waits for a person" in caplog.text
    (seen,) = [s for s in rosters.all() if s.plan == scene.plan.hash.hex()]
    assert rosters.changes(seen) == {first: ["0" * 16]}
    rosters.approve(seen, NOW, by_hand=True)
    assert run(board, [trustee, *others]) == "open"


def test_a_listed_key_needs_no_person(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "trustee-1").mkdir()
    rosters = Rosters(tmp_path / "trustee-1")
    found = named(scene, "E")
    before = see_roster(
        Scene(title="before").terms(), found.certificates, REVOKED_NONE, TrusteeLimits(), now=NOW
    )
    old = tuple(dataclasses.replace(m, fingerprint="0" * 16) for m in before.members)
    rosters.approve(dataclasses.replace(before, members=old), NOW, by_hand=False)
    known = {m.enterprise_id: frozenset({m.fingerprint}) for m in before.members}
    board = proposed(scene, tmp_path)
    view = Certified(board, scene.held.signing[0].public)
    view.found = found
    limits = TrusteeLimits(known_enterprises=known)
    first = new_service(scene, board, 1, tmp_path, limits=limits, seen=view)

    assert run(board, [first, *(new_service(scene, board, i, tmp_path) for i in (2, 3))]) == "open"


def test_a_round_that_was_left_is_not_entered_after_a_restart(scene: Scene, tmp_path: Path) -> None:
    board = proposed(scene, tmp_path)
    view = Certified(board, scene.held.signing[0].public)
    view.found = Members(tuple(certificates(scene.roster)[1:]), REVOKED_NONE)
    first = new_service(scene, board, 1, tmp_path, seen=view)
    others = [new_service(scene, board, i, tmp_path) for i in (2, 3)]
    run(board, [first, *others])
    assert len(board.refusals(scene.round_id)) == 1
    first._ledger.close()

    again = new_service(scene, board, 1, tmp_path)
    run_again(board, [again, *others])

    assert again._left == {scene.round_id}
    assert len(board.describe(scene.round_id)[2]) == 2


def test_a_coordinator_that_stumbles_hears_the_refusal_later(scene: Scene, tmp_path: Path) -> None:
    class Stumbling(Direct):
        stumbles = True

        def post(self, round_id: str, statement: bytes) -> None:
            if self.stumbles:
                raise StumbledError("disk full")
            super().post(round_id, statement)

    board = proposed(scene, tmp_path)
    limits = TrusteeLimits(refused_cohorts=("cohort-1",))
    view = Stumbling(board, scene.held.signing[0].public)
    first = new_service(scene, board, 1, tmp_path, limits=limits, seen=view)
    others = [new_service(scene, board, i, tmp_path) for i in (2, 3)]
    run(board, [first, *others])
    assert board.refusals(scene.round_id) == {}
    first._ledger.close()

    honest = new_service(scene, board, 1, tmp_path, limits=limits)
    honest.poll()

    (reason,) = board.refusals(scene.round_id).values()
    assert reason == "this trustee takes no part in rounds of cohort cohort-1"


def test_a_round_of_another_ceremony_is_left_without_a_word(
    scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Other(Direct):
        def describe(self, round_id: str) -> Description:
            found = super().describe(round_id)
            return Description(found.plan, found.roster, b"another", found.countersignatures)

    board = proposed(scene, tmp_path)
    view = Other(board, scene.held.signing[0].public)
    trustee = new_service(scene, board, 1, tmp_path, seen=view)

    run(board, [trustee])

    assert "left: KeyRefused" in caplog.text
    assert board.refusals(scene.round_id) == {}


def test_a_cancelled_proposal_is_left(scene: Scene, tmp_path: Path) -> None:
    board = proposed(scene, tmp_path)
    limits = TrusteeLimits(approve_by_hand=True)
    services = [new_service(scene, board, i, tmp_path, limits=limits) for i in range(1, 4)]
    run(board, services)
    notice = make_cancellation(scene.plan, NOW, "wrong period", COORDINATOR)
    board.announce(scene.round_id, notice)

    run(board, services)

    assert all(trustee._left == {scene.round_id} for trustee in services)


def test_two_plans_of_one_name_are_not_approved_by_name(scene: Scene, tmp_path: Path) -> None:
    rosters = Rosters(tmp_path)
    for each in (scene, Scene(title="The other")):
        rosters.keep(
            see_roster(
                each.terms(), certificates(each.roster), REVOKED_NONE, TrusteeLimits(), now=NOW
            )
        )

    with pytest.raises(SettingsError, match="2 plans"):
        rosters.find(scene.round_id)
    with pytest.raises(SettingsError, match="no roster"):
        rosters.find("elsewhere")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "cefed.trustee-roster/1"}'])
def test_a_damaged_memory_is_not_an_approval(scene: Scene, tmp_path: Path, content: str) -> None:
    rosters = Rosters(tmp_path)
    seen = see_roster(
        scene.terms(), certificates(scene.roster), REVOKED_NONE, TrusteeLimits(), now=NOW
    )
    rosters.keep(seen)
    (path,) = (tmp_path / "rosters").iterdir()
    assert json.loads(path.read_text())["approved"] is None
    path.write_text(content)

    with pytest.raises(FolderError):
        rosters.get(scene.plan.hash)


def test_a_stranger_is_named_by_pseudonym_only(scene: Scene) -> None:
    with pytest.raises(PolicyRefusal) as refused:
        see_roster(
            scene.terms(),
            certificates(scene.roster),
            REVOKED_NONE,
            TrusteeLimits(known_enterprises={}),
            now=NOW,
        )

    assert "12 members" in str(refused.value)
    assert "E-" not in str(refused.value)
