"""Cost: operations counted one by one by scalars that count, against the formulas."""

from collections.abc import Callable
from math import prod

import numpy as np

from monarch_theory.domains import Integers
from monarch_theory.expressivity.classes import MonarchClass, factorisations
from monarch_theory.monarch import block_counts, random_monarch
from monarch_theory.proving import Instance

Count = Callable[[tuple[int, ...], tuple[int, ...]], int]
"""Output radices, input radices → number of scalars."""

RECTANGULAR = [((2, 3), (3, 2)), ((4, 1, 2), (2, 3, 3)), ((1, 5), (5, 1))]


class Counted:
    """An integer that counts the products and sums it takes part in."""

    products = 0
    sums = 0

    def __init__(self, value: int) -> None:
        self.value = value

    def __mul__(self, other: "Counted") -> "Counted":
        Counted.products += 1
        return Counted(self.value * other.value)

    def __add__(self, other: "Counted") -> "Counted":
        Counted.sums += 1
        return Counted(self.value + other.value)


class Counting(Integers):
    """The integers, counted."""

    name = "counted integers"

    def scalar(self, value):
        return value if isinstance(value, Counted) else Counted(super().scalar(value))


SIZES = "every factorisation of N ≤ 32, counted; p N^((p+1)/p) at N = 4096"
MUTATIONS: dict[str, dict] = {
    "N·Σ(b_k − 1) products": {"scalars": lambda m, n: _stages(m, n, lambda rows, columns: rows * (columns - 1))},
    "as many sums as products": {"sums": lambda m, n: _stages(m, n, lambda rows, columns: rows * columns)},
}


def _stages(outputs: tuple[int, ...], inputs: tuple[int, ...], each: Callable[[int, int], int]) -> int:
    """Σ over the stages of the number of blocks times what each m × n block contributes."""
    counts = block_counts(outputs, inputs)
    return sum(count * each(m, n) for count, m, n in zip(counts, outputs, inputs, strict=True))


def instances(
    scalars: Count = lambda m, n: _stages(m, n, lambda rows, columns: rows * columns),
    sums: Count = lambda m, n: _stages(m, n, lambda rows, columns: rows * (columns - 1)),
) -> list[Instance]:
    cases = []
    for size in range(2, 33):
        for radices in [r for order in range(1, size.bit_length()) for r in factorisations(size, order)]:
            cases.append(Instance(f"radices {radices}", lambda r=radices: _holds(r, r, scalars, sums)))
    for outputs, inputs in RECTANGULAR:
        cases.append(Instance(f"radices {outputs} ← {inputs}", lambda m=outputs, n=inputs: _holds(m, n, scalars, sums)))
    for b, p in ((2, 12), (4, 6), (8, 4), (16, 3), (64, 2)):
        cases.append(
            Instance(f"{p} radices {b}", lambda b=b, p=p: MonarchClass((b,) * p).parameters == p * b ** (p + 1))
        )
    return cases


def _holds(outputs: tuple[int, ...], inputs: tuple[int, ...], scalars: Count, sums: Count) -> bool:
    matrix = random_monarch(inputs, Counting(), np.random.default_rng(0), output_radices=outputs)
    Counted.products = Counted.sums = 0
    matrix.multiply(list(range(prod(inputs))))
    square = outputs != inputs or matrix.parameters == prod(inputs) * sum(inputs)
    products = Counted.products == matrix.operations.multiplications == matrix.parameters == scalars(outputs, inputs)
    return square and products and Counted.sums == matrix.operations.additions == sums(outputs, inputs)
