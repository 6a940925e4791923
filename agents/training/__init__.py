"""Training data of the embedded model: generated pages, goals and right answers to every role's questions."""
