"""Reading the mapping file: which column is what, and how measures follow from columns.

A mapping is TOML, read strictly: an unknown key, a missing unit or a fraction outside quotes is a
`MappingError` that names the place. `docs/accounting.md` shows the schema with examples.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

from pydantic import ValidationError

from accounting.errors import MappingError
from accounting.mapping_model import RecordMapping

MAX_MAPPING_BYTES = 1_000_000


def load_mapping(path: Path) -> RecordMapping:
    """Read a mapping file. Raises `MappingError` naming the place of the first defects."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MappingError(f"cannot read mapping {path}: {error.strerror}") from error
    return parse_mapping(data, str(path), path.parent)


def parse_mapping(data: bytes, name: str, folder: Path | None = None) -> RecordMapping:
    """Read a mapping from bytes; own factor files are looked up in `folder`."""
    if len(data) > MAX_MAPPING_BYTES:
        raise MappingError(f"{name}: {len(data)} bytes is too large for a mapping")
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise MappingError(f"{name}: not TOML in UTF-8: {error}") from error
    if "hash" in document or "folder" in document:
        raise MappingError(f"{name}: hash and folder are not keys of a mapping")
    try:
        mapping = RecordMapping.model_validate(document)
    except ValidationError as error:
        lines = [f"{_place(e['loc'])}: {e['msg']}" for e in error.errors()[:8]]
        raise MappingError(f"{name}: " + "; ".join(lines)) from error
    names = [column.name for column in mapping.columns]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise MappingError(f"{name}: column {', '.join(twice)} is mapped twice")
    if both := sorted(set(names) & set(mapping.skip)):
        raise MappingError(f"{name}: column {', '.join(both)} is both mapped and skipped")
    return mapping.model_copy(
        update={"hash": hashlib.sha256(data).hexdigest(), "folder": folder or Path()}
    )


def _place(location: tuple[int | str, ...]) -> str:
    parts = [str(part) for part in location]
    return ".".join(parts) or "mapping"
