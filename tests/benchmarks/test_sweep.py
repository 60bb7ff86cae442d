import csv
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import data
import train
from tests.conftest import ROOT

optuna = pytest.importorskip("optuna", reason="needs pip install -r requirements-dev.txt")

from benchmarks import sweep  # noqa: E402

SCRIPT = "benchmarks/sweep"
QUICK = ("--augment", "none", "--epochs", 3, "--batch-size", 32)


@pytest.fixture
def run_sweep(run_main, monkeypatch, tmp_path, tiny_data):
    """Run a sweep of short trainings in this process, into a journal."""
    from digits.keras_quietly import keras
    from digits.training import diagram, trainer

    monkeypatch.setattr(trainer, "use_threads", lambda execution: None)
    monkeypatch.setattr(diagram, "draw_network", lambda *args: None)
    with np.load(tiny_data) as arrays:  # a sweep has no use for a test set
        np.savez(tmp_path / "train.npz", x_train=arrays["x_train"], y_train=arrays["y_train"])

    def run(*args, study="sweeps/s.journal"):
        return run_main(SCRIPT, "--study", study, "--data", "train.npz", *QUICK, *args)

    yield run
    keras.config.set_dtype_policy("float32")


def load_trials(address):
    storage = sweep.open_storage(str(address))
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_sweep_resumes_and_ends_with_the_command_that_trains_the_best(
    run_sweep, run_main, tmp_path
):
    first = run_sweep("--trials", 2)
    assert (first.returncode, first.stderr) == (0, "")
    assert "0 of 2 trials are done" in first.stdout
    second = run_sweep("--trials", 4)
    assert (second.returncode, second.stderr) == (0, "")
    assert "2 of 4 trials are done" in second.stdout
    assert len(re.findall("^Trial ", second.stdout, re.MULTILINE)) == 2
    trials = load_trials(tmp_path / "sweeps" / "s.journal")
    assert [trial.number for trial in trials] == [0, 1, 2, 3]

    # The first is the recipe as it is; what a flag sets is not searched.
    recipe = train.make_recipe(train.parse_args(["--augment", "none"]))
    assert trials[0].params == {"learning_rate": recipe.learning_rate, "weight_decay": 0.0}
    assert len({str(trial.params) for trial in trials}) == 4

    rows = read_csv(tmp_path / "plots" / "dense_sweep_trials.csv")
    assert [float(row["val_accuracy"]) for row in rows] == [trial.value for trial in trials]
    for name in ("history", "importance"):
        assert (tmp_path / "plots" / f"dense_sweep_{name}.png").stat().st_size > 5000

    # train.py, run by the last line, does what the best trial did, to the last bit.
    python, script, *flags = shlex.split(second.stdout.splitlines()[-1])
    assert (python, script) == ("python", "train.py")
    trained = run_main("train.py", *flags, "--model-path", "best.keras")
    assert trained.returncode == 0, trained.stderr
    best = max(trials, key=lambda trial: trial.value)
    accuracies = [row["val_accuracy"] for row in read_csv(tmp_path / "plots" / "best_history.csv")]
    assert list(map(float, accuracies)) == list(best.intermediate_values.values())
    assert best.value == float(accuracies[-1])

    # Enough trials: the same result at once, without a training.
    third = run_sweep("--trials", 4)
    assert "Trial " not in third.stdout
    assert third.stdout.splitlines()[-6:] == second.stdout.splitlines()[-6:]


def test_an_interrupted_trial_is_tried_again(run_sweep, monkeypatch, tmp_path):
    from digits.training import trainer

    fit, calls = trainer.fit, []

    def interrupted(*args, **options):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return fit(*args, **options)

    monkeypatch.setattr(trainer, "fit", interrupted)
    done = run_sweep("--trials", 2)
    assert (done.returncode, done.stderr.count("\n")) == (130, 2)
    assert "Traceback" not in done.stderr
    assert run_sweep("--trials", 2).returncode == 0
    trials = load_trials(tmp_path / "sweeps" / "s.journal")
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert trials[2].params == trials[1].params != trials[0].params


