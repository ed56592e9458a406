"""What user code may take where nothing else is said: the same at the command line and in Python."""

__all__ = ["CASE_SECONDS", "LONGEST", "MEMORY", "PATIENT", "SECONDS", "THREADS_END"]

MEMORY = 8.0
"""GiB."""

SECONDS = 300.0
"""For all that one model or file is asked."""

CASE_SECONDS = 10.0
"""For one case of a kernel."""

LONGEST = 10_000_000
"""Seconds that anything may take at most, about four months: more than that, a system's clock does not hold."""

THREADS_END = 4.0
"""Seconds in which threads that a kernel has left running may end before its results are looked at once more."""

PATIENT = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads of OpenMP sleep while they wait, unless the user's environment says otherwise: spinning on a machine that
does something else as well costs many times what they compute."""
