"""Imports Keras and TensorFlow without the lines that TensorFlow prints while it is loaded.

All other modules take both from here: `from digits.keras_quietly import keras, tf`. The import
takes seconds, so what a command line needs before its flags are checked imports this late.
"""

import os

from digits.stderr import caught_stderr

# TensorFlow's logging can be turned down by a variable only after the first lines, so they are
# caught too, and shown only if the import fails.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["KERAS_BACKEND"] = "tensorflow"  # training and inference are written for it
_said = b""
try:
    with caught_stderr() as _caught:
        try:
            import keras
            import tensorflow as tf
        except Exception:
            _caught.seek(0)
            _said = _caught.read()
            raise
except Exception:
    os.write(2, _said)
    raise

__all__ = ["keras", "tf"]
