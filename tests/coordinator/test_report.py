"""The report page: complete in both languages, safe against its input, exact where it says so."""

from __future__ import annotations

import re
from fractions import Fraction
from html.parser import HTMLParser
from string import Formatter

import pytest

from coordinator import figures
from coordinator.errors import DocumentError
from coordinator.nodes import Quantity
from coordinator.report import render_report
from coordinator.texts import Texts, catalogue, template
from protocols.bands import BinRange, best_set
from protocols.plan_terms import Direction, Policy
from protocols.policy import check_cell
from tests.coordinator import sample
from tests.strategies import UNLIMITED

RUN = {
    "backend": "paillier",
    "key_id": "7c1f0a93d2e45b88",
    "key_bits": "3072",
    "trustees": "4",
    "threshold": "2",
    "quorum": "3",
    "generated_by": "cefed 0.1.0",
    "bundle": "out/bundle",
    "single_machine": "yes",
}
VOID = {"meta", "input", "br"}
HOSTILE = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """Checks that tags are balanced and collects what tests ask about."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.described: list[str] = []
        self.text: dict[str, list[str]] = {"en": [], "zh-CN": []}
        self._edition = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "main":
            self._edition = values["lang"] or ""
        self.ids += [values["id"] or ""] if "id" in values else []
        self.links += [values["href"] or ""] if "href" in values else []
        if tag == "svg":
            self.described.append(values["aria-labelledby"] or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag == "main":
            self._edition = ""

    def handle_data(self, data: str) -> None:
        if self._edition:
            self.text[self._edition].append(data)


@pytest.fixture(scope="module")
def one() -> str:
    return render_report(
        [sample.region_a()], run=RUN, extras={"region-a": {"curve_deviation": "0.031"}}
    )


@pytest.fixture(scope="module")
def many() -> str:
    return render_report(sample.twenty_cohorts(), run=RUN)


def words(page: str, language: str) -> str:
    return " ".join(Page(page).text[language])


def test_page_is_well_formed_and_self_contained(one: str, many: str) -> None:
    for page in (one, many):
        parsed = Page(page)
        assert not parsed.open
        assert len(parsed.ids) == len(set(parsed.ids))
        assert all(link.startswith("#") and link[1:] in parsed.ids for link in parsed.links)
        assert parsed.tags.count("script") == 1
        assert not {"link", "img", "iframe", "object"} & set(parsed.tags)
        assert "http" not in re.sub(r"http-equiv", "", page)
        for described in parsed.described:
            assert set(described.split()) <= set(parsed.ids)


def test_catalogue_is_complete_in_both_languages() -> None:
    for key, entry in catalogue().items():
        assert set(entry) == {"en", "zh"}, key
        assert all(entry.values()), key
        fields = [
            sorted(f for _, f, _, _ in Formatter().parse(text) if f) for text in entry.values()
        ]
        assert fields[0] == fields[1], key


def test_each_edition_keeps_to_its_language(one: str) -> None:
    english, chinese = words(one, "en"), words(one, "zh-CN")
    assert not re.search(r"[\u4e00-\u9fff]", english)
    for said in ("withheld", "Members", "Targets", "band", "reaches", "round"):
        assert said not in chinese.replace("region", "")
    assert "误差预算" in chinese
    assert "各档目标" in chinese


def test_one_cohort_is_shown_in_full(one: str) -> None:
    assert "<details" not in one
    english = words(one, "en")
    for said in ("72", "Threshold Paillier", "3072-bit", "any 2 of 4", "cefed verify out/bundle"):
        assert said in english
    assert "not 11.43" in english
    assert "3.1\u202f% of total output" in english
    assert "8030260000" in one or not sample.REGION_A.exists()


def test_many_cohorts_are_folded_and_withheld_cells_say_why(many: str) -> None:
    assert many.count("<details") == 40
    english, chinese = words(many, "en"), words(many, "zh-CN")
    assert "Fewer than 5 enterprises" in english
    assert "少于 5 家企业" in chinese
    assert "Even as one band: one enterprise dominates sales" in english
    assert "即使合并为一档，“销售额”由一家企业主导" in chinese
    assert "No set of best bands" in english
    assert "not 11.43" not in english
    assert english.count("withheld") >= 9


def test_the_size_stays_reasonable(many: str) -> None:
    assert len(many.encode()) < 3_000_000


def test_titles_and_names_are_escaped() -> None:
    document = sample.region_a()
    document["title"] = HOSTILE
    document["cohort"] = HOSTILE
    document["period"] = HOSTILE
    document["round_id"] = HOSTILE
    document["plan_hash"] = HOSTILE
    document["definitions"] = {HOSTILE: HOSTILE}
    document["withheld_measures"] = {HOSTILE: HOSTILE}
    document["indicators"]["cef"]["unit"] = HOSTILE
    document["measures"][HOSTILE] = {"unit": HOSTILE, "value": "5"}
    document["rankings"]["energy_intensity"] = {"withheld": HOSTILE}
    hidden = sample.withheld("b", HOSTILE, HOSTILE, 9)
    run = dict.fromkeys((*RUN, "title", "title_zh", "excluded", HOSTILE), HOSTILE)
    page = render_report([document, hidden], run=run)
    parsed = Page(page)
    assert not parsed.open
    assert parsed.tags.count("script") == 1
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") > 20


def test_names_with_braces_are_not_fields() -> None:
    document = sample.region_a()
    document["title"] = "{n} $title {0}"
    page = render_report([document], run={"title": "$style {x}"})
    assert "{n} $title {0}" in page
    assert "<title>$style {x}</title>" in page


def test_report_without_extras_says_not_measured() -> None:
    page = render_report([sample.region_a()], run={})
    assert "not measured" in words(page, "en")
    assert "not stated" in words(page, "en")


def test_deviation_must_be_a_decimal() -> None:
    with pytest.raises(DocumentError, match="curve_deviation"):
        render_report([sample.region_a()], run={}, extras={"region-a": {"curve_deviation": "3%"}})


def test_same_cohort_twice_is_refused() -> None:
    with pytest.raises(DocumentError, match="more than once"):
        render_report([sample.region_a(), sample.region_a()], run={})


def test_a_best_set_that_is_no_tenth_is_named_for_what_it_is() -> None:
    document = sample.region_a()
    near = render_report([document], run=RUN)
    document["best_decile"] |= {"n": 18, "share": "18/72", "near": False}
    far = render_report([document], run=RUN)
    for language, name in (("en", "Mean of the best 25 %"), ("zh-CN", "最优 25 % 均值")):
        assert name not in words(near, language).replace("\u202f", " ")
        assert name in words(far, language).replace("\u202f", " ")
    assert "no set of bands is nearer to a tenth" in words(far, "en")


def test_a_best_decile_that_is_withheld_says_why() -> None:
    document = sample.region_a()
    best = best_set((BinRange(0, 3, 40), BinRange(3, 8, 32)), Direction.HIGHER)
    document["best_decile"] |= {"value": None, "near": best.near, "withheld": best.withheld}
    page = render_report([document], run=RUN)
    why = "The nearest set of best bands holds 32 of 72 enterprises, more than a third"
    assert why in words(page, "en")
    assert "最接近的最优档组合有 32 家（共 72 家），超过三分之一，不能代表最优的 10%" in words(
        page, "zh-CN"
    )
    document["best_decile"]["near"] = "perhaps"
    document["best_decile"]["value"] = "5"
    with pytest.raises(DocumentError, match="'near' must be true or false"):
        render_report([document], run=RUN)


def test_one_band_is_no_band() -> None:
    document = sample.document(sample.synthetic_members(9, 1), least=5)
    document["rankings"]["energy_intensity"]["bands"] = document["rankings"]["cef"]["bands"]
    page = render_report([document], run=RUN)
    english = words(page, "en").replace("\u202f", " ")
    assert "Totals only: an earlier round opened data of the same enterprises" in english
    assert "先前一轮已解密同一批企业的数据" in words(page, "zh-CN")
    assert "Best-decile mean" in english  # the column
    for said in ("mean of 9", "Strategies for a reduction", "Targets by band", "nearest to this"):
        assert said not in english
    assert "svg" not in Page(page).tags
    left = english.split("How much is still published")[1]
    assert "0 / 1" in left
    assert "0 / 9" in left
    assert not Page(page).open
    # Another ranking is parted: then it was the policy, not an earlier round.
    half = document["rankings"]["cef"]["bands"][0]
    document["rankings"]["energy_intensity"]["bands"] = [{**half, "n": 4}, {**half, "n": 5}]
    english = words(render_report([document], run=RUN), "en")
    assert "an earlier round opened" not in english
    assert "No division into bands passes the policy" in english


def test_all_withheld() -> None:
    page = render_report([sample.withheld("x", "X", "fewer than 5 members")], run=RUN)
    assert "under 5" in words(page, "en")
    assert not Page(page).open


def test_unknown_reason_keeps_its_words_in_chinese() -> None:
    assert "moon" in Texts("zh").reason("the moon is full")
    assert "原文" in Texts("zh").reason("the moon is full")


def test_script_and_radios_agree() -> None:
    for language in ("en", "zh"):
        assert f'id="language-{language}"' in template("page.html")
        assert f"#language-{language}:checked" in template("style.css")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Fraction(0), "0"),
        (Fraction(8030260000, 209773), "38\u202f280"),
        (Fraction(1, 3), "0.3333"),
        (Fraction(9999), "9999"),
        (Fraction(99999), "100\u202f000"),
        (Fraction(-12345), "−12\u202f340"),
        (Fraction(1, 10**7), "1\u202f×\u202f10⁻⁷"),
    ],
)
def test_plain_numbers(value: Fraction, shown: str) -> None:
    assert figures.plain(value) == shown


@pytest.mark.parametrize(
    ("text", "unit", "english", "chinese"),
    [
        ("209773000", "kgCO2", ("209\u202f800", "tCO₂"), ("20.98\u202f万", "tCO₂")),
        ("8030260000", "yuan", ("8.030\u202fbillion", "yuan"), ("80.30\u202f亿", "元")),
        ("9999", "kWh", ("9999", "kWh"), ("9999", "kWh")),
        ("45.49", "kgce/1e4 yuan", ("45.49", "kgce/10⁴ yuan"), ("45.49", "kgce/万元")),
        ("2500000000000", "USD", ("2.5\u202ftrillion", "USD"), ("2.5\u202f万亿", "美元")),
    ],
)
def test_figures_for_people(
    text: str, unit: str, english: tuple[str, str], chinese: tuple[str, str]
) -> None:
    quantity = Quantity(text, Fraction(text), unit)
    assert figures.readable(quantity, "en") == english
    assert figures.readable(quantity, "zh") == chinese


def test_reasons_of_the_policy_are_translated() -> None:
    histograms = {"sales": [0, 2, 1], "emissions": [0] * 30 + [5, 0, 0, 0, 0, 0, 1]}
    violations = check_cell(histograms, Policy(), UNLIMITED)
    assert [v.rule for v in violations] == ["minimum-cohort", "dominance"]
    reason = Texts("zh").reason("even as one band: " + "; ".join(v.text for v in violations))
    assert "原文" not in reason
    assert "“销售额”" in reason
    assert "“排放量”由一家企业主导" in reason


def test_a_shared_title_names_no_cohort() -> None:
    documents = sample.twenty_cohorts()
    for document in documents:
        document["title"] = "One template for all"
    page = render_report(documents, run={})
    assert "One template for all" not in page
    assert "Cohort sector-21" in words(page, "en")
    assert "对标组 sector-21" in words(page, "zh-CN")
