"""Reads the digits on a photo of a page: finds them, reads each, and puts them into lines."""

import numpy as np
from PIL import Image
from scipy import ndimage

from digits.reading import detect, layout
from digits.transforms import to_mnist

MIN_SCORE = 0.7  # of the finder, that something is a digit
MIN_PROBABILITY = 0.45  # that it is a digit and the one it is taken for
# A page is mostly written with one pen, at one size: what is far fainter or smaller than the rest
# is grain of the paper.
MIN_CONTRAST, MIN_SIZE = 0.3, 0.4
MAX_DIGITS = 1000  # the surest are kept
# A page may have to be seen with its ink light instead of dark, and turned by quarters. That is
# tried out on a smaller copy; it is seen as it is unless another view is clearly better.
COARSE_PIXELS = 300_000
MAX_JUDGED = 50  # digits
UNSURE = 0.6  # certainty of a digit that does not count
CLEAR_WORTH, LIKELY = 1.1, 0.85  # little more than that of a sure digit; mean certainty
USUAL_BONUS = 1.1
# Above these, digits in rows show that a page is not on its side: worth and mean certainty.
MANY_WORTH, SURE = 4, 0.95
FEW_WORTH = 1.5  # marks worth less must be twice as sure elsewhere: many look like a digit turned


def read(photo, finder, classifier, threshold):
    """Read the digits on a photo, also white on black, and of a page that lies on its side.

    Args:
        photo: uint8 array of shape (height, width, 3).
        finder: trained network as `finder.build_finder` builds.
        classifier: trained network of `model.BUILDERS`.
        threshold: probability below which the classifier is not sure of a digit.

    Returns:
        list of lines in reading order, each a dict of `text`, digits with a space between numbers,
        and `digits`, a list of dicts: `label` (int), `probability` (that it is a digit, and this
        one), `sure` (whether the classifier alone is), `runner_up` (int), `box` ([x, y,
        width, height] in pixels of the photo) and `image` (float32 of shape (28, 28), what the
        classifier saw). Empty if there are no digits.
    """
    page = to_grey(photo)
    (inverted, turns), found = choose_view(page, finder, classifier)
    page = _see(page, inverted, turns)
    scales = detect.list_scales(page.shape)
    rest = detect.look(finder, page, scales[: -len(_choose_coarse(page.shape))])
    lines = _read_found(page, _select(page, np.concatenate([rest, found])), classifier, threshold)
    for digit in layout.list_digits(lines):
        digit["box"] = _turn_back(digit["box"], turns, page.shape)
    return lines


def to_grey(photo):
    """Turn a photo grey: uint8 of shape (height, width, 3) to float32 (height, width), 0 to 1."""
    return np.asarray(Image.fromarray(photo).convert("L"), np.float32) / 255


def choose_view(page, finder, classifier):
    """Choose how to see a page for its digits to be sure, by looking at it from some way off.

    Args:
        page: float32 array of shape (height, width), 0 black to 1 white.
        finder: trained network as `finder.build_finder` builds.
        classifier: trained network of `model.BUILDERS`.

    Returns:
        `(inverted, turns), found`: whether its ink is light, by how many quarters to turn it,
        anticlockwise; what was found in this view at the coarse scales, as of `detect.look`.
    """
    guess = _looks_inverted(page)
    found, judged = {}, {}

    def look_at(*view):
        seen = _see(page, *view)
        found[view] = detect.look(finder, seen, _choose_coarse(seen.shape))
        return seen

    for view in ((False, 0), (True, 0)):
        judged[view] = worth, certainty, _ = _judge(look_at(*view), found[view])
        if view == (guess, 0) == (False, 0) and certainty > LIKELY and worth > CLEAR_WORTH:
            break  # ink is dark, as in nearly all photos
    if not any(
        worth > MANY_WORTH and certainty > SURE and in_rows >= 0.5
        for worth, certainty, in_rows in judged.values()
    ):
        look_at(guess, 1)
        look_at(guess, 3)
        # The finder alone takes some digits on their side for others; the classifier seldom agrees.
        judged = {view: _judge(_see(page, *view), found[view], classifier) for view in found}
    worths = {view: worth for view, (worth, *_) in judged.items()}
    usual = worths[False, 0]
    worths[False, 0] = max(USUAL_BONUS * usual, min(2 * usual, FEW_WORTH))
    best = max(worths, key=worths.get)
    best = best if worths[best] else (guess, 0)
    return best, found[best]


