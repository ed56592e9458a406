"""Files of weights: what is stored is what is read, nothing in them is run, and a broken one is one clear line."""

import contextlib
import gc
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from monarch_theory.expressivity.checkpoints import SUFFIXES, read_checkpoint
from monarch_theory.expressivity.matrices import Matrix, read_matrix
from monarch_theory.expressivity.torch_files import _Reader
from monarch_theory.rounding import BFLOAT16, FLOAT16

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.bool, torch.complex64]


def widened(tensor):
    return tensor.detach().to(torch.float32).numpy() if tensor.dtype == torch.bfloat16 else tensor.detach().numpy()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_what_torch_saved_is_read_bit_for_bit(tmp_path, dtype):
    whole = (torch.randn(12, 10) * 3).to(dtype)
    views = {"plain": whole, "turned": whole.T, "part": whole[2:9:3, 1::2], "spread": whole[:1].expand(4, 10)}
    torch.save({"model": {**views, "layers": [whole[0], whole + whole]}, "step": 3, "name": "x"}, tmp_path / "a.pt")
    found = read_checkpoint(tmp_path / "a.pt")
    assert set(found) == {*(f"model.{name}" for name in views), "model.layers.0", "model.layers.1"}
    assert isinstance(found["model.layers.0"], str)
    for name, view in views.items():
        read = found[f"model.{name}"]
        assert np.array_equal(read.values, widened(view).astype(read.values.dtype)), name
        assert read.stored is {torch.bfloat16: BFLOAT16, torch.float16: FLOAT16}.get(dtype)


def test_a_state_dict_and_its_parameters(tmp_path):
    layer = torch.nn.Linear(6, 4)
    for saved, names in [
        (layer.state_dict(), ["weight", "bias"]),
        (dict(layer.named_parameters()), ["weight", "bias"]),
    ]:
        torch.save(saved, tmp_path / "state.pth")
        found = read_checkpoint(tmp_path / "state.pth")
        assert list(found) == names and np.array_equal(found["weight"].values, layer.weight.detach().numpy())


def test_what_torch_put_off_is_done(tmp_path):
    """A lazy conjugate or change of sign is a mark beside the storage, whose numbers are those before it."""
    whole = torch.randn(6, 5, dtype=torch.complex64)
    views = {"conj": whole.conj(), "turned": whole.T.conj()}
    torch.save(views | {"negated": torch.randn(4, 4, dtype=torch.complex64).conj().imag}, tmp_path / "lazy.pt")
    found, loaded = read_checkpoint(tmp_path / "lazy.pt"), torch.load(tmp_path / "lazy.pt")
    assert set(found) == set(loaded) and loaded["conj"].is_conj() and loaded["negated"].is_neg()
    for name, tensor in loaded.items():
        assert np.array_equal(found[name].values, tensor.resolve_conj().resolve_neg().numpy()), name


def test_a_tensor_that_numpy_lacks_costs_no_other(tmp_path):
    """Each is left out, with its reason; unsigned integers without a storage of their own are read."""
    lacking = {
        "eight bits": torch.randn(4, 4).to(torch.float8_e4m3fn),
        "sparse": torch.eye(4).to_sparse(),
        "rows": torch.eye(4).to_sparse_csr(),
        "nowhere": torch.empty(4, 4, device="meta"),
    }
    wide = torch.arange(16, dtype=torch.int32).reshape(4, 4).to(torch.uint16)
    good = {"weight": torch.eye(4), "wide": wide, "buffer": torch.nn.Buffer(torch.ones(3, 2)), "name": "expected"}
    torch.save({"lacking": lacking, **good}, tmp_path / "mixed.pt")
    found = read_checkpoint(tmp_path / "mixed.pt")
    reasons = {name: why for name, why in found.items() if isinstance(why, str)}
    assert set(reasons) == {f"lacking.{name}" for name in lacking}
    assert all(why.startswith("expected") for why in reasons.values())
    assert {name: one.values.tolist() for name, one in found.items() if name not in reasons} == {
        "weight": np.eye(4).tolist(), "wide": np.arange(16).reshape(4, 4).tolist(), "buffer": np.ones((3, 2)).tolist(),
    }  # fmt: skip


