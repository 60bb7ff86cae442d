// Finds rows of boxes for a digit each, as forms have them, as digits/reading/box_rows.py does. A row of
// boxes is the list of its sides, from left to right: x and y of the upper and of the lower end of each.

import { heightOf, middleOf, surround, widthOf } from "./boxes.js";
import { dilate, filterRows, makeGaussian, makeMaximum } from "./filters.js";
import { sortBy } from "./layout.js";
import { leastOf, listPairs, mean, median, mostOf } from "./lists.js";
import { findInk, interpolate, swapAxes } from "./rules.js";
import { roundHalfToEven } from "../to_mnist.js";

// In digit heights: how tall and how wide boxes for a digit are.
const MIN_BOX_HEIGHT = 0.95, MAX_BOX_HEIGHT = 2.6, MIN_BOX_WIDTH = 0.75, MAX_BOX_WIDTH = 1.9;
const MIN_BOXES = 3; // in a row: fewer may be strokes of writing
const MIN_DIGITS_IN_ROW = 2; // of boxes
const SAMPLES = 24; // heights between the rules of a row at which its sides are looked for
const SIDE_MARGIN = 0.08; // of the height of a row, at its rules, where they are not
// A side has ink at so many of these heights, within so many digit heights of a line, and all sides of a
// row on average.
const MIN_SIDE_INK = 0.45, MEAN_SIDE_INK = 0.6, SIDE_BAND = 0.05;
const LONGER = 0.5; // digit heights beyond the ends of both rules at which there may be boxes
// Of the samples next to either rule, a side has ink at so large a share: digits end before.
const END_SAMPLES = 4, MIN_END = 0.5;
const NEAREST_PEAKS = 0.2; // digit heights between two places that may be sides
const OFF_PITCH = 0.17; // of a box's width: by how much a side is off its place at most
const MIN_SIDES_SEEN = 0.8; // share of the sides of a row
const MAX_SHARED_BOXES = 0.2, MAX_ON_SIDES = 0.2; // shares of the digits in a row
const MIN_BOXES_FILLED = 0.25; // share of a row's boxes with a digit
// Where so many rows hang together, these are not boxes but a table or squared paper, if less than this
// share of the boxes has a digit, or if there are about as many boxes in a row as rows.
const MANY_ROWS = 3, MIN_STACK_FILLED = 0.4, SQUARE_ROWS = 4, MAX_ROWS = 20;
const MAX_STACK_WIDTH = 1.6; // digit heights: in a table of single digits, columns are wider
const SAME_EDGE = 0.15; // heights of a row between two edges that are one rule
const STICK_OUT = 0.15; // heights of a row by which the middle of a digit in it is above or below
// Beyond the last side that is seen, a digit whose middle is so far from both sides, as a share of the box's
// width, stands in another box: faint sides end early.
const INSIDE = 0.2;
// A detection is a side of a box if it is narrower than this share of its height, within this share of a box's
// width of where the side is, and taller than this share of the row's height. A stroke may be wider and shorter,
// and beside a digit in its box farther from the side and shorter still.
const WIDEST_AS_SIDE = 0.4, NEAR_SIDE = 0.2, MIN_TALL = 0.8, WIDEST_STROKE = 0.5, NEAR_STROKE = 0.1, MIN_STROKE = 0.7;
const NEAR_STROKE_BESIDE = 0.25, MIN_STROKE_BESIDE = 0.5;

const topOf = (row) => mean(row.map((side) => side[1])), bottomOf = (row) => mean(row.map((side) => side[3]));
const xOf = (side) => (side[0] + side[2]) / 2;

function widthOfBoxes(row) {
    return median(listPairs(row).map(([one, other]) => xOf(other) - xOf(one)));
}

