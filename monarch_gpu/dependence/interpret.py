"""A graph of ATen operators, interpreted over abstract values: node by node, each by its row of the table."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import fx

from monarch_gpu.dependence.entries import Place, Supposition, described, is_wide
from monarch_gpu.dependence.flexible import attend
from monarch_gpu.dependence.table import RANDOM, RULES, Call, NoRuleError, Value, plain
from monarch_gpu.dependence.tensors import as_array, as_tensor, laid_out
from monarch_theory.leaks.dependence import Dependence, Lattice, constant, source
from monarch_theory.leaks.dependence.bounds import of_format, suppose
from monarch_theory.leaks.dependence.mixing import everything
from monarch_theory.leaks.dependence.pointwise import choose
from monarch_theory.leaks.dependence.spectrum import Spectrum
from monarch_theory.leaks.dependence.value import bounded

__all__ = ["IGNORED", "IN_MEMORY", "PURE", "Interpretation", "Visit", "draws", "has_unknown_sizes", "name_of", "walked"]

IGNORED = {
    "_assert_tensor_metadata", "_assert_async", "_assert_scalar", "sym_constrain_range", "_functional_assert_async",
    "sym_constrain_range_for_size",
}  # fmt: skip
PURE = ("aten", "prims", "monarch")
"""Operators that depend on nothing but their arguments, so that what is known can be run."""

IN_MEMORY = {"as_strided"}
"""Operators of what lies in memory, of which only what a tensor shows is known: more may lie there."""

SIGNED = {"signbit", "copysign", "atan2", "angle", "view.dtype"}
"""Operators that tell −0 from 0."""
CUT = {
    "sqrt", "rsqrt", "log", "log2", "log10", "log1p", "pow", "float_power", "asin", "acos", "atan", "asinh", "acosh",
    "atanh",
}  # fmt: skip
"""Those that do so of complex numbers, at their branch cuts."""
ABSORBING = {
    "mul", "div", "true_divide", "mm", "bmm", "matmul", "mv", "dot", "addmm", "baddbmm", "addmv", "convolution",
    "scaled_dot_product_attention",
}  # fmt: skip
"""Operators in which a zero decides alone, but for the sign of the zero that comes out."""

Visit = Callable[[fx.Node, Any], None]


def name_of(op: Any) -> str:
    """`add` of `aten::add.Tensor`, `monarch::fourier` of an operator of another namespace."""
    namespace, _, name = op._schema.name.partition("::")
    return name if namespace == "aten" else op._schema.name


def draws(op: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> bool:
    """Whether an operator draws random numbers: attention does with a dropout that is not 0 alone."""
    names = [a.name for a in op._schema.arguments]
    if "dropout_p" in names:
        place = names.index("dropout_p")
        given = args[place] if place < len(args) else kwargs.get("dropout_p", 0.0)
        return bool(given != 0.0)
    return name_of(op) in RANDOM or torch.Tag.nondeterministic_seeded in op.tags


def walked(
    module: fx.GraphModule,
    inputs: Sequence[Any],
    held: Callable[[torch.Tensor], Any],
    call: Callable[[fx.Node, dict[fx.Node, Any]], Any],
    visit: Visit,
) -> Any:
    """The outputs of one pass over a graph, as it returns them; values are dropped where they are not used any more.

    Args:
        held: the value of a tensor that the module holds; call: that of a node, given the values there are.
        visit: called with every node and its value, in order.
    """
    values: dict[fx.Node, Any] = {}
    placeholders = iter(inputs)
    last_use = {n: user for user in module.graph.nodes for n in user.all_input_nodes}
    for node in module.graph.nodes:
        if node.op == "placeholder":
            values[node] = next(placeholders)
        elif node.op == "get_attr":
            target: Any = module
            for part in str(node.target).split("."):
                target = getattr(target, part)
            values[node] = held(target) if isinstance(target, torch.Tensor) else target
        elif node.op == "output":
            return fx.map_arg(node.args[0], lambda n: values[n])
        else:
            values[node] = call(node, values)
        visit(node, values[node])
        for used in node.all_input_nodes:
            if last_use[used] is node:
                del values[used]
    raise ValueError("graph: expected an output, got none")


@dataclass
class Interpretation:
    """One pass over a graph.

    Args:
        supposing: whether scores that meet a mask of finite values are supposed to stay within a bound.
        visit: called with every node and its value, in order.
        by_format: whether, in place of what would be supposed, finite numbers are no larger than the largest of their
            format: what overflows is excluded in any case.

    Attributes:
        without_rule: operators that were taken to depend on everything, and why.
        random: operators that draw random numbers.
        suppositions: what was supposed.
        free: nodes that not only constants lead to. unsigned: whether a zero decided alone so far, so that what is
            known to be zero may be −0 or 0 as the data say. hidden: nodes that may read what no operand's value shows.
    """

    lattice: Lattice
    supposing: bool = False
    visit: Visit = lambda node, value: None
    by_format: bool = False
    without_rule: dict[str, str] = field(default_factory=dict)
    random: set[str] = field(default_factory=set)
    suppositions: list[Supposition] = field(default_factory=list)
    free: set[fx.Node] = field(default_factory=set)
    unsigned: bool = False
    hidden: set[fx.Node] = field(default_factory=set)

    def run(self, module: fx.GraphModule, inputs: Sequence[Any]) -> Any:
        """The outputs, as the graph returns them."""
        placeholders = module.graph.find_nodes(op="placeholder")
        self.free |= {n for n, v in zip(placeholders, inputs, strict=True) if isinstance(v, Value) and not _known(v)}
        return walked(module, inputs, self.constant, self._call, self.visit)

    def constant(self, tensor: torch.Tensor) -> Dependence:
        """A tensor of which every element is known."""
        return constant(self.lattice, as_array(tensor))

    def _call(self, node: fx.Node, values: dict[fx.Node, Any]) -> Any:
        args: Any = fx.map_arg(node.args, lambda n: values[n])
        kwargs: Any = fx.map_arg(node.kwargs, lambda n: values[n])
        if any(n in self.free for n in node.all_input_nodes):
            self.free.add(node)
        if node.target is operator.getitem:
            return args[0][args[1]]
        if isinstance(node.target, torch._ops.HigherOrderOperator):
            return self._higher_order(node, args, kwargs)
        if not isinstance(node.target, torch._ops.OpOverload):
            if _tensors((*args, *kwargs.values())):
                return self._unknown(node, str(node.target), "not an operator of tensors", args, kwargs)
            return node.target(*args, **kwargs)  # type: ignore[operator]
        name = name_of(node.target)
        if name in IGNORED:
            return None
        if node in self.free:
            if self.unsigned and _tells_signs(node, name):
                return self._unknown(node, name, "the sign of a zero", args, kwargs, hidden=True)
            self.unsigned |= _absorbs(name, _tensors((*args, *kwargs.values())), args)
        if draws(node.target, args, kwargs):
            self.random.add(name)
        elif self._runs(node.target, name, args) and self._all_known(args, kwargs):
            return self._run(node, args, kwargs)
        call = self._described(node, args, kwargs)
        if _has_numbers_of_data(node, values):
            return self._unknown(node, name, "a number that depends on the data", args, kwargs)
        if name not in RULES:
            return self._unknown(node, name, "no rule", args, kwargs)
        try:
            result = _fitting(node, call, RULES[name](call))
        except (NoRuleError, RuntimeError) as reason:  # torch refuses to move numbers of elements as it moves these
            return self._unknown(node, name, _first_line(reason), args, kwargs, hidden=name in IN_MEMORY)
        return _of_formats(node, call, result) if self.by_format else result

    def _described(self, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
        def meta(a: Any) -> Any:
            if isinstance(a, list | tuple):
                return [meta(b) for b in a]
            return a.meta.get("val") if isinstance(a, fx.Node) else None

        found: dict[int | str, Any] = {k: meta(a) for k, a in enumerate(node.args)}
        found |= {k: meta(a) for k, a in node.kwargs.items()}
        supposed = partial(self._supposed, node) if self.supposing else _as_it_is if self.by_format else None
        return Call(self.lattice, node.target, args, kwargs, found, _outputs(node), supposed)

    def _supposed(self, node: fx.Node, value: Dependence, bound: float, place: Place) -> Dependence:
        self.suppositions.append(Supposition(node, place, bound))
        return suppose(value, bound, described(node).place)

    def _runs(self, op: Any, name: str, args: Sequence[Any]) -> bool:
        """Whether what is known is run: not a transform, which is kept as the signal it is of, whose zeros count."""
        forward = name == "_fft_r2c" or (name == "_fft_c2c" and bool(args[3]))
        return op.namespace in PURE and name not in IN_MEMORY and not forward

    def _all_known(self, args: Any, kwargs: Any) -> bool:
        return all(isinstance(v, Dependence) and v.is_constant for v in _tensors((*args, *kwargs.values())))

    def _run(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        """The operator itself, on tensors that are all known."""
        dtypes = fx.map_arg((node.args, node.kwargs), lambda n: n.meta["val"])

        def real(value: Any, like: Any) -> Any:
            if isinstance(value, Dependence):
                return laid_out(as_tensor(value.array, like.dtype), like)
            if isinstance(value, list | tuple):
                return [real(v, d) for v, d in zip(value, like, strict=True)]
            return value

        given = [real(a, d) for a, d in zip(args, dtypes[0], strict=True)]
        named = {k: real(a, dtypes[1][k]) for k, a in kwargs.items()}
        if "device" in named:
            named["device"] = torch.device("cpu")
        with torch.no_grad():
            result = node.target(*given, **named)  # type: ignore[operator]
        if isinstance(result, list | tuple):
            return [self.constant(r) if isinstance(r, torch.Tensor) else r for r in result]
        return self.constant(result) if isinstance(result, torch.Tensor) else result

    def _unknown(self, node: fx.Node, name: str, why: str, args: Any, kwargs: Any, hidden: bool = False) -> Any:
        """What depends on everything in the operands; on all inputs, where it may read what is hidden in these."""
        self.without_rule.setdefault(name, why)
        operands = [plain(v) for v in _tensors((*args, *kwargs.values()))]
        if hidden:
            self.hidden.add(node)
            operands.append(source(self.lattice, (self.lattice.positions,), 0))
        shapes = [shape for shape, _ in _outputs(node)]
        if not operands:
            operands = [constant(self.lattice, np.zeros(()))]
        if not shapes and node.meta.get("val") is not None:  # a number that depends on the data
            return everything(operands, ())
        found = node.meta.get("val")
        if isinstance(found, list | tuple):  # of which some may be none, as of operators that only write
            return [everything(operands, v.shape) if isinstance(v, torch.Tensor) else None for v in found]
        return everything(operands, shapes[0]) if shapes else None

    def _higher_order(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        """Regions under another autograd or autocast mode, and branches that depend on the data."""
        name = str(node.target)
        modules = [k for k, a in enumerate(args) if isinstance(a, fx.GraphModule)]
        if name in ("wrap_with_set_grad_enabled", "wrap_with_autocast") and len(modules) == 1:
            return self.run(args[modules[0]], args[modules[0] + 1 :])
        if name == "cond" and len(modules) == 2:
            yes, no = (self.run(args[k], args[3]) for k in modules)
            if not isinstance(args[0], Value):
                return yes if args[0] else no
            return [choose(_scalar(plain(args[0]), y), plain(y), plain(n)) for y, n in zip(yes, no, strict=True)]
        if name == "flex_attention":
            return self._flexible(node, args, kwargs)
        return self._unknown(node, name, "no rule", args, kwargs)

    def _flexible(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        """Attention with functions of places; its further outputs, of which more is kept, depend on everything."""
        try:
            first = attend(self.lattice, args, walked)
        except (NoRuleError, RuntimeError, IndexError) as reason:  # there is no such place to look up
            return self._unknown(node, "flex_attention", _first_line(reason), args, kwargs)
        self.unsigned |= node in self.free  # what is masked is multiplied by a zero
        operands = [plain(v) for v in _tensors((*args, *kwargs.values()))]
        rest = [everything(operands, shape) for shape, _ in _outputs(node)[1:]]
        return _fitting(node, self._described(node, args, kwargs), [first, *rest])


def _known(value: Value) -> bool:
    return isinstance(value, Dependence) and value.is_constant


def _tells_signs(node: fx.Node, name: str) -> bool:
    """Whether what an operator gives may follow the sign of a zero."""
    dtypes = {v.dtype for n in node.all_input_nodes if isinstance(v := n.meta.get("val"), torch.Tensor)}
    overload = f"{name}.{node.target._overloadname}"  # type: ignore[union-attr]
    return name in SIGNED or overload in SIGNED or (name in CUT and any(d.is_complex for d in dtypes))


def _absorbs(name: str, given: Sequence[Value], args: Sequence[Any]) -> bool:
    """Whether a zero may decide alone here: one that is known among the operands, or what a mask makes one."""
    if name == "scaled_dot_product_attention" or any(isinstance(v, Spectrum) for v in given):
        return True
    zeros = any(bool((v.known & (v.values == 0)).any()) for v in map(plain, given))
    return name in ABSORBING and (zeros or any(isinstance(a, int | float) and a == 0 for a in args))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _as_it_is(value: Dependence, bound: float, place: Place) -> Dependence:
    """Nothing is supposed of it."""
    return value


def _of_formats(node: fx.Node, call: Call, result: Any) -> Any:
    """The results of a rule; of those that have no bounds, that they are no larger than numbers of their format.

    Only results that the model computes, too: what an operator of it was taken apart into may never have been a tensor,
    as the product inside `baddbmm`, of which some kernels take α times the one factor first. Nor is it said of formats
    that are soon too small, as a kernel may hold its results in another.
    """
    if str(node.meta.get("original_aten")) != str(node.target):  # a copy of it, as the rest of the meta data
        return result
    parts = result if isinstance(result, list | tuple) else [result]
    found = [
        of_format(part, torch.finfo(dtype).max)
        if isinstance(part, Dependence) and part.bounds is None and not part.is_constant and is_wide(dtype)
        else part
        for part, (_, dtype) in zip(parts, call.outputs, strict=True)
    ]
    return found if isinstance(result, list | tuple) else found[0]


def _scalar(condition: Dependence, like: Value) -> Dependence:
    return bounded(everything([condition], (1,) * len(like.shape)))


def _has_numbers_of_data(node: fx.Node, values: dict[fx.Node, Any]) -> bool:
    """Whether some argument is a number, not a tensor, that depends on the data."""
    numbers = (n for n in node.all_input_nodes if not isinstance(n.meta.get("val"), torch.Tensor | list | tuple))
    return any(isinstance(values[n], Value) for n in numbers)


def _tensors(args: Any) -> list[Value]:
    found: list[Value] = []
    for a in args:
        if isinstance(a, Value):
            found.append(a)
        elif isinstance(a, list | tuple):
            found += _tensors(a)
    return found


def _outputs(node: fx.Node) -> tuple[tuple[tuple[int, ...], torch.dtype], ...]:
    value = node.meta.get("val")
    parts = value if isinstance(value, list | tuple) else [value]
    return tuple((tuple(v.shape), v.dtype) for v in parts if isinstance(v, torch.Tensor))


def has_unknown_sizes(module: fx.GraphModule) -> bool:
    """Whether some tensor's size depends on the data."""
    return any(not isinstance(size, int) for n in module.graph.nodes for shape, _ in _outputs(n) for size in shape)


def _fitting(node: fx.Node, call: Call, result: Any) -> Any:
    """The result of a rule, a list where the graph has several outputs, checked against the shapes the graph says.

    Raises:
        AssertionError: they differ; an error of the rule.
    """
    several = isinstance(node.meta.get("val"), list | tuple)
    if isinstance(result, list | tuple) and not several:
        (result,) = result
    parts = result if several else [result]
    shapes = [shape for shape, _ in call.outputs]
    if not all(isinstance(p, Value) for p in parts) or [tuple(p.shape) for p in parts] != shapes:
        raise AssertionError(f"{call.op}: expected {shapes}, got {[getattr(p, 'shape', p) for p in parts]}")
    return result
