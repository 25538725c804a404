"""Who takes part in a simulation, and who does not for which reason."""

from __future__ import annotations

from pathlib import Path

from sim.people import exclude_by_group, read_people, roster_of
from tests.keys import signing_key

MAPPING = """
schema = "cefed.mapping/1"
title = "t"
[enterprise]
id = "id"
cohort = { value = "c" }
group = "parent"
[[columns]]
name = "sales"
kind = "quantity"
unit = "yuan"
[measures.output]
kind = "column"
column = "sales"
unit = "yuan"
"""


def test_a_corporate_group_takes_part_once(tmp_path: Path) -> None:
    records, mapping = tmp_path / "r.csv", tmp_path / "m.toml"
    rows = ["id,parent,sales", "a,steel,1", "b,,2", "c,Steel,3", "d,,4", "e,steel,x"]
    records.write_text("\n".join(rows) + "\n", encoding="utf-8")
    mapping.write_text(MAPPING, encoding="utf-8")
    people = read_people(records, mapping, ()).everybody
    exclude_by_group(people)
    reasons = {person.own.enterprise: person.excluded for person in people}
    assert [name for name, reason in reasons.items() if reason is None] == ["a", "b", "d"]
    assert "takes part as one enterprise and does so with a" in str(reasons["c"])
    assert "'steel'" not in str(reasons["e"])


def test_a_roster_names_nobody(tmp_path: Path) -> None:
    records, mapping = tmp_path / "r.csv", tmp_path / "m.toml"
    records.write_text("id,parent,sales\nPlant-A,Steel-Group,1\nPlant-B,,2\n", encoding="utf-8")
    mapping.write_text(MAPPING, encoding="utf-8")
    people = read_people(records, mapping, ()).everybody
    for number, person in enumerate(people, start=1):
        person.key = signing_key(number).public

    data = roster_of(people).to_bytes()

    assert all(person.key is not None and person.key.raw in data for person in people)
    assert not any(name in data for name in (b"Plant", b"Steel"))
