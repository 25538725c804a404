"""Which units a public factor may connect: the question behind "could these two be subtracted?".

The one place in this package that knows what a unit measures. It converts nothing; it only groups,
so that the plan linter (:mod:`protocols.plan_lint`) knows which pairs of figures to ask about.

``flow``: energy, masses of CO2, CO2 equivalent and carbon, other masses, volumes. Heating values,
emission factors and densities are public (GB/T 2589-2020, IPCC 2006), so any two of these may be
tied: 3.6 MJ a kWh, 0.4 kg of CO2 a kWh, 2.2 kg of CO2 a Nm3 of gas. ``money``: exchange rates are
public. ``area``, ``time`` and ``count`` (people, pieces): others of their own kind only.

A unit that is not listed may be any of these under another spelling, so it is tied to every other:
the plan's author has to say. No list of spellings is complete, and a question too many costs a
line in the plan, a question too few a member's figure.
"""

from __future__ import annotations

import re
import unicodedata

FLOW = "flow"
MONEY = "money"
AREA = "area"
TIME = "time"
COUNT = "count"

_NAMES = {
    FLOW: (
        "J kJ MJ GJ TJ PJ EJ Wh kWh MWh GWh TWh Btu MMBtu therm cal kcal Mcal Gcal "
        "gce kgce tce Mtce kgoe toe ktoe Mtoe "
        "mg g kg t kt Mt Gt tonne tonnes ton tons metricton metrictons shortton shorttons "
        "kilogram kilograms lb lbs short_ton Nm3 Sm3 m3 cubicmetre cubicmetres cubicmeter "
        "cubicmeters L hL kL bbl scf gCO2 kgCO2 tCO2 ktCO2 MtCO2 gCO2e kgCO2e tCO2e ktCO2e "
        "MtCO2e gCO2eq kgCO2eq tCO2eq kgC tC 千瓦时 兆瓦时 吨 千克 公斤 吨标准煤 千克标准煤 "
        "吉焦 千焦 标准立方米 立方米 吨二氧化碳"
    ),
    MONEY: "yuan fen CNY RMB USD EUR GBP JPY kUSD kEUR 元",
    AREA: "m2 km2 ha ft2 sqft sqm 平方米 平方英尺",
    TIME: "s min h d hour hours day days 小时",
    COUNT: "person persons people employees piece pieces room rooms 人 件 台",
}
_KINDS = {name.casefold(): kind for kind, names in _NAMES.items() for name in names.split()}
_POWER = r"[\d.,]+(?:e\d+|\s*(?:\^|\*\*)\s*\d+)?(?:\s*[x×*·]\s*)?"
_MULTIPLIER = re.compile(rf"(?:(?:{_POWER}|thousand|million|billion|百万|万|亿)\s*)+")
_JOINTS = re.compile(r"[\s.·⋅•*]+")
_PER_YEAR = re.compile(r"(?:/|per)(?:a|yr|year|annum|年)$")


def kind_of(unit: str) -> str | None:
    """:data:`FLOW`, :data:`MONEY`, :data:`AREA`, :data:`TIME`, :data:`COUNT`; None if not listed.

    A multiplier before the name (``1e4 Nm3``, ``10^4 kWh``, ``million yuan``), ``/a`` after it,
    blanks and dots inside it, letter case and the width and height of characters (``m³``) make no
    difference.
    """
    name = unicodedata.normalize("NFKC", unit).casefold().strip()
    name = _MULTIPLIER.sub("", name, count=1) if _MULTIPLIER.match(name) else name
    return _KINDS.get(_PER_YEAR.sub("", _JOINTS.sub("", name)))


def may_be_tied(first: str, second: str) -> bool:
    """Whether a public factor may connect two units, for all that is known here; symmetric."""
    kinds = kind_of(first), kind_of(second)
    return None in kinds or kinds[0] == kinds[1]
