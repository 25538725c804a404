"""Where the tests of this package find records."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REGION_A = ROOT / "examples" / "region_a"
US_PLANTS = ROOT / "examples" / "us_plants"
# Record sets that may be read in development but are not copied into the project.
UNSHIPPED = ROOT.parent / "shared" / "data"


def unshipped(name: str) -> Path:
    """The path of a file that does not ship; skips the test where it is absent."""
    path = UNSHIPPED / name
    if not path.is_file():
        pytest.skip(f"{name} does not ship with the project and is not here")
    return path
