"""Knowledge distillation: a network learns from the outputs of trained ones, its teacher.

The loss mixes that on the labels with the divergence from the teacher's softened probabilities
(G. Hinton et al., "Distilling the knowledge in a neural network", 2015).
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

from digits.keras_quietly import keras
from digits.networks import batch_norm, heads, storage

TEMPERATURE = 2.0  # that softens the probabilities of teacher and student
SHARE_OF_LABELS = 0.3  # of the loss


@dataclasses.dataclass(frozen=True, eq=False)
class Teacher:
    """Trained networks to learn from.

    Attributes:
        model: a `keras.Model` from images to the logits of the mean of their probabilities.
        sha256: hash of each network's file, hexadecimal.
        dtype_policy: Keras dtype policy that they are run in.
    """

    model: keras.Model
    sha256: list[str]
    dtype_policy: str


def load_teacher(paths: Sequence[str | Path], policy: str) -> Teacher:
    """Load trained networks to learn from.

    Args:
        paths: `.keras` files of classifiers, at least one.
        policy: Keras dtype policy to run them in, see `trainer.fast_policy`.

    Returns:
        The teacher.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, wants to run code, or is not a classifier of digits.
    """
    models = [
        batch_norm.fold_classifier(storage.load_classifier_model(path), policy) for path in paths
    ]
    sha256 = [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths]
    return Teacher(heads.mean_logits_model(models), sha256, policy)


def distill(student: keras.Model, teacher: keras.Model) -> keras.Model:
    """Join student and teacher in a model that trains the student.

    Args:
        student: an uncompiled `keras.Model` that gives logits.
        teacher: a trained `keras.Model` that gives logits.

    Returns:
        An uncompiled `keras.distillation.Distiller`.
    """
    # Keras 3.15 forgets the softmax where the loss is given by its name, the default.
    divergence = keras.losses.KLDivergence()
    return keras.distillation.Distiller(
        teacher=teacher,
        student=student,
        distillation_losses=keras.distillation.LogitsDistillation(TEMPERATURE, divergence),
        student_loss_weight=SHARE_OF_LABELS,
    )
