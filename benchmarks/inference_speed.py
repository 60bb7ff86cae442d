"""Time what a trained model takes to read digits: one alone, and many at once.

Usage: python -m benchmarks.inference_speed FILE.keras [FILE.keras ...]

Prints a row for each model: parameters, size of the file, milliseconds for one image (median of
200), microseconds per image of 10,000 (median of 5), through `Classifier.probabilities`, which
computes batches of 500 in float32.
"""

import argparse
import functools
import statistics
import time
from pathlib import Path

import data
from digits.networks import load_classifier


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
    images = data.normalize(data.load_test()[0])
    print("| model | parameters | file, kB | one image, ms | in batches, µs per image |")
    print("| --- | --- | --- | --- | --- |")
    for path in map(Path, args.models):
        classifier = load_classifier(path)
        alone = time_calls(functools.partial(classifier.probabilities, images[:1]), 200)
        many = time_calls(functools.partial(classifier.probabilities, images), 5)
        num_parameters, size = classifier.keras_model.count_params(), path.stat().st_size
        print(
            f"| {path} | {num_parameters:,} | {size / 1000:,.0f} "
            f"| {1000 * alone:.2f} | {1e6 * many / len(images):.0f} |"
        )


if __name__ == "__main__":
    main()
