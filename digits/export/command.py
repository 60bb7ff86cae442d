"""Exports a network, checks each file against it, and prints a table: `digits export`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from digits import cli, files
from digits.export.dataset import Dataset, read_dataset
from digits.export.formats import DETECTOR_PRECISIONS, MIN_AGREEMENT, SUFFIXES, Format
from digits.mnist import NETWORKS


def main(
    argv: Sequence[str] | None = None,
    prog: str = "digits export",
    load_dataset: Callable[[str | None], Dataset] | None = None,
) -> int:
    """Run `digits export`, or export.py.

    Args:
        argv: words of the command line; None for those of the process.
        prog: how the command is called.
        load_dataset: loads what `--data` names, None for MNIST; None for `read_dataset`, which has
            no MNIST.

    Returns:
        Exit status: 0, or 1 if a file did not agree and was not kept.
    """
    args = _parse_args(argv, prog, is_data_required=load_dataset is None)
    formats = [
        Format(runtime, precision) for runtime in args.formats for precision in args.precisions
    ]
    name = args.model_path.stem if args.model_path else args.model
    paths = {each: args.export_dir / f"{name}_{each.precision}{each.suffix}" for each in formats}
    cli.check_writable(*paths.values(), args.results_file)
    with cli.one_line_errors():
        dataset = (load_dataset or read_dataset)(args.data)

    from digits.export import convert

    with cli.one_line_errors():
        for runtime in args.formats:
            convert.check_installed(runtime)

    from digits.export import exporter

    with cli.one_line_errors():
        exported = exporter.export(args.model, args.model_path, paths, dataset)
    print(exporter.format_table(exported))
    for row in exported:
        if row.format and row.agrees:
            print(f"Wrote {row.path}")
    if args.results_file:
        results = [row.to_dict() for row in exported]
        cli.write_all({args.results_file: lambda path: files.write_json(path, results)})
    return 0 if all(row.agrees for row in exported) else 1


def _parse_args(
    argv: Sequence[str] | None, prog: str, is_data_required: bool
) -> argparse.Namespace:
    parser = cli.Parser(
        "Export a network to ONNX and LiteRT, and check each file against it.", prog=prog
    )
    parser.add_argument(
        "--model",
        choices=[*NETWORKS, "detector"],
        default="tiny",
        help="which network (default: %(default)s)",
    )
    parser.add_argument(
        "--model-path",
        type=cli.file_name(".keras"),
        metavar="FILE.keras",
        help="the model to export (default: saved_models/MODEL.keras; if you have trained none, "
        "the one released with the project)",
    )
    parser.add_argument(
        "--formats",
        nargs="+",
        choices=list(SUFFIXES),
        default=list(SUFFIXES),
        metavar="FORMAT",
        help=f"which of {', '.join(SUFFIXES)} (default: all)",
    )
    parser.add_argument(
        "--precisions",
        nargs="+",
        choices=list(MIN_AGREEMENT),
        metavar="PRECISION",
        help=f"which of {', '.join(MIN_AGREEMENT)} (default: all; of a detector, "
        f"{' and '.join(DETECTOR_PRECISIONS)}, since others answer otherwise)",
    )
    parser.add_argument(
        "--export-dir",
        type=Path,
        default=Path("saved_models/exported"),
        metavar="FOLDER",
        help="where the files are written (default: %(default)s)",
    )
    parser.add_argument(
        "--data",
        metavar="FILE.npz",
        required=is_data_required,
        help="a dataset with MNIST's keys and shapes, on whose test images the files are checked"
        + ("" if is_data_required else " (default: datasets/mnist.npz)"),
    )
    cli.add_results_flag(parser)
    args = parser.parse_args(argv)
    possible = DETECTOR_PRECISIONS if args.model == "detector" else tuple(MIN_AGREEMENT)
    args.precisions = args.precisions or list(possible)
    refused = [precision for precision in args.precisions if precision not in possible]
    if refused:
        parser.error(
            f"received --precisions {refused[0]} for a detector, expected "
            f"{' or '.join(possible)}: others answer otherwise"
        )
    return args
