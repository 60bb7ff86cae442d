"""Try a recipe on validation images, with a split of its own for each seed.

Usage: python -m benchmarks.recipe_search --epochs 100 --learning-rate 0.008 --warp-strength 1

Prints one line: the settings, mean ± standard deviation of the validation accuracy over the
seeds, the loss, and the median seconds. The test set is not touched.
"""

import argparse
import dataclasses
import statistics
import tempfile
import time
from pathlib import Path

import data
from digits.training import RECIPES, choose_recipe


def main():
    """Train once a seed and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=list(RECIPES), default="dense")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--learning-rate", type=float, required=True)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--warp-strength", type=float, default=0.0)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    import model as models
    from digits.keras_quietly import keras
    from digits.training import trainer

    recipe = dataclasses.replace(
        choose_recipe(args.model, "warp", distilled=False),
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        warp_strength=args.warp_strength,
    )
    trainer.use_threads(recipe.execution)
    keras.config.set_dtype_policy(trainer.choose_policy(recipe.execution))
    images, labels = data.load_train()
    accuracies, losses, seconds = [], [], []
    for seed in range(args.seeds):
        train_set, val_set = data.split_validation(images, labels, seed=seed)
        keras.utils.set_random_seed(seed)
        network = models.BUILDERS[args.model]()
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            history = trainer.fit(
                network,
                train_set,
                val_set,
                recipe,
                seed=seed,
                checkpoint_path=Path(folder) / "checkpoint.npz",
                settings={},
            )
        seconds.append(time.perf_counter() - start)
        accuracies.append(100 * history["val_accuracy"][-1])
        losses.append(history["val_loss"][-1])
    deviation = statistics.stdev(accuracies) if args.seeds > 1 else 0.0
    print(
        f"{vars(args)}: {statistics.mean(accuracies):.3f}% ± {deviation:.3f}, "
        f"loss {statistics.mean(losses):.4f}, {statistics.median(seconds):.2f} s"
    )


if __name__ == "__main__":
    main()
