"""Search for a network's recipe with Optuna, on one machine or on several at once.

Usage: python benchmarks/sweep.py --model tiny --trials 200 --study sweeps/tiny.journal
           [--plots-dir plots] [FLAG OF train.py ...]

Each trial is a training by train.py's functions, scored on the validation images; the test images
are not read. What is searched are the learning rate, the batch size, the weight decay and, with
augmentation, its strength and shares, except for those that a flag of train.py sets. The first
trial is the recipe of digits/training/recipes.py.

Start the same command on each machine: those that open the same study share its trials, and
--trials counts the trials of all of them. A study is a file in a folder that the machines share, or
a PostgreSQL database, in which the trial of a killed worker is tried again. Started again, the
command continues. At the end it draws the trials and the importance of what was searched, and
prints the command that trains the best.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import shlex
import sys
import tempfile
import time
import urllib.parse
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if not __package__:  # started as a file, which finds the modules beside it only
    sys.path[0] = str(Path(__file__).parent.parent)

import train
from digits import cli, files, plotting

if TYPE_CHECKING:
    import optuna

    from digits.keras_quietly import tf

# Of each field of a recipe that is searched, what Optuna's `suggest_float` takes, or the choices.
# Degraded images are whole groups of a batch, of which there may be eight (dense network).
RANGES: dict[str, dict[str, Any]] = {
    "learning_rate": {"low": 1e-3, "high": 3e-2, "log": True},
    "weight_decay": {"low": 0.0, "high": 0.2, "step": 0.01},
    "warp_strength": {"low": 0.2, "high": 2.0, "step": 0.1},
    "unmodified_share": {"low": 0.0, "high": 0.5, "step": 0.05},
    "degraded_share": {"low": 0.0, "high": 0.75, "step": 0.125},
}
BATCH_SIZES = (128, 256, 512, 1024)
HEARTBEAT_SECONDS = 60  # a worker that has given no sign of life for twice as long is dead
NUM_RETRIES = 3  # of a trial whose worker died
# The first trials are not pruned, because there is no median to compare with, nor is any before
# this share of its epochs: while the learning rate is high, the accuracy says nothing about the
# last one (benchmarks/README.md).
NUM_UNPRUNED = 5
UNPRUNED_SHARE = 0.8


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep:
    """What the trials have in common.

    Attributes:
        flags: of train.py, which all trials get.
        args: these flags, parsed.
        train_set: images and labels to train on, as tensors: TensorFlow keeps for good what a
            training function was traced with, so each trial would leave a copy of arrays behind.
        val_set: images and labels to score after each epoch.
    """

    flags: Sequence[str]
    args: argparse.Namespace
    train_set: tuple[tf.Tensor, tf.Tensor]
    val_set: tuple[np.ndarray, np.ndarray]


def main(argv: list[str] | None = None) -> None:
    """Run trials until the study has enough, then draw them and print the best."""
    parser = cli.Parser(
        description=__doc__,
        prog="benchmarks/sweep.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--trials",
        type=cli.whole_number(1),
        required=True,
        metavar="N",
        help="trials of all machines together, those pruned included",
    )
    parser.add_argument(
        "--study",
        type=study_address,
        required=True,
        metavar="FILE.journal|postgresql://USER@HOST/DATABASE",
        help="where the trials are kept",
    )
    cli.add_plots_flag(parser)
    options, flags = parser.parse_known_args(argv)
    args = train.parse_args(flags)
    if args.resume:
        parser.error("received --resume, which a sweep does by itself: leave it out")
    prefix = f"{options.plots_dir}/{args.model}_sweep"
    paths = {
        name: Path(f"{prefix}_{name}") for name in ("history.png", "importance.png", "trials.csv")
    }
    cli.check_writable(*paths.values())
    try:
        with storage_errors(options.study):
            study = open_study(options.study, args)
            run_trials(study, flags, args, options.trials)
            trials = list_finished(study)
    except ImportError as error:
        cli.fail(f"{error}: pip install -r benchmarks/requirements.txt")
    report(study, flags, args, trials, paths)


def study_address(text: str) -> str:
    """Parse where a study is, as an argparse type."""
    if not text.endswith(".journal") and not text.startswith(("postgresql://", "postgresql+")):
        raise argparse.ArgumentTypeError(
            f"received {text!r}, expected a file name ending in .journal or an address such as "
            "postgresql://user@host/database"
        )
    try:
        urllib.parse.urlsplit(text).port  # noqa: B018
    except ValueError:  # the text is not repeated, because a password may be in it
        raise argparse.ArgumentTypeError(
            "received an address whose port is no number, expected one such as "
            "postgresql://user@host:5432/database"
        ) from None
    return text


@contextlib.contextmanager
def storage_errors(address: str) -> Iterator[None]:
    """End with one line where a study cannot be opened, read or written."""
    import optuna
    import sqlalchemy

    try:
        yield
    except (
        OSError,
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
    ) as error:
        cause = getattr(error, "orig", None) or error.__cause__ or error
        shown = address if address.endswith(".journal") else sqlalchemy.make_url(address)
        cli.fail(f"the study {shown} cannot be used ({cause}): check it, or choose another one")


def open_study(address: str, args: argparse.Namespace) -> optuna.Study:
    """Open the study of a sweep, or create it, with the recipe of the network as its first trial.

    The study's name holds the flags, so that sweeps with other flags are other studies, which can
    be at the same address.

    Args:
        address: a file ending in .journal, or a URL of PostgreSQL.
        args: of train.py.

    Returns:
        The study.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)  # trials are reported here
    settings = {
        name: value
        for name, value in sorted(vars(args).items())
        if value is not None and name not in ("model_path", "plots_dir", "resume")
    }
    recipe = train.make_recipe(args)
    settings["teacher"] = [path.as_posix() for path in args.teacher or ()]
    study = optuna.create_study(
        study_name=" ".join(f"{name}={value}" for name, value in settings.items() if value != []),
        storage=open_storage(address),
        load_if_exists=True,
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(
            n_startup_trials=NUM_UNPRUNED, n_warmup_steps=math.ceil(UNPRUNED_SHARE * recipe.epochs)
        ),
    )
    study.enqueue_trial(
        {name: getattr(recipe, name) or 0.0 for name in list_searched(args)}, skip_if_exists=True
    )
    return study


