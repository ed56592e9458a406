"""Expressivity: is a matrix Monarch, how near can one get, and which transforms are built from Monarch matrices."""
