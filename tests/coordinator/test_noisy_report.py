"""The report beside noise: every figure with its error, and no strategy built on sand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from coordinator.choices import ladder_of
from coordinator.documents import read_cohort
from coordinator.errors import DocumentError
from coordinator.report import render_report
from coordinator.targets import write_targets
from protocols.ceremony import Ceremony
from protocols.roster import Roster
from protocols.walkthrough import hold_ceremony, run_round
from tests.keys import test_primes
from tests.noisy import MODERATE, STRONG, members, play, tight_plan


@pytest.fixture(scope="module")
def frame() -> tuple[Roster, Ceremony]:
    cast = hold_ceremony(test_primes(), len(members()))
    return run_round(cast, members(), tight_plan, lambda _: None).roster, cast.ceremony


@pytest.fixture(scope="module")
def moderate(frame: tuple[Roster, Ceremony]) -> dict[str, Any]:
    return play(tight_plan(*frame, noise=MODERATE), members(), 1).document


@pytest.fixture(scope="module")
def strong(frame: tuple[Roster, Ceremony]) -> list[dict[str, Any]]:
    return [play(tight_plan(*frame, noise=STRONG), members(), n).document for n in range(8)]


def test_errors_stand_beside_figures(moderate: dict[str, Any]) -> None:
    cohort = read_cohort(moderate)
    assert cohort.measures["output"].error == int(moderate["measures"]["output"]["error"])
    assert cohort.bands[0].measures["output"].interval is None
    ratio = cohort.bands[0].indicators["cef"]
    assert ratio.interval is not None
    assert ratio.interval[0] < ratio.value
    # An edge is no estimate.
    assert cohort.bands[0].upper is not None
    assert cohort.bands[0].upper.interval is None
    page = render_report([moderate], run={})
    assert page.count("<small>± ") >= 2 * len(moderate["measures"])
    assert "44.29" in page
    assert "No noise is added" not in page
    assert "Sums are exact" not in page


def test_a_report_without_noise_says_so(frame: tuple[Roster, Ceremony]) -> None:
    plan = tight_plan(*frame, noise=None)
    document = play(plan, members(), 1).document
    page = render_report([document], run={})
    assert "No noise is added" in page
    assert "Sums are exact" in page
    assert not re.search(r"<small>±", page)


def test_drowned_figures_are_shown_for_what_they_are(
    strong: list[dict[str, Any]], tmp_path: Path
) -> None:
    """No crash, no strategy over bands in no order, no ratio where there is none."""
    unusable = [d for d in strong if ladder_of(read_cohort(d)) is None]
    assert unusable
    for number, document in enumerate(strong):
        page = render_report([document], run={})
        drowned = "The noise that members added is larger than the figures here."
        assert drowned in page or document not in unusable
        write_targets([document], tmp_path / f"{number}.csv")
    assert any("cef" not in band.indicators for d in strong for band in read_cohort(d).bands), (
        "a ratio without a value is left out"
    )


@pytest.mark.parametrize(
    "interval", ["x", ["1"], ["a", None], [None, "1"], ["1", "2", "3"], {"low": "1"}]
)
def test_a_malformed_interval_is_refused(moderate: dict[str, Any], interval: object) -> None:
    item = {**moderate["indicators"]["cef"], "interval": interval}
    with pytest.raises(DocumentError, match="interval"):
        read_cohort({**moderate, "indicators": {"cef": item}})