def open_storage(address: str) -> optuna.storages.BaseStorage:
    """Open what holds the studies: a journal, whose folder is made, or a database."""
    import optuna
    import sqlalchemy

    if address.endswith(".journal"):
        files.check_writable(address)
        # Unlike the default lock, which is a symbolic link, it also works on Windows.
        lock = optuna.storages.journal.JournalFileOpenLock(address)
        backend = optuna.storages.journal.JournalFileBackend(address, lock)
        try:  # before something is appended
            logs = list(backend.read_logs(0))
            is_empty = Path(address).stat().st_size == 0
            is_journal = is_empty or (bool(logs) and all("op_code" in log for log in logs))
        except (TypeError, ValueError):
            is_journal = False
        if not is_journal:
            raise OSError("it is not a journal of Optuna")
        return optuna.storages.JournalStorage(backend)
    url = address.replace("postgresql://", "postgresql+psycopg://", 1)
    with sqlalchemy.create_engine(url).connect() as connection, warnings.catch_warnings():
        # One worker after the other, because they cannot make the same tables at once.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(784)")
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.storages.RDBStorage(
            url,
            engine_kwargs={"pool_pre_ping": True},  # a trial is long enough for a line to drop
            heartbeat_interval=HEARTBEAT_SECONDS,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(
                max_retry=NUM_RETRIES
            ),
        )


def list_searched(args: argparse.Namespace) -> list[str]:
    """List the fields of a recipe that are searched: those that no flag sets, and that matter."""
    return [
        name
        for name in ("batch_size", *RANGES)
        if getattr(args, name) is None and args.augment in train.AUGMENTED.get(name, [args.augment])
    ]


