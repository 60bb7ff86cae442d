"""Race our warps against PyTorch's grid_sample and Keras's own elastic layer.

Usage: python -m benchmarks.warp_speed [--repeats 5]

Each warps MNIST's 60,000 training images once, affine and elastic, drawing the warps included, in
batches of 512 on all cores; they take turns. Keras's layer is timed on 2,560 images and scaled up.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

import data
from digits import files
from digits.keras_quietly import keras, tf
from digits.training import RECIPES
from digits.transforms import warp

BATCH_SIZE = 512
RESULTS = Path(__file__).parent / "results" / "warp_speed.json"


def make_ours(images, images_per_warp):
    """Warp as trainer.py does: all batches inside one call into TensorFlow."""
    count = len(images) // BATCH_SIZE
    batches = tf.constant(images[: count * BATCH_SIZE].reshape(count, BATCH_SIZE, 28, 28))
    warps_per_batch = BATCH_SIZE // images_per_warp

    @tf.function(autograph=False)
    def warp_all(warps):
        def add(step, total):
            return total + tf.reduce_sum(warp.warp_images(batches[step], warps[step]))

        return keras.ops.fori_loop(0, count, add, 0.0)

    def run():
        warps = warp.random_warps(np.random.default_rng(0), count * warps_per_batch)
        return float(warp_all(tf.constant(warps.reshape(count, warps_per_batch, 2, -1))))

    return run


def make_torch(images):
    """An affine grid plus a smooth random field for each image, then grid_sample."""
    images = torch.tensor(images)[:, None]

    def run():
        total = 0.0
        for batch in images.split(BATCH_SIZE):
            size = len(batch)
            matrix = torch.eye(2) + 0.1 * (torch.rand(size, 2, 2) - 0.5)
            shift = 0.1 * (torch.rand(size, 2, 1) - 0.5)
            grid = F.affine_grid(torch.cat([matrix, shift], 2), batch.shape, align_corners=False)
            coarse = 0.05 * torch.randn(size, 2, 5, 5)
            field = F.interpolate(coarse, (28, 28), mode="bicubic", align_corners=True)
            warped = F.grid_sample(
                batch, grid + field.permute(0, 2, 3, 1), padding_mode="border", align_corners=False
            )
            total += float(warped.sum())
        return total

    return run


def make_keras(images, num_images=2560):
    """Keras's RandomElasticTransform, in a tf.function of its own."""
    layer = keras.layers.RandomElasticTransform(factor=1.0, value_range=(0, 1))
    batches = tf.constant(images[:num_images].reshape(-1, BATCH_SIZE, 28, 28, 1))
    warp_batch = tf.function(lambda batch: tf.reduce_sum(layer(batch, training=True)))

    def run():
        return sum(float(warp_batch(batch)) for batch in batches)

    return run


def main():
    """Run the race and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    images = data.normalize(data.load_train()[0])
    images_per_warp = RECIPES["dense"].execution.images_per_warp
    contestants = {
        f"this project, {images_per_warp} images a warp": (make_ours(images, images_per_warp), 1),
        "this project, a warp for each image": (make_ours(images, 1), 1),
        "PyTorch grid_sample, a warp for each image": (make_torch(images), 1),
        "Keras RandomElasticTransform": (make_keras(images), len(images) / 2560),
    }
    seconds = {name: [] for name in contestants}
    for run, _ in contestants.values():
        run()  # tracing and first touches
    for _ in range(args.repeats):
        for name, (run, scale) in contestants.items():
            start = time.perf_counter()
            run()
            seconds[name].append((time.perf_counter() - start) * scale)
    for name, values in seconds.items():
        print(f"{name}: {statistics.median(values):.3f} s ({min(values):.3f}-{max(values):.3f})")
    files.write_json(RESULTS, seconds)
    print(f"Wrote {RESULTS}")


if __name__ == "__main__":
    main()
