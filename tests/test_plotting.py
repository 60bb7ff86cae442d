import pytest
from matplotlib.figure import Figure

from digits import plotting


def test_a_figure_is_written_as_png(tmp_path):
    plotting.save(Figure(), tmp_path / "new" / "figure.png")
    assert (tmp_path / "new" / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_dollar_signs_are_no_formulas_without_a_backslash(tmp_path):
    figure = Figure()
    name = figure.suptitle("$_$ and $^$")  # as a formula, it cannot be drawn
    bold = figure.text(0, 0, "$\\bf{4}$")
    plotting.save(figure, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
    assert (name.get_parse_math(), bold.get_parse_math()) == (False, True)


@pytest.mark.parametrize(
    ("probability", "text"),
    [(1, "100.0%"), (0.99951, ">99.9%"), (0.9994, "99.9%"), (0.0004, "<0.1%"), (0, "0.0%")],
)
def test_only_0_and_1_read_as_such(probability, text):
    assert plotting.format_probability(probability) == text


@pytest.mark.parametrize(
    ("probability", "text"),
    [(1, "100.00%"), (0.99999, ">99.99%"), (0.7494, "74.94%"), (1e-5, "<0.01%"), (0, "0.00%")],
)
def test_a_probability_may_have_more_decimals(probability, text):
    assert plotting.format_probability(probability, 2) == text
