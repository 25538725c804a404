"""A plan that exists is valid, has one encoding, and every field of it is in its hash."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import MalformedMessage, PlanError, ProtocolError
from protocols.noise_terms import Noise
from protocols.plan import (
    Aggregation,
    Direction,
    Indicator,
    Level,
    Measure,
    Mode,
    Part,
    Plan,
    Policy,
    Ranking,
    Relation,
    Unrelated,
)
from protocols.wire import messages_pb2 as pb
from protocols.wire.codec import encode
from tests.strategies import PLAIN_INDICATORS, PLAIN_MEASURES, plain_plan, plans

PLAIN = plain_plan()
OUTPUT, EMISSIONS, FUEL, ELECTRICITY, HEAT, OTHER = PLAIN_MEASURES
CEF, INTENSITY, CEI = PLAIN_INDICATORS


@settings(max_examples=60)
@given(plans())
def test_bytes_round_trip(plan: Plan) -> None:
    again = Plan.from_bytes(plan.to_bytes())
    assert again == plan
    assert again.hash == plan.hash
    assert len(plan.hash) == 32


def test_lookups() -> None:
    assert PLAIN.measure("fuel") is FUEL
    assert PLAIN.indicator("cei") is CEI
    assert PLAIN.sums_indicator is CEF
    assert PLAIN.ranked_indicators == (CEF, INTENSITY)
    assert PLAIN.measures_at(Level.BAND) == (OUTPUT, EMISSIONS, FUEL)
    assert PLAIN.measures_at(Level.COHORT, published=True) == (ELECTRICITY, HEAT)
    assert PLAIN.measures_at(Level.COHORT, published=False) == (OTHER,)
    for lookup in (PLAIN.measure, PLAIN.indicator):
        with pytest.raises(PlanError, match="the plan has no"):
            lookup("nothing")


def test_edges_in_the_indicators_unit() -> None:
    assert CEF.bins == 8
    assert [CEF.edge_value(edge) for edge in (0, 1, 7, 8)] == [None, 10_000, 640_000, None]
    assert CEI.bins == 0
    assert CEI.edge_value(0) is None


NOISE = Noise(Fraction(1, 20), Fraction(1, 10), Fraction(1, 10**6))
CHANGES: dict[str, Any] = {
    "round_id": "round-2",
    "cohort": "cohort-2",
    "title": "Another plan",
    "period": "2025",
    "definitions": (("scope", "scope 1 and 2"),),
    "measures": (*PLAIN_MEASURES, Measure("area", "m2", 10, level=Level.COHORT)),
    "indicators": PLAIN_INDICATORS[:2],
    "policy": Policy(6, 10),
    "roster_hash": bytes(32),
    "participants": 41,
    "key_id": bytes([1] * 32),
    "opens_at": 1_700_000_001,
    "deadline": 1_700_086_401,
    "relations": (Relation("emissions", (Part("electricity"),), "other"),),
    "unrelated": (Unrelated(("electricity", "other", "heat"), "another reason"),),
    "noise": NOISE,
    "aggregation": Aggregation.certified(40, 1_700_086_401),
}
TOTALS = Aggregation.totals(1000, 1_700_086_401)
AGGREGATION_CHANGES: dict[str, Any] = {
    "mode": Aggregation.certified(1000, 1_700_086_401),
    "neighbours": dataclasses.replace(TOTALS, neighbours=194, threshold=122),
    "until": dataclasses.replace(TOTALS, until=1_700_086_402),
    "threshold": dataclasses.replace(TOTALS, threshold=122),
    "committee": dataclasses.replace(TOTALS, committee=641),
    "quorum": dataclasses.replace(TOTALS, quorum=450),
}
NOISE_CHANGES: dict[str, Any] = {
    "loss": Fraction(1, 25),
    "budget": Fraction(1, 8),
    "delta": Fraction(1, 10**7),
    "colluding": 2,
}
MEASURE_CHANGES: dict[str, Any] = {
    "name": "heat_2",
    "unit": "pieces",
    "bound": 10**8 + 1,
    "minimum": 1,
    "level": Level.BAND,
    "published": False,
    "protects": ("electricity",),
}
INDICATOR_CHANGES: dict[str, Any] = {
    "name": "intensity_2",
    "unit": "kWh/1e4 yuan",
    "numerator": "heat",
    "denominator": "emissions",
    "scale": Fraction(10),
    "direction": Direction.HIGHER,
    "ranking": Ranking.NONE,
    "edges": (Fraction(1, 100), Fraction(1, 10), Fraction(2)),
}


def test_hash_changes_with_every_field() -> None:
    """Also with every field of every part; a field that is added here must be added to the hash."""
    # A table goes with no plain plan: tests/protocols/test_table_plan.py changes it.
    assert {*CHANGES, "table"} == {f.name for f in dataclasses.fields(Plan)}
    assert set(MEASURE_CHANGES) == {f.name for f in dataclasses.fields(Measure)}
    assert set(INDICATOR_CHANGES) == {f.name for f in dataclasses.fields(Indicator)}
    assert set(AGGREGATION_CHANGES) == {f.name for f in dataclasses.fields(Aggregation)}
    assert set(NOISE_CHANGES) == {f.name for f in dataclasses.fields(Noise)}
    changed = [dataclasses.replace(PLAIN, **{name: value}) for name, value in CHANGES.items()]
    for name, value in NOISE_CHANGES.items():
        changed.append(plain_plan(noise=dataclasses.replace(NOISE, **{name: value})))
    for aggregation in (TOTALS, *AGGREGATION_CHANGES.values()):
        key_id = PLAIN.key_id if aggregation.mode is Mode.CERTIFIED else b""
        own = {"aggregation": aggregation, "participants": 1000, "key_id": key_id}
        changed.append(plain_plan(**own))
    changed.append(plain_plan(policy=Policy(5, 11)))
    changed.append(plain_plan(policy=Policy(largest_share_percent=25)))
    changed.append(plain_plan(policy=Policy(top_count=2, top_share_percent=85)))
    changed.append(plain_plan(policy=Policy(top_count=3, top_share_percent=85)))
    changed.append(plain_plan(policy=Policy(top_count=2, top_share_percent=84)))
    changed.append(plain_plan(policy=Policy(classes_per_octave=2)))
    # A unit that nothing can be related to, so that all of these need the same declarations.
    rooms = dataclasses.replace(HEAT, unit="rooms")
    for name, value in MEASURE_CHANGES.items():
        more = {"protects": ("electricity",)} if name == "published" else {}
        one_more = dataclasses.replace(rooms, **{name: value, **more})
        measures = (OUTPUT, EMISSIONS, FUEL, ELECTRICITY, one_more, OTHER)
        changed.append(plain_plan(measures=measures, unrelated=()))
    changed.append(plain_plan(measures=(*PLAIN_MEASURES[:4], rooms, OTHER), unrelated=()))
    for name, value in INDICATOR_CHANGES.items():
        more = {"edges": ()} if name == "ranking" else {}
        one = dataclasses.replace(INTENSITY, **{name: value, **more})
        changed.append(plain_plan(indicators=(CEF, one, CEI)))
    changed.append(plain_plan(indicators=(INTENSITY, CEF, CEI)))
    hashes = [plan.hash for plan in (PLAIN, *changed)]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"round_id": ""}, "use 1 to 64 letters"),
        ({"round_id": "../x"}, "use 1 to 64 letters"),
        ({"round_id": "r" * 65}, "use 1 to 64 letters"),
        ({"cohort": "a b"}, "use 1 to 64 letters"),
        ({"cohort": "a\n"}, "use 1 to 64 letters"),
        ({"cohort": "é"}, "use 1 to 64 letters"),
        ({"cohort": None}, "use 1 to 64 letters"),
        ({"title": ""}, "title: text is needed"),
        ({"title": "t" * 401}, "at most 400"),
        ({"title": "a\u202eb"}, "printable"),
        ({"period": "2" * 65}, "at most 64"),
        ({"period": 2024}, "text is needed"),
        ({"definitions": (("b", "x"), ("a", "x"))}, "sorted"),
        ({"definitions": (("a", "x"), ("a", "x"))}, "named once"),
        ({"definitions": (("A", "x"),)}, "definition 'A'"),
        ({"definitions": (("a", ""),)}, "text is needed"),
        ({"definitions": (("a", "x" * 1601),)}, "at most 1600"),
        ({"definitions": tuple((f"d{i:02}", "x") for i in range(65))}, "at most 64"),
        ({"roster_hash": bytes(31)}, "roster_hash must be 32 bytes"),
        ({"roster_hash": bytearray(32)}, "roster_hash must be 32 bytes"),
        ({"key_id": "k" * 32}, "key_id must be 32 bytes"),
        ({"participants": 0}, "participants must be from 1"),
        ({"participants": 1 << 20}, "participants must be from 1"),
        ({"participants": True}, "participants must be from 1"),
        ({"opens_at": 0.5}, "whole seconds"),
        ({"opens_at": -1}, "later deadline"),
        ({"deadline": 1_700_000_000}, "later deadline"),
        ({"deadline": 1 << 63}, "later deadline"),
        ({"measures": ()}, "1 to 128 measures"),
        (
            {"measures": tuple(Measure(f"m{i}", "u", 1, level=Level.COHORT) for i in range(129))},
            "1 to 128 measures",
        ),
        ({"measures": (*PLAIN_MEASURES, HEAT)}, "'heat' is defined twice: rename one"),
        (
            {"measures": (*PLAIN_MEASURES[:5], dataclasses.replace(OTHER, protects=("output",)))},
            "not a published cohort-level measure",
        ),
        (
            {"measures": (*PLAIN_MEASURES[:5], dataclasses.replace(OTHER, protects=("fuel",)))},
            "not a published cohort-level measure",
        ),
        (
            {"measures": (*PLAIN_MEASURES[:5], dataclasses.replace(OTHER, protects=("coal",)))},
            "no measure 'coal'",
        ),
        (
            {"indicators": tuple(dataclasses.replace(CEI, name=f"i{i}") for i in range(129))},
            "at most 128 indicators",
        ),
        ({"indicators": (CEF, CEI, CEI)}, "'cei' is defined twice"),
        ({"indicators": (dataclasses.replace(CEF, numerator="sales"),)}, "no measure 'sales'"),
        ({"indicators": (CEF, dataclasses.replace(CEI, numerator="fuel"))}, "uses the guard"),
        (
            {"indicators": (dataclasses.replace(CEF, numerator="electricity"),)},
            "must have level = 'band'",
        ),
        (
            {"indicators": (CEF, dataclasses.replace(CEF, name="cef_2", ranking=Ranking.COUNTS))},
            "'cef' and 'cef_2' rank by the same two measures",
        ),
        (
            {
                "measures": (*PLAIN_MEASURES, Measure("area", "m2", 10**6)),
                "indicators": (CEF, dataclasses.replace(CEF, name="use", denominator="area")),
            },
            "only one indicator may rank with sums, not cef and use",
        ),
        (
            {"indicators": (dataclasses.replace(CEF, edges=(Fraction(10), Fraction(21, 2))),)},
            "a bin narrower than 10 %",
        ),
        ({"indicators": (INTENSITY,)}, "need an indicator with ranking = 'sums'"),
    ],
)
def test_plans_that_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        plain_plan(**changes)


def message_with(**changes: Any) -> pb.Plan:
    message = pb.Plan.FromString(PLAIN.to_bytes())
    for path, value in changes.items():
        *parents, name = path.split("__")
        part: Any = message
        for parent in parents:
            part = part[int(parent)] if parent.isdigit() else getattr(part, parent)
        setattr(part, name, value)
    return message


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"measures__0__bound": b"\x00\x01"}, MalformedMessage),
        ({"measures__0__bound": b""}, PlanError),
        ({"measures__0__minimum": b"\x00"}, MalformedMessage),
        ({"measures__0__level": "sector"}, PlanError),
        ({"measures__0__level": ""}, PlanError),
        ({"indicators__0__direction": "up"}, PlanError),
        ({"indicators__0__ranking": "all"}, PlanError),
        ({"indicators__0__scale__denominator": b""}, MalformedMessage),
        ({"indicators__0__scale__denominator": b"\x08"}, MalformedMessage),  # 1000/8
        ({"indicators__0__scale__numerator": b""}, PlanError),
        ({"indicators__0__edges__0__numerator": b"\x00\x0a"}, MalformedMessage),
        ({"policy__minimum_cohort": 0}, PlanError),
        ({"policy__dominance_percent": 0}, PlanError),
        ({"roster_hash": b""}, PlanError),
        ({"deadline": 1 << 63}, PlanError),
        ({"title": "a\nb"}, PlanError),
    ],
)
def test_messages_that_are_no_plan_are_refused(changes: dict[str, Any], error: type) -> None:
    with pytest.raises(error):
        Plan.from_bytes(encode(message_with(**changes)))


def test_a_plan_without_policy_is_refused() -> None:
    message = message_with()
    message.ClearField("policy")
    with pytest.raises(ProtocolError):
        Plan.from_bytes(encode(message))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN.to_bytes() + b"\x00",
        PLAIN.to_bytes() + b"\x98\x06\x01",  # a field nobody defined
        PLAIN.to_bytes() + PLAIN.to_bytes(),
        PLAIN.to_bytes() + b"\x70\x00",
        PLAIN.to_bytes()[:-1],
        PLAIN.to_bytes().replace(b"\x50\x28", b"\x50\xa8\x00"),  # participants as an over-long int
        bytes(1 << 20) + b"\x00",
    ],
)
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    assert data != PLAIN.to_bytes()
    with pytest.raises(ProtocolError):
        Plan.from_bytes(data)


@settings(max_examples=300)
@given(st.integers(0, len(PLAIN.to_bytes()) - 1), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_another_plan(index: int, flip: int) -> None:
    data = bytearray(PLAIN.to_bytes())
    data[index] ^= flip
    try:
        plan = Plan.from_bytes(bytes(data))
    except ProtocolError:
        return
    assert plan.to_bytes() == bytes(data)
    assert plan.hash != PLAIN.hash


@pytest.mark.parametrize("until", [PLAIN.opens_at + 1, PLAIN.deadline])
def test_masks_that_are_waited_for_no_longer_than_contributions(until: int) -> None:
    """Such a round would open its counts and be given up at once."""
    with pytest.raises(PlanError, match="until must be after the deadline"):
        dataclasses.replace(PLAIN, aggregation=Aggregation.certified(PLAIN.participants, until))
