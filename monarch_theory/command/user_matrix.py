"""Run inside the sandbox: turn NAME of a user's FILE.py into a dense matrix.

NAME may be an array, a sparse matrix, a `LinearOperator`, a matrix of exact rationals, a function of no arguments that
returns one of these, or a linear function of an array (N, batch) → (outputs, batch), which is applied to the identity
and therefore needs N. What is too large for that is multiplied by, and never made dense.
"""

import json
import runpy
import sys
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from monarch_theory.domains import RATIONALS, PrimeField
from monarch_theory.expressivity.matrices import check_linear, read_matrix, settled
from monarch_theory.formats import numpy_lacks

__all__ = ["ADJOINT", "OPERATOR", "READ", "SPARSE", "matrix", "multiply"]

READ, OPERATOR, SPARSE = 1, 2, 4
"""How many arrays answer: a matrix, an operator by its shape, a sparse matrix by shape, rows, columns and entries."""
ADJOINT = 1


def matrix(address: np.ndarray, size: np.ndarray) -> Any:
    """The matrix at FILE.py:NAME, spelled in UTF-8 bytes.

    Exact entries come as the UTF-8 bytes of a JSON list of rows of strings "p/q"; bfloat16 comes as torch's tensor. An
    operator or a sparse matrix of more entries than may be made dense comes as `OPERATOR` or `SPARSE` arrays.

    Args:
        address: of what is asked for.
        size: N, or 0 where it was not given; the entries up to which all is made dense, 0 for no limit.
    """
    n, limit = (int(number) for number in size)
    value, name = _named(bytes(address.astype(np.uint8)), n)
    if limit and sparse.issparse(value) and value.ndim == 2 and prod(value.shape) > limit:
        found = sparse.coo_array(value)
        return np.array(found.shape), *(side.astype(np.int64) for side in found.coords), found.data
    if limit and hasattr(value, "matmat") and prod(value.shape) > limit:
        check_linear(value.matmat, value.shape[1], name, dtype=getattr(value, "dtype", None))
        return np.array(value.shape), np.array([_has_adjoint(value)])
    if callable(value) and not hasattr(value, "matmat"):
        rows = len(value(np.zeros((n, 1)))) if limit and n * n > limit else 0
        if rows * n > limit > 0:
            check_linear(value, n, name)
            return np.array([rows, n]), np.array([False])
        value = _apply(value, name, n)
    return _dense(value, name)


def multiply(address: np.ndarray, size: np.ndarray, x: np.ndarray) -> Any:
    """The operator, or function, that `matrix` answered for, times x, shape (inputs, batch).

    Args:
        address: of the operator.
        size: N, or 0; `ADJOINT` for its adjoint instead, 0 otherwise.
        x: in double precision.
    """
    n, which = (int(number) for number in size)
    value, _ = _named(bytes(address.astype(np.uint8)), n)
    if not hasattr(value, "matmat"):
        return value(x)
    return value.rmatmat(x) if which == ADJOINT else value.matmat(x)


@cache
def _named(address: bytes, n: int) -> tuple[Any, str]:
    """What NAME is, and NAME: an array, an operator, or with a size a function."""
    path, _, name = address.decode().rpartition(":")
    sys.path.insert(0, str(Path(path).parent))
    names: Any = runpy.run_path(path)
    if name not in names:
        offered = sorted(key for key in names if not key.startswith("_"))
        raise NameError(f"{path} has no {name!r}; it defines {', '.join(offered) or 'nothing'}")
    value = names[name]
    if hasattr(value, "weight") and not hasattr(value, "shape"):  # a layer is its weight
        value = value.weight
    if callable(value) and not hasattr(value, "matmat"):
        return (value if n else _build(value, name)), name
    if n:
        raise ValueError(f"--size: expected none, as {name} is a matrix and not a function, got {n}")
    return value, name


def _has_adjoint(operator: Any) -> bool:
    try:
        operator.rmatmat(np.zeros((operator.shape[0], 1)))
    except (NotImplementedError, TypeError, AttributeError):  # SciPy calls what is not there
        return False
    return True


def _build(function: Any, name: str) -> Any:
    try:
        return function()
    except TypeError as error:
        raise TypeError(f"{name} needs an argument; give --size N to apply it to the identity") from error


def _dense(value: Any, name: str) -> Any:
    if isinstance(getattr(value, "domain", None), PrimeField):
        raise TypeError(f"{name}: expected entries with a distance, got {value.domain}: ask `membership.membership_of`")
    if hasattr(value, "matmat"):
        check_linear(value.matmat, value.shape[1], name, dtype=getattr(value, "dtype", None))
        value = value.matmat(np.eye(value.shape[1], dtype=getattr(value, "dtype", None)))
    for method in ("dense", "toarray"):
        if hasattr(value, method):
            value = getattr(value, method)()
    if hasattr(value, "detach"):
        value = settled(value, name)
    if np.ma.is_masked(value):
        raise ValueError(f"{name}: expected no masked entries, got {np.ma.count_masked(value)} of {value.size}")
    library, _, dtype = str(getattr(value, "dtype", "")).rpartition(".")
    if library == "torch" and numpy_lacks(dtype) and value.ndim == 2:
        return value
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name}: expected a matrix of numbers, got {error}") from error
    if array.dtype.kind not in "biufcO" or value is None:
        raise TypeError(f"{name}: expected a matrix of numbers, got {type(value).__name__}")
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name}: expected a matrix with rows and columns, got shape {array.shape}")
    return _spelled(array, name) if array.dtype.kind == "O" else array


def _spelled(array: np.ndarray, name: str) -> np.ndarray:
    exact = read_matrix(array, name=name).entries  # refuses rounded numbers among exact ones
    rows = [[str(entry) for entry in row] for row in RATIONALS.array(exact, name=name)]
    return np.frombuffer(json.dumps(rows).encode(), np.uint8)


def _apply(function: Any, name: str, size: int) -> Any:
    """The function at the identity, once it has shown that it is linear and works on every column by itself."""
    check_linear(function, size, name)
    return function(np.eye(size))
