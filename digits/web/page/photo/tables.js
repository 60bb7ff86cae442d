// Finds which row and column of a grid of rules each symbol on a page stands in, as
// digits/reading/tables.py does. A grid is {places, shape, rules, isRuled}.

import { heightOf, measureDigitHeight, middleOf, widthOf } from "./boxes.js";
import { leastOf, listPairs, mean, median, mostOf, sortNumbers, sum } from "./lists.js";
import { interpolate, isEnclosed, locate, swapAxes } from "./rules.js";
import { addBetweenRows, completeSudoku, middleAlong, OFF_SQUARE } from "./unseen_rules.js";

const MIN_PITCH = 0.7; // digit heights between two rules: nearer ones are one double rule
// In a table, columns are so many digit heights wide (on squared paper they are not), and at most this
// share of the digits stands on a rule.
const MIN_COLUMN = 1.25, MAX_ON_RULES = 0.2;
const MIN_DIGITS_INSIDE = 0.5; // share of a page's digits that are in its table
const MIN_FILLED_CELLS = 3;
// The side of an empty box looks like a 1 that reaches from one rule to the next: so narrow, and so near
// to both, in its own heights; there must be so many, and more than this share of the digits.
const WIDEST_SIDE = 0.4, NEAR_RULE = 0.2, MIN_SIDES = 4, MIN_SIDE_SHARE = 0.5;
// A sudoku: so many square cells each way at least, all about as large; its rules end at the outer ones, or
// by so many cells beyond or before; its cells are at least so many digit heights wide, and hold a digit
// each, but for this share of the filled ones.
const MIN_SQUARES = 4, OFF_FRAME = 0.4, MIN_SQUARE = 1.1, MAX_SHARED_CELLS = 0.15;
// What looks like a 1 is a piece of a rule between columns if it is narrow, so near to the rule and so little
// beyond its ends, in digit heights, and the rule is so many times as long.
const ON_RULE = 0.12, BEYOND_RULE = 0.5, MIN_RULE = 2.2;
// But 1s above each other make a rule of their own: so narrow, in their own heights, and so near to it, in digit
// heights, they are more than this share of its length.
const WIDEST_ONE = 0.5, OFF_ONES = 0.2, MAX_ONES = 0.55;

const key = (place) => place.join();

// Count the cells with a digit, of which there are so many before the signs.
export function countFilled({ places }, numDigits) {
    return new Set(places.slice(0, numDigits).filter(([row]) => row >= 0).map(key)).size;
}

// Tell which detections are no digits but the sides of boxes on a form.
export function areSidesOfBoxes({ rows }, boxes) {
    const isSide = boxes.map((box) => {
        const x = middleOf(box)[0];
        const isNear = (edge) => rows.some((rule) => Math.abs(interpolate(rule, x) - edge) < NEAR_RULE * heightOf(box));
        return widthOf(box) < WIDEST_SIDE * heightOf(box) && isNear(box[1]) && isNear(box[3]);
    });
    const count = isSide.filter(Boolean).length;
    return isSide.map((each) => each && count >= Math.max(MIN_SIDES, MIN_SIDE_SHARE * boxes.length));
}

// Leave out rules between columns that are the strokes of 1s above each other.
export function leaveOutOnes(rules, boxes) {
    const limit = OFF_ONES * measureDigitHeight(boxes);
    const ones = boxes.filter((box) => widthOf(box) < WIDEST_ONE * heightOf(box));
    const columns = rules.columns.filter((rule) => {
        const across = swapAxes(rule), [top, , bottom] = across;
        const covered = ones.map((box) => {
            const [x, y] = middleOf(box);
            if (Math.abs(interpolate(across, y) - x) >= limit) return 0;
            return Math.max(Math.min(bottom, box[3]) - Math.max(top, box[1]), 0);
        });
        return sum(covered) < MAX_ONES * (bottom - top);
    });
    return { ...rules, columns };
}

// Tell which detections are no digits but pieces of the rules between columns.
export function arePiecesOfRules({ columns }, boxes) {
    const digitHeight = measureDigitHeight(boxes), margin = BEYOND_RULE * digitHeight, rules = columns.map(swapAxes);
    return boxes.map((box) => {
        const isOn = (rule, y) => Math.abs(interpolate(rule, y) - middleOf(box)[0]) < ON_RULE * digitHeight
            && rule[0] - margin < y && y < rule[2] + margin;
        return widthOf(box) < WIDEST_SIDE * heightOf(box)
            && rules.some((rule) => rule[2] - rule[0] > MIN_RULE * heightOf(box) && isOn(rule, box[1]) && isOn(rule, box[3]));
    });
}

// Tell which boxes are in cells between rules in which nothing else is.
export function areInEmptyCells(rules, boxes, others) {
    const locateBox = (box) => locate(rules, middleOf(box)), filled = new Set(others.map(locateBox).map(key));
    return boxes.map(locateBox).map((cell) => isEnclosed(rules, cell) && !filled.has(key(cell)));
}