// Tell in which box of a row a point is, counted from 0, -1 in none; `margin` is by how much it may be
// above or below, in heights of the row.
function locateInRow(row, [x, y], margin = 0) {
    const first = row[0], last = row.at(-1);
    const top = interpolate([first[0], first[1], last[0], last[1]], x);
    const bottom = interpolate([first[2], first[3], last[2], last[3]], x), more = margin * (bottom - top);
    const left = row.filter((side) => interpolate(swapAxes(side), y) < x).length;
    return y > top - more && y < bottom + more && left > 0 && left < row.length ? left - 1 : -1;
}

// Left, top, right and bottom of one of the boxes of a row.
export function getBox(row, index) {
    const sides = row.slice(index, index + 2);
    return surround(sides.flatMap(([x, y, otherX, otherY]) => [[x, y, x, y], [otherX, otherY, otherX, otherY]]));
}

// Find rows of boxes with a digit each at most. Of each detection, `areStrokes` tells whether it looks like a
// single stroke, as a 1 does.
export function findBoxRows(page, rules, digitBoxes, areStrokes, digitHeight) {
    const lines = [...rules.rows, ...rules.shortRows];
    const strips = lines.flatMap((top, index) => lines.filter((_, other) => other !== index).map((bottom) => [top, bottom]))
        .filter(([top, bottom]) => isStrip(top, bottom, digitBoxes, digitHeight));
    if (!strips.length) return [];
    const ink = findInk(page, digitHeight), { mask, scale, width, height } = ink;
    const enlargeLine = (line) => line.map((place) => place * scale);
    const rows = strips.flatMap(([top, bottom]) => findSides(ink, enlargeLine(top), enlargeLine(bottom), digitHeight * scale));
    const thick = { mask: dilate(mask, width, height, 2, 1), width, height };
    return leaveOutOverlapping(rows).flatMap((large) => {
        const above = countRows(thick, large, -1), below = countRows(thick, large, 1);
        const row = large.map((side) => side.map((place) => place / scale));
        const isRow = isFilled(row, digitBoxes, areStrokes) && areBoxes(row, above, below, digitBoxes, digitHeight, page);
        return isRow ? [extendRow(row, digitBoxes)] : [];
    });
}

// Add boxes at both ends as long as there is a digit in the last one and in the next.
function extendRow(row, digitBoxes) {
    const first = row[0], last = row.at(-1), count = row.length - 1;
    const move = (side, steps) => side.map((place, index) => place + (steps * (last[index % 2] - first[index % 2])) / count);
    const isFilled = (left) => digitBoxes.some((box) => {
        return locateInRow([move(left, INSIDE), move(left, 1 - INSIDE)], middleOf(box)) >= 0;
    });
    const extended = [...row];
    while (isFilled(extended[0]) && isFilled(move(extended[0], -1))) extended.unshift(move(extended[0], -1));
    while (isFilled(move(extended.at(-1), -1)) && isFilled(extended.at(-1))) extended.push(move(extended.at(-1), 1));
    return extended;
}

// Tell in which row and box the middle of a digit or sign is: [-1, -1] in none.
export function locateInRows(rows, box) {
    let place = [-1, -1];
    // What sticks out of a row, and is in no other one, is in it.
    for (const margin of [STICK_OUT, 0]) {
        rows.forEach((row, number) => {
            const here = locateInRow(row, middleOf(box), margin);
            if (here >= 0) place = [number, here];
        });
    }
    return place;
}

// Tell whether most rows share a rule with another one, as those of a table do.
export function areStacked(rows) {
    if (rows.length < MANY_ROWS) return false;
    const stacked = rows.filter((row, index) => {
        const top = topOf(row), bottom = bottomOf(row);
        return rows.some((other, at) => at !== index
            && Math.min(Math.abs(bottom - topOf(other)), Math.abs(top - bottomOf(other))) < SAME_EDGE * (bottom - top));
    });
    return stacked.length > rows.length / 2;
}

