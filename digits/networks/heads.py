"""Networks cut off at their logits, for losses, distillation and calibration; lists of layers."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from digits.keras_quietly import keras
from digits.mnist import IMAGE_SHAPE


def logits_model(model: keras.Model) -> keras.Model:
    """The classifier without its softmax, on the same weights; losses are exact on logits."""
    return keras.Model(model.inputs[0], model.get_layer("logits").output)


def mean_logits_model(models: Sequence[keras.Model]) -> keras.Model:
    """A network whose softmax is the mean of the probabilities of several classifiers.

    Args:
        models: classifiers of this project, folded or not, at least one.

    Returns:
        A `keras.Model` that gives logits, on the classifiers' own weights.
    """
    if len(models) == 1:
        return logits_model(models[0])
    image = keras.layers.Input(IMAGE_SHAPE, name="image")
    log_probabilities = [keras.ops.log_softmax(logits_model(model)(image)) for model in models]
    total = keras.ops.logsumexp(keras.ops.stack(log_probabilities), axis=0)
    return keras.Model(image, total - float(np.log(len(models))))


def scale_logits(model: keras.Model, temperature: float) -> None:
    """Divide a classifier's logits by a temperature, in the weights of its last dense layer.

    Args:
        model: a classifier of this project, folded or not; changed in place.
        temperature: above 0; above 1 the probabilities become less extreme.
    """
    layer = model.get_layer("logits")
    layer.set_weights([weights / temperature for weights in layer.get_weights()])


def list_layers(layers: Iterable[keras.layers.Layer]) -> Iterator[keras.layers.Layer]:
    """List layers in order, those of models among them in their place."""
    for layer in layers:
        inner = getattr(layer, "layers", None)
        if inner:
            yield from list_layers(inner)
        else:
            yield layer
