"""How long does the exact decision take, and how does it grow?

    python benchmarks/exact_decision.py [--largest N] [--json]

Three routes of `monarch_theory.causality.decide`, beside the naive dense method: all of T[i, j, j'] from dense N × N
matrices over the same prime field. The naive method stops where it would take minutes.
"""

import json
import time
from collections.abc import Callable

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide
from monarch_theory.domains import PrimeField, prime_with_root
from monarch_theory.monarch import Monarch

NAIVE_LIMIT = 512


def naive_dense(operator: MonarchOperator) -> bool:
    """T from dense matrices, one filter at a time: O(n · N² · n)."""
    field, n = operator.domain, operator.n
    inverse, matrix = operator.interpolation.dense()[:n], operator.M1.dense()[:, :n]
    upper = np.triu_indices(n, 1)
    return all(not field.matmul(inverse, field.normal(matrix[:, k, None] * matrix))[upper].any() for k in range(n))


def leaky(matrix: Monarch) -> Monarch:
    """The same matrix with one scalar changed."""
    left = matrix.factors[-1].copy()
    left[-1, -1, -1] = (left[-1, -1, -1] + 1) % matrix.domain.q  # type: ignore[attr-defined]
    return Monarch((*matrix.factors[:-1], left), matrix.domain)


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def measure(size: int) -> dict[str, float | int | None]:
    half = 1 << (size.bit_length() - 1) // 2
    field = PrimeField(prime_with_root(size))
    matrix = CausalMonarch((half, size // half)).random(field, np.random.default_rng(0))
    operator, broken = MonarchOperator(matrix), MonarchOperator(leaky(matrix))
    row: dict[str, float | int | None] = {"N": size}
    row["theorem"] = seconds(lambda: decide(operator, route="theorem"))
    row["random filters"] = seconds(lambda: decide(operator, route="random filters"))
    row["witness"] = seconds(lambda: decide(broken))
    row["naive dense"] = seconds(lambda: naive_dense(operator)) if size <= NAIVE_LIMIT else None
    return row


def exponent(rows: list[dict], column: str) -> float:
    """Slope of log time against log N over the larger half of the sizes."""
    points = [(r["N"], r[column]) for r in rows if r[column]][-3:]
    x, y = np.log([p[0] for p in points]), np.log([p[1] for p in points])
    return float(np.polyfit(x, y, 1)[0]) if len(points) > 1 else float("nan")


def main(largest: int = 4096, as_json: bool = typer.Option(False, "--json")) -> None:
    """Print time against N, with the exponent fitted to the largest three sizes of each column."""
    sizes = [2**e for e in range(6, largest.bit_length())]
    rows = [measure(size) for size in track(sizes, "deciding", console=Console(stderr=True))]
    columns = ["theorem", "random filters", "witness", "naive dense"]
    exponents = {c: exponent(rows, c) for c in columns}
    if as_json:
        print(json.dumps({"seconds": rows, "exponents": exponents}))
        return
    table = Table("N", *columns, title="seconds to decide")
    for row in rows:
        table.add_row(str(row["N"]), *("—" if row[c] is None else f"{row[c]:.4f}" for c in columns))
    table.add_row("exponent", *(f"{exponents[c]:.2f}" for c in columns))
    Console().print(table)


if __name__ == "__main__":
    typer.run(main)
