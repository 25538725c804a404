"""The enterprises of a record set: one folder and one node each, one cohort a value of a column.

The records are computed once and every enterprise gets its own row: in its folder stand its row of
the file, the mapping, its integers, its key and the public keys of coordinator and trustees, and
nothing of anybody else.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from accounting.measures import EnterpriseMeasures, Intake, compute_file
from accounting.records import Records, read_records
from enterprise_node.private.backends import Backend
from enterprise_node.private.intake import (
    OwnMeasures,
    category_reasons,
    meaning_reasons,
    of_row,
    relation_reasons,
    value_reasons,
)
from enterprise_node.private.policy import ANY, Approver, NodePolicy, TrusteeRules
from enterprise_node.private.settings import Settings
from enterprise_node.private.store import NodeStore
from protocols.enrolment import folded
from protocols.plan import Plan
from protocols.roster import MAX_GROUP_LENGTH, Roster
from protocols.signing import VerifyKey
from sim.errors import OptionError
from sim.faults import Operation, assign, write_operation
from sim.settings import Settings as RunSettings

MAX_FOLDER = 120
MAX_ID_LENGTH = 64
WRITERS = 8


@dataclass
class Person:
    """One enterprise. ``excluded`` says why it takes no part.

    ``folder_name`` and ``registered_id`` are unique; the latter is what its certificate says.
    """

    own: OwnMeasures
    row: int
    folder_name: str
    registered_id: str
    excluded: str | None
    key: VerifyKey | None = None

    @property
    def group(self) -> str:
        """The corporate group as certificates name it."""
        return self.own.group[:MAX_GROUP_LENGTH].strip()


@dataclass
class Population:
    """Every row of the record set, by cohort in the order of the file."""

    intake: Intake
    records: Records
    cohorts: dict[str, list[Person]] = field(default_factory=dict)

    @property
    def everybody(self) -> list[Person]:
        """All enterprises, excluded ones included."""
        return [person for people in self.cohorts.values() for person in people]


def read_people(records: Path, mapping: Path, wanted: tuple[str, ...]) -> Population:
    """Compute every row and group it by cohort.

    :param wanted: cohorts to take; empty for all.
    :raises AccountingError: the files cannot be used.
    :raises OptionError: a wanted cohort is not in the file.
    """
    intake = compute_file(records, mapping)
    population = Population(intake, read_records(records))
    seen: Counter[str] = Counter()
    for row in intake.enterprises:
        seen[row.enterprise] += 1
        if wanted and row.cohort not in wanted:
            continue
        population.cohorts.setdefault(row.cohort, []).append(_person(intake, row, seen))
    missing = [name for name in wanted if name not in population.cohorts]
    if missing:
        known = sorted({row.cohort for row in intake.enterprises})
        raise OptionError(
            f"{records} has no cohort {', '.join(missing)}; it has: {', '.join(known[:40])}"
        )
    return population


def exclude_by_plan(people: Iterable[Person], plan: Plan) -> None:
    """Mark those whose own figures the plan cannot take, as their nodes would refuse it.

    :raises OptionError: mapping and plan do not mean the same, which concerns everybody.
    """
    for person in people:
        if person.excluded is not None:
            continue
        differing = meaning_reasons(person.own, plan.measures, plan.definitions)
        if differing:
            raise OptionError(f"the plan does not fit the mapping: {'; '.join(differing[:3])}")
        reasons = value_reasons(person.own.integers, plan.measures, plan.indicators)
        reasons += category_reasons(person.own, plan.table)
        reasons += relation_reasons(person.own, plan.relations)
        if reasons:
            person.excluded = "; ".join(reasons)


def exclude_by_group(people: Iterable[Person]) -> None:
    """Keep the first row of a corporate group: a group is one member of a round.

    A real group's node adds up its plants; rows of a simulation are not added up.
    """
    heads: dict[str, str] = {}
    for person in people:
        if person.excluded is not None:
            continue
        group = person.group
        head = heads.setdefault(folded(group), person.own.enterprise)
        if head != person.own.enterprise:
            person.excluded = (
                f"belongs to corporate group {group!r}, which takes part as one enterprise and "
                f"does so with {head}"
            )


def settle_in(
    people: list[Person],
    population: Population,
    mapping: Path,
    folder: Path,
    coordinator: VerifyKey,
    trustees: tuple[VerifyKey, ...],
    backend: Backend,
) -> None:
    """Make the node folder of everybody who takes part, with a fresh key each.

    Nobody is invited: the coordinator of a simulation registers the keys itself.

    :param coordinator: and ``trustees``, the keys that every node pins.
    :param backend: the one that every node's policy allows.
    """
    policy = NodePolicy(
        coordinator_key=coordinator,
        approval=Approver.AUTOMATIC,
        indicators=(ANY,),
        measures=(ANY,),
        trustees=TrusteeRules(keys=trustees),
        backends=(backend,),
    )
    rows = {row.line: row.cells for row in population.records.rows}
    header = population.records.header
    mapping_bytes = mapping.read_bytes()

    def settle(person: Person) -> None:
        store = NodeStore.create(
            folder / person.folder_name,
            Settings(person.registered_id, person.registered_id, person.group),
            policy.model_copy(update={"cohorts": (person.own.cohort,)}),
        )
        store.save_import(person.own, _csv(header, rows[person.row]), mapping_bytes)
        person.key = store.key().public

    # Every file waits for the disk, so several folders are made at a time.
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(settle, people))


def strike(people: Iterable[Person], settings: RunSettings) -> dict[str, Operation]:
    """Leave the run's faults in the folders of the nodes that they strike; by folder name."""
    names = [person.folder_name for person in people]
    struck = assign(settings.faults, names, settings.seed, settings.mode)
    for name, operation in struck.items():
        write_operation(settings.homes / name, operation)
    return struck


def roster_of(people: Iterable[Person]) -> Roster:
    """The roster of a cohort."""
    return Roster.of_keys(person.key for person in people if person.key is not None)


def measures_file(person: Person) -> Mapping[str, object]:
    """What a simulation writes as the node's ``measures.json`` for an outside oracle."""
    own = person.own
    return {
        "enterprise": own.enterprise,
        "cohort": own.cohort,
        "category": own.category,
        "measures": {
            name: {"unit": own.units[name], "value": str(value)}
            for name, value in own.integers.items()
        },
        "excluded": person.excluded,
    }


def _person(intake: Intake, row: EnterpriseMeasures, seen: Counter[str]) -> Person:
    name = quote(row.enterprise, safe=" ()+,;=@~")[:MAX_FOLDER]
    if name.startswith("."):
        name = "%2E" + name[1:]
    if seen[row.enterprise] > 1:
        name = f"{name}~{row.row}"
    own = of_row(intake, row)
    registered = row.enterprise.strip()
    if seen[row.enterprise] > 1 or not 0 < len(registered) <= MAX_ID_LENGTH:
        registered = f"{registered[: MAX_ID_LENGTH - 16].strip()}~{row.row}"
    return Person(own, row.row, name or f"row-{row.row}", registered, own.excluded)


def _csv(header: tuple[str, ...], cells: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerow(cells)
    return text.getvalue().encode("utf-8")
