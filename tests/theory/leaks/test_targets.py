"""Models as people have them: in packages, by module name, with constructor arguments, as a folder's configuration."""

import sys

import pytest

from monarch_theory.leaks.files import check_file
from monarch_theory.sandbox import SandboxError, pretrained

pytestmark = pytest.mark.usefixtures("child_at_hand")

LAYERS = """
import numpy as np
from . import setting
from .deeper.kernel import kernel
class Scaled:
    def __init__(self, scale=1.0, *, ahead=0):
        self.scale, self.ahead = scale, ahead
    def __call__(self, x): return kernel(x) * self.scale + (np.roll(x, -self.ahead) if self.ahead else 0)
def make(ahead): return Scaled(ahead=ahead)
def count(x):
    setting.calls += 1
    return np.cumsum(x) + setting.calls
number = 3.0
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "ours"
    (folder / "deeper").mkdir(parents=True)
    (folder / "__init__.py").write_text("from .layers import Scaled\n")
    (folder / "setting.py").write_text("calls = 0\n")
    (folder / "layers.py").write_text(LAYERS)
    (folder / "deeper" / "__init__.py").write_text("")
    (folder / "deeper" / "kernel.py").write_text("from .. import setting\nimport numpy as np\nkernel = np.cumsum\n")
    (folder / "broken.py").write_text("from . import missing\n")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("ours/layers.py", "Scaled"),
        ("ours/__init__.py", "Scaled"),
        ("ours.layers", "Scaled"),
        ("ours", "Scaled"),
        ("ours.deeper.kernel", "kernel"),
        ("ours/deeper/kernel.py", "kernel"),
        ("numpy", "cumsum"),
    ],
)
def test_a_module_of_a_package(package, path, name):
    report = check_file(path, name, 8)
    assert report.verdict == "causal", report


def test_state_in_another_module_of_the_package_starts_afresh(package):
    report = check_file("ours.layers", "count", 8)
    assert report.verdict == "causal" and any("freshly loaded" in note for note in report.notes), report


@pytest.mark.parametrize(
    ("path", "name", "outcome"),
    [
        ("ours.nowhere", "f", "file missing"),
        ("nowhere.at.all", "f", "file missing"),
        ("ours/nowhere.py", "f", "file missing"),
        ("ours.broken", "f", "import error"),
        ("ours.layers", "nothing", "name missing"),
        ("ours.layers", "number", "not callable"),
    ],
)
def test_what_is_not_there_is_named(package, path, name, outcome):
    report = check_file(path, name, 8)
    assert (report.outcome, report.exit_code) == (outcome, 2), report


@pytest.mark.parametrize(
    ("name", "init", "verdict"),
    [
        ("Scaled", '{"scale": 2.5}', "causal"),
        ("Scaled", "[2.5]", "causal"),
        ("Scaled", '{"ahead": 2}', "not causal"),
        ("make", '{"ahead": 1}', "not causal"),
        ("Scaled().__call__", '{"ahead": 1}', "not causal"),
    ],
)
def test_constructor_arguments(package, name, init, verdict):
    report = check_file("ours.layers", name, 8, init=init)
    assert report.verdict == verdict, report


@pytest.mark.parametrize(
    ("name", "init", "words"),
    [
        ("Scaled", "{scale: 2}", "init: expected JSON"),
        ("Scaled", "2.5", "init: expected a JSON object or array"),
        ("Scaled", '{"size": 2}', "unexpected keyword argument 'size'"),
        ("Scaled", "[1, 2]", "too many positional arguments"),
        ("make", "{}", "missing a required argument: 'ahead'"),
        ("number", "{}", "expected ours.layers:number to be a class or a factory, got float"),
    ],
)
def test_bad_constructor_arguments_are_one_line(package, name, init, words):
    report = check_file("ours.layers", name, 8, init=init)
    assert report.exit_code == 2 and words in report.reason and "\n" not in report.reason, report.reason


# --- transformers, where it is installed --------------------------------------------------------------------------


def test_a_folder_needs_the_library(package, monkeypatch):
    (package / "config.json").write_text("{}")
    assert pretrained.is_folder(str(package))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SandboxError, match=r"pip install 'monarch-mixer-toolkit\[zoo\]'"):
        pretrained.of_folder(str(package))


@pytest.mark.long
@pytest.mark.usefixtures("torch_at_hand")
def test_a_class_of_a_library_is_built_in_a_tiny_size():
    pytest.importorskip("transformers")
    report = check_file("transformers", "GPT2LMHeadModel", 8, shape="1,n", output="logits", init='{"n_layer": 1}')
    assert report.verdict == "causal" and report.dtype == "int64" and "64 tokens" in report.covered, report
