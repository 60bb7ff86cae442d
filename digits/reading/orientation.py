"""Chooses the orientation of a page, and whether its ink is dark or light."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.networks import Detections, Detector
from digits.networks.detector import TURNED
from digits.reading.detect import detect, measure_contrasts
from digits.symbols import DIGITS

MIN_CONFIDENCE = 0.6  # of a digit: below it does not count
# The ink is dark if so many digits are detected with that mean confidence: light ink is not tried.
CLEAR_WEIGHT, CLEAR_CONFIDENCE = 1.1, 0.85
# A page is turned for so many times the weight of the digits that are upright, and for at least
# the weight of a confident digit.
MIN_RATIO, MIN_WEIGHT = 2.0, 0.5
# From this weight of upright digits on a page is not tried in another orientation unless its digits
# look turned.
CLEARLY_UPRIGHT = 0.6


@dataclasses.dataclass(frozen=True)
class View:
    """A way to view a page.

    Attributes:
        is_inverted: with light and dark exchanged.
        turns: quarter turns anticlockwise, 0 to 3.
    """

    is_inverted: bool
    turns: int

    def apply(self, page: np.ndarray) -> np.ndarray:
        """View a page: float32 arrays of shape (height, width), 0 black to 1 white, both."""
        return np.ascontiguousarray(np.rot90(1 - page if self.is_inverted else page, self.turns))

    def turn_back(self, boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Find where boxes on a page in this view are on the page itself.

        Args:
            boxes: float array of shape (n, 4): left, top, right, bottom in pixels of the view.
            shape: height and width of the page itself.

        Returns:
            float array of shape (n, 4), in pixels of the page, cut off at its edges.
        """
        height, width = shape
        left, top, right, bottom = boxes.T
        if self.turns == 2:
            left, top, right, bottom = width - right, height - bottom, width - left, height - top
        elif self.turns == 1:
            left, top, right, bottom = width - bottom, left, width - top, right
        elif self.turns == 3:
            left, top, right, bottom = top, height - right, bottom, height - left
        turned = np.stack([left, top, right, bottom], axis=1)
        return np.clip(turned, 0, [width, height, width, height])


@dataclasses.dataclass(frozen=True, eq=False)
class Judgement:
    """What the detections on a page say of its orientation.

    Attributes:
        weights: float array of shape (4,): number of digits that are upright after 0, 1, 2 or 3
            quarter turns anticlockwise, those of low confidence counted less or not at all.
        confidence: mean confidence of all digits, 0 if there are none.
        contrast: sum over the digits of weight times contrast.
    """

    weights: np.ndarray
    confidence: float
    contrast: float


def choose_view(
    page: np.ndarray, detector: Detector, turns: int | None = None
) -> tuple[View, np.ndarray, Detections]:
    """Choose the view in which a page is read, and detect what is on it.

    The detector tells digits on a page that lies on its side or upside down from upright ones, so
    the page is shown to it once, and again only where it is to be turned, or may have light ink.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white.
        detector: of digits.
        turns: quarter turns anticlockwise after which the page is upright, if that is known.

    Returns:
        The view, the page in it, and the detections there.
    """
    looks_inverted, start = _looks_inverted(page), 0 if turns is None else turns
    tried: list[tuple[View, np.ndarray, Detections, Judgement]] = []
    for is_inverted in (False, True):
        view = View(is_inverted, start)
        viewed = view.apply(page)
        found = detect(detector, viewed)
        judged = judge(viewed, found)
        tried.append((view, viewed, found, judged))
        is_clear = judged.weights.sum() > CLEAR_WEIGHT and judged.confidence > CLEAR_CONFIDENCE
        if is_clear and not looks_inverted:
            break  # ink is dark, as in nearly all photos
    # Where both have digits, or what looks like some, ink has more contrast than paper's texture.
    view, viewed, found, judged = max(
        tried, key=lambda each: (each[3].contrast, each[0].is_inverted == looks_inverted)
    )
    if turns is not None:
        return view, viewed, found
    best, most = (view, viewed, found), max(MIN_RATIO * judged.weights[0], MIN_WEIGHT)
    more = int(judged.weights.argmax())
    if judged.weights[more] > most:
        others: tuple[int, ...] = (more,)
    else:
        others = (1, 2, 3) if judged.weights[0] < CLEARLY_UPRIGHT else ()
    for other in others:
        turned = View(view.is_inverted, other)
        turned_page = turned.apply(page)
        turned_found = detect(detector, turned_page)
        # The same digits must be upright then.
        weight = judge(turned_page, turned_found).weights[0]
        if weight > most:
            best, most = (turned, turned_page, turned_found), weight
    return best


def judge(page: np.ndarray, found: Detections) -> Judgement:
    """Judge a page's orientation by what was detected on it.

    Args:
        page: float32 array of shape (height, width), dark ink on light paper.
        found: detections on it.
    """
    labels = found.labels
    is_digit = (labels < len(DIGITS)) | (labels >= TURNED)
    found, labels = found[is_digit], labels[is_digit]
    confidences = found.scores * found.probabilities.max(axis=1, initial=0)
    counted = np.maximum((confidences - MIN_CONFIDENCE) / (1 - MIN_CONFIDENCE), 0) ** 2
    turns = np.maximum(labels - TURNED + 1, 0)
    return Judgement(
        np.bincount(turns, counted, minlength=4),
        float(confidences.mean()) if len(found) else 0.0,
        float((counted * measure_contrasts(page, found.boxes)).sum()),
    )


def _looks_inverted(page: np.ndarray) -> bool:
    """Guess whether ink is light: it covers less area, so strong local differences are ink."""
    small = np.asarray(Image.fromarray(page).resize((200, 200), Image.Resampling.BOX))
    difference = ndimage.uniform_filter(small, 51, mode="nearest") - small
    return bool((difference**3).sum() < 0)
