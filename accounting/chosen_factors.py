"""The factor sets that a mapping names, loaded once and asked for by what they are for."""

from __future__ import annotations

from collections.abc import Mapping

from accounting.errors import MappingError
from accounting.factor_files import load_set
from accounting.factors import FactorSet
from accounting.mapping_model import FactorChoice, RecordMapping


class Factors:
    """The factor sets that a mapping names, loaded once."""

    def __init__(self, mapping: RecordMapping) -> None:
        parts = mapping.factors
        self.choices: dict[str, FactorChoice] = {
            role: choice
            for role, choice in (
                ("fuel", parts.fuels),
                ("electricity", parts.electricity),
                ("heat", parts.heat),
            )
            if choice is not None
        }
        names = {role: choice.set for role, choice in self.choices.items()}
        if parts.standard_coal is not None:
            names["standard coal"] = parts.standard_coal.set
        self.sets: Mapping[str, FactorSet] = {
            role: load_set(name, mapping.folder) for role, name in names.items()
        }

    def set_for(self, role: str, measure: str) -> FactorSet:
        """The set for a role. Raises `MappingError` when the mapping names none."""
        if role not in self.sets:
            key = {"fuel": "fuels", "standard coal": "standard_coal"}.get(role, role)
            raise MappingError(f"measures.{measure} needs a set under [factors] {key}")
        return self.sets[role]