// Tell which digits, and strokes that may be digits, are no digits but sides of the boxes.
export function areSidesOfRows(rows, boxes, areStrokes) {
    const found = boxes.map(() => false);
    for (const row of rows) {
        const height = bottomOf(row) - topOf(row), places = boxes.map((box) => locateInRow(row, middleOf(box)));
        boxes.forEach((box, index) => {
            const [x, y] = middleOf(box), tall = heightOf(box) / height, narrow = widthOf(box) / Math.max(heightOf(box), 1e-9);
            const apart = leastOf(row.map((side) => Math.abs(interpolate(swapAxes(side), y) - x))) / widthOfBoxes(row);
            if (Math.abs(y - (topOf(row) + bottomOf(row)) / 2) >= height) return;
            const isBesideDigit = places[index] >= 0 && places.some((place, other) => place === places[index] && !areStrokes[other]);
            const isStroke = (apart < NEAR_STROKE && tall > MIN_STROKE)
                || (isBesideDigit && apart < NEAR_STROKE_BESIDE && tall > MIN_STROKE_BESIDE);
            found[index] ||= (narrow < WIDEST_AS_SIDE && apart < NEAR_SIDE && tall > MIN_TALL)
                || (areStrokes[index] && narrow < WIDEST_STROKE && isStroke);
        });
    }
    return found;
}

// Tell whether a digit or sign is in a row and on a side of its boxes.
export function isOnSideOfRows(rows, box) {
    const middle = middleOf(box);
    return rows.some((row) => locateInRow(row, middle, STICK_OUT) >= 0 && row.some((side) => {
        const x = interpolate(swapAxes(side), middle[1]);
        return box[0] <= x && x <= box[2];
    }));
}

// Whether there may be boxes with digits between two rules.
function isStrip(top, bottom, digitBoxes, digitHeight) {
    const left = Math.max(top[0], bottom[0]), right = Math.min(top[2], bottom[2]);
    if (right - left < (MIN_BOXES - 1) * MIN_BOX_WIDTH * digitHeight) return false;
    const heights = [left, right].map((x) => (interpolate(bottom, x) - interpolate(top, x)) / digitHeight);
    if (!heights.every((height) => height > MIN_BOX_HEIGHT && height < MAX_BOX_HEIGHT)) return false;
    return digitBoxes.map(middleOf).filter(([x, y]) => {
        return interpolate(top, x) < y && y < interpolate(bottom, x) && left - digitHeight < x && x < right + digitHeight;
    }).length >= MIN_DIGITS_IN_ROW;
}

// A mask at a place between pixels, interpolated between the four around it; 0 outside.
function interpolateMask({ mask, width, height }, x, y) {
    if (x < 0 || y < 0 || x > width - 1 || y > height - 1) return 0;
    const left = Math.floor(x), top = Math.floor(y), across = x - left, down = y - top;
    const at = (column, row) => mask[Math.min(row, height - 1) * width + Math.min(column, width - 1)];
    return (1 - down) * ((1 - across) * at(left, top) + across * at(left + 1, top))
        + down * ((1 - across) * at(left, top + 1) + across * at(left + 1, top + 1));
}

