"""Cost: operations counted one by one by scalars that count, against the formulas."""

from math import prod

import numpy as np

from monarch_theory.domains import Integers
from monarch_theory.expressivity.classes import MonarchClass, factorisations
from monarch_theory.monarch import random_monarch
from monarch_theory.proving import Instance, Progress, Result, verify

RECTANGULAR = [((2, 3), (3, 2)), ((4, 1, 2), (2, 3, 3)), ((1, 5), (5, 1))]


class Counted:
    """An integer that counts the products it takes part in."""

    products = 0

    def __init__(self, value: int) -> None:
        self.value = value

    def __mul__(self, other: "Counted") -> "Counted":
        Counted.products += 1
        return Counted(self.value * other.value)

    def __add__(self, other: "Counted") -> "Counted":
        return Counted(self.value + other.value)


class Counting(Integers):
    """The integers, counted."""

    name = "counted integers"

    def scalar(self, value):
        return value if isinstance(value, Counted) else Counted(super().scalar(value))


def check(progress: Progress) -> Result:
    instances = []
    for size in range(2, 33):
        for radices in [r for order in range(1, size.bit_length()) for r in factorisations(size, order)]:
            instances.append(Instance(f"radices {radices}", lambda r=radices: _holds(r, r)))
    for outputs, inputs in RECTANGULAR:
        instances.append(Instance(f"radices {outputs} ← {inputs}", lambda m=outputs, n=inputs: _holds(m, n)))
    for b, p in ((2, 12), (4, 6), (8, 4), (16, 3), (64, 2)):
        instances.append(
            Instance(f"{p} radices {b}", lambda b=b, p=p: MonarchClass((b,) * p).parameters == p * b ** (p + 1))
        )
    return verify(instances, progress, sizes="every factorisation of N ≤ 32, counted; p N^((p+1)/p) at N = 4096")


def _holds(outputs: tuple[int, ...], inputs: tuple[int, ...]) -> bool:
    matrix = random_monarch(inputs, Counting(), np.random.default_rng(0), output_radices=outputs)
    Counted.products = 0
    matrix.multiply(list(range(prod(inputs))))
    counted = Counted.products
    square = outputs != inputs or matrix.parameters == prod(inputs) * sum(inputs)
    return square and counted == matrix.operations.multiplications == matrix.parameters
