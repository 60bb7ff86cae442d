"""Serve a page to draw digits and read photos on: python app.py."""

from digits import cli
from digits.web.command import main

if __name__ == "__main__":
    cli.run(main)
