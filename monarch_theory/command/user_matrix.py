"""Run inside the sandbox: turn NAME of a user's FILE.py into a dense matrix.

NAME may be an array, a function of no arguments that returns one, a `LinearOperator`, or a linear function of an array
(N, batch) → (outputs, batch), which is applied to the identity and therefore needs N.
"""

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["matrix"]


def matrix(address: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The matrix at FILE.py:NAME, spelled in UTF-8 bytes; `size` holds N, or 0 where it was not given."""
    path, _, name = bytes(address.astype(np.uint8)).decode().rpartition(":")
    sys.path.insert(0, str(Path(path).parent))
    names: Any = runpy.run_path(path)
    if name not in names:
        offered = sorted(key for key in names if not key.startswith("_"))
        raise NameError(f"{path} has no {name!r}; it defines {', '.join(offered) or 'nothing'}")
    value = names[name]
    if callable(value) and not hasattr(value, "matmat"):
        if int(size[0]):
            _refuse_nonlinear(value, name, int(size[0]))
            value = value(np.eye(int(size[0])))
        else:
            try:
                value = value()
            except TypeError as error:
                raise TypeError(f"{name} needs an argument; give --size N to apply it to the identity") from error
    if hasattr(value, "matmat"):
        value = value.matmat(np.eye(value.shape[1]))
    if hasattr(value, "dense"):
        value = value.dense()
    if hasattr(value, "detach"):
        value = value.detach()
    return np.asarray(value)


def _refuse_nonlinear(function: Any, name: str, size: int) -> None:
    """Rounding commutes with doubling and with a change of sign, so a linear function passes both without tolerance."""
    x = np.random.default_rng(0).standard_normal((size, 1))
    once, twice, back = (np.asarray(function(argument)) for argument in (x, 2 * x, -x))
    if not (np.array_equal(twice, 2 * once) and np.array_equal(back, -once)):
        raise ValueError(f"{name} is not linear: {name}(2x) is not 2·{name}(x), or {name}(−x) is not −{name}(x)")
