"""Scores classifiers (accuracy, calibration, robustness, comparison, a report) and detections.

Each of `scoring.score_classifiers`, `compare.compare`, `robustness.measure_robustness` and
`report.make_report` measures once and returns a `Result`.
"""

from pathlib import Path
from typing import Any, Protocol


class Result(Protocol):
    """What was measured, and the forms in which it can be shown."""

    def format(self) -> str:
        """Format the result as a few lines of text."""

    def draw(self, folder: Path) -> list[Path]:
        """Draw the result's figures into a folder, which is made if it is missing.

        Returns:
            Paths of the files written.
        """

    def to_dict(self) -> dict[str, Any]:
        """Convert the result to plain numbers, strings, lists and dicts, ready for JSON."""
