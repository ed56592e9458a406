"""Operators in a user's FILE.py that are too large to be made dense: asked for products, in a process of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.sparse.linalg import LinearOperator

from monarch_theory.command import user_matrix
from monarch_theory.command.user_matrix import ADJOINT
from monarch_theory.domains import FLOAT64
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.examination import Examination
from monarch_theory.expressivity.membership import Membership
from monarch_theory.expressivity.operators import operator_membership_of
from monarch_theory.sandbox import Sandbox

__all__ = ["FarOperator", "examine_operator"]


@dataclass(frozen=True)
class FarOperator:
    """An operator at FILE.py:NAME.

    Attributes:
        path, called: where it is.
        shape: (outputs, inputs).
        adjoint: whether it multiplies by its adjoint as well.
        size: inputs of a function, 0 for an operator.
        seed, timeout, memory: of the process that runs it.
    """

    path: Path
    called: str
    shape: tuple[int, int]
    adjoint: bool
    size: int
    seed: int
    timeout: float
    memory: float | None

    @property
    def name(self) -> str:
        """As it was asked for."""
        return f"{self.path}:{self.called}"

    @property
    def address(self) -> np.ndarray:
        """FILE.py:NAME, as `user_matrix` takes it."""
        return np.frombuffer(f"{self.path.resolve()}:{self.called}".encode(), np.uint8)


@contextmanager
def _running(operator: FarOperator) -> Iterator[LinearOperator]:
    """The operator, as long as its process runs."""
    limits = {"timeout": operator.timeout, "memory": operator.memory, "seed": operator.seed}
    with Sandbox(user_matrix.__file__, "multiply", **limits) as sandbox:  # type: ignore[arg-type]
        sandbox.load()

        def product(x: np.ndarray, which: int = 0) -> np.ndarray:
            size = np.array([operator.size, which])
            return sandbox.evaluate(operator.address, size, np.ascontiguousarray(x), may_write=True)[0]

        def adjoint(x: np.ndarray) -> np.ndarray:
            if not operator.adjoint:
                raise NotImplementedError
            return product(x, ADJOINT)

        # asked with real numbers; whether it is linear over its own scalars, `user_matrix.matrix` has seen
        yield LinearOperator(operator.shape, matvec=None, matmat=product, rmatmat=adjoint, dtype=FLOAT64.dtype)


def examine_operator(operator: FarOperator, kind: MonarchClass, accuracy: float, seed: int) -> Examination:
    """`examine_monarch` of an operator and a class of order 2, by products alone; measured.

    Raises:
        ValueError: as `operator_membership_of`.
    """
    with _running(operator) as linear:
        found = operator_membership_of(linear, kind, accuracy=accuracy, seed=seed, name=operator.name)
    convention = kind.convention.name.lower().replace("_", "-")
    return Examination(
        found.member,
        "measured",
        found.distance,
        found.floor,
        accuracy,
        accuracy,
        kind.parameters,
        "heuristic",
        f"order 2, radices {kind.input_radices}, {convention} ({kind.convention.value}), rank {kind.rank}",
        f"of this class (wrong with probability {found.failure:.0e} at most)",
        None,
        Membership(found.member, "measured", kind, found.train, threshold=accuracy, limit=accuracy),
        products=found.products,
    )
