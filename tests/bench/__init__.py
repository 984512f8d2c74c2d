"""Benchmarks: Lintas and its references, measured side by side in one run."""
