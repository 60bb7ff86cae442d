"""Warps digits: rotation, scale, shear, shift and a smooth elastic field.

A warp says for each pixel of the new image where to look in the old one. Ours are sums of a few
fixed fields (a constant, the row, the column, and bumps), so that a warp is a handful of
coefficients and a batch of them is one small matrix product.
"""

import numpy as np

from digits.keras_quietly import keras
from digits.mnist import IMAGE_SHAPE, normalize
from digits.transforms import degrade

ROTATION = 8.0  # degrees, as all ranges here to either side
SCALE = 0.08  # share of the size, rows and columns apart
SHEAR = 0.1  # pixels sideways per pixel down
SHIFT = 1.4  # pixels
ELASTIC = 0.7  # pixels, standard deviation at every pixel

# The elastic field is a 5x5 grid of Gaussian bumps, as wide as they are apart, with random
# heights: smooth over some 6 pixels, about a pen stroke's curve. The idea of smooth random fields
# is from P. Simard et al., "Best practices for convolutional neural networks applied to visual
# document analysis", ICDAR 2003; bumps cost a small matrix product instead of a blur of the page.
BUMPS_A_SIDE = 5
BUMP_DISTANCE = 6.0  # pixels

ROWS, COLUMNS = IMAGE_SHAPE
PIXELS = ROWS * COLUMNS


def random_warps(rng, num_warps, strength=1.0):
    """Draw random warps.

    Args:
        rng: `numpy.random.Generator`; the same state gives the same warps.
        num_warps: how many.
        strength: multiplies every range above; 0 gives warps that change nothing.

    Returns:
        float32 array of shape (num_warps, 2, 28), coefficients for `warp`: for rows and for
        columns a shift in pixels, two of the linear map, and the heights of 25 bumps in pixels.
    """
    angle = np.radians(rng.uniform(-ROTATION, ROTATION, num_warps) * strength)
    stretch = 1 + rng.uniform(-SCALE, SCALE, (num_warps, 2)) * strength
    slant = rng.uniform(-SHEAR, SHEAR, num_warps) * strength
    shift = rng.uniform(-SHIFT, SHIFT, (num_warps, 2, 1)) * strength
    heights = rng.normal(0, ELASTIC, (num_warps, 2, BUMPS_A_SIDE**2)) * strength
    rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    deform = np.array([[stretch[:, 0], np.zeros(num_warps)], [slant, stretch[:, 1]]])
    linear = np.einsum("ikn,kjn->nij", rotate, deform) - np.eye(2)
    return np.concatenate([shift, linear, heights], axis=2).astype(np.float32)


def warp_images(images, warps):
    """Warp images, each `len(images) / len(warps)` in a row of them by the same warp.

    Bilinear between pixels; outside the image its edge goes on. Sharing a warp is what makes this
    fast: neighbours are then read for a whole group at once, as long rows of memory
    (benchmarks/warp_speed.py: 0.13 s against 0.74 s for 60,000 images).

    Args:
        images: float tensor of shape (batch, 28, 28); batch is a multiple of the number of warps.
        warps: float32 tensor of shape (num_warps, 2, 28) from `random_warps`, num_warps static.

    Returns:
        float tensor of the shape of `images`.
    """
    num_warps = warps.shape[0]
    # Pixels of all groups as rows, the images of a group side by side in them.
    grouped = keras.ops.transpose(keras.ops.reshape(images, (num_warps, -1, PIXELS)), (0, 2, 1))
    pixels = keras.ops.reshape(grouped, (num_warps * PIXELS, -1))

    places = keras.ops.matmul(warps, FIELDS) + GRID
    row = keras.ops.clip(places[:, 0], 0, ROWS - 1)
    column = keras.ops.clip(places[:, 1], 0, COLUMNS - 1)
    top = keras.ops.minimum(keras.ops.floor(row), ROWS - 2)
    left = keras.ops.minimum(keras.ops.floor(column), COLUMNS - 2)
    down, right = row - top, column - left
    group_start = np.arange(num_warps, dtype=np.int32)[:, None] * PIXELS
    corner = keras.ops.reshape(keras.ops.cast(top * COLUMNS + left, "int32") + group_start, (-1,))

    def neighbour(offset, weight):
        return keras.ops.take(pixels, corner + offset, axis=0) * keras.ops.reshape(weight, (-1, 1))

    warped = (
        neighbour(0, (1 - down) * (1 - right))
        + neighbour(1, (1 - down) * right)
        + neighbour(COLUMNS, down * (1 - right))
        + neighbour(COLUMNS + 1, down * right)
    )
    warped = keras.ops.transpose(keras.ops.reshape(warped, (num_warps, PIXELS, -1)), (0, 2, 1))
    return keras.ops.reshape(warped, (-1, *IMAGE_SHAPE))


def warp_slightly(images, seed, strength=0.5):
    """Warp each image a little, in a way of its own: one more view to average answers over.

    Args:
        images: float array of shape (n, 28, 28).
        seed: of the warps.
        strength: as of `random_warps`.

    Returns:
        float32 array of the shape of `images`.
    """
    warps = random_warps(np.random.default_rng(seed), len(images), strength)
    parts = [slice(start, start + 500) for start in range(0, len(images), 500)]
    warped = [keras.ops.convert_to_numpy(warp_images(images[part], warps[part])) for part in parts]
    return np.concatenate(warped)


def make_examples(images, labels, seed, strength, spoiled, num_copies=9):
    """Warp, and spoil every other copy of, the first image of some digits, for a figure.

    Args:
        images: uint8 array of shape (n, 28, 28).
        labels: integers of shape (n,).
        seed: of the warps.
        strength: as of `random_warps`.
        spoiled: whether to spoil.
        num_copies: of each image.

    Returns:
        `(images, copies)`: float32 of shape (5, 28, 28) and (5, num_copies, 28, 28), in [0, 1].
    """
    digits = (2, 3, 4, 7, 8)
    examples = normalize(images[[int((labels == digit).argmax()) for digit in digits]])
    rng = np.random.default_rng(seed)
    warps = random_warps(rng, len(digits) * num_copies, strength)
    copies = np.array(warp_images(examples.repeat(num_copies, axis=0), warps))
    if spoiled:
        spoils = degrade.random_spoils(rng, len(copies[1::2]))
        copies[1::2] = degrade.spoil(copies[1::2], spoils, degrade.make_noise(seed))
    return examples, copies.reshape(len(digits), num_copies, *examples.shape[1:])


def _make_fields():
    centred = GRID - np.array([[(ROWS - 1) / 2], [(COLUMNS - 1) / 2]])
    places = (np.arange(BUMPS_A_SIDE) - (BUMPS_A_SIDE - 1) / 2) * BUMP_DISTANCE
    bumps = np.stack(np.meshgrid(places, places, indexing="ij")).reshape(2, -1, 1)
    squared_distance = np.square(centred[:, None] - bumps).sum(axis=0)
    elastic = np.exp(-squared_distance / (2 * BUMP_DISTANCE**2))
    elastic /= np.sqrt(np.square(elastic).sum(axis=0))  # heights of variance 1 give variance 1
    return np.concatenate([np.ones((1, PIXELS)), centred, elastic]).astype(np.float32)


GRID = np.indices(IMAGE_SHAPE).reshape(2, -1).astype(np.float32)  # row and column of each pixel
FIELDS = _make_fields()
