"""A broken statement: every square is even."""

from monarch_theory.proving import Instance, Progress, Result, verify


def check(progress: Progress) -> Result:
    instances = [Instance(f"n = {n}", lambda n=n: n**2 % 2 == 0) for n in range(4)]
    return verify(instances, progress, sizes="n < 4")
