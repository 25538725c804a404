"""The Flower App as a folder of its own: the files that a bundle holds, and nothing else.

``flwr run`` bundles the folder that it is given. Run in the source tree it would read all of it,
virtual environments and outputs included, before it chooses; so the engine copies the chosen files
first. What is chosen is written in ``pyproject.toml`` as well (``fab-include``), for whoever runs
``flwr build`` there; a test compares the two.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from sim.errors import SimulationError

SOURCE = Path(__file__).resolve().parent.parent.parent

PATTERNS = (
    "accounting/**/*.py",
    "accounting/factor_sets/*.json",
    "coordinator/**/*.py",
    "enterprise_node/**/*.py",
    "protocols/**/*.py",
    "sim/__init__.py",
    "sim/errors.py",
    "sim/faults.py",
    "sim/flower/*.py",
    "sim/misconduct.py",
)
"""What a bundle holds beside ``pyproject.toml``, as ``fab-include`` says it."""

MANIFEST = """\
[build-system]
requires = ["setuptools>=80"]
build-backend = "setuptools.build_meta"

[project]
name = "cefed"
version = "{version}"
description = "{description}"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "cefed"

[tool.flwr.app.components]
serverapp = "{server}"
clientapp = "{client}"

[tool.flwr.app.config]
{config}
"""

SERVER, CLIENT = "sim.flower.server:app", "sim.flower.client:app"

CONFIG: dict[str, str | int | float | bool] = {
    "task": "",
    "root": "",
    "folder": "",
    "told": "",
    "nodes": 2,
    "rounds": "",
    "seconds": 86400.0,
    "exchange-seconds": 3600.0,
    "pause-seconds": 0.5,
    "exchanges": 1,
    "coordinator": "",
    "authority": "",
    "insecure": False,
    "office": "",
    "plan": "",
    "roster": "",
    "stage-seconds": 3600.0,
    "grace-seconds": 0.0,
    "enough": "4/5",
    "visits": 0,
}
"""Every key that a run may set. Flower refuses to override a key that an app does not have."""


def files(source: Path = SOURCE) -> Iterator[Path]:
    """The files of the bundle, relative to the tree that they are in."""
    for pattern in PATTERNS:
        for path in sorted(source.glob(pattern)):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(source)


def write_app(folder: Path, server: str = SERVER, client: str = CLIENT) -> Path:
    """Make the app's folder.

    :param server: the ServerApp's reference, ``module:attribute``.
    :param client: the ClientApp's.
    :raises SimulationError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True)
        for name in files():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(SOURCE / name, folder / name)
        text = MANIFEST.format(
            version="0.1.0",
            description="Simulated rounds on Flower",
            server=server,
            client=client,
            config="\n".join(f"{key} = {toml(value)}" for key, value in CONFIG.items()),
        )
        (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise SimulationError(f"cannot write {error.filename}: {error.strerror}") from error
    return folder


def toml(value: str | int | float | bool) -> str:
    """A value as TOML, and as ``flwr run --run-config`` takes it.

    :raises SimulationError: a text with a quotation mark or a line break.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        if not value.isprintable() or '"' in value or "\\" in value:
            raise SimulationError(f"{value!r} cannot be put into a run configuration")
        return f'"{value}"'
    return str(value)
