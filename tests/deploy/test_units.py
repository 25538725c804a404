"""The systemd units: hardened, and understood by systemd where there is one to ask."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
ROLES = {"coordinator", "gateway", "node", "trustee"}
PROGRAM = "/opt/cefed/bin/cefed"

HARDENING = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "ProtectProc": "invisible",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "CapabilityBoundingSet": "",
    "SystemCallArchitectures": "native",
    "LimitCORE": "0",
}


def service(path: Path) -> dict[str, str]:
    """The keys of ``[Service]``; the values of one that stands several times are joined."""
    text = path.read_text(encoding="utf-8").split("[Service]\n")[1].split("[Install]")[0]
    held: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            held[key] = f"{held[key]} {value}" if key in held else value
    return held


def unit(role: str) -> dict[str, str]:
    return service(FOLDER / f"cefed-{role}.service")


def test_every_role_has_a_unit() -> None:
    assert {path.stem.removeprefix("cefed-") for path in UNITS} == ROLES


@pytest.mark.parametrize("role", sorted(ROLES))
def test_units_are_hardened(role: str) -> None:
    held = unit(role)
    assert {key: held.get(key) for key in HARDENING} == HARDENING
    assert "@system-service" in held["SystemCallFilter"]
    assert "~@privileged" in held["SystemCallFilter"]


@pytest.mark.parametrize("role", sorted(ROLES))
def test_no_unit_runs_as_root_or_holds_a_secret(role: str) -> None:
    held = unit(role)
    assert held["User"] == f"cefed-{role}"
    text = (FOLDER / f"cefed-{role}.service").read_text(encoding="utf-8")
    assert not re.search(r"^Environment=.*(PASS|SECRET|KEY)", text, re.M | re.I)
    assert held["ExecStart"].startswith(f"{PROGRAM} ")


def test_the_private_side_has_no_network() -> None:
    held = unit("node")
    assert held["PrivateNetwork"] == "yes"
    assert held["IPAddressDeny"] == "any"
    assert held["RestrictAddressFamilies"] == "AF_UNIX"


def test_the_gateway_does_not_see_the_private_side() -> None:
    held = unit("gateway")
    assert held["InaccessiblePaths"] == "-/var/lib/cefed-node"
    assert "cefed-node" not in held["ReadWritePaths"]
    assert "StateDirectory" not in held


@pytest.mark.parametrize("role", ["coordinator", "node", "trustee"])
def test_folders_with_keys_are_their_owner_s(role: str) -> None:
    held = unit(role)
    assert held["StateDirectory"] == f"cefed-{role}"
    assert held["StateDirectoryMode"] == "0700"


def test_users_and_folders_of_the_units_are_declared() -> None:
    users = (FOLDER / "cefed.sysusers").read_text(encoding="utf-8")
    for role in ROLES:
        assert re.search(rf"^u cefed-{role} - ", users, re.M)
    folders = (FOLDER / "cefed.tmpfiles").read_text(encoding="utf-8")
    assert "d /var/lib/cefed-exchange 2770 cefed-node cefed-exchange -" in folders


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze here"
)
@pytest.mark.parametrize("role", sorted(ROLES))
def test_systemd_understands_the_unit_and_finds_it_hardened(role: str, tmp_path: Path) -> None:
    text = (FOLDER / f"cefed-{role}.service").read_text(encoding="utf-8")
    copy = tmp_path / f"cefed-{role}.service"
    copy.write_text(text.replace(PROGRAM, "/bin/true"), encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=60
    )
    assert (verified.returncode, verified.stderr) == (0, "")
    # Exposure from 0 (none) to 10, times ten.
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=20", str(copy)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert rated.returncode == 0, rated.stdout[-300:]
