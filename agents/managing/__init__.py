"""How a manager drives the tasks of a run: its crew and lanes, the board, one drive for each task."""
