"""The example configurations are accepted by the roles themselves, as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from coordinator.settings import CoordinatorSettings
from enterprise_node.gateway.settings import GatewaySettings
from protocols.service.settings import load
from trustee.settings import TrusteeSettings

ROOT = Path(__file__).resolve().parents[2] / "deploy"
ETC = ROOT / "etc" / "cefed"
MODELS: dict[str, type[BaseModel]] = {
    "coordinator": CoordinatorSettings,
    "gateway": GatewaySettings,
    "trustee": TrusteeSettings,
}


def test_every_role_with_a_configuration_has_an_example() -> None:
    assert {path.stem for path in ETC.glob("*.toml")} == set(MODELS)


@pytest.mark.parametrize("role", sorted(MODELS))
def test_the_example_is_accepted(role: str) -> None:
    found = load(MODELS[role], role, environ={"CEFED_ETC": str(ETC)})
    assert found != MODELS[role].model_construct()


@pytest.mark.parametrize("role", sorted(MODELS))
def test_what_is_commented_out_in_the_example_is_known_too(role: str, tmp_path: Path) -> None:
    text = (ETC / f"{role}.toml").read_text(encoding="utf-8")
    (tmp_path / f"{role}.toml").write_text(re.sub(r"^#(?=[a-z_]+ = )", "", text, flags=re.M))
    load(MODELS[role], role, environ={"CEFED_ETC": str(tmp_path)})


def test_the_variables_of_the_compose_file_are_settings() -> None:
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    variables = dict(re.findall(r"^ +(CEFED_[A-Z_]+): (.*)$", compose, re.M))
    variables["CEFED_TRUSTEE_COORDINATOR_KEY"] = "00" * 32
    variables["CEFED_GATEWAY_COORDINATOR"] = "coordinator:7443"
    for role, model in MODELS.items():
        of_role = {k: v for k, v in variables.items() if k.startswith(f"CEFED_{role.upper()}_")}
        assert of_role
        load(model, role, environ={"CEFED_ETC": "/nowhere", **of_role})
