import numpy as np
import pytest

from digits.reading import tables
from digits.reading.rules import Rules
from digits.reading.unseen_rules import add_between_rows
from tests.reading.test_tables import DIGIT, NO_SIGNS, make_table


def make_rules(lines, missing=(), num_rows=6, slope=0.0):
    """Rules of `make_table`, without rows numbered `missing`, all of which go down to the right."""
    rows = np.array([line for n, line in enumerate(lines[:num_rows]) if n not in missing], float)
    rows = rows.reshape(-1, 4)
    rows[:, 3] += slope * (rows[:, 2] - rows[:, 0])
    return Rules(rows, np.array(lines[num_rows:], float))


@pytest.mark.parametrize("missing", [(2,), (1, 2, 3, 4), (0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5)])
@pytest.mark.parametrize("slope", [0.0, 0.04, -0.04])
def test_rows_between_which_no_rule_is_seen_are_told_apart(missing, slope):
    lines, boxes, places = make_table()
    boxes = np.array(boxes, float)
    boxes[:, [1, 3]] += slope * (boxes[:, :1] - 60)
    if len(missing) == 6:
        slope = 0.0  # nothing says how rows slant
        boxes = np.array(make_table()[1], float)
    grid = tables.find_grid(make_rules(lines, missing, slope=slope), boxes, NO_SIGNS)
    assert grid.shape == (5, 4)
    assert grid.places.tolist() == [list(place) for place in places]


def test_an_added_rule_is_in_the_middle_between_rows_and_parallel_to_the_one_above():
    lines, boxes, _ = make_table(rows=2)
    rules = make_rules(lines, missing=(1,), num_rows=3, slope=0.02)
    boxes = np.array(boxes, float)
    boxes[:, [1, 3]] += 0.02 * ((boxes[:, :1] + boxes[:, 2:3]) / 2 - 60)
    added = add_between_rows(rules, boxes, DIGIT)
    between = rules.rows[0] + [0, 60, 0, 60]
    assert added.rows == pytest.approx(np.array([rules.rows[0], between, rules.rows[1]]))
    assert (added.columns == rules.columns).all()


def test_numbers_that_stand_higher_and_lower_in_one_row_stay_in_it():
    lines, boxes, places = make_table()
    boxes = np.array(boxes, float)
    steps = np.array([0, 12, -12, 6])[np.array(places)[:, 1]]
    boxes[:, [1, 3]] += steps[:, None]
    grid = tables.find_grid(make_rules(lines), boxes, NO_SIGNS)
    assert grid.shape == (5, 4)
    assert grid.places.tolist() == [list(place) for place in places]


def test_a_remark_below_one_number_makes_no_row():
    lines, boxes, places = make_table()
    remark = np.array([[80, 86, 88, 94.0], [90, 86, 98, 94]])  # in the first cell
    grid = tables.find_grid(make_rules(lines), np.concatenate([boxes, remark]), NO_SIGNS)
    assert grid.shape == (5, 4)
    assert grid.places.tolist() == [*map(list, places), [0, 0], [0, 0]]


def test_one_column_between_edges_of_the_paper_stays_one_cell():
    lines, boxes, _ = make_table(columns=1)
    rules = make_rules(lines, missing=(1, 2, 3, 4))
    assert (
        add_between_rows(rules, np.array(boxes, float), DIGIT).rows.tolist() == rules.rows.tolist()
    )
