"""Exports a network, checks each file against it, and prints a table: `digits export`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from digits import cli, files
from digits.datasets import find_problem, open_part
from digits.export.dataset import Dataset
from digits.export.formats import DETECTOR_PRECISIONS, MIN_AGREEMENT, SUFFIXES, Format
from digits.mnist import NETWORKS


def main(
    argv: Sequence[str] | None = None,
    prog: str = "digits export",
    load_dataset: Callable[[str | None, bool, bool], Dataset] | None = None,
) -> int:
    """Run `digits export`, or export.py.

    Args:
        argv: words of the command line; None for those of the process.
        prog: how the command is called.
        load_dataset: loads what `--data` names, None for MNIST, given `--transpose` and `--invert`
            too; None for `read_dataset`, which has no MNIST.

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
        dataset = (load_dataset or read_dataset)(args.data, args.transpose, args.invert)

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


def read_dataset(path: str, transpose: bool, invert: bool) -> Dataset:
    """Read the training images and the test images and labels, and print what is converted.

    Args:
        path: of a file or folder, in one of the forms that docs/data.md lists.
        transpose: exchange rows and columns of each image.
        invert: exchange black and white.

    Raises:
        ValueError: it is no such dataset, or has no labels.
        OSError: it cannot be read.
    """
    train, test = (open_part(path, name, transpose, invert) for name in ("train", "test"))
    for note in dict.fromkeys([train.note, test.note]):
        if note:
            print(note, flush=True)
    images, labels = test.load()
    if labels is None:
        raise ValueError(f"{path} has test images without labels, expected one for each: add them")
    problem = find_problem(images, labels, {"--transpose": transpose, "--invert": invert})
    if problem:
        print(f"warning: {path}: {problem}", file=sys.stderr)
    return Dataset(train.load()[0], images, labels)


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
        metavar="PATH",
        required=is_data_required,
        help="a dataset of your own, in one of the forms that docs/data.md lists, on whose test "
        "images the files are checked"
        + ("" if is_data_required else " (default: datasets/mnist.npz)"),
    )
    cli.add_orientation_flags(parser)
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
