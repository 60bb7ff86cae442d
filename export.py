"""Export a network to other runtimes, and prove that it answers alike: python export.py."""

from __future__ import annotations

import data
from digits import cli
from digits.export import command
from digits.export.dataset import Dataset


def load_dataset(path: str | None, transpose: bool, invert: bool) -> Dataset:
    """Load the training images and the test images and labels."""
    options = path, transpose, invert
    return Dataset(data.load_train(*options)[0], *data.load_test(*options))


def main(argv: list[str] | None = None) -> int:
    """Export a network, and check each file; returns the exit status."""
    return command.main(argv, prog="export.py", load_dataset=load_dataset)


if __name__ == "__main__":
    cli.run(main)
