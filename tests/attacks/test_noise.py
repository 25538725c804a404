"""What members learn who pool their data: everything without noise, hardly anything with it."""

from __future__ import annotations

from tests.attacks import pooled_members


def test_without_noise_all_but_one_find_the_last() -> None:
    result = pooled_members.run(weakened=True)
    assert result.succeeded
    assert result.figures["estimate"] == pooled_members.VALUES[pooled_members.VICTIM]


def test_with_noise_made_for_so_many_they_do_not() -> None:
    """Also not on the average: one draw in ten may come near, as it may by guessing."""
    results = [pooled_members.run(weakened=False, seed=seed) for seed in range(60)]
    assert not results[1].succeeded
    assert "noise" in results[1].stopped_by[0]
    assert sum(result.succeeded for result in results) <= 6
    estimates = [result.figures["estimate"] for result in results]
    bound = results[0].figures["largest value the plan allows"]
    # Beyond what the plan allows anyhow, so the estimate tells next to nothing.
    assert sum(not 0 <= estimate <= bound for estimate in estimates) > 30
