// Adds rules of a table that are not seen, of a sudoku and between rows of numbers, as
// digits/reading/unseen_rules.py does.

import { middleOf } from "./boxes.js";
import { groupRows, sortBy } from "./layout.js";
import { leastOf, listPairs, mean, median, mostOf, sum } from "./lists.js";
import { interpolate, locate } from "./rules.js";
import { roundHalfToEven } from "../to_mnist.js";

// A grid of so many squares each way is complete where so many of its rules each way are not seen; its cells are
// by this share of the usual one at most wider or narrower.
const SUDOKU = 9, MAX_MISSING = 4;
export const OFF_SQUARE = 0.2;
// A rule between two rows of numbers was not seen if this share of the columns that have numbers between the rules
// above and below has them in several rows. Rows have numbers in this share of these columns at least, and are so
// many digit heights from each other.
const MIN_STACKED = 0.5, MIN_ROW_SHARE = 0.3, MIN_ROW_STEP = 0.6;

export const middleAlong = (axis) => (line) => (line[axis] + line[axis + 2]) / 2;

// Add rules of a sudoku that are not seen between others; other rules are not changed.
export function completeSudoku(rules) {
    const rows = fillIn(rules.rows, 1), columns = fillIn(rules.columns, 0);
    return rows.length === columns.length && rows.length === SUDOKU + 1 ? { rows, columns } : rules;
}

// Add lines where the next one is about two or more times as far as others are.
function fillIn(lines, axis) {
    if (lines.length < SUDOKU + 1 - MAX_MISSING) return lines;
    const pairs = listPairs(lines), steps = pairs.map(([one, other]) => middleAlong(axis)(other) - middleAlong(axis)(one));
    const all = sum(steps), pitch = all / Math.max(roundHalfToEven(all / median(steps)), 1);
    const counts = steps.map((step) => roundHalfToEven(step / pitch));
    const isOff = (count, index) => count < 1 || Math.abs(steps[index] / count - pitch) > OFF_SQUARE * pitch;
    if (counts.some(isOff)) return lines;
    const filled = pairs.flatMap(([one, other], index) => Array.from({ length: counts[index] }, (_, share) => {
        return one.map((value, at) => value + ((other[at] - value) * share) / counts[index]);
    }));
    return [...filled, lines.at(-1)];
}

// Add rules between rows of digits in a table that stand above each other between the same two rules: in the middle
// between two such rows, parallel to the rule above.
export function addBetweenRows(rules, boxes, digitHeight) {
    const cells = boxes.map((box) => locate(rules, middleOf(box)));
    const ends = rules.columns.flatMap(([x, , otherX]) => [x, otherX]), level = [leastOf(ends), 0, mostOf(ends), 0];
    const added = [...rules.rows];
    for (const above of [...new Set(cells.map(([row]) => row))].sort((one, other) => one - other)) {
        const here = boxes.flatMap((_, index) => (cells[index][0] === above ? [index] : []));
        const rule = rules.rows.length ? rules.rows[Math.max(above - 1, 0)] : level;
        const downs = findRows(here.map((index) => boxes[index]), here.map((index) => cells[index][1]), rule, digitHeight);
        for (const [one, other] of listPairs(downs)) added.push(rule.map((place, at) => place + (at % 2 ? (one + other) / 2 : 0)));
    }
    return { ...rules, rows: sortBy(added, middleAlong(1)) };
}

// Find rows of digits between two rules: how far below a rule each is; none where most columns have one row.
function findRows(boxes, columns, rule, digitHeight) {
    const level = boxes.map((box) => {
        const y = interpolate(rule, middleOf(box)[0]);
        return box.map((edge, side) => edge - (side % 2 ? y : 0));
    });
    const measureDown = (row) => mean(row.map((index) => middleOf(level[index])[1]));
    const rows = [];
    for (const row of groupRows(level, 0)) {
        // A row that wanders is found in parts.
        if (rows.length && measureDown(row) - measureDown(rows.at(-1)) < MIN_ROW_STEP * digitHeight) rows.at(-1).push(...row);
        else rows.push([...row]);
    }
    const columnsOf = (row) => [...new Set(row.map((index) => columns[index]))], numColumns = new Set(columns).size;
    const kept = rows.filter((row) => columnsOf(row).length >= MIN_ROW_SHARE * numColumns), filled = kept.flatMap(columnsOf);
    const numStacked = new Set(filled.filter((column, index) => filled.indexOf(column) < index)).size;
    // The edges of the paper around a note make one column.
    return numColumns < 2 || numStacked < MIN_STACKED * numColumns ? [] : kept.map(measureDown);
}
