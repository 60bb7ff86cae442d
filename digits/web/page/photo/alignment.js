// Finds tables without rules: numbers that line up in columns and rows, as digits/reading/alignment.py
// does. A unit is a number, or a piece of one: {indices, box, point, row, part}, lengths in digit heights.

import { measureDigitHeight, middleOf, surround } from "./boxes.js";
import { groupRows, sortBy } from "./layout.js";
import { argmax, leastOf, listPairs, mean, median, mostOf, quantile, sum } from "./lists.js";
import { clamp } from "../ink.js";

const TYPICAL_GAP = 1.25; // median between the numbers of two columns; no number has a wider gap inside
const MIN_CHANNEL = 0.4; // width that is free in all rows between two columns
const MAX_CROSSING = 0.17; // share of rows, such as a heading, that reach from one column into the next
const FARTHEST_CROSSING = 0.6; // of a number that is still in the former column
const LEANS = [0, -3, 3, -6, 6, -9, 9]; // degrees by which columns lean, as in perspective
// Share of the numbers whose left or right edge, middle or point is as near to their column's.
const MIN_ALIGNED = 0.75, OFF_COLUMN = 0.75;
// In shares of the distance between rows: parts of one row, and the median step between neighbours in a
// row; the latter is limited to so many digit heights.
const SAME_ROW = 0.45, MAX_STEP = 0.2, STEPS = [0.35, 0.5];
const MAX_OVERLAP_IN_ROW = 0.3; // of two numbers
const SPLIT = 0.3; // wider gaps inside what is taken for a number may be between two columns
const MIN_RATIO = 2; // of the median gap between columns to nearly all inside numbers
const MIN_TURN = 0.003; // radians; 0.1 digit heights over the width of a usual page
const MIN_ROWS = 3, MIN_COLUMNS = 2, MIN_ROWS_IF_WIDE = 2, WIDE = 4; // two rows do if there are so many columns
const MIN_CELLS = 5;
const MIN_CELLS_FILLED = 0.6; // share of the cells
const MIN_ROWS_FILLED = 0.5; // share of the rows with numbers in two columns
const MIN_INSIDE_TABLE = 0.7; // share of the page's digits that are in the table
const MIN_PLACED = 0.85; // share of the digits in its rows that are in one column
const MAX_CROWDED = 0.1; // share of the cells with more than one number
const MAX_OPERATORS = 0.2; // share of the pairs of neighbours in a row with an operator between them
const MAX_TRIMMED = 3; // rows above and below the table that are none of it
const NEAR_DASH = 1; // a dash further from both its neighbours says that a cell is empty

const middleX = ({ box }) => (box[0] + box[2]) / 2;
const middleY = ({ box }) => (box[1] + box[3]) / 2;

// Find the table on a page without rules between columns, if numbers line up in one: a grid as findGrid
// returns, null where there is none. `lines` are those that makeLines makes where there is no table.
export function findAligned(boxes, signs, signBoxes, lines, slope) {
    if (boxes.length < MIN_CELLS) return null;
    const unit = measureDigitHeight(boxes), both = [...boxes, ...signBoxes], texts = [...boxes.map(() => ""), ...signs];
    const levelBoxes = () => turnBoxes(both, slope).map((box) => box.map((edge) => edge / unit));
    // The slope of digits that are far apart is uncertain; their rows tell it better.
    let level = levelBoxes(), { units, pitch } = makeUnits(level, texts, lines);
    const turn = measureTurn(units);
    if (Math.abs(turn) > MIN_TURN) {
        slope += turn;
        level = levelBoxes();
        ({ units, pitch } = makeUnits(level, texts, lines));
    }
    const count = mostOf(units.map(({ row }) => row)) + 1;
    const lone = lines.flat().filter((part) => part.length === 1 && texts[part[0]]).map(([index]) => index);
    for (let trimmed = 0; trimmed <= MAX_TRIMMED; trimmed++) {
        for (let first = 0; first <= trimmed; first++) {
            const last = count - 1 - (trimmed - first);
            if (last - first + 1 < MIN_ROWS_IF_WIDE) continue;
            const kept = units.filter(({ row }) => row >= first && row <= last);
            const numDigits = kept.flatMap(({ indices }) => indices).filter((index) => index < boxes.length).length;
            if (numDigits < MIN_INSIDE_TABLE * boxes.length) continue;
            const columns = chooseColumns(kept, pitch);
            if (!columns || countOperators(kept, level, texts, lone) > MAX_OPERATORS) continue;
            return makeAlignedGrid(kept, columns, level, texts, lines, slope, unit);
        }
    }
    return null;
}

