"""Reads digits drawn on a canvas: separates them, classifies each, and explains one prediction.

What does not look like a digit is told apart by the detector.
"""

from __future__ import annotations

import base64
import dataclasses
import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.mnist import NUM_CLASSES
from digits.networks import Classifier, Detector
from digits.networks.detector import TYPICAL
from digits.reading import layout
from digits.reading.detect import detect
from digits.reading.photos import decode_photo
from digits.reading.recognize import prepare, recognize
from digits.symbols import DIGITS

# Pixels to which a drawing is shrunk to detect its digits, which are large: from about a fifth of
# the height to all of it.
PAGE_SHAPE = (80, 120)
MAX_CHARACTERS = 1_000_000  # of a data URL
MAX_SIDE = 480  # pixels of a drawing; a higher resolution does not help
MAX_STROKES = 50  # the largest are kept
MIN_INK = 0.35  # of full black: fainter pixels are the soft edges of strokes
MIN_SCORE = 0.5  # of the detector, that there is a digit
MIN_PART = (
    0.3  # share of a wide stroke inside a digit's box for part of it to be assigned to the digit
)
# Of `score_digits`: below it a drawing does not look like a digit, as 1% of MNIST's validation
# digits do not, drawn again on a canvas (python -m benchmarks.rejection).
MIN_DIGIT_SCORE = 0.43
MARGIN = 4  # pixels of paper around a drawing that is shown alone to the detector
MIN_SIZE = 0.25  # of the largest digit's longer side: smaller separate strokes are ignored
WIDE = 1.2  # width over height: less wide strokes are not parts of two digits


@dataclasses.dataclass(frozen=True, eq=False)
class CanvasReading:
    """What classifiers read on a drawing of n digits.

    Attributes:
        images: float32 array of shape (n, 28, 28), 0 paper to 1 ink, in reading order.
        probabilities: of each digit, float32 arrays of shape (n, 10) by name of the classifier.
        is_digit: bool array of shape (n,), whether what was drawn looks like a digit at all.
        explained: index of the digit of which the classifiers together are least sure, or of the
            first that does not look like a digit; 0 if n is 0.
        attributions: float32 array of shape (28, 28) by name of the classifier: how much each
            pixel of the explained digit speaks for the classifier's answer. Empty if n is 0.
    """

    images: np.ndarray
    probabilities: dict[str, np.ndarray]
    is_digit: np.ndarray
    explained: int
    attributions: dict[str, np.ndarray]


def decode_canvas(text: str | None) -> np.ndarray | None:
    """Decode what the canvas sends: a PNG as a data URL, or nothing.

    Args:
        text: "data:image/png;base64,...", or "" or None.

    Returns:
        uint8 array of shape (height, width, 3), white where it is transparent; None for nothing.

    Raises:
        ValueError: it is something else, or too large.
    """
    if not text:
        return None
    head, _, body = str(text)[: MAX_CHARACTERS + 1].partition(",")
    if not head.startswith("data:image/") or len(str(text)) > MAX_CHARACTERS:
        raise ValueError("The drawing is not a picture as the canvas sends it: draw it again")
    try:
        file = io.BytesIO(base64.b64decode(body, validate=True))
    except ValueError:
        raise ValueError("The drawing arrived damaged: draw it again") from None
    return decode_photo(file, "The drawing").pixels


