"""Scores classifiers: accuracy, calibration, robustness, comparison, a report."""
