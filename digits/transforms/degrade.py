"""Spoils training digits, so that a network holds on others' paper, pens and cameras.

Strokes get wider or thinner, a part is covered, the image is blurred, and noise is added.
"""

import numpy as np

from digits.keras_quietly import keras
from digits.mnist import IMAGE_SHAPE

# Found on validation images (benchmarks/README.md).
THINNER, THICKER = 1.0, 1.4  # pixels on each side of a stroke; above 1 a straight line goes on
COVER = 2.0, 10.0  # pixels, side of the blank square
COVER_MIDDLE = 4.0, 24.0  # pixels, its middle's row and column
BLUR = 2.2  # pixels, standard deviation
NOISE = 0.45  # standard deviation, of 1 from black to white
SPECKS = 0.02, 0.1  # share of the pixels
CLOUDS = 2.0, 8.0  # pixels, standard deviation of the blur that makes them
SHARE_OF_EACH = 0.5  # of the spoiled images have each of the four

BLURS = 12  # amounts that there are matrices for
NOISE_IMAGES = 2048  # that noise is taken from: drawing it anew would take as long as all the rest

ROWS, COLUMNS = IMAGE_SHAPE
PIXELS = ROWS * COLUMNS


def random_spoils(rng, num_spoils):
    """Draw random ways to spoil images.

    Args:
        rng: `numpy.random.Generator`; the same state gives the same.
        num_spoils: how many.

    Returns:
        float32 array of shape (num_spoils, 7), for `spoil`: pixels that strokes get thicker on each
        side (below 0: thinner); row and column of the middle, and side, of the square that is
        covered, in pixels; which of the blurs; standard deviation of the noise, and the first image
        of noise to take.
    """
    spoils = np.stack(
        [
            rng.uniform(-THINNER, THICKER, num_spoils),
            *rng.uniform(*COVER_MIDDLE, (2, num_spoils)),
            rng.uniform(*COVER, num_spoils),
            rng.integers(1, BLURS, num_spoils),
            rng.uniform(0, NOISE, num_spoils),
            rng.integers(0, NOISE_IMAGES, num_spoils),
        ],
        axis=1,
    )
    spoils[:, [0, 3, 4, 5]] *= rng.random((num_spoils, 4)) < SHARE_OF_EACH
    return spoils.astype(np.float32)


def make_noise(seed):
    """Make the noise that `spoil` takes from.

    Every third image is noise of each pixel for itself, as of a camera; of single specks; and of
    soft clouds, as of uneven light.

    Args:
        seed: of the noise.

    Returns:
        float32 array of shape (2048, 784), each row of mean square 1.
    """
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(NOISE_IMAGES, *IMAGE_SHAPE))
    specks, clouds = noise[1::3], noise[2::3]
    density = rng.uniform(*SPECKS, (len(specks), 1, 1))
    specks[:] = np.sign(specks) * (rng.random(specks.shape) < density)
    matrices = _make_blur_matrices(rng.uniform(*CLOUDS, len(clouds)))
    clouds[:] = matrices @ clouds @ matrices.transpose(0, 2, 1)
    noise /= np.sqrt(np.square(noise).mean(axis=(1, 2), keepdims=True) + 1e-9)
    return noise.reshape(-1, PIXELS).astype(np.float32)


def spoil(images, spoils, noise):
    """Spoil images, each `len(images) / len(spoils)` in a row of them in the same way.

    Args:
        images: float tensor of shape (batch, 28, 28), 0 paper to 1 ink; batch is static, a multiple
            of the number of spoils.
        spoils: float32 tensor of shape (num_spoils, 7) from `random_spoils`, num_spoils static.
        noise: tensor from `make_noise`.

    Returns:
        float tensor of the shape of `images`, 0 to 1.
    """
    num_spoils = spoils.shape[0]
    shape = (num_spoils, images.shape[0] // num_spoils, *IMAGE_SHAPE)
    thicker, row, column, side, blur, sigma, first = (
        keras.ops.reshape(values, (-1, 1, 1, 1)) for values in keras.ops.unstack(spoils, axis=1)
    )

    def mix(images, other, share):
        return images + share * (keras.ops.reshape(other, shape) - images)

    thick, thin = _spread(images, keras.ops.maximum), _spread(images, keras.ops.minimum)
    spoiled = mix(keras.ops.reshape(images, shape), thick, keras.ops.maximum(thicker, 0))
    spoiled = keras.ops.clip(mix(spoiled, thin, keras.ops.maximum(-thicker, 0)), 0, 1)

    rows, columns = np.arange(ROWS)[:, None] + 0.5, np.arange(COLUMNS) + 0.5
    covered = (keras.ops.abs(rows - row) < side / 2) & (keras.ops.abs(columns - column) < side / 2)
    spoiled = spoiled * (1 - keras.ops.cast(covered, spoiled.dtype))

    matrices = keras.ops.take(
        BLUR_MATRICES, keras.ops.cast(keras.ops.reshape(blur, (-1,)), "int32"), axis=0
    )
    across = keras.ops.reshape(spoiled, (num_spoils, -1, COLUMNS))
    across = keras.ops.matmul(across, keras.ops.transpose(matrices, (0, 2, 1)))
    spoiled = keras.ops.matmul(matrices[:, None], keras.ops.reshape(across, shape))

    taken = keras.ops.cast(keras.ops.reshape(first, (-1, 1)), "int32") + np.arange(
        shape[1], dtype=np.int32
    )
    drawn = keras.ops.take(noise, keras.ops.reshape(taken % NOISE_IMAGES, (-1,)), axis=0)
    spoiled = keras.ops.clip(spoiled + sigma * keras.ops.reshape(drawn, shape), 0, 1)
    return keras.ops.reshape(spoiled, images.shape)


def _spread(images, choose):
    """Take the largest (or smallest) of each pixel and its eight neighbours; edges go on."""
    for axis, size in ((1, ROWS), (2, COLUMNS)):
        one, rest = keras.ops.split(images, [1], axis)
        before = keras.ops.concatenate([one, keras.ops.split(images, [size - 1], axis)[0]], axis)
        last = keras.ops.split(images, [size - 1], axis)[1]
        images = choose(choose(before, images), keras.ops.concatenate([rest, last], axis))
    return images


def _make_blur_matrices(sigmas):
    """Make matrices, float32 of shape (n, 28, 28), that blur rows of pixels by n deviations."""
    distance = np.arange(ROWS)[:, None] - np.arange(ROWS)
    weights = np.exp(-np.square(distance / np.maximum(sigmas, 1e-3)[:, None, None]) / 2)
    return (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)


BLUR_MATRICES = _make_blur_matrices(np.linspace(0, BLUR, BLURS))