def list_finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """List the trials that ended or were pruned, of all workers; those that failed do not count."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def run_trials(
    study: optuna.Study, flags: Sequence[str], args: argparse.Namespace, num_trials: int
) -> None:
    """Run trials, beside other workers, until the study has so many.

    Args:
        study: to add trials to.
        flags: of train.py, which all trials get.
        args: these flags, parsed.
        num_trials: of all workers.
    """
    from optuna.study import MaxTrialsCallback
    from optuna.trial import TrialState
    from tqdm import tqdm

    num_before, start = len(list_finished(study)), time.monotonic()
    print(f"{num_before} of {num_trials} trials are done in the study {study.study_name!r}.")
    if num_before >= num_trials:
        return
    sweep = prepare(flags, args)

    def show(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        num_done = len(list_finished(study))
        rate = (num_done - num_before) / (time.monotonic() - start)
        left = tqdm.format_interval(max(0, num_trials - num_done) / rate)
        print(
            f"{describe_trial(trial)}; {num_done} of {num_trials} trials, {left} left", flush=True
        )

    study.optimize(
        lambda trial: train_trial(trial, sweep),
        callbacks=[
            show,
            MaxTrialsCallback(num_trials, states=(TrialState.COMPLETE, TrialState.PRUNED)),
        ],
    )


def prepare(flags: Sequence[str], args: argparse.Namespace) -> Sweep:
    """Load the images, and set up TensorFlow; what is wrong with them ends the program here."""
    from digits.keras_quietly import tf

    dataset = train.load_dataset(args)
    with train.set_up(args, train.make_recipe(args)).scope():
        train.build(args)  # loads the teacher
    tf.get_logger().setLevel("ERROR")  # it warns that each trial traces a function of its own
    train_set = tf.constant(dataset.x_train), tf.constant(dataset.y_train)
    return Sweep(flags, args, train_set, (dataset.x_val, dataset.y_val))


def describe_trial(trial: optuna.trial.FrozenTrial) -> str:
    """Describe a finished trial in a line."""
    accuracy = trial.value if trial.value is not None else np.nan
    flags = " ".join(list_flags(trial.params))
    pruned = f", pruned after {trial.last_step} epochs" if trial.state.name == "PRUNED" else ""
    return f"Trial {trial.number}: {accuracy:.2%}{pruned} ({flags})"


def list_flags(params: Mapping[str, float]) -> list[str]:
    """Write the parameters of a trial as flags of train.py, to four digits."""
    return [
        word
        for name, value in params.items()
        for word in (f"--{name.replace('_', '-')}", f"{value:.4g}")
    ]


def suggest(trial: optuna.Trial, args: argparse.Namespace) -> dict[str, float]:
    """Suggest what is searched, for a trial."""
    import optuna

    # Seeded by its number, which no two workers share: they do not try the same, and what a worker
    # that is alone tries can be repeated.
    trial.study.sampler = optuna.samplers.TPESampler(seed=(args.seed + trial.number) % 2**32)
    return {
        name: trial.suggest_categorical(name, BATCH_SIZES)
        if name == "batch_size"
        else trial.suggest_float(name, **RANGES[name])
        for name in list_searched(args)
    }


def train_trial(trial: optuna.Trial, sweep: Sweep) -> float:
    """Train a network as train.py would with the flags of a trial.

    Args:
        trial: is told the validation accuracy after each epoch.
        sweep: what the trials have in common.

    Returns:
        The validation accuracy after the last epoch.

    Raises:
        optuna.TrialPruned: the trial promises less than others did, or its loss became infinite.
    """
    import optuna
    from tqdm import tqdm

    from digits.keras_quietly import keras
    from digits.training import trainer

    args = train.parse_args([*sweep.flags, *list_flags(suggest(trial, sweep.args))])
    recipe = train.make_recipe(args)
    steps_per_epoch = recipe.steps_per_epoch(len(sweep.train_set[0]))
    keras.utils.clear_session()  # of the trial before
    strategy = train.set_up(args, recipe)
    progress = tqdm(
        total=recipe.epochs * steps_per_epoch,
        desc=f"Trial {trial.number}",
        unit="step",
        leave=False,
        disable=None,
    )

    def follow(steps_done: int, values: Mapping[str, float]) -> None:
        progress.update(steps_done - progress.n)
        if "val_accuracy" in values:
            epoch = steps_done // steps_per_epoch
            trial.report(values["val_accuracy"], epoch)
            if epoch < recipe.epochs and trial.should_prune():
                raise optuna.TrialPruned

    try:
        with progress, strategy.scope(), tempfile.TemporaryDirectory() as folder:
            network, teacher = train.build(args)
            history = trainer.fit(
                network,
                sweep.train_set,
                sweep.val_set,
                recipe,
                seed=args.seed,
                checkpoint_path=Path(folder) / "checkpoint.npz",
                settings={},
                teacher=teacher and teacher.model,
                on_progress=follow,
            )
    except FloatingPointError:
        raise optuna.TrialPruned from None
    except KeyboardInterrupt:
        trial.study.enqueue_trial(trial.params)  # to be tried again by who continues
        raise
    return history["val_accuracy"][-1]


def report(
    study: optuna.Study,
    flags: Sequence[str],
    args: argparse.Namespace,
    trials: Sequence[optuna.trial.FrozenTrial],
    paths: Mapping[str, Path],
) -> None:
    """Draw the trials, write them as a table, and print the command that trains the best."""
    completed = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if not completed:
        cli.fail("no trial was trained to its end: the losses became infinite; narrow the search")
    best = study.best_trial
    writers: dict[Path, Callable[[Path], object]] = {
        paths["history.png"]: lambda path: draw_history(trials, args, path),
        paths["trials.csv"]: lambda path: files.write_csv(path, tabulate(trials)),
    }
    importances = measure_importances(study)
    if importances:
        writers[paths["importance.png"]] = lambda path: draw_importances(
            importances, len(completed), args, path
        )
    cli.write_all(writers)
    print(
        f"Best of {len(trials)} trials, {len(trials) - len(completed)} of them pruned: trial "
        f"{best.number}, validation accuracy {best.value:.2%}.\n"
        "The highest of many is too high: benchmarks/seeds.py, with the flags below, measures an "
        "accuracy to state.\n"
        "This command trains it:"
    )
    print(shlex.join(["python", "train.py", *flags, *list_flags(best.params)]))


def tabulate(trials: Sequence[optuna.trial.FrozenTrial]) -> dict[str, list[Any]]:
    """List the trials by column: number, state, epochs, validation accuracy, parameters."""
    return {
        "trial": [trial.number for trial in trials],
        "state": [trial.state.name.lower() for trial in trials],
        "epochs": [trial.last_step for trial in trials],
        "val_accuracy": [trial.value for trial in trials],
    } | {name: [trial.params[name] for trial in trials] for name in trials[0].params}


def measure_importances(study: optuna.Study) -> dict[str, float]:
    """Measure what share of the variance of the accuracy each parameter accounts for.

    By functional ANOVA over a forest (F. Hutter et al., "An efficient approach for assessing
    hyperparameter importance", 2014), of the trials that were not pruned.

    Returns:
        Shares that add up to 1, the largest first; none where all accuracies are the same.
    """
    import optuna

    completed = [trial for trial in list_finished(study) if trial.state.name == "COMPLETE"]
    if len({trial.value for trial in completed}) < 2:
        return {}
    return optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )


def draw_history(
    trials: Sequence[optuna.trial.FrozenTrial], args: argparse.Namespace, path: Path
) -> None:
    """Draw the validation error of each trial, and of the best so far.

    Args:
        trials: finished, at least one of them completed.
        args: of train.py.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(8, 3.8), **plotting.STYLE)
    axes = figure.subplots()
    kinds = (
        ("COMPLETE", plotting.BLUE, "o", "trained to the end"),
        ("PRUNED", plotting.ORANGE, "x", "pruned: error when it was stopped"),
    )
    for state, color, marker, label in kinds:
        shown = [t for t in trials if t.state.name == state and t.value is not None]
        numbers, errors = [t.number for t in shown], [1 - t.value for t in shown]
        if shown:
            axes.plot(numbers, errors, marker, color=color, ms=6, label=label)
    completed = [trial for trial in trials if trial.state.name == "COMPLETE"]
    best = 1 - np.maximum.accumulate([trial.value for trial in completed])
    numbers = [*(trial.number for trial in completed), trials[-1].number]
    axes.step(
        numbers,
        [*best, best[-1]],
        where="post",
        color=plotting.VERMILLION,
        ls="--",
        label="best so far",
    )
    axes.set_yscale("log", nonpositive="clip")
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_minor_formatter(PercentFormatter(1))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(
        xlabel="trial (0: the recipe before the search)",
        ylabel="validation error",
        title=f"Search for a recipe for the {args.model} network",
    )
    axes.grid(alpha=0.3, which="both")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False)
    plotting.save(figure, path)


def draw_importances(
    importances: Mapping[str, float], num_trials: int, args: argparse.Namespace, path: Path
) -> None:
    """Draw the importance of each parameter as a bar.

    Args:
        importances: shares by name, the largest first.
        num_trials: that they were measured on.
        args: of train.py.
        path: PNG file to write.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import PercentFormatter

    figure = Figure(figsize=(8, 0.45 * len(importances) + 1.4), **plotting.STYLE)
    axes = figure.subplots()
    names = [name.replace("_", " ") for name in importances]
    bars = axes.barh(names, importances.values(), color=plotting.BLUE)
    axes.bar_label(bars, [f"{share:.0%}" for share in importances.values()], padding=4)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set(
        xlim=(0, 1),
        xlabel=f"share of the accuracy's variance over {num_trials} unpruned trials (fANOVA)",
        title=f"What matters in the recipe of the {args.model} network",
    )
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    plotting.save(figure, path)


if __name__ == "__main__":
    cli.run(main)
