"""A total in one round and its part in the next over the same enterprises: no plan has both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator import earlier
from protocols.contribution import build
from protocols.errors import PolicyRefusal
from protocols.paillier import encryptor_for
from protocols.plan import Level, Plan
from protocols.signing import SigningKey
from tests.trustee.releases import Rounds
from tests.trustee.scene import Scene, member_key, values

TWELVE, EIGHTEEN = tuple(range(1, 13)), tuple(range(1, 19))


class Showing(Scene):
    """A round that publishes the totals of some of the cohort's measures."""

    def __init__(self, *names: str, **more: object) -> None:
        self._names = names
        super().__init__(**more)  # type: ignore[arg-type]

    def make_plan(self) -> Plan:
        plan = super().make_plan()
        measures = tuple(replace(plan.measure(name), level=Level.COHORT) for name in self._names)
        declared = tuple(u for u in plan.unrelated if set(u.measures) <= set(self._names))
        return replace(plan, measures=measures, indicators=(), relations=(), unrelated=declared)

    def contribution(
        self, number: int, signer: SigningKey | None = None, *, version: int = 1
    ) -> bytes:
        encryptor = encryptor_for(self.held.ceremony.key.public)
        integers = {name: values(number)[name] for name in self._names}
        key = signer or member_key(number)
        return build(self.plan, self.layout, integers, key, encryptor, version=version)


def later(*names: str, period: str = "2020", numbers: Sequence[int] = EIGHTEEN) -> Showing:
    return Showing(*names, round_id="round-2", period=period, numbers=tuple(numbers))


@pytest.mark.parametrize(("period", "numbers"), [("2020", EIGHTEEN), ("2021", TWELVE)])
def test_the_coordinator_does_not_propose_the_part_after_the_whole(
    tmp_path: Path, period: str, numbers: tuple[int, ...]
) -> None:
    first = Showing("emissions", numbers=TWELVE)
    second = later("electricity", period=period, numbers=numbers)
    rounds = Rounds(tmp_path, first, second)
    assert rounds.play(first) == "released"
    with pytest.raises(PolicyRefusal, match="could be subtracted from each other") as caught:
        rounds.propose(second)
    assert "'emissions' of that round and 'electricity' of this one" in str(caught.value)


@pytest.mark.parametrize(("period", "numbers"), [("2020", EIGHTEEN), ("2021", TWELVE)])
def test_trustees_refuse_it_by_their_own_ledgers_also_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, period: str, numbers: tuple[int, ...]
) -> None:
    monkeypatch.setattr(earlier, "_other_measures", lambda plan, items, before: ())
    first = Showing("emissions", numbers=TWELVE)
    second = later("electricity", period=period, numbers=numbers)
    rounds = Rounds(tmp_path, first, second)
    assert rounds.play(first) == "released"
    rounds.close()
    again = Rounds(tmp_path, first, second)
    assert again.play(second) == "closed"
    reasons = set(again.board.refusals("round-2").values())
    assert len(reasons) == 1
    assert "'emissions' of that round and 'electricity' of this one" in reasons.pop()


@pytest.mark.parametrize(
    ("names", "more"),
    [
        (("emissions",), {}),
        (("output",), {"period": "2021"}),
        (("emissions", "output"), {"period": "2021"}),
        (("electricity",), {"period": "2022"}),
        (("electricity",), {"numbers": range(13, 25)}),
    ],
    ids=["the same", "another kind", "one of another kind more", "two years on", "other members"],
)
def test_what_cannot_be_subtracted_is_released(
    tmp_path: Path, names: tuple[str, ...], more: dict[str, object]
) -> None:
    first, second = Showing("emissions", numbers=TWELVE), later(*names, **more)  # type: ignore[arg-type]
    rounds = Rounds(tmp_path, first, second)
    assert rounds.play(first) == "released"
    assert rounds.play(second) == "released"
    assert set(rounds.document(second)["measures"]) == set(names)
