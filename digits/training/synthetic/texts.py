"""Makes up what people write with digits: numbers, amounts, dates, times, sums, words."""

from collections.abc import Callable

import numpy as np

from digits.symbols import DIGITS

# In a text these stand for a random letter, for one that looks like a digit, and for a random sign
# that is not read; and how `strokes` names these kinds.
LETTER, LOOKALIKE, OTHER = "a", "o", "#"
KINDS = {LETTER: "letters", LOOKALIKE: "lookalikes", OTHER: "others"}
# Stand for a whole word: in joined handwriting, and printed.
JOINED, PRINTED = "~", "|"
# Shares of the kinds of text on a page, by what kind of page it is.
STYLES = {
    "numbers": {"number": 1.0},
    "words": {"number": 0.74, "word": 0.17, "other": 0.06, "dash": 0.03},
    "signs": {
        "number": 0.25, "decimal": 0.2, "negative": 0.1, "date": 0.09, "time": 0.07,
        "percent": 0.05, "sum": 0.18, "brackets": 0.03, "dash": 0.01, "word": 0.02,
    },
    "words only": {"word": 1.0},
}  # fmt: skip


def compose(rng: np.random.Generator, style: str, share_of_ones: float = 0.0) -> str:
    """Make up a text that is written without a wide gap.

    Args:
        rng: random generator.
        style: key of `STYLES`.
        share_of_ones: share of the digits that are made 1s, in addition to those that are anyway.

    Returns:
        Of `symbols.SYMBOLS`, the keys of `KINDS`, and blanks for somewhat wider gaps; or `JOINED`
        or `PRINTED`.
    """
    kinds = STYLES[style]
    kind = rng.choice(list(kinds), p=list(kinds.values()))

    def number(most: int = 6) -> str:
        chosen = rng.integers(0, 10, int(rng.integers(1, most + 1)))
        chosen[rng.random(len(chosen)) < share_of_ones] = 1
        return "".join(DIGITS[digit] for digit in chosen)

    return _MAKERS[kind](rng, number)


def _pick(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def _make_date(rng, number):
    sign = _pick(rng, "//-.")
    year = _pick(rng, ("", f"{rng.integers(1950, 2030):04d}", f"{rng.integers(0, 100):02d}"))
    day, month = rng.integers(1, 32), rng.integers(1, 13)
    if rng.random() < 0.5:
        return sign.join(filter(None, (f"{day}", f"{month}", year)))
    return sign.join(filter(None, (f"{day:02d}", f"{month:02d}", year)))


def _make_word(rng, number):
    chosen = rng.random()
    if chosen < 0.55:
        return JOINED if chosen < 0.25 else PRINTED
    # Alone, a letter that looks like a digit is one as much as the other.
    letters = np.where(rng.random(int(rng.integers(1, 9))) < 0.3, LOOKALIKE, LETTER)
    return LETTER + "".join(letters[1:])


def _make_sum(rng, number):
    blank = _pick(rng, ("", " "))
    text = number(3)
    for _ in range(rng.integers(1, 3)):
        text += blank + _pick(rng, "++-×÷:/") + blank + number(3)
    return text + (blank + "=" + blank + number(4) if rng.random() < 0.6 else "")


_MAKERS: dict[str, Callable] = {
    "number": lambda rng, number: number(9 if rng.random() < 0.3 else 4),
    "decimal": lambda rng, number: (
        ("-" if rng.random() < 0.15 else "") + number(3) + _pick(rng, "..,") + number(3)
    ),
    "negative": lambda rng, number: _pick(rng, "---+") + number(3),
    "date": _make_date,
    "time": lambda rng, number: f"{rng.integers(0, 24):02d}:{rng.integers(0, 60):02d}",
    "percent": lambda rng, number: number(2) + _pick(rng, ("%", " %")),
    "sum": _make_sum,
    "brackets": lambda rng, number: f"({_pick(rng, ('', '-'))}{number(3)})",
    "dash": lambda rng, number: "-",
    "word": _make_word,
    "other": lambda rng, number: OTHER,
}
