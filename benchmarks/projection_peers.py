"""Who comes nearer? Our projection and its peers on the same matrices, in one run.

    python benchmarks/projection_peers.py [--sizes 64,256,1024,4096] [--fly CLONE] [--json FILE]

Peers, where installed: lazylinop's `ksd` in both of its orders; pyfaust's `butterfly` from the left, from the right
and along a balanced tree, which takes squares of powers of two and radix two; fly's projection, which takes squares and
order two, from a clone of HazyResearch/fly. All are asked for the same class, the DAO convention, which is a chain of
Kronecker-sparse factors. TensorLy has the trains that are sums of Kronecker products, and is asked for those. Distances
are of the dense products, and seconds are of the processor, the least of a few times where it is quick, with the load
beside them. At order two, and of Kronecker products, the nearest is known: everyone should find it. Above order two
`near_member` is asked as well, for one sweep: it states no bound, as none of the peers does.
"""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Column, Table
from scipy.fft import dct
from scipy.linalg import toeplitz

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.families.kronecker import fit as nearest_kroneckers
from monarch_theory.expressivity.families.kronecker import setting
from monarch_theory.expressivity.projection import near_member, project
from monarch_theory.monarch import Convention

OURS = "project"
QUICK = "one sweep"
REPEATS = 3
LARGEST = {"faust left": 1024, "faust right": 1024}  # beyond, one answer takes minutes
NOTHING = 1e-12  # two distances below it are both of members


@dataclass(frozen=True)
class Kroneckers:
    """Sums of so many products of a left factor of this shape with the right one that the matrix leaves."""

    outer: tuple[int, int]
    terms: int


Kind = MonarchClass | Kroneckers
Fit = Callable[[np.ndarray, Kind], np.ndarray]


def ours(matrix: np.ndarray, kind: Kind) -> np.ndarray:
    if isinstance(kind, Kroneckers):
        return nearest_kroneckers(matrix, setting(matrix.shape, kind.outer, kind.terms))
    return project(matrix, kind).dense()


def of_monarch(fit: Callable[[np.ndarray, MonarchClass], np.ndarray]) -> Fit:
    """A peer that knows Monarch classes alone."""

    def some(matrix: np.ndarray, kind: Kind) -> np.ndarray:
        if not isinstance(kind, MonarchClass):
            raise ValueError("Monarch classes only")
        return fit(matrix, kind)

    return some


def one_sweep(matrix: np.ndarray, kind: MonarchClass) -> np.ndarray:
    if kind.order == 2:
        raise ValueError("above order two only: there nothing is swept")
    return near_member(matrix, kind, sweeps=1)


def patterns(kind: MonarchClass) -> list[tuple[int, int, int, int]]:
    """The class as a chain (a, b, c, d), the last stage first: support I_a ⊗ 1_{b×c} ⊗ I_d."""
    rows, columns = kind.output_radices, kind.input_radices
    return [(prod(columns[k + 1 :]), rows[k], columns[k], prod(rows[:k])) for k in range(kind.order)][::-1]


def ksd(order: str) -> Fit:
    from lazylinop.butterfly import Chain
    from lazylinop.butterfly import ksd as decompose

    return of_monarch(lambda matrix, kind: decompose(matrix, Chain(patterns(kind)), order=order).toarray())


def faust(direction: str) -> Fit:
    from pyfaust.fact import butterfly

    def fit(matrix: np.ndarray, kind: MonarchClass) -> np.ndarray:
        if set(kind.input_radices + kind.output_radices) != {2}:
            raise ValueError("radix two only")
        return butterfly(matrix.astype(complex if np.iscomplexobj(matrix) else float), type=direction).toarray()

    return of_monarch(fit)


def fly(clone: str) -> Fit:
    """The published projection, which chooses the blocks nearest to √n."""
    sys.path.insert(0, clone)
    import torch
    from src.models.layers.blockdiag_butterfly_multiply import blockdiag_butterfly_multiply
    from src.ops.blockdiag_butterfly_projection import blockdiag_butterfly_project

    def fit(matrix: np.ndarray, kind: MonarchClass) -> np.ndarray:
        if kind.order != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError("squares and order two only")
        first, second = blockdiag_butterfly_project(torch.from_numpy(matrix), sizes=kind.output_radices[::-1])
        every = torch.eye(len(matrix), dtype=first.dtype)
        return blockdiag_butterfly_multiply(every, first, second).T.numpy()

    return of_monarch(fit)


