"""Draws every figure, in one visual language.

Each function writes one PNG and returns nothing. Colours are Okabe and Ito's, which colour-blind
people can tell apart too ("Color universal design", 2008), and no colour stands alone: a mark or
a word says the same.
"""

from matplotlib.text import Text

from digits import files

BLUE, ORANGE, GREEN, VERMILLION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666"
LINES = (
    (BLUE, "o", "-"),
    (VERMILLION, "s", "--"),
    (GREEN, "^", "-."),
    (ORANGE, "D", ":"),
    (GREY, "v", "-"),
)
STYLE = {
    "dpi": 150,
    "layout": "constrained",
}


def format_probability(probability):
    """Format a probability so that only a certainty reads as one: ">99.9%", "97.3%", "<0.1%"."""
    if 0.9995 <= probability < 1:
        return ">99.9%"
    if 0 < probability < 0.0005:
        return "<0.1%"
    return f"{probability:.1%}"


def save(figure, path):
    """Write a figure as PNG, whole or not at all."""
    for text in figure.findobj(Text):
        # Of a file's name; formulas here have a backslash.
        if "$" in text.get_text() and "\\" not in text.get_text():
            text.set_parse_math(False)
    with files.replacing(path) as temporary:
        figure.savefig(temporary, format="png")
