"""The dealer's ceremony: counts in words, papers, countersignatures, and the deletion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from protocols.errors import InvalidSignature, KeyRefused
from protocols.keyfiles import load_signing_key
from protocols.signing import open_signed
from tests.trustee.dealt import COUNTS, NAMES, accept, deal, make
from trustee import dealing, forgetting, protocol, words
from trustee.errors import FolderError

NOW = 1_700_000_000


def countersigned(path: Path, count: int = 4) -> dealing.Dealt:
    """A ceremony in ``path / "c"`` that so many trustees countersigned there."""
    folders = make(path)
    dealt = deal(path / "c", folders)
    for index, place in enumerate(folders[:count], start=1):
        _, signature = accept(place, dealt, index)
        (path / "c" / f"countersignature-{index}.bin").write_bytes(signature.read_bytes())
    return dealt


def test_counts_in_words() -> None:
    assert words.counts(2, 3, 4) == COUNTS
    assert words.counts(13, 19, 25) == "thirteen of twenty-five open, nineteen close"
    assert [words.in_words(n) for n in (0, 20, 21, 99)] == [
        "zero",
        "twenty",
        "twenty-one",
        "ninety-nine",
    ]
    assert words.same("  Two of  four open,\tthree close", COUNTS)
    assert not words.same("three of four open, two close", COUNTS)
    assert not words.same("", COUNTS)


def test_counts_that_cannot_work_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    folders = make(tmp_path)

    with pytest.raises(KeyRefused, match="Raise the closing quorum"):
        deal(tmp_path / "ceremony", folders, threshold=2, quorum=2)
    with pytest.raises(KeyRefused, match="same"):
        deal(tmp_path / "ceremony", [folders[0], folders[0], folders[1], folders[2]])
    assert not (tmp_path / "ceremony").exists()


def test_a_ceremony_is_not_overwritten(tmp_path: Path) -> None:
    folders = make(tmp_path)
    deal(tmp_path / "ceremony", folders)

    with pytest.raises(FolderError, match="already"):
        deal(tmp_path / "ceremony", folders)


def test_a_modulus_that_is_too_short_is_refused() -> None:
    for bits in (512, 2047, 3071):
        with pytest.raises(KeyRefused):
            dealing.draw_primes(bits)


def test_the_papers_name_everybody_and_every_file(tmp_path: Path) -> None:
    dealt = deal(tmp_path / "c", make(tmp_path))
    text = (tmp_path / "c" / dealing.PROTOCOL).read_text()

    for trustee in dealt.ceremony.trustees:
        assert trustee.name in text
        assert trustee.signing_key.fingerprint in text
        assert protocol.sealing_fingerprint(trustee.sealing_key) in text
    for path in (dealt.record, *dealt.shares):
        assert protocol.file_hash(path.read_bytes()) in text
    assert COUNTS in text
    assert dealt.ceremony.dealer.fingerprint in text
    signed = (tmp_path / "c" / dealing.TRANSCRIPT).read_bytes()
    hashes = protocol.read_transcript(signed, dealt.ceremony)
    assert set(hashes) == {"ceremony.bin", "protocol.txt", *(p.name for p in dealt.shares)}
    document = json.loads(open_signed(signed, protocol.KIND).payload)
    assert document["confirmed"] == document["counts"] == COUNTS
    other = deal(tmp_path / "other", make(tmp_path / "more"))
    with pytest.raises(InvalidSignature, match="the dealer's to sign"):
        protocol.read_transcript(signed, other.ceremony)


def test_the_dealer_forgets_when_everybody_has_countersigned(tmp_path: Path) -> None:
    dealt = countersigned(tmp_path)
    before = forgetting.look(tmp_path / "c")
    assert before.countersigned
    assert not before.complete

    after = forgetting.forget(tmp_path / "c", now=NOW)

    assert after.complete
    assert after.deleted == NOW
    assert not [path for path in dealt.shares if path.exists()]
    assert not (tmp_path / "c" / dealing.DEALER).exists()
    signed = (tmp_path / "c" / forgetting.DELETION).read_bytes()
    statement = open_signed(signed, forgetting.KIND)
    assert statement.signer == dealt.ceremony.dealer
    assert len(json.loads(statement.payload)["deleted"]) == 5
    assert forgetting.forget(tmp_path / "c", now=NOW + 1).deleted == NOW


def test_without_every_countersignature_nothing_is_deleted(tmp_path: Path) -> None:
    dealt = countersigned(tmp_path, 3)

    with pytest.raises(FolderError, match=f"not countersigned by {NAMES[3]}"):
        forgetting.forget(tmp_path / "c", now=NOW)

    assert all(path.exists() for path in dealt.shares)
    assert (tmp_path / "c" / dealing.DEALER).exists()


@pytest.mark.parametrize("name", ["countersignature-2.bin", "protocol.txt", "transcript.bin"])
def test_papers_that_were_altered_stop_the_deletion(tmp_path: Path, name: str) -> None:
    dealt = countersigned(tmp_path)
    path = tmp_path / "c" / name
    path.write_bytes(path.read_bytes()[:-1] + b"?")

    assert not forgetting.look(tmp_path / "c").complete
    with pytest.raises(FolderError, match=name):
        forgetting.forget(tmp_path / "c", now=NOW)
    assert all(share.exists() for share in dealt.shares)


def test_a_countersignature_counts_for_its_own_trustee_only(tmp_path: Path) -> None:
    countersigned(tmp_path, 3)
    copied = (tmp_path / "c" / "countersignature-1.bin").read_bytes()
    (tmp_path / "c" / "countersignature-4.bin").write_bytes(copied)

    assert forgetting.look(tmp_path / "c").missing == (NAMES[3],)


def test_a_deletion_by_somebody_else_does_not_count(tmp_path: Path) -> None:
    countersigned(tmp_path)
    forgetting.forget(tmp_path / "c", now=NOW)
    payload = open_signed((tmp_path / "c" / "deletion.bin").read_bytes(), forgetting.KIND).payload
    trustee = load_signing_key(tmp_path / "t0" / "signing.pem")
    (tmp_path / "c" / "deletion.bin").write_bytes(trustee.sign(forgetting.KIND, payload))

    progress = forgetting.look(tmp_path / "c")

    assert not progress.complete
    assert "the dealer's to sign" in progress.defects[0]


def test_a_deletion_that_stopped_half_way_goes_on(tmp_path: Path) -> None:
    dealt = countersigned(tmp_path)
    for share in dealt.shares[:2]:
        share.unlink()

    assert forgetting.forget(tmp_path / "c", now=NOW).complete
