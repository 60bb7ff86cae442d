import numpy as np
import pytest

from digits.transforms import lines


def test_a_pixel_has_the_share_of_it_that_a_line_covers():
    drawn = lines.draw_line(np.array([[10.0, -5], [10, 35]]), thickness=3)
    expected = np.zeros((28, 28))
    expected[8:12] = [[0.5], [1], [1], [0.5]]
    np.testing.assert_allclose(drawn, expected, atol=1e-6)
    thin = lines.draw_line(np.array([[10.5, 8.0], [10.5, 20]]), thickness=0.4)
    assert thin[10, 8:20] == pytest.approx(0.4) and thin.sum() == pytest.approx(0.4 * 12, rel=0.1)


def test_a_line_turns_at_its_corners():
    drawn = lines.draw_line(np.array([[5.5, 5.5], [5.5, 20.5], [20.5, 20.5]]), thickness=1)
    rows, columns = np.nonzero(drawn == 1)
    assert {*zip(rows.tolist(), columns.tolist(), strict=True)} == {
        *((5, column) for column in range(5, 21)),
        *((row, 20) for row in range(5, 21)),
    }


def test_dashes_and_gaps_have_their_lengths():
    corners = np.array([[10.5, 0.0], [10.5, 28]])
    drawn = lines.draw_line(corners, thickness=1, dash=(3, 4))
    assert "".join(str(int(value > 0.5)) for value in drawn[10]) == "0011100" * 4
    # A corner between does not start the dashes anew.
    halves = lines.draw_line(np.insert(corners, 1, [10.5, 12.0], axis=0), 1, (3, 4))
    np.testing.assert_allclose(halves, drawn, atol=1e-5)


def test_a_random_line_goes_through_its_middle_in_any_thickness():
    rng = np.random.default_rng(0)
    for seed in range(200):
        middle = rng.uniform(8, 20, 2)
        thin, thick = (
            lines.draw_random_line(np.random.default_rng(seed), middle, thickness)
            for thickness in (1.0, 3.0)
        )
        assert (thick >= thin - 1e-6).all() and thick.sum() > thin.sum() > 3
        rows, columns = np.nonzero(thick > 0.5)
        away = np.hypot(rows + 0.5 - middle[0], columns + 0.5 - middle[1]).min()
        assert away < 2 + lines.ZIGZAG[1]  # a dash may be missing there, and a zigzag is beside it


def test_the_same_state_draws_the_same_lines_and_each_image_has_some():
    first, again = (lines.draw_random_lines(np.random.default_rng(1), 300) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (300, 28, 28) and first.dtype == np.float32
    assert first.min() == 0 and first.max() == 1
    assert (first.max(axis=(1, 2)) > 0.1).all()
    assert len({image.tobytes() for image in first}) == 300
