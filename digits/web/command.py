"""The command that serves the page: `python app.py`."""

import argparse
import sys
from collections.abc import Sequence

from digits import cli


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """Parse the command line.

    Args:
        argv: flags; None for those of `sys.argv`.
        prog: name of the command in its help; None for that of the script.

    Returns:
        `host` (str) and `port` (int).
    """
    parser = cli.Parser("Serve a page to draw digits and read photos on.", prog=prog)
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on; any but the default lets others in (default: %(default)s, "
        "this machine only)",
    )
    parser.add_argument(
        "--port",
        type=cli.whole_number(1, 65535),
        default=7860,
        help="port to listen on (default: %(default)s)",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Load the networks and serve the page until Ctrl-C; `argv` and `prog` as `parse_args`."""
    args = parse_args(argv, prog)
    from digits.web import server  # late, since it imports the reader

    with cli.one_line_errors((ValueError, OSError, ImportError)):
        server.check_installed()
        if not server.is_loopback(args.host):
            print(
                f"warning: anyone who can reach {args.host} port {args.port} can use this page; "
                "there is no password",
                file=sys.stderr,
            )
        server.serve(args.host, args.port, lambda message: print(message, flush=True))
