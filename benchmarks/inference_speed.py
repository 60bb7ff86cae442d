"""Time what a trained model takes to read digits: one alone, and many at once.

Usage: python -m benchmarks.inference_speed FILE.keras [FILE.keras ...]

Prints a row a model: parameters, size of the file, milliseconds for an image alone
(`predict_on_batch`, median of 200), microseconds an image of 10,000 in batches of 500 (median of
5). In float32, as `predict.py` does.
"""

import argparse
import statistics
import time
from pathlib import Path

import data


def time_calls(function, repeats):
    """Median seconds of a call, after one that is not counted."""
    function()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main():
    """Time each model and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", metavar="FILE.keras")
    args = parser.parse_args()
    from digits.keras_quietly import keras  # noqa: F401
    from digits.networks import storage

    images = data.normalize(data.load_test()[0])
    print("| model | parameters | file, kB | one image, ms | in batches, µs an image |")
    print("| --- | --- | --- | --- | --- |")
    for path in map(Path, args.models):
        network = storage.load(path)
        alone = time_calls(lambda network=network: network.predict_on_batch(images[:1]), 200)
        many = time_calls(
            lambda network=network: network.predict(images, batch_size=500, verbose=0), 5
        )
        print(
            f"| {path} | {network.count_params():,} | {path.stat().st_size / 1000:,.0f} "
            f"| {1000 * alone:.2f} | {1e6 * many / len(images):.0f} |"
        )


if __name__ == "__main__":
    main()
