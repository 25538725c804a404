"""What the report says about each backend, in both languages, and what it does not promise."""

from __future__ import annotations

import pytest

from coordinator.documents import read_cohort
from coordinator.errors import DocumentError
from coordinator.report import render_report
from protocols.document import build_totals
from tests.coordinator import sample
from tests.protocols.test_backends import TOTALS, plain_members

CERTIFIED = sample.region_a() | {
    "backend": "certified",
    "dominance_controlled": True,
    "publicly_verifiable": True,
}


def totals() -> dict[str, object]:
    """The document of a round without trustees."""
    members = plain_members(30)
    names = ("output", "emissions", "electricity", "heat")
    return build_totals(TOTALS, 30, {name: sum(own[name] for own in members) for name in names})


def test_a_certified_round_names_its_backend_and_its_proof() -> None:
    page = render_report([CERTIFIED], run={})
    assert "for bands that trustees certified" in page
    assert "分档由受托方认证" in page
    assert "exactly one signed masked vector" in page
    assert "are the products of exactly these contributions" not in page
    assert "Dominance was not controlled" not in page
    assert "cefed verify" in page


def test_a_round_without_trustees_says_what_it_does_not_promise() -> None:
    page = render_report([totals()], run={})
    for words in (
        "totals only, without trustees",
        "仅合计，无受托方",
        "Dominance was not controlled",
        "未作占比控制",
        "not publicly verifiable",
        "不可公开验证",
    ):
        assert words in page, words
    assert "cefed verify" not in page
    # It has no bands to speak of, and nothing was withheld for that.
    assert "No strategies" not in page


def test_backends_beside_each_other_are_both_named() -> None:
    page = render_report([CERTIFIED, totals()], run={})
    assert "for bands that trustees certified" in page
    assert "totals only, without trustees" in page
    assert "not publicly verifiable" in page
    assert "cefed verify" in page


def test_a_document_of_an_earlier_version_is_read_as_what_it_was() -> None:
    cohort = read_cohort(sample.region_a())
    assert (cohort.backend, cohort.dominance_controlled, cohort.publicly_verifiable) == (
        "",
        True,
        True,
    )
    page = render_report([sample.region_a()], run={"backend": "paillier"})
    assert "Threshold Paillier encryption" in page


def test_a_flag_that_is_none_is_refused() -> None:
    with pytest.raises(DocumentError, match="dominance_controlled"):
        read_cohort(sample.region_a() | {"dominance_controlled": "yes"})
