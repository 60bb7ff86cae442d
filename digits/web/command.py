"""The command that serves the page: `python app.py`."""

import argparse
import os
import sys
from collections.abc import Sequence

from digits import cli


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """Parse the command line.

    Args:
        argv: flags; None for those of `sys.argv`.
        prog: name of the command in its help; None for that of the script.

    Returns:
        `host` (str), `port` (int) and `root_path` (str), by default those of Gradio's variables in
        the environment.
    """
    parser = cli.Parser("Serve a page to draw digits and read photos on.", prog=prog)
    parser.add_argument(
        "--host",
        default=os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1",
        help="address to listen on; any but those of this machine alone, such as 127.0.0.1, lets "
        "others in (default: GRADIO_SERVER_NAME, else 127.0.0.1; now %(default)s)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=os.environ.get("GRADIO_SERVER_PORT") or "7860",
        help="port to listen on (default: GRADIO_SERVER_PORT, else 7860; now %(default)s)",
    )
    parser.add_argument(
        "--root-path",
        type=_root_path,
        default=os.environ.get("GRADIO_ROOT_PATH") or "",
        metavar="PATH",
        help="where a proxy serves the page: a path such as /digits, or a URL (default: "
        "GRADIO_ROOT_PATH, else at the proxy's root)",
    )
    return parser.parse_args(argv)


def _port(text: str) -> int:
    try:
        return cli.whole_number(1, 65535)(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error}, also in GRADIO_SERVER_PORT") from None


def _root_path(text: str) -> str:
    if text and not text.startswith(("/", "http://", "https://")):
        raise argparse.ArgumentTypeError(
            f"received {text!r}, expected a path such as /digits or a URL, also in GRADIO_ROOT_PATH"
        )
    return text.rstrip("/")


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
        if args.root_path:
            print(
                f"warning: anyone who can reach {args.root_path} on the proxy can use this page; "
                "there is no password",
                file=sys.stderr,
            )
        server.serve(
            args.host, args.port, lambda message: print(message, flush=True), args.root_path
        )
