"""Writes the tables on photos as a workbook (.xlsx) for Excel, LibreOffice and the like."""

from __future__ import annotations

import importlib.util
import io
import re
from collections.abc import Sequence
from pathlib import Path

from digits import files
from digits.reading.photos import INSTALL
from digits.reading.results import Line, Number, Page

UNSURE_COLOR = "#F0E442"  # of the palette by Okabe and Ito, made for colour-blind people
MAX_DIGITS = 15  # of a number: a spreadsheet keeps no more
MAX_NAME_BYTES = 2 * 31  # of a worksheet's name, in UTF-16
FORBIDDEN = "[]:*?/\\"  # in a worksheet's name


def check_installed() -> None:
    """Raise ValueError if workbooks cannot be written, since XlsxWriter is not installed."""
    # In tests, None stands for a module that is not installed.
    try:
        found = importlib.util.find_spec("xlsxwriter")
    except ValueError:
        found = None
    if found is None:
        raise ValueError(
            f"XlsxWriter, which writes .xlsx files, is not installed: {INSTALL}, or write .csv"
        )


def write_workbook(path: Path, pages: Sequence[Page]) -> None:
    """Write a worksheet for each page, with the cells of its table, whole or not at all.

    A cell of one plain number is written as a number, any other as text, none as a formula. Cells
    in which something is not sure are yellow, and have a comment that says what. A page without a
    table gets an empty worksheet.

    Args:
        path: .xlsx file to write.
        pages: of one photo or of several.

    Raises:
        OSError: the file cannot be written.
        ValueError: XlsxWriter is not installed.
    """
    check_installed()
    import xlsxwriter

    content = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    with xlsxwriter.Workbook(content, options) as workbook:
        formats: dict[tuple[str, bool], xlsxwriter.format.Format] = {}
        for name, page in zip(name_sheets(pages), pages, strict=True):
            sheet = workbook.add_worksheet(name)
            for row, cells in enumerate(page.table.cells if page.table else ()):
                for column, cell in enumerate(cells):
                    if cell is None:
                        continue
                    value = parse_cell(cell)
                    kind = "@" if value is None else _choose_number_format(value, cell.text)
                    key = kind, cell.is_sure
                    if key not in formats:
                        formats[key] = workbook.add_format({"num_format": kind})
                        if not cell.is_sure:
                            formats[key].set_bg_color(UNSURE_COLOR)
                    if value is None:
                        sheet.write_string(row, column, cell.text, formats[key])
                    else:
                        sheet.write_number(row, column, value, formats[key])
                    if not cell.is_sure:
                        sheet.write_comment(row, column, f"not sure: {cell.unsure}")
    with files.replacing(path) as temporary:
        temporary.write_bytes(content.getvalue())


def parse_cell(cell: Line) -> int | float | None:
    """Parse a cell of a table.

    Args:
        cell: what stands in it.

    Returns:
        The number, if it is a single one whose text it stands for; None if only the text says all,
        as for 042, 24/11/2026, 1.234 and more than 15 digits.
    """
    if len(cell.parts) != 1 or not isinstance(cell.parts[0], Number):
        return None
    text = cell.text.lstrip("+-")
    if re.match(r"0\d", text) or sum(sign.isdecimal() for sign in text) > MAX_DIGITS:
        return None
    return cell.parts[0].value


def _choose_number_format(value: int | float, text: str) -> str:
    """Format a number with as many decimals as there are on the photo; "General" for none."""
    decimals = re.search(r"[.,](\d+)$", text)
    return "0." + "0" * len(decimals[1]) if decimals and isinstance(value, float) else "General"


def name_sheets(pages: Sequence[Page]) -> list[str]:
    """Name a worksheet for each page, after its file, as spreadsheets allow it.

    Args:
        pages: of one photo or of several.

    Returns:
        Names of at most 31 characters, such as "scan p3", no two alike, also in upper case.
    """
    names: list[str] = []
    taken: set[str] = {"history"}  # Excel keeps this name to itself
    for page in pages:
        stem = Path(page.photo_name).stem
        allowed = (sign if sign.isprintable() and sign not in FORBIDDEN else "_" for sign in stem)
        stem = "".join(allowed).strip("' ") or "page"
        end = f" p{page.page_number}" if page.num_pages > 1 else ""
        name, number = _cut(stem, end) + end, 1
        while name.lower() in taken:
            number += 1
            name = _cut(stem, f"{end} ({number})") + f"{end} ({number})"
        taken.add(name.lower())
        names.append(name)
    return names


def _cut(stem: str, end: str) -> str:
    """Cut off a name so that an end of ASCII characters fits behind it."""
    room = MAX_NAME_BYTES - 2 * len(end)
    return stem.encode("utf-16-le")[:room].decode("utf-16-le", "ignore").rstrip("' ")
