"""What stands where in a masked vector, and who has no place in one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.certificate import BandCertificate
from protocols.errors import ContributionRefused, OpeningInconsistent
from protocols.federated import sections
from protocols.noise import shares_of
from protocols.plan import Plan
from protocols.sums import sections_of
from tests import noisy
from tests.masked_round import certified_plan, certify
from tests.plain_round import play
from tests.strategies import plain_plan
from tests.tables import TABLE, member, table_members, table_plan

MEMBERS, LEAVES = table_members()
PLAN = certified_plan(table_plan())


def certificate() -> BandCertificate:
    return certify(play(PLAN, MEMBERS, categories=LEAVES))


def test_a_member_writes_into_its_own_section_and_the_cohorts_only() -> None:
    found = certificate()
    parts = sections_of(PLAN, found)
    assert sum(part.members for part in parts) == len(MEMBERS)
    for own, leaf in zip(MEMBERS, LEAVES, strict=True):
        vector = sections.encode(PLAN, found, own, leaf)
        assert len(vector) == sections.words(PLAN, found) <= sections.most_words(PLAN)
        width = (len(vector) - 1) // len(parts)
        starts = vector[: width * len(parts) : width]
        place = TABLE.leaves.index(leaf)
        assert starts == [int(place in part.places) for part in parts]
        assert sum(vector) == 2 + own["output"] + own["emissions"]


def test_who_is_where_the_certificate_has_nobody_masks_nothing() -> None:
    """Its contribution was not what the trustees counted."""
    pairs = [(own, leaf) for own, leaf in zip(MEMBERS, LEAVES, strict=True) if leaf != "food"]
    members, leaves = [own for own, _ in pairs], [leaf for _, leaf in pairs]
    found = certify(play(PLAN, members, categories=leaves))
    with pytest.raises(ContributionRefused, match="has nobody where this member is"):
        sections.encode(PLAN, found, member(100), "food")
    with pytest.raises(ContributionRefused, match="is no leaf"):
        sections.encode(PLAN, certificate(), member(100), "elsewhere")


def noisy_plan() -> Plan:
    return certified_plan(plain_plan(noise=noisy.MODERATE))


def test_noise_is_demanded_for_exactly_what_is_published() -> None:
    plan = noisy_plan()
    found = BandCertificate(plan.hash, bytes(32), 40, cohort_measures=("heat",))
    values = dict.fromkeys((m.name for m in plan.measures), 1000)
    for noise in ({}, {"heat": 1}, dict.fromkeys([*shares_of(plan), "fuel"], 1)):
        with pytest.raises(ContributionRefused, match="exactly its published measures"):
            sections.encode(plan, found, values, noise=noise)
    drawn = dict.fromkeys(shares_of(plan), -1)
    (count, heat) = sections.encode(plan, found, values, noise=drawn)[-2:]
    assert (count, heat) == (1, 1000 - 1 + shares_of(plan)["heat"].most)


@settings(max_examples=50, deadline=None)
@given(wrong=st.lists(st.integers(0, 2**64 - 1), max_size=12))
def test_no_other_vector_passes_for_a_sum(wrong: list[int]) -> None:
    """Words that no members wrote: refused as a whole, whatever their number."""
    with pytest.raises(OpeningInconsistent):
        sections.decode(PLAN, certificate(), wrong)


@settings(max_examples=50, deadline=None)
@given(place=st.integers(0, 100), delta=st.integers(1, 2**64 - 1))
def test_every_changed_count_is_noticed(place: int, delta: int) -> None:
    found = certificate()
    total = [0] * sections.words(PLAN, found)
    for own, leaf in zip(MEMBERS, LEAVES, strict=True):
        for at, value in enumerate(sections.encode(PLAN, found, own, leaf)):
            total[at] += value
    assert sections.decode(PLAN, found, total).cohort == {}
    parts = len(sections_of(PLAN, found))
    width = (len(total) - 1) // parts
    spoilt = min(place % (parts + 1) * width, len(total) - 1)
    total[spoilt] = (total[spoilt] + delta) % 2**64
    with pytest.raises(OpeningInconsistent, match="counts of the masked sum"):
        sections.decode(PLAN, found, total)