def test_hopeless_trials_are_pruned_and_not_chosen(run_sweep, monkeypatch, tmp_path):
    from digits.training import trainer

    def fit(*args, on_progress, **options):
        """Trial 2 is worse than those before in each epoch, trial 3 blows up."""
        number = len(load_trials(tmp_path / "sweeps" / "s.journal")) - 1
        if number == 3:
            raise FloatingPointError("the loss became NaN")
        steps = len(args[1][0]) // 32
        history = [0.5 + 0.1 * epoch - 0.3 * (number == 2) for epoch in range(5)]
        for epoch, accuracy in enumerate(history, 1):
            on_progress(epoch * steps - 1, {"loss": 1.0})
            on_progress(epoch * steps, {"val_accuracy": accuracy})
        return {"val_accuracy": history}

    monkeypatch.setattr(trainer, "fit", fit)
    monkeypatch.setattr(sweep, "NUM_UNPRUNED", 2)
    done = run_sweep("--trials", 5, "--epochs", 5)
    assert (done.returncode, done.stderr) == (0, "")
    trials = load_trials(tmp_path / "sweeps" / "s.journal")
    states = [trial.state.name for trial in trials]
    assert states == ["COMPLETE", "COMPLETE", "PRUNED", "PRUNED", "COMPLETE"]
    # Not before four fifths of the epochs, in which the accuracy says nothing about the last one.
    assert list(trials[2].intermediate_values) == [1, 2, 3, 4]
    assert "Trial 2: 50.00%, pruned after 4 epochs" in done.stdout
    assert "Best of 5 trials, 2 of them pruned: trial 0" in done.stdout


def test_the_test_images_are_not_read(run_sweep, monkeypatch):
    def refuse(path=None):
        raise AssertionError("the test set was read")

    monkeypatch.setattr(data, "load_test", refuse)
    assert run_sweep("--trials", 1).returncode == 0  # from a file that has none


@pytest.mark.parametrize("augment", ["none", "warp", "degrade"])
@pytest.mark.parametrize("model", ["dense", "tiny", "cnn"])
def test_each_suggestion_is_a_recipe_that_the_flags_of_train_make(model, augment):
    flags = ["--model", model, "--augment", augment]
    args = train.parse_args(flags)
    searched = sweep.list_searched(args)
    assert ("degraded_share" in searched) == (augment == "degrade")
    assert ("warp_strength" in searched) == (augment != "none")
    study = optuna.create_study()
    recipe = train.make_recipe(args)
    study.enqueue_trial({name: getattr(recipe, name) or 0.0 for name in searched})
    for number in range(20):
        params = sweep.suggest(study.ask(), args)
        made = train.make_recipe(train.parse_args([*flags, *sweep.list_flags(params)]))
        if number == 0:
            assert made == recipe
        for name, value in params.items():
            assert (getattr(made, name) or 0) == pytest.approx(value, rel=1e-3)
        if augment == "degrade":  # no share is rounded to another
            from digits.training import trainer

            num_warps = trainer._count_warps(made.batch_size, made)
            assert num_warps * made.degraded_share % 1 == 0