class Trap:
    """Runs a command when it is unpickled, as any object may."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_in_a_file_is_run(tmp_path):
    torch.save({"weight": torch.eye(4), "trap": Trap(tmp_path / "sprung")}, tmp_path / "trap.pt")
    with pytest.raises(ValueError, match="expected tensors in plain containers, got a call of"):
        read_checkpoint(tmp_path / "trap.pt")
    torch.save(torch.nn.Linear(4, 4), tmp_path / "module.pt")
    with pytest.raises(ValueError, match=r"got a call of torch\.nn\.modules\.linear\.Linear"):
        read_checkpoint(tmp_path / "module.pt")
    assert not (tmp_path / "sprung").exists()


NEGATES = b"(N}(U\x0c__defaults__(\x89N}(U\x03neg\x88U\x04conj\x89utU\x05lasts\x88utb0"
"""Opcodes that set attributes on what was named last, as the defaults by which tensors are read, and drop it."""


def test_what_a_file_sets_on_names_is_gone_with_it(tmp_path):
    torch.save({"weight": torch.arange(4.0).view(2, 2)}, tmp_path / "good.pt")
    right = read_checkpoint(tmp_path / "good.pt")["weight"]
    with zipfile.ZipFile(tmp_path / "good.pt") as good:
        inside = {name: good.read(name) for name in good.namelist()}
    pickled = next(name for name in inside if name.endswith("data.pkl"))
    reader = _Reader(zipfile.ZipFile(tmp_path / "good.pt"), pickled)
    for module, name in reader.known():
        poison = f"c{module}\n{name}\n".encode() + NEGATES
        with zipfile.ZipFile(tmp_path / "bad.pt", "w") as bad:
            for member, content in inside.items():
                bad.writestr(member, content[:2] + poison + content[2:] if member == pickled else content)
        with contextlib.suppress(ValueError):
            read_checkpoint(tmp_path / "bad.pt")
        again = read_checkpoint(tmp_path / "good.pt")["weight"]
        assert np.array_equal(again.values, right.values), name
        found = reader.find_class(module, name)
        assert not hasattr(found, "lasts"), name
        assert found in (tuple, OrderedDict) or found is not reader.find_class(module, name), name


@pytest.mark.parametrize(
    ("offset", "sizes", "strides"), [(13, (2, 2), (2, 1)), (0, (4, 5), (4, 1)), (-1, (2, 2), (2, 1)), (0, (2, 2), (2,))]
)
def test_a_tensor_beyond_its_storage_is_refused(tmp_path, offset, sizes, strides):
    torch.save(torch.arange(16.0), tmp_path / "good.pt")
    with zipfile.ZipFile(tmp_path / "good.pt") as good, zipfile.ZipFile(tmp_path / "bad.pt", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name) if not name.endswith("data.pkl") else _pickled(offset, sizes, strides))
    with pytest.raises(ValueError, match=r"bad.pt: expected a file of weights .*expected a tensor"):
        read_checkpoint(tmp_path / "bad.pt")


def _pickled(offset, sizes, strides):
    """A tensor of these numbers over storage 0 of sixteen floats, spelled as torch spells it."""

    class Storage:
        pass

    class Saved:
        def __reduce__(self):
            return torch._utils._rebuild_tensor_v2, (Storage(), offset, sizes, strides, False, None)

    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return ("storage", torch.FloatStorage, "0", "cpu", 16) if isinstance(obj, Storage) else None

    import io

    out = io.BytesIO()
    Pickler(out, 2).dump(Saved())
    return out.getvalue()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_broken_file_is_one_line(tmp_path, suffix):
    if suffix == ".onnx":
        pytest.importorskip("onnx")
    path = tmp_path / f"broken{suffix}"
    for content in (b"hello", b"PK\x03\x04" + bytes(80), b"\xff" * 40, pickle.dumps({"a": 1})):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"broken{suffix}: expected") as error:
            read_checkpoint(path)
        assert "\n" not in str(error.value)


def test_onnx(tmp_path):
    onnx = pytest.importorskip("onnx")
    weight = RNG.standard_normal((4, 6)).astype(np.float16)
    graph = onnx.helper.make_graph([], "g", [], [], [onnx.numpy_helper.from_array(weight, "weight")])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "model.onnx")
    found = read_checkpoint(tmp_path / "model.onnx")["weight"]
    assert isinstance(found, Matrix) and found.stored is FLOAT16 and np.array_equal(found.values, weight)


def test_onnx_weights_that_nodes_hold(tmp_path):
    """Exporters leave them in constants, in branches and in functions; a table of all matrices has them all."""
    onnx = pytest.importorskip("onnx")
    of, node, graph = onnx.numpy_helper.from_array, onnx.helper.make_node, onnx.helper.make_graph

    def constant(name, array):
        return node("Constant", [], [name], value=of(array))

    branch = graph([constant("inner", np.eye(2))], "b", [], [], [of(np.eye(3), "begins")])
    coordinates = of(np.array([0, 5]), "places")
    lean = onnx.helper.make_sparse_tensor(of(np.ones(2), "lean"), coordinates, [4, 4])
    nodes = [
        constant("outer", np.eye(4)),
        constant("shape", np.array([4, 4])),
        node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
        node("Constant", [], ["few"], sparse_value=lean),
    ]
    function = onnx.helper.make_function("d", "layer", [], ["z"], [constant("z", np.eye(5))], [])
    model = onnx.helper.make_model(graph(nodes, "g", [], [], [of(np.eye(6), "first")]), functions=[function])
    model.graph.sparse_initializer.append(lean)
    onnx.save(model, tmp_path / "model.onnx")
    found = read_checkpoint(tmp_path / "model.onnx")
    sizes = {name: stored.shape[0] for name, stored in found.items() if isinstance(stored, Matrix)}
    branches = {f"y.{way}_branch.{name}": n for way in ("then", "else") for name, n in (("inner", 2), ("begins", 3))}
    assert sizes == branches | {"first": 6, "outer": 4, "layer.z": 5}
    assert {name for name, stored in found.items() if isinstance(stored, str)} == {"lean", "few"}
    assert found["few"] == "expected a dense tensor, got a sparse one"


def test_safetensors_come_in_the_order_of_the_file(tmp_path):
    """What reads them deals them out in another order each time, and so did what is printed."""
    numpy = pytest.importorskip("safetensors.numpy")
    numpy.save_file({f"layer{k}": np.full((2, 2), float(k)) for k in range(12)}, tmp_path / "a.safetensors")
    content = (tmp_path / "a.safetensors").read_bytes()
    for _ in range(3):
        names = list(read_checkpoint(tmp_path / "a.safetensors"))
        assert names == sorted(names, key=lambda name: content.index(f'"{name}"'.encode()))


@pytest.mark.filterwarnings("error")
def test_what_torch_saved_leaves_no_file_open(tmp_path):
    """Not even until garbage is collected, which the reader is, as its rows refer to it."""
    file = tmp_path / "mixed.pt"
    torch.save({"lacking": torch.eye(4).to(torch.float8_e4m3fn), "weight": torch.eye(4)}, file)
    gc.disable()
    try:
        assert isinstance(read_checkpoint(file)["lacking"], str)
        assert file not in [Path(f"/proc/self/fd/{own}").resolve() for own in os.listdir("/proc/self/fd")]
    finally:
        gc.enable()


def test_what_is_no_archive_leaves_no_file_open(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match="expected a file of weights"):
        read_checkpoint(tmp_path / "a.npz")
    gc.collect()


def test_tensors_are_read_whatever_torch_put_off_or_left_out():
    whole = torch.randn(6, 4, dtype=torch.complex64)
    eye = torch.eye(5, dtype=torch.float64)
    for tensor, plain in [
        (whole.conj(), whole.numpy().conj()),
        (whole.mH, whole.numpy().conj().T),
        (torch._neg_view(eye), -np.eye(5)),
        (eye.to_sparse(), np.eye(5)),
        (torch.nn.Parameter(eye.to_sparse_csr()), np.eye(5)),
        (torch.nn.Linear(5, 5).to(torch.bfloat16).requires_grad_(True), None),
    ]:
        read = read_matrix(tensor)
        if plain is None:
            assert read.stored is BFLOAT16 and np.array_equal(read.values, tensor.weight.detach().float().numpy())
        else:
            assert np.array_equal(read.values, plain)
    with pytest.raises(ValueError, match="layer: expected a tensor that has numbers, got one on the meta device"):
        read_matrix(torch.empty(3, 3, device="meta"), name="layer")


def sharded(folder, weight_map):
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder / "model.safetensors.index.json"


def test_a_model_in_several_files_is_read_by_its_index(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    one, two = RNG.standard_normal((4, 6)).astype(np.float32), RNG.standard_normal((6, 4)).astype(np.float16)
    save_file({"layer.0": one, "nobody's": one}, tmp_path / "model-1.safetensors")
    save_file({"layer:1": two}, tmp_path / "model-2.safetensors")
    names = {"layer:1": "model-2.safetensors", "layer.0": "model-1.safetensors"}
    names |= {"gone": "model-1.safetensors", "away": "model-3.safetensors"}
    found = read_checkpoint(sharded(tmp_path, names))
    assert list(found) == list(names) and np.array_equal(found["layer.0"].values, one)
    assert found["layer:1"].stored is FLOAT16 and np.array_equal(found["layer:1"].values, two)
    assert found["gone"] == "expected it in model-1.safetensors, as the index says"
    assert found["away"] == "expected its file beside the index, got no model-3.safetensors"


@pytest.mark.parametrize(
    "file", ["../model.safetensors", "/etc/model.safetensors", "config.json", "model.safetensors.index.json", ""]
)
def test_an_index_speaks_of_weights_in_its_own_folder(tmp_path, file):
    with pytest.raises(ValueError, match="expected files of weights in its folder"):
        read_checkpoint(sharded(tmp_path, {"weight": file}))


@pytest.mark.parametrize("weight_map", [None, [], "model.safetensors", 3])
def test_an_index_has_names(tmp_path, weight_map):
    with pytest.raises(ValueError, match="expected a JSON object with a weight_map of file names"):
        read_checkpoint(sharded(tmp_path, weight_map))
