"""What each side is made of: the gateway alone in a wheel, the private side on any system."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.build_gateway import ENTRY, build, closure, imported

PRIVATE = ("enterprise_node.cli", "enterprise_node.private.side")
HEAVY = ("gmpy2", "numpy", "pandas", "phe", "sqlalchemy")
NETWORK = ("grpc", "socket", "http", "urllib", "asyncio", "ssl")
UNIX_MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog")
UNIX_NAMES = {
    "os": {
        "fork", "getuid", "geteuid", "getgid", "setuid", "chown", "mkfifo", "uname", "nice",
        "getppid", "killpg", "setsid", "sync", "fchmod", "O_DIRECTORY", "O_NOFOLLOW", "statvfs",
    },
    "signal": {"SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "alarm", "pause"},
    "time": {"tzset", "clock_gettime"},
}  # fmt: skip


def foreign(modules: dict[str, Path]) -> set[str]:
    """The top-level names of everything that modules import from elsewhere."""
    names = {name.split(".")[0] for path in modules.values() for name in imported(path)}
    return names - {name.split(".")[0] for name in modules}


def test_the_private_side_imports_nothing_of_unix_or_the_network() -> None:
    modules = closure(*PRIVATE)
    assert len(modules) > 50
    assert foreign(modules).isdisjoint({*UNIX_MODULES, *NETWORK})
    assert not any(name.startswith("enterprise_node.gateway") for name in modules)
    assert not any(name.endswith("pb2_grpc") for name in modules)


def test_the_private_side_calls_nothing_that_windows_lacks() -> None:
    found = [
        f"{path.name}:{node.lineno} {node.value.id}.{node.attr}"
        for path in closure(*PRIVATE).values()
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.attr in UNIX_NAMES.get(node.value.id, ())
    ]
    assert found == []


@pytest.mark.parametrize(
    "line", ["import fcntl", "from os import fork", "def f():\n import socket", "import grp as g"]
)
def test_the_search_would_find_an_import(tmp_path: Path, line: str) -> None:
    path = tmp_path / "module.py"
    path.write_text(line)
    names = {name.split(".")[-1] for name in imported(path)}
    assert names & {"fcntl", "fork", "socket", "grp"}


def test_the_gateway_is_made_of_the_base_dependencies() -> None:
    modules = closure(ENTRY)
    assert foreign(modules).isdisjoint(HEAVY)
    tops = {name.split(".")[0] for name in modules}
    assert tops == {"enterprise_node", "protocols"}
    assert not any(name.startswith("enterprise_node.private") for name in modules)


def test_the_gateways_wheel_runs_alone(tmp_path: Path) -> None:
    wheel = build(tmp_path / "dist")
    target = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(target)
    assert "enterprise_node/gateway/relay.py" in names
    assert not [n for n in names if n.startswith(("accounting", "enterprise_node/private"))]
    assert "protocols/paillier.py" not in names
    block = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in HEAVY)
    (target / "sitecustomize.py").write_text(block)
    (tmp_path / "exchange").mkdir()
    environ = {**os.environ, "PYTHONPATH": str(target), "CEFED_ETC": str(tmp_path)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = (
            "import enterprise_node.gateway.cli as cli, sys\n"
            f"assert cli.__file__.startswith({str(target)!r}), cli.__file__\n"
            "cli.main()\n"
        )
        return subprocess.run(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )

    shown = run("--help")
    assert shown.returncode == 0, shown.stderr
    assert "cefed-gateway" in shown.stdout
    (tmp_path / "exchange" / "gateway.toml").write_text('coordinator = "127.0.0.1:1"\n')
    once = run("run", str(tmp_path / "exchange"), "--once", "--insecure")
    assert once.returncode == 0, once.stderr
    assert "0 envelopes carried out" in once.stdout
    (tmp_path / "exchange" / "gateway.toml").write_text('coordinator = "no address"\n')
    refused = run("check", str(tmp_path / "exchange"), "--insecure")
    assert refused.returncode == 2
    assert "HOST:PORT" in refused.stderr
