"""The load benchmark measures what it says: real size, and every receipt in the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.store import Store
from protocols.ceremony import Ceremony
from protocols.layout import Layout
from protocols.roster import Member, Roster
from protocols.signing import SigningKey
from sim import bench_ingest, bench_round
from sim.bench_cli import app
from sim.bench_load import Outcome
from sim.errors import VerificationFailed


@pytest.mark.parametrize("kind", bench_round.KINDS)
def test_plans_are_of_the_size_that_is_claimed(kind: str) -> None:
    parties = bench_round.gather(SigningKey.generate(), 6, 2048)
    roster = Roster.of(Member(key.public, key.public.fingerprint) for key in parties.members)
    plan = bench_round.make_plan(kind, 1, roster, parties.ceremony)

    assert len(Layout(plan, 3072).labels) == bench_round.CIPHERTEXTS[kind]
    parties.ceremony.check_countersignatures(parties.countersignatures)
    assert Ceremony.from_signed(parties.ceremony.received).key.public.bits == 2048


def test_a_receipt_that_is_not_in_the_log_fails(tmp_path: Path) -> None:
    store = Store.create(f"sqlite:///{tmp_path / 'board.sqlite'}")
    outcome = Outcome(acknowledged=[("small-1", 3, "00" * 32)])

    with pytest.raises(VerificationFailed, match="not in the log"):
        bench_ingest._in_log(store, outcome)
    store.close()


def test_a_short_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_ingest, "MEMBERS", 12)
    monkeypatch.setattr(bench_ingest, "MODULUS_BITS", 2048)
    monkeypatch.setattr(bench_ingest, "REAL", 2)
    monkeypatch.setattr(bench_ingest, "CALLS", 2)  # a member may have so many under way
    monkeypatch.setitem(bench_ingest._PER_SECOND, "small", 24)

    done = CliRunner().invoke(
        app, ["ingest", "--kind", "small", "--seconds", "1", "--json"], catch_exceptions=False
    )

    (facts,) = json.loads(done.stdout)
    assert facts["contributions"] == facts["in_log"] > 0
    assert facts["refusals"] == {}
    assert facts["proofs_per_second_one_core"] > 0
