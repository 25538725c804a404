"""The Flower App's bundle: what it holds, and that it needs nothing else."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

from sim.errors import SimulationError
from sim.flower import bundle
from sim.flower.engine import QUIET, environment

pytest.importorskip("flwr")

MAX_BYTES = 10 * 1024 * 1024
OWN = {"pyproject.toml", ".info/CONTENT"}


def build(app: Path, where: Path) -> zipfile.ZipFile:
    """Have Flower's own command bundle a folder."""
    where.mkdir()
    program = Path(sys.executable).parent / "flwr"
    done = subprocess.run(
        [str(program), "build", "--app", str(app)],
        cwd=where,
        env=environment(where),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = where.glob("*.fab")
    assert path.stat().st_size < MAX_BYTES
    return zipfile.ZipFile(path)


def test_the_tree_s_bundle_holds_what_the_engine_s_app_holds(tmp_path: Path) -> None:
    names = set(build(bundle.SOURCE, tmp_path / "build").namelist()) - OWN
    assert names == {path.as_posix() for path in bundle.files()}


def test_no_data_tests_or_outputs_are_in_it() -> None:
    names = [path.as_posix() for path in bundle.files()]
    assert {name.partition("/")[0] for name in names} == {
        "accounting",
        "coordinator",
        "enterprise_node",
        "protocols",
        "sim",
    }
    assert {Path(name).suffix for name in names} == {".py", ".json"}
    assert [name for name in names if name.endswith(".json")] == [
        name for name in names if name.startswith("accounting/factor_sets/")
    ]


def test_the_manifest_says_the_same_as_the_engine() -> None:
    app = tomllib.loads((bundle.SOURCE / "pyproject.toml").read_text())["tool"]["flwr"]["app"]
    assert app["components"] == {"serverapp": bundle.SERVER, "clientapp": bundle.CLIENT}
    assert app["config"] == bundle.CONFIG
    assert app["fab-include"] == list(bundle.PATTERNS)


@pytest.mark.parametrize("module", ["sim.flower.client", "sim.flower.server", "coordinator.flower"])
def test_the_app_imports_from_its_bundle_alone(tmp_path: Path, module: str) -> None:
    """Installed dependencies and the bundle; `-S` leaves out the editable install of this tree."""
    app = bundle.write_app(tmp_path / "app")
    empty = tmp_path / "empty"
    empty.mkdir()
    program = (
        f"import sys; sys.path[:0] = [{str(app)!r}, {sysconfig.get_path('purelib')!r}]\n"
        f"import {module} as loaded; print(loaded.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program],
        cwd=empty,
        env=environment(empty),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(app))


def test_the_deployment_s_bundle_is_three_small_files(tmp_path: Path) -> None:
    app = bundle.SOURCE / "examples" / "flower" / "app"
    names = set(build(app, tmp_path / "build").namelist()) - OWN
    assert names == {f"cefed_courier/{name}.py" for name in ("__init__", "client", "server")}


def test_nobody_is_called_from_what_we_start(tmp_path: Path) -> None:
    given = environment(tmp_path)
    assert {name: given[name] for name in QUIET} == QUIET
    assert given["FLWR_TELEMETRY_ENABLED"] == "0"
    assert "PYTHONPATH" not in given


@pytest.mark.parametrize("text", ['a"b', "a\\b", "a\nb"])
def test_a_text_that_would_end_its_quotation_is_refused(text: str) -> None:
    with pytest.raises(SimulationError):
        bundle.toml(text)
