"""Chess: puzzles as their mover sees them, and the two squares of the best move."""
