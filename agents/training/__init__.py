"""Training data for the embedded model: generated pages, goals and the right answers to every role's questions."""
