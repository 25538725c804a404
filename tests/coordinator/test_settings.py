"""The operator's guide lists every setting of the coordinator, with its default."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from coordinator.settings import CoordinatorSettings

ROOT = Path(__file__).resolve().parents[2]
RATES = ("member_rates", "trustee_rates", "open_rates")


def rows(columns: int) -> dict[str, list[str]]:
    """The rows of section 6.4 with so many cells, by the key in the first one."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    section = text.split("### 6.4 ", 1)[1].split("\n## ", 1)[0]
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines()]
    found = [row for row in cells if len(row) == columns and re.fullmatch(r"`\w+`", row[0])]
    return {row[0].strip("`"): row[1:] for row in found}


def shown(value: Any) -> str:
    return "none" if value is None else f"`{json.dumps(value)}`"


def test_every_setting_stands_in_the_guide() -> None:
    defaults = CoordinatorSettings()
    listed = rows(3)

    assert set(listed) == set(CoordinatorSettings.model_fields) - set(RATES)
    listed.pop("workers")  # depends on the machine
    assert {name: row[0] for name, row in listed.items()} == {
        name: shown(getattr(defaults, name)) for name in listed
    }


def test_every_rate_stands_in_the_guide() -> None:
    defaults = CoordinatorSettings()
    listed = {name: row[:3] for name, row in rows(5).items()}

    assert listed == {
        name: [shown(getattr(getattr(defaults, table), name)) for table in RATES]
        for name in type(defaults.member_rates).model_fields
    }


def test_the_readme_names_the_same_exit_codes() -> None:
    row = re.compile(r"^\| (\d+) \| ([^|;]*?)(?:;[^|]*)? \|", re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8").split("## Exit codes", 1)[1]
    guide = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8").split("## 7. ", 1)[1]

    codes = dict(row.findall(readme.split("\n## ", 1)[0]))
    assert codes == dict(row.findall(guide.split("\n## ", 1)[0]))
    assert "8" in codes
