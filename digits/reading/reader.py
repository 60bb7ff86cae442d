"""Reads the digits on a photo of a page: detects them, recognizes each, arranges them in lines."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from digits.networks import Classifier, Detector, load_classifier, load_detector
from digits.reading import layout
from digits.reading.detect import select_written
from digits.reading.enlarge import enlarge
from digits.reading.orientation import choose_view
from digits.reading.photos import Photo, load_photo
from digits.reading.recognize import prepare, recognize
from digits.reading.results import Digit, Line, Number, Page
from digits.symbols import DIGITS
from digits.transforms import to_mnist

MIN_PROBABILITY = 0.45  # that there is a digit and that it is the most likely one


class Reader:
    """Reads photos of handwritten digits, also light on dark, and of pages that lie on their side.

    Attributes:
        detector: tells where digits are.
        classifier: classifies the digits that are detected.
    """

    def __init__(self, detector: Detector | None = None, classifier: Classifier | None = None):
        """Make a reader.

        Args:
            detector: None for `load_detector()`: the user's own, else the released one.
            classifier: None for `load_classifier()`: the user's own cnn, else the released one.
        """
        self.detector = load_detector() if detector is None else detector
        self.classifier = load_classifier() if classifier is None else classifier

    def read(self, photo: Photo | np.ndarray | str | Path) -> Page:
        """Read a photo.

        Args:
            photo: a photo; or its pixels, a uint8 array of shape (height, width, 3); or its file.

        Returns:
            What was read on it, boxes in pixels of the photo. It has no lines if there are no
            digits.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not an image, damaged, or too large.
        """
        if isinstance(photo, np.ndarray):
            photo = Photo(photo)
        elif not isinstance(photo, Photo):
            photo = load_photo(photo)
        enlarged = enlarge(photo.grey())
        view, viewed, found = choose_view(enlarged.page, self.detector)
        found = select_written(viewed, found)
        found = found[found.labels < len(DIGITS)]
        inks = [to_mnist.cut_out(viewed, box) for box in found.boxes]
        detected = found.probabilities[:, : len(DIGITS)]
        detected = detected / detected.sum(axis=1, keepdims=True)
        recognized = recognize(self.classifier, prepare(inks), detected)
        probabilities = found.scores * recognized.probabilities.max(axis=1, initial=0)
        ranked = np.argsort(-recognized.probabilities, axis=1)
        boxes = enlarged.to_photo(view.turn_back(found.boxes, enlarged.page.shape))
        digits = [
            Digit(
                label=int(ranked[index, 0]),
                probability=float(probabilities[index]),
                is_sure=bool(recognized.is_sure[index]),
                runner_up=int(ranked[index, 1]),
                box=tuple(boxes[index].tolist()),
                image=recognized.images[index],
            )
            for index in range(len(found))
        ]
        kept = np.flatnonzero(probabilities > MIN_PROBABILITY)
        lines = tuple(
            Line(tuple(Number(tuple(digits[kept[index]] for index in row)) for row in numbers))
            for numbers in layout.make_lines(found.boxes[kept])
        )
        return Page(photo.name, photo.scale, lines, view.turns, view.is_inverted)
