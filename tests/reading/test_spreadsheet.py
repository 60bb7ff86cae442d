import dataclasses
import re
import zipfile
from xml.etree import ElementTree

import pytest

from digits.reading import Line, Table, spreadsheet
from tests.reading.test_results import make_line, make_number, make_page, make_page_with_table

pytest.importorskip("xlsxwriter", reason="pip install -r requirements-files.txt")
SPACES = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def read_workbook(path):
    """The cells of each worksheet: by their name, the text or number, and the colour or None."""
    with zipfile.ZipFile(path) as file:

        def parse(name):
            return ElementTree.fromstring(file.read(f"xl/{name}"))

        texts = []
        if "xl/sharedStrings.xml" in file.namelist():
            texts = ["".join(entry.itertext()) for entry in parse("sharedStrings.xml")]
        styles = parse("styles.xml")
        fills = styles.findall("m:fills/m:fill", SPACES)
        colours = []
        for style in styles.findall("m:cellXfs/m:xf", SPACES):
            colour = fills[int(style.get("fillId"))].find(".//m:fgColor", SPACES)
            colours.append(None if colour is None else colour.get("rgb")[2:])
        sheets = {}
        for number, sheet in enumerate(
            parse("workbook.xml").findall("m:sheets/m:sheet", SPACES), start=1
        ):
            root = parse(f"worksheets/sheet{number}.xml")
            assert root.find(".//m:f", SPACES) is None, "a formula"
            cells = sheets[sheet.get("name")] = {}
            for cell in root.iter("{" + SPACES["m"] + "}c"):
                value = cell.findtext("m:v", namespaces=SPACES)
                is_text = cell.get("t") == "s"
                cells[cell.get("r")] = (
                    texts[int(value)] if is_text else float(value),
                    colours[int(cell.get("s", 0))],
                )
    return sheets


def make_table(texts, name="a.png", **changes):
    """A page with a table of one row."""
    cells = tuple(make_line(text) if text else None for text in texts)
    page = make_page([make_number("1")], name=name)
    return dataclasses.replace(page, table=Table((cells,)), **changes)


def test_numbers_are_numbers_and_what_is_not_sure_is_yellow(tmp_path):
    spreadsheet.write_workbook(tmp_path / "a.xlsx", [make_page_with_table()])
    assert read_workbook(tmp_path / "a.xlsx") == {
        "a": {"A1": (12, None), "C1": (3, "F0E442"), "B2": ("45 -", None)}
    }
    with zipfile.ZipFile(tmp_path / "a.xlsx") as file:
        comments = file.read("xl/comments1.xml").decode()
    assert re.findall(r"<t[^>]*>([^<]*)</t>", comments) == ["not sure: 3 50%, or 0"]
    assert 'ref="C1"' in comments


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-14", -14),
        ("3.75", 3.75),
        ("3,75", 3.75),
        ("1,234.50", 1234.5),
        ("1,234,567", 1234567),
        ("0", 0),
        ("0.50", 0.5),
        ("9" * 15, 10**15 - 1),
        ("042", "042"),
        ("-07", "-07"),
        ("1.234", "1.234"),
        ("24/11/2026", "24/11/2026"),
        ("50%", "50%"),
        ("9" * 16, "9" * 16),
        ("= 5", "= 5"),
        ("= 1 + 2", "= 1 + 2"),
        ("12 30", "12 30"),
    ],
)
def test_only_what_a_number_says_whole_is_a_number(tmp_path, text, value):
    spreadsheet.write_workbook(tmp_path / "a.xlsx", [make_table([text])])
    assert read_workbook(tmp_path / "a.xlsx") == {"a": {"A1": (value, None)}}


def test_decimals_are_shown_as_they_were_written(tmp_path):
    spreadsheet.write_workbook(tmp_path / "a.xlsx", [make_table(["12.50", "3", "1,234,567"])])
    with zipfile.ZipFile(tmp_path / "a.xlsx") as file:
        styles = file.read("xl/styles.xml").decode()
        sheet = file.read("xl/worksheets/sheet1.xml").decode()
    assert re.findall(r'formatCode="([^"]*)"', styles) == ["0.00"]
    first, second, third = re.findall(r'<c r="[ABC]1"([^>]*)>', sheet)
    assert first != second == third


def test_each_page_has_a_worksheet_also_without_a_table(tmp_path):
    pages = [make_table(["12"]), make_page([make_number("3")], name="b.png")]
    spreadsheet.write_workbook(tmp_path / "a.xlsx", pages)
    assert read_workbook(tmp_path / "a.xlsx") == {"a": {"A1": (12, None)}, "b": {}}


def test_worksheets_have_names_that_are_allowed(tmp_path):
    names = [
        "a.png", "b/A.jpg", "x" * 40 + ".png", "x" * 50 + ".png", "", "History.png", "'q'.png",
        "[1]: a*b?.png", "\x01\udcff.png", "\U0001f600" * 20 + ".png", "a (2).png",
    ]  # fmt: skip
    pages = [make_page(name=name) for name in names]
    scan = make_page(name="s" * 40 + ".pdf")
    pages += [dataclasses.replace(scan, page_number=page, num_pages=900) for page in (7, 812)]
    found = spreadsheet.name_sheets(pages)
    assert found[:8] == [
        "a", "A (2)", "x" * 31, "x" * 27 + " (2)", "page", "History (2)", "q", "_1__ a_b_",
    ]  # fmt: skip
    assert found[10:] == ["a (2) (2)", "s" * 28 + " p7", "s" * 26 + " p812"]
    assert len({name.lower() for name in found}) == len(found)
    assert all(0 < len(name.encode("utf-16-le")) <= 62 for name in found)
    spreadsheet.write_workbook(tmp_path / "a.xlsx", pages)
    assert list(read_workbook(tmp_path / "a.xlsx")) == found


def test_a_workbook_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "a.xlsx").write_text("old")
    broken = make_table(["12"])
    monkeypatch.setattr(Line, "text", property(lambda line: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        spreadsheet.write_workbook(tmp_path / "a.xlsx", [broken])
    assert [path.name for path in tmp_path.iterdir()] == ["a.xlsx"]
    assert (tmp_path / "a.xlsx").read_text() == "old"
