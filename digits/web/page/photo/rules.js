// Finds the rules of a table, as digits/reading/rules.py does. A rule is [left, y there, right, y there],
// or, of a column, [x, top, x there, bottom]. Rules are {rows, columns, shortRows}.

import { dilate, filterColumns, filterRows, blurUniformly, labelParts, makeGaussian, makeMaximum, makeUniform, NEAREST } from "./filters.js";
import { leastOf, mean, median, mostOf, sum } from "./lists.js";
import { clamp } from "../ink.js";
import { BICUBIC, BOX, resize, roundHalfToEven } from "../to_mnist.js";
import { sortBy } from "./layout.js";

// The page is scaled so that its digits are about so tall, if they are smaller or larger.
const SMALLEST_DIGIT = 24, LARGEST_DIGIT = 48; // pixels
const MAX_RULED_PIXELS = 2_500_000; // of the scaled page
// In heights of a digit: over how much brightness is averaged; how long a piece of a rule is at least;
// between two ridges; how much a piece bends at most; and between two pieces of one rule at most.
const LOCAL = 1.3, SHORTEST = 1.7, RIDGE = 0.35, MAX_BEND = 0.17, SAME_RULE = 0.37;
const MIN_PIECE_FILLED = 0.75; // share of a piece with ink
const MIN_COVERED = 0.4; // share of a rule's length, from its first piece to its last, with pieces
const MIN_LENGTH = 0.35; // of the longest rule in its direction
// The rules of a table do not meet others of their direction, the edge of a shadow or of the paper does: it is
// nearer to one than so many digit heights, and its slope differs by so much from the median of at least three.
const MEETING = 0.7, MIN_SLANT = 0.14;
const MIN_EXTENT = 0.5; // digit heights that a rule is seen to extend

const THICKEST_RULE = 0.12; // digit heights
const MIN_DARKNESS = 0.4; // of what is written, as a share of the darkest of a usual symbol

export const NO_RULES = { rows: [], columns: [], shortRows: [] };

export function findRules(page, digitHeight) {
    const { mask, scale, width, height } = findInk(page, digitHeight), unit = digitHeight * scale;
    const shrinkBack = (lines) => lines.map((line) => line.map((place) => place / scale));
    const [rows, shortRows] = findLines(mask, width, height, unit);
    const turned = new Uint8Array(mask.length);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) turned[x * height + y] = mask[y * width + x];
    const [columns] = findLines(turned, height, width, unit);
    return { rows: shrinkBack(rows), columns: shrinkBack(columns.map(swapAxes)), shortRows: shrinkBack(shortRows) };
}

export const swapAxes = ([x, y, otherX, otherY]) => [y, x, otherY, otherX];

// y of a line at x; it is extended at both ends.
export function interpolate([left, top, right, bottom], x) {
    return top + ((x - left) * (bottom - top)) / Math.max(right - left, 1e-9);
}

// Tell between which rules a point is: how many of the rows' are above it, and of the columns' to its left.
export function locate(rules, point) {
    return locateMerged(rules, point, Infinity);
}

// The same of the rules that bound a point, which end at most so many pixels before it: two points in one
// row that no rule of a column separates are in one merged cell.
export function locateMerged({ rows, columns }, [x, y], beyond) {
    const isBound = ([start, , end], along) => start - beyond < along && along < end + beyond;
    const across = columns.map(swapAxes);
    return [
        rows.filter((rule) => isBound(rule, x) && interpolate(rule, x) < y).length,
        across.filter((rule) => isBound(rule, y) && interpolate(rule, y) < x).length,
    ];
}

// Whether a cell has rules on all sides.
export function isEnclosed({ rows, columns }, [row, column]) {
    return row > 0 && column > 0 && row < rows.length && column < columns.length;
}

