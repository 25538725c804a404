"""`cefed verify`: the honest bundle passes, and every tampered one fails where it should."""

from __future__ import annotations

import dataclasses
import re
from functools import lru_cache
from pathlib import Path

import pytest

from protocols import bundle
from protocols.atoms import Declared
from protocols.audit import verify_bundle
from protocols.ceremony import Ceremony
from protocols.conditions import CONDITIONS
from protocols.errors import MalformedMessage, StorageError
from protocols.plan import Level, Plan, Ranking
from protocols.roster import Roster
from protocols.verification import Outcome, Report, verify_round
from protocols.walkthrough import Cast, Played, example_measures, run_round, verify
from tests import tampering_masked, tampering_parts
from tests.bundles import Bundle
from tests.keys import cast, trustees
from tests.scenes import small_plan
from tests.tampering import TAMPERINGS

ROOT = Path(__file__).resolve().parents[2]


@lru_cache(maxsize=1)
def scene() -> tuple[Cast, Played]:
    measures = example_measures()
    players = cast(trustees(), len(measures))
    return players, run_round(players, measures, small_plan, say=lambda _: None)


def report_on(tampered: Bundle) -> Report:
    return verify_round(
        tampered.played.plan.round_id,
        tampered.ceremony,
        tampered.countersignatures,
        tampered.roster,
        tampered.entries,
    )


def test_honest_bundle_is_accepted() -> None:
    players, played = scene()
    report = verify(players, played)
    assert report.accepted, report.failed
    assert report.document == played.release.document_bytes
    assert [c.number for c in report.conditions] == list(range(1, len(report.conditions) + 1))
    assert dict(report.facts)["members"] == "16 of 16 on the roster"


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampered_bundle_fails_by_its_own_condition(name: str) -> None:
    players, played = scene()
    tamper, condition = TAMPERINGS[name]
    tampered = Bundle.of(players, played)
    tamper(tampered)
    report = report_on(tampered)
    assert not report.accepted
    assert condition in report.failed, report.conditions
    reason = next(c.reason for c in report.conditions if c.name == condition)
    assert reason


@pytest.mark.parametrize("name", tampering_parts.TAMPERINGS)
def test_tampered_table_or_withheld_measure_fails_by_its_own_condition(name: str) -> None:
    tamper, condition = tampering_parts.TAMPERINGS[name]
    tampered = Bundle.of(*tampering_parts.scene())
    tamper(tampered)
    report = report_on(tampered)
    assert report.failed[0] == condition, report.conditions


@pytest.mark.parametrize("name", tampering_masked.TAMPERINGS)
def test_tampered_certified_round_fails_by_its_own_condition(name: str) -> None:
    tamper, condition = tampering_masked.TAMPERINGS[name]
    tampered = Bundle.of(*tampering_masked.scene())
    tamper(tampered)
    report = report_on(tampered)
    assert report.failed[0] == condition, report.conditions


def test_masked_vectors_have_no_place_in_a_round_under_paillier() -> None:
    players, played = scene()
    tampered = Bundle.of(players, played)
    (vector, *_) = Bundle.of(*tampering_masked.scene()).of_kind("masked")
    tampered.entries.insert(tampered.first("release"), ("masked", vector))
    assert "openings" in report_on(tampered).failed


def test_honest_bundle_with_a_table_and_a_withheld_measure_is_accepted() -> None:
    """The scene is what its tamperings take it for."""
    players, played = tampering_parts.scene()
    cells = played.certificate.table
    assert verify(players, played).accepted
    assert [p for p, cell in enumerate(cells) if cell.withheld] == [
        tampering_parts.ALONE,
        tampering_parts.BESIDE,
    ]
    assert set(played.certificate.withheld_measures) == {tampering_parts.WITHHELD}


HALVES = (tuple(range(8)), tuple(range(8, 16)))


@pytest.mark.parametrize("fresh", [frozenset[int](), frozenset((1,))])
def test_declared_atoms_beside_totals_are_accepted(fresh: frozenset[int]) -> None:
    """What a trustee may sign, a verifier accepts; the plan publishes totals anyway."""
    measures = example_measures()
    players = cast(trustees(), len(measures))
    honest = Bundle.of(players, run_round(players, measures, unranked_plan, say=lambda _: None))
    honest.declare_again(Declared(HALVES, fresh))
    report = report_on(honest)
    assert report.accepted, report.conditions


def test_there_are_enough_tamperings_and_they_cover_the_conditions() -> None:
    players, played = scene()
    assert len(TAMPERINGS) >= 12
    names = {condition.name for condition in verify(players, played).conditions}
    covered = {condition for _, condition in TAMPERINGS.values()}
    assert names - covered == {
        "ceremony-record",  # test_ceremony.py
        "plan-signed",  # below
        "minimum-cohort",  # below
        "round-keys",  # tampering_masked.py
    }


