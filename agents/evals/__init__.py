"""Measurements of quality: `punchlist eval NAME`."""