// Find the table on a page, if digits stand in one with rules; null otherwise. Empty rows and columns at
// its edges are left out, but those of a sudoku.
export function findGrid(pageRules, boxes, signBoxes) {
    if (boxes.length < MIN_FILLED_CELLS) return null;
    const digitHeight = measureDigitHeight(boxes), distance = MIN_PITCH * digitHeight;
    let rules = { rows: thinOut(pageRules.rows, 1, distance), columns: thinOut(pageRules.columns, 0, distance) };
    if (!rules.columns.length || rules.rows.length + rules.columns.length < 3) return null;
    const columns = rules.columns.map(middleAlong(0));
    rules = completeSudoku(rules);
    const isASudoku = isSudoku(rules, boxes);
    const narrowest = (isASudoku ? MIN_SQUARE : MIN_COLUMN) * digitHeight;
    if (columns.length > 1 && median(listPairs(columns).map(([one, other]) => other - one)) < narrowest) return null;
    const middles = [...boxes, ...signBoxes].map(middleOf);
    const inside = middles.map((point) => isInsideRules(rules, point, digitHeight));
    const digitsInside = boxes.filter((_, index) => inside[index]);
    const numOnRules = digitsInside.filter((box) => isOnRule(rules, box)).length;
    if (digitsInside.length / boxes.length < MIN_DIGITS_INSIDE || numOnRules / digitsInside.length > MAX_ON_RULES) return null;
    rules = addBetweenRows(rules, digitsInside, digitHeight);
    const places = middles.map((point) => locate(rules, point));
    const filled = places.slice(0, boxes.length).filter((_, index) => inside[index]);
    if (new Set(filled.map(key)).size < MIN_FILLED_CELLS) return null;
    let first = [0, 1].map((axis) => leastOf(filled.map((place) => place[axis])));
    let last = [0, 1].map((axis) => mostOf(filled.map((place) => place[axis])));
    if (isASudoku) [first, last] = [[1, 1], [rules.rows.length - 1, rules.columns.length - 1]];
    const isWithin = (place) => place.every((value, axis) => value >= first[axis] && value <= last[axis]);
    return {
        places: places.map((place, index) => {
            return inside[index] && isWithin(place) ? place.map((value, axis) => value - first[axis]) : [-1, -1];
        }),
        shape: last.map((value, axis) => value - first[axis] + 1),
        rules,
        isRuled: true,
    };
}

// Whether rules are a closed grid of squares of one size, with a digit in each at most.
function isSudoku(rules, boxes) {
    const { rows, columns } = rules;
    if (Math.min(rows.length, columns.length) <= MIN_SQUARES) return false;
    const steps = [[rows, 1], [columns, 0]].flatMap(([lines, axis]) => {
        return listPairs(lines.map(middleAlong(axis))).map(([one, other]) => other - one);
    });
    const side = median(steps);
    if (steps.some((step) => Math.abs(step - side) > OFF_SQUARE * side)) return false;
    // Rules that are cut short may end before the outer ones, but for a stray one none goes on.
    const first = swapAxes(columns[0]), last = swapAxes(columns.at(-1));
    const beyond = [
        rows.map((rule) => interpolate(first, rule[1]) - rule[0]),
        rows.map((rule) => rule[2] - interpolate(last, rule[3])),
        columns.map((rule) => interpolate(rows[0], rule[0]) - rule[1]),
        columns.map((rule) => rule[3] - interpolate(rows.at(-1), rule[2])),
    ];
    if (beyond.some((ends) => Math.abs(sortNumbers(ends).at(-2)) > OFF_FRAME * side)) return false;
    const places = boxes.map((box) => locate(rules, middleOf(box)))
        .filter(([row, column]) => row > 0 && column > 0 && row < rows.length && column < columns.length);
    if (!places.length) return false;
    const counts = new Map();
    for (const place of places) counts.set(key(place), (counts.get(key(place)) ?? 0) + 1);
    return mean([...counts.values()].map((count) => Number(count > 1))) <= MAX_SHARED_CELLS;
}

// Keep one of the rules that are nearer to each other than that.
function thinOut(lines, axis, distance) {
    const kept = [];
    for (const line of lines) {
        if (!kept.length || middleAlong(axis)(line) - middleAlong(axis)(kept.at(-1)) >= distance) kept.push(line);
    }
    return kept;
}

// Whether a point is between the ends of the rules.
function isInsideRules(rules, point, margin) {
    return [[rules.rows, 0], [rules.columns, 1]].every(([lines, axis]) => {
        const start = leastOf(lines.map((line) => line[axis])) - margin;
        const end = mostOf(lines.map((line) => line[axis + 2])) + margin;
        return !lines.length || (point[axis] > start && point[axis] < end);
    });
}

// Whether a rule crosses the inner half of a digit.
function isOnRule(rules, box) {
    const [x, y] = middleOf(box), across = widthOf(box) / 4, down = heightOf(box) / 4;
    return key(locate(rules, [x - across, y - down])) !== key(locate(rules, [x + across, y + down]));
}
