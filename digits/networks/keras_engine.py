"""Runs networks with Keras on TensorFlow."""

from __future__ import annotations

import functools

import numpy as np

from digits.keras_quietly import keras, tf


class KerasEngine:
    """Computes a Keras model's outputs, compiled once for batches of any size.

    Attributes:
        model: the `keras.Model`.
    """

    def __init__(self, model: keras.Model):
        """Wrap a model; it is compiled when it is first used."""
        self.model = model
        self._dtype = tf.as_dtype(model.inputs[0].dtype)
        signature = [tf.TensorSpec([None, *model.input_shape[1:]], self._dtype)]
        infer = functools.partial(model, training=False)
        self._compute = tf.function(infer, input_signature=signature, autograph=False)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Compute the outputs for a batch of inputs, float32 arrays or of the model's dtype."""
        return self._compute(tf.cast(inputs, self._dtype)).numpy()