// Find ink, of faint rules too, on a page that is scaled so that digits have a usual size.
export function findInk(page, digitHeight) {
    const size = page.width * page.height;
    const wanted = clamp(1, SMALLEST_DIGIT / digitHeight, LARGEST_DIGIT / digitHeight);
    const scale = Math.min(wanted, Math.sqrt(MAX_RULED_PIXELS / size), 3);
    const [width, height] = [page.width, page.height].map((side) => Math.max(1, roundHalfToEven(side * scale)));
    const scaled = resize(page, width, height, scale < 1 ? BOX : BICUBIC);
    return { mask: separateInk(scaled, digitHeight * scale), scale, width, height };
}

// Separate ink from paper: it is darker than the mean around it, by more than noise is.
export function separateInk(page, digitHeight) {
    const darkness = measureDarkness(page, digitHeight);
    const noise = Math.fround(1.48) * median(darkness.map(Math.abs));
    const least = Math.max(1.5 * noise, 0.015);
    return Uint8Array.from(darkness, (value) => value > least);
}

// Separate what is written, digits and signs in boxes and what is not far fainter, from the paper and from rules.
export function separateWriting(page, rules, boxes, digitHeight) {
    const { width, height } = page, darkness = measureDarkness(page, digitHeight);
    const usual = median(boxes.map((box) => {
        let darkest = 0;
        forEachIn(box, width, height, (place) => (darkest = Math.max(darkest, darkness[place])));
        return darkest;
    }));
    const onRules = drawRules(rules, width, height, THICKEST_RULE * digitHeight);
    return separateInk(page, digitHeight).map((isInk, place) => {
        return Number(isInk && darkness[place] > MIN_DARKNESS * usual && !onRules[place]);
    });
}

// Visit the places of the pixels of a box that are on a page.
export function forEachIn(box, width, height, visit) {
    const [left, top, right, bottom] = box.map((edge) => Math.max(0, roundHalfToEven(edge)));
    for (let y = top; y < Math.min(bottom, height); y++) {
        for (let x = left; x < Math.min(right, width); x++) visit(y * width + x);
    }
}

// Measure by how much pixels are darker than the mean around them.
export function measureDarkness({ width, height, pixels }, digitHeight) {
    const size = Math.max(1, roundHalfToEven(LOCAL * digitHeight));
    return blurUniformly(pixels, width, height, size, NEAREST).map((value, place) => value - pixels[place]);
}

// Draw rules, so thick: a mask.
export function drawRules({ rows, columns }, width, height, thickness) {
    const drawn = new Uint8Array(width * height), half = Math.max(1, roundHalfToEven(thickness)) / 2;
    const draw = ([startX, startY, endX, endY], isAcross) => {
        const [start, end] = isAcross ? [startX, endX] : [startY, endY], limit = isAcross ? width : height;
        const slope = (isAcross ? endY - startY : endX - startX) / Math.max(end - start, 1e-9), first = isAcross ? startY : startX;
        const reach = half * Math.hypot(1, slope), across = isAcross ? height : width;
        const last = clamp(Math.round(end), -1, limit - 1);
        for (let along = Math.max(0, Math.round(start)); along <= last; along++) {
            const middle = first + (along - start) * slope;
            const from = Math.max(0, Math.ceil(middle - reach)), to = Math.min(across - 1, Math.ceil(middle + reach) - 1);
            for (let place = from; place <= to; place++) drawn[isAcross ? place * width + along : along * width + place] = 1;
        }
    };
    for (const rule of rows) draw(rule, true);
    for (const rule of columns) draw(rule, false);
    return drawn;
}

