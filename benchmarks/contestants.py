"""The trainings that training_speed.py races, each as people usually write it.

Seconds are those of training alone: tracing and compiling count, importing, loading and scoring do
not (ours is scored inside the clock, which costs it some 0.14 s).
"""

import tempfile
import time
from pathlib import Path

import data


def load_sets():
    """Load the training and validation sets, normalized."""
    (x_train, y_train), (x_val, y_val) = data.split_validation(*data.load_train())
    return (data.normalize(x_train), y_train), (data.normalize(x_val), y_val)


class Clock:
    """Adds up the time between `start` and `stop`, and notes the accuracy at each `stop`."""

    def __init__(self, x_val, y_val, predict):
        """Take the validation set and a function from images to predicted digits."""
        self.seconds, self.curve = 0.0, []
        self.score = lambda: float((predict(x_val) == y_val).mean())

    def start(self):
        """Start the clock."""
        self.started = time.perf_counter()

    def stop(self):
        """Stop the clock, then score."""
        self.seconds += time.perf_counter() - self.started
        self.curve.append((self.seconds, self.score()))


def run_keras(seed, epochs, batch_size, steps_per_execution=1, learning_rate=1e-3):
    """Train with `model.fit`, as tutorials do."""
    import model as models
    from digits.keras_quietly import keras

    (x_train, y_train), val_set = load_sets()
    keras.utils.set_random_seed(seed)
    layers = models.build_dense().layers
    network = keras.Sequential([layer for layer in layers if layer.name != "normalize"])
    clock = Clock(*val_set, lambda x: network.predict(x, batch_size=1000, verbose=0).argmax(1))
    network.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
    timing = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: epoch and clock.start(),
        on_epoch_end=lambda epoch, logs: clock.stop(),
    )
    clock.start()  # the first epoch's tracing happens before its callback
    network.fit(
        x_train, y_train, epochs=epochs, batch_size=batch_size, verbose=0, callbacks=[timing]
    )
    return clock.curve


def run_ours(seed):
    """Train as `python train.py --augment none` does."""
    import model as models
    from digits.keras_quietly import keras
    from digits.training import recipes, trainer

    recipe = recipes.choose("dense", "none", teacher=None)
    trainer.use_threads("small")
    train_set, val_set = data.split_validation(*data.load_train())
    keras.utils.set_random_seed(seed)
    network = models.build_dense()
    curve = []
    start = time.perf_counter()
    steps = len(train_set[0]) // recipe["batch_size"]

    def note(step, values):
        if step % steps == 0:
            curve.append((time.perf_counter() - start, values["val_accuracy"]))

    trained = recipes.compile_model(network, recipe["epochs"] * steps, recipe["learning_rate"])
    del recipe["learning_rate"]
    with tempfile.TemporaryDirectory() as folder:
        trainer.fit(
            trained,
            "small",
            train_set,
            val_set,
            seed=seed,
            checkpoint_path=Path(folder) / "checkpoint.npz",
            settings={},
            on_progress=note,
            **recipe,
        )
    return curve


def run_torch(seed, epochs=6, batch_size=256, learning_rate=8e-3):
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


def run_sklearn(seed, epochs=10, batch_size=200):
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


CONTESTANTS = {
    "this project": run_ours,
    "PyTorch, batch 256, one-cycle": run_torch,
    "Keras fit, batch 256, one call an epoch": lambda seed: run_keras(
        seed, 10, 256, steps_per_execution=215
    ),
    "Keras fit, batch 256": lambda seed: run_keras(seed, 10, 256),
    "scikit-learn MLPClassifier": run_sklearn,
    "Keras tutorial: fit, batch 32, 10 epochs": lambda seed: run_keras(seed, 10, 32),
}
