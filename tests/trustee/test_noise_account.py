"""Rounds with noise beside each other: each trustee keeps the account, and so does its ledger."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import pytest

from enterprise_node.private.policy import NodePolicy
from protocols.errors import PlanError, PolicyRefusal
from protocols.noise_terms import Noise
from protocols.plan import Plan
from protocols.privacy_loss import epsilon_of, loss_for, read_limit
from protocols.terms import Limits
from tests.trustee.releases import Rounds
from tests.trustee.scene import Scene, new_ledger
from tests.trustee.test_ledger import ADDED, FIVE, OTHER_PLAN, PLAN, STATEMENT, TEN
from trustee import folder
from trustee.agreement import TrusteeLimits
from trustee.chain import canonical, link
from trustee.errors import FolderError, LedgerError
from trustee.limits import load_limits

MILLIONTH = Fraction(1, 10**6)
ONCE = Noise(Fraction(4), Fraction(4), MILLIONTH)
TWICE = replace(ONCE, budget=Fraction(8))


@dataclass
class NoisyScene(Scene):
    """A scene whose plan adds noise."""

    noise: Noise | None = ONCE

    def make_plan(self) -> Plan:
        return replace(super().make_plan(), noise=self.noise)


def play_first(tmp_path: Path, noise: Noise | None, later: Scene) -> Rounds:
    first = NoisyScene(noise=noise)
    rounds = Rounds(tmp_path, first, later)
    assert rounds.play(first) == "released"
    assert ("noise" in rounds.document(first)) == (noise is not None)
    return rounds


def second(noise: Noise | None, period: str = "2020") -> NoisyScene:
    """Twelve that were there before and six more."""
    return NoisyScene(round_id="round-2", period=period, numbers=tuple(range(1, 19)), noise=noise)


def test_a_second_release_within_both_budgets_is_released(tmp_path: Path) -> None:
    later = second(TWICE)
    rounds = play_first(tmp_path, TWICE, later)
    assert rounds.play(later) == "released"
    document = rounds.document(later)
    assert document["n"] == 18
    assert int(document["measures"]["output"]["error"]) > 0


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (TWICE, ONCE, "more than the budget allows"),
        (ONCE, TWICE, "more than the budget allows"),
        (ONCE, None, "may only be released with noise"),
        (None, TWICE, "was released without noise before, last in round round-1"),
    ],
)
def test_what_breaks_a_promise_is_not_proposed_nor_signed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: Noise | None,
    now: Noise | None,
    words: str,
) -> None:
    later = second(now)
    rounds = play_first(tmp_path, before, later)
    with pytest.raises(PolicyRefusal, match=f"privacy loss: .*12 enterprises .*{words}"):
        rounds.propose(later)
    # A coordinator that keeps no account: the trustees keep their own.
    monkeypatch.setattr("coordinator.earlier.reasons_against", lambda *_: [])
    assert rounds.play(later) == "closed"
    refusals = rounds.board.refusals(later.round_id)
    assert len(refusals) == 4
    assert all(words in text and "privacy loss" in text for text in refusals.values())


def test_the_next_period_has_an_account_of_its_own(tmp_path: Path) -> None:
    later = NoisyScene(round_id="round-2", period="2021")
    rounds = play_first(tmp_path, ONCE, later)
    assert rounds.play(later) == "released"


def test_the_account_survives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE, noise=ONCE)
    ledger.close()
    line = json.loads(path.read_text())
    assert (line["loss"], line["budget"]) == ("4", "4")

    again = new_ledger(path)
    for noise in (None, ONCE):
        with pytest.raises(PolicyRefusal, match=r"round two is not closed: privacy loss: .*5 ent"):
            again.record_closing(
                "two", OTHER_PLAN, STATEMENT, "2020", TEN, declared=ADDED, noise=noise
            )


def test_an_exact_closing_leaves_the_lines_of_ever(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path / "ledger.jsonl")
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE)
    ledger.close()
    assert not {"loss", "budget"} & set(json.loads((tmp_path / "ledger.jsonl").read_text()))


LIMIT_PLAN = NoisyScene().plan


@pytest.mark.parametrize(
    ("limit", "noise", "words"),
    [
        ("", None, None),
        ("", ONCE, None),
        ("18", ONCE, None),
        ("18", None, "adds no noise"),
        (
            "18",
            TWICE,
            f"as much as epsilon = {epsilon_of(TWICE.budget, MILLIONTH)}, the own limit is 18",
        ),
        ("1.5", ONCE, "the own limit is 1.5"),
    ],
)
def test_an_own_limit_asks_for_noise_and_a_budget_within_it(
    limit: str, noise: Noise | None, words: str | None
) -> None:
    reasons = Limits(most_epsilon=limit).reasons_against(replace(LIMIT_PLAN, noise=noise))
    assert [words in reason for reason in reasons if words] == [True] * (words is not None)
    assert len(reasons) == (words is not None)


@pytest.mark.parametrize("limit", ["x", "-1", "1e9", "0", "0.0001", "1/2", " 1", "9" * 40])
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    with pytest.raises(PlanError, match="most_epsilon is a number in quotes"):
        Limits(most_epsilon=limit)


def test_limits_are_epsilons_in_files(tmp_path: Path) -> None:
    assert read_limit("1") == loss_for(Fraction(1), MILLIONTH)
    assert read_limit("") is None
    limits = TrusteeLimits(most_epsilon="2.5")
    folder.create(tmp_path / "t", "One", limits)
    assert load_limits(tmp_path / "t") == limits
    text = (tmp_path / "t" / "limits.toml").read_text()
    for wrong in ("2.5", '"much"'):
        (tmp_path / "t" / "limits.toml").write_text(
            text.replace('most_epsilon = "2.5"', f"most_epsilon = {wrong}")
        )
        with pytest.raises(FolderError, match="most_epsilon"):
            load_limits(tmp_path / "t")
    policy = NodePolicy(most_epsilon="2.5")
    path = tmp_path / "policy.toml"
    path.write_text(policy.to_toml(), encoding="utf-8")
    assert NodePolicy.load(path) == policy
    assert policy.limits.most_epsilon == "2.5"


def test_a_line_with_a_loss_that_is_none_stops_the_ledger(tmp_path: Path) -> None:
    """Its hash is right: somebody wrote it who can write the file."""
    path = tmp_path / "ledger.jsonl"
    ledger = new_ledger(path)
    ledger.record_closing("one", PLAN, STATEMENT, "2020", FIVE, noise=ONCE)
    ledger.close()
    for wrong in ("1/0", "much"):
        line = json.loads(path.read_text())
        line["loss"] = wrong
        line["hash"] = link(line).hex()
        path.write_bytes(canonical(line) + b"\n")
        with pytest.raises(LedgerError, match="is not a record"):
            new_ledger(path)
