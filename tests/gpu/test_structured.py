"""A layer made of factors: it is the member it was made of, and its gradients are those of the dense matrix."""

import importlib.util

import numpy as np
import pytest

from monarch_theory.expressivity.families import families_for
from monarch_theory.expressivity.parts import Member, write_members
from monarch_theory.expressivity.torch_source import torch_source

torch = pytest.importorskip("torch")
from monarch_gpu.structured import StructuredLinear, structured_linears  # noqa: E402

RNG = np.random.default_rng(0)
SHAPES = [(16, 16), (12, 18)]
CASES = [(shape, family) for shape in SHAPES for family in families_for(shape) if family.parts is not None]


@pytest.mark.parametrize(("shape", "family"), CASES, ids=[f"{f.name}-{s[0]}x{s[1]}" for s, f in CASES])
def test_the_forward_is_the_member(shape, family):
    settings = list(family.settings(shape))
    for setting in (settings[0], settings[len(settings) // 2], settings[-1]):
        member = family.member(np.exp(RNG.standard_normal(shape)), setting)
        layer = StructuredLinear(member, torch.ones(shape[0], dtype=torch.float64))
        assert sum(p.numel() for p in layer.parameters()) == trained(member) + shape[0]
        for batch in ((2, 3), (0,)):
            x = torch.randn(*batch, shape[1], dtype=torch.float64)
            expected = x.numpy() @ member.dense().T + 1
            assert layer(x).shape == expected.shape
            assert np.allclose(layer(x).detach().numpy(), expected, atol=1e-9 * np.abs(expected).max(initial=1))


def test_gradients_reach_every_factor():
    gs = next(family for family in families_for((8, 6)) if family.name == "gs")
    for setting in list(gs.settings((8, 6)))[::5]:
        layer = StructuredLinear(gs.member(RNG.standard_normal((8, 6)), setting))
        x = torch.randn(2, 6, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(layer, (x,))
        layer(x).square().sum().backward()
        assert all(parameter.grad is not None for parameter in layer.parameters())


def test_read_from_a_file_cut_from_a_larger_shape_and_saved_again(tmp_path):
    pytest.importorskip("safetensors")
    family = next(family for family in families_for((8, 8)) if family.name == "monarch-2")
    whole = family.member(RNG.standard_normal((8, 8)), next(iter(family.settings((8, 8)))))
    cut = Member((7, 5), whole.family, whole.setting, whole.parts).cast(np.float32)
    write_members(tmp_path / "f.safetensors", {"a.weight": cut})
    layer = structured_linears(tmp_path / "f.safetensors")["a.weight"]
    x = torch.randn(4, 5)
    assert np.allclose(layer(x).detach().numpy(), x.numpy() @ whole.dense()[:7, :5].T, atol=1e-5)
    again = StructuredLinear(whole.cast(np.float32))
    again.load_state_dict(layer.state_dict())
    with pytest.raises(ValueError, match="x: expected 5 inputs"):
        layer(torch.ones(2, 7))


def trained(member):
    """Scalars of the factors; where blocks stand is no parameter."""
    return sum(array.size for part in member.parts for array in part.arrays.values())


def module_of(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_written_module_multiplies_as_the_members_do(tmp_path):
    """Of every family, in one file; the text imports neither of our packages."""
    pytest.importorskip("safetensors")
    members = {}
    for shape, family in CASES:
        settings = list(family.settings(shape))
        for place in {0, len(settings) // 2, len(settings) - 1}:
            member = family.member(np.exp(RNG.standard_normal(shape)), settings[place])
            members[f"{family.name}.{shape[0]}_{place}'\n"] = member
    cut = members["monarch-2.16_0'\n"]
    for shape in ((13, 11), (13, 16), (16, 11)):  # rows alone, and columns alone, are cut as well as both
        members[f"cut to {shape}"] = Member(shape, cut.family, cut.setting, cut.parts).cast(np.float32)
    write_members(tmp_path / "factors.safetensors", members)
    text = torch_source(members, "factors.safetensors")
    assert "monarch" not in "\n".join(line for line in text.splitlines() if "import" in line)
    (tmp_path / "layers.py").write_text(text)
    layers = module_of(tmp_path / "layers.py").load()
    assert list(layers) == list(members)
    for name, member in members.items():
        layer, double = layers[name], not name.startswith("cut to")
        assert sum(p.numel() for p in layer.parameters()) == trained(member)
        for batch in ((2, 3), (5,), (0,), ()):
            x = torch.randn(*batch, member.shape[1], dtype=torch.float64 if double else torch.float32)
            expected = x.numpy() @ member.dense().T
            found = layer(x).detach().numpy()
            assert found.shape == expected.shape and found.dtype == x.numpy().dtype
            assert np.allclose(found, expected, atol=(1e-9 if double else 1e-5) * np.abs(expected).max(initial=1))


def test_a_module_that_turns_the_digits_the_other_way_is_caught(tmp_path):
    pytest.importorskip("safetensors")
    family = next(family for family in families_for((12, 18)) if family.name == "gs")
    member = next(
        family.member(RNG.standard_normal((12, 18)), setting)
        for setting in family.settings((12, 18))
        if setting.choices["slicing"].dealt == (True, True)
    )
    write_members(tmp_path / "factors.safetensors", {"layer": member})
    text = torch_source({"layer": member}, "factors.safetensors")
    (tmp_path / "wrong.py").write_text(text.replace(".permute((1, 0, 2))", ""))
    x = torch.randn(4, 18, dtype=torch.float64)
    found = module_of(tmp_path / "wrong.py").load()["layer"](x)
    assert not np.allclose(found.detach().numpy(), x.numpy() @ member.dense().T, atol=1e-3)
