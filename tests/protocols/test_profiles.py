"""Profiles form a ladder, policies compare soundly, and stricter own limits win."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.encoding import RESOLUTIONS, class_lower, class_upper
from protocols.errors import PlanError
from protocols.known_limits import PublicLimits
from protocols.plan import Plan
from protocols.policy import safe
from protocols.profiles import PROFILES, Policy, finest_classes, profile, rule_text
from protocols.terms import Limits
from tests.strategies import plain_plan

SAFETY = profile("safety-zone")
cells = st.lists(st.integers(0, 10**5), min_size=1, max_size=25)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    top, percent = draw(st.integers(0, 4)), draw(st.integers(1, 100))
    finest = finest_classes(percent)
    return Policy(
        draw(st.integers(3, 20)),
        percent,
        largest_share_percent=draw(st.one_of(st.just(0), st.integers(1, 99))),
        top_count=top,
        top_share_percent=draw(st.integers(1, 99)) if top else 0,
        classes_per_octave=draw(st.sampled_from(RESOLUTIONS[: RESOLUTIONS.index(finest) + 1])),
    )


def test_each_profile_is_stricter_than_those_after_it() -> None:
    names, made = list(PROFILES), list(PROFILES.values())
    assert names == ["fifteen", "safety-zone", "nk", "statistical"]
    for place, policy in enumerate(made):
        assert policy.profile == names[place]
        assert [policy.keeps(other) for other in made] == [n >= place for n in range(4)]


def test_the_default_policy_is_the_statistical_profile() -> None:
    assert Policy() == profile("statistical") == Policy(5, 10)
    assert [rule_text(rule) for rule in Policy().rules] == ["the p% rule with p = 10"]


def test_classes_are_as_wide_as_the_p_percent_rule_asks() -> None:
    for percent in range(1, 101):
        finest = finest_classes(percent)
        assert 2 ** (1 / finest) >= 1 + percent / 100 - 1e-12
        assert finest == 8 or 2 ** (1 / (2 * finest)) < 1 + percent / 100
    assert [finest_classes(p) for p in (9, 10, 18, 19, 41, 42, 100)] == [8, 4, 4, 2, 2, 1, 1]


def test_a_policy_below_every_profile_has_no_name() -> None:
    assert Policy(4, 10).profile == ""
    assert Policy(5, 9).profile == ""
    assert Policy(5, 10, largest_share_percent=25).profile == "safety-zone"
    assert Policy(5, 10, largest_share_percent=26).profile == "nk"
    assert Policy(14, 10, largest_share_percent=15).profile == "safety-zone"


@settings(max_examples=300)
@given(policies(), policies(), cells, st.integers(0, 10**5), st.integers(0, 10**5))
def test_what_a_stricter_policy_publishes_the_looser_one_would(
    strict: Policy, loose: Policy, values: list[int], minimum: int, beyond: int
) -> None:
    public = PublicLimits(min(minimum, *values), max(1, *values) + beyond)
    if strict.keeps(loose) and safe(values, strict, public):
        assert safe(values, loose, public)


@given(policies(), policies(), policies())
def test_stricter_or_equal_is_reflexive_and_transitive(a: Policy, b: Policy, c: Policy) -> None:
    assert a.keeps(a)
    if a.keeps(b) and b.keeps(c):
        assert a.keeps(c)


@given(policies())
def test_a_policy_survives_its_bytes(policy: Policy) -> None:
    plan = plain_plan(policy=policy)
    assert Plan.from_bytes(plan.to_bytes()).policy == policy


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Policy(largest_share_percent=100), "largest_share_percent must be from 0 to 99"),
        (lambda: Policy(largest_share_percent=True), "largest_share_percent"),
        (lambda: Policy(top_count=2), "needs both"),
        (lambda: Policy(top_share_percent=80), "needs both"),
        (lambda: Policy(top_count=11, top_share_percent=80), "top_count must be from 0 to 10"),
        (lambda: Policy(top_count=2, top_share_percent=100), "top_share_percent"),
        (lambda: Policy(classes_per_octave=3), "one of 1, 2, 4, 8"),
        (lambda: Policy(classes_per_octave=8), "narrower than p = 10 percent.*at most 4"),
        (lambda: Policy(5, 19, classes_per_octave=4), "use at most 2"),
        (lambda: Policy(classes_per_octave=0), "classes_per_octave"),
        (lambda: Policy(classes_per_octave=True), "classes_per_octave"),
        (lambda: profile("strict"), "no profile 'strict'; use one of fifteen, safety-zone"),
    ],
)
def test_policies_that_are_none_are_refused(made: Callable[[], Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        made()


def test_what_a_release_says_of_its_policy() -> None:
    assert Policy().as_document() == {
        "profile": "statistical",
        "minimum_cohort": 5,
        "dominance_percent": 10,
        "classes_per_octave": 1,
    }
    assert Policy(3, 1).as_document()["profile"] is None
    shown = dataclasses.replace(SAFETY, top_count=3, top_share_percent=60)
    assert shown.as_document()["top_share_percent"] == 60
    assert "the 3 largest together at most 60 %" in shown.describe()
    assert "nobody above 25 %" in shown.describe()


def reasons(policy: Policy, limits: Limits) -> list[str]:
    return limits.reasons_against(plain_plan(policy=policy))


@pytest.mark.parametrize(
    ("policy", "limits", "expected"),
    [
        (Policy(), Limits(), []),
        (SAFETY, Limits(), []),
        (SAFETY, Limits(profile="safety-zone"), []),
        (profile("fifteen"), Limits(profile="safety-zone"), []),
        (Policy(), Limits(profile="statistical"), []),
        (Policy(), Limits(profile="safety-zone"), ["nobody above 25 %"]),
        (SAFETY, Limits(profile="fifteen"), ["at least 15", "nobody above 15 %"]),
        (Policy(4, 10), Limits(3, 10, profile="statistical"), ["at least 5"]),
        (Policy(5, 5), Limits(5, 5, profile="statistical"), ["p% rule with p = 10"]),
        (Policy(), Limits(largest_share_percent=40), ["nobody above 40 %"]),
        (SAFETY, Limits(largest_share_percent=40), []),
        (SAFETY, Limits(largest_share_percent=20), ["nobody above 20 %"]),
        (Policy(), Limits(top_count=2, top_share_percent=85), ["the 2 largest together"]),
        (profile("nk"), Limits(top_count=2, top_share_percent=85), []),
        (SAFETY, Limits(5, 20), ["p = 10, the own limit is at least 20"]),
        (SAFETY, Limits(most_classes_per_octave=1), ["4 size classes an octave"]),
    ],
)
def test_the_stricter_limit_wins(policy: Policy, limits: Limits, expected: list[str]) -> None:
    found = reasons(policy, limits)
    assert len(found) == len(expected)
    assert all(words in reason for words, reason in zip(expected, found, strict=True))


def test_limits_that_make_no_rules_are_refused() -> None:
    with pytest.raises(PlanError, match="no profile"):
        Limits(profile="none")
    with pytest.raises(PlanError, match="needs both"):
        Limits(top_count=2)


@settings(max_examples=200)
@given(policies(), policies(), cells, st.integers(0, 10**5), st.integers(0, 10**5))
def test_a_plan_without_reasons_publishes_nothing_beyond_the_limits(
    policy: Policy, own: Policy, values: list[int], minimum: int, beyond: int
) -> None:
    public = PublicLimits(min(minimum, *values), max(1, *values) + beyond)
    limits = Limits(
        own.minimum_cohort,
        own.dominance_percent,
        largest_share_percent=own.largest_share_percent,
        top_count=own.top_count,
        top_share_percent=own.top_share_percent,
    )
    if not reasons(policy, limits) and safe(values, policy, public):
        assert safe(values, own, public)


@pytest.mark.parametrize(
    ("resolution", "narrow"),
    [
        (1, [(1, 1)]),
        (2, [(1, 1), (2, 2), (3, 3)]),
        (4, [*((value, value) for value in range(1, 8)), (12, 13), (14, 15)]),
    ],
)
def test_only_classes_of_small_integers_are_narrower_than_p(
    resolution: int, narrow: list[tuple[int, int]]
) -> None:
    """SPEC.md section 8 names these, for p = 10."""
    assert resolution <= finest_classes(10)
    found = [
        (class_lower(size, resolution), class_upper(size, resolution))
        for size in range(1, 200 * resolution)
    ]
    assert [(a, b) for a, b in found if 100 * (b - a) < 10 * a] == narrow
