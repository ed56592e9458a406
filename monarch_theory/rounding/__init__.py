"""Error models: how far a right kernel may be from the exact answer, element by element.

Model of arithmetic. A format with precision p rounds to nearest, fl(a ∘ b) = (a ∘ b)(1 + δ) + ε with |δ| ≤ u = 2^−p and
|ε| ≤ η, one of δ, ε zero (Higham, *Accuracy and Stability*, 2nd ed., §2.1); η is the smallest normal number, because
vector units flush subnormals, and the smallest subnormal for float16, which none of them flushes. Products are
accumulated in *any* order, with or without fused multiply–add, so a bound fits every blocking and every tree.

**Deterministic.** A sum of n products passes each term through at most n roundings, so

    |fl(Σ a_i x_i) − Σ a_i x_i| ≤ γ_n Σ |a_i| |x_i| + n η,   γ_n = (1 + u)^n − 1 ≤ n u / (1 − n u)   (Higham, §3.1).

It holds always: a kernel outside it does not compute the sum in the format it claims.

**Probabilistic.** If rounding errors are mean independent with mean zero, then with probability at least 1 − `failure`
γ_n may be replaced by γ̃_n = exp(λ √n u + n u²/(1 − u)) − 1, where λ = √(2 ln(2n / failure)) / (1 − u)
(Higham & Mary, *A new approach to probabilistic rounding error analysis*, SISC 41, 2019, Theorems 2.4 and 3.1;
`proofs/rounding_in_probability`, where neither independence nor the 1 − u of λ is needed). It is sharper from
n ≈ λ² on; below, the deterministic bound is the smaller and is what `ErrorModel.growth` returns.

**Exact.** Multiples of 2^g below 2^(p+g) are all representable. Where Σ |a_i| |x_i| stays below that, nothing is
rounded whatever the order, and the bound is zero: small integers must come out exactly right.

Complex numbers are pairs: a sum of n complex products is, per component, a sum of 2n real ones, which gives √2 γ_2n in
modulus. Kernels that form complex products with three multiplications, or multiply by Strassen's recursion, are within
the claim `normwise` alone; those that multiply TF32 operands, once or compensated (3xTF32), within `operands`; what is
rounded stochastically when stored, within `rounding`.

**In norm.** Transforms and convolutions are held to a bound on the norm of the errors of a whole row besides, which is
sharper: see `transforms`.
"""

from monarch_theory.formats import (
    BFLOAT16,
    FLOAT16,
    FLOAT32,
    FLOAT64,
    NAMES,
    TF32,
    Format,
    faithful,
    format_of,
    round_to,
    unit_roundoff,
)
from monarch_theory.rounding.functions import (
    centred,
    cosine,
    divide,
    entropy_term,
    exponential,
    gelu,
    gelu_slope,
    maximum,
    sigmoid,
    silu,
    silu_slope,
    sine,
    softmax,
    square_root,
    subtract,
    total,
    variance,
)
from monarch_theory.rounding.model import (
    ALGORITHMS,
    OPERANDS,
    ROUNDINGS,
    ErrorModel,
    default_model,
    failure_per_product,
    gamma,
    probabilistic_gamma,
    three_products_growth,
)
from monarch_theory.rounding.products import monarch_multiply_bound, monarch_running
from monarch_theory.rounding.running import (
    BOUND_SLACK,
    Running,
    add,
    contraction,
    exactly,
    grain_of,
    matmul,
    matmul_bound,
    multiply,
    store,
    strassen_growth,
    strassen_underflow,
)
from monarch_theory.rounding.tracking import Tracked, tracked
from monarch_theory.rounding.transforms import (
    any_fourier_growth,
    any_fourier_growth_in_norm,
    convolution_bound,
    convolution_bound_in_norm,
    correlation_gradient_bound,
    correlation_gradient_bound_in_norm,
    fourier_bound,
    fourier_bound_in_norm,
    fourier_growth,
    fourier_growth_in_norm,
    largest_response,
    random_errors_in_norm,
)

__all__ = [
    "ALGORITHMS",
    "BFLOAT16",
    "BOUND_SLACK",
    "FLOAT16",
    "FLOAT32",
    "FLOAT64",
    "NAMES",
    "OPERANDS",
    "ROUNDINGS",
    "TF32",
    "ErrorModel",
    "Format",
    "Running",
    "Tracked",
    "add",
    "any_fourier_growth",
    "any_fourier_growth_in_norm",
    "centred",
    "contraction",
    "convolution_bound",
    "convolution_bound_in_norm",
    "correlation_gradient_bound",
    "correlation_gradient_bound_in_norm",
    "cosine",
    "default_model",
    "divide",
    "entropy_term",
    "exactly",
    "exponential",
    "failure_per_product",
    "faithful",
    "format_of",
    "fourier_bound",
    "fourier_bound_in_norm",
    "fourier_growth",
    "fourier_growth_in_norm",
    "gamma",
    "gelu",
    "gelu_slope",
    "grain_of",
    "largest_response",
    "matmul",
    "matmul_bound",
    "maximum",
    "monarch_multiply_bound",
    "monarch_running",
    "multiply",
    "probabilistic_gamma",
    "random_errors_in_norm",
    "round_to",
    "sigmoid",
    "silu",
    "silu_slope",
    "sine",
    "softmax",
    "square_root",
    "store",
    "strassen_growth",
    "strassen_underflow",
    "subtract",
    "three_products_growth",
    "total",
    "tracked",
    "unit_roundoff",
    "variance",
]
