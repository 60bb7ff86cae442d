"""Trained networks: loading, answering, explaining, saving."""

from digits.networks.classifier import Classifier, load_classifier, mean_probabilities
from digits.networks.detector import Detections, Detector, load_detector
from digits.networks.storage import find_model

__all__ = [
    "Classifier",
    "Detections",
    "Detector",
    "find_model",
    "load_classifier",
    "load_detector",
    "mean_probabilities",
]
