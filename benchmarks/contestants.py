"""The trainings that training_speed.py races, each as people usually write it, and our own.

Seconds are those of training alone: tracing and compiling count, importing, loading and scoring do
not (ours is scored inside the clock, which costs it some 0.14 s).
"""

import dataclasses
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import data

Curve = list[tuple[float, float]]  # seconds and validation accuracy after each epoch


def load_sets() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Load the training and validation sets, normalized."""
    (x_train, y_train), (x_val, y_val) = data.split_validation(*data.load_train())
    return (data.normalize(x_train), y_train), (data.normalize(x_val), y_val)


class Clock:
    """Adds up the time between `start` and `stop`, and measures the accuracy at each `stop`."""

    def __init__(
        self, x_val: np.ndarray, y_val: np.ndarray, predict: Callable[[np.ndarray], np.ndarray]
    ):
        """Take the validation set and a function from images to predicted digits."""
        self.seconds = 0.0
        self.curve: Curve = []
        self.score = lambda: float((predict(x_val) == y_val).mean())

    def start(self) -> None:
        """Start the clock."""
        self.started = time.perf_counter()

    def stop(self) -> None:
        """Stop the clock, then score."""
        self.seconds += time.perf_counter() - self.started
        self.curve.append((self.seconds, self.score()))


def run_keras(
    seed: int,
    epochs: int,
    batch_size: int,
    steps_per_execution: int = 1,
    learning_rate: float = 1e-3,
) -> Curve:
    """Train with `model.fit`, as tutorials do."""
    import model as models
    from digits.keras_quietly import keras

    train_set, val_set = load_sets()
    keras.utils.set_random_seed(seed)
    layers = models.build_dense().layers
    network = keras.Sequential([layer for layer in layers if layer.name != "normalize"])
    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    return _time_fit(network, train_set, val_set, epochs, batch_size)


def run_keras_recipe(seed: int, name: str = "dense") -> Curve:
    """Train by the recipe of `python train.py --model NAME --augment none`, with `model.fit`."""
    import model as models
    from digits.keras_quietly import keras
    from digits.networks import heads
    from digits.training import choose_recipe, recipes, trainer

    recipe = choose_recipe(name, "none", distilled=False)
    train_set, val_set = load_sets()
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(trainer.choose_policy(recipe.execution))
    network = heads.logits_model(models.BUILDERS[name]())
    # `fit` trains on the last, incomplete batch of an epoch too.
    num_steps = recipe.epochs * math.ceil(len(train_set[0]) / recipe.batch_size)
    network.compile(
        optimizer=recipes.build_optimizer(
            recipe.learning_rate, num_steps, num_steps // 3, recipe.weight_decay, recipe.betas
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return _time_fit(network, train_set, val_set, recipe.epochs, recipe.batch_size)


def _time_fit(network, train_set, val_set, epochs: int, batch_size: int) -> Curve:
    from digits.keras_quietly import keras

    clock = Clock(*val_set, lambda x: network.predict(x, batch_size=1000, verbose=0).argmax(1))
    timing = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epoch and clock.start(),
        on_epoch_end=lambda epoch, logs: clock.stop(),
    )
    clock.start()  # the first epoch's tracing happens before its callback
    network.fit(*train_set, batch_size=batch_size, epochs=epochs, verbose=0, callbacks=[timing])
    return clock.curve


def run_ours(seed: int, name: str = "dense", augment: str = "none", **changes: int) -> Curve:
    """Train as `python train.py --model NAME --augment AUGMENT` does, the recipe changed."""
    import model as models
    from digits.keras_quietly import keras
    from digits.training import choose_recipe, trainer

    recipe = dataclasses.replace(choose_recipe(name, augment, distilled=False), **changes)
    trainer.use_threads(recipe.execution)
    train_set, val_set = data.split_validation(*data.load_train())
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(trainer.choose_policy(recipe.execution))
    network = models.BUILDERS[name]()
    curve = []
    start = time.perf_counter()

    def note(step, values):
        if "val_accuracy" in values:
            curve.append((time.perf_counter() - start, values["val_accuracy"]))

    with tempfile.TemporaryDirectory() as folder:
        trainer.fit(
            network,
            train_set,
            val_set,
            recipe,
            seed=seed,
            checkpoint_path=Path(folder) / "checkpoint.npz",
            settings={},
            on_progress=note,
        )
    return curve


def run_torch(
    seed: int, epochs: int = 6, batch_size: int = 256, learning_rate: float = 8e-3
) -> Curve:
    """Train a tuned PyTorch loop: tensors in memory, one-cycle schedule."""
    import torch
    from torch import nn

    train_set, val_set = load_sets()
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
        nn.Linear(64, 10),
    )  # fmt: skip
    images, labels = torch.tensor(train_set[0]), torch.tensor(train_set[1]).long()

    def predict(x):
        with torch.no_grad():
            return network(torch.tensor(x)).argmax(1).numpy()

    clock = Clock(*val_set, predict)
    clock.start()
    steps = len(images) // batch_size
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps * epochs
    )
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for batch in order[: steps * batch_size].view(steps, batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
            schedule.step()
        clock.stop()
        clock.start()
    return clock.curve


def run_torch_lenet(
    seed: int,
    epochs: int = 2,
    bfloat16: bool = False,
    channels_last: bool = True,
    shuffled: bool = True,
) -> Curve:
    """Train the network of `build_lenet`, by default by its recipe for `--augment none`.

    Args:
        seed: of the initial weights and of the order of the images.
        epochs: passes over the training images.
        bfloat16: multiply in bfloat16 instead of float32.
        channels_last: as PyTorch is fastest here, with either precision (benchmarks/README.md).
        shuffled: take the images in another order in each epoch.
    """
    import torch
    from torch import nn

    batch_size, learning_rate, betas = 256, 1e-2, (0.7, 0.9)
    train_set, val_set = load_sets()
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.ReLU(),
        nn.Conv2d(24, 32, 3), nn.MaxPool2d(2), nn.ReLU(),
        nn.Flatten(), nn.Linear(800, 256), nn.ReLU(), nn.Linear(256, 10),
    )  # fmt: skip
    if channels_last:
        network = network.to(memory_format=torch.channels_last)

    def prepare(x):
        # MNIST's mean and standard deviation.
        return ((torch.tensor(x) - 0.1307) / 0.3081)[:, None]

    def predict(x):
        with torch.no_grad():
            return network(prepare(x)).argmax(1).numpy()

    images, labels = prepare(train_set[0]), torch.tensor(train_set[1]).long()
    clock = Clock(*val_set, predict)
    clock.start()
    steps = len(images) // batch_size
    optimizer = torch.optim.Adam(network.parameters(), betas=betas, fused=True)
    # Cycling would replace Adam's first beta by 0.85 to 0.95.
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps * epochs, cycle_momentum=False
    )
    for _ in range(epochs):
        order = torch.randperm(len(images)) if shuffled else torch.arange(len(images))
        for batch in order[: steps * batch_size].view(steps, batch_size):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            schedule.step()
        clock.stop()
        clock.start()
    return clock.curve


def run_sklearn(seed: int, epochs: int = 10, batch_size: int = 200) -> Curve:
    """Train scikit-learn's own network, with its own defaults."""
    from sklearn.neural_network import MLPClassifier

    (x_train, y_train), (x_val, y_val) = load_sets()
    x_train, x_val = x_train.reshape(-1, 784), x_val.reshape(-1, 784)
    network = MLPClassifier((128, 64), batch_size=batch_size, random_state=seed)
    clock = Clock(x_val, y_val, network.predict)
    for _ in range(epochs):
        clock.start()
        network.partial_fit(x_train, y_train, classes=range(10))
        clock.stop()
    return clock.curve


