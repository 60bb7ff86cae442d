"""What the scripts share at the command line: flags, one-line errors, a quiet start."""

import argparse
import contextlib
import math
import os
import sys
import tempfile
from pathlib import Path


class Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line instead of the whole usage."""

    def __init__(self, description):
        """Make a parser that takes no abbreviated flags."""
        super().__init__(description=description, allow_abbrev=False)

    def error(self, message):
        """Print the mistake and where to read on, and leave with status 2."""
        fail(f"{message}; see python {self.prog} --help")


def fail(message):
    """Print a one-line error and leave with status 2."""
    print(f"error: {' '.join(str(message).split())}", file=sys.stderr)
    sys.exit(2)


@contextlib.contextmanager
def one_line_errors(kinds=(ValueError, OSError)):
    """Turn errors that the user's files, folders and settings cause into one line and status 2.

    Wrap only what reads or writes what the user named: an error elsewhere is a bug, and keeps
    its traceback.

    Args:
        kinds: exception classes to turn.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except kinds as error:
        fail(error)


def run(main):
    """Run a script's `main`; Ctrl-C ends it with status 130 and one line."""
    try:
        try:
            main()
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nInterrupted: no file is left half-written.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader, such as `| head`, is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


@contextlib.contextmanager
def caught_stderr():
    """Catch what libraries write to stderr, past Python too; yields the file that it goes to."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield caught
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def import_keras():
    """Import Keras without the lines that TensorFlow prints while it is loaded.

    Its logging can be turned down by an environment variable only after the first of them, so
    they are caught, and shown only if the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"  # loop.py is written for it
    said = b""
    try:
        with caught_stderr() as caught:
            try:
                import keras  # noqa: F401
            except Exception:
                caught.seek(0)
                said = caught.read()
                raise
    except Exception:
        os.write(2, said)
        raise


def whole_number(minimum, maximum=2**31 - 1):
    """Make an argparse type for whole numbers from `minimum` to `maximum`."""

    def parse(text):
        try:
            number = int(text)
        except ValueError:
            number = None
        if number is None or not minimum <= number <= maximum:
            raise argparse.ArgumentTypeError(
                f"received {text!r}, expected a whole number from {minimum} to {maximum}"
            )
        return number

    return parse


def positive_number(text):
    """Parse a number above 0, as an argparse type."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a number above 0")
    return number


def keras_file(text):
    """Parse the name of a `.keras` file, as an argparse type."""
    if Path(text).suffix != ".keras":
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a name ending in .keras")
    return text


def json_file(text):
    """Parse the name of a `.json` file, as an argparse type."""
    if Path(text).suffix != ".json":
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a name ending in .json")
    return text


def csv_file(text):
    """Parse the name of a `.csv` file, as an argparse type."""
    if Path(text).suffix != ".csv":
        raise argparse.ArgumentTypeError(f"received {text!r}, expected a name ending in .csv")
    return text


def add_common_flags(parser, default_model="dense"):
    """Add the flags that every script has; the default model may be words that explain it."""
    models = ["dense", "cnn", "tiny"]
    parser.add_argument(
        "--model",
        choices=models,
        default=default_model if default_model in models else None,
        help=f"which network (default: {default_model})",
    )
    parser.add_argument(
        "--model-path",
        type=keras_file,
        metavar="FILE.keras",
        help="the model to write (train.py) or to read (default: saved_models/MODEL.keras; if you "
        "have trained none, the one released with the project)",
    )
    add_data_flags(parser)


def add_data_flags(parser):
    """Add `--data` and `--plots-dir`."""
    parser.add_argument(
        "--data",
        metavar="FILE.npz",
        help="a dataset with MNIST's keys and shapes (default: datasets/mnist.npz)",
    )
    parser.add_argument(
        "--plots-dir",
        default="plots",
        metavar="FOLDER",
        help="where figures are written (default: %(default)s)",
    )


def add_results_flag(parser):
    """Add `--results-file`."""
    parser.add_argument(
        "--results-file",
        type=json_file,
        metavar="FILE.json",
        help="write the numbers here too; the model's own .json keeps what else it says "
        "(default: they are only printed)",
    )


def add_seed_flag(parser):
    """Add `--seed`."""
    parser.add_argument(
        "--seed",
        type=whole_number(0),
        default=0,
        help="same seed, same result (default: %(default)s)",
    )


def default_model_path(name):
    """Where a user's own model of this name is written and looked for."""
    return Path("saved_models", f"{name}.keras")
