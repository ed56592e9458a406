"""
The DFT as two block-diagonal matrices
======================================

The hue of an entry is its phase. Sixteen by sixteen roots of unity, from two factors of four 4 × 4 blocks each.
"""

from monarch_theory import pictures
from monarch_theory.fourier_matrix import fourier

pictures.factors(fourier((4, 4)), height=3)
