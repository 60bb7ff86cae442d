"""Builds, saves and loads the networks."""

import importlib.metadata
import zipfile
from pathlib import Path

import keras
import numpy as np
from keras import layers

import cli
import files
from data import IMAGE_SHAPE, NUM_CLASSES

RELEASED_MODELS = Path(__file__).parent / "saved_models" / "released"


@keras.saving.register_keras_serializable("digits")
class FusedBatchNormalization(layers.BatchNormalization):
    """Keras's batch normalization, trained by TensorFlow's fused operation where there is one.

    Keras computes it in a dozen operations, each a pass through memory, in float32: the
    convolutional network then trains at 1,270 images a second instead of 3,140
    (benchmarks/README.md). `fold` removes these layers, so no saved model needs this class.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalize as `layers.BatchNormalization` does."""
        if not (training and keras.backend.backend() == "tensorflow"):
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
    """Build the tiny convolutional network, under 10,000 parameters once folded.

    Returns:
        As `build_dense`.
    """
    widths = [(12, 3, 1), (12, 5, 2), (16, 3, 1)]
    return _build_classifier("tiny", [*_convolutions(widths), layers.GlobalAveragePooling2D()])


def _build_classifier(name, hidden):
    return keras.Sequential(
        [
            layers.Input(IMAGE_SHAPE, name="image"),
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
    return keras.Model(model.inputs[0], model.get_layer("logits").output, name=model.name)


def fold(model, dtype="float32"):
    """Fold each batch normalization into the convolution before it, for use after training.

    A convolution scaled and shifted is a convolution: the result answers alike, is smaller, and
    several times faster (Jacob et al., "Quantization and training of neural networks for
    efficient integer-arithmetic-only inference", CVPR 2018, section 3.2).

    Args:
        model: a `keras.Sequential` from `BUILDERS`.
        dtype: dtype policy of all but the last two layers: "float32", exact on every processor,
            or "bfloat16", five times faster on those made for it.

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
            gamma, beta, mean, variance = layer.get_weights()
            scale = gamma / np.sqrt(variance + layer.epsilon)
            weights[-1] = [weights[-1][0] * scale, beta - mean * scale]
        elif isinstance(layer, layers.ReLU):
            kept[-1][1]["activation"] = "relu"
        elif not isinstance(layer, layers.Dropout):
            config = layer.get_config()
            if layer.name not in ("logits", "probabilities"):
                config["dtype"] = dtype
            if isinstance(layer, layers.Conv2D):
                config["use_bias"] = True
            kept.append((type(layer), config))
            weights.append(layer.get_weights())
    kept = [kind.from_config(config) for kind, config in kept]
    folded = keras.Sequential([layers.Input(IMAGE_SHAPE, name="image"), *kept], name=model.name)
    for layer, values in zip(kept, weights, strict=True):
        layer.set_weights(values)
    return folded


def save(model, path, metadata):
    """Save a model, and what is known of it as JSON beside it.

    Args:
        model: a `keras.Model`.
        path: file to write, ending in `.keras`; the JSON gets the same name with `.json`.
        metadata: dict for the JSON.

    Returns:
        The two paths written.
    """
    path = Path(path)
    # An uncompiled copy: with the optimizer's state the file would be three times as large.
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    with files.replacing(path) as temporary:
        bare.save(temporary)
    metadata_path = path.with_suffix(".json")
    files.write_json(metadata_path, metadata)
    return path, metadata_path


def package_versions():
    """Versions of the packages that a training's result depends on, as a dict."""
    packages = ("keras", "tensorflow", "numpy")
    return {package: importlib.metadata.version(package) for package in packages}


def load(path):
    """Load a model that `save` wrote, refusing what cannot be one of ours.

    Code inside the file is never run: `safe_mode` stays on, and the file must be in the `.keras`
    format, since the older HDF5 format may carry code.

    Args:
        path: a `.keras` file.

    Returns:
        An uncompiled `keras.Model`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, wants to run code, or is not a digit classifier.
    """
    path = Path(path)
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise FileNotFoundError(
            f"{path} {problem}: expected a .keras model; python train.py makes one"
        )
    if path.suffix != ".keras" or not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is not a whole .keras file (truncated, or another format): "
            "train again with python train.py"
        )
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a foreign or damaged file can make Keras raise nearly anything
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} cannot be loaded as a Keras model ({type(error).__name__}: {reason}): "
            "train again with python train.py"
        ) from None
    _check_classifier(model, path)
    return model


def find(name, path=None, released=RELEASED_MODELS):
    """Find the model file to use: the one asked for, else the user's own, else the released one.

    Args:
        name: a key of `BUILDERS`.
        path: the file asked for, or None.
        released: folder of the models that come with the project.

    Returns:
        Path of the model.

    Raises:
        FileNotFoundError: there is neither an own nor a released one.
    """
    if path is not None:
        return Path(path)
    own, released = cli.default_model_path(name), released / f"{name}.keras"
    if own.exists():
        return own
    if not released.exists():
        raise FileNotFoundError(f"there is no {own}: run python train.py first")
    here = Path.cwd()
    return released.relative_to(here) if released.is_relative_to(here) else released


def _check_classifier(model, path):
    try:
        shapes = tuple(model.input_shape[1:]), tuple(model.output_shape[1:])
    except (AttributeError, TypeError):  # several inputs or outputs, or never built
        shapes = "several or unknown inputs and outputs", ""
    if shapes != (IMAGE_SHAPE, (NUM_CLASSES,)):
        raise ValueError(
            f"{path} maps {shapes[0]} to {shapes[1]}, expected (28, 28) to (10,): "
            "it is not a digit classifier of this project"
        )
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise ValueError(f"{path} has weights that are NaN or infinite: train it again")
    blank_and_full = np.stack([np.zeros(IMAGE_SHAPE, np.float32), np.ones(IMAGE_SHAPE, np.float32)])
    outputs = keras.ops.convert_to_numpy(model(blank_and_full, training=False))
    if outputs.min() < 0 or not np.allclose(outputs.sum(axis=1), 1, atol=1e-2):
        raise ValueError(
            f"{path} has outputs from {outputs.min():.3g} to {outputs.max():.3g} that are no "
            "probabilities: its last layer must be a softmax"
        )
