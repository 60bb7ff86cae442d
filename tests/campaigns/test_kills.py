"""A training that is killed at some of its writes; python -m tests.campaigns.kills does more."""

import pytest

from tests.campaigns import kills


@pytest.mark.slow
def test_a_training_is_killed_and_resumed():
    assert not kills.kill_often("dense", 1, 0, at_writes=False)


def test_what_a_kill_left_is_compared_with_before_and_after():
    before, after = {"a": b"1", "b": b"1"}, {"a": b"2", "b": b"2", "c": b"2"}
    assert not kills.find_problems(before, before, after)
    assert not kills.find_problems({"a": b"2", "b": b"1"}, before, after)
    assert not kills.find_problems({**after, "x.checkpoint.npz": ["state"]}, before, after)
    for state, problem in (
        ({"a": b"", "b": b"1"}, "a is neither"),
        ({"a": b"1"}, "b is gone"),
        ({**after, ".a.7.b": b""}, "left over"),
        ({**after, "x.checkpoint.npz": None}, "damaged"),
    ):
        (found,) = kills.find_problems(state, before, after)
        assert problem in found


def test_what_grows_is_whole_and_gone_after_a_whole_run():
    before, after = {}, {"own.journal": 3}
    assert not kills.find_problems({"own.journal": 1}, before, after)
    for state in ({"own.journal": 1}, {"own.journal": 3, "x.checkpoint.npz": ["state"]}, {}):
        assert len(kills.find_problems(state, after, after)) == 1


def test_a_csv_that_grows_begins_as_a_whole_one():
    after = {"read.csv": b"file,page\na,1\nb,1\n", "read.csv.journal": b"{}\n{}\n"}
    assert not kills.find_problems({"read.csv": b"file,page\na,1\n"}, {}, after)
    assert not kills.find_problems({"read.csv": b"", "read.csv.journal": b"{}\n"}, {}, after)
    (found,) = kills.find_problems({"read.csv": b"file,page\nb,1\n"}, {}, after)
    assert "does not begin" in found
    assert len(kills.find_problems({"read.csv": b"file,page\n"}, after, after)) == 2
