"""Reading factor sets from their JSON files, strictly, with a content hash.

Sets that come with the package stand in `factor_sets/`; a mapping may name a file of its own.
"""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from accounting.errors import FactorError, UnitError
from accounting.factors import (
    Convention,
    EmissionFactor,
    Factor,
    FactorSet,
    FootprintFactor,
    GasBasis,
)
from accounting.units import parse_unit

SET_FOLDER = Path(__file__).parent / "factor_sets"
# The largest set shipped is under 30 kB; anything of another order is not a factor set.
MAX_SET_BYTES = 4_000_000


def available_sets() -> tuple[str, ...]:
    """Ids of the sets that come with the package."""
    return tuple(sorted(path.stem for path in SET_FOLDER.glob("*.json")))


def load_set(name: str, folder: Path | None = None) -> FactorSet:
    """Load a set by id, or a file of one's own when `name` ends in `.json`.

    A file name is relative to `folder` (the mapping's own folder). Raises `FactorError`.
    """
    if name.endswith(".json"):
        path = (folder or Path()) / name
    elif name in available_sets():
        path = SET_FOLDER / f"{name}.json"
    else:
        raise FactorError(
            f"unknown factor set {name!r}; available: {', '.join(available_sets())}, "
            "or a file name ending in .json"
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FactorError(f"cannot read factor set {path}: {error.strerror}") from error
    return parse_set(data, str(path))


def parse_set(data: bytes, name: str) -> FactorSet:
    """Read a set from the bytes of its file. Raises `FactorError` saying what is wrong where."""
    if len(data) > MAX_SET_BYTES:
        raise FactorError(f"{name}: {len(data)} bytes is too large for a factor set")
    try:
        document = json.loads(data)
        model = _SetModel.model_validate_json(data)
        canonical = json.dumps(
            document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        ).encode()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FactorError(f"{name}: {place}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise FactorError(f"{name}: not a factor set in JSON: {error}") from error
    factors: dict[str, Factor] = {}
    for item in model.factors:
        if item.id in factors:
            raise FactorError(f"{name}: factor {item.id!r} appears twice")
        factors[item.id] = _build(item, name)
    return FactorSet(
        model.id, model.version, model.title, hashlib.sha256(canonical).hexdigest(), factors
    )


_Text = Annotated[str, Field(min_length=1, max_length=1000)]


class _FactorModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Text
    subject: _Text
    name: _Text
    value: str = Field(pattern=r"^\d{1,12}(\.\d{1,20})?$")
    unit: _Text
    gas_basis: GasBasis
    region: str | None
    year: int | None
    convention: Convention
    biogenic: bool
    source: _Text
    licence: _Text
    note: str = ""
    aliases: tuple[str, ...] = ()


class _SetModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Literal["cefed.factor-set/1"] = Field(alias="schema")
    id: _Text
    version: _Text
    title: _Text
    factors: tuple[_FactorModel, ...]


_CLASSES: dict[Convention, type[Factor]] = {
    Convention.EMISSION_FACTOR: EmissionFactor,
    Convention.LIFE_CYCLE_FOOTPRINT: FootprintFactor,
}


def _build(item: _FactorModel, name: str) -> Factor:
    try:
        unit = parse_unit(item.unit)
    except UnitError as error:
        raise FactorError(f"{name}: factor {item.id!r}: {error}") from error
    if item.convention in _CLASSES and (item.gas_basis.value, 1) not in unit.dimensions:
        raise FactorError(
            f"{name}: factor {item.id!r}: unit {item.unit} does not fit gas basis {item.gas_basis}"
        )
    return _CLASSES.get(item.convention, Factor)(
        id=item.id,
        subject=item.subject,
        name=item.name,
        value=Fraction(item.value),
        unit=item.unit,
        gas_basis=item.gas_basis,
        region=item.region,
        year=item.year,
        biogenic=item.biogenic,
        source=item.source,
        licence=item.licence,
        note=item.note,
        aliases=item.aliases,
        convention=item.convention,
    )