# Of the dense network without augmentation.
DENSE = {
    "this project": run_ours,
    "Keras fit, our recipe": run_keras_recipe,
    "PyTorch, batch 256, one-cycle": run_torch,
    "Keras fit, batch 256, one call an epoch": lambda seed: run_keras(
        seed, 10, 256, steps_per_execution=215
    ),
    "Keras fit, batch 256": lambda seed: run_keras(seed, 10, 256),
    "scikit-learn MLPClassifier": run_sklearn,
    "Keras tutorial: fit, batch 32, 10 epochs": lambda seed: run_keras(seed, 10, 32),
}
# Of whatever is fast to 99%.
ANY = {
    "this project, lenet": lambda seed: run_ours(seed, "lenet"),
    "this project, dense, warped, 40 epochs": lambda seed: run_ours(
        seed, augment="warp", epochs=40
    ),
    "Keras fit, lenet, our recipe": lambda seed: run_keras_recipe(seed, "lenet"),
    "PyTorch, lenet, bfloat16": lambda seed: run_torch_lenet(seed, bfloat16=True),
    "PyTorch, lenet, float32": run_torch_lenet,
    "PyTorch, train_mnist_fast as published": lambda seed: run_torch_lenet(
        seed, epochs=1, channels_last=False, shuffled=False
    ),
}
# What https://github.com/tuomaso/train_mnist_fast reports of a laptop with a GPU (GeForce GTX
# 1660 Ti): seconds and accuracy on the test images. PyTorch's example is stopped after the epoch
# in which it reaches 99% of them.
PUBLISHED = {
    "published: train_mnist_fast, GPU": (0.762, 0.9904),
    "published: PyTorch's example to 99%, GPU": (57.4, 0.9907),
}
