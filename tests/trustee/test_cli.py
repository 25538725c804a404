"""The commands: what they print, ask, refuse, and with which exit code."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from protocols.enrolment import revocation_list
from protocols.errors import KeyRefused, StorageError
from protocols.service.errors import CredentialError
from tests.keys import test_primes as frozen_primes
from tests.trustee.dealt import COUNTS, NAMES, PASSPHRASE, accept, deal, make
from tests.trustee.scene import COORDINATOR, NOW, Scene, certificates, new_ledger
from trustee import ceremony_cli, cli, dealing, folder
from trustee.agreement import TrusteeLimits
from trustee.errors import FolderError, LedgerError, SettingsError
from trustee.membership import see_roster
from trustee.rosters import Rosters

RUNNER = CliRunner()


def trustee(*arguments: object, text: str | None = None) -> Any:
    return RUNNER.invoke(cli.app, [str(a) for a in arguments], input=text)


def ceremony(*arguments: object, text: str | None = None) -> Any:
    return RUNNER.invoke(ceremony_cli.app, [str(a) for a in arguments], input=text)


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_bytes(PASSPHRASE + b"\n")
    path.chmod(0o600)
    return path


def test_init_encrypts_the_keys(tmp_path: Path, secret: Path) -> None:
    result = trustee("init", tmp_path / "t", "--name", "One", "--passphrase-file", secret, "--json")

    facts = json.loads(result.stdout)
    assert (facts["name"], facts["encrypted"]) == ("One", True)
    folder.load_keys(tmp_path / "t", PASSPHRASE)


def test_init_without_a_passphrase_has_to_be_said(tmp_path: Path) -> None:
    silent = trustee("init", tmp_path / "t", "--name", "One")
    assert isinstance(silent.exception, CredentialError)
    assert not (tmp_path / "t").exists()

    said = trustee("init", tmp_path / "t", "--name", "One", "--no-passphrase")
    assert "NOT encrypted" in said.stderr
    folder.load_keys(tmp_path / "t")


def test_init_with_both_is_refused(tmp_path: Path, secret: Path) -> None:
    both = ("--no-passphrase", "--passphrase-file", secret)

    assert isinstance(
        trustee("init", tmp_path / "t", "--name", "One", *both).exception, SettingsError
    )


def test_a_short_passphrase_is_refused(tmp_path: Path, secret: Path) -> None:
    secret.write_bytes(b"short")

    result = trustee("init", tmp_path / "t", "--name", "One", "--passphrase-file", secret)

    assert isinstance(result.exception, CredentialError)
    assert not (tmp_path / "t").exists()


def dealing_arguments(tmp_path: Path) -> list[object]:
    arguments: list[object] = ["deal", "--threshold", 2, "--quorum", 3, "--period", "2020"]
    for place in make(tmp_path):
        arguments += ["--trustee", place / folder.IDENTITY]
    return [*arguments, "--out", tmp_path / "c"]


@pytest.mark.parametrize("typed", ["three of four open, two close\n", "yes\n", "\n", None])
def test_dealing_needs_the_counts_in_words(tmp_path: Path, typed: str | None) -> None:
    result = ceremony(*dealing_arguments(tmp_path), text=typed)

    assert isinstance(result.exception, SettingsError)
    assert "Any 2 of them together" in result.stderr
    assert COUNTS in result.stderr
    assert not (tmp_path / "c").exists()


def test_a_whole_ceremony_by_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dealing, "draw_primes", lambda _bits: frozen_primes())
    arguments = dealing_arguments(tmp_path)
    out = tmp_path / "c"

    dealt = ceremony(*arguments, text="Two of four  open, three close\n")
    assert dealt.exit_code == 0, dealt.stderr
    assert "KEY CEREMONY - PROTOCOL" in dealt.stdout

    unfinished = ceremony("check", out, "--json")
    assert unfinished.exit_code == 6
    assert json.loads(unfinished.stdout)["not_countersigned"] == list(NAMES)
    assert isinstance(ceremony("forget", out).exception, FolderError)

    for index in range(4):
        result = trustee(
            "accept",
            tmp_path / f"t{index}",
            *("--ceremony", out / "ceremony.bin"),
            *("--share", out / f"share-{index + 1}.sealed"),
            *("--out", out),
            text="The same fingerprint\n",
        )
        assert result.exit_code == 0, result.exception
        assert json.loads(dealer_of(out))["dealer"] in result.stderr
    assert ceremony("check", out).exit_code == 6
    assert ceremony("forget", out).exit_code == 0
    finished = ceremony("check", out)
    assert finished.exit_code == 0
    assert "the dealer attested the deletion" in finished.stdout


def dealer_of(out: Path) -> str:
    return str(ceremony("check", out, "--json").stdout)


def test_counts_and_modulus_are_refused_before_anybody_is_asked(tmp_path: Path) -> None:
    arguments = dealing_arguments(tmp_path)

    short = ceremony(*arguments, "--modulus-bits", 1024)
    assert isinstance(short.exception, SettingsError)
    assert COUNTS not in short.stderr
    wrong = ceremony(*arguments, "--quorum", 2)
    assert isinstance(wrong.exception, SettingsError)


def test_a_record_of_another_dealer_is_not_accepted(tmp_path: Path) -> None:
    folders = make(tmp_path)
    dealt = deal(tmp_path / "c", folders)
    given = ("accept", folders[0], "--ceremony", dealt.record, "--share")
    own = dealt.ceremony.dealer.fingerprint

    for said in (("--dealer", "0" * len(own)), ()):
        refused = trustee(*given, dealt.shares[0], *said, text="yes\n")
        assert isinstance(refused.exception, SettingsError)
        assert not (folders[0] / "ceremonies").exists()
    other = trustee(*given, dealt.shares[1], "--dealer", own)
    assert isinstance(other.exception, KeyRefused)
    assert str(dealt.shares[1]) in str(other.exception)
    assert trustee(*given, dealt.shares[0], "--dealer", own.upper()).exit_code == 0


def accepted(path: Path, passphrase: bytes | None = None) -> Path:
    """The folder of a trustee that has accepted a ceremony."""
    folders = make(path)
    dealt = deal(path / "c", folders)
    accept(folders[0], dealt, 1)
    return folders[0]


def test_a_share_is_destroyed_after_the_words(tmp_path: Path) -> None:
    place = accepted(tmp_path)

    assert isinstance(trustee("forget", place, text="yes\n").exception, SettingsError)
    assert list(place.glob("ceremonies/*/share.sealed"))
    ledger = new_ledger(place / folder.LEDGER)
    assert isinstance(trustee("forget", place, "--yes").exception, LedgerError)
    ledger.close()
    done = trustee("forget", place, text="destroy the share of 2020\n")
    assert done.exit_code == 0
    assert not list(place.glob("ceremonies/*/share.sealed"))
    assert list(place.glob("ceremonies/*/destroyed.bin"))


def test_check_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEFED_ETC", str(tmp_path / "etc"))
    place = accepted(tmp_path)

    unconfigured = trustee("check", place, "--json")
    assert unconfigured.exit_code == 8
    wrong = [c["name"] for c in json.loads(unconfigured.stdout)["checks"] if not c["ok"]]
    assert wrong == ["configuration"]

    key = COORDINATOR.public.raw.hex()
    (place / "trustee.toml").write_text(
        f'coordinator = "127.0.0.1:7443"\ncoordinator_key = "{key}"\ninsecure = true\n'
    )
    good = trustee("check", place)
    assert good.exit_code == 0, good.stdout
    assert "share opens" in good.stdout
    assert "IN PLAINTEXT" in good.stdout

    (place / folder.LEDGER).write_bytes(b"{}\n")
    (place / folder.SIGNING).chmod(0o644)
    broken = trustee("check", place, "--json")
    wrong = [c["name"] for c in json.loads(broken.stdout)["checks"] if not c["ok"]]
    assert broken.exit_code == 8
    assert {"permissions", "ledger"} <= set(wrong)


def test_a_lost_share_is_wrong_and_a_destroyed_one_is_not(tmp_path: Path) -> None:
    place = accepted(tmp_path)
    (share,) = place.glob("ceremonies/*/share.sealed")
    data = share.read_bytes()
    share.unlink()
    assert "WRONG ceremonies: 2020" in trustee("check", place).stdout

    share.write_bytes(data)
    share.chmod(0o600)
    trustee("forget", place, "--yes")
    assert "share destroyed" in trustee("check", place).stdout
    assert "WRONG ceremonies" not in trustee("check", place).stdout


def test_check_leaves_encrypted_keys_closed_unless_told(tmp_path: Path, secret: Path) -> None:
    (place,) = make(tmp_path, ("One",), PASSPHRASE)

    assert "not opened, since no passphrase was given" in trustee("check", place).stdout
    opened = trustee("check", place, "--passphrase-file", secret)
    assert "ok    keys: open\n" in opened.stdout
    secret.write_bytes(b"another passphrase")
    wrong = trustee("check", place, "--passphrase-file", secret)
    assert "WRONG keys" in wrong.stdout
    assert "another passphrase" not in wrong.stdout


def test_a_wrong_passphrase_opens_nothing(tmp_path: Path, secret: Path) -> None:
    dealt = deal(tmp_path / "c", make(tmp_path))
    (place,) = make(tmp_path / "x", ("Authority",), b"a third passphrase")

    result = trustee(
        "accept",
        place,
        *("--ceremony", dealt.record, "--share", dealt.shares[0], "--yes"),
        *("--passphrase-file", secret),
    )

    assert isinstance(result.exception, StorageError)
    assert result.exception.exit_code == 8


def test_a_roster_is_shown_and_approved(tmp_path: Path) -> None:
    scene = Scene()
    revocations = revocation_list(COORDINATOR, [], now=NOW)
    found = certificates(scene.roster)
    Rosters(tmp_path).keep(see_roster(scene.terms(), found, revocations, TrusteeLimits(), now=NOW))

    shown = trustee("roster", "show", tmp_path, scene.round_id)
    assert shown.stdout.count("E-") == 12
    assert "waits for approval" in shown.stdout
    refused = trustee("roster", "approve", tmp_path, scene.round_id, text="yes\n")
    assert isinstance(refused.exception, SettingsError)
    done = trustee("roster", "approve", tmp_path, scene.round_id, text="approve twelve members\n")
    assert done.exit_code == 0, done.exception
    assert Rosters(tmp_path).find(scene.round_id).by_hand
    assert isinstance(trustee("roster", "show", tmp_path, "elsewhere").exception, SettingsError)


def test_another_key_than_before_is_shown(tmp_path: Path) -> None:
    rosters = Rosters(tmp_path)
    old, new = Scene(round_id="old").seen(), Scene().seen()
    first, *rest = old.members
    before = dataclasses.replace(first, fingerprint="0" * 16)
    rosters.approve(dataclasses.replace(old, members=(before, *rest)), NOW, by_hand=False)
    rosters.keep(new)

    shown = trustee("roster", "approve", tmp_path, new.round_id, text="approve twelve members\n")

    assert shown.stdout.count("ANOTHER KEY") == 1
    assert f"({first.group})  ANOTHER KEY; before: {'0' * 16}\n" in shown.stdout
    told = json.loads(trustee("roster", "show", tmp_path, new.round_id, "--json").stdout)
    assert told["changed"] == {first.fingerprint: ["0" * 16]}


def test_ledger_and_status(tmp_path: Path) -> None:
    (place,) = make(tmp_path, ("One",))
    ledger = new_ledger(place / folder.LEDGER)
    ledger.record_closing("r", b"p" * 32, b"s" * 32, "2020", [])

    verified = json.loads(trustee("ledger", "verify", place, "--json").stdout)
    assert (verified["closings"], verified["head"]) == (1, ledger.head.hex())
    status = json.loads(trustee("status", place, "--json").stdout)
    assert status["ledger"]["lines"] == 1
    assert status["rounds"] == status["refusals"] == []
    (place / folder.LEDGER).write_bytes(b"[]\n")
    assert isinstance(trustee("ledger", "verify", place).exception, LedgerError)


def test_serving_needs_a_coordinator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CEFED_ETC", str(tmp_path / "etc"))
    place = accepted(tmp_path)

    assert isinstance(trustee("serve", place).exception, SettingsError)
    key = ("--coordinator-key", COORDINATOR.public.raw.hex())
    for bad in ("nowhere", "host:port"):
        result = trustee("serve", place, "--coordinator", bad, *key)
        assert isinstance(result.exception, SettingsError)
    short = trustee("serve", place, "--coordinator", "a:1", "--coordinator-key", "00")
    assert isinstance(short.exception, SettingsError)
