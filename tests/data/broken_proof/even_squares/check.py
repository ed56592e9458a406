"""A broken statement: every square is even."""

from monarch_theory.proving import Instance

SIZES = "n < 4"
MUTATIONS = {"every square is odd": {"parity": 1}}


def instances(parity: int = 0) -> list[Instance]:
    cases = [Instance(f"n = {n}", lambda n=n: n**2 % 2 == parity) for n in range(4)]
    return cases
