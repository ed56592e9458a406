"""User code in a process of its own: it may raise, crash, hang or eat memory, and each is an outcome with a name."""

from monarch_theory.sandbox.outcome import Outcome, SandboxError
from monarch_theory.sandbox.process import Described, Sandbox

__all__ = ["Described", "Outcome", "Sandbox", "SandboxError"]
