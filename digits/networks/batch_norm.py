"""Batch normalization that trains fast, and its folding into convolutions for use."""

import numpy as np

from digits.keras_quietly import keras, tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalization, trained by TensorFlow's fused operation where there is one.

    Keras computes it in a dozen operations, each a pass through memory, in float32: the
    convolutional network then trains at 1,270 images a second instead of 3,140
    (benchmarks/README.md). Folding removes these layers, so no saved model needs this class.

    Where several devices share a batch (`tf.distribute`), mean and variance are those of the whole
    batch, as on one device: they are added up across the devices, without the fused operation.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalize as `keras.layers.BatchNormalization` does."""
        fused = training and self.trainable and keras.backend.backend() == "tensorflow"
        if not fused:
            return super().call(inputs, training=training, mask=mask)

        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            outputs, mean, variance = self._normalize_across_devices(inputs)
        else:
            outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
                inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
            )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return outputs

    def _normalize_across_devices(self, inputs):
        """Compute what `fused_batch_norm` returns; the variance it returns is the unbiased one.

        Keras's own `synchronized=True` computes the variance as a difference of large numbers, and
        returns the biased one.
        """
        replica = tf.distribute.get_replica_context()
        x = tf.cast(inputs, tf.float32)
        ones = tf.ones_like(x)
        total, count = replica.all_reduce("SUM", [tf.reduce_sum(v, (0, 1, 2)) for v in (x, ones)])
        mean = total / count
        squares = replica.all_reduce("SUM", tf.reduce_sum(tf.square(x - mean), (0, 1, 2)))
        outputs = tf.nn.batch_normalization(
            x, mean, squares / count, self.beta, self.gamma, self.epsilon
        )
        return tf.cast(outputs, inputs.dtype), mean, squares / (count - 1)


def fold_weights(trained: keras.Model, folded: keras.Model) -> None:
    """Copy a trained network's weights into its twin without batch normalization.

    A convolution scaled and shifted is a convolution: the twin answers alike, is smaller, and
    several times faster (B. Jacob et al., "Quantization and training of neural networks for
    efficient integer-arithmetic-only inference", CVPR 2018, section 3.2).

    Args:
        trained: a network in which `norm_X` normalizes the output of `conv_X`, for each X that has
            one; the convolution before a normalization has no bias.
        folded: the same network without the normalizations, its convolutions with biases; changed
            in place.
    """
    normalizations = {
        layer.name: layer
        for layer in trained.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }
    for layer in folded.layers:
        if not layer.weights:
            continue
        weights = trained.get_layer(layer.name).get_weights()
        norm = normalizations.get(layer.name.replace("conv", "norm"))
        if norm is not None:
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            weights = [weights[0] * scale, beta - mean * scale]
        layer.set_weights(weights)


def fold_classifier(model: keras.Sequential, policy: str = "float32") -> keras.Sequential:
    """Fold each batch normalization of a classifier into the convolution before it.

    Args:
        model: a `keras.Sequential` from `model.BUILDERS`.
        policy: Keras dtype policy of all but the first and the last two layers: "float32", exact on
            every processor, or "mixed_bfloat16", several times faster on those made for it.

    Returns:
        A new `keras.Sequential` with weights of its own, for use and not for training.

    Raises:
        ValueError: the model is not one of this project's classifiers.
    """
    names = [layer.name for layer in model.layers]
    if not isinstance(model, keras.Sequential) or names[-2:] != ["logits", "probabilities"]:
        raise ValueError(
            f"received a model whose last layers are {names[-2:]}, expected this project's "
            "logits and probabilities: train one with python train.py"
        )
    configs: list[tuple[type[keras.layers.Layer], dict]] = []
    for layer in model.layers:
        if isinstance(layer, keras.layers.ReLU) and "activation" in configs[-1][1]:
            configs[-1][1]["activation"] = "relu"
        elif not isinstance(layer, (keras.layers.BatchNormalization, keras.layers.Dropout)):
            config = layer.get_config()
            if layer.name not in ("normalize", "logits", "probabilities"):
                config["dtype"] = policy
            if isinstance(layer, keras.layers.Conv2D):
                config["use_bias"] = True
            configs.append((type(layer), config))
    layers = [kind.from_config(config) for kind, config in configs]
    image = keras.layers.Input(model.input_shape[1:], name="image")
    folded = keras.Sequential([image, *layers], name=model.name)
    fold_weights(model, folded)
    return folded
