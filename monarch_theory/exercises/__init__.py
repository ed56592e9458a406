"""Exercises of the lessons that a program answers, and how an answer is graded."""

from monarch_theory.exercises.grading import Exercise, Graded, grade
from monarch_theory.exercises.rows import EXERCISES

__all__ = ["EXERCISES", "Exercise", "Graded", "grade"]
