"""docs/threats.md names every attack that there is, and promises the figures that they print."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.attacks import fine_grid

HERE = Path(__file__).resolve().parent
PAGE = (HERE.parents[1] / "docs" / "threats.md").read_text(encoding="utf-8")


def attacks() -> list[str]:
    """The modules beside this one that can be run as an attack."""
    return sorted(
        path.stem
        for path in HERE.glob("*.py")
        if any(
            isinstance(node, ast.FunctionDef) and node.name == "run"
            for node in ast.parse(path.read_text(encoding="utf-8")).body
        )
    )


@pytest.mark.parametrize("name", attacks())
def test_the_page_has_a_row_for_every_attack(name: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and f"(`{name}" in line]

    assert rows, f"docs/threats.md has no row for {name}"


def test_every_program_that_the_page_names_exists() -> None:
    named = set(re.findall(r"^\| [^|]*\(`([a-z_0-9]+)[`.]", PAGE, re.MULTILINE))

    assert len(named) > 10
    assert named <= set(attacks())


def test_the_page_has_the_figures_of_the_grid() -> None:
    figures = fine_grid.run(False).figures
    shares = [round(share) for share in figures.values()]

    (row,) = [line for line in PAGE.splitlines() if "(`fine_grid`)" in line]
    assert {f"{share} %" for share in shares} <= set(re.findall(r"\d+ %", row))
