"""The atlas as one picture: errors at equal parameters and at equal FLOPs, and how they fall with parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from monarch_theory.expressivity.atlas import COSTS, Atlas, Cost

__all__ = ["draw"]


def draw(found: Atlas, path: str) -> None:
    """Write the picture to `path`, in the format of its suffix.

    Raises:
        ValueError: a suffix that Matplotlib does not know.
        OSError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    count = len(found.targets)
    figure = pyplot.figure(figsize=(max(2.7 * count, 10), 12), layout="constrained")
    parts: Any = figure.subfigures(2, 1, height_ratios=[1.3, 1])  # an array of two, which its type does not say
    upper, lower = parts
    for panel, cost in zip(upper.subplots(1, 2, sharey=True), COSTS, strict=True):
        _table(panel, found, cost)
    panels = lower.subplots(1, count, sharey=True, squeeze=False)[0]
    for panel, target in zip(panels, found.targets, strict=True):
        _curves(panel, found, target, pyplot.get_cmap("tab10"))
    panels[0].set_ylabel("relative error")
    lines = {line.get_label(): line for panel in panels for line in panel.get_lines() if line.get_marker() == "o"}
    lower.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=5, frameon=False)
    figure.suptitle(f"Structured matrices of size {found.n}: relative Frobenius error, measured")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _table(panel: Any, found: Atlas, cost: Cost) -> None:
    best = [[found.best(target, name, cost) for target in found.targets] for name, _ in found.families]
    errors = np.array([[np.nan if entry is None else entry.error for entry in row] for row in best])
    panel.imshow(errors, vmin=0, vmax=1, cmap="YlOrRd", aspect="auto")
    for (row, column), error in np.ndenumerate(errors):
        text = "–" if np.isnan(error) else "0" if error < 1e-10 else f"{error:.2f}"
        band = found.errors(found.targets[column], found.families[row][0], cost)
        if band and f"{min(band):.2f}" != f"{max(band):.2f}":
            text = f"{min(band):.2f}–{max(band):.2f}"
        panel.text(column, row, text, ha="center", va="center", color="white" if error > 0.7 else "black")
    panel.set_xticks(range(len(found.targets)), found.targets, rotation=20)
    panel.set_yticks(range(len(found.families)), [title for _, title in found.families])
    panel.set_title(f"at most {found.budget} {cost}, as an order-2 Monarch")


def _curves(panel: Any, found: Atlas, target: str, colours: Any) -> None:
    for index, (name, title) in enumerate(found.families):
        points = found.frontier(target, name, "parameters")
        if points:
            costs, errors = zip(*points, strict=True)
            style = {"color": colours(index % colours.N), "linestyle": ("-", "--", ":")[index // colours.N % 3]}
            panel.step(costs, errors, where="post", marker="o", markersize=3, label=title, **style)
    panel.axvline(found.budget, color="black", linewidth=0.8, linestyle=":")
    panel.set_xscale("log", base=2)
    panel.set_ylim(-0.03, 1.05)
    panel.set_xlabel("parameters")
    panel.set_title(target)
