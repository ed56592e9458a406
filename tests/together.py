"""Many functions in one graph: they are exported once, and each is judged by itself."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from monarch_gpu.dependence import proof
from monarch_gpu.dependence.interpret import Interpretation

__all__ = ["Cases", "Together"]


class Cases(nn.Module):
    """What each function gives for one input, by name."""

    def __init__(self, cases: Mapping[str, Callable[[Tensor], Any]]) -> None:
        super().__init__()
        self.cases = cases

    def forward(self, t: Tensor) -> dict[str, Any]:
        return {name: case(t) for name, case in self.cases.items()}


class Together:
    """All cases exported to one graph, of an input (1, n, …)."""

    def __init__(self, cases: Mapping[str, Callable[[Tensor], Any]], x: Tensor) -> None:
        self.cases, self.n = cases, x.shape[1]
        program = proof.exported(Cases(cases), (x,), {})
        self.question = proof.Question(program, [x], [1], self.n, "causal", lambda i, j: j <= i, None)

    def pairs(self, lattice: Any, supposing: bool = False) -> dict[str, tuple[int, int, int] | None]:
        """The first forbidden pair of every case, and the furthest input of that output; None where there is none."""
        asked, interpretation = self.question, Interpretation(lattice(self.n), supposing)
        graph = asked.program.graph_module
        found: dict[str, tuple[int, int, int] | None] = {}
        for label, value, axis in asked._outputs(interpretation.run(graph, asked._inputs(interpretation))):
            name = next(name for name in self.cases if f"{label}[".startswith(f"[{name!r}]["))
            if axis is not None:
                pair = asked._violation(lattice(self.n), proof._at_positions(value, axis))
                found[name] = found.get(name) or pair
        assert set(found) == set(self.cases)
        return found
