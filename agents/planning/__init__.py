"""From a goal to a checked plan: what is read out of it, and what speaks against a reading."""
