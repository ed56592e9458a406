"""The package as a whole: what it imports, that its wheel works outside the checkout, and that the front door opens."""

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from monarch_theory.proving import find_proofs, proofs_folder

ROOT = Path(__file__).parents[1]


def imports_of(file: Path) -> set[str]:
    """Top-level packages a file imports, wherever in the file it does."""
    tree = ast.parse(file.read_text())
    plain = {a.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    return plain | {
        (node.module or "").split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and not node.level
    }


def test_the_theory_never_imports_the_implementations():
    others = {"torch", "cupy", "triton", "monarch_gpu"}
    files = sorted((ROOT / "monarch_theory").rglob("*.py"))
    naming = [f for f in files if any(name in f.read_text() for name in others)]  # no other can import them
    assert files and not [f for f in naming if imports_of(f) & others]
    assert imports_of(ROOT / "monarch_gpu" / "layers.py") >= {"torch", "monarch_gpu"}


def as_imported(text: str) -> set[str]:
    """The modules of this project that a text imports from, as `import` and doctests have them."""
    pattern = r"^\s*(?:>>> )?(?:from (monarch_\w+[\w.]*) import ([\w, ]+)|import (monarch_\w+[\w.]*))"
    found = set()
    for line in re.finditer(pattern, text, re.MULTILINE):
        module, names = line[1] or line[3], [n.split(" as ")[0].strip() for n in (line[2] or "").split(",")]
        modules = {f"{module}.{name}" for name in names if name and file_of(f"{module}.{name}")}
        found |= modules or {module}
    return found


def file_of(module: str) -> Path | None:
    """Where a module of this project is, if there is one of that name."""
    place = ROOT / module.replace(".", "/")
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def test_public_modules_are_few_listed_and_all_that_users_are_told_to_import():
    listed = (ROOT / "docs" / "reference" / "public.txt").read_text().split()
    assert listed == sorted(set(listed), key=lambda name: (name.startswith("monarch_gpu"), name)) and len(listed) < 60
    for module in listed:
        text = file_of(module).read_text()
        assert "__all__" in text or len(ast.parse(text).body) == 1, f"{module}: expected __all__ or a docstring alone"
    told = [ROOT / "README.md", ROOT / "docs" / "start.md", *(ROOT / "examples").rglob("*.py")]
    told += [page for folder in ("how-to", "lessons") for page in (ROOT / "docs" / folder).rglob("*.md")]
    for page in told:
        internal = as_imported(page.read_text()) - set(listed)
        assert not internal, f"{page.relative_to(ROOT)} imports {internal}, expected what public.txt lists"
    line = "from monarch_theory.sandbox import wire, Sandbox\n>>> import monarch_theory as mt"
    assert as_imported(line) == {"monarch_theory.sandbox.wire", "monarch_theory"}


def test_every_session_of_nox_is_in_the_table_that_says_what_ci_runs():
    tree = ast.parse((ROOT / "noxfile.py").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    sessions = {f.name for f in functions if any("session" in ast.unparse(d) for d in f.decorator_list)}
    options = next(node for node in tree.body if ast.unparse(node).startswith("nox.options.sessions"))
    rows = re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    assert sessions and {name for name, _ in rows} == sessions
    assert {name for name, ran in rows if ran == "yes"} == set(ast.literal_eval(options.value))
    assert "python3 -m nox\n" in (ROOT / ".ci" / "run").read_text()


def test_version_citation_and_the_first_section_of_the_changelog_agree():
    """What is not released says so in all three; `nox -s release` refuses it."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (cited,) = re.findall(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    released, _, developed = version.partition(".dev")
    section = f"{released}, not yet released" if developed else released
    assert cited == version
    assert re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0] == section


def test_importing_the_theory_loads_no_torch():
    code = "import sys, monarch_theory.causality, monarch_theory.polynomials; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel, unpacked by pip into an empty folder; dependencies come from the running environment."""
    target = tmp_path_factory.mktemp("installed") / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    return target


def run_installed(installed: Path, arguments: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run([sys.executable, "-P", *arguments], cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.mark.long
def test_the_wheel_works_outside_the_checkout(installed, tmp_path):
    where = run_installed(installed, ["-c", "import monarch_theory; print(monarch_theory.__file__)"], tmp_path)
    assert where.stdout.startswith(str(installed)), where.stderr
    model = tmp_path / "model.py"
    model.write_text("import numpy as np\ndef past(x): return np.cumsum(x)\ndef future(x): return x[::-1]\n")
    command = "from monarch_theory.command import main; main()"
    causal = run_installed(installed, ["-c", command, "causal", "model.py:past", "--n", "8"], tmp_path)
    assert causal.returncode == 0, causal.stdout + causal.stderr
    leaking = run_installed(installed, ["-c", command, "causal", "model.py:future", "--n", "8"], tmp_path)
    assert leaking.returncode == 1, leaking.stdout + leaking.stderr


@pytest.mark.long
def test_the_wheel_carries_types_licence_and_kernels(installed):
    assert (installed / "monarch_theory" / "py.typed").exists() and (installed / "monarch_gpu" / "py.typed").exists()
    assert list(installed.glob("*.dist-info/licenses/LICENSE"))
    sources = {p.relative_to(ROOT) for p in (ROOT / "monarch_gpu").rglob("*.cu")}
    assert {p.relative_to(installed) for p in (installed / "monarch_gpu").rglob("*.cu")} == sources


@pytest.mark.long
def test_the_wheel_carries_the_proofs(installed, tmp_path):
    """Installed outside the checkout, the command finds all of them."""
    prove = ["-m", "monarch_theory.command", "prove", "cost", "--no-coq", "--json"]
    run = run_installed(installed, prove, tmp_path)
    assert run.returncode == 0, run.stderr
    folder = Path(json.loads(run.stdout)["folder"])
    assert folder == installed / "monarch_theory" / "_proofs"
    assert {p.name for p in find_proofs(folder)} == {p.name for p in find_proofs(proofs_folder())}
    assert (folder / "foundations" / "digits.v").is_file() and not list(folder.rglob("*.vo"))


def test_no_attribute_of_a_package_hides_a_module():
    hiding = """
import importlib, pkgutil, types, monarch_theory
for module in pkgutil.walk_packages(monarch_theory.__path__, "monarch_theory."):
    if module.name.rpartition(".")[2] != "__main__":
        importlib.import_module(module.name)
        package, _, name = module.name.rpartition(".")
        if not isinstance(getattr(importlib.import_module(package), name), types.ModuleType):
            print(module.name)
"""
    done = subprocess.run([sys.executable, "-c", hiding], capture_output=True, text=True, check=True)
    assert done.stdout == ""
