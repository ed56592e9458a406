"""
What a product costs
====================

Multiplications per entry of the vector, for equal radices. A dense matrix costs N, a Monarch matrix of order p costs
p·N^(1/p). The dots are counted, not estimated.
"""

from monarch_theory import pictures
from monarch_theory.monarch import identity_blocks

sizes = [2**k for k in (6, 12)]
figure, axis = pictures.subplots(figsize=(5.4, 3.2))
for order, colour in {1: pictures.INK, 2: pictures.BLUE, 3: pictures.GOLD, 6: pictures.RED}.items():
    counted = [identity_blocks((round(N ** (1 / order)),) * order).operations.multiplications / N for N in sizes]
    axis.loglog(sizes, counted, "o-", color=colour, label="dense" if order == 1 else f"order {order}", base=2)
axis.set(xlabel="N", ylabel="multiplications per entry")
axis.legend(frameon=False)
