"""A coordinator that chooses groups, atoms, names and the order of messages; nothing leaks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from coordinator.desk import Desk
from protocols.atom_classes import CORRECTED, INCOMPARABLE
from protocols.atoms import NOTHING_DECLARED, Declared
from protocols.certificate import BandCertificate
from protocols.differencing import Decision
from protocols.enrolment import issue
from protocols.plan import Plan
from protocols.signing import open_signed
from tests.trustee import scene as scenes
from tests.trustee.releases import Rounds
from tests.trustee.scene import COORDINATOR, NOW, YEAR, Scene, enterprise_id, member_key, values

LEFT, ACCOMPLICE = 12, 13
ANYTHING = Decision((), (), frozenset(), needs_fresh=False, totals_only=False)


def all_at(scene: Scene, rounds: Rounds) -> dict[int, str]:
    """Each trustee's own certificate in the log: why it withholds, empty if it publishes."""
    trustees = [key.public for key in scene.held.signing]
    found = {}
    for entry in rounds.board.read(scene.round_id, 0):
        if entry.kind == "certificate":
            statement = open_signed(entry.payload, "certificate")
            certificate = BandCertificate.from_bytes(statement.payload)
            found[trustees.index(statement.signer) + 1] = certificate.withheld
    return found


# Groups


def test_a_false_group_hides_no_leaver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The accomplice's certificate names the group of the one that left."""

    def certificates(roster: Any, issuer: Any = COORDINATOR) -> list[bytes]:
        of_victim = member_key(LEFT).public.fingerprint
        return [
            issue(
                issuer,
                member.key,
                enterprise_id(member.key),
                of_victim if member.key == member_key(ACCOMPLICE).public else member.group,
                serial=serial,
                not_before=NOW - 1000,
                not_after=NOW + YEAR,
            )
            for serial, member in enumerate(roster.members, 1)
        ]

    monkeypatch.setattr(scenes, "certificates", certificates)
    monkeypatch.setattr("coordinator.clerk.decide_closing", lambda *_: ANYTHING)
    monkeypatch.setattr("coordinator.clerk.declare", lambda _: NOTHING_DECLARED)
    monkeypatch.setattr("coordinator.board.check_roster", lambda *_: None)
    first = Scene()
    second = Scene(round_id="round-2", period="2021", numbers=(*range(1, LEFT), ACCOMPLICE))
    rounds = Rounds(tmp_path, first, second)

    assert rounds.play(first) == "released"
    assert rounds.play(second) == "closed"
    refusals = rounds.board.refusals(second.round_id)
    assert len(refusals) == 4
    assert all("1 enterprise of round-1" in text for text in refusals.values())
    assert all("replaced by another of the group" in text for text in refusals.values())


# Atoms


@pytest.mark.parametrize("pick", [{12, 1, 2, 3, 4}, {1, 2, 3, 4, 5, 6}])
def test_atoms_of_the_coordinators_choice_are_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pick: set[int]
) -> None:
    """Else the certificate says whether one of any five dominates, and trustees see their sizes."""
    scene = Scene()
    numbers = {member_key(number).public.raw: number for number in scene.numbers}
    chosen: list[Declared] = []

    def decide(desk: Desk, included: list[bytes], *_: Any) -> Decision:
        signers = {item.hash: numbers[item.member.raw] for item in desk.contributions}
        inside = [place for place, digest in enumerate(included) if signers[digest] in pick]
        outside = [place for place in range(len(included)) if place not in inside]
        chosen.append(Declared(tuple(sorted((tuple(inside), tuple(outside))))))
        return ANYTHING

    monkeypatch.setattr("coordinator.clerk.decide_closing", decide)
    monkeypatch.setattr("coordinator.clerk.declare", lambda _: chosen[-1])
    rounds = Rounds(tmp_path, scene)

    assert rounds.play(scene) == "closed"
    refusals = rounds.board.refusals(scene.round_id)
    assert len(refusals) == 4
    assert all("declares finer atoms" in text for text in refusals.values())
    assert not list(rounds.board._store.sealed(scene.round_id, 1, "counts"))


# Corrections