def test_workers_do_not_try_the_same_and_other_flags_are_another_study(tmp_path):
    address = str(tmp_path / "s.journal")
    args = train.parse_args(["--epochs", "3"])
    one, other = (sweep.open_study(address, args) for _ in range(2))
    trials = [study.ask() for study in (one, other, one, other)]
    params = [sweep.suggest(trial, args) for trial in trials]
    assert len({str(chosen) for chosen in params}) == 4
    assert one.trials[0].params == params[0]
    same = sweep.open_study(address, train.parse_args(["--model-path", "x.keras", "--epochs", "3"]))
    assert len(same.trials) == 4
    longer = sweep.open_study(address, train.parse_args(["--epochs", "4"]))
    assert [trial.state.name for trial in longer.trials] == ["WAITING"]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--study", "s.db", "--trials", 1], "received 's.db', expected a file name ending in"),
        (["--study", "sqlite:///s.db", "--trials", 1], "received 'sqlite:///s.db'"),
        (["--study", "postgresql://me:secret@host:abc/x", "--trials", 1], "port is no number"),
        (["--study", "s.journal", "--trials", 0], "received '0', expected a whole number from 1"),
        (["--study", "s.journal"], "the following arguments are required: --trials"),
        (["--study", "s.journal", "--trials", 1, "--resume"], "a sweep does by itself"),
        (["--study", "s.journal", "--trials", 1, "--epochs", "x"], "received 'x'"),
        (["--study", "s.journal", "--trials", 1, "--data", "no.npz"], "no.npz does not exist"),
        (["--study", "/dev/null/s.journal", "--trials", 1], "cannot write to the folder"),
        (["--study", "notes.journal", "--trials", 1], "notes.journal cannot be used (it is not"),
        (["--study", "list.journal", "--trials", 1], "list.journal cannot be used (it is not"),
        (
            ["--study", "postgresql://me:secret@127.0.0.1:1/x", "--trials", 1],
            "postgresql://me:***@127.0.0.1:1/x cannot be used (",
        ),
    ],
)
def test_mistakes_are_one_line_status_2_and_leave_no_trial(run_main, tmp_path, args, expected):
    others = {"notes.journal": "Dear diary,\n", "list.journal": '{"a": 1}\n7\n'}
    for name, text in others.items():
        (tmp_path / name).write_text(text)
    done = run_main(SCRIPT, *args)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "secret" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert {name: (tmp_path / name).read_text() for name in others} == others
    if (tmp_path / "s.journal").exists():
        assert [trial.state.name for trial in load_trials(tmp_path / "s.journal")] == ["WAITING"]


def test_without_optuna_the_error_says_what_to_install(run_main, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    done = run_main(SCRIPT, "--study", "s.journal", "--trials", 1)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.endswith("pip install -r benchmarks/requirements.txt\n")


def test_both_ways_to_start_it_answer_before_any_heavy_import(run_script):
    code = (
        "import sys, runpy\n"
        f"sys.argv = [{str(ROOT / 'benchmarks' / 'sweep.py')!r}, '--help']\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end: assert end.code == 0\n"
        "found = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'optuna'} & sys.modules.keys()\n"
        "sys.exit(f'imported {found}' if found else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd="/")
    assert (done.returncode, done.stderr) == (0, "")
    command = [sys.executable, "-m", "benchmarks.sweep", "--help"]
    module = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert module.stdout.startswith("usage: ")
    assert module.stdout == done.stdout


def test_figures_say_what_they_show(drawn, tmp_path):
    study = optuna.create_study(direction="maximize")
    ranges = {"learning_rate": optuna.distributions.FloatDistribution(1e-3, 1e-1)}
    for number, (value, state) in enumerate(
        [(0.98, "COMPLETE"), (0.9, "PRUNED"), (0.99, "COMPLETE"), (None, "PRUNED"), (1, "COMPLETE")]
    ):
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState[state],
                value=value,
                intermediate_values={} if value is None else {1: value},
                params={"learning_rate": 0.01 * (number + 1)},
                distributions=ranges,
            )
        )
    trials = sweep.list_finished(study)
    sweep.draw_history(trials, train.parse_args([]), tmp_path / "h.png")
    axes = drawn[0].axes[0]
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["trained to the end", "pruned: error when it was stopped", "best so far"]
    np.testing.assert_allclose(lines["best so far"].get_ydata(), [0.02, 0.01, 0, 0], atol=1e-9)
    np.testing.assert_array_equal(lines["trained to the end"].get_xdata(), [0, 2, 4])
    pruned = lines["pruned: error when it was stopped"]
    np.testing.assert_allclose((*pruned.get_xdata(), *pruned.get_ydata()), [1, 0.1])
    importances = sweep.measure_importances(study)
    assert importances == {"learning_rate": pytest.approx(1)}
    sweep.draw_importances(importances, 3, train.parse_args([]), tmp_path / "i.png")
    texts = [text.get_text() for text in drawn[1].axes[0].texts]
    assert texts == ["100%"]
    assert [label.get_text() for label in drawn[1].axes[0].get_yticklabels()] == ["learning rate"]


