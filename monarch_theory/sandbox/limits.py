"""What user code may take where nothing else is said: the same at the command line and in Python."""

__all__ = ["CASE_SECONDS", "MEMORY", "SECONDS"]

MEMORY = 8.0
"""GiB."""

SECONDS = 300.0
"""For all that one model or file is asked."""

CASE_SECONDS = 10.0
"""For one case of a kernel."""
