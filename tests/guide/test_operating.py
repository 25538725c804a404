"""docs/operating.md leads from nothing to a finished, verified round: its commands, as they stand.

Each role works in its own folder and, when the tests run as root, as its own user.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guide import blocks
from tests.guide.stage import ENTERPRISES, SOURCE, Stage

GUIDE = SOURCE / "docs" / "operating.md"


@pytest.fixture
def stage() -> Iterator[Stage]:
    played = Stage(Path(tempfile.mkdtemp(prefix="cefed-guide-")))
    yield played
    played.close()


@pytest.mark.slow
def test_the_guide_leads_to_a_finished_round(stage: Stage) -> None:
    for block in blocks.read(GUIDE.read_text(encoding="utf-8")):
        stage.play(block)
    result = stage.base / "authority" / "result"
    (cohort,) = json.loads((result / "release.json").read_text(encoding="utf-8"))["cohorts"]
    assert cohort["n"] == len(ENTERPRISES)
    assert cohort["withheld"] is None
    for name in ("enterprise-01", "trustee-1", "operator"):
        assert (stage.base / name).stat().st_mode & 0o077 == 0
    if stage.separate:
        owners = {path.stat().st_uid for path in stage.base.iterdir() if path.name != "bin"}
        assert os.geteuid() not in owners
        assert not list((stage.base / "gateway-01").iterdir())


def test_every_role_of_the_guide_types_something() -> None:
    found = {block.role for block in blocks.read(GUIDE.read_text(encoding="utf-8"))}
    assert found == blocks.ROLES


@pytest.mark.parametrize("info", ["sh", "sh nobody", "sh operator quickly", "sh operator as=root"])
def test_a_block_that_is_not_understood_is_not_passed_over(info: str) -> None:
    with pytest.raises(ValueError, match="line 3"):
        list(blocks.read(f"text\n\n```{info}\ntrue\n```\n"))


def test_indented_blocks_lose_their_indent() -> None:
    (block,) = blocks.read(
        "1. Do:\n\n   ```sh dealer types=a-b\n   if x; then\n     y\n   fi\n   ```\n"
    )
    assert block.text == "if x; then\n  y\nfi\n"
    assert block.options == {"types": "a-b"}