// Boxes of the same sizes, their middles turned about the origin against that angle.
function turnBoxes(boxes, angle) {
    const cos = Math.cos(angle), sin = Math.sin(angle);
    return boxes.map((box) => {
        const [x, y] = middleOf(box), width = box[2] - box[0], height = box[3] - box[1];
        const across = x * cos + y * sin, down = y * cos - x * sin;
        return [across - width / 2, down - height / 2, across + width / 2, down + height / 2];
    });
}

// Take the numbers of lines, split where their digits are apart, and put them in rows.
function makeUnits(level, texts, lines) {
    const units = lines.flat().flatMap((part, number) => {
        const pieces = [[part[0]]];
        for (const [one, other] of listPairs(part)) {
            if (level[other][0] - level[one][2] > SPLIT) pieces.push([]);
            pieces.at(-1).push(other);
        }
        return pieces.filter((piece) => piece.some((index) => !texts[index])).map((indices) => {
            const point = indices.find((index) => texts[index] === "." || texts[index] === ",");
            return {
                indices, part: number, row: 0,
                box: surround(indices.map((index) => level[index])),
                point: point === undefined ? Infinity : level[point][0],
            };
        });
    });
    const pitch = measurePitch(units);
    numberRows(units, pitch);
    return { units, pitch };
}

// Number the rows of units, as groupRows, but numbers may wander more.
function numberRows(units, pitch) {
    const squares = units.map((unit) => { // so that wide numbers are as high as digits
        const [, top, , bottom] = unit.box, half = (bottom - top) / 2;
        return [middleX(unit) - half, top, middleX(unit) + half, bottom];
    });
    const merged = [], overlap = (one, other) => Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
    for (const indices of groupRows(squares, 0)) {
        const row = indices.map((index) => units[index]), last = merged.at(-1);
        const isSame = last && mean(row.map(middleY)) - mean(last.map(middleY)) < SAME_ROW * pitch
            && row.every((one) => last.every((other) => overlap(one.box, other.box) < MAX_OVERLAP_IN_ROW));
        if (isSame) last.push(...row);
        else merged.push(row);
    }
    merged.forEach((row, number) => row.forEach((unit) => (unit.row = number)));
}

// Median distance of numbers from the nearest one below them; 1 if none is below another.
function measurePitch(units) {
    const nearest = units.map((one) => leastOf(units.filter((other) => {
        const overlaps = Math.min(one.box[2], other.box[2]) > Math.max(one.box[0], other.box[0]);
        return overlaps && middleY(other) - middleY(one) >= 0.7;
    }).map((other) => middleY(other) - middleY(one)))).filter((step) => step < Infinity);
    return nearest.length ? median(nearest) : 1;
}

function listRowsOf(units) {
    const rows = new Map();
    for (const unit of units) {
        if (!rows.has(unit.row)) rows.set(unit.row, []);
        rows.get(unit.row).push(unit);
    }
    return [...rows.values()];
}

// By how much rows still slant, in radians: the slope that fits all of them best.
function measureTurn(units) {
    let shared = 0, squares = 0;
    for (const row of listRowsOf(units)) {
        const x = mean(row.map(middleX)), y = mean(row.map(middleY));
        for (const unit of row) {
            shared += (middleX(unit) - x) * (middleY(unit) - y);
            squares += (middleX(unit) - x) ** 2;
        }
    }
    return Math.atan(shared / Math.max(squares, 1e-9));
}

// Choose the most columns for which there is enough evidence, with the widest space between.
function chooseColumns(units, pitch) {
    const numRows = listRowsOf(units).length;
    let best = null;
    for (const crossing of new Set([0, Math.trunc(MAX_CROSSING * numRows)])) {
        for (const lean of LEANS) {
            const columns = findColumns(units, crossing, Math.tan((lean * Math.PI) / 180));
            if (!columns || !isTable(units, columns, pitch)) continue;
            // A lean must widen the space clearly.
            const score = [columns.borders.length, -crossing, columns.channel - 0.03 * Math.abs(lean)];
            const differing = best ? score.findIndex((value, index) => value !== best.score[index]) : 0;
            if (differing >= 0 && (!best || score[differing] > best.score[differing])) best = { score, columns };
        }
    }
    return best?.columns ?? null;
}

