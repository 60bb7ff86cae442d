"""What native libraries write to stderr is caught, also in several threads at once."""

import os
import threading
import time

from digits.stderr import caught_stderr


def test_threads_that_catch_at_once_restore_stderr():
    before = os.fstat(2)
    caught = {}

    def catch(number):
        time.sleep(0.02 * number)
        with caught_stderr() as file:
            os.write(2, f"{number}\n".encode())
            time.sleep(0.2)
            file.seek(0)
            caught[number] = file.read()

    threads = [threading.Thread(target=catch, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = os.fstat(2)
    assert (after.st_dev, after.st_ino) == (before.st_dev, before.st_ino)
    assert caught == {number: f"{number}\n".encode() for number in range(3)}


def test_catching_twice_in_a_thread_does_not_wait_for_itself():
    with caught_stderr(), caught_stderr() as inner:
        os.write(2, b"x")
        inner.seek(0)
        assert inner.read() == b"x"
