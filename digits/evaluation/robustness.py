"""Scores networks on spoiled images for evaluate.py: where they break."""

from pathlib import Path

import numpy as np
from scipy.stats import norm

from digits import cli, files
from digits import mnist as data
from digits.evaluation import reliability
from digits.evaluation.corruptions import CORRUPTIONS, corrupt
from digits.keras_quietly import keras
from digits.networks import storage


def evaluate(args, images, labels):
    """Score the models that evaluate.py's command line names on spoiled images.

    Args:
        args: what `evaluate.parse_args` returns, with `robustness`.
        images: uint8 array of shape (n, 28, 28).
        labels: integers of shape (n,).

    Returns:
        `(results, files written)`.
    """
    with cli.one_line_errors():
        paths = [Path(path) for path in args.robustness]
        paths = paths or [storage.find(args.model, args.model_path)]
        names = storage.name_models(paths)
        figure_path = Path(args.plots_dir) / f"{'_'.join(names)[:100]}_robustness.png"
        files.check_writable(figure_path)
        networks = dict(zip(names, map(storage.load, paths), strict=True))
        kept = storage.read_kept_results(args.results_file, paths)
    num_sets = sum(len(row[3]) for row in CORRUPTIONS.values())
    print(f"Spoiling {len(images):,} test images in {num_sets} ways.", flush=True)
    progress = keras.utils.Progbar(num_sets, unit_name="set")
    results = score(networks, data.normalize(images), labels, lambda: progress.add(1))
    print(format_scores(results))
    with cli.one_line_errors():
        reliability.draw_robustness(results, figure_path)
    amounts = {kind: row[3] for kind, row in CORRUPTIONS.items()}
    return kept | {"robustness": {"amounts": amounts, "models": results}}, [figure_path]


def score(networks, images, labels, progress=None):
    """Score networks on images spoiled in each way, by each amount.

    Args:
        networks: dict of `keras.Model` by name.
        images: float array of shape (n, 28, 28), 0 to 1.
        labels: integers of shape (n,).
        progress: called after each of the 36 sets of spoiled images; or None.

    Returns:
        dict by name of a dict of `clean` (accuracy), `num_images`, `accuracy` (dict by corruption
        of a list, one for each amount), `mean` (of all amounts of all corruptions) and
        `mean_interval` (95%, normal, for the images being a sample).
    """
    results = {name: {"clean": _is_right(network, images, labels).mean(), "accuracy": {}}
               for name, network in networks.items()}  # fmt: skip
    shares = {name: np.zeros(len(labels)) for name in networks}
    amounts = [(kind, amount) for kind, row in CORRUPTIONS.items() for amount in row[3]]
    for kind, amount in amounts:
        spoiled = corrupt(images, kind, amount)
        for name, network in networks.items():
            right = _is_right(network, spoiled, labels)
            results[name]["accuracy"].setdefault(kind, []).append(float(right.mean()))
            shares[name] += right / len(amounts)
        if progress:
            progress()
    for name, share in shares.items():
        error = share.std(ddof=1) / np.sqrt(len(share)) if len(share) > 1 else 1.0
        margin = norm.ppf(0.975) * error
        mean = float(share.mean())
        results[name] |= {
            "clean": float(results[name]["clean"]),
            "num_images": len(labels),
            "mean": mean,
            "mean_interval": (max(mean - margin, 0.0), min(mean + margin, 1.0)),
        }
    return results


def format_scores(results):
    """Format what `score` returned as a table: the mean of the amounts of each corruption."""
    names = list(results)
    width = max(10, *(len(name) + 2 for name in names))
    rows = [("", names), ("none", [f"{results[name]['clean']:.2%}" for name in names])]
    for kind in CORRUPTIONS:
        rows.append((kind, [f"{np.mean(results[name]['accuracy'][kind]):.2%}" for name in names]))
    rows.append(("mean", [f"{results[name]['mean']:.2%}" for name in names]))
    lines = [f"{kind:<14}" + "".join(f"{text:>{width}}" for text in row) for kind, row in rows]
    for name in names:
        low, high = results[name]["mean_interval"]
        lines.append(f"{name}: {results[name]['mean']:.2%}, 95% interval {low:.2%} to {high:.2%}")
    return "\n".join(lines)


def _is_right(network, images, labels):
    return network.predict(images, batch_size=500, verbose=0).argmax(axis=1) == labels
