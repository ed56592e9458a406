"""
The rooms of the house
======================

Which part of the code imports which, read from the imports. Arrows only ever point down: nothing imports what stands on
it, and the reference never imports an implementation.
"""

import matplotlib.pyplot as plt
import rooms

from monarch_theory import pictures

arrows = rooms.arrows()
places = {}
for level, floor in enumerate(rooms.floors(arrows)):
    for package, side in (("monarch_theory", -1), ("monarch_gpu", 1)):
        here = [room for room in floor if room.startswith(package)]
        for k, room in enumerate(here):
            places[room] = side * 5.4 + (k - (len(here) - 1) / 2) * 2.1 + (0.3 if level % 2 else -0.3), level * 1.2

figure, axis = plt.subplots(figsize=(11, 6.5), layout="constrained")
for room, below in rooms.shortest(arrows).items():
    for other in below:
        style = {"arrowstyle": "->", "color": "0.6", "shrinkA": 9, "shrinkB": 9, "lw": 0.8}
        axis.annotate("", places[other], places[room], arrowprops=style)
for room, (x, y) in places.items():
    package, _, name = room.partition(".")
    colour = pictures.BLUE if package == "monarch_theory" else pictures.GOLD
    box = {"boxstyle": "round", "facecolor": "white", "edgecolor": colour}
    axis.text(x, y, name, ha="center", va="center", fontsize=9, color=pictures.INK, bbox=box)
axis.set(xlim=(-10.5, 10.5), ylim=(-0.7, max(y for _, y in places.values()) + 0.7))
axis.set_axis_off()
axis.set_title(
    "monarch_theory (blue) and monarch_gpu (gold): arrows are imports, those that follow from others left out"
)
