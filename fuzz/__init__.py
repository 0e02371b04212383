"""Fuzzing of every reader and parser: `python -m fuzz csv --seconds 60`."""
