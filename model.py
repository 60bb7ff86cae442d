"""Builds the networks."""

import keras
import numpy as np
from keras import layers, ops

from data import IMAGE_SHAPE, NUM_CLASSES


class FusedBatchNormalization(layers.BatchNormalization):
    """Keras's batch normalization, trained by TensorFlow's fused operation where there is one.

    Keras computes it in a dozen operations, each a pass through memory, in float32: the
    convolutional network then trains at 1,270 images a second instead of 3,140
    (benchmarks/README.md). `fold` removes these layers, so no saved model needs this class.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalize as `layers.BatchNormalization` does."""
        fused = training and self.trainable and keras.backend.backend() == "tensorflow"
        if not fused:
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return outputs


def build_dense():
    """Build the dense 784-128-64-10 network, 109,386 parameters.

    Like all networks here it first brings each image to mean 0 and variance 1, so that grey paper
    and pale ink look like white and black.

    Returns:
        An uncompiled `keras.Model`: float32 images of shape (batch, 28, 28) in [0, 1] to
        probabilities of shape (batch, 10); the layer before, `logits`, is their logarithm up to
        a constant.
    """
    hidden = [
        layers.Flatten(name="flatten"),
        layers.Dense(128, activation="relu", name="hidden_1"),
        layers.Dense(64, activation="relu", name="hidden_2"),
    ]
    return _build_classifier("dense", hidden)


def build_cnn():
    """Build the convolutional network, 268,234 parameters once folded.

    Two stages of 3x3 convolutions, each ended by a 5x5 one of stride 2, then the mean of each of
    128 feature maps. This is its form for training, under Keras's global dtype policy: `fold` it
    for use.

    Returns:
        As `build_dense`.
    """
    widths = [(32, 3, 1), (32, 3, 1), (32, 5, 2), (64, 3, 1), (64, 3, 1), (64, 5, 2), (128, 3, 1)]
    head = [layers.GlobalAveragePooling2D(name="mean"), layers.Dropout(0.3, name="dropout")]
    return _build_classifier("cnn", [*_convolutions(widths), *head])


def build_tiny():
    """Build the tiny convolutional network, 9,866 parameters once folded.

    Sixteen feature maps throughout, as many as a processor handles at once, and only 14x14 pixels
    of them from the first layer on: it trains some six times as fast as 10 to 12 maps of 28x28
    pixels with about as many parameters.

    Returns:
        As `build_dense`.
    """
    widths = [(16, 5, 2), (16, 3, 1), (16, 3, 2), (16, 3, 1), (16, 3, 1)]
    head = [layers.GlobalAveragePooling2D(name="mean")]
    return _build_classifier("tiny", [*_convolutions(widths), *head])


def _build_classifier(name, hidden):
    # A floor under the variance, so that a page without ink is not blown up to noise.
    normalize = layers.LayerNormalization(
        axis=(1, 2), center=False, scale=False, epsilon=1e-4, dtype="float32", name="normalize"
    )
    return keras.Sequential(
        [
            layers.Input(IMAGE_SHAPE, name="image"),
            normalize,
            *hidden,
            layers.Dense(NUM_CLASSES, name="logits", dtype="float32"),
            layers.Softmax(name="probabilities", dtype="float32"),
        ],
        name=name,
    )


def _convolutions(widths):
    built = [layers.Reshape((*IMAGE_SHAPE, 1), name="channel")]
    for number, (filters, size, stride) in enumerate(widths, start=1):
        built += [
            layers.Conv2D(filters, size, stride, "same", use_bias=False, name=f"conv_{number}"),
            # A momentum for trainings of hundreds of steps: Keras's .99 would remember the start.
            FusedBatchNormalization(momentum=0.9, name=f"norm_{number}"),
            layers.ReLU(name=f"relu_{number}"),
        ]
    return built


BUILDERS = {"dense": build_dense, "cnn": build_cnn, "tiny": build_tiny}


def logits(model):
    """The model without its softmax, on the same weights; losses are exact on logits."""
    return keras.Model(model.inputs[0], model.get_layer("logits").output)


def mean_logits(models):
    """A network whose softmax is the mean of the probabilities of several.

    Args:
        models: list of networks from `BUILDERS`, folded or not.

    Returns:
        A `keras.Model` that gives logits, on the networks' own weights.
    """
    if len(models) == 1:
        return logits(models[0])
    image = layers.Input(IMAGE_SHAPE, name="image")
    log_probabilities = [ops.log_softmax(logits(model)(image)) for model in models]
    total = ops.logsumexp(ops.stack(log_probabilities), axis=0)
    return keras.Model(image, total - float(np.log(len(models))))


def divide_logits(model, temperature):
    """Divide the logits of a network by a number, in its weights: above 1 it gets less sure.

    Args:
        model: a network from `BUILDERS`, folded or not; changed in place.
        temperature: float above 0.
    """
    layer = model.get_layer("logits")
    layer.set_weights([values / temperature for values in layer.get_weights()])


def fold(model, policy="float32"):
    """Fold each batch normalization into the convolution before it, for use after training.

    A convolution scaled and shifted is a convolution: the result answers alike, is smaller, and
    several times faster (Jacob et al., "Quantization and training of neural networks for
    efficient integer-arithmetic-only inference", CVPR 2018, section 3.2).

    Args:
        model: a `keras.Sequential` from `BUILDERS`.
        policy: Keras dtype policy of all but the first and the last two layers: "float32", exact on
            every processor, or "mixed_bfloat16", several times faster on those made for it.

    Returns:
        A new `keras.Sequential` with weights of its own.

    Raises:
        ValueError: the model was not built here.
    """
    names = [layer.name for layer in model.layers]
    if not isinstance(model, keras.Sequential) or names[-2:] != ["logits", "probabilities"]:
        raise ValueError(
            f"received a model whose last layers are {names[-2:]}, expected this project's "
            "logits and probabilities: train one with python train.py"
        )
    kept, weights = [], []
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            weights[-1] = fold_normalization(weights[-1][0], layer)
        elif isinstance(layer, layers.ReLU):
            kept[-1][1]["activation"] = "relu"
        elif not isinstance(layer, layers.Dropout):
            config = layer.get_config()
            if layer.name not in ("normalize", "logits", "probabilities"):
                config["dtype"] = policy
            if isinstance(layer, layers.Conv2D):
                config["use_bias"] = True
            kept.append((type(layer), config))
            weights.append(layer.get_weights())
    kept = [kind.from_config(config) for kind, config in kept]
    folded = keras.Sequential([layers.Input(IMAGE_SHAPE, name="image"), *kept], name=model.name)
    for layer, values in zip(kept, weights, strict=True):
        layer.set_weights(values)
    return folded


def fold_normalization(kernel, normalization):
    """Fold a batch normalization into the convolution before it.

    Args:
        kernel: float array of shape (rows, columns, inputs, filters); the convolution has no bias.
        normalization: trained `layers.BatchNormalization` of the filters.

    Returns:
        Kernel and bias, of shape (filters,), of the convolution that does both.
    """
    gamma, beta, mean, variance = normalization.get_weights()
    scale = gamma / np.sqrt(variance + normalization.epsilon)
    return [kernel * scale, beta - mean * scale]
