"""A picture of who sees whom: strength of the response of output blocks to input blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from monarch_theory.leaks.inputs import Inputs
from monarch_theory.leaks.outputs import Outputs, difference

__all__ = ["HeatMap", "heat_map"]

SHADES = " .:-=+*#%@"


@dataclass(frozen=True)
class HeatMap:
    """strength[a, b] = largest change of the outputs in block a when the inputs in block b change, over `edges`."""

    strength: np.ndarray
    edges: tuple[int, ...]

    def text(self, decades: float = 16.0) -> str:
        """Outputs downwards, inputs to the right, darker is stronger on a logarithmic scale; the future is right of |.

        >>> print(HeatMap(np.array([[1, 1e-9], [1, 1]]), (0, 1, 2)).text())
        @|=
        @@|
        """
        rows = []
        for a, row in enumerate(self._shades(decades)):
            marks = [SHADES[s] for s in row]
            rows.append("".join(marks[: a + 1]) + "|" + "".join(marks[a + 1 :]))
        return "\n".join(r.rstrip() for r in rows)

    def _shades(self, decades: float) -> np.ndarray:
        top = self.strength.max() or 1.0
        with np.errstate(divide="ignore"):
            level = 1 + np.log10(self.strength / top) / decades
        last = len(SHADES) - 1
        return np.where(self.strength > 0, np.clip(np.ceil(level * last), 1, last), 0).astype(int)

    def png(self, path: str | Path, title: str = "") -> None:
        """The same as a picture; zero is white, the diagonal is drawn."""
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
        from matplotlib.colors import LogNorm

        top = float(self.strength.max()) or 1.0
        figure, axes = pyplot.subplots(figsize=(6, 5), layout="constrained")
        shown = np.ma.masked_less_equal(self.strength, 0)
        image = axes.pcolormesh(self.edges, self.edges, shown, norm=LogNorm(top * 1e-16, top), cmap="viridis")
        axes.plot([0, self.edges[-1]], [0, self.edges[-1]], color="red", linewidth=0.8)
        axes.set(xlabel="input j", ylabel="output i", title=title, aspect="equal")
        axes.invert_yaxis()
        figure.colorbar(image, label="largest change of output")
        figure.savefig(path, dpi=150)
        pyplot.close(figure)


def heat_map(observe: Callable[[np.ndarray], Outputs], inputs: Inputs, size: int) -> HeatMap:
    """Change one block of inputs at a time; `size` blocks, or n where that is fewer."""
    edges = np.linspace(0, inputs.n, min(size, inputs.n) + 1).round().astype(int)
    base, donor = inputs.draw(0)
    y = observe(base)
    columns = []
    for start, stop in pairwise(edges):
        moved = difference(y, observe(inputs.splice(base, donor, int(start), int(stop)))).max(axis=1)
        columns.append(np.maximum.reduceat(moved, edges[:-1]))
    return HeatMap(np.stack(columns, axis=1), tuple(int(e) for e in edges))
