"""The checks of the project, in the order a reader would want them to fail."""

import nox

nox.options.sessions = ["tests"]


@nox.session
def tests(session: nox.Session) -> None:
    """Install everything, then lint, types, and every test."""
    session.install("torch==2.13.0")
    session.install("-e", ".[test,torch,triton,nvrtc,docs]")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("pytest", "-n", "2", *session.posargs)


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation, warnings as errors, and serve it; `-- --no-serve` only builds."""
    session.install("torch==2.13.0")
    session.install("-e", ".[torch,docs]")
    session.run("sphinx-build", "-W", "--keep-going", "-j", "2", "-b", "html", "docs", "docs/_build/html")
    if "--no-serve" not in session.posargs:
        session.run("python", "-m", "http.server", "8000", "--bind", "127.0.0.1", "--directory", "docs/_build/html")