def test_trials_of_one_accuracy_tell_no_importance():
    study = optuna.create_study(direction="maximize")
    assert sweep.measure_importances(study) == {}
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1) > 2, n_trials=3)
    assert sweep.measure_importances(study) == {}


def find_postgres():
    """The folder with PostgreSQL's programs, or None."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return Path(found).resolve().parent if found else folders[-1] if folders else None


@pytest.fixture(scope="module")
def database():
    """The address of a database of a PostgreSQL server of its own, which refuses to run as root."""
    pytest.importorskip("psycopg", reason="needs pip install -r requirements-dev.txt")
    programs = find_postgres()
    if not programs or not hasattr(os, "geteuid"):
        pytest.skip("PostgreSQL is not installed")
    options = {}
    if os.geteuid() == 0:
        options["user"] = (
            "postgres" if "postgres" in {u.pw_name for u in pwd.getpwall()} else "nobody"
        )
    folder = Path(tempfile.mkdtemp(prefix="postgres"))
    try:
        if options:
            shutil.chown(folder, options["user"])
        quiet = options | {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL}
        initialize = ["initdb", "-D", folder / "data", "-U", "sweeper", "-A", "trust", "--no-sync"]
        subprocess.run([programs / initialize[0], *initialize[1:]], **quiet)
        # On a socket in its folder, not on the network.
        server = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        control = [programs / "pg_ctl", "-D", folder / "data", "-w"]
        subprocess.run([*control, "-l", folder / "log", "-o", server, "start"], **quiet)
        try:
            yield f"postgresql://sweeper@/postgres?host={folder}"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(folder)


@pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed")
def test_workers_can_open_a_new_database_at_once(database):
    import psycopg

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE DATABASE fresh")
    fresh = database.replace("/postgres?", "/fresh?")
    args = train.parse_args([])
    with ThreadPoolExecutor(6) as pool:
        studies = list(pool.map(lambda _: sweep.open_study(fresh, args), range(6)))
    assert len({study.ask().number for study in studies}) == 6


def test_postgresql_tries_the_trial_of_a_killed_worker_again(
    database, run_sweep, monkeypatch, tmp_path
):
    monkeypatch.setattr(sweep, "HEARTBEAT_SECONDS", 1)
    code = (
        "import sys; from benchmarks import sweep; sweep.HEARTBEAT_SECONDS = 1\n"
        "from digits.training import trainer; fit = trainer.fit\n"
        "def slow(*args, on_progress, **options):\n"
        "    def follow(*step): on_progress(*step); import time; time.sleep(60)\n"
        "    return fit(*args, on_progress=follow, **options)\n"
        "trainer.fit = slow; sweep.main(sys.argv[1:])\n"
    )
    flags = ["--study", database, "--trials", 2, "--data", "train.npz", *QUICK]
    worker = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, flags)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        storage = sweep.open_storage(database)
        deadline = time.monotonic() + 120
        while not any(
            trial.intermediate_values
            for study in storage.get_all_studies()
            for trial in storage.get_all_trials(study._study_id)
        ):
            assert worker.poll() is None, worker.stderr.read()
            assert time.monotonic() < deadline, "no epoch after two minutes"
            time.sleep(0.1)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    time.sleep(2.5)  # until its last heartbeat is two intervals ago

    done = run_sweep("--trials", 2, study=database)
    assert (done.returncode, done.stderr) == (0, "")
    trials = load_trials(database)
    assert [trial.state.name for trial in trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert trials[1].params == trials[0].params
    assert trials[1].system_attrs["failed_trial"] == 0
    assert trials[2].params != trials[0].params
