"""Letters: they come back as they went, and nothing else is one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import MalformedMessage
from protocols.hashing import length_prefixed
from protocols.service.flower import letters
from protocols.service.flower.letters import MAGIC, Item, Letter, fitting

KINDS = st.from_regex(r"[a-z]{1,20}", fullmatch=True)
SUBJECTS = st.from_regex(r"[A-Za-z0-9._-]{0,64}", fullmatch=True)
LABELS = st.one_of(st.just(""), st.from_regex(r"[0-9a-f]{1,16}-", fullmatch=True))
ITEMS = st.builds(
    Item,
    kind=KINDS,
    subject=SUBJECTS,
    payload=st.binary(max_size=200),
    serial=st.integers(0, (1 << 32) - 1),
    label=LABELS,
)
LETTERS = st.builds(
    Letter,
    items=st.lists(ITEMS, max_size=4).map(tuple),
    standing=st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple),
    again=st.booleans(),
)
ONE = Item("contribution", "round-1", b"sealed", 3)


@given(LETTERS)
def test_a_letter_comes_back_as_it_went(letter: Letter) -> None:
    assert Letter.from_bytes(letter.to_bytes()) == letter


@given(LETTERS, st.data())
def test_a_letter_that_was_cut_short_is_none(letter: Letter, data: st.DataObject) -> None:
    whole = letter.to_bytes()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        read = Letter.from_bytes(cut)
    except MalformedMessage:
        return
    # A cut between two items leaves a letter with fewer of them; no item is ever half a one.
    assert read.items == letter.items[: len(read.items)]
    assert len(read.items) < len(letter.items)


@given(st.binary(max_size=300))
def test_other_bytes_raise_the_family_s_error_only(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        Letter.from_bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(length_prefixed((b"cefed-letter/2", b"\0", b"")), id="another version"),
        pytest.param(length_prefixed((MAGIC, b"\2", b"")), id="flag that is none"),
        pytest.param(length_prefixed((MAGIC, b"\0", b"x" * 31)), id="digest cut short"),
        pytest.param(length_prefixed((MAGIC, b"\0", b"", b"no item")), id="item that is none"),
        pytest.param(
            length_prefixed((MAGIC, b"\0", b"", length_prefixed((b"a", b"", b"01", b"", b"")))),
            id="serial with a leading zero",
        ),
        pytest.param(
            length_prefixed((MAGIC, b"\0", b"", length_prefixed((b"a", b"", b"\xff", b"", b"")))),
            id="serial that is no ASCII",
        ),
    ],
)
def test_what_is_no_letter_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        Letter.from_bytes(data)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "../pass"},
        {"kind": ""},
        {"subject": "a/b"},
        {"subject": "x" * 65},
        {"label": "../"},
        {"label": "node.toml-"},
        {"serial": -1},
        {"serial": 1 << 32},
    ],
)
def test_a_name_that_could_leave_its_folder_is_no_item_s(change: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        replace(ONE, **change)  # type: ignore[arg-type]


def test_a_letter_has_a_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    just = len(Letter(items=(ONE,)).to_bytes())
    monkeypatch.setattr(letters, "MAX_LETTER_BYTES", just)
    assert Letter.from_bytes(Letter(items=(ONE,)).to_bytes()).items == (ONE,)
    larger = Letter(items=(replace(ONE, payload=ONE.payload + b"x"),))
    with pytest.raises(MalformedMessage, match=f"at most {just} bytes"):
        larger.to_bytes()
    with pytest.raises(MalformedMessage, match=f"at most {just} bytes"):
        Letter.from_bytes(b"x" * (just + 1))


def test_what_does_not_fit_waits_and_the_first_always_goes() -> None:
    items = [replace(ONE, subject=f"round-{n}", payload=b"x" * 1000) for n in range(3)]
    assert fitting(items, room=2600) == tuple(items[:2])
    assert fitting(items, room=1) == tuple(items[:1])
    assert fitting(items) == tuple(items)
    assert fitting([]) == ()
