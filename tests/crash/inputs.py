"""What the members of a crash run contribute: figures in which every loss or repetition shows.

A figure is a large base, which counts members, plus one bit for each member and version, plus a
part that depends on the round. A sum that lacks a contribution, holds one twice, holds a version
that was superseded or figures of another round is another number.
"""

from __future__ import annotations

from pathlib import Path

COHORT = "crash"
GROUP_BITS = 8
"""So many members at most."""

MAX_VERSIONS = 3
BASE = 1 << 40
ROUND = 1 << 25

MAPPING = """\
schema = "cefed.mapping/1"
title = "Crash run"

[enterprise]
id = "enterprise_id"
cohort = { value = "crash" }

[[columns]]
name = "output_yuan"
kind = "quantity"
unit = "yuan"

[[columns]]
name = "emissions_kg"
kind = "quantity"
unit = "kgCO2"

[measures.output]
kind = "column"
column = "output_yuan"
unit = "yuan"

[measures.emissions]
kind = "column"
column = "emissions_kg"
unit = "kgCO2"
"""

TEMPLATE = """\
schema = "cefed.plan/1"

[plan]
title = "Crash run"

[policy]
minimum_cohort = 3
dominance_percent = 10

[[measures]]
name = "output"
unit = "yuan"
bound = "10000000000000"

[[measures]]
name = "emissions"
unit = "kgCO2"
bound = "10000000000000"

[[indicators]]
name = "cef"
unit = "yuan/tCO2"
numerator = "output"
denominator = "emissions"
scale = "1000"
direction = "higher"
ranking = "sums"
bins = { lower = "500", upper = "2000", count = 3 }
"""


def figures(member: int, version: int, number: int) -> dict[str, int]:
    """A member's integers, by measure.

    :param member: from 0. :param version: of its contribution, from 1. :param number: the round's.
    """
    first = GROUP_BITS * (version - 1)
    return {
        "output": BASE + number * ROUND + (1 << (first + member)),
        "emissions": BASE + number * ROUND + (1 << (first + GROUP_BITS - 1 - member)),
    }


def write_records(path: Path, enterprise: str, values: dict[str, int]) -> None:
    """One enterprise's records file."""
    path.write_text(
        "enterprise_id,output_yuan,emissions_kg\n"
        f"{enterprise},{values['output']},{values['emissions']}\n",
        encoding="utf-8",
    )
