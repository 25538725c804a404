"""Why something is withheld, taken apart into sentences: each as published, and in Chinese.

Releases give reasons in English (protocols/policy.py, certificate.py, suppression.py,
atom_classes.py, document.py, trustee/duties.py), perhaps several joined by semicolons behind words
that hold for all of them. A sentence may hold a semicolon itself, so known ones are matched from
left to right, whole; coordinator/templates/texts.toml lists them. Used by `coordinator.texts`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

MEASURE = "measure"
"""The group of a pattern that holds a measure's name."""

_CELL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|([0-9]+) more")


@dataclass(frozen=True)
class Sentence:
    """One part of a reason.

    `chinese` is a template for `fields`, or None where the sentence is not known; `measure_end` is
    where a measure's name ends in `text`, or None; `opens` says that it speaks for all that follow.
    """

    text: str
    chinese: str | None
    fields: Mapping[str, str]
    measure_end: int | None = None
    opens: bool = False


def sentences(reason: str) -> Iterator[Sentence]:
    """The parts of a reason in order. What is not known is one part, up to the end."""
    position = 0
    while position < len(reason):
        known = ((p.match(reason, position), zh, opens) for p, zh, opens in _patterns())
        found, chinese, opens = next((one for one in known if one[0]), (None, "", False))
        if found is None:
            yield Sentence(reason[position:], None, {})
            return
        fields = found.groupdict(default="")
        end = found.end(MEASURE) - position if MEASURE in fields else None
        yield Sentence(found.group(), chinese, fields, end, opens)
        position = found.end() + (0 if opens else len("; "))


def chinese_cells(listed: str) -> str:
    """A list of quoted paths, perhaps with "and 2 more", as it is written in Chinese."""
    found = list(_CELL.finditer(listed))
    shown = "、".join(one.group()[1:-1] for one in found if one[1] is None)
    more = next((f"等另外 {one[1]} 个单元" for one in found if one[1]), "")
    return f"“{shown}”{more}" if found else listed


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str, bool], ...]:
    text = (files("coordinator") / "templates" / "texts.toml").read_text(encoding="utf-8")
    known = tomllib.loads(text)["reasons"]
    opening = [(item["match"], item["zh"], True) for item in known["opening"]]
    whole = [(rf"(?:{item['match']})(?=; |\Z)", item["zh"], False) for item in known["pattern"]]
    return tuple(
        (re.compile(match, re.IGNORECASE), zh, opens) for match, zh, opens in opening + whole
    )
