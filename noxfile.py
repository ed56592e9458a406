"""The checks of the project, in the order a reader would want them to fail."""

import os
import platform
import shutil
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["everything"]

PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
if PYENV.is_dir():  # its `python3.12` serves only where that version is chosen, so all that are there are
    own = platform.python_version() if (PYENV / platform.python_version()).is_dir() else "system"
    others = sorted({folder.name for folder in PYENV.glob("3.*")} - {own})
    os.environ.setdefault("PYENV_VERSION", ":".join([own, *others]))


PYTEST = ("pytest", "-n", "2", "--dist", "worksteal")
THOROUGH = ("--hypothesis-profile", "thorough")


@nox.session
def everything(session: nox.Session) -> None:
    """What `tests` and `long` check, installed once and collected once; each test of random examples runs once too."""
    install(session)
    style(session)
    session.run(*PYTEST, "-m", "", *THOROUGH, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Install everything, then lint, format, types, and the tests but for the long ones."""
    install(session)
    style(session)
    session.run(*PYTEST, *session.posargs)


@nox.session
def long(session: nox.Session) -> None:
    """The long tests: every mutant, every Coq file, the documentation built, faults of the compiled kernel.

    And those of random examples once more, with more of them.
    """
    install(session)
    session.run(*PYTEST, "-m", "long or hypothesis", *THOROUGH, *session.posargs)


def style(session: nox.Session) -> None:
    """Lint, format and types."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


def install(session: nox.Session) -> None:
    """What the tests of either kind need."""
    session.install("torch==2.13.0")
    session.install("-e", ".[test,torch,triton,nvrtc,docs,dask,transformers,onnx]")
    install_coq(session)


def install_coq(session: nox.Session) -> None:
    """Coq and its libraries for the proofs, where we may install; elsewhere their tests skip and say why."""
    if shutil.which("coqc") or not shutil.which("apt-get") or os.geteuid() != 0:
        return
    libraries = ["libcoq-mathcomp-algebra", "libcoq-mathcomp-multinomials", "libcoq-flocq"]
    install = ["apt-get", "install", "-y", "--no-install-recommends", "coq", *libraries]
    # exit code 100 is apt's for a package index out of reach; every other test still runs
    session.run("apt-get", "update", external=True, success_codes=[0, 100])
    session.run(*install, external=True, success_codes=[0, 100])


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines the tests run in their own process, the long ones left out; below the floor it fails.

    The floor is `fail_under` in `pyproject.toml`. What only children run, which are killed in the end, is not seen.
    """
    install(session)
    session.install("pytest-cov")
    session.run(*PYTEST, "--cov", "--cov-report=term", *session.posargs)


@nox.session
def costs(session: nox.Session) -> None:
    """What the tests cost in processor seconds, by folder, and those over two, which is for the long ones."""
    install(session)
    session.run("pytest", "-q", "-p", "costs", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session
def mutation(session: nox.Session) -> None:
    """Small faults in modules that decide: those that no test sees are listed. `-- MODULE --share 0.2` for a part."""
    install(session)
    session.run("python", "tests/mutate.py", *session.posargs)


@nox.session(venv_backend="none")
def gpu(session: nox.Session) -> None:
    """Everything that needs a GPU, with the torch, Triton and CuPy that are there: eight minutes, one JSON file."""
    session.run("python3", "benchmarks/gpu/run.py", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, warnings as errors, and serve it; `-- --no-serve` only builds."""
    session.install("torch==2.13.0")
    session.install("-e", ".[torch,docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-j", "2", "-b", "html", "docs", "docs/_build/html")
    if "--no-serve" not in session.posargs:
        session.run("python", "-m", "http.server", "8000", "--bind", "127.0.0.1", "--directory", "docs/_build/html")


@nox.session
def release(session: nox.Session) -> None:
    """Build the source and the wheel, and check them in an empty environment; nothing is uploaded."""
    session.install("build", "twine", "cffconvert")
    version = tomllib.loads(Path("pyproject.toml").read_text())["project"]["version"]
    if ".dev" in version:
        session.error(f"pyproject.toml: expected a version that is released, got {version}")
    if f"## {version}\n" not in Path("CHANGELOG.md").read_text():
        session.error(f"CHANGELOG.md: expected a section '## {version}', found none")
    if f"version: {version}\n" not in Path("CITATION.cff").read_text():
        session.error(f"CITATION.cff: expected version: {version}")
    folder = Path(session.create_tmp()) / "dist"
    session.run("python", "-m", "build", "--outdir", str(folder))
    built = sorted(str(file) for file in folder.iterdir() if f"-{version}" in file.name)
    session.run("twine", "check", "--strict", *built)
    session.run("cffconvert", "--validate")
    session.run("python", "-m", "venv", "--clear", str(folder.parent / "empty"))
    python = str(folder.parent / "empty" / "bin" / "python")
    session.run(python, "-m", "pip", "install", "-q", next(f for f in built if f.endswith(".whl")), external=True)
    session.run(python, "-m", "monarch_theory.command", "--version", external=True)
    session.run(python, "-c", "import monarch_theory as mt; print(mt.fourier((2, 2)))", external=True)


@nox.session
def lowest(session: nox.Session) -> None:
    """The reference with the oldest versions of what it needs that `pyproject.toml` says will do."""
    session.install("uv")
    python = str(Path(session.virtualenv.location) / "bin" / "python")
    session.run("uv", "pip", "install", "--python", python, "--resolution", "lowest-direct", "-e", ".")
    session.run("uv", "pip", "install", "--python", python, "pytest>=8", "build", "hatchling", "editables")
    session.run("python", "-m", "pytest", "-q", *of_the_reference())


@nox.session(python=["3.11", "3.12", "3.13"])
def pythons(session: nox.Session) -> None:
    """The reference on every Python it is for; those that are not on this machine are skipped, aloud."""
    session.install("-e", ".[test]", "editables")
    session.run("python", "-m", "pytest", "-q", *of_the_reference())


def of_the_reference() -> list[str]:
    """What is tested where there is no torch."""
    commands = sorted(str(file) for file in Path("tests").glob("test_command_*.py"))
    return ["tests/test_front_door.py", *commands, "tests/theory", "monarch_theory"]
