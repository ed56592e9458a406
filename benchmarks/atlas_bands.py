"""The atlas at N = 64, and how far its errors move with the seed of the random targets.

    python benchmarks/atlas_bands.py [--size 64] [--seeds 3] [--json FILE]

FILE is what `monarch atlas --size 64 --seeds 3 --json` prints: relative Frobenius errors of the nearest members found,
at the parameters of an order-2 Monarch matrix.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table


def cells(found: dict) -> dict[tuple[str, str], dict]:
    """(family, target) → cell, at equal parameters."""
    return {(cell["title"], cell["target"]): cell for cell in found["cells"] if cell["equal"] == "parameters"}


def names(found: dict) -> tuple[list[str], list[str]]:
    """Families and targets, in the order of the atlas."""
    families, targets = zip(*cells(found), strict=True)
    return list(dict.fromkeys(families)), list(dict.fromkeys(targets))


def told(cell: dict) -> str:
    """An error, or its band where seeds differ in two digits."""
    if cell["error"] is None:
        return "–"
    bound = "" if cell["least"] or cell["error"] < 1e-10 else "≤"
    least, largest = (f"{error:.2f}" for error in (min(cell["errors"]), max(cell["errors"])))
    return bound + (least if least == largest else f"{least}–{largest}")


def report(found: dict, console: Console) -> None:
    """The table, in two halves."""
    families, targets = names(found)
    half = (len(targets) + 1) // 2
    for here in (targets[:half], targets[half:]):
        table = Table("family", *here)
        for family in families:
            table.add_row(family, *(told(cells(found)[family, target]) for target in here))
        console.print(table)
    console.print(
        f"N = {found['n']}, at most {found['budget']} parameters; bands: least and largest of {found['seeds']} seeds "
        f"of the random targets; ≤ the least found, said of the first seed"
    )


def draw(found: dict) -> Figure:
    """A panel for each target that a seed changes: every family's mean, and its band."""
    from matplotlib import pyplot

    known, (families, targets) = cells(found), names(found)
    moving = [t for t in targets if any(len(known[f, t].get("errors", [])) > 1 for f in families)]
    figure, panels = pyplot.subplots(
        1, len(moving), figsize=(2.2 * len(moving) + 2, 5), layout="constrained", sharey=True, squeeze=False
    )
    for panel, target in zip(panels[0], moving, strict=True):
        for row, family in enumerate(families):
            if errors := known[family, target].get("errors"):
                panel.plot([min(errors), max(errors)], [row, row], color="C0")
                panel.plot(np.mean(errors), row, "o", color="C0", markersize=3)
        panel.set_xlim(-0.05, 1.05)
        panel.set_title(target)
    panels[0][0].set_yticks(range(len(families)), families, fontsize=7)
    panels[0][0].invert_yaxis()
    figure.supxlabel("relative error: mean, and least and largest over the seeds")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    wanted = ["atlas", "--size", str(given.size), "--seeds", str(given.seeds), "--json"]
    answer = subprocess.run([sys.executable, "-m", "monarch_theory.command", *wanted], capture_output=True, check=True)
    found = json.loads(answer.stdout)
    report(found, Console())
    if given.json:
        given.json.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
