"""A certified round publishes what a round under Paillier publishes, byte for byte."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pytest
from hypothesis import assume, given, settings

from protocols import document, release
from protocols.certificate import BandCertificate
from protocols.contribution import Arrived, max_bytes, peek
from protocols.document import CONTRADICTION, build_totals
from protocols.errors import (
    InvalidSignature,
    MalformedMessage,
    OpeningInconsistent,
    PlanError,
)
from protocols.federated import masked, sections
from protocols.federated.keys import make_round_key
from protocols.federated.terms import Aggregation
from protocols.layout import Layout
from protocols.plan import Measure, Mode, Plan, Unrelated
from protocols.release import canonical_json
from protocols.signing import open_signed
from protocols.walkthrough import (
    Cast,
    Played,
    example_measures,
    example_plan,
    run_round,
    verify,
)
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import decode, encode
from tests import noisy
from tests.keys import cast, trustees
from tests.masked_round import certified_plan, certify, document_of, sum_of
from tests.plain_round import play
from tests.protocols.test_examples import region_a
from tests.strategies import plain_plan, plans_with_members
from tests.tables import table_members, table_plan

Members = Sequence[Mapping[str, int]]


def alike(paillier: Mapping[str, Any], certified: Mapping[str, Any]) -> None:
    """The bytes are equal but for what each says about itself."""
    assert (paillier["backend"], certified["backend"]) == ("paillier", "certified")
    for one in (paillier, certified):
        assert one["dominance_controlled"] is True
        assert one["publicly_verifiable"] is True
    own = {"backend": "", "plan_hash": ""}
    assert canonical_json({**paillier, **own}) == canonical_json({**certified, **own})


def quiet(_: str) -> None:
    """The walkthrough's steps are not printed."""


@lru_cache(maxsize=1)
def certified_round() -> tuple[Cast, Played]:
    """The walkthrough, masked."""
    measures = example_measures()
    players = cast(trustees(period="2025"), len(measures))
    played = run_round(players, measures, lambda *a: certified_plan(example_plan(*a)), quiet)
    return players, played


def test_the_walkthrough_with_ciphertexts_and_with_masks() -> None:
    players, certified = certified_round()
    paillier = run_round(players, example_measures(), example_plan, quiet)
    alike(paillier.release.document, certified.release.document)
    assert paillier.release.document["bands"]
    assert not certified.release.openings
    assert len(list(certified.transcript.of_kind("masked"))) == 16
    report = verify(players, certified)
    assert report.accepted, report.failed
    assert report.document == certified.release.document_bytes


def test_region_a() -> None:
    members, played = region_a()
    assert len(played.document["bands"]) >= 8
    alike(played.document, document_of(played.plan, members, 3072))


def test_a_table() -> None:
    members, leaves = table_members()
    paillier = play(table_plan(), members, categories=leaves)
    assert paillier.document["table"][0]["n"] == len(members)
    alike(paillier.document, document_of(table_plan(), members, categories=leaves))


def plain_members(count: int) -> list[dict[str, int]]:
    """Members of the plain plan, none of whom dominates."""
    return [
        {
            "output": 10_000_000 + 90_000 * i,
            "emissions": 200_000 + 1_000 * i * i,
            "fuel": 90_000 + 100 * i,
            "electricity": 300_000 + 2_000 * i,
            "heat": 50_000 + 300 * i,
            "other": 80_000 + 200 * i,
        }
        for i in range(count)
    ]


def test_rankings_by_counts_beside_sums() -> None:
    members = plain_members(30)
    paillier = play(plain_plan(), members)
    assert {"cef", "intensity"} <= set(paillier.document["rankings"])
    assert "heat" in paillier.document["measures"]
    alike(paillier.document, document_of(plain_plan(), members))


def test_a_withheld_measure() -> None:
    members = [
        own | {"heat": 90_000_000 if i == 3 else 7} for i, own in enumerate(plain_members(20))
    ]
    paillier = play(plain_plan(), members)
    assert set(paillier.document["withheld_measures"]) == {"heat"}
    alike(paillier.document, document_of(plain_plan(), members))


