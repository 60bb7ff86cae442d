"""Measurements behind the figures in the README; run each as python -m benchmarks.NAME."""