// Find lines that are about level: the long ones, and those that are too short beside them.
function findLines(mask, width, height, unit) {
    const length = roundHalfToEven(SHORTEST * unit), average = makeUniform(length);
    const filled = filterRows(dilate(mask, width, height, 0, 1), width, height, average);
    const strength = filterColumns(filterRows(mask, width, height, average), width, height, makeGaussian(1));
    // A ridge one pixel wide, so that rules that are crossed by others do not hang together.
    const highest = filterColumns(strength, width, height, makeMaximum(roundHalfToEven(RIDGE * unit)));
    const ridge = Uint8Array.from(filled, (share, place) => share > MIN_PIECE_FILLED && strength[place] === highest[place]);
    const { labels, count } = labelParts(dilate(ridge, width, height, 2, 0), width, height);
    const pieces = Array.from({ length: count }, () => []);
    labels.forEach((label, place) => {
        if (label) pieces[label - 1].push([place % width, Math.floor(place / width)]);
    });
    const straight = pieces.filter((piece) => measureBend(piece) < MAX_BEND * unit);
    return joinPieces(sortBy(straight, (piece) => -measureExtent(piece)), unit);
}

function measureExtent(points) {
    let least = Infinity, most = -Infinity;
    for (const [x] of points) [least, most] = [Math.min(least, x), Math.max(most, x)];
    return most - least;
}

// Fit a line: its slope and its height at x = 0.
function fitLine(points) {
    let middleX = 0, middleY = 0;
    for (const [x, y] of points) {
        middleX += x / points.length;
        middleY += y / points.length;
    }
    let shared = 0, squares = 0;
    for (const [x, y] of points) {
        shared += (x - middleX) * (y - middleY);
        squares += (x - middleX) ** 2;
    }
    const slope = shared / Math.max(squares, 1e-9);
    return [slope, middleY - slope * middleX];
}

// Standard deviation of a piece from the line that fits it best.
function measureBend(points) {
    const [slope, start] = fitLine(points);
    const off = points.map(([x, y]) => y - slope * x - start), middle = mean(off);
    return Math.sqrt(mean(off.map((each) => (each - middle) ** 2)));
}

// Join the pieces of each rule, the longest first.
function joinPieces(pieces, unit) {
    const rules = [];
    for (const piece of pieces) {
        const same = rules.find(({ line: [slope, start] }) => {
            return Math.abs(mean(piece.map(([x, y]) => y - slope * x - start))) < SAME_RULE * unit;
        });
        if (same) {
            same.points = same.points.concat(piece);
            same.line = fitLine(same.points);
        } else rules.push({ points: piece, line: fitLine(piece) });
    }
    const found = rules.flatMap(({ points, line: [slope, start] }) => {
        const columns = new Set(points.map(([x]) => x)), extent = measureExtent(points);
        if (columns.size / (extent + 1) <= MIN_COVERED || extent <= MIN_EXTENT * unit) return [];
        const left = points.reduce((least, [x]) => Math.min(least, x), Infinity), right = left + extent;
        return [[left, slope * left + start, right, slope * right + start]];
    });
    const ordered = leaveOutEdges(sortBy(found, (line) => sum([line[1], line[3]])), unit);
    const longest = mostOf(ordered.map((line) => line[2] - line[0]), 0);
    const isLong = (line) => line[2] - line[0] > MIN_LENGTH * longest;
    return [ordered.filter(isLong), ordered.filter((line) => !isLong(line))];
}

// Leave out edges of a shadow or of the paper.
function leaveOutEdges(lines, unit) {
    if (lines.length < 3) return lines;
    const slopeOf = ([left, top, right, bottom]) => (bottom - top) / (right - left), usual = median(lines.map(slopeOf));
    const isSlanted = (line) => Math.abs(slopeOf(line) - usual) > MIN_SLANT;
    const meets = (one, other) => {
        const start = Math.max(one[0], other[0]), end = Math.min(one[2], other[2]);
        const apart = [start, end].map((x) => {
            return (slopeOf(one) - slopeOf(other)) * x + one[1] - slopeOf(one) * one[0] - (other[1] - slopeOf(other) * other[0]);
        });
        return start < end && (apart[0] * apart[1] < 0 || leastOf(apart.map(Math.abs)) < MEETING * unit);
    };
    const level = lines.filter((line) => !isSlanted(line));
    return lines.filter((line) => !isSlanted(line) || !level.some((other) => meets(line, other)));
}
