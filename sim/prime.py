"""Draws one safe prime and prints it in hexadecimal: ``python -m sim.prime BITS``.

A process of its own, so that the two primes of a key are searched on two cores at once; the prime
goes through a pipe to the dealer and is written nowhere.
"""

from __future__ import annotations

import sys

from protocols.primes import safe_prime

if __name__ == "__main__":
    print(format(safe_prime(int(sys.argv[1])), "x"))
