"""Small worlds with exact rules that agents reason in: their states, moves, prompts and checkers."""
