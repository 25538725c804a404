"""The mapping's schema is strict, and its measures must make sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from accounting.chosen_factors import Factors
from accounting.errors import FactorError, MappingError
from accounting.forms import Compiler
from accounting.mapping import load_mapping, parse_mapping
from accounting.measures import compute_file
from tests.accounting.paths import REGION_A, US_PLANTS

BASE = """
schema = "cefed.mapping/1"
title = "test"
[enterprise]
id = "id"
cohort = { value = "c" }
region = { column = "state", prefix = "US-" }
[factors]
fuels = { set = "us-fuels" }
electricity = { set = "us-grid-2023" }
[[columns]]
name = "power"
kind = "electricity"
unit = "kWh"
[[columns]]
name = "gas"
kind = "fuel"
carrier = "natural_gas"
unit = "MMBtu"
blank = "not_used"
[[columns]]
name = "sales"
kind = "quantity"
unit = "USD"
[measures.emissions]
kind = "emissions"
kinds = ["fuel", "electricity"]
unit = "kgCO2"
"""


def _compile(text: str) -> None:
    mapping = parse_mapping(text.encode(), "test.toml")
    Compiler(mapping, Factors(mapping)).compile("US-OH")


def test_the_examples_load() -> None:
    for folder in (REGION_A, US_PLANTS):
        mapping = load_mapping(folder / "mapping.toml")
        assert len(mapping.hash) == 64
    _compile(BASE)


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ('unit = "kWh"', 'unit = "kwh"', "kWh"),
        ('unit = "kWh"', "", "unit"),
        ('title = "test"', 'title = "test"\ncolour = "red"', "colour"),
        ('schema = "cefed.mapping/1"', 'schema = "cefed.mapping/9"', "schema"),
        ('carrier = "natural_gas"\n', "", "carrier"),
        ('kind = "quantity"', 'kind = "money"', "kind"),
        ('name = "gas"', 'name = "power"', "mapped twice"),
        ('title = "test"', 'title = "test"\nskip = ["gas"]', "both mapped and skipped"),
        ('cohort = { value = "c" }', "cohort = {}", "column or value"),
        ('unit = "USD"', 'unit = "USD"\nplausible = { maximum = 1.5 }', "exactly"),
        ("[measures.emissions]", '[measures."E missions"]', "pattern"),
        ('title = "test"', "title = ", "not TOML"),
        ('title = "test"', 'title = "test"\nhash = "00"', "not keys"),
    ],
)
def test_malformed_mappings_name_the_place(old: str, new: str, hint: str) -> None:
    with pytest.raises(MappingError, match=hint):
        parse_mapping(BASE.replace(old, new, 1).encode(), "test.toml")


@pytest.mark.parametrize(
    ("measure", "hint"),
    [
        ('kind = "column"\ncolumn = "sale"\nunit = "USD"', "did you mean sales"),
        ('kind = "column"\ncolumn = "sales"\nunit = "yuan"', "cannot convert"),
        ('kind = "energy"\nkinds = ["heat"]\nunit = "MJ"', "no column is of kind heat"),
        ('kind = "energy"\ncolumns = ["sales"]\nunit = "MJ"', "no energy activity"),
        ('kind = "energy"\ncolumns = ["gas", "gas"]\nunit = "MJ"', "twice"),
        ('kind = "energy"\ncolumns = ["gas"]\nby = "standard_coal"\nunit = "tce"', "standard_coal"),
        ('kind = "emissions"\ncolumns = ["gas"]\nunit = "kgCO2e"', "cannot convert"),
        ('kind = "remainder"\nof = "x"\nminus = [{ column = "gas" }]\nunit = "MJ"', "circle"),
        ('kind = "sum"\nterms = [{ measure = "emision" }]\nunit = "kgCO2"', "mean emissions"),
        ('kind = "sum"\nterms = [{ column = "gas", times = 2 }]\nunit = "kgCO2"', "cannot conv"),
    ],
)  # fmt: skip
def test_measures_that_do_not_make_sense(measure: str, hint: str) -> None:
    with pytest.raises(MappingError, match=hint):
        _compile(f"{BASE}[measures.x]\n{measure}\n")


def test_a_remainder_is_no_term() -> None:
    text = f"""{BASE}
[measures.rest]
kind = "remainder"
of = "emissions"
minus = [{{ column = "power", times = "0.1", unit = "kgCO2/kWh" }}]
unit = "kgCO2"
[measures.twice]
kind = "sum"
terms = [{{ measure = "rest", times = 2 }}]
unit = "kgCO2"
"""
    with pytest.raises(MappingError, match="may not be a term"):
        _compile(text)


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ('"natural_gas"', '"peat"', "peat"),
        ('"us-fuels"', '"us-fuel"', "available"),
        ('"us-grid-2023"', '"cn-electricity-footprint", factor = "CN/2023"', "footprint"),
    ],
)
def test_factors_that_are_not_there_or_of_another_convention(old: str, new: str, hint: str) -> None:
    with pytest.raises(FactorError, match=hint):
        _compile(BASE.replace(old, new))


def test_a_mapping_without_the_set_it_needs() -> None:
    with pytest.raises(MappingError, match=r"\[factors\] fuels"):
        _compile(BASE.replace('fuels = { set = "us-fuels" }', ""))


def test_column_names_are_normalised_like_the_header(tmp_path: Path) -> None:
    """A name copied from the file finds its column, with full-width signs as they stand there."""
    (tmp_path / "r.csv").write_bytes("企业，,销售额（万元）\n甲,12\n".encode("gbk"))
    (tmp_path / "m.toml").write_text(
        """
schema = "cefed.mapping/1"
title = "t"
[enterprise]
id = "企业，"
cohort = { value = "c" }
[[columns]]
name = "销售额（万元）"
kind = "quantity"
unit = "1e4 yuan"
[measures.output]
kind = "column"
column = "销售额（万元）"
unit = "yuan"
""",
        encoding="utf-8",
    )
    (member,) = compute_file(tmp_path / "r.csv", tmp_path / "m.toml").included
    assert member.integers == {"output": 120000}
