"""The files a round is created from: members, ceremony, definitions; and the plan they make."""

from __future__ import annotations

import csv
import io
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.errors import SettingsError, StoreError
from coordinator.registry_rows import MemberRow
from protocols.ceremony import MAX_BYTES, Ceremony
from protocols.enrolment import folded
from protocols.errors import ProtocolError, StorageError
from protocols.files import read_limited
from protocols.roster import Roster
from protocols.signing import SigningKey, VerifyKey
from protocols.template import PlanTemplate
from protocols.terms import Description, read_terms

MAX_MEMBERS_FILE = 1 << 26
MAX_DEFINITIONS_FILE = 1 << 20
MEMBER_COLUMNS = (
    "signing_key",
    "group",
    "enterprise_id",
    "name",
    "cohort",
    "fingerprint",
)


@dataclass(frozen=True)
class CeremonyFiles:
    """A ceremony's folder as the coordinator received it."""

    record: bytes
    countersignatures: tuple[bytes, ...]

    @classmethod
    def load(cls, folder: Path) -> CeremonyFiles:
        """Read ``ceremony.bin`` and every ``countersignature-*.bin`` of ``folder``."""
        signatures = sorted(folder.glob("countersignature-*.bin"))
        return cls(
            read_file(folder / "ceremony.bin", MAX_BYTES),
            tuple(read_file(path, MAX_BYTES) for path in signatures),
        )


def read_members(path: Path) -> Roster:
    """The roster of a CSV file with the columns ``signing_key`` (hex) and, optionally, ``group``.

    A member without a group is a group of its own. Groups are compared here and stay here: the
    roster is public. Other columns are ignored.

    :raises SettingsError: no such column, a line without a key, or a group with two members.
    """
    text = read_file(path, MAX_MEMBERS_FILE).decode("utf-8-sig", "replace")
    reader = csv.DictReader(io.StringIO(text))
    members: list[tuple[VerifyKey, str]] = []
    try:
        if "signing_key" not in (reader.fieldnames or ()):
            raise SettingsError(f"{path}: the first line must name a column signing_key")
        for line in reader:
            try:
                key = VerifyKey(bytes.fromhex(line["signing_key"] or ""))
            except (ValueError, ProtocolError) as error:
                raise SettingsError(
                    f"{path}, line {reader.line_num}: signing_key needs 64 hexadecimal digits"
                ) from error
            members.append((key, (line.get("group") or "").strip() or key.fingerprint))
    except csv.Error as error:
        raise SettingsError(f"{path}, line {reader.line_num}: not CSV: {error}") from error
    return _roster(members)


def cohort_roster(rows: Sequence[MemberRow], cohort: str) -> Roster:
    """The roster of the enrolled members of a cohort.

    :raises SettingsError: there are none, or two of one corporate group.
    """
    members = [(row.key, row.group) for row in rows if row.cohort == cohort]
    if not members:
        raise SettingsError(
            f"no enrolled member belongs to cohort {cohort!r}; see: cefed coordinator member list"
        )
    return _roster(members)


def _roster(members: Iterable[tuple[VerifyKey, str]]) -> Roster:
    """The public roster of these keys, of which no two may belong to one group."""
    groups: set[str] = set()
    keys: list[VerifyKey] = []
    for key, group in members:
        if folded(group) in groups:
            raise SettingsError(
                f"corporate group {group!r} has two members; a group takes part as one "
                "enterprise, through one node that adds up its plants"
            )
        groups.add(folded(group))
        keys.append(key)
    return Roster.of_keys(keys)


def members_csv(rows: Sequence[MemberRow]) -> bytes:
    """The file that :func:`read_members` reads, one line a member."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(MEMBER_COLUMNS)
    for row in rows:
        writer.writerow(
            (
                row.key.raw.hex(),
                row.group,
                row.enterprise_id,
                row.name,
                row.cohort,
                row.key.fingerprint,
            )
        )
    return text.getvalue().encode("utf-8")


def read_definitions(path: Path | None) -> dict[str, str]:
    """A JSON object of texts; empty without a file. :raises SettingsError: anything else."""
    if path is None:
        return {}
    try:
        data = json.loads(read_file(path, MAX_DEFINITIONS_FILE))
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict) or not all(isinstance(v, str) for v in data.values()):
        raise SettingsError(f"{path} must hold one JSON object with texts as values")
    return data


def prepare(
    template: PlanTemplate,
    roster: Roster,
    ceremony: CeremonyFiles,
    key: SigningKey,
    *,
    cohort: str,
    round_id: str | None = None,
    period: str | None = None,
    deadline: int,
    opens_at: int | None = None,
    definitions: Mapping[str, str] | None = None,
) -> Description:
    """Instantiate a template and sign it: everything a round is created from.

    :param round_id: by default the cohort and the period.
    :param deadline: seconds since 1970; ``opens_at`` likewise, by default a minute ago.
    :raises PlanError: a plan that cannot be run.
    """
    chosen = period or template.period
    name = round_id or "-".join(part for part in (cohort, chosen) if part)
    plan = template.instantiate(
        round_id=name,
        cohort=cohort,
        participants=len(roster.members),
        roster_hash=roster.hash,
        key_id=Ceremony.from_signed(ceremony.record).key_id,
        opens_at=int(time.time()) - 60 if opens_at is None else opens_at,
        deadline=deadline,
        period=chosen,
        definitions=definitions,
    )
    record = Description(
        key.sign("plan", plan.to_bytes()),
        roster.to_bytes(),
        ceremony.record,
        ceremony.countersignatures,
    )
    read_terms(record, key.public)
    return record


def read_file(path: Path, most: int) -> bytes:
    """A file of at most ``most`` bytes. :raises StoreError: missing, unreadable or larger."""
    try:
        return read_limited(path, most)
    except StorageError as error:
        raise StoreError(str(error)) from error