// Find the sides of boxes between two rules: a list of rows of boxes.
function findSides(ink, top, bottom, unit) {
    const left = Math.max(top[0], bottom[0]) - LONGER * unit, right = Math.min(top[2], bottom[2]) + LONGER * unit;
    const count = Math.ceil(right - left), slopeOf = (line) => (line[3] - line[1]) / Math.max(line[2] - line[0], 1e-9);
    const slope = (slopeOf(top) + slopeOf(bottom)) / 2, seen = new Float32Array(SAMPLES * count);
    const x = Array.from({ length: count }, (_, index) => left + index);
    for (let sample = 0; sample < SAMPLES; sample++) {
        const share = SIDE_MARGIN + ((1 - 2 * SIDE_MARGIN) * sample) / (SAMPLES - 1);
        x.forEach((place, index) => {
            const upper = interpolate(top, place), tall = interpolate(bottom, place) - upper, down = share * tall;
            seen[sample * count + index] = interpolateMask(ink, place - slope * (down - tall / 2), upper + down);
        });
    }
    const widened = filterRows(seen, count, SAMPLES, makeMaximum(2 * roundHalfToEven(SIDE_BAND * unit) + 1));
    const measure = (first, end) => x.map((_, index) => {
        let inked = 0;
        for (let sample = first; sample < end; sample++) inked += widened[sample * count + index] > Math.fround(0.4);
        return inked / (end - first);
    });
    const filled = measure(0, SAMPLES), starts = measure(0, END_SAMPLES), ends = measure(SAMPLES - END_SAMPLES, SAMPLES);
    const smooth = new Float64Array(count), highest = new Float64Array(count);
    makeGaussian(SIDE_BAND * unit)(filled, smooth, count);
    makeMaximum(2 * roundHalfToEven(NEAREST_PEAKS * unit) + 1)(smooth, highest, count);
    const peaks = x.flatMap((place, index) => {
        const reaches = starts[index] >= MIN_END && ends[index] >= MIN_END;
        return smooth[index] === highest[index] && filled[index] >= MIN_SIDE_INK && reaches ? [[place, filled[index]]] : [];
    });
    return findChains(peaks, MIN_BOX_WIDTH * unit, MAX_BOX_WIDTH * unit).map((chain) => chain.map((place) => {
        const upper = interpolate(top, place), lower = interpolate(bottom, place), shift = (slope * (lower - upper)) / 2;
        return [place + shift, upper, place - shift, lower];
    }));
}

// Find places at equal distances among `peaks`, [place, ink], the best chains first; places may be missing
// in one.
function findChains(peaks, narrowest, widest) {
    const found = [];
    while (peaks.length > MIN_BOXES) {
        let places = [], ink = 0, isAny = false;
        peaks.forEach((first, number) => {
            for (const second of peaks.slice(number + 1)) {
                const pitch = second[0] - first[0];
                if (pitch < narrowest || pitch > widest) continue;
                const chain = follow(peaks.slice(number), pitch);
                if (!isAny || chain[1] > ink) [[places, ink], isAny] = [chain, true];
            }
        });
        if (places.length <= MIN_BOXES || ink < MEAN_SIDE_INK * MIN_SIDES_SEEN * places.length) break;
        found.push(places);
        const first = places[0] - narrowest / 4, last = places.at(-1) + narrowest / 4;
        peaks = peaks.filter(([place]) => !(first <= place && place <= last));
    }
    return found;
}

// Follow places at that distance from the first; the places, and the ink at all of them.
function follow(peaks, firstPitch) {
    let [[place, ink]] = peaks, pitch = firstPitch, numSeen = 1, numMissed = 0;
    const others = peaks.slice(1), chain = [place];
    while (place < peaks.at(-1)[0] && numMissed < 2) {
        const expected = place + pitch;
        const [nearest, here] = others.reduce((one, other) => {
            return Math.abs(other[0] - expected) < Math.abs(one[0] - expected) ? other : one;
        });
        if (Math.abs(nearest - expected) <= OFF_PITCH * pitch) {
            pitch = 0.8 * pitch + 0.2 * (nearest - place);
            [place, ink, numSeen, numMissed] = [nearest, ink + here, numSeen + 1, 0];
        } else [place, numMissed] = [expected, numMissed + 1];
        chain.push(place);
    }
    const kept = chain.slice(0, chain.length - numMissed);
    return numSeen >= MIN_SIDES_SEEN * kept.length ? [kept, ink] : [[], 0];
}

const middlesOfSides = (row) => row.map(([x, y, otherX, otherY]) => [(x + otherX) / 2, (y + otherY) / 2]);

// Of rows that overlap, keep the longest, or the lowest; from top to bottom.
function leaveOutOverlapping(rows) {
    const kept = [];
    const touches = (row, other) => middlesOfSides(other).some((point) => locateInRow(row, point) >= 0);
    const byHeight = sortBy(rows, (row) => Math.abs(row[0][3] - row[0][1]));
    for (const row of sortBy(byHeight, (each) => -each.length)) {
        if (!kept.some((one) => touches(one, row) || touches(row, one))) kept.push(row);
    }
    return sortBy(kept, topOf);
}

