"""Runs the command `digits` where it is not on the path: python -m digits."""

from digits.command import run

run()