def _judge(page, found, classifier=None):
    """Judge what was found in a view: its worth, mean certainty, and how much it is in rows."""
    boxes, scores, probabilities = (values[:MAX_JUDGED] for values in _select(page, found))
    if classifier:
        probabilities, *_ = _classify(page, boxes, probabilities, classifier)
    certainties = scores * probabilities.max(axis=1, initial=0)
    in_rows = layout.measure_rows(boxes)
    # A few sure digits are worth more than many doubtful ones, as marks on their side are; 1 is
    # what a sure digit alone is worth.
    worth = (np.maximum((certainties - UNSURE) / (1 - UNSURE), 0) ** 3).sum() * (1 + in_rows) / 1.5
    return worth, certainties.mean() if len(boxes) else 0.0, in_rows


def _choose_coarse(shape):
    """The scales of a page that has few pixels at them; at least the smallest."""
    scales = detect.list_scales(shape)
    num_pixels = shape[0] * shape[1]
    return [scale for scale in scales if num_pixels * scale**2 < COARSE_PIXELS] or scales[-1:]


def _see(page, inverted, turns):
    return np.ascontiguousarray(np.rot90(1 - page if inverted else page, turns))


def _looks_inverted(page):
    """Ink covers less of a page than paper, so what differs most from its surroundings is ink."""
    small = np.asarray(Image.fromarray(page).resize((200, 200), Image.Resampling.BOX))
    difference = ndimage.uniform_filter(small, 51, mode="nearest") - small
    return bool((difference**3).sum() < 0)


def _read_found(page, found, classifier, threshold):
    boxes, scores, seen = found
    probabilities, classified, images = _classify(page, boxes, seen, classifier)
    kept = scores * probabilities.max(axis=1, initial=0) > MIN_PROBABILITY
    boxes, scores, probabilities, classified, images = (
        values[kept] for values in (boxes, scores, probabilities, classified, images)
    )
    ranked = np.argsort(-probabilities, axis=1)
    lines = []
    for numbers in layout.make_lines(boxes):
        texts = ["".join(str(ranked[index, 0]) for index in number) for number in numbers]
        digits = [
            {
                "label": int(ranked[index, 0]),
                "probability": float(scores[index] * probabilities[index].max()),
                "sure": bool(classified[index, ranked[index, 0]] >= threshold),
                "runner_up": int(ranked[index, 1]),
                "box": boxes[index],
                "image": images[index],
            }
            for number in numbers
            for index in number
        ]
        lines.append({"text": " ".join(texts), "digits": digits})
    return lines


def _classify(page, boxes, seen, classifier):
    classified, images = to_mnist.classify(
        classifier, [to_mnist.cut_out(page, box) for box in boxes]
    )
    # One saw the digit among others, the other saw it close: they err on different ones.
    return (seen + classified) / 2, classified, images


def _select(page, found):
    """Merge what was found and keep what is sure, and as dark and as large as the rest."""
    boxes, scores, probabilities = detect.merge(found)
    contrasts = np.array([_measure_contrast(page, box) for box in boxes])
    sizes = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    kept = scores > MIN_SCORE
    if kept.any():
        surest = np.argsort(-contrasts * scores)[:5]
        kept &= contrasts > MIN_CONTRAST * np.median(contrasts[surest])
    if kept.any():
        # The size that half of the ink is at or above.
        order = np.argsort(sizes[kept])
        weights = np.cumsum((scores * contrasts * sizes)[kept][order])
        usual = sizes[kept][order][np.searchsorted(weights, weights[-1] / 2)]
        kept &= sizes > MIN_SIZE * usual
    kept = np.flatnonzero(kept)[:MAX_DIGITS]
    return boxes[kept], scores[kept], probabilities[kept]


def _measure_contrast(page, box):
    region = to_mnist.cut_region(page, box, margin=0.15)
    return np.percentile(region, 80) - np.percentile(region, 4)


def _turn_back(box, turns, shape):
    """Box [x, y, width, height] before a page was turned to `shape` by quarters, anticlockwise."""
    height, width = shape if turns % 2 == 0 else shape[::-1]
    left, top, right, bottom = box
    if turns == 1:
        left, top, right, bottom = width - bottom, left, width - top, right
    elif turns == 3:
        left, top, right, bottom = top, height - right, bottom, height - left
    left, right = np.clip([left, right], 0, width)
    top, bottom = np.clip([top, bottom], 0, height)
    return [float(left), float(top), float(right - left), float(bottom - top)]
