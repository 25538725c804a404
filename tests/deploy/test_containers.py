"""Containerfile and compose file: no root, nothing writable, nothing unlocked."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
CONTAINERFILE = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")

OWN = ["coordinator", "trustee-1", "trustee-2", "trustee-3", "trustee-4", "node", "gateway"]
HARDENING = [
    "read_only: true",
    "cap_drop: [ALL]",
    'security_opt: ["no-new-privileges:true"]',
    "pids_limit: 256",
]


def blocks(text: str, indent: str) -> dict[str, str]:
    """The mappings at one depth of the file, by name; its lines are indented by two spaces."""
    starts = list(re.finditer(rf"^{indent}([a-z][a-z0-9-]*):(?: *&[a-z]+)?\n", text, re.M))
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return {m[1]: text[m.end() : end] for m, end in zip(starts, ends, strict=True)}


TOP = blocks(COMPOSE, "")
SERVICES = blocks(TOP["services"], "  ")


def test_every_role_is_a_service() -> None:
    assert set(SERVICES) == {"postgres", *OWN}


def test_the_shared_block_is_hardened() -> None:
    for line in [*HARDENING, 'user: "10001:10001"', "tmpfs:"]:
        assert f"  {line}" in TOP["x-hardened"]
    assert "<<: *hardened" in TOP["x-trustee"]


@pytest.mark.parametrize("name", OWN)
def test_own_services_are_hardened_and_soften_nothing(name: str) -> None:
    block = SERVICES[name]
    merged = "*trustee" if name.startswith("trustee") else "*hardened"
    assert f"    <<: {merged}\n" in block
    for key in ("user", "read_only", "cap_drop", "cap_add", "security_opt", "privileged", "pid"):
        assert f"    {key}:" not in block
    assert "healthcheck:" in block or "healthcheck:" in TOP["x-trustee"]


def test_the_database_is_hardened_and_out_of_reach() -> None:
    block = SERVICES["postgres"]
    for line in HARDENING:
        assert f"    {line}" in block
    assert 'user: "999:999"' in block
    assert "networks: [database]" in block
    assert "ports:" not in block
    assert "internal: true" in TOP["networks"]


def test_the_private_side_has_no_network_and_only_it() -> None:
    assert "network_mode: none" in SERVICES["node"]
    assert "networks:" not in SERVICES["node"]
    assert COMPOSE.count("network_mode:") == 1


def test_the_gateway_sees_the_exchange_folder_only() -> None:
    assert re.findall(r"\./state/[a-z0-9-]+", SERVICES["gateway"]) == ["./state/exchange"]


def test_secrets_are_files() -> None:
    for line in COMPOSE.splitlines():
        if re.search(r"pass(word|phrase)", line, re.I) and ":" in line and "#" not in line:
            value = line.split(":", 1)[1]
            assert not value or "/" in value or "[" in value or "{" in value, line


def test_only_loopback_is_published() -> None:
    assert re.findall(r"ports: \[(.*)\]", COMPOSE) == ['"127.0.0.1:7443:7443"']


def test_the_image_is_built_from_the_lock_and_not_run_as_root() -> None:
    installs = re.findall(r"pip install ([^&\n]*)", CONTAINERFILE)
    assert len(installs) == 3
    for options in installs:
        assert "--require-hashes --only-binary=:all:" in options or "--no-index" in options
    assert re.search(r"^USER 10001:10001$", CONTAINERFILE, re.M)
    assert CONTAINERFILE.rindex("USER ") > CONTAINERFILE.rindex("COPY ")


def test_the_image_holds_every_package_and_no_tests() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = set(re.findall(r"^COPY ([a-z_]+) \1$", CONTAINERFILE, re.M))
    assert copied == {name.removesuffix("*") for name in packages}
    groups = re.search(r'^ARG GROUPS="([a-z ]+)"$', CONTAINERFILE, re.M)
    assert groups is not None
    assert set(groups[1].split()) <= set(project["project"]["optional-dependencies"])


def test_no_address_of_a_registry_stands_in_the_files() -> None:
    for text in (COMPOSE, CONTAINERFILE):
        images = re.findall(r"(?:image: |^ARG PYTHON=)(\S+)", text, re.M)
        assert images
        assert all("/" not in image for image in images)
