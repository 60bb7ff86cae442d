"""Train the dense network as tutorials do, for the first rung of the README's ladder.

Usage: python -m benchmarks.tutorial [--seeds 5]

`model.fit` with Adam, batch 32, 10 epochs, no augmentation, on the same 55,000 images as train.py.
Appends a line a seed to benchmarks/results/seeds.jsonl under "tutorial".
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import data

RESULTS = Path(__file__).parent / "results" / "seeds.jsonl"


def main():
    """Train and score each seed and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    import model as models
    from digits.evaluation import metrics
    from digits.keras_quietly import keras

    (x_train, y_train), _ = data.split_validation(*data.load_train())
    x_test, y_test = data.load_test()
    accuracies = []
    for seed in range(args.seeds):
        keras.utils.set_random_seed(seed)
        layers = models.build_dense().layers
        # Tutorials do not normalize each image.
        network = keras.Sequential([layer for layer in layers if layer.name != "normalize"])
        network.compile("adam", "sparse_categorical_crossentropy")
        start = time.perf_counter()
        network.fit(data.normalize(x_train), y_train, batch_size=32, epochs=10, verbose=0)
        seconds = time.perf_counter() - start
        scores = metrics.score(y_test, network.predict(data.normalize(x_test), verbose=0))
        row = {"name": "tutorial", "seed": seed, "test_accuracy": scores.accuracy}
        row |= {"ece": scores.ece, "seconds": round(seconds, 2)}
        with open(RESULTS, "a") as file:
            file.write(json.dumps(row) + "\n")
        accuracies.append(100 * scores.accuracy)
        print(f"seed {seed}: {accuracies[-1]:.2f}% in {seconds:.1f} s", flush=True)
    print(f"{statistics.mean(accuracies):.3f} ± {statistics.stdev(accuracies):.3f}%")


if __name__ == "__main__":
    main()
