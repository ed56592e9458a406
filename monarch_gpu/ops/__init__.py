"""One set of primitives, the same names and meanings in every backend: `torch`, `triton`, `cupy` (and NumPy).

    from monarch_gpu.ops import torch as ops        # or cupy, which runs on NumPy arrays unchanged; or triton
    y = ops.monarch_multiply(x, *factors)

| primitive | what it computes |
| --- | --- |
| `block_diagonal_multiply(x, blocks)` | diag(B_0, B_1, …) x |
| `monarch_multiply(x, *factors)` | M x, any order, mixed radix, rectangular blocks, three conventions |
| `monarch_dft(x, radices)` | the DFT, exp(−2πi ij/N), in stages of the given radices; natural order in and out |
| `inverse_monarch_dft(x, radices)` | its inverse, 1/N included |
| `long_convolution(u, k, gate, skip)` | gate ⊙ (k ∗ v + skip ⊙ v), v = pre_gate ⊙ u, by the Monarch DFT |
| `causal_monarch(u, k, *factors)` | (M⁻¹(M[k; 0] ⊙ M[u; 0]))[:n], given the factors of M and of M⁻¹ |

Factors, digits and conventions are those of `monarch_theory.monarch`. The index runs along `axis`, by default the last,
and every other axis is batch. `axis=0` is the layout that needs no transposition: sequence first, batch innermost.
Nothing is cast or broadcast silently: operands that differ in dtype or device are refused by name.
"""
