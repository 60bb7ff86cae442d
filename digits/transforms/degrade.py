"""Degrades images of digits (photometric augmentation): other pens, papers and cameras.

Strokes are thickened or thinned, a square is erased, the image is blurred, and noise is added; as
on forms, lines may be drawn across too, or only the outlines of strokes be left.
"""

from typing import Any, NamedTuple

import numpy as np

from digits.keras_quietly import keras
from digits.mnist import IMAGE_SHAPE
from digits.transforms import lines

# Found on validation images (benchmarks/README.md).
THINNER, THICKER = 1.0, 1.4  # pixels on each side of a stroke; above 1 is extrapolated linearly
ERASED_SIDE = 2.0, 10.0  # pixels, of the erased square
ERASED_CENTRE = 4.0, 24.0  # pixels, row and column of its centre
BLUR = 2.2  # pixels, largest standard deviation
NOISE = 0.45  # largest standard deviation, where 1 is the difference of black and white
SPECKS = 0.02, 0.1  # share of the pixels that are specks
CLOUDS = 2.0, 8.0  # pixels, standard deviation of the blur that makes clouds
SHARE_OF_EACH = 0.5  # each of these four is applied to this share of the degraded images
OUTLINE = 0.5, 1.0  # share of a stroke's ink that is missing inside its outline
THICKEST_OUTLINED = 0.4  # pixels: outlines of thicker strokes would be too thin to be seen
LINES = 0.3, 1.0  # darkness of lines
GAPS_SHARE = 0.25  # of the lines, which take ink away instead

NUM_BLURS = 12  # standard deviations that there is a blur matrix for
NUM_TEXTURES = 2048  # images of noise and of lines, drawn once: anew, they take longest of all
NUM_PARAMETERS = 9  # of a degradation

ROWS, COLUMNS = IMAGE_SHAPE
PIXELS = ROWS * COLUMNS


class Textures(NamedTuple):
    """Images that degradations are made with, float32 arrays or tensors of shape (2048, 784).

    Attributes:
        noise: the mean square of each row is 1.
        lines: 0 paper to 1 ink; None where no image is degraded as on forms.
    """

    noise: Any
    lines: Any | None


def random_degradations(
    rng: np.random.Generator,
    num_degradations: int,
    outlined_share: float = 0.0,
    lined_share: float = 0.0,
) -> np.ndarray:
    """Draw random degradations.

    Args:
        rng: random generator; the same state gives the same degradations.
        num_degradations: number of degradations.
        outlined_share: share of them that leave only outlines.
        lined_share: share of them that draw lines.

    Returns:
        float32 array of shape (num_degradations, 9), parameters for `degrade_images`: pixels by
        which strokes become thicker on each side (below 0: thinner); row, column and side of the
        erased square in pixels; index of the blur; standard deviation of the noise; index of the
        first textures; share of the ink that is missing inside outlines; darkness of the lines
        (below 0: of what they take away).
    """
    degradations = np.stack(
        [
            rng.uniform(-THINNER, THICKER, num_degradations),
            *rng.uniform(*ERASED_CENTRE, (2, num_degradations)),
            rng.uniform(*ERASED_SIDE, num_degradations),
            rng.integers(1, NUM_BLURS, num_degradations),
            rng.uniform(0, NOISE, num_degradations),
            rng.integers(0, NUM_TEXTURES, num_degradations),
        ],
        axis=1,
    )
    degradations[:, [0, 3, 4, 5]] *= rng.random((num_degradations, 4)) < SHARE_OF_EACH
    # Drawn last, so that what is above does not depend on the shares.
    outline = rng.uniform(*OUTLINE, num_degradations)
    outline *= rng.random(num_degradations) < outlined_share
    darkness = rng.uniform(*LINES, num_degradations)
    darkness *= rng.random(num_degradations) < lined_share
    darkness *= np.where(rng.random(num_degradations) < GAPS_SHARE, -1, 1)
    thicker = degradations[:, 0]
    thicker[:] = np.where(outline, np.minimum(thicker, THICKEST_OUTLINED), thicker)
    return np.column_stack([degradations, outline, darkness]).astype(np.float32)


def make_textures(seed: int, with_lines: bool) -> Textures:
    """Make the images of noise and of lines that `degrade_images` uses.

    There are three kinds of noise, in turns: independent noise at each pixel, as a camera makes;
    single specks; and soft clouds, like uneven light.

    Args:
        seed: seed of both.
        with_lines: whether lines and outlines are wanted.

    Returns:
        The textures.
    """
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(NUM_TEXTURES, *IMAGE_SHAPE))
    specks, clouds = noise[1::3], noise[2::3]
    density = rng.uniform(*SPECKS, (len(specks), 1, 1))
    specks[:] = np.sign(specks) * (rng.random(specks.shape) < density)
    matrices = _make_blur_matrices(rng.uniform(*CLOUDS, len(clouds)))
    clouds[:] = matrices @ clouds @ matrices.transpose(0, 2, 1)
    noise /= np.sqrt(np.square(noise).mean(axis=(1, 2), keepdims=True) + 1e-9)
    drawn = None
    if with_lines:
        drawn = lines.draw_random_lines(rng, NUM_TEXTURES).reshape(-1, PIXELS)
    return Textures(noise.reshape(-1, PIXELS).astype(np.float32), drawn)


