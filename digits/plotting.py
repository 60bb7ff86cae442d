"""What all figures have in common: colours, style, the format of probabilities, how to save.

Colours are Okabe and Ito's, which colour-blind people can tell apart ("Color universal design",
2008), and no colour stands alone: a mark or a word says the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILLION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666"
# Colour, marker and line style of the first, second, ... curve of a figure.
LINES = (
    (BLUE, "o", "-"),
    (VERMILLION, "s", "--"),
    (GREEN, "^", "-."),
    (ORANGE, "D", ":"),
    (GREY, "v", "-"),
)
# Keyword arguments of every `matplotlib.figure.Figure`.
STYLE: dict[str, Any] = {
    "dpi": 150,
    "layout": "constrained",
}


def format_probability(probability: float, decimals: int = 1) -> str:
    """Format a probability so that only 0 and 1 read as such: ">99.9%", "97.3%", "<0.1%".

    Args:
        probability: between 0 and 1.
        decimals: of the percentage.

    Returns:
        The percentage, or the bound that it is above or below where rounding would give 0 or 100%.
    """
    text = f"{probability:.{decimals}%}"
    smallest = 10 ** -(decimals + 2)
    if probability < 1 and text == f"{1:.{decimals}%}":
        return f">{1 - smallest:.{decimals}%}"
    if probability > 0 and text == f"{0:.{decimals}%}":
        return f"<{smallest:.{decimals}%}"
    return text


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, whole or not at all.

    A `$` in a text is drawn as it is, because it comes from a file's name; only texts with a
    backslash are formulas.

    Raises:
        OSError: the file cannot be written.
    """
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if "$" in text.get_text() and "\\" not in text.get_text():
            text.set_parse_math(False)
    with files.replacing(path) as temporary:
        figure.savefig(temporary, format="png")
