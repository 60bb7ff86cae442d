import signal
import subprocess
import sys

import pytest

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


@pytest.mark.parametrize("ending", ["os.abort()", "os.kill(os.getpid(), 4)"])
def test_what_is_printed_is_shown_if_the_import_ends_python(tmp_path, ending):
    """As TensorFlow does on a processor without AVX: by SIGABRT or SIGILL, in native code."""
    (tmp_path / "keras.py").write_text(f"import os\nos.write(2, b'no AVX here\\n')\n{ending}")
    use = "from digits.keras_quietly import tf; tf.function"
    done = run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{use}")
    expected = signal.SIGABRT if "abort" in ending else signal.SIGILL
    assert done.returncode == -expected
    words, message = done.stderr.splitlines()
    assert words == "no AVX here"
    assert message.startswith("error: importing TensorFlow ended Python")


def test_an_import_goes_on_where_no_process_can_watch_it(tmp_path):
    (tmp_path / "keras.py").write_text("import os\nos.write(2, b'chatter')\nname = 'stub'")
    (tmp_path / "tensorflow.py").write_text("")
    done = run(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.executable = '/none'\n"
        "from digits.keras_quietly import keras; print(keras.name)"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stub\n", "")
