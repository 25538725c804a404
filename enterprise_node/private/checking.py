"""What the owner sees of the import: findings, measures, ratios, definitions. Local only."""

from __future__ import annotations

from enterprise_node.private.intake import OwnMeasures


def document(own: OwnMeasures) -> dict[str, object]:
    """As JSON, with the owner's own figures."""
    return {
        "enterprise": own.enterprise,
        "cohort": own.cohort,
        "excluded": own.excluded,
        "measures": {
            name: {"unit": own.units[name], "value": str(value)}
            for name, value in own.integers.items()
        },
        "findings": list(own.findings),
        "notes": list(own.notes),
        "definitions": dict(own.definitions),
    }


def lines(own: OwnMeasures) -> list[str]:
    """As text for a terminal."""
    text = [
        f"{own.enterprise}, cohort {own.cohort}"
        + (f": EXCLUDED - {own.excluded}" if own.excluded else ": may take part"),
        *(f"  {name:<18} {value:>22} {own.units[name]}" for name, value in own.integers.items()),
        *(f"  finding: {finding}" for finding in own.findings),
        *(f"  note: {note}" for note in own.notes),
        *(f"  {name}: {value}" for name, value in own.definitions),
        "These figures are shown to you only; nothing was sent.",
    ]
    return text
