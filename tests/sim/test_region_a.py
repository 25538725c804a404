"""Region A end to end: every process, every socket, and the plain oracle at the end."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import pytest

from enterprise_node.errors import ReleaseRefused
from enterprise_node.private.published import check_release
from protocols.bundle import read_bundle
from protocols.ceremony import Ceremony
from protocols.plan import Plan
from protocols.signing import open_signed
from tests.oracle.oracle import region_a_measures
from tests.sim.shared import Outcome, cefed, check_against, frozen_primes, node_integers, read_json


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome]:
    folder = tmp_path_factory.mktemp("region-a")
    out = folder / "out"
    done = cefed(
        "demo", "--out", out, "--unsafe-primes", frozen_primes(folder), "--modulus-bits", 2048
    )
    assert done.code == 0, done.stderr
    return out, done


def test_every_node_and_every_published_figure_equals_the_oracle(
    demo: tuple[Path, Outcome],
) -> None:
    out, _ = demo
    expected = region_a_measures()
    for enterprise, (_, integers, reason) in expected.items():
        assert node_integers(out, enterprise) == (integers, reason)
    (document,) = read_json(out / "release.json")["cohorts"]
    check_against(document, [integers for _, integers, _ in expected.values()])
    assert len(document["bands"]) >= 9


def test_the_curve_deviates_by_at_most_four_percent(demo: tuple[Path, Outcome]) -> None:
    run = read_json(demo[0] / "run.json")
    assert Fraction(run["curve_deviation"]["region-a"]) <= Fraction(4, 100)


def test_sectors_stand_nowhere_in_what_was_published(demo: tuple[Path, Outcome]) -> None:
    out, _ = demo
    for name in ("release.json", "targets.csv", "report.html"):
        assert "rubber and plastics" not in (out / name).read_text(encoding="utf-8")


def test_the_bundle_is_accepted_and_a_changed_release_is_not(demo: tuple[Path, Outcome]) -> None:
    out, _ = demo
    good = cefed("verify", out / "bundle", "--release", out / "release.json")
    assert good.code == 0, good.stdout
    assert "ACCEPTED" in good.stdout
    text = (out / "release.json").read_text(encoding="utf-8")
    other = out.parent / "other.json"
    other.write_text(text.replace('"n": 72', '"n": 73', 1), encoding="utf-8")
    bad = cefed("verify", out / "bundle", "--release", other)
    assert bad.code == 6
    assert "not what the bundle proves" in bad.stdout


def test_the_demo_says_that_one_machine_plays_all_roles(demo: tuple[Path, Outcome]) -> None:
    out, done = demo
    assert "different organisations" in done.stderr
    assert "accepted" in done.stdout
    assert "report.html" in done.stdout
    assert not (out / "work").exists()


def test_a_node_believes_a_release_only_with_enough_endorsements(
    demo: tuple[Path, Outcome],
) -> None:
    bundle = read_bundle(demo[0] / "bundle")
    (round_,) = bundle.rounds
    entries = list(round_.entries())
    signed_plan = open_signed(entries[0][1], "plan")
    plan, ceremony = Plan.from_bytes(signed_plan.payload), Ceremony.from_signed(bundle.ceremony)
    (posted,) = [payload for kind, payload in entries if kind == "release"]
    endorsed = [payload for kind, payload in entries if kind == "endorsement"]
    document = check_release(posted, endorsed, plan, ceremony, signed_plan.signer)
    assert document == read_json(demo[0] / "release.json")["cohorts"][0]
    with pytest.raises(ReleaseRefused, match="3 needed"):
        check_release(posted, endorsed[:2], plan, ceremony, signed_plan.signer)
    with pytest.raises(ReleaseRefused, match="not signed by the coordinator"):
        check_release(posted, endorsed, plan, ceremony, ceremony.trustees[0].signing_key)
    with pytest.raises(ReleaseRefused, match="no release yet"):
        check_release(b"", [], plan, ceremony, signed_plan.signer)


def test_targets_cover_every_band_and_strategy(demo: tuple[Path, Outcome]) -> None:
    out, _ = demo
    (document,) = read_json(out / "release.json")["cohorts"]
    with (out / "targets.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(document["bands"])
    assert {row["strategy"] for row in rows} == {"opt_out", "cas1", "cas2"}


def test_each_node_knows_its_own_position(demo: tuple[Path, Outcome]) -> None:
    out, _ = demo
    place = read_json(out / "nodes" / "A01" / "position.json")
    assert place["members"] == 72
    assert set(place["targets"]) == {"opt_out", "cas1", "cas2"}
    assert place["grade"] in range(1, 6)


def test_a_node_process_stays_under_200_mb(demo: tuple[Path, Outcome]) -> None:
    peak = read_json(demo[0] / "run.json")["peak_rss_bytes"]["nodes"]
    assert 0 < peak < 200_000_000
