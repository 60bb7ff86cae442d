"""The command `digits` of the installed package: `digits read note.jpg`, `digits serve`."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from digits import __version__, cli

# Name and purpose of each subcommand.
COMMANDS = {
    "read": "read the digits on photos of handwritten notes",
    "serve": "serve a web page to draw digits and read photos on",
    "export": "export a network to ONNX and LiteRT, and check the files",
}


def main(argv: Sequence[str] | None = None) -> int | None:
    """Run the subcommand that the command line names.

    Args:
        argv: words of the command line; None for those of the process.

    Returns:
        Exit status of the subcommand; None for 0.
    """
    words = sys.argv[1:] if argv is None else argv
    purposes = "\n".join(f"  {name:<7}{purpose}" for name, purpose in COMMANDS.items())
    parser = cli.Parser(
        f"Read handwritten digits.\n\ncommands:\n{purposes}",
        prog="digits",
        usage="digits COMMAND [FLAG ...]",
        epilog="digits COMMAND --help shows the flags of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"digits {__version__}")
    parser.add_argument(
        "command", metavar="COMMAND", choices=list(COMMANDS), help=argparse.SUPPRESS
    )
    # The words after the subcommand are its own. It is imported only here: that takes time.
    chosen = parser.parse_args(words[:1]).command
    if chosen == "read":
        from digits.reading import command as read
        from digits.scale.command import read_archive

        return read.main(words[1:], read_archive)
    if chosen == "export":
        from digits.export import command as export

        return export.main(words[1:])
    from digits.web import command as serve

    serve.main(words[1:], prog="digits serve")
    return None


def run() -> NoReturn:
    """Run `main` and leave with its status."""
    cli.run(main)
