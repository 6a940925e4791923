"""Runnable examples: numbered scripts, and the example site that the evaluation uses."""
