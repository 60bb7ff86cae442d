"""Makes a trained network ready for use: folds and calibrates it, and chooses its threshold."""

from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from digits.keras_quietly import keras
from digits.networks import Classifier, batch_norm, heads
from digits.networks.keras_engine import KerasEngine

UNSURE_SHARE = 0.01  # of the validation images, whose predictions are not sure


def finish(
    network: keras.Sequential, x_val: np.ndarray, y_val: np.ndarray, path: str | Path
) -> Classifier:
    """Make a trained network ready for use.

    Batch normalization is folded away, the logits are divided by the temperature that fits the
    validation images best, and the threshold is chosen on the same images.

    Args:
        network: trained, of `model.BUILDERS`.
        x_val: float32 array of shape (n, 28, 28), 0 to 1: images that it was not trained on.
        y_val: integers 0-9 of shape (n,).
        path: file that the classifier will be saved to.

    Returns:
        The classifier, not saved, with `temperature` and `threshold` in its metadata.
    """
    folded = batch_norm.fold_classifier(network)
    logits = heads.logits_model(folded).predict(x_val, batch_size=500, verbose=0)
    temperature = fit_temperature(y_val, logits)
    heads.scale_logits(folded, temperature)
    engine, path = KerasEngine(folded), Path(path)
    threshold = choose_threshold(Classifier(engine, path).probabilities(x_val))
    return Classifier(engine, path, {"temperature": temperature, "threshold": threshold})


def fit_temperature(labels: np.ndarray, logits: np.ndarray) -> float:
    """Find the temperature at which probabilities are calibrated.

    It is the number to divide logits by for the least cross-entropy (C. Guo et al., "On calibration
    of modern neural networks", ICML 2017, section 4.2). It changes probabilities, but no
    prediction.

    Args:
        labels: integers 0-9 of shape (n,), of images that the network was not trained on.
        logits: floats of shape (n, 10).

    Returns:
        float between 0.1 and 10; above 1 the network was overconfident.
    """
    rows = np.arange(len(labels))

    def cross_entropy(log_temperature):
        return -log_softmax(logits / np.exp(log_temperature), axis=1)[rows, labels].mean()

    bounds = np.log([0.1, 10])
    return float(np.exp(minimize_scalar(cross_entropy, bounds=bounds, method="bounded").x))


def choose_threshold(probabilities: np.ndarray) -> float:
    """Choose the probability below which a prediction is not sure.

    Args:
        probabilities: floats of shape (n, 10), of images that the network was not trained on.

    Returns:
        float in [0, 1]: the probability of the predicted digit is below it for 1% of the images.
    """
    return float(np.quantile(probabilities.max(axis=1), UNSURE_SHARE))
