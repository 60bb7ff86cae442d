"""Warps images of digits: rotation, scale, shear, shift and a smooth elastic field.

A warp gives for each pixel of the new image the place in the old image where its value is read.
The displacement is a weighted sum of a few fixed fields (a constant, the row, the column, and 25
bumps), so a warp is 56 coefficients, and a batch of warps is one small matrix product.
"""

from typing import Any

import numpy as np

from digits.keras_quietly import keras
from digits.mnist import IMAGE_SHAPE

# Values are drawn uniformly from minus these to plus these; found on validation images
# (benchmarks/README.md).
ROTATION = 8.0  # degrees
SCALE = 0.08  # share of the size; rows and columns are scaled independently
SHEAR = 0.1  # pixels sideways per pixel down
SHIFT = 1.4  # pixels
ELASTIC = 0.7  # pixels, standard deviation at every pixel

# The elastic field is a 5x5 grid of Gaussian bumps with random heights, as in P. Simard et al.,
# "Best practices for convolutional neural networks applied to visual document analysis", ICDAR
# 2003, who blur random displacements instead; a sum of bumps is cheaper than a blur.
BUMPS_PER_SIDE = 5
BUMP_DISTANCE = 6.0  # pixels between neighbouring bumps, and their standard deviation
# Of a warp: coefficients of a shift, a linear map and the bumps, for rows and for columns.
WARP_SHAPE = (2, 3 + BUMPS_PER_SIDE**2)

ROWS, COLUMNS = IMAGE_SHAPE
PIXELS = ROWS * COLUMNS


def random_warps(
    rng: np.random.Generator,
    num_warps: int,
    strength: float = 1.0,
    rotation: float | None = None,
) -> np.ndarray:
    """Draw random warps.

    Args:
        rng: random generator; the same state gives the same warps.
        num_warps: number of warps.
        strength: multiplies every range above; 0 gives warps that change nothing.
        rotation: largest rotation in degrees; that of the strength if None.

    Returns:
        float32 array of shape (num_warps, 2, 28), coefficients for `warp_images`. For rows and for
        columns: a shift in pixels, two coefficients of the linear map, and the heights of 25 bumps
        in pixels.
    """
    rotation = ROTATION * strength if rotation is None else rotation
    angle = np.radians(rng.uniform(-rotation, rotation, num_warps))
    stretch = 1 + rng.uniform(-SCALE, SCALE, (num_warps, 2)) * strength
    slant = rng.uniform(-SHEAR, SHEAR, num_warps) * strength
    shift = rng.uniform(-SHIFT, SHIFT, (num_warps, 2, 1)) * strength
    heights = rng.normal(0, ELASTIC, (num_warps, 2, BUMPS_PER_SIDE**2)) * strength
    rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    deform = np.array([[stretch[:, 0], np.zeros(num_warps)], [slant, stretch[:, 1]]])
    linear = np.einsum("ikn,kjn->nij", rotate, deform) - np.eye(2)
    return np.concatenate([shift, linear, heights], axis=2).astype(np.float32)


def warp_images(images: Any, warps: Any) -> Any:
    """Warp images; `len(images) / len(warps)` consecutive images share a warp.

    Values between pixels are interpolated bilinearly; outside the image its edge is repeated.
    Images that share a warp are faster to warp: their pixels are gathered as long rows of memory
    (benchmarks/warp_speed.py: 0.13 s instead of 0.74 s for 60,000 images).

    Args:
        images: float array or tensor of shape (batch, 28, 28); batch is a multiple of the number
            of warps.
        warps: float32 array or tensor of shape (num_warps, 2, 28) from `random_warps`; num_warps
            is known when a graph is traced.

    Returns:
        float tensor of the shape of `images`.
    """
    num_warps = warps.shape[0]
    # A row for each pixel of each group, which holds that pixel of all images of the group.
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


def warp_slightly(images: np.ndarray, seed: int, strength: float = 0.5) -> np.ndarray:
    """Warp each image a little, with a warp of its own, for test-time augmentation.

    Args:
        images: float array of shape (n, 28, 28), 0 to 1.
        seed: seed of the warps.
        strength: multiplies the ranges of `random_warps`.

    Returns:
        float32 array of the shape of `images`.
    """
    warps = random_warps(np.random.default_rng(seed), len(images), strength)
    parts = [slice(start, start + 500) for start in range(0, len(images), 500)]
    warped = [keras.ops.convert_to_numpy(warp_images(images[part], warps[part])) for part in parts]
    return np.concatenate(warped)


def _make_fields():
    centred = GRID - np.array([[(ROWS - 1) / 2], [(COLUMNS - 1) / 2]])
    places = (np.arange(BUMPS_PER_SIDE) - (BUMPS_PER_SIDE - 1) / 2) * BUMP_DISTANCE
    bumps = np.stack(np.meshgrid(places, places, indexing="ij")).reshape(2, -1, 1)
    squared_distance = np.square(centred[:, None] - bumps).sum(axis=0)
    elastic = np.exp(-squared_distance / (2 * BUMP_DISTANCE**2))
    elastic /= np.sqrt(
        np.square(elastic).sum(axis=0)
    )  # heights of variance 1 give a field of variance 1
    return np.concatenate([np.ones((1, PIXELS)), centred, elastic]).astype(np.float32)


GRID = np.indices(IMAGE_SHAPE).reshape(2, -1).astype(np.float32)  # row and column of each pixel
FIELDS = _make_fields()
