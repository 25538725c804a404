"""A trustee's folder and the ceremonies in it: what is accepted, opened again, and refused."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from protocols.errors import InvalidSignature, SealBroken, StorageError
from protocols.items import Item
from protocols.signing import open_signed
from tests.trustee.dealt import NAMES, PASSPHRASE, accept, deal, make
from tests.trustee.scene import new_ledger
from trustee import ceremonies, folder
from trustee.agreement import TrusteeLimits
from trustee.errors import FolderError, SettingsError
from trustee.limits import LIMITS, load_limits


def test_a_ceremony_from_folder_to_folder(tmp_path: Path) -> None:
    folders = make(tmp_path)
    dealt = deal(tmp_path / "ceremony", folders)

    signatures = []
    for index, place in enumerate(folders, start=1):
        accepted, path = accept(place, dealt, index)
        signatures.append(path.read_bytes())
        (opened,) = ceremonies.load(place, folder.load_keys(place))
        assert opened.me == accepted.me
        assert opened.holder is not None
        assert opened.ceremony.key_id == dealt.ceremony.key_id

    dealt.ceremony.check_countersignatures(signatures)
    assert [t.name for t in dealt.ceremony.trustees] == list(NAMES)


def test_what_is_private_is_the_owners_alone(tmp_path: Path) -> None:
    (place, *_) = make(tmp_path)
    dealt = deal(tmp_path / "ceremony", make(tmp_path / "more"))

    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(place) == 0o700
    for name in (folder.SIGNING, folder.SEALING, folder.LEDGER):
        assert mode(place / name) == 0o600
    assert {mode(path) for path in (*dealt.shares, dealt.record.parent / "dealer.pem")} == {0o600}


@pytest.mark.parametrize("name", [".", folder.SIGNING, folder.SEALING])
def test_keys_that_others_can_read_are_not_used(tmp_path: Path, name: str) -> None:
    (place,) = make(tmp_path, ("One",))
    (place / name).chmod(0o755)

    with pytest.raises(StorageError, match="chmod"):
        folder.load_keys(place)


def test_a_passphrase_encrypts_both_keys(tmp_path: Path) -> None:
    (place,) = make(tmp_path, ("One",), PASSPHRASE)

    keys = folder.load_keys(place, PASSPHRASE)

    assert keys.signing.public == folder.Identity.load(place / folder.IDENTITY).signing_key
    for name in (folder.SIGNING, folder.SEALING):
        assert b"ENCRYPTED" in (place / name).read_bytes()
    with pytest.raises(StorageError, match="the passphrase is wrong") as refused:
        folder.load_keys(place, b"another passphrase")
    assert b"another" not in str(refused.value).encode()
    with pytest.raises(StorageError, match="give its passphrase"):
        folder.load_keys(place)


def test_keys_of_another_trustee_are_refused(tmp_path: Path) -> None:
    first, second = make(tmp_path, ("One", "Two"))
    (first / folder.SIGNING).write_bytes((second / folder.SIGNING).read_bytes())

    with pytest.raises(FolderError, match="not those of identity"):
        folder.load_keys(first)


def test_a_share_of_another_trustee_is_refused(tmp_path: Path) -> None:
    folders = make(tmp_path)
    dealt = deal(tmp_path / "ceremony", folders)

    with pytest.raises(SealBroken):
        accept(folders[0], dealt, 2)
    with pytest.raises(FolderError, match="no ceremony"):
        ceremonies.load(folders[0], folder.load_keys(folders[0]))


def test_a_trustee_that_is_not_in_the_ceremony(tmp_path: Path) -> None:
    dealt = deal(tmp_path / "ceremony", make(tmp_path))
    (stranger,) = make(tmp_path / "elsewhere", ("Stranger",))

    with pytest.raises(InvalidSignature, match="not a trustee"):
        accept(stranger, dealt, 1)


def test_keys_of_several_periods_share_one_ledger(tmp_path: Path) -> None:
    folders = make(tmp_path)
    place = folders[0]
    first = deal(tmp_path / "one", folders, period="2020")
    accept(place, first, 1)
    ledger = new_ledger(place / folder.LEDGER)
    members = [Item.of(bytes([n]) * 32, f"E-{n}", f"G-{n}") for n in range(5)]
    ledger.record_closing("r", b"p" * 32, b"s" * 32, "2020", members)
    head = ledger.head
    ledger.close()

    second = deal(tmp_path / "two", folders, period="2021")
    accept(place, second, 1)
    accept(place, first, 1)

    found = ceremonies.load(place, folder.load_keys(place))
    assert {a.ceremony.period for a in found} == {"2020", "2021"}
    again = new_ledger(place / folder.LEDGER)
    assert again.head == head
    again.close()
    assert ceremonies.choose(found, second.ceremony.key_id.hex()[:8]).ceremony.period == "2021"
    for key in (None, "zz"):
        with pytest.raises(SettingsError, match="choose one key"):
            ceremonies.choose(found, key)


def test_a_destroyed_share_is_gone_and_attested(tmp_path: Path) -> None:
    folders = make(tmp_path)
    dealt = deal(tmp_path / "ceremony", folders)
    accepted, path = accept(folders[0], dealt, 1)
    keys = folder.load_keys(folders[0])

    _, note = ceremonies.destroy_share(folders[0], keys, accepted, now=5, head=b"h" * 32)

    assert not (path.parent / ceremonies.SHARE).exists()
    statement = open_signed(note, ceremonies.DESTROYED_KIND)
    said = json.loads(statement.payload)
    assert statement.signer == accepted.me.signing_key
    assert (said["key_id"], said["time"]) == (dealt.ceremony.key_id.hex(), 5)
    (left,) = ceremonies.load(folders[0], keys)
    assert left.holder is None
    with pytest.raises(FolderError, match="was destroyed"):
        accept(folders[0], dealt, 1)


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    make(tmp_path, ("One",))

    with pytest.raises(StorageError, match="exists already"):
        make(tmp_path, ("One",))


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"name": "x", "signing_key": "zz", "sealing_key": "00"}']
)
def test_an_identity_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "identity.json").write_text(content)

    with pytest.raises(FolderError):
        folder.Identity.load(tmp_path / "identity.json")


def test_limits_are_read_back_and_checked(tmp_path: Path) -> None:
    limits = TrusteeLimits(
        7,
        15,
        ("pulp", "paper"),
        approve_by_hand=True,
        profile="safety-zone",
        largest_share_percent=20,
        top_count=3,
        top_share_percent=50,
        most_classes_per_octave=2,
    )
    folder.create(tmp_path / "t", "One", limits)

    assert load_limits(tmp_path / "t") == limits


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("minimum_cohort = '5'", "minimum_cohort"),
        ("minimum_cohort = true", "minimum_cohort"),
        ("dominance_percent = 0", "dominance_percent"),
        ("refused_cohorts = 'pulp'", "refused_cohorts"),
        ("roster_approval = 'never'", "roster_approval"),
        ("known_enterprises = 'nowhere.txt'", "nowhere.txt"),
        ("profile = 'strict'", "no profile 'strict'"),
        ("profile = 3", "profile"),
        ("top_count = 2", "needs both"),
        ("largest_share_percent = '25'", "largest_share_percent"),
        ("top_share_percent = -1", "top_share_percent"),
        ("known_enterprise = 'known.txt'", "'known_enterprise' is not a limit"),
        ("[", "not a limits file"),
    ],
)
def test_limits_that_do_not_hold(tmp_path: Path, line: str, match: str) -> None:
    name = line.split(" ")[0]
    rest = [x for x in ("minimum_cohort = 5", "dominance_percent = 10") if not x.startswith(name)]
    (tmp_path / LIMITS).write_text("\n".join([*rest, line]))

    with pytest.raises(FolderError, match=match):
        load_limits(tmp_path)


KEY, OTHER = "0123456789abcdef", "f" * 16


def test_known_enterprises_are_read_line_by_line(tmp_path: Path) -> None:
    (tmp_path / LIMITS).write_text(
        'minimum_cohort = 5\ndominance_percent = 10\nknown_enterprises = "known.txt"\n'
    )
    (tmp_path / "known.txt").write_text(
        "# registered\nE-1\n\n  E-2  \nE 3\n"
        f"E 4  {KEY.upper()}\nE 4 {OTHER}\nE-2 {KEY}\nE 5 {KEY[:15]}\n"
    )

    assert load_limits(tmp_path).known_enterprises == {
        "E-1": frozenset(),
        "E-2": {KEY},
        "E 3": frozenset(),
        "E 4": {KEY, OTHER},
        f"E 5 {KEY[:15]}": frozenset(),
    }
