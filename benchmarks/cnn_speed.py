"""Race the training of the convolutional network: ours, Keras's own ways, and PyTorch's.

Usage: python -m benchmarks.cnn_speed [--repeats 3]

Every run is a process of its own, on two threads, and counts images a second over 40 steps of
batch 256 with AdamW, after 16 steps that are not counted (tracing, compiling). The contestants
take turns. No image is warped, except in the row that says so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import data
from digits import files

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "cnn_speed.json"
BATCH_SIZE, WARM_UP_STEPS, STEPS = 256, 16, 40


def load_batches():
    """Load as many training images as one run needs."""
    (images, labels), _ = data.split_validation(*data.load_train())
    num_images = BATCH_SIZE * STEPS
    return images[:num_images], labels[:num_images]


def run_ours(policy="mixed_bfloat16", fused=True, warped=False):
    """Train through `trainer.make_steps`, as train.py does."""
    import model as models
    from digits.keras_quietly import keras
    from digits.training import RECIPES, trainer
    from digits.transforms import degrade, warp

    recipe = RECIPES["cnn"]
    keras.config.set_dtype_policy(policy)
    if not fused:
        models.FusedBatchNormalization = keras.layers.BatchNormalization
    trainer.use_threads(recipe.execution)
    model = trainer.compile_model(models.build_cnn(), recipe, 10_000)
    model.optimizer.build(model.trainable_variables)
    num_warps = BATCH_SIZE if warped else 0
    run_steps = trainer.make_steps(model, recipe.execution, load_batches(), BATCH_SIZE, num_warps)
    order = np.arange(BATCH_SIZE * STEPS, dtype=np.int32).reshape(STEPS, BATCH_SIZE)
    warps = warp.random_warps(np.random.default_rng(0), STEPS * num_warps)
    warps = warps.reshape(STEPS, num_warps, *warps.shape[1:])
    degradations = np.zeros((STEPS, 0, degrade.NUM_PARAMETERS), np.float32)
    some = order[:WARM_UP_STEPS], warps[:WARM_UP_STEPS], degradations[:WARM_UP_STEPS]
    run_steps(*some)[0].numpy()
    start = time.perf_counter()
    run_steps(order, warps, degradations)[0].numpy()
    return time.perf_counter() - start


def run_fit(policy, jit_compile=False, steps_per_execution=1):
    """Train with `model.fit` and Keras's own batch normalization."""
    import model as models
    from digits.keras_quietly import keras

    keras.config.set_dtype_policy(policy)
    models.FusedBatchNormalization = keras.layers.BatchNormalization
    network = models.build_cnn()
    network.compile(
        keras.optimizers.AdamW(1e-3),
        "sparse_categorical_crossentropy",
        jit_compile=jit_compile,
        steps_per_execution=steps_per_execution,
    )
    images, labels = load_batches()
    images = data.normalize(images)
    network.fit(images, labels, batch_size=BATCH_SIZE, verbose=0)
    start = time.perf_counter()
    network.fit(images, labels, batch_size=BATCH_SIZE, verbose=0)
    return time.perf_counter() - start


def run_torch(bfloat16):
    """Train the same network in PyTorch: channels last, and bfloat16 by autocast."""
    import torch
    from torch import nn

    torch.set_num_threads(2)
    widths = [(1, 32, 3, 1), (32, 32, 3, 1), (32, 32, 5, 2), (32, 64, 3, 1), (64, 64, 3, 1),
              (64, 64, 5, 2), (64, 128, 3, 1)]  # fmt: skip
    hidden = []
    for inputs, outputs, size, stride in widths:
        hidden += [
            nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.3), nn.Linear(128, 10)]
    network = nn.Sequential(*hidden, *head).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3, fused=True)
    images, labels = load_batches()
    images = torch.tensor(data.normalize(images))[:, None]
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.tensor(labels).long()

    def train(num_steps):
        for step in range(num_steps):
            part = slice(step * BATCH_SIZE, (step + 1) * BATCH_SIZE)
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                loss = nn.functional.cross_entropy(network(images[part]), labels[part])
            loss.backward()
            optimizer.step()

    train(WARM_UP_STEPS)
    start = time.perf_counter()
    train(STEPS)
    return time.perf_counter() - start


CONTESTANTS = {
    "this project, bfloat16": run_ours,
    "this project, bfloat16, every image warped": lambda: run_ours(warped=True),
    "this project, float32": lambda: run_ours("float32"),
    "this project, bfloat16, Keras's batch normalization": lambda: run_ours(fused=False),
    "Keras fit, bfloat16": lambda: run_fit("mixed_bfloat16"),
    "Keras fit, bfloat16, 20 steps an execution": lambda: run_fit(
        "mixed_bfloat16", steps_per_execution=20
    ),
    "Keras fit, bfloat16, XLA": lambda: run_fit("mixed_bfloat16", jit_compile=True),
    "Keras fit, float32": lambda: run_fit("float32"),
    "PyTorch, bfloat16": lambda: run_torch(bfloat16=True),
    "PyTorch, float32": lambda: run_torch(bfloat16=False),
}


def main():
    """Run one contestant (--run), or all of them in turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--run", choices=CONTESTANTS, help="one contestant, seconds on stdout")
    args = parser.parse_args()
    if args.run:
        print(json.dumps(CONTESTANTS[args.run]()))
        return
    rates = {name: [] for name in CONTESTANTS}
    for _ in range(args.repeats):
        for name in CONTESTANTS:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.cnn_speed", "--run", name],
                cwd=ROOT,
                env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
                capture_output=True,
                text=True,
                check=True,
            )
            rates[name].append(BATCH_SIZE * STEPS / json.loads(done.stdout.splitlines()[-1]))
            print(f"{name}: {rates[name][-1]:,.0f} images/s", flush=True)
    files.write_json(RESULTS, rates)
    print("\n| training the convolutional network | images/s: median (min-max) |\n| --- | --- |")
    for name, runs in rates.items():
        print(f"| {name} | {statistics.median(runs):,.0f} ({min(runs):,.0f}-{max(runs):,.0f}) |")
    print(f"Wrote {RESULTS}")


if __name__ == "__main__":
    main()
