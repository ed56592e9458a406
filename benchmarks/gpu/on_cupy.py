"""The operators of CuPy on the first GPU, as `monarch check` calls them with arrays of NumPy."""

from collections.abc import Callable
from typing import Any

import cupy
import numpy as np

from monarch_gpu.ops import cupy as ops


def there(op: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """The op, its arrays copied to the device before and its result copied back."""

    def kernel(*arrays: np.ndarray, **options: Any) -> np.ndarray:
        return cupy.asnumpy(op(*(cupy.asarray(a) for a in arrays), **options))

    return kernel


multiply = there(ops.monarch_multiply)
dft = there(ops.monarch_dft)
convolution = there(ops.long_convolution)
causal = there(ops.causal_monarch)
