"""Training: corpora of tokens on disk and the one trainer."""
