"""The checks of the project, in the order a reader would want them to fail."""

import os
import shutil

import nox

nox.options.sessions = ["tests"]


@nox.session
def tests(session: nox.Session) -> None:
    """Install everything, then lint, types, and every test."""
    session.install("torch==2.13.0")
    session.install("-e", ".[test,torch,triton,nvrtc,docs,dask]")
    session.run("ruff", "check", ".")
    session.run("mypy")
    install_coq(session)
    session.run("pytest", "-n", "2", *session.posargs)


def install_coq(session: nox.Session) -> None:
    """Coq and MathComp for the machine-checked proofs, where we may install; elsewhere their tests skip and say why."""
    if shutil.which("coqc") or not shutil.which("apt-get") or os.geteuid() != 0:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends", "coq", "libcoq-mathcomp-algebra"]
    # exit code 100 is apt's for a package index out of reach; every other test still runs
    session.run("apt-get", "update", external=True, success_codes=[0, 100])
    session.run(*install, external=True, success_codes=[0, 100])


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, warnings as errors, and serve it; `-- --no-serve` only builds."""
    session.install("torch==2.13.0")
    session.install("-e", ".[torch,docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-j", "2", "-b", "html", "docs", "docs/_build/html")
    if "--no-serve" not in session.posargs:
        session.run("python", "-m", "http.server", "8000", "--bind", "127.0.0.1", "--directory", "docs/_build/html")
