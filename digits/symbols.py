"""The one table of what can be read on a page: digits, and the signs that stand among them."""

DIGITS = "0123456789"
# Decimal point and comma, minus and plus, slash, colon, and the signs of arithmetic.
SIGNS = ".,-+/:×÷=%()"
SYMBOLS = DIGITS + SIGNS
