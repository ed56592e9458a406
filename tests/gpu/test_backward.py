"""Gradients made piece by piece are those of the plain formulas, of which autograd makes gradients of all orders."""

from functools import partial
from itertools import chain, product

import pytest
import torch

from monarch_gpu import backward, layers, piecewise
from monarch_gpu.backward import Activation, between_projections, dimensions_mixed
from monarch_gpu.configs import BertConfig
from monarch_gpu.layers import DimensionMixer, ImplicitFilter, SequenceMixer
from monarch_gpu.taps import Given, Implicit, Taps


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(piecewise, "SAMPLES", 60)
    monkeypatch.setattr(piecewise, "POSITIONS", 3)
    torch.manual_seed(0)


def some(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def of_dimensions(gated, permuted, biases, positions):
    """Blocks of M3 4 × 3, or 8 × 3 with a gate; of M4 5 × 4, and every other weight."""
    inner = 8 if gated else 4
    first_bias, last_bias = (some(2 * inner), some(10)) if biases else (None, None)
    activation = Activation("tanh" if biases else "none", gated, 2, permuted)
    return activation, (some(positions, 6), some(2, inner, 3), first_bias, some(2, 5, 4), last_bias)


def given_taps(directions, n):
    """Of five channels."""
    return Taps(Given(), (some(5, directions * n),))


def implicit_taps(directions, n, whole=False):
    """Of five channels and a network of width 4; or of one whose last layer is no product with the sines."""
    ways = [(some(5, n),) if whole else (some(5, 4), some(n, 4)) for _ in range(directions)]
    recipe = Implicit(torch.rand(5).double(), torch.rand(n).double(), 0.1, tuple(len(way) for way in ways))
    return Taps(recipe, (*chain.from_iterable(ways), some(5)))


KINDS = {"given": given_taps, "implicit": implicit_taps, "implicit, whole": partial(implicit_taps, whole=True)}


def of_sequences(masked, kinds, directions, taps, batch, n):
    """Of five channels: the mask, the recipes of the kernels, and every tensor."""
    hidden = torch.rand(batch, n) < 0.4 if masked else None
    kernels = [KINDS[kind](directions, n) for kind in kinds]
    tensors = [tensor for kernel in kernels for tensor in kernel.tensors]
    recipes = [(kernel.recipe, len(kernel.tensors)) for kernel in kernels]
    return hidden, recipes, (some(15, batch, n), some(batch, n, 5), some(taps, 15), some(15), *tensors)


def mixed(hidden, recipes, projected, x, weight, bias, *tensors):
    """`between_projections` of all its tensors."""
    return between_projections(hidden, projected, x, weight, bias, backward.parted(recipes, tensors))


def differences(found, expected, given):
    """Of results and of gradients along one random direction, relative to the largest number of each.

    What is zero but for roundings of transforms is compared with a hundredth, where numbers are about one.
    """
    direction = torch.randn_like(expected)
    wanted = [x for x in given if x is not None]
    pairs = [(found.detach(), expected.detach())]
    gradients = (
        torch.autograd.grad(y, wanted, direction, retain_graph=True, allow_unused=True) for y in (found, expected)
    )
    pairs += [(a, b) for a, b in zip(*gradients, strict=True) if a is not None or b is not None]
    return [float((a - b).abs().max() / b.abs().max().clamp(min=0.01)) for a, b in pairs]


SHAPES = {"one": 1, "a piece": 3, "pieces": 11}


@pytest.mark.parametrize("positions", SHAPES.values(), ids=SHAPES)
def test_dimensions_are_mixed_as_plainly(positions):
    for gated, permuted, biases in product([False, True], repeat=3):
        activation, given = of_dimensions(gated, permuted, biases, positions)
        expected = backward.dimensions_plainly(activation, *given)
        assert max(differences(dimensions_mixed(activation, *given), expected, given)) < 2.0**-46


@pytest.mark.parametrize(
    "kinds", [("given", "implicit"), ("implicit", "implicit, whole"), ("implicit, whole", "given")]
)
@pytest.mark.parametrize("directions", [1, 2], ids=["causal", "both"])
@pytest.mark.parametrize("masked", [False, True], ids=["seen", "masked"])
def test_what_is_between_projections_is_as_plainly(masked, directions, kinds):
    for residual, taps, (batch, n) in product([False, True], [1, 3, 5], [(1, 1), (2, 2), (3, 7)]):
        hidden, recipes, given = of_sequences(masked, kinds[: 1 + residual], directions, taps, batch, n)
        expected = backward.convolutions_plainly(hidden, recipes, *given)
        assert max(differences(mixed(hidden, recipes, *given), expected, given)) < 2.0**-44


def test_gradients_have_gradients():
    """An argument that another one is made of counts once."""
    activation, given = of_dimensions(True, True, False, 5)
    assert torch.autograd.gradgradcheck(partial(dimensions_mixed, activation), given)
    hidden, recipes, given = of_sequences(True, ["given", "implicit"], 2, 3, 2, 3)

    def projected_and_mixed(x, weight, *others):
        return mixed(hidden, recipes, (x @ weight).permute(2, 0, 1), x, *others)

    assert torch.autograd.gradgradcheck(projected_and_mixed, (given[1], some(5, 15), *given[2:]))


def test_frozen_weights_have_no_gradient_and_change_none():
    _, recipes, of_sequence = of_sequences(False, ["implicit", "given"], 2, 3, 2, 7)
    activation, of_dimension = of_dimensions(True, True, True, 7)
    for function, given in (
        (partial(mixed, None, recipes), of_sequence),
        (partial(dimensions_mixed, activation), of_dimension),
    ):
        whole = torch.autograd.grad(function(*given).sum(), given)
        for kept in range(len(given)):
            frozen = [x if place == kept else x.detach() for place, x in enumerate(given)]
            (found,) = torch.autograd.grad(function(*frozen).sum(), given[kept])
            assert torch.equal(found, whole[kept])
        with torch.no_grad():
            assert not function(*given).requires_grad


class Doubled(ImplicitFilter):
    def parts(self, networks, n, at_zero=None):
        return (2 * part for part in super().parts(networks, n, at_zero))


class Adapted(torch.nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.scale = layer, torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, x):
        return self.layer(x) * self.scale


def learned_decay(made):
    made.decay.requires_grad_()


def another_class(made):
    made.__class__ = Doubled


def adapted_last_layer(made):
    made.reverse.output = Adapted(made.reverse.output)


def adapted_inner_layer(made):
    made.layers[1] = Adapted(made.layers[1])


CHANGED = [learned_decay, another_class, adapted_last_layer, adapted_inner_layer]


@pytest.mark.parametrize("change", CHANGED, ids=[change.__name__ for change in CHANGED])
def test_filters_that_are_otherwise_made_have_their_gradients(change, monkeypatch):
    config = BertConfig(hidden_size=8, intermediate_size=24, max_position_embeddings=9, filter_width=4, transform="fft")
    mixer, x = SequenceMixer(config, True).double(), some(2, 7, 8)
    plain = mixer(x)
    change(mixer.long_convolution.filter)
    given = (x, *mixer.parameters(), *(b for b in mixer.buffers() if b.requires_grad))
    found = mixer(x)
    monkeypatch.setattr(layers, "on_processor", lambda *_: False)
    expected = mixer(x)
    assert max(differences(found, expected, given)) < 2.0**-40
    assert change is learned_decay or not torch.allclose(found, plain)
    assert all(g is not None for g in torch.autograd.grad(found.sum(), given))


def lost(gradients):
    return lambda self, inner, of: 0 * gradients(self, inner, of)


RIGHT = {name: getattr(backward, name) for name in ("correlated", "through_shifts", "filtered", "inner_of", "gelu")}
MISTAKES = {
    "kernel not turned round": ("correlated", lambda g, u: RIGHT["correlated"](g.conj(), u.conj())),
    "kernel detached": ("correlated", lambda *a: 0 * RIGHT["correlated"](*a)),
    "later taps forgotten": (
        "through_shifts", lambda g, x, w: RIGHT["through_shifts"](g, x, torch.cat([w[:1], 0 * w[1:]])),
    ),
    "not padded": ("filtered", lambda u, f: torch.fft.irfft(torch.fft.rfft(u) * f[:, None, ::2], n=u.shape[-1])),
    "another activation": ("gelu", lambda x, approximate: RIGHT["gelu"](x, approximate="tanh")),
    "blocks in another order": ("inner_of", lambda x, w, b: RIGHT["inner_of"](x, w.flip(0), b)),
    "activation detached": ("Activation.with_gradient", lost(Activation.with_gradient)),
    "permuted forward alone": ("Activation.turned_back", lambda self, x: x),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found(mistake, monkeypatch):
    """By the layers, whose formulas have none of this."""
    config = BertConfig(hidden_size=8, intermediate_size=24, max_position_embeddings=9, filter_width=4, transform="fft")
    for mixer in (SequenceMixer(config, True).double(), DimensionMixer(config, permuted=True).double()):
        x = some(2, 7, 8)
        given = (x, *mixer.parameters())
        with monkeypatch.context() as patch:
            patch.setattr(layers, "on_processor", lambda *_: False)
            expected = mixer(x)
        assert max(differences(mixer(x), expected, given)) < 2.0**-40
        with monkeypatch.context() as patch:
            patch.setattr(f"monarch_gpu.backward.{MISTAKES[mistake][0]}", MISTAKES[mistake][1])
            if max(differences(mixer(x), expected, given)) > 2.0**-20:
                return
    pytest.fail(f"{mistake}: no difference")
