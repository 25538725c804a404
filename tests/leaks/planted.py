"""Records with recognisable numbers: long enough that no ciphertext holds one by chance."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "region_a"
HEADER = (
    "enterprise_id,sector_code,sector,output_yuan,cei_tco2_per_mwh,electricity_mwh,emissions_tco2"
)


@dataclass(frozen=True)
class Planted:
    """One enterprise's numbers as they stand in the file."""

    enterprise: str
    output_yuan: str
    electricity_mwh: str
    emissions_t: str

    @property
    def numbers(self) -> list[str]:
        """What must not be found anywhere outside the private side."""
        return [self.output_yuan, self.electricity_mwh, self.emissions_t]

    @property
    def row(self) -> str:
        """The line of the CSV file."""
        return (
            f"{self.enterprise},29,rubber and plastics,{self.output_yuan},0.7071,"
            f"{self.electricity_mwh},{self.emissions_t}"
        )


def plant(count: int) -> list[Planted]:
    """``count`` enterprises of similar size; electricity in MWh with three decimals, exact kWh."""
    source = random.Random("planted numbers")
    return [
        Planted(
            f"P{number:02d}",
            str(source.randrange(4 * 10**15, 9 * 10**15)),
            f"{source.randrange(10**12, 2 * 10**12)}.{source.randrange(101, 999)}",
            f"{source.randrange(2 * 10**12, 4 * 10**12)}.{source.randrange(101, 999)}",
        )
        for number in range(count)
    ]


def write_inputs(folder: Path, planted: list[Planted]) -> tuple[Path, Path, Path]:
    """Records, and Region A's mapping and plan with limits that such numbers pass."""
    records, mapping, plan = (
        folder / name for name in ("records.csv", "mapping.toml", "plan.toml")
    )
    records.write_text("\n".join([HEADER, *(p.row for p in planted)]) + "\n", encoding="utf-8")
    text = (EXAMPLE / "mapping.toml").read_text(encoding="utf-8")
    mapping.write_text(re.sub(r"maximum = \d+", f"maximum = {10**17}", text), encoding="utf-8")
    text = (EXAMPLE / "plan.toml").read_text(encoding="utf-8")
    plan.write_text(re.sub(r'bound = "\d+"', f'bound = "{10**18}"', text), encoding="utf-8")
    return records, mapping, plan
