"""Seeing what a run did: its journal read as a record, an HTML report of it, and OpenTelemetry spans."""