def test_a_plan_of_totals_only_has_one_section() -> None:
    names = ("electricity", "heat")
    measures = tuple(m for m in plain_plan().measures if m.name in names)
    apart = (Unrelated(names, "bought heat is waste heat"),)
    plan = plain_plan(measures=measures, indicators=(), relations=(), unrelated=apart)
    members = plain_members(8)
    paillier = play(plan, members)
    assert set(paillier.document["measures"]) == set(names)
    alike(paillier.document, document_of(plan, members))


@pytest.mark.parametrize("giant", [False, True], ids=["too-few", "dominated"])
def test_a_withheld_cohort(giant: bool) -> None:
    members = plain_members(12 if giant else 4)
    if giant:
        members[0] |= {"output": 10**9}
    paillier = play(plain_plan(), members)
    found = certify(play(certified_plan(plain_plan()), members)) if giant else None
    if found is None:
        # Trustees open nothing of so few; the certificate comes from their number alone.
        reason = "fewer than 5 enterprises took part"
        plan = certified_plan(plain_plan())
        found = BandCertificate(plan.hash, bytes(32), 4, withheld=reason)
        certificate = dataclasses.replace(found, plan_hash=plain_plan().hash)
        other = document.build_document(plain_plan(), paillier.layout, certificate, {})
    else:
        other = paillier.document
    assert found.withheld
    assert found.masks_root == b""
    masked_plan = certified_plan(plain_plan())
    alike(other, release.masked_document(masked_plan, found, masked.NOTHING))


def test_noise_is_the_same_where_members_draw_the_same() -> None:
    members = noisy.members()
    players = cast(trustees(period="2025"), len(members))
    made: list[Plan] = []

    def plan_with_noise(*frame: Any) -> Plan:
        made.append(noisy.tight_plan(*frame))
        return dataclasses.replace(made[0], noise=None)

    run_round(players, members, plan_with_noise, quiet)
    (plan,) = made
    for seed in (1, 2):
        paillier = noisy.play(plan, members, seed).document
        certified = document_of(plan, members, seed=seed)
        alike(paillier, certified)
        for name in ("output", "emissions", "electricity"):
            printed = certified["measures"][name]
            off = int(printed["value"]) - sum(own[name] for own in members)
            assert 0 < abs(off) <= 5 * int(printed["error"])


@settings(max_examples=40, deadline=None)
@given(drawn=plans_with_members(most=8))
def test_any_plan_and_any_members(drawn: tuple[Plan, list[dict[str, int]]]) -> None:
    plan, members = drawn
    try:
        Layout(certified_plan(plan), 2048)
    except PlanError as error:
        assume("need" not in str(error))
        raise
    paillier = play(plan, members)
    if len(members) < plan.policy.minimum_cohort or plan.table is not None:
        return
    alike(paillier.document, document_of(plan, members))


def test_a_contribution_to_a_certified_round_holds_no_values() -> None:
    _, played = certified_round()
    assert not [label for label in played.layout.labels if label.startswith("V")]
    plain = Layout(dataclasses.replace(played.plan, aggregation=None), 2048)
    held = [label for label in plain.labels if not label.startswith("V")]
    assert list(played.layout.labels) == held
    with pytest.raises(PlanError, match="are not encrypted"):
        document.build_document(played.plan, played.layout, played.certificate, {})


def test_sums_without_room_are_refused_when_the_plan_is_made() -> None:
    measures = (Measure("output", "yuan", 2**59), Measure("emissions", "kgCO2", 10**6))
    plan = dataclasses.replace(certified_round()[1].plan, measures=measures)
    assert Layout(plan, 2048).labels
    over = dataclasses.replace(measures[0], bound=2**60)
    with pytest.raises(PlanError, match="need 65 bits, and masked sums have 64: lower the bound"):
        Layout(dataclasses.replace(plan, measures=(over, measures[1])), 2048)
    # Under Paillier it has room.
    Layout(dataclasses.replace(plan, measures=(over, measures[1]), aggregation=None), 2048)


