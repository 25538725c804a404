"""The files and times that an operator gives."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from coordinator import roundfiles
from coordinator.cli_common import parse_deadline
from coordinator.errors import SettingsError
from coordinator.registry_rows import MemberRow, MemberState
from tests.keys import signing_key


def write_members(path: Path, count: int) -> Path:
    lines = ["name,signing_key,group"]
    for number in range(1, count + 1):
        group = "one group" if number == 1 else ""
        lines.append(f"plant {number},{signing_key(number).public.raw.hex()},{group}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


def row(number: int, cohort: str = "cohort-1") -> MemberRow:
    key = signing_key(number).public
    return MemberRow(
        number,
        f"id-{number}",
        f"g-{number}",
        "x",
        cohort,
        key,
        MemberState.ENROLLED,
        None,
        1,
        1,
        "",
    )


def test_members_are_read_and_their_groups_are_not_published(tmp_path: Path) -> None:
    roster = roundfiles.read_members(write_members(tmp_path / "members.csv", 5))

    assert [member.group for member in roster.members] == [
        member.key.fingerprint for member in roster.members
    ]
    assert len(roster.members) == 5
    assert b"one group" not in roster.to_bytes()


def test_a_group_has_one_member(tmp_path: Path) -> None:
    path = write_members(tmp_path / "members.csv", 3)
    path.write_text(path.read_text().replace(",\n", ",One GROUP\n"))
    with pytest.raises(SettingsError, match="One GROUP"):
        roundfiles.read_members(path)
    rows = [row(1), dataclasses.replace(row(2), group="G-1")]
    with pytest.raises(SettingsError, match="G-1"):
        roundfiles.cohort_roster(rows, "cohort-1")


@pytest.mark.parametrize("content", ["", "key\nabc\n", "signing_key\nabc\n", "signing_key\n\x00\n"])
def test_a_members_file_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.csv").write_text(content)

    with pytest.raises(SettingsError):
        roundfiles.read_members(tmp_path / "m.csv")


def test_exported_members_are_the_roster_of_the_cohort(tmp_path: Path) -> None:
    rows = [row(1), row(2), row(3, "another")]
    path = tmp_path / "members.csv"
    path.write_bytes(roundfiles.members_csv(rows[:2]))

    roster = roundfiles.cohort_roster(rows, "cohort-1")
    assert roundfiles.read_members(path) == roster
    assert len(roster.members) == 2
    assert b"g-1" not in roster.to_bytes()
    with pytest.raises(SettingsError, match="no enrolled member"):
        roundfiles.cohort_roster(rows, "nothing")


@pytest.mark.parametrize("content", ["[]", "{", '{"a": 1}', "[" * 100_000])
def test_definitions_that_are_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "d.json").write_text(content)

    with pytest.raises(SettingsError):
        roundfiles.read_definitions(tmp_path / "d.json")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 1_000_090),
        ("30m", 1_001_800),
        ("2h", 1_007_200),
        ("1d", 1_086_400),
        ("1970-01-12T13:46:40Z", 1_000_000),
        ("1970-01-12T13:46:40", 1_000_000),
        ("1970-01-12T14:46:40+01:00", 1_000_000),
    ],
)
def test_deadlines(text: str, seconds: int) -> None:
    assert parse_deadline(text, 1_000_000) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "5", "1e3s"])
def test_deadlines_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_deadline(text, 1_000_000)