class OtherPlan(Scene):
    """A later round over more members, whose plan calls or classes something differently."""

    def __init__(self, **changes: Any) -> None:
        self.changes = changes
        super().__init__(round_id="round-2", numbers=tuple(range(1, 19)))

    def make_plan(self) -> Plan:
        plan = super().make_plan()
        if policy := self.changes.get("policy"):
            return dataclasses.replace(plan, policy=dataclasses.replace(plan.policy, **policy))
        new: Mapping[str, str] = self.changes["names"]
        return dataclasses.replace(
            plan,
            measures=tuple(
                dataclasses.replace(m, name=new.get(m.name, m.name)) for m in plan.measures
            ),
            indicators=tuple(
                dataclasses.replace(
                    i,
                    numerator=new.get(i.numerator, i.numerator),
                    denominator=new.get(i.denominator, i.denominator),
                )
                for i in plan.indicators
            ),
            unrelated=tuple(
                dataclasses.replace(u, measures=tuple(new.get(m, m) for m in u.measures))
                for u in plan.unrelated
            ),
        )


def corrected(number: int) -> dict[str, int]:
    """Member 3's output is ten times what it was, under either name."""
    own = values(number)
    own |= {"output": own["output"] * 10} if number == 3 else {}
    return own | {"output2": own["output"]}


def larger() -> Scene:
    return Scene(round_id="round-2", numbers=tuple(range(1, 19)))


@pytest.mark.parametrize(
    "changes", [{"names": {"output": "output2"}}, {"policy": {"classes_per_octave": 2}}]
)
def test_what_cannot_be_compared_is_withheld(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    # A first line refuses other measures in the same unit; here the second stands alone.
    for user in ("coordinator.earlier", "trustee.releases"):
        monkeypatch.setattr(f"{user}.clash", lambda *_: None)
    first, second = Scene(), OtherPlan(**changes)
    rounds = Rounds(tmp_path, first, second)
    assert rounds.play(first) == "released"
    if "names" in changes:
        monkeypatch.setattr("tests.cohort.values", corrected)

    assert rounds.play(second) == "withheld"
    assert rounds.document(second)["withheld"] == INCOMPARABLE


def play_at_once(rounds: Rounds, first: Scene, second: Scene, patch: pytest.MonkeyPatch) -> None:
    """Both rounds collect at the same time; in the second a member corrects itself."""
    rounds.propose(first)
    rounds.propose(second)
    for number in first.numbers:
        first.submit(rounds.board, number)
    patch.setattr("tests.cohort.values", corrected)
    for number in second.numbers:
        second.submit(rounds.board, number)


def test_a_later_round_waits_for_the_classes_of_the_earlier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A coordinator holds the first round's envelopes back to have the second certified before."""
    first, second = Scene(), larger()
    rounds = Rounds(tmp_path, first, second)
    handed_out = rounds.board.sealed
    held_back = [first.round_id]

    def sealed(round_id: str, *rest: Any) -> Mapping[int, bytes]:
        return {} if round_id in held_back else handed_out(round_id, *rest)

    monkeypatch.setattr(rounds.board, "sealed", sealed)
    play_at_once(rounds, first, second, monkeypatch)
    rounds.poll(40)

    assert rounds.state(second) not in ("released", "withheld")
    assert not all_at(second, rounds)
    assert not list(rounds.board._store.sealed(second.round_id, 1, "counts"))
    held_back.clear()
    rounds.poll(40)
    assert (rounds.state(first), rounds.state(second)) == ("released", "withheld")
    assert rounds.document(second)["withheld"] == CORRECTED


def test_slow_trustees_come_to_the_same_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of four have the first round's classes when they certify the second, two do not."""
    first, second = Scene(), larger()
    rounds = Rounds(tmp_path, first, second)
    handed_out = rounds.board.sealed
    slow = {3, 4}

    def sealed(round_id: str, index: int, phase: str, *rest: Any) -> Mapping[int, bytes]:
        late = round_id == first.round_id and phase == "classes" and index in slow
        return {} if late else handed_out(round_id, index, phase, *rest)

    monkeypatch.setattr(rounds.board, "sealed", sealed)
    play_at_once(rounds, first, second, monkeypatch)
    rounds.poll(40)
    slow.clear()
    rounds.poll(40)

    assert rounds.state(second) == "withheld"
    assert all_at(second, rounds) == dict.fromkeys(range(1, 5), CORRECTED)


def test_a_withheld_round_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of it was published, so there is nothing to subtract, and nothing to wait for."""

    def dominated(number: int) -> dict[str, int]:
        return values(number) | ({"emissions": 1 << 17} if number == 3 else {})

    first, second = Scene(), larger()
    rounds = Rounds(tmp_path, first, second)
    monkeypatch.setattr("tests.cohort.values", dominated)
    assert rounds.play(first) == "withheld"
    monkeypatch.setattr("tests.cohort.values", values)

    assert rounds.play(second) == "released"
