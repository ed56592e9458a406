"""The checks of the project, in the order a reader would want them to fail."""

import nox

nox.options.sessions = ["tests"]


@nox.session
def tests(session: nox.Session) -> None:
    """Install everything, then lint, types, and every test."""
    session.install("torch==2.13.0")
    session.install("-e", ".[test,torch]")
    session.run("ruff", "check", ".")
    session.run("mypy")
    session.run("pytest", "-n", "2", *session.posargs)
