"""Imports Keras and TensorFlow when they are first used, without the lines that TensorFlow prints.

All other modules take both from here: `from digits.keras_quietly import keras, tf`. Loading them
takes seconds, which a command that ends up not needing them should not cost.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from digits.stderr import caught_stderr

# TensorFlow's logging can be turned down by a variable only after the first lines, so they are
# caught too, and shown only if the import fails or ends the process.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"  # training and inference are written for it
CRASHED = (
    "error: importing TensorFlow ended Python: is this processor (one without AVX) or system not "
    "one that it is built for? docs/platforms.md says what works without it"
)


class _LazyModule:
    """Stands for a module that is imported when one of its names is first used."""

    def __init__(self, name: str):
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(_load()[self._name], attribute)


@functools.cache
def _load() -> dict[str, Any]:
    printed = b""
    try:
        with caught_stderr(CRASHED) as caught:
            try:
                import keras
                import tensorflow as tf
            except Exception:
                caught.seek(0)
                printed = caught.read()
                raise
    except Exception:
        os.write(2, printed)
        raise
    return {"keras": keras, "tf": tf}


if TYPE_CHECKING:
    import keras
    import tensorflow as tf
else:
    keras, tf = _LazyModule("keras"), _LazyModule("tf")

__all__ = ["keras", "tf"]