// Find columns between spaces that no more than so many numbers reach into: {borders, shear, columns,
// channel}; the column of each unit, -1 for those in more than one.
function findColumns(units, crossing, shear) {
    const straight = units.map((unit) => {
        const shift = shear * middleY(unit), [left, top, right, bottom] = unit.box;
        return { ...unit, box: [left - shift, top, right - shift, bottom] };
    });
    const starts = straight.map(({ box }) => ({ place: box[0], step: 1 })), ends = straight.map(({ box }) => ({ place: box[2], step: -1 }));
    const edges = [...starts, ...ends].sort((one, other) => one.place - other.place || other.step - one.step);
    const spans = [];
    let covered = 0;
    for (const { place, step } of edges) {
        const wasFull = covered > crossing;
        covered += step;
        if (covered > crossing && !wasFull) spans.push([place, Infinity]);
        if (covered <= crossing && wasFull) spans.at(-1)[1] = place;
    }
    const kept = spans.slice(0, 1);
    for (const span of spans.slice(1)) {
        const last = kept.at(-1), border = (last[1] + span[0]) / 2;
        if (span[0] - last[1] < MIN_CHANNEL || measureGapAt(straight, border) < TYPICAL_GAP) last[1] = span[1];
        else kept.push(span);
    }
    if (kept.length < MIN_COLUMNS) return null;
    const pairs = listPairs(kept), borders = pairs.map(([one, other]) => (one[1] + other[0]) / 2);
    const count = (x) => borders.filter((border) => x > border).length;
    const columns = straight.map((unit) => {
        const isInOne = count(unit.box[0] + FARTHEST_CROSSING) >= count(unit.box[2] - FARTHEST_CROSSING);
        return isInOne ? count(middleX(unit)) : -1;
    });
    return { borders, shear, columns, channel: leastOf(pairs.map(([one, other]) => other[0] - one[1])) };
}

// Median over rows of the space between the last number before a border and the next.
function measureGapAt(units, border) {
    const gaps = listRowsOf(units).map((row) => {
        const before = mostOf(row.filter((unit) => middleX(unit) < border).map(({ box }) => box[2]));
        return leastOf(row.filter((unit) => middleX(unit) >= border).map(({ box }) => box[0])) - before;
    }).filter(Number.isFinite);
    return gaps.length ? median(gaps) : Infinity;
}

// Whether there is enough evidence that columns are those of a table.
function isTable(units, { borders, shear, columns }, pitch) {
    const placed = units.map((unit, index) => ({ ...unit, column: columns[index] })).filter(({ column }) => column >= 0);
    const cells = new Map(), numColumns = borders.length + 1;
    for (const unit of placed) {
        const key = `${unit.row},${unit.column}`;
        if (!cells.has(key)) cells.set(key, { row: unit.row, column: unit.column, units: [] });
        cells.get(key).units.push(unit);
    }
    const listed = [...cells.values()].sort((one, other) => one.row - other.row || one.column - other.column);
    for (const cell of listed) {
        cell.box = surround(cell.units.map(({ box }) => box));
        const point = leastOf(cell.units.map((unit) => unit.point));
        cell.point = Number.isFinite(point) ? point : cell.box[2];
    }
    const rows = listRowsOf(listed);
    const least = numColumns >= WIDE ? MIN_ROWS_IF_WIDE : MIN_ROWS;
    if (listed.length < MIN_CELLS || rows.length < least || listed.length < MIN_CELLS_FILLED * rows.length * numColumns
        || mean(rows.map((row) => Number(row.length > 1))) < MIN_ROWS_FILLED
        || new Set(listed.map(({ column }) => column)).size < numColumns) return false;
    const countSymbols = (some) => sum(some.map(({ indices }) => indices.length));
    const areCrowded = listed.map((cell) => Number(new Set(cell.units.map(({ part }) => part)).size > 1));
    return countSymbols(placed) >= MIN_PLACED * countSymbols(units)
        && mean(areCrowded) <= MAX_CROWDED
        && measureRatio(placed) >= MIN_RATIO
        && measureAligned(listed, shear) >= MIN_ALIGNED
        && measureSteps(listed) <= clamp(MAX_STEP * pitch, ...STEPS);
}

