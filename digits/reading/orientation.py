"""Chooses the orientation of a page, and whether its ink is dark or light."""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.networks import Classifier, Detections, Detector
from digits.reading import layout
from digits.reading.detect import Pyramid, measure_contrast, select_written
from digits.reading.recognize import prepare, recognize
from digits.transforms import to_mnist

MAX_JUDGED = 50  # digits
MIN_CONFIDENCE = 0.6  # of a digit: below it does not count
# The unmodified view is chosen unless another is clearly better. A score and a mean confidence
# above these show that ink is dark; the score is a little more than that of one confident digit.
CLEAR_SCORE, CLEAR_CONFIDENCE = 1.1, 0.85
UNMODIFIED_BONUS = 1.1  # factor of the score of the unmodified view
# A score and a mean confidence above these, of digits in rows, show that a page is upright.
UPRIGHT_SCORE, UPRIGHT_CONFIDENCE = 4, 0.95
# Below this score of the unmodified view, another must score twice as much: on a page that lies on
# its side, many marks look like digits.
FEW_SCORE = 1.5


@dataclasses.dataclass(frozen=True)
class View:
    """A way to view a page.

    Attributes:
        is_inverted: with light and dark exchanged.
        turns: quarter turns anticlockwise: 0, 1 or 3.
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
        if self.turns == 1:
            left, top, right, bottom = width - bottom, left, width - top, right
        elif self.turns == 3:
            left, top, right, bottom = top, height - right, bottom, height - left
        turned = np.stack([left, top, right, bottom], axis=1)
        return np.clip(turned, 0, [width, height, width, height])


@dataclasses.dataclass(frozen=True)
class Judgement:
    """How well digits are detected in a view.

    Attributes:
        score: sum over the digits of a weight from 0 (uncertain) to 1 (confident), larger for
            digits in rows.
        confidence: mean probability of the digits, 0 if there are none.
        share_in_rows: share of the digits whose nearest one is beside them, not above or below.
        contrast: by how much their ink is darker than the paper, 0 to 1, median; 0 if there are
            none.
    """

    score: float
    confidence: float
    share_in_rows: float
    contrast: float


def choose_view(
    page: np.ndarray, detector: Detector, classifier: Classifier
) -> tuple[View, Pyramid]:
    """Choose the view with the highest score of its detections, coarse ones where these are clear.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white.
        detector: of digits.
        classifier: of digits.

    Returns:
        The view, and the pyramid of the page in it.
    """
    is_inverted = _looks_inverted(page)
    pyramids: dict[View, Pyramid] = {}
    judgements: dict[View, Judgement] = {}
    for view in (View(False, 0), View(True, 0)):
        pyramids[view] = Pyramid(detector, view.apply(page))
        judgements[view] = judged = judge(pyramids[view], pyramids[view].coarse())
        is_clear = judged.confidence > CLEAR_CONFIDENCE and judged.score > CLEAR_SCORE
        if not view.is_inverted and not is_inverted and is_clear:
            break  # ink is dark, as in nearly all photos
    if not any(_is_clearly_upright(judged) for judged in judgements.values()):
        for view in (View(is_inverted, 1), View(is_inverted, 3)):
            pyramids[view] = Pyramid(detector, view.apply(page))
        # On coarse copies small digits are not found. The detector alone takes some digits on
        # their side for others; the classifier seldom agrees.
        judgements = {
            view: judge(pyramid, pyramid.full(), classifier) for view, pyramid in pyramids.items()
        }
    # The texture of paper looks like many faint digits where light and dark are exchanged.
    most_contrast = max(judged.contrast for judged in judgements.values()) or 1.0
    scores = {
        view: judged.score * judged.contrast / most_contrast for view, judged in judgements.items()
    }
    unmodified = scores[View(False, 0)]
    scores[View(False, 0)] = max(UNMODIFIED_BONUS * unmodified, min(2 * unmodified, FEW_SCORE))
    best = max(scores, key=lambda view: scores[view])
    best = best if scores[best] else View(is_inverted, 0)
    return best, pyramids[best]


def judge(pyramid: Pyramid, found: Detections, classifier: Classifier | None = None) -> Judgement:
    """Judge the digits that are detected on a page in a view.

    Args:
        pyramid: of the page in that view.
        found: detections on it.
        classifier: to ask too what the digits are; None for the detector alone.
    """
    digits = select_written(pyramid.page, found)[:MAX_JUDGED]
    probabilities = digits.probabilities
    if classifier:
        inks = [to_mnist.cut_out(pyramid.page, box) for box in digits.boxes]
        probabilities = recognize(classifier, prepare(inks), probabilities).probabilities
    confidences = digits.scores * probabilities.max(axis=1, initial=0)
    in_rows = layout.measure_rows(digits.boxes)
    # Confident digits count more: marks on a page that lies on its side give many uncertain ones.
    weights = np.maximum((confidences - MIN_CONFIDENCE) / (1 - MIN_CONFIDENCE), 0) ** 3
    score = float(weights.sum() * (1 + in_rows) / 1.5)
    if not len(digits):
        return Judgement(score, 0.0, in_rows, 0.0)
    contrasts = [measure_contrast(pyramid.page, box) for box in digits.boxes]
    return Judgement(score, float(confidences.mean()), in_rows, float(np.median(contrasts)))


def _is_clearly_upright(judged: Judgement) -> bool:
    is_confident = judged.score > UPRIGHT_SCORE and judged.confidence > UPRIGHT_CONFIDENCE
    return is_confident and judged.share_in_rows >= 0.5


def _looks_inverted(page: np.ndarray) -> bool:
    """Guess whether ink is light: it covers less area, so strong local differences are ink."""
    small = np.asarray(Image.fromarray(page).resize((200, 200), Image.Resampling.BOX))
    difference = ndimage.uniform_filter(small, 51, mode="nearest") - small
    return bool((difference**3).sum() < 0)