def degrade_images(images: Any, degradations: Any, textures: Textures) -> Any:
    """Degrade images; `len(images) / len(degradations)` consecutive images share a degradation.

    Args:
        images: float array or tensor of shape (batch, 28, 28), 0 paper to 1 ink; batch is known
            when a graph is traced, and a multiple of the number of degradations.
        degradations: float32 array or tensor of shape (num_degradations, 9) from
            `random_degradations`; num_degradations is known when a graph is traced.
        textures: from `make_textures`; without lines, no outlines are drawn either.

    Returns:
        float tensor of the shape of `images`, 0 to 1.
    """
    num_groups = degradations.shape[0]
    shape = (num_groups, images.shape[0] // num_groups, *IMAGE_SHAPE)
    thicker, row, column, side, blur, sigma, first, outline, darkness = (
        keras.ops.reshape(values, (-1, 1, 1, 1))
        for values in keras.ops.unstack(degradations, axis=1)
    )

    def mix(images, other, share):
        return images + share * (keras.ops.reshape(other, shape) - images)

    thick = _filter_neighbours(images, keras.ops.maximum)
    thin = _filter_neighbours(images, keras.ops.minimum)
    degraded = mix(keras.ops.reshape(images, shape), thick, keras.ops.maximum(thicker, 0))
    degraded = keras.ops.clip(mix(degraded, thin, keras.ops.maximum(-thicker, 0)), 0, 1)

    indices = keras.ops.cast(keras.ops.reshape(first, (-1, 1)), "int32") + np.arange(
        shape[1], dtype=np.int32
    )
    indices = keras.ops.reshape(indices % NUM_TEXTURES, (-1,))
    if textures.lines is not None:
        outside = keras.ops.reshape(thick, shape) - degraded
        degraded = keras.ops.clip(degraded + outline * (outside - degraded), 0, 1)
        across = keras.ops.take(textures.lines, indices, axis=0)
        across = darkness * keras.ops.reshape(across, shape)
        degraded = keras.ops.maximum(degraded, across) * (1 + keras.ops.minimum(across, 0))

    rows, columns = np.arange(ROWS)[:, None] + 0.5, np.arange(COLUMNS) + 0.5
    erased = (keras.ops.abs(rows - row) < side / 2) & (keras.ops.abs(columns - column) < side / 2)
    degraded = degraded * (1 - keras.ops.cast(erased, degraded.dtype))

    matrices = keras.ops.take(
        BLUR_MATRICES, keras.ops.cast(keras.ops.reshape(blur, (-1,)), "int32"), axis=0
    )
    blurred = keras.ops.reshape(degraded, (num_groups, -1, COLUMNS))
    blurred = keras.ops.matmul(blurred, keras.ops.transpose(matrices, (0, 2, 1)))
    degraded = keras.ops.matmul(matrices[:, None], keras.ops.reshape(blurred, shape))

    added = keras.ops.take(textures.noise, indices, axis=0)
    degraded = keras.ops.clip(degraded + sigma * keras.ops.reshape(added, shape), 0, 1)
    return keras.ops.reshape(degraded, images.shape)


def _filter_neighbours(images, choose):
    """Take the largest (or smallest) of each pixel and its eight neighbours; edges are repeated."""
    for axis, size in ((1, ROWS), (2, COLUMNS)):
        first, rest = keras.ops.split(images, [1], axis)
        others, last = keras.ops.split(images, [size - 1], axis)
        before = keras.ops.concatenate([first, others], axis)
        after = keras.ops.concatenate([rest, last], axis)
        images = choose(choose(before, images), after)
    return images


def _make_blur_matrices(sigmas: np.ndarray) -> np.ndarray:
    """Make matrices, float32 of shape (n, 28, 28), that blur columns by n standard deviations."""
    distance = np.arange(ROWS)[:, None] - np.arange(ROWS)
    weights = np.exp(-np.square(distance / np.maximum(sigmas, 1e-3)[:, None, None]) / 2)
    return (weights / weights.sum(axis=2, keepdims=True)).astype(np.float32)


BLUR_MATRICES = _make_blur_matrices(np.linspace(0, BLUR, NUM_BLURS))