def tensorly(svd: str) -> Fit:
    from tensorly.decomposition import tensor_train_matrix
    from tensorly.tt_matrix import tt_matrix_to_matrix

    def fit(matrix: np.ndarray, kind: Kind) -> np.ndarray:
        if not isinstance(kind, Kroneckers):
            raise ValueError("trains only")
        (m, n), (rows, columns) = kind.outer, matrix.shape
        tensor = matrix.reshape(m, rows // m, n, columns // n)
        return tt_matrix_to_matrix(tensor_train_matrix(tensor, (1, kind.terms, 1), svd=svd))

    return fit


def peers(clone: str) -> dict[str, Fit]:
    """Ours, and what is installed."""
    found: dict[str, Fit] = {OURS: ours, QUICK: of_monarch(one_sweep)}
    makers = {f"ksd {order}": (ksd, order) for order in ("l2r", "balanced")}
    makers |= {f"faust {direction}": (faust, direction) for direction in ("left", "right", "bbtree")}
    makers |= {"fly": (fly, clone), "TensorLy": (tensorly, "truncated_svd")}
    for name, (make, choice) in makers.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[name] = make(choice)
        except ImportError as error:
            print(f"{name}: not installed ({error})", file=sys.stderr)
    return found


def cases(n: int) -> list[tuple[str, np.ndarray, Kind]]:
    """Matrices of size n (and n × n/2), with the classes of orders two to log₂ n, and Kronecker products."""
    rng = np.random.default_rng(n)
    shuffled = np.fft.fft(np.eye(n))[:, rng.permutation(n)]
    matrices = {
        "random": rng.standard_normal((n, n)),
        "DCT": dct(np.eye(n), axis=0, norm="ortho"),
        "DFT, shuffled": shuffled,
        "decay": toeplitz(np.exp(-np.arange(n) / n * 8)),
        "triangular": np.tri(n),
        "random, half": rng.standard_normal((n, n // 2)),
    }
    found: list[tuple[str, np.ndarray, Kind]] = []
    for name, matrix in matrices.items():
        longest, sides = n.bit_length() - 1, f"{matrix.shape[0]}×{matrix.shape[1]}"
        for order in sorted({2, 3, 4, longest} if matrix.shape[0] == matrix.shape[1] else {2, 3, 4}):
            inputs, outputs = (balanced_radices(side, order) for side in matrix.shape[::-1])
            found.append((f"{name} {sides}, order {order}", matrix, MonarchClass(inputs, outputs, Convention.DAO)))
        outer = balanced_radices(matrix.shape[0], 2)[0], balanced_radices(matrix.shape[1], 2)[0]
        found += [(f"{name} {sides}, {t} Kronecker products", matrix, Kroneckers(outer, t)) for t in (1, 4)]
    return found


def timed(fit: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """What it gives, and the least CPU seconds of a few times; of once, where that is a second."""
    least = np.inf
    for _ in range(REPEATS):
        start = time.process_time()
        near = fit()
        seconds = time.process_time() - start
        least = min(least, seconds)
        if seconds > 1:
            break
    return near, float(least)


def measure(n: int, everyone: dict[str, Fit]) -> list[dict[str, object]]:
    """Relative distance and CPU seconds of everyone on every case, and the distance that no member is below."""
    rows = []
    for name, matrix, kind in cases(n):
        norm, row = np.linalg.norm(matrix), {}
        for who, fit in everyone.items():
            if n > LARGEST.get(who, n):
                continue
            try:
                near, seconds = timed(lambda fit=fit, matrix=matrix, kind=kind: fit(matrix, kind))
            except (ValueError, TypeError, RuntimeError) as error:
                print(f"{name}: {who}: {error}", file=sys.stderr)
                continue
            row[who] = {"distance": float(np.linalg.norm(matrix - near) / norm), "seconds": seconds}
        # of Kronecker products the nearest is ours, as the truncated decomposition of a matrix is
        bound = row[OURS]["distance"]
        if isinstance(kind, MonarchClass):
            bound = project(matrix, kind).lower_bound / norm
        known = isinstance(kind, Kroneckers) or kind.order == 2
        rows.append(
            {"case": name, "n": n, "known": known, "bound": bound, "load": round(os.getloadavg()[0], 1), "found": row}
        )
    return rows


def others(row: dict) -> dict[str, float]:
    return {who: entry["distance"] for who, entry in row["found"].items() if who not in (OURS, QUICK)}


def report(found: dict, console: Console) -> None:
    """The table, and how often each side is nearer."""
    everyone = list(dict.fromkeys(who for row in found["rows"] for who in row["found"]))
    table = Table(Column("case", no_wrap=True), "no member below", *everyone)
    for row in found["rows"]:
        cells = (f"{row['found'][who]['distance']:.4f}" if who in row["found"] else "–" for who in everyone)
        table.add_row(row["case"], f"{row['bound']:.4f}", *cells)
    console.print(table)
    groups = {f"order {'two, and Kronecker products' if known else 'above two'}": [
        row for row in found["rows"] if row["known"] == known] for known in (False, True)}  # fmt: skip
    for title, rows in groups.items():
        console.print(f"{title}: {nearness(rows)}")
    loads = [row["load"] for row in found["rows"]]
    console.print(f"CPU seconds, while {min(loads)} to {max(loads)} processes wanted the {found['cores']} cores:")
    for title, rows in groups.items():
        for who in everyone:
            for n in dict.fromkeys(row["n"] for row in rows if who not in (OURS, QUICK)):
                both = [row["found"] for row in rows if row["n"] == n and who in row["found"]]
                for one in (OURS, QUICK):
                    if found := [entries for entries in both if one in entries]:
                        console.print(f"{title}, N = {n}, {len(found)} cases: {beside(one, who, found)}")


def nearness(rows: list[dict]) -> str:
    """How often ours is nearer than the best peer, and how far all are from what no member is below."""

    def ratio(distance: float, other: float) -> float:
        return max(distance, NOTHING) / max(other, NOTHING)

    ratios = [ratio(row["found"][OURS]["distance"], min(others(row).values())) for row in rows if others(row)]
    gaps = [ratio(row["found"][OURS]["distance"], row["bound"]) for row in rows]
    nearer, even = sum(r < 0.999 for r in ratios), sum(0.999 <= r <= 1.001 for r in ratios)
    over = f"over the bound {np.median(gaps):.3f} × in the median, {max(gaps):.3f} × at most"
    most = f"at most {max(ratios, default=np.nan):.4f} × its distance"
    return f"nearer than the best peer in {nearer} of {len(ratios)}, even (0.1 %) in {even}, {most}; {over}"


def beside(ours: str, who: str, rows: list[dict]) -> str:
    """Seconds of one of ours and of a peer in sum, and how often ours is the slower, and the farther by how much."""
    pairs = [(found[ours], found[who]) for found in rows]
    mine, theirs = (sum(entry["seconds"] for entry in side) for side in zip(*pairs, strict=True))
    slower = sum(one["seconds"] > other["seconds"] for one, other in pairs)
    far = max(max(one["distance"], NOTHING) / max(other["distance"], NOTHING) for one, other in pairs)
    return f"{ours} {mine:.4g}, {who} {theirs:.4g}; {ours} is slower in {slower}, at most {far:.3f} × as far"


def draw(found: dict) -> Figure:
    """Everyone's distance over the bound, case by case."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(14, 4.5), layout="constrained")
    for who in dict.fromkeys(who for row in found["rows"] for who in row["found"]):
        places = [k for k, row in enumerate(found["rows"]) if who in row["found"]]
        heights = [found["rows"][k]["found"][who]["distance"] / max(found["rows"][k]["bound"], 1e-12) for k in places]
        axes.plot(places, heights, "o" if who == OURS else "x" if who == QUICK else ".", label=who)
    axes.set_xticks(range(len(found["rows"])), [row["case"] for row in found["rows"]], rotation=90, fontsize=6)
    axes.set_ylabel("distance over the bound")
    axes.legend(fontsize=7)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="64,256,1024,4096")
    parser.add_argument("--fly", default="fly", metavar="CLONE", help="a clone of github.com/HazyResearch/fly")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    everyone = peers(arguments.fly)
    found: dict = {"cores": os.cpu_count(), "rows": []}
    for size in arguments.sizes.split(","):
        found["rows"] += measure(int(size), everyone)
        if arguments.json:
            arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    report(found, Console())


if __name__ == "__main__":
    main()