def test_contradicting_vectors_withhold_the_cohort() -> None:
    """As a malformed V does under Paillier: nothing wrong is published."""
    members = plain_members(20)
    plan = certified_plan(plain_plan())
    certificate = certify(play(plan, members))
    total = sum_of(plan, certificate, members)
    assert release.masked_document(plan, certificate, total)["withheld"] is None
    for place in (0, 1):  # a count, and a sum that leaves its band's edges
        spoilt = total.copy()
        spoilt[place] += spoilt[place] + 1
        found = release.masked_document(plan, certificate, spoilt)
        assert found["withheld"] == CONTRADICTION
        assert found["measures"] == {}


def test_a_sum_of_another_length_is_no_sum() -> None:
    members = plain_members(20)
    plan = certified_plan(plain_plan())
    certificate = certify(play(plan, members))
    with pytest.raises(OpeningInconsistent, match="not exactly what the certificate allows"):
        release.masked_document(plan, certificate, masked.NOTHING)
    with pytest.raises(OpeningInconsistent, match="another length"):
        sections.decode(plan, certificate, [1])


TOTALS = dataclasses.replace(
    plain_plan(), key_id=b"", aggregation=Aggregation.totals(40, plain_plan().deadline + 1)
)


def test_totals_agree_in_every_field_that_they_have() -> None:
    members = plain_members(30)
    paillier = play(plain_plan(), members).document
    names = ("output", "emissions", "electricity", "heat")
    found = build_totals(TOTALS, 30, {name: sum(own[name] for own in members) for name in names})
    assert found["backend"] == Mode.TOTALS
    assert found["dominance_controlled"] is False
    assert found["publicly_verifiable"] is False
    assert set(found) == set(paillier)
    same = {"cohort", "title", "period", "n", "withheld", "definitions", "policy", "measures"}
    for field in (*same, "indicators", "withheld_measures"):
        assert found[field] == paillier[field], field
    assert json.loads(canonical_json(found)) == found
    for field in ("bands", "curve", "table"):
        assert found[field] == []


def test_totals_of_other_measures_or_too_few_members_are_no_document() -> None:
    names = ("output", "emissions", "electricity", "heat")
    sums = dict.fromkeys(names, 10)
    with pytest.raises(OpeningInconsistent, match="fewer members"):
        build_totals(TOTALS, 4, sums)
    with pytest.raises(OpeningInconsistent, match="not those of exactly"):
        build_totals(TOTALS, 30, sums | {"fuel": 1})


def test_a_round_key_stands_in_certified_contributions_and_in_no_others() -> None:
    players, played = certified_round()
    plan, key = played.plan, players.ceremony.key.public
    statement = open_signed(next(played.transcript.of_kind("contribution")), "contribution")
    message = decode(pb.Contribution, statement.payload)
    own, other = (
        next(k for k in players.members if (k.public == statement.signer) is mine)
        for mine in (True, False)
    )

    def peeked(round_key: bytes, by: Plan = plan) -> Arrived:
        message.round_key, message.plan_hash = round_key, by.hash
        layout = Layout(by, key.bits)
        message.ciphertexts = bytes(len(layout.labels) * key.ciphertext_bytes)
        again = own.sign("contribution", encode(message))
        assert len(again) <= max_bytes(layout, key)
        return peek(again, by, layout, played.roster, key)[0]

    good = message.round_key
    found = peeked(good).round_key
    assert found is not None
    assert (found.received, found.member) == (good, own.public)
    with pytest.raises(MalformedMessage, match="no round key"):
        peeked(b"")
    with pytest.raises(InvalidSignature, match="and not by"):
        peeked(make_round_key(plan.hash, found.mask_key, b"", other))
    with pytest.raises(PlanError, match="another plan"):
        peeked(make_round_key(bytes(32), found.mask_key, b"", own))
    with pytest.raises(MalformedMessage, match="exactly the keys"):
        peeked(make_round_key(plan.hash, found.mask_key, found.mask_key, own))
    paillier = dataclasses.replace(plan, aggregation=None)
    assert peeked(b"", paillier).round_key is None
    with pytest.raises(MalformedMessage, match="and the plan masks nothing"):
        peeked(good, paillier)