def read_canvas(
    canvas: np.ndarray | None, detector: Detector, classifiers: Mapping[str, Classifier]
) -> CanvasReading:
    """Read a drawing with each classifier, and explain the digit that they are least sure of.

    Args:
        canvas: uint8 array of shape (height, width, 3), dark on light or light on dark, or None.
        detector: of digits.
        classifiers: by name.

    Returns:
        The reading: no digits if nothing is drawn, else at least one. What does not look like a
        digit is read too, as the nearest digit, and is marked.
    """
    inks = [] if canvas is None else split_drawing(canvas, detector)
    prepared = prepare(inks)
    images = prepared[:, -1]
    probabilities = {
        name: recognize(each, prepared).probabilities for name, each in classifiers.items()
    }
    is_digit = score_digits(inks, detector) >= MIN_DIGIT_SCORE
    if not inks:
        return CanvasReading(images, probabilities, is_digit, 0, {})
    confidences = [row.max(axis=1) for row in probabilities.values()]
    explained = int(np.argmin(sum(confidences) * is_digit))
    attributions = {}
    for name, classifier in classifiers.items():
        label = int(probabilities[name][explained].argmax())
        attributions[name] = classifier.attribute(images[[explained]], [label])[0][0]
    return CanvasReading(images, probabilities, is_digit, explained, attributions)


def score_digits(inks: Sequence[np.ndarray], detector: Detector) -> np.ndarray:
    """Measure how much drawings look like digits.

    A classifier only learned to tell digits apart: it gives an A the probability of a 4. The
    detector learned from letters, marks and scribbles too, which are no digits.

    Args:
        inks: float32 arrays of shape (height, width), 0 paper to 1 ink, with ink of one drawing
            each.
        detector: of digits.

    Returns:
        float64 array of shape (n,): the detector's probability that there is a digit and that it
        is the most likely one, where the drawing is shown alone, as large as the digits that the
        detector knows best.
    """
    return np.array([_score_digit(ink, detector) for ink in inks], np.float64)


def _score_digit(ink: np.ndarray, detector: Detector) -> float:
    rows, columns = np.nonzero(ink > MIN_INK)
    cut = ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    side = int(TYPICAL)
    size = [max(1, round(length * side / max(cut.shape))) for length in cut.shape[::-1]]
    method = Image.Resampling.BOX if max(cut.shape) > side else Image.Resampling.BICUBIC
    small = np.asarray(Image.fromarray(cut).resize(size, method))
    page = np.ones((side + 2 * MARGIN, side + 2 * MARGIN), np.float32)
    left, top = (np.array(page.shape[::-1]) - size) // 2
    page[top : top + size[1], left : left + size[0]] -= np.clip(small, 0, 1)
    found = detector.detect(page, min_score=0.0)
    return float((found.scores[:, None] * found.probabilities[:, :NUM_CLASSES]).max(initial=0))


def split_drawing(canvas: np.ndarray, detector: Detector) -> list[np.ndarray]:
    """Split a drawing into its digits; as `split_digits`, of a canvas as `read_canvas` takes."""
    return split_digits(_get_ink(canvas), detector)


def split_digits(ink: np.ndarray, detector: Detector) -> list[np.ndarray]:
    """Split a drawing into its digits.

    A single stroke is one digit unless it is wide. Of several, the detector tells which belong
    together.

    Args:
        ink: float32 array of shape (height, width), 0 paper to 1 ink.
        detector: of digits.

    Returns:
        float32 arrays of the same shape, each with the ink of one digit, in reading order.
    """
    strokes, num_strokes = _label_strokes(ink)
    if num_strokes > MAX_STROKES:
        sizes = np.bincount(strokes.ravel())
        sizes[0] = 0
        ink = np.where(np.isin(strokes, np.argsort(-sizes)[:MAX_STROKES]), ink, 0)
        strokes, num_strokes = _label_strokes(ink)
    if not num_strokes:
        return []
    edges = _measure_boxes(strokes)
    if num_strokes == 1 and not _are_wide(edges)[0]:
        return [ink]
    boxes = _detect_boxes(ink, detector)
    if len(boxes) < 2:
        return [ink]
    owners = _assign_strokes(strokes, edges, boxes)
    digits = [np.where(owners == number, ink, 0) for number in np.unique(owners[owners > 0])]
    if not digits:
        return [ink]
    edges = _measure_boxes(owners)
    sizes = _measure_sizes(edges)
    kept = np.flatnonzero(sizes > MIN_SIZE * sizes.max())
    return [digits[kept[index]] for row in layout.group_rows(edges[kept]) for index in row]


