"""Sudoku: a solver, a rating, a canonical form and a generator, and the puzzles they made."""
