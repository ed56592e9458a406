"""`monarch causal FILE.py:NAME --exact`: a Monarch operator, decided by exact arithmetic, and its certificate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from monarch_theory.causality import MonarchOperator, Witness, decide
from monarch_theory.causality.decision import approximate
from monarch_theory.certificates import causality_certificate
from monarch_theory.command import user_operator
from monarch_theory.domains import Domain, PrimeField
from monarch_theory.leaks.callables import Report
from monarch_theory.leaks.cuts import Found
from monarch_theory.sandbox import Sandbox, SandboxError

__all__ = ["decide_file"]


def decide_file(
    path: str, name: str, n: int, *, seed: int, timeout: float, memory: float | None, certify: bool
) -> tuple[Report, dict[str, Any] | None]:
    """What is decided of the operator, and its certificate where one is wanted and the scalars allow it.

    Args:
        n: length of the signal; 0 for that of the operator, N/2 of a matrix.

    Raises:
        ValueError: there is no such operator, M0 is singular, or nothing certifies scalars of that kind.
    """
    operator = _read(path, name, n, seed, timeout, memory)
    certificate = causality_certificate(operator) if certify else None
    found = decide(operator, seed=seed, route="every filter" if certify else None)
    doubt = f", wrong with probability at most {found.error_probability:.1e}" if found.error_probability else ""
    report = Report(
        "causal" if found.causal else "not causal",
        f"exact{doubt}",
        str(found),
        witness=_found(found.witness, operator.domain),
        n=operator.n,
        shape=(operator.n,),
        dtype=str(operator.domain),
        seed=seed,
        method=f"exact arithmetic, by {found.route}",
        covered=f"every filter and signal, N = {operator.size}",
    )
    return report, certificate


def _found(witness: Witness | None, domain: Domain) -> Found | None:
    """The leaking pair; in a prime field, where nothing is large or small, what is not zero has size one."""
    if witness is None:
        return None
    size = 1.0 if isinstance(domain, PrimeField) else approximate(witness.value)
    return Found(witness.output, witness.input, size, 0.0, 1.0, kind=f"filter {witness.filter}")


def _read(path: str, name: str, n: int, seed: int, timeout: float, memory: float | None) -> MonarchOperator:
    if not Path(path).is_file():
        raise ValueError(f"{path}: no such file")
    address = np.frombuffer(f"{Path(path).resolve()}:{name}".encode(), np.uint8)
    try:
        with Sandbox(user_operator.__file__, "operator", timeout=timeout, memory=memory, seed=seed) as sandbox:
            sandbox.load()
            answer = sandbox.evaluate(address, np.array([n]))[0]
    except SandboxError as error:
        # the sandbox quotes the line of our own loader, which tells the user nothing
        raise ValueError(f"{path}:{name}: {error.outcome.value}: {error.message.partition(' (line ')[0]}") from error
    return user_operator.unspelled(json.loads(answer.tobytes()))
