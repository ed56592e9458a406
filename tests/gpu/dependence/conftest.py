"""Claims about every node of a graph, against what brute force sees there."""

import warnings

import numpy as np
import pytest
import torch
from torch import fx, nn
from torch.utils import _pytree as pytree

from monarch_gpu.dependence import proof
from monarch_gpu.dependence.interpret import Interpretation, name_of
from monarch_gpu.dependence.table import Value, plain
from monarch_gpu.dependence.tensors import as_array
from monarch_theory.leaks.dependence import sets
from monarch_theory.leaks.dependence.value import dependences

CHANGES = (0.0, 1.0, -2.5, -40.0)


class Watched(fx.Interpreter):
    """Every node's value, by node."""

    def run_all(self, inputs):
        self.seen = {}
        torch.manual_seed(0)
        with torch.no_grad():
            self.run(*[t.clone() if isinstance(t, torch.Tensor) else t for t in inputs])
        return self.seen

    def run_node(self, n):
        result = super().run_node(n)
        self.seen[n] = result
        return result


def arrays(value):
    parts = value if isinstance(value, list | tuple) else [value]
    return [as_array(p) if isinstance(p, torch.Tensor) else None for p in parts]


def question(module, args, axes, whole=False):
    if whole:  # all operators as they are written
        with torch.no_grad():
            program = torch.export.export(module, tuple(args), strict=False).run_decompositions({})
    else:
        program = proof.exported(module, tuple(args), {})
    tensors = pytree.tree_leaves(args)
    given = proof._checked_axes(tensors, axes)
    n = next(t.shape[a] for t, a in zip(tensors, given, strict=True) if isinstance(a, int))
    return proof.Question(program, tensors, given, n, "causal", lambda i, j: j <= i, None)


def placeholders(asked, rng):
    """Values for every placeholder: weights at random, the rest as it is; and which of them are inputs."""
    program, values, inputs = asked.program, [], []
    user = iter(pytree.tree_leaves(program.example_inputs))
    for index, (spec, abstract) in enumerate(
        zip(program.graph_signature.input_specs, asked._inputs(Interpretation(sets(asked.n))), strict=True)
    ):
        if spec.kind.name == "USER_INPUT":
            values.append(next(user))
            inputs.append(index)
            continue
        tensor = program.state_dict.get(spec.target, program.constants.get(spec.target))
        free = isinstance(abstract, Value) and not abstract.is_constant and tensor.is_floating_point()
        values.append(torch.from_numpy(rng.normal(size=tuple(tensor.shape))).to(tensor.dtype) if free else tensor)
    return values, inputs


def changed(tensor, axis, position, change, rng):
    result = tensor.clone()
    place = (slice(None),) * axis + (position,)
    if tensor.is_floating_point() or tensor.is_complex():
        result[place] = result[place] + change if change else torch.zeros_like(result[place])
    elif tensor.dtype == torch.bool:
        result[place] = ~result[place]
    else:
        result[place] = (result[place] + 1 + int(abs(change))) % 5
    return result


def moved(before, after):
    """Where runs (runs, …) differ from the one before (…), beyond rounding at the size of that run."""
    if before.dtype.kind not in "fc":
        return before != after
    with np.errstate(all="ignore"):
        finite = np.isfinite(before) & np.isfinite(after)
        sizes = np.where(finite, np.maximum(np.abs(before), np.abs(after)), 0.0)
        size = sizes.max(axis=tuple(range(1, after.ndim)), initial=1.0, keepdims=True)
        return finite & (np.abs(before - after) > 1e-9 * size)


