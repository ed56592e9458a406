"""`python -m monarch_theory.command` is `monarch`."""

from monarch_theory.command import main

main()
