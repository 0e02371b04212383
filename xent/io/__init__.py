"""Bytes to batches, results to bytes."""
