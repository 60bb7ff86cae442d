"""Train the dense network on 100 to 60,000 images, to see what data is worth.

Usage: python -m benchmarks.learning_curve [--seeds 5]

Every training takes the same 3,510 steps (30 epochs of 60,000 images, in which fewer images are
repeated), with unmodified or with warped images, and is scored once on the 10,000 test images.
Nothing is chosen by these scores. Writes benchmarks/results/learning_curve.json, which
evaluate.py --report draws.
"""

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np

import data
from digits import files
from digits.training import choose_recipe

RESULTS = Path(__file__).parent / "results" / "learning_curve.json"
SIZES = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000)
STRENGTHS = {"unmodified images": 0.0, "warped images": 1.0}
EPOCHS, BATCH_SIZE, LEARNING_RATE = 30, 512, 8e-3


def make_recipe(strength):
    """The recipe of all trainings here, with warps of this strength."""
    return dataclasses.replace(
        choose_recipe("dense", "warp", distilled=False),
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        warp_strength=strength,
    )


def train(images, labels, size, seed, strength, folder):
    """Train the dense network on some of the images; returns it."""
    import model as models
    from digits.keras_quietly import keras
    from digits.training import trainer

    keras.utils.set_random_seed(seed)
    # The first ones of an order that depends on the seed only: a larger set contains the smaller.
    chosen = np.random.default_rng(seed).permutation(len(images))[:size]
    chosen = np.resize(chosen, len(images))
    network = models.build_dense()
    trainer.fit(
        network,
        (images[chosen], labels[chosen]),
        (images[:10], labels[:10]),
        make_recipe(strength),
        seed=seed,
        checkpoint_path=folder / "learning_curve.npz",
        settings={},
    )
    return network


def main():
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    from digits.evaluation import metrics
    from digits.training import trainer

    trainer.use_threads(make_recipe(0.0).execution)
    images, labels = data.load_train()
    x_test, y_test = data.load_test()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"curves": {}}
    results["dataset_sha256"] = data.digest(images, labels)
    for name, strength in STRENGTHS.items():
        rows = results["curves"].setdefault(
            name, [{"num_images": n, "accuracies": []} for n in SIZES]
        )
        for row in rows:
            for seed in range(len(row["accuracies"]), args.seeds):
                with tempfile.TemporaryDirectory() as folder:
                    parts = images, labels, row["num_images"], seed, strength, Path(folder)
                    network = train(*parts)
                probabilities = network.predict(data.normalize(x_test), 1000, verbose=0)
                row["accuracies"].append(metrics.score(y_test, probabilities).accuracy)
                files.write_json(RESULTS, results)
                print(f"{name}, {row['num_images']:,}: {row['accuracies'][-1]:.2%}", flush=True)


if __name__ == "__main__":
    main()
