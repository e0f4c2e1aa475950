"""The order in which paths are sampled, and what a sample proves: exact bounds for a finite population.

The unit is the store path. A sample are the paths with the smallest order, so a larger sample holds each smaller one.
"""

from hashlib import sha256
from math import exp, lgamma
from typing import Final

_TAG: Final = b"gate-audit-v1\0"


def path_order(seed: bytes, cache: str, store_path_hash: str) -> str:
    """The place of a path in the permutation that the seed fixes, as 64 hexadecimal digits."""
    return sha256(b"%s%s%s\0%s" % (_TAG, seed, cache.encode(), store_path_hash.encode())).hexdigest()


def chance_of_at_most(damaged: int, population: int, marked: int, sample: int) -> float:
    """``P(X <= damaged)`` of a hypergeometric X: ``sample`` drawn of ``population`` with ``marked`` damaged ones."""
    lowest = max(0, sample - (population - marked))
    whole = _choices(population, sample)
    return min(
        1.0,
        sum(
            exp(_choices(marked, drawn) + _choices(population - marked, sample - drawn) - whole)
            for drawn in range(lowest, min(damaged, marked, sample) + 1)
        ),
    )


def largest_damage(damaged: int, population: int, sample: int, confidence: float) -> int:
    """The largest number of damaged paths with which a sample shows so few with a chance over ``1 - confidence``.

    The exact one-sided bound; Clopper and Pearson's is its limit for an endless population. ``damaged`` of ``sample``
    were seen damaged or could not be read.
    """
    low, high = damaged, population - (sample - damaged)  # what was seen is certain, at both ends
    while low < high:
        middle = (low + high + 1) // 2
        if chance_of_at_most(damaged, population, middle, sample) > 1 - confidence:
            low = middle
        else:
            high = middle - 1
    return low


def _choices(things: int, chosen: int) -> float:
    """The logarithm of the number of ways to choose."""
    return lgamma(things + 1) - lgamma(chosen + 1) - lgamma(things - chosen + 1)
