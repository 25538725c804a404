"""Configuration of a role, in layers; each one overrides what the layers before it say.

1. ``/etc/cefed/ROLE.toml``
2. ``/etc/cefed/ROLE.d/*.toml``, in the order of their names
3. ``ROLE.toml`` in the folder that the command is given
4. the file that ``--config`` names
5. variables ``CEFED_ROLE_KEY``, for the key of a table ``CEFED_ROLE_TABLE__KEY``

``CEFED_ETC`` names another folder than ``/etc/cefed``. A key that the role does not know is an
error, wherever it stands: a misspelt limit must not be silently no limit. No setting holds a
secret; those that need one name a file (:mod:`protocols.service.credentials`). On Windows the
machine's folder is ``%PROGRAMDATA%\\cefed``.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, TypeAdapter, ValidationError

from protocols.files import read_limited
from protocols.service.addresses import split
from protocols.service.errors import SettingsError

Model = TypeVar("Model", bound=BaseModel)
Keys = tuple[str, ...]

ETC = "CEFED_ETC"
MAX_BYTES = 1 << 20
_URL_PASSWORD = re.compile(r"://[^/@\s:]*:[^/@\s]+@")


def _host_and_port(value: str) -> str:
    if value:
        try:
            split(value)
        except SettingsError as error:
            raise ValueError(str(error)) from error
    return value


HostPort = Annotated[str, AfterValidator(_host_and_port)]
"""A setting that is ``HOST:PORT``, or empty for none."""


def load(
    model: type[Model],
    role: str,
    explicit: Path | None = None,
    folder: Path | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Model:
    """The settings of ``role``, checked. Called by serving commands and by ``cefed ... check``.

    :param model: its fields are the keys; ``extra="forbid"`` is demanded of it and its tables.
    :param explicit: what ``--config`` names; it must exist.
    :param folder: the role's own folder, whose file need not exist.
    :raises SettingsError: naming the file or variable, the key, and what is wrong; never a value.
    :raises StorageError: a file that is there and cannot be read.
    """
    merged: dict[str, Any] = {}
    origins: dict[Keys, str] = {}
    for origin, values in _layers(model, role, explicit, folder, environ):
        _merge(merged, values, origin, origins, ())
    try:
        # By way of JSON: strict about types, yet a path may be text.
        return model.model_validate_json(json.dumps(merged), strict=True)
    except ValidationError as error:
        raise SettingsError("; ".join(_told(error, origins))) from None
    except (TypeError, ValueError) as error:
        raise SettingsError(f"{role}: a date or other value that no setting takes") from error


def sources(role: str, explicit: Path | None, folder: Path | None, etc: Path) -> list[Path]:
    """The files that :func:`load` reads if they are there, in order; for ``cefed ... check``."""
    found = [etc / f"{role}.toml", *sorted((etc / f"{role}.d").glob("*.toml"))]
    if folder is not None:
        found.append(folder / f"{role}.toml")
    if explicit is not None:
        found.append(explicit)
    return found


def machine_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the machine's configuration lies."""
    if ETC in environ:
        return Path(environ[ETC])
    if os.name == "nt":
        return Path(environ.get("PROGRAMDATA", "C:/ProgramData")) / "cefed"
    return Path("/etc/cefed")


def _layers(
    model: type[BaseModel],
    role: str,
    explicit: Path | None,
    folder: Path | None,
    environ: Mapping[str, str],
) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sources(role, explicit, folder, machine_folder(environ)):
        if path == explicit or path.exists():
            yield str(path), _read(path)
    prefix = f"CEFED_{role.upper()}_"
    for variable in sorted(environ):
        if variable.startswith(prefix):
            keys = tuple(variable.removeprefix(prefix).lower().split("__"))
            value = _from_text(model, keys, variable, environ[variable])
            for key in reversed(keys):
                value = {key: value}
            yield variable, value


def _read(path: Path) -> dict[str, Any]:
    data = read_limited(path, MAX_BYTES)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        where = re.search(r"at line \d+, column \d+", str(error))
        raise SettingsError(f"{path} is not TOML: error {where[0] if where else ''}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} is not text in UTF-8") from None
    except ValueError:  # a number of thousands of digits
        raise SettingsError(f"{path} holds a number or date that cannot be read") from None


def _from_text(model: type[BaseModel], keys: Keys, variable: str, text: str) -> Any:
    """A variable's value as the type that its key has; lists and tables are JSON."""
    kind: Any = model
    for key in keys:
        fields = kind.model_fields if _is_model(kind) else {}
        if key not in fields:
            raise SettingsError(f"{variable}: there is no setting {'.'.join(keys)}")
        kind = fields[key].annotation
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    try:
        if text[:1] in ("[", "{"):
            value = adapter.validate_json(text)
        else:
            value = adapter.validate_python(text)
    except ValidationError as error:
        raise SettingsError(f"{variable}: {error.errors()[0]['msg']}") from None
    return adapter.dump_python(value, mode="json")


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _merge(
    target: dict[str, Any],
    values: Mapping[str, Any],
    origin: str,
    origins: dict[Keys, str],
    above: Keys,
) -> None:
    """Lay ``values`` over ``target``, tables key by key; lists are replaced as a whole."""
    for key, value in values.items():
        keys = (*above, key)
        if isinstance(value, str) and _URL_PASSWORD.search(value):
            raise SettingsError(
                f"{origin}: {'.'.join(keys)} holds a password; secrets are given as files only"
            )
        origins[keys] = origin
        if isinstance(value, Mapping) and isinstance(target.get(key, {}), dict):
            _merge(target.setdefault(key, {}), value, origin, origins, keys)
        else:
            target[key] = value


def _told(error: ValidationError, origins: Mapping[Keys, str]) -> Iterator[str]:
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        keys = tuple(str(part) for part in item["loc"])
        known = (origins[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in origins)
        origin = next(known, "the configuration")
        if item["type"] == "extra_forbidden":
            yield f"{origin}: there is no setting {'.'.join(keys)}"
        elif item["type"] == "missing":
            yield f"{origin}: the setting {'.'.join(keys)} is missing"
        else:
            yield f"{origin}: {'.'.join(keys)}: {item['msg']}"
