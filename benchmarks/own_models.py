"""Measures how often it is told what models of other projects take: 0-1 or 0-255.

python -m benchmarks.own_models trains 44 small networks of the usual kinds with Keras's `fit`, each
on images of 0-1 or of 0-255, for seconds, and counts what `digits.networks.adapter`
says of them. It takes some minutes.
"""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import data
from digits import cli
from digits.keras_quietly import keras
from digits.networks import load_classifier

# Training images and epochs; the last one for models of (28, 28) only.
TRAININGS = ((2_000, 1), (60_000, 1), (10_000, 12))
SHAPES = ((28, 28), (28, 28, 1), (784,))


class Case(NamedTuple):
    """One network: its layers, what it takes and gives, and its training."""

    kind: str
    shape: tuple[int, ...]
    max_pixel: int
    activation: str | None
    num_images: int
    epochs: int


def list_cases() -> Iterator[Case]:
    """List the networks that are trained."""
    for shape, activation, max_pixel in itertools.product(SHAPES, (None, "softmax"), (1, 255)):
        for kind in ("dense", "conv", "normalized") if len(shape) == 3 else ("dense",):
            for training in TRAININGS if shape == (28, 28) else TRAININGS[:2]:
                yield Case(kind, shape, max_pixel, activation, *training)


def build(case: Case) -> keras.Sequential:
    """Build a network as tutorials do."""
    layers = keras.layers
    stack = {
        "dense": lambda: [layers.Flatten(), layers.Dense(128, "relu"), layers.Dropout(0.2)],
        "conv": lambda: [
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
        ],
        "normalized": lambda: [
            layers.Conv2D(16, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
        ],
    }[case.kind]()
    last = layers.Dense(10, activation=case.activation)
    return keras.Sequential([layers.Input(case.shape), *stack, last])


def main(argv: list[str] | None = None) -> None:
    """Train the networks, print what is said of each, and count."""
    cli.Parser(str(__doc__).partition("\n")[0]).parse_args(argv)
    images, labels = data.load_train()
    images = data.normalize(images)
    tests = data.load_test()
    tests = data.normalize(tests[0]), tests[1]
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.keras"
        for case in list_cases():
            keras.utils.set_random_seed(1)
            network = build(case)
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=case.activation is None)
            network.compile("adam", loss)
            inputs = images[: case.num_images].reshape(-1, *case.shape) * case.max_pixel
            chosen = labels[: case.num_images]
            network.fit(inputs, chosen, batch_size=128, epochs=case.epochs, verbose=0)
            network.save(path)
            found = load_classifier(path, lambda: tests).adaptation
            right = found.max_pixel == case.max_pixel
            right &= found.gives_logits == (case.activation is None)
            told = "not told" if "do not tell" in found.reason else "right" if right else "wrong"
            counts[told] += 1
            print(f"{told:<9}{case.kind}, {case.num_images:,} x {case.epochs}: {found.format()}")
    print(", ".join(f"{name} {count}" for name, count in counts.items()))


if __name__ == "__main__":
    cli.run(main)
