"""Subcommands of `monarch` that need torch: one file each, named as the subcommand. Torch is imported when one runs."""