def _get_ink(canvas: np.ndarray) -> np.ndarray:
    image = Image.fromarray(canvas).convert("L")
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    ink = 1 - np.asarray(image, np.float32) / 255
    # Most of a canvas is paper: if most of it is dark, it is light on dark, as MNIST is.
    return 1 - ink if np.median(ink) > 0.5 else ink


def _label_strokes(ink: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the connected parts of the ink from 1 on; 0 is paper."""
    return ndimage.label(ink > MIN_INK, np.ones((3, 3)))


def _detect_boxes(ink: np.ndarray, detector: Detector) -> np.ndarray:
    """Detect digits: float array of shape (n, 4), left, top, right, bottom in pixels of `ink`."""
    scale = min(1.0, *np.divide(PAGE_SHAPE, ink.shape))
    size = [max(1, round(side * scale)) for side in ink.shape[::-1]]
    small = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BOX))
    # Of one shape whatever is drawn, on white.
    page = np.ones(PAGE_SHAPE, np.float32)
    page[: size[1], : size[0]] -= small
    found = detect(detector, page, largest_digit=PAGE_SHAPE[0])
    found = found[found.labels < len(DIGITS)]
    return found.boxes[found.scores > MIN_SCORE] / scale


def _assign_strokes(strokes: np.ndarray, edges: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Assign each pixel to a digit; only wide strokes may be parts of several digits.

    Args:
        strokes: integer array of shape (height, width): number of the stroke, 0 for paper.
        edges: float array of shape (num_strokes, 4): left, top, right, bottom of each stroke.
        boxes: float array of shape (num_digits, 4): left, top, right, bottom of each digit.

    Returns:
        Integer array of shape (height, width): number of the digit from 1 on, 0 for none.
    """
    rows, columns = np.nonzero(strokes)
    numbers = strokes[rows, columns]
    left, top, right, bottom = boxes.T[:, :, None]
    across = np.maximum(np.maximum(left - columns, columns - right), 0)
    down = np.maximum(np.maximum(top - rows, rows - bottom), 0)
    distances = np.hypot(across, down)  # of each box to each pixel
    to_middles = np.hypot((left + right) / 2 - columns, (top + bottom) / 2 - rows)
    nearest = (distances + 0.001 * to_middles).argmin(axis=0)
    owners = np.zeros(strokes.shape, int)
    is_wide = _are_wide(edges)
    is_small = _measure_sizes(edges) < MIN_SIZE * _measure_sizes(boxes).max()
    for stroke in range(len(edges)):
        mine = numbers == stroke + 1
        inside = (distances[:, mine] == 0).mean(axis=1)
        if not inside.any() and is_small[stroke]:
            continue
        if is_wide[stroke] and (inside > MIN_PART).sum() > 1:
            owners[rows[mine], columns[mine]] = nearest[mine] + 1
        else:
            best = inside.argmax() if inside.any() else distances[:, mine].mean(axis=1).argmin()
            owners[rows[mine], columns[mine]] = best + 1
    return owners


def _measure_boxes(numbered: np.ndarray) -> np.ndarray:
    """Left, top, right and bottom edge of each number's pixels; numbers without any are skipped."""
    places = [place for place in ndimage.find_objects(numbered) if place is not None]
    edges = [(x.start, y.start, x.stop, y.stop) for y, x in places]
    return np.array(edges, float).reshape(-1, 4)


def _measure_sizes(boxes: np.ndarray) -> np.ndarray:
    """Longer side of each box."""
    return (boxes[:, 2:] - boxes[:, :2]).max(axis=1)


def _are_wide(boxes: np.ndarray) -> np.ndarray:
    """Whether each box is much wider than high."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    return width > WIDE * height