def test_the_pages_name_the_conditions_that_there_are() -> None:
    spec, readme = ((ROOT / name).read_text(encoding="utf-8") for name in ("SPEC.md", "README.md"))
    section = spec.partition("\n## 9. Verification\n")[2].partition("\n## 10.")[0]
    listed = section.partition("in this order:")[2].partition(". `protocols/conditions.py`")[0]
    assert re.findall(r"`([a-z-]+)`", listed) == [check.name for check in CONDITIONS]
    assert re.findall(r"check (\d+) named conditions", readme) == [str(len(CONDITIONS))]


def test_wrong_round_name_fails_the_plan() -> None:
    players, played = scene()
    tampered = Bundle.of(players, played)
    report = verify_round(
        "another-round",
        tampered.ceremony,
        tampered.countersignatures,
        tampered.roster,
        tampered.entries,
    )
    assert "plan-signed" in report.failed


def unranked_plan(roster: Roster, ceremony: Ceremony) -> Plan:
    """Cohort totals only: no band is there to be too small."""
    plan = small_plan(roster, ceremony)
    measures = tuple(dataclasses.replace(m, level=Level.COHORT) for m in plan.measures)
    indicators = (dataclasses.replace(plan.indicators[0], ranking=Ranking.NONE, edges=()),)
    return dataclasses.replace(plan, measures=measures, indicators=indicators)


def test_four_enterprises_cannot_make_a_cohort() -> None:
    """The trustees withhold; totals that everybody signed all the same are rejected."""
    measures = example_measures()[:4]
    players = cast(trustees(), len(measures))
    played = run_round(players, measures, unranked_plan, say=lambda _: None)
    assert played.certificate.withheld == "fewer than 5 enterprises took part"
    assert not played.release.openings
    assert verify(players, played).accepted
    forged = Bundle.of(players, played)
    forged.certify_again(
        dataclasses.replace(
            played.certificate, withheld="", cohort_measures=("output", "emissions")
        )
    )
    assert "minimum-cohort" in report_on(forged).failed


def test_conditions_that_cannot_be_evaluated_do_not_pass() -> None:
    players, played = scene()
    tampered = Bundle.of(players, played)
    tampered.entries = [entry for entry in tampered.entries if entry[0] != "plan"]
    report = report_on(tampered)
    assert not report.accepted
    outcomes = {condition.name: condition.outcome for condition in report.conditions}
    assert outcomes["transcript-order"] is Outcome.FAILS
    assert outcomes["openings"] is Outcome.NOT_EVALUATED


def test_garbage_gives_a_report_and_no_traceback() -> None:
    report = verify_round("x", b"\xff", [b"", b"junk"], b"\x00", [("plan", b"junk"), ("??", b"")])
    assert not report.accepted
    assert not [c for c in report.conditions if c.outcome is Outcome.HOLDS]


def test_bundle_folder_round_trips(tmp_path: Path) -> None:
    players, played = scene()
    tampered = Bundle.of(players, played)
    bundle.write_ceremony(tmp_path, tampered.ceremony, tampered.countersignatures)
    bundle.write_round(tmp_path, played.plan.round_id, tampered.roster, iter(tampered.entries))
    read = bundle.read_bundle(tmp_path)
    assert read.ceremony == tampered.ceremony
    assert list(read.countersignatures) == tampered.countersignatures
    assert [r.round_id for r in read.rounds] == [played.plan.round_id]
    assert list(read.rounds[0].entries()) == tampered.entries


def test_damaged_bundles_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not a bundle"):
        bundle.read_bundle(tmp_path / "missing")
    with pytest.raises(StorageError, match="cannot be a folder"):
        bundle.write_round(tmp_path, "../escape", b"", [])
    bundle.write_ceremony(tmp_path, b"c", [b"a"])
    bundle.write_round(tmp_path, "r", b"", [("plan", b"payload")])
    transcript = tmp_path / "rounds" / "r" / "transcript.bin"
    whole = transcript.read_bytes()
    for damaged in (whole[:-1], whole[:12], whole[:5], b"\xff" * 8 + whole):
        transcript.write_bytes(damaged)
        with pytest.raises(MalformedMessage):
            list(bundle.read_bundle(tmp_path).rounds[0].entries())


def test_several_rounds_are_verified_side_by_side(tmp_path: Path) -> None:
    players, played = scene()
    held = Bundle.of(players, played)
    bundle.write_ceremony(tmp_path, held.ceremony, held.countersignatures)
    for name in (played.plan.round_id, "another-name"):
        bundle.write_round(tmp_path, name, held.roster, held.entries)
    reports = {report.round_id: report for report in verify_bundle(tmp_path, workers=2)}
    assert reports[played.plan.round_id].accepted
    assert "plan-signed" in reports["another-name"].failed