class Experiment:
    """A graph run many times, one position of the inputs changed each time; and what the rules claim of it."""

    def __init__(self, module, args, axes, trials=1, seed=0, whole=False):
        rng = np.random.default_rng(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.asked = question(module, args, axes, whole)
        self.graph = self.asked.program.graph_module
        self.ops = {name_of(n.target) for n in self.graph.graph.nodes if isinstance(n.target, torch._ops.OpOverload)}
        self.trials = [self._trial(rng) for _ in range(trials)]

    def _trial(self, rng):
        values, inputs = placeholders(self.asked, rng)
        base, runs = Watched(self.graph).run_all(values), []
        for position in range(self.asked.n):
            for change in CHANGES:
                given = list(values)
                for place, axis in zip(inputs, self.asked.axes, strict=True):
                    if isinstance(axis, int):
                        given[place] = changed(values[place], axis, position, change, rng)
                runs.append((position, Watched(self.graph).run_all(given)))
        return base, runs

    def claims(self):
        """The abstract value of every node."""
        found, lattice = {}, sets(self.asked.n)
        Interpretation(lattice, visit=found.__setitem__).run(self.graph, self.asked._inputs(Interpretation(lattice)))
        return found

    def disagreements(self, within=""):
        """Nodes at which something moves, or is, that the claims exclude: by module path, what is wrong."""
        wrong = {}
        for node, claim in self.claims().items():
            if (within and path_of(node) != within) or "empty" in node.name:  # what memory happens to hold
                continue
            parts = [Claim(part) for part in (claim if isinstance(claim, list | tuple) else [claim])]
            for base, runs in self.trials:
                after = [(position, arrays(seen.get(node))) for position, seen in runs]
                for k, (part, b) in enumerate(zip(parts, arrays(base.get(node)), strict=False)):
                    if b is None:
                        continue
                    same = [(p, a[k]) for p, a in after if k < len(a) and a[k] is not None and a[k].shape == b.shape]
                    for found in part.wrong(b, same) if same else ():
                        wrong.setdefault(path_of(node), set()).add(f"{node.name}: {found}")
        return wrong

    def ending_nan(self, keeps):
        """Operators of nodes that `keeps` holds of, whose result is another number for a NaN among the inputs."""
        values, inputs = placeholders(self.asked, np.random.default_rng(0))
        base = Watched(self.graph).run_all(values)
        for place, axis in zip(inputs, self.asked.axes, strict=True):
            if values[place].is_floating_point():
                values[place] = values[place].clone()
                values[place].select(axis, 3)[..., 0] = torch.nan
        spoilt, wrong = Watched(self.graph).run_all(values), set()

        def lost(node):
            pairs = zip(arrays(base.get(node)), arrays(spoilt.get(node)), strict=True)
            attends = "attention" in str(node.target)  # which gives 0 to a row of NaN
            return all(
                b is None or ((a != a) | np.isclose(b, a, rtol=1e-9) | (attends & (a == 0))).all() for b, a in pairs
            )

        for node in self.graph.graph.nodes:
            if isinstance(node.target, torch._ops.OpOverload) and keeps(node) and all(map(lost, node.all_input_nodes)):
                wrong |= set() if lost(node) else {name_of(node.target)}
        return wrong


def path_of(node):
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    return stack[1][0] if len(stack) > 1 else stack[0][0] if stack else ""


class Claim:
    """What is claimed of one tensor, in full size."""

    def __init__(self, value):
        self.allowed = None
        if isinstance(value, Value):
            value = plain(value)
            shape = (*value.shape, value.lattice.positions)
            self.allowed = np.broadcast_to(value.lattice.members(dependences(value)), shape)
            self.known = np.broadcast_to(value.known, value.shape)
            self.values = np.broadcast_to(value.values, value.shape)[self.known]

    def wrong(self, before, runs):
        """What some runs show that the claim excludes, each the position that was changed, and the value then."""
        if self.allowed is None:
            return
        positions, after = [p for p, _ in runs], np.stack([a for _, a in runs])  # (runs, …)
        forbidden = ~np.moveaxis(self.allowed[..., positions], -1, 0)
        seen = (moved(before, after) & forbidden).reshape(len(runs), -1).any(axis=1)
        yield from (f"input {p} moves it" for p, moves in zip(positions, seen, strict=True) if moves)
        found = after[:, self.known]
        with np.errstate(all="ignore"):
            excluded = (found != found) & (self.values == self.values)  # a row that the data masks out is NaN
            same = np.isclose(found, self.values, rtol=1e-5, atol=1e-6, equal_nan=True)
        if not (same | excluded).all():
            yield "it is not what is known of it"


@pytest.fixture(scope="session")
def experiment():
    """Makes an `Experiment` of a module, its arguments and their sequence axes."""
    return Experiment


class Module(nn.Module):
    """A function with weights."""

    def __init__(self, function, **weights):
        super().__init__()
        self.function = function
        for name, weight in weights.items():
            if isinstance(weight, nn.Module):
                setattr(self, name, weight)
            elif isinstance(weight, nn.Parameter):
                self.register_parameter(name, weight)
            else:
                self.register_buffer(name, weight)

    def forward(self, *args):
        return self.function(self, *args)


@pytest.fixture(scope="session")
def module():
    """A module from a function of itself and its input, with weights and buffers by name."""
    return lambda function, **weights: Module(function, **weights).double()
