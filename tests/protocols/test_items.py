"""Enterprises are known again by any of their names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from protocols.items import Identities, Item, Mark, marks

MARKS = st.tuples(st.sampled_from(("member", "group")), st.binary(min_size=1, max_size=1))


@given(st.lists(st.lists(MARKS, min_size=1, max_size=3), max_size=20))
def test_roots_are_the_connected_components(groups: list[list[Mark]]) -> None:
    identities = Identities()
    numbers = [identities.link(group) for group in groups]
    components: list[set[Mark]] = []
    for group in groups:
        touched = [own for own in components if own & set(group)]
        components = [own for own in components if own not in touched]
        components.append(set(group).union(*touched))

    for i, first in enumerate(groups):
        for j, second in enumerate(groups):
            same = any(first[0] in own and second[0] in own for own in components)
            assert (identities.root(numbers[i]) == identities.root(numbers[j])) == same


def test_a_copy_goes_its_own_way() -> None:
    identities = Identities()
    one = identities.link([("member", b"1")])
    two = identities.link([("member", b"2")])
    copy = identities.copy()

    copy.link([("member", b"1"), ("member", b"2")])

    assert copy.root(one) == copy.root(two)
    assert identities.root(one) != identities.root(two)


def test_a_group_links_no_names() -> None:
    identities = Identities()
    one = identities.link([("member", b"1"), ("enterprise", b"e"), ("group", b"g")])
    of_group = identities.link([("member", b"2"), ("enterprise", b"f"), ("group", b"g")])
    new_key = identities.link([("member", b"3"), ("enterprise", b"e"), ("group", b"h")])
    numbers = [one, of_group, new_key]

    assert len(set(identities.roots(numbers))) == 1
    assert identities.name(one) == identities.name(new_key) != identities.name(of_group)
    assert identities.roots(numbers) == [identities.root(number) for number in numbers]
    assert identities.names(numbers) == [identities.name(number) for number in numbers]


def test_case_and_accents_make_no_other_enterprise() -> None:
    assert Item.of(b"k", "Ｅ-1", "ACME").enterprise == Item.of(b"k", "e-1", "acme").enterprise
    assert Item.of(b"k", "x", "y").enterprise != Item.of(b"k", "y", "x").enterprise
    assert dict(marks(Item(b"k", b"e", b"g"))) == {
        "member": b"k",
        "enterprise": b"e",
        "group": b"g",
    }
