"""The counts of a ceremony in words, so that whoever confirms them has read them."""

from __future__ import annotations

from collections.abc import Sequence

_SMALL = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
_TEENS = "fifteen sixteen seventeen eighteen nineteen"
_ONES = (*_SMALL.split(" "), *_TEENS.split(" "))
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def in_words(number: int) -> str:
    """0 to 99 in English words; more in digits."""
    if number > 99:
        return str(number)
    if number < len(_ONES):
        return _ONES[number]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f"-{_ONES[ones]}" if ones else "")


def counts(threshold: int, quorum: int, trustees: int) -> str:
    """What the dealer types, for example ``two of four open, three close``."""
    return f"{in_words(threshold)} of {in_words(trustees)} open, {in_words(quorum)} close"


def same(typed: str, expected: str) -> bool:
    """Whether the words agree; case and spacing do not matter."""
    return typed.casefold().split() == expected.casefold().split()


def announcement(names: Sequence[str], threshold: int, quorum: int, period: str) -> str:
    """What is about to be dealt, in sentences, so that swapped counts are noticed."""
    return (
        f"One key for the period {period}, shared among {len(names)} trustees: {', '.join(names)}. "
        f"Any {threshold} of them together can open an aggregate; {threshold - 1} cannot. "
        f"{quorum} of them must sign what is counted before anything is opened."
    )