// Pairs of neighbours in rows, from left to right.
function listNeighbours(units) {
    return listRowsOf(units).flatMap((row) => listPairs(sortBy(row, ({ box }) => box[0])));
}

// Median gap between the numbers of two columns, to nearly all between digits in a cell.
function measureRatio(units) {
    const inside = [], between = [];
    for (const [one, other] of listNeighbours(units)) {
        (one.column === other.column ? inside : between).push(other.box[0] - one.box[2]);
    }
    while (inside.length < units.length) inside.push(0);
    const widest = Math.max(quantile(inside, 0.95), 0.1);
    return between.length ? median(between) / widest : 0;
}

// Share of the cells that are where most of their column are.
function measureAligned(cells, shear) {
    let aligned = 0;
    for (const column of new Set(cells.map((cell) => cell.column))) {
        const here = cells.filter((cell) => cell.column === column);
        const counts = [
            ({ box }) => box[0], ({ box }) => box[2], ({ box }) => (box[0] + box[2]) / 2, ({ point }) => point,
        ].map((measure) => {
            const places = here.map((cell) => measure(cell) - shear * middleY(cell)), usual = median(places);
            return places.filter((place) => Math.abs(place - usual) < OFF_COLUMN).length;
        });
        aligned += Math.max(...counts);
    }
    return aligned / cells.length;
}

// Median of how far numbers are above or below the one beside them.
function measureSteps(cells) {
    const steps = listNeighbours(cells).map(([one, other]) => Math.abs(middleY(other) - middleY(one)));
    return steps.length ? median(steps) : 0;
}

// Share of the neighbours in rows that an operator, equals sign or bracket stands between.
function countOperators(units, level, texts, lone) {
    const pairs = listNeighbours(units);
    const withOperator = pairs.filter(([{ box: one }, { box: other }]) => {
        const top = Math.min(one[1], other[1]), bottom = Math.max(one[3], other[3]);
        return lone.some((index) => {
            const [x, y] = middleOf(level[index]), text = texts[index];
            if (!(one[2] < x && x < other[0] && top <= y && y <= bottom) || text === "." || text === ",") return false;
            return text !== "-" || Math.min(level[index][0] - one[2], other[0] - level[index][2]) < NEAR_DASH;
        });
    });
    return withOperator.length / Math.max(pairs.length, 1);
}

// Number rows and columns, place the symbols in them, and draw lines between them.
function makeAlignedGrid(units, { borders, shear, columns }, level, texts, lines, slope, unit) {
    const places = level.map(() => [-1, -1]), kept = units.filter((_, index) => columns[index] >= 0);
    const kinds = columns.filter((column) => column >= 0);
    const numbers = [...new Set(kept.map(({ row }) => row))].sort((one, other) => one - other);
    kept.forEach(({ row, indices }, index) => {
        for (const symbol of indices) places[symbol] = [numbers.indexOf(row), kinds[index]];
    });
    for (const line of lines) {
        const placed = line.flat().filter((index) => places[index][0] >= 0);
        for (const part of line) {
            if (!placed.length || part.length > 1 || !texts[part[0]]) continue;
            const [x, y] = middleOf(level[part[0]]);
            const nearest = placed[argmax(placed.map((index) => -Math.abs(middleOf(level[index])[0] - x)))];
            places[part[0]] = [places[nearest][0], borders.filter((border) => x - shear * y > border).length];
        }
    }
    const [left, top, right, bottom] = surround(kept.map(({ box }) => box));
    const rowsOfKept = numbers.map((number) => kept.filter(({ row }) => row === number));
    const between = listPairs(rowsOfKept).map(([one, other]) => {
        return (mean(one.map(({ box }) => box[3])) + mean(other.map(({ box }) => box[1]))) / 2;
    });
    const cos = Math.cos(slope), sin = Math.sin(slope);
    const turnPoint = ([x, y]) => [unit * (x * cos - y * sin), unit * (x * sin + y * cos)];
    const turn = ([x, y, otherX, otherY]) => [...turnPoint([x, y]), ...turnPoint([otherX, otherY])];
    const rules = {
        rows: between.map((y) => turn([left, y, right, y])),
        columns: borders.map((x) => turn([x + shear * top, top, x + shear * bottom, bottom])),
    };
    return { places, shape: [numbers.length, borders.length + 1], rules, isRuled: false };
}