// Move a row by so many times its height, downwards where that is positive.
function shiftRow(row, count) {
    return row.map(([x, y, otherX, otherY]) => {
        const across = count * (otherX - x), down = count * (otherY - y);
        return [x + across, y + down, otherX + across, otherY + down];
    });
}

// Count the rows above it (-1) or below it (1) to which its sides go on, without a gap.
function countRows({ mask, width, height }, row, direction) {
    for (let count = 1; count < MAX_ROWS; count++) {
        const filled = shiftRow(row, direction * count).map(([x, y, otherX, otherY]) => {
            let inked = 0;
            for (let sample = 0; sample < SAMPLES; sample++) {
                const share = SIDE_MARGIN + ((1 - 2 * SIDE_MARGIN) * sample) / (SAMPLES - 1);
                const exactX = x + share * (otherX - x), exactY = y + share * (otherY - y);
                if (exactX < 0 || exactY < 0 || exactX > width - 1 || exactY > height - 1) continue;
                inked += mask[Math.floor(exactY + 0.5) * width + Math.floor(exactX + 0.5)];
            }
            return inked / SAMPLES;
        });
        if (median(filled) < MEAN_SIDE_INK) return count - 1;
    }
    return MAX_ROWS;
}

// Whether a row is one of boxes, rather than of a table, a sudoku or squared paper.
function areBoxes(row, above, below, digitBoxes, digitHeight, page) {
    const numRows = above + 1 + below, numBoxes = row.length - 1, boxWidth = widthOfBoxes(row);
    if (numRows > 1) {
        if (boxWidth > MAX_STACK_WIDTH * digitHeight) return false;
        if (numRows >= SQUARE_ROWS && Math.abs(numRows - numBoxes) <= 1) return false;
        const ends = [
            ...shiftRow(row, -above).map((side) => side.slice(0, 2)), ...shiftRow(row, below).map((side) => side.slice(2)),
        ];
        const xs = ends.map(([x]) => x), ys = ends.map(([, y]) => y);
        const isAcross = leastOf(xs) < boxWidth && page.width - mostOf(xs) < boxWidth;
        if (isAcross && (leastOf(ys) < boxWidth || page.height - mostOf(ys) < boxWidth)) return false;
        if (numRows >= MANY_ROWS) {
            let numFilled = 0;
            for (let count = -above; count <= below; count++) {
                const shifted = shiftRow(row, count);
                const places = digitBoxes.map((box) => locateInRow(shifted, middleOf(box)));
                numFilled += new Set(places.filter((place) => place >= 0)).size;
            }
            if (numFilled < MIN_STACK_FILLED * numRows * numBoxes) return false;
        }
    }
    return true;
}

// Whether boxes have a digit each, and none stands on a side.
function isFilled(row, digitBoxes, areStrokes) {
    const areSides = areSidesOfRows([row], digitBoxes, areStrokes);
    const inside = digitBoxes.filter((box, index) => !areSides[index] && locateInRow(row, middleOf(box)) >= 0);
    if (inside.length < MIN_DIGITS_IN_ROW) return false;
    const counts = new Map();
    let numOnSides = 0;
    for (const box of inside) {
        const [x, y] = middleOf(box), place = locateInRow(row, [x, y]), quarter = widthOf(box) / 4;
        counts.set(place, (counts.get(place) ?? 0) + 1);
        if (locateInRow(row, [x - quarter, y]) !== locateInRow(row, [x + quarter, y])) numOnSides++;
    }
    const numShared = [...counts.values()].filter((count) => count > 1).length;
    return numShared / counts.size <= MAX_SHARED_BOXES && numOnSides / inside.length <= MAX_ON_SIDES
        && counts.size >= MIN_BOXES_FILLED * (row.length - 1);
}
