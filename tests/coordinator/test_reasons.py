"""Every reason that a release can give is known in Chinese, as the sentence it is."""

from __future__ import annotations

from collections.abc import Iterator

from coordinator.reasons import chinese_cells, sentences
from coordinator.texts import Texts
from protocols import atom_classes, closing, document, suppression
from protocols.bands import BinRange, best_set
from protocols.plan_terms import Direction, Policy
from protocols.policy import check_measure
from protocols.profiles import PROFILES
from protocols.public_limits import PublicLimits
from protocols.table import Table
from sim import output
from tests.strategies import plain_plan
from trustee import duties

FEW = [0, 2, 1]
DOMINATED = [0] * 30 + [5, 0, 0, 0, 0, 0, 1]
TWO_LARGE = [0] * 28 + [12] + [0] * 11 + [2]
NEAR_ITS_MINIMUM = [0] * 10 + [20]
LIMITS = PublicLimits(511, 1023)
LEAVES = tuple(f"part {number}; it's its" for number in range(9))


def violations() -> dict[str, str]:
    """One sentence of each rule that a policy can have, by the rule's name."""
    # Without the p% rule's own hold on these, each profile's further rule comes first.
    tried = [
        *((p, h, PublicLimits()) for p in PROFILES.values() for h in (FEW, DOMINATED, TWO_LARGE)),
        (Policy(), NEAR_ITS_MINIMUM, LIMITS),
    ]
    found = {}
    for policy, histogram, limits in tried:
        one = check_measure("sales", histogram, policy, limits)
        if one is not None:
            found[one.rule] = one.text
    return found


def cells() -> Iterator[str]:
    """Reasons of cells: beside none, one, some and many others, and with their total."""
    cells = Table("sector", LEAVES).cells
    for beside in (cells[:0], cells[2:3], cells[2:4], cells[2:]):
        yield suppression._secondary(cells[1], beside)
    yield f"fewer than {Policy().minimum_cohort} enterprises"
    yield suppression.NO_TOTAL
    yield atom_classes.TOTALS_ONLY


def reasons() -> list[str]:
    rules = violations()
    plan = plain_plan()
    two = f"{rules['minimum-cohort']}; {rules['dominance']}"
    names = [measure.name for measure in plan.measures]
    atom = atom_classes._why_not(plan, [dict.fromkeys(names, FEW)])
    small = closing.check_cohort_size(plan, 1)
    assert atom
    assert small
    return [
        *rules.values(),
        *(f"even as one band: {text}" for text in (*rules.values(), two)),
        "even as one cell: fewer than 5 enterprises",
        f"even as one cell: {two}",
        atom,
        small,
        *cells(),
        atom_classes.CORRECTED,
        atom_classes.INCOMPARABLE,
        document.CONTRADICTION,
        duties.INCONSISTENT,
        best_set((BinRange(0, 3, 40), BinRange(3, 8, 32)), Direction.HIGHER).withheld,
        output.NOBODY,
    ]


def test_every_rule_is_tried() -> None:
    further = {rule.name for policy in PROFILES.values() for rule in policy.rules}
    assert set(violations()) == {"minimum-cohort", "known-limits"} | further


def test_every_reason_is_known_whole_and_in_chinese() -> None:
    for reason in reasons():
        found = list(sentences(reason))
        assert all(one.chinese for one in found), reason
        joined = "".join(one.text + ("" if one.opens else "; ") for one in found)
        assert joined.removesuffix("; ") == reason
        shown = Texts("zh").reason(reason)
        assert "原文" not in shown
        for english in ("enterprise", "withheld", " more", "publish"):
            assert english not in shown, reason


def test_different_reasons_stay_different() -> None:
    found = reasons()
    chinese = {Texts("zh").reason(reason) for reason in found}
    # "fewer than 5 enterprises" and "... took part" are one sentence in Chinese.
    assert len(chinese) >= len(set(found)) - 2


def test_what_earlier_rounds_left_is_not_taken_for_the_cohorts_own() -> None:
    plan = plain_plan()
    atom = atom_classes._why_not(plan, [dict.fromkeys([m.name for m in plan.measures], FEW)])
    assert Texts("zh").reason(atom).startswith("减去先前各轮已公布的数值后")


def test_a_sentence_with_a_semicolon_is_one_sentence() -> None:
    assert ";" in atom_classes.CORRECTED
    assert len(list(sentences(atom_classes.CORRECTED))) == 1


def test_the_list_of_cells_is_chinese() -> None:
    assert chinese_cells("'a/b', \"it's\" and 2 more") == "“a/b、it's”等另外 2 个单元"
    assert chinese_cells("nothing quoted") == "nothing quoted"


def test_an_unknown_sentence_keeps_its_words_behind_known_ones() -> None:
    shown = Texts("zh").reason("even as one band: the moon is full; and rising")
    assert shown == "即使合并为一档，规则给出的原因（原文）：the moon is full; and rising"


def test_a_name_that_the_release_does_not_publish_is_said_to_be_derived() -> None:
    reason = f"even as one band: {violations()['dominance']}"
    assert "derive" not in Texts("en", {"sales"}).reason(reason)
    assert "derive" not in Texts("en").reason(reason)
    shown = Texts("en", {"output"}).reason(reason)
    assert "one enterprise dominates sales (a figure that readers could derive): beside" in shown
    assert "（读者可推算出的数值）" in Texts("zh", {"output"}).reason(reason)


def test_a_reason_is_somebody_elses_text() -> None:
    for language in ("en", "zh"):
        for reason in ("<b>", "withheld so that '<b>' cannot be found by subtraction"):
            assert "<b>" not in Texts(language).reason(reason)
