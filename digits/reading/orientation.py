"""Chooses the orientation of a page, and whether its ink is dark or light."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.networks import Detections, Detector
from digits.networks.detector import AMBIGUOUS_ON_SIDE, AMBIGUOUS_UPSIDE_DOWN, TURNED
from digits.reading.detect import detect, measure_contrasts
from digits.symbols import DIGITS

MIN_CONFIDENCE = 0.6  # of a digit: below it does not count
# The ink is dark if so many digits are detected with that mean confidence: light ink is not tried.
CLEAR_WEIGHT, CLEAR_CONFIDENCE = 1.1, 0.6
# Weight of ink of the brightness that the page does not look like, and by how much more contrast it
# must have all the same, where one clear black digit on white paper has 1.
LESS_LIKELY, MIN_CONTRAST_GAIN = 0.67, 0.02
# Probability that a digit is detected as one of any other orientation, and classes of digits that
# are detected as upright ones also after other turns, because they look alike.
ANY_ORIENTATION = 0.05
ALIKE = {1: AMBIGUOUS_ON_SIDE, 2: AMBIGUOUS_UPSIDE_DOWN, 3: AMBIGUOUS_ON_SIDE}
# Pages are upright unless another orientation's evidence is larger by so much; orientations that
# come as near to the best are tried.
MIN_GAIN, NEAR = 1.0, 0.95
# Evidence for an orientation of each digit that is detected in it, added to the log-likelihood: a 2
# that is upside down may be none of the classes.
DIGIT_EVIDENCE = 1.5


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
        log_likelihoods: float array of shape (4,): of the detections, if the page is upright after
            0, 1, 2 or 3 quarter turns anticlockwise.
        weight: number of digits, those of low confidence counted less or not at all.
        confidence: mean confidence of all digits, 0 if there are none.
        contrast: sum over the digits of weight times contrast.
    """

    log_likelihoods: np.ndarray
    weight: float
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
    is_likely_inverted, start = looks_inverted(page), 0 if turns is None else turns
    tried: list[tuple[View, np.ndarray, Detections, Judgement]] = []
    for is_inverted in (False, True):
        tried.append(_detect(page, View(is_inverted, start), detector))
        judged = tried[-1][3]
        is_clear = judged.weight > CLEAR_WEIGHT and judged.confidence > CLEAR_CONFIDENCE
        if is_clear and not is_likely_inverted:
            break  # ink is dark, as in nearly all photos
    # Where both have digits, or what looks like some, ink has more contrast than paper's texture.
    view, viewed, found, judged = max(
        tried,
        key=lambda each: (
            each[3].contrast + MIN_CONTRAST_GAIN
            if each[0].is_inverted == is_likely_inverted
            else each[3].contrast * LESS_LIKELY
        ),
    )
    if turns is not None:
        return view, viewed, found
    views = {0: (view, viewed, found)}
    weights = np.full(4, np.nan)  # of the digits in each orientation that was tried
    weights[0] = judged.weight
    totals = judged.log_likelihoods - [0, MIN_GAIN, MIN_GAIN, MIN_GAIN]
    while True:
        # Those not tried may have as many digits as the best.
        expected = np.where(np.isnan(weights), np.nanmax(weights), weights)
        evidence = totals + DIGIT_EVIDENCE * expected
        ranked = np.argsort(-evidence, kind="stable").tolist()
        untried = [turn for turn in ranked if turn not in views]
        if not untried or evidence[untried[0]] < evidence.max() - NEAR:
            return views[next(turn for turn in ranked if turn in views)]
        turned = _detect(page, View(view.is_inverted, untried[0]), detector)
        views[untried[0]], weights[untried[0]] = turned[:3], turned[3].weight
        # The same page was seen from another side.
        totals += np.roll(turned[3].log_likelihoods, untried[0])


def judge(page: np.ndarray, found: Detections) -> Judgement:
    """Judge a page's orientation by what was detected on it.

    Args:
        page: float32 array of shape (height, width), dark ink on light paper.
        found: detections on it.
    """
    labels = found.labels
    found = found[(labels < len(DIGITS)) | (labels >= TURNED)]
    upright = found.probabilities[:, : len(DIGITS)]
    turned = found.probabilities[:, TURNED:]
    fits = np.stack(
        [upright.sum(axis=1)]
        + [turned[:, n - 1] + upright[:, list(alike)].sum(axis=1) for n, alike in ALIKE.items()],
        axis=1,
    )
    weights = _weigh(found.scores * (upright.sum(axis=1) + turned.sum(axis=1)))
    confidences = found.scores * found.probabilities.max(axis=1, initial=0)
    counted = _weigh(confidences)
    return Judgement(
        weights @ np.log((fits + ANY_ORIENTATION) / (1 + ANY_ORIENTATION)),
        float(counted.sum()),
        float(confidences.mean()) if len(found) else 0.0,
        float((counted * measure_contrasts(page, found.boxes)).sum()),
    )


def _weigh(confidences):
    """Weigh digits: 1 if certain, less if not, 0 below `MIN_CONFIDENCE`."""
    return np.maximum((confidences - MIN_CONFIDENCE) / (1 - MIN_CONFIDENCE), 0) ** 2


def _detect(
    page: np.ndarray, view: View, detector: Detector
) -> tuple[View, np.ndarray, Detections, Judgement]:
    viewed = view.apply(page)
    found = detect(detector, viewed)
    return view, viewed, found, judge(viewed, found)


def looks_inverted(page: np.ndarray) -> bool:
    """Guess whether ink is light: it covers less area, so strong local differences are ink."""
    small = np.asarray(Image.fromarray(page).resize((200, 200), Image.Resampling.BOX))
    difference = ndimage.uniform_filter(small, 51, mode="nearest") - small
    return bool((difference**3).sum() < 0)
