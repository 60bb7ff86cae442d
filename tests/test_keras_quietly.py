import subprocess
import sys

from tests.conftest import ROOT


def run(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_keras_is_imported_without_a_word():
    done = run("from digits.keras_quietly import keras, tf; print(keras.backend.backend())")
    assert (done.stdout, done.stderr) == ("tensorflow\n", "")


def test_what_is_printed_is_shown_if_the_import_fails(tmp_path):
    (tmp_path / "keras.py").write_text("import os\nos.write(2, b'no AVX here')\nraise ImportError")
    use = "from digits.keras_quietly import tf; tf.function"
    done = run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{use}")
    assert done.returncode == 1
    assert "no AVX here" in done.stderr and "ImportError" in done.stderr
