"""A ceremony between folders: dealt, accepted, opened again; and what is refused on the way."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from protocols.errors import InvalidSignature, KeyRefused, SealBroken, StorageError
from protocols.signing import SigningKey
from tests.keys import test_primes as frozen_primes
from trustee import ceremony_cli, cli, dealing, folder
from trustee.agreement import TrusteeLimits
from trustee.errors import FolderError, SettingsError

NAMES = ("Authority", "Association", "Auditor", "A mill of another sector")


def make(path: Path, names: tuple[str, ...] = NAMES) -> list[Path]:
    folders = [path / f"t{i}" for i in range(len(names))]
    for place, name in zip(folders, names, strict=True):
        folder.create(place, name, TrusteeLimits())
    return folders


def deal(path: Path, folders: list[Path], threshold: int = 2, quorum: int = 3) -> dealing.Dealt:
    return dealing.deal(
        path,
        [folder.Identity.load(place / folder.IDENTITY) for place in folders],
        threshold=threshold,
        quorum=quorum,
        period="2020",
        primes=frozen_primes,
    )


def test_a_ceremony_from_folder_to_folder(tmp_path: Path) -> None:
    folders = make(tmp_path)
    dealt = deal(tmp_path / "ceremony", folders)

    signatures = []
    for place, share in zip(folders, dealt.shares, strict=True):
        ceremony, me, signature = folder.accept(
            place, dealt.record.read_bytes(), share.read_bytes()
        )
        signatures.append(signature)
        opened = folder.open_accepted(place)
        assert opened.holder.me == me
        assert opened.ceremony.key_id == ceremony.key_id

    dealt.ceremony.check_countersignatures(signatures)
    assert [t.name for t in dealt.ceremony.trustees] == list(NAMES)
    assert stat.S_IMODE((folders[0] / folder.SIGNING).stat().st_mode) == 0o600


def test_a_share_of_another_trustee_is_refused(tmp_path: Path) -> None:
    folders = make(tmp_path)
    dealt = deal(tmp_path / "ceremony", folders)

    with pytest.raises(SealBroken):
        folder.accept(folders[0], dealt.record.read_bytes(), dealt.shares[1].read_bytes())
    assert not (folders[0] / folder.CEREMONY).exists()


def test_a_trustee_that_is_not_in_the_ceremony(tmp_path: Path) -> None:
    folders = make(tmp_path)
    dealt = deal(tmp_path / "ceremony", folders)
    folder.create(tmp_path / "stranger", "Stranger", TrusteeLimits())

    with pytest.raises(InvalidSignature, match="not a trustee"):
        folder.accept(
            tmp_path / "stranger", dealt.record.read_bytes(), dealt.shares[0].read_bytes()
        )


def test_a_second_ceremony_needs_a_second_folder(tmp_path: Path) -> None:
    folders = make(tmp_path)
    first, second = deal(tmp_path / "one", folders), deal(tmp_path / "two", folders)
    folder.accept(folders[0], first.record.read_bytes(), first.shares[0].read_bytes())

    with pytest.raises(FolderError, match="another ceremony"):
        folder.accept(folders[0], second.record.read_bytes(), second.shares[0].read_bytes())
    folder.accept(folders[0], first.record.read_bytes(), first.shares[0].read_bytes())


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


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    make(tmp_path, ("One",))

    with pytest.raises(StorageError, match="exists already"):
        folder.create(tmp_path / "t0", "One", TrusteeLimits())


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"name": "x", "signing_key": "zz", "sealing_key": "00"}']
)
def test_an_identity_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "identity.json").write_text(content)

    with pytest.raises(FolderError):
        folder.Identity.load(tmp_path / "identity.json")


def test_limits_are_read_back_and_checked(tmp_path: Path) -> None:
    limits = TrusteeLimits(7, 15, ("pulp", "paper"))
    folder.create(tmp_path / "t", "One", limits)

    assert folder.load_limits(tmp_path / "t") == limits
    (tmp_path / "t" / folder.LIMITS).write_text("minimum_cohort = '5'\n")
    with pytest.raises(FolderError):
        folder.load_limits(tmp_path / "t")


def test_a_pinned_key_is_hexadecimal() -> None:
    key = SigningKey.generate().public
    assert folder.parse_key(key.raw.hex()) == key
    for text in ("", "zz", "00" * 31):
        with pytest.raises(SettingsError):
            folder.parse_key(text)


def test_the_commands_print_facts(tmp_path: Path) -> None:
    runner = CliRunner()
    place = str(tmp_path / "t")

    result = runner.invoke(cli.app, ["init", place, "--name", "One", "--json"])

    assert json.loads(result.stdout)["name"] == "One"
    identity = str(tmp_path / "t" / folder.IDENTITY)
    arguments = ["deal", "--threshold", "1", "--quorum", "1", "--period", "2020"]
    unconfirmed = runner.invoke(
        ceremony_cli.app, [*arguments, "--trustee", identity, "--out", str(tmp_path / "c")]
    )
    assert isinstance(unconfirmed.exception, SettingsError)
    assert "Any 1 of them" in unconfirmed.output
    assert not (tmp_path / "c").exists()
