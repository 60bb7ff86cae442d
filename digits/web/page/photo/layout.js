// Arranges digits and signs on a page in lines and numbers, as digits/reading/layout.py does.

import { digitHeightOf, heightOf, middleOf, widthOf } from "./boxes.js";
import { argmax, argsort, listPairs, mean, median, sortNumbers, sum } from "./lists.js";
import { clamp } from "../ink.js";

const MAX_SLOPE = 45; // degrees
const FARTHEST_NEIGHBOUR = 3.5; // digit heights
const WIDEST_INSIDE = 3; // digit heights: no number has a wider gap inside
const WIDEST_SPACE = 1.5; // digit heights, between the numbers of a line
// Digits are scattered on a page, rather than in lines, if most that are further than the first from the
// next in their row are higher or lower by more than the second, or if none stands above another and
// they are off the straight line that fits best by more than the third, all in digit heights.
const APART = 0.5, OFF_LINE = 0.35, OFF_BEST_LINE = 0.3;
// Digit heights between a sign and the digit that it belongs to: of a sign inside a number, as in
// "3.75" and "08:45"; of a percent sign; of a minus or plus before a number; of a point that starts one.
const WIDEST_BESIDE = 0.6, WIDEST_BEFORE_PERCENT = 0.8, WIDEST_AFTER_PREFIX = 0.9, WIDEST_AFTER_POINT = 0.4;
// A minus or plus after a number belongs to the next one if it is so many digit heights from the former,
// and so many times as far from it as from the latter.
const FAR_BEFORE_PREFIX = 0.7, TIMES_BEFORE_PREFIX = 3;

// Measure by how much lines of digits slant: the angle in radians at which their rows are sharpest.
export function measureSlope(boxes) {
    if (boxes.length < 2) return 0;
    const middles = boxes.map(middleOf), heights = boxes.map(digitHeightOf), pairs = [];
    let total = 0;
    for (let one = 0; one < boxes.length; one++) {
        for (let other = 0; other < boxes.length; other++) {
            const across = middles[one][0] - middles[other][0], down = middles[one][1] - middles[other][1];
            const height = (heights[one] + heights[other]) / 2, apart = Math.hypot(across, down) / height;
            // The nearest digits count most; distant ones, in other rows and numbers, do not count.
            if (one === other || apart >= FARTHEST_NEIGHBOUR) continue;
            pairs.push({ across: across / height, down: down / height, weight: Math.exp(-apart) });
            total += Math.exp(-apart);
        }
    }
    const angles = Array.from({ length: 2 * MAX_SLOPE + 1 }, (_, index) => ((index - MAX_SLOPE) * Math.PI) / 180);
    const sharpness = angles.map((angle) => {
        const cos = Math.cos(angle), sin = Math.sin(angle);
        let together = 0;
        for (const { across, down, weight } of pairs) {
            together += weight * Math.exp(-0.5 * ((down * cos - across * sin) / 0.3) ** 2);
        }
        // Slightly in favour of level lines: a grid of digits has rows in many directions.
        return together / Math.max(total, 1e-9) - 0.15 * Math.abs(angle);
    });
    return angles[argmax(sharpness)];
}

// Measure where signs are relative to digits: for each sign, a list of {gap, side, drop} for each digit.
export function measureOffsets(signBoxes, digitBoxes, slope) {
    const cos = Math.cos(slope), sin = Math.sin(slope);
    return signBoxes.map((sign) => digitBoxes.map((digit) => {
        const [x, y] = middleOf(sign), [digitX, digitY] = middleOf(digit), height = heightOf(digit);
        const across = digitX - x, down = digitY - y, along = across * cos + down * sin;
        return {
            gap: (Math.abs(along) - (widthOf(sign) + widthOf(digit)) / 2) / height,
            side: along < 0 ? -1 : 1,
            drop: (across * sin - down * cos) / height,
        };
    }));
}

// Group digits into rows from top to bottom, each a list of indices from left to right.
export function groupRows(boxes, slope) {
    const cos = Math.cos(slope), sin = Math.sin(slope);
    const heights = boxes.map(digitHeightOf), middles = boxes.map(middleOf);
    const across = middles.map(([x, y]) => x * cos + y * sin), down = middles.map(([x, y]) => y * cos - x * sin);
    const rows = [];
    for (const index of argsort(across)) {
        let best = null, bestDistance = 0.55;
        for (const row of rows) {
            // From the last digit, since lines bend, or from the mean of the last few, since digits stand
            // now higher and now lower.
            const last = row.at(-1), places = [down[last], mean(row.slice(-4).map((each) => down[each]))];
            const height = Math.max(heights[index], heights[last]);
            const distance = Math.min(...places.map((place) => Math.abs(down[index] - place))) / height;
            if (distance < bestDistance) [best, bestDistance] = [row, distance];
        }
        if (best) best.push(index);
        else rows.push([index]);
    }
    return sortBy(rows, (row) => mean(row.map((index) => down[index])));
}

// Sort a list by a number; what has equal numbers stays in its order.
export function sortBy(items, measure) {
    return argsort(items.map(measure)).map((index) => items[index]);
}

// Arrange digits and signs in lines, and those of a line in numbers and signs between them: lists of
// lists of lists of indices, those of signs after those of digits. `places` are row and column of each in
// a table, -1 outside, or null; `inBoxes` which row of boxes for a digit each it is in, -1 for none.
export function makeLines(digitBoxes, signs, signBoxes, slope, places = null, inBoxes = null) {
    if (!digitBoxes.length) return [];
    inBoxes ??= new Array(digitBoxes.length + signs.length).fill(-1);
    const height = median(digitBoxes.map(heightOf));
    let rows = splitScattered(groupRows(digitBoxes, slope), digitBoxes, slope, inBoxes);
    if (places) rows = groupByTable(rows, digitBoxes, places);
    const texts = [...digitBoxes.map(() => ""), ...signs];
    if (signs.length) rows = insertSigns(rows, digitBoxes, signBoxes, slope);
    const boxes = [...digitBoxes, ...signBoxes];

    const measureGap = (one, other) => {
        const width = (widthOf(boxes[one]) + widthOf(boxes[other])) / 2;
        const [left, top, right, bottom] = boxes[other].map((edge, side) => edge - boxes[one][side]);
        if (texts[one] || texts[other]) { // signs stand higher or lower than digits
            const along = ((left + right) / 2) * Math.cos(slope) + ((top + bottom) / 2) * Math.sin(slope);
            return (along - width) / height;
        }
        const across = (Math.abs(left) + Math.abs(right)) / 2, down = (Math.abs(top) + Math.abs(bottom)) / 2;
        // Distance along the line between their middles, minus the width of the digits on it.
        const steepness = Math.min(1, across / Math.max(down, 1e-9));
        return (Math.hypot(across, down) - steepness * width) / height;
    };
    const hasDigits = (parts) => parts.some((part) => part.some((index) => texts[index] === ""));

    // Gaps between boxes do not tell how wide they are between others.
    const betweenDigits = rows.flatMap(listPairs).filter((pair) => {
        return pair.every((index) => texts[index] === "" && inBoxes[index] < 0);
    });
    const widestInside = measureWidestInside(betweenDigits.map((pair) => measureGap(...pair)));
    const isSameCell = (one, other) => places[one][0] === places[other][0] && places[one][1] === places[other][1];
    // Widest gap between two digits of one number.
    const measureLimit = (one, other) => {
        if (inBoxes[one] >= 0 || inBoxes[other] >= 0) return inBoxes[one] === inBoxes[other] ? Infinity : -Infinity;
        if (!places || [one, other].every((index) => places[index][0] < 0 && places[index][1] < 0)) return widestInside;
        return isSameCell(one, other) ? WIDEST_INSIDE : -Infinity;
    };

    const split = rows.map((row) => splitRow(row, texts, measureGap, measureLimit, inBoxes));
    if (standInColumns(boxes, texts, split, height)) return places ? splitAtEmptyColumns(split, places) : split;
    const lines = [];
    for (const parts of split) {
        lines.push([parts[0]]);
        for (const [one, other] of listPairs(parts)) {
            if (measureGap(one.at(-1), other[0]) > WIDEST_SPACE && hasDigits(lines.at(-1))) lines.push([]);
            lines.at(-1).push(other);
        }
        if (!hasDigits(lines.at(-1))) lines.push(lines.splice(-2).flat());
    }
    return lines;
}

// Put the digits of a table's row into one row, whose middle may differ from cell to cell.
function groupByTable(rows, boxes, places) {
    const middles = boxes.map(middleOf), grouped = new Map(), made = [];
    for (const row of rows) {
        const inside = row.filter((index) => places[index][0] >= 0);
        if (!inside.length) {
            made.push(row);
            continue;
        }
        for (const index of row) {
            // What stands beside the table belongs to the row of the nearest digit in it.
            const apart = inside.map((other) => -Math.abs(middles[other][0] - middles[index][0]));
            const tableRow = places[inside[argmax(apart)]][0];
            if (!grouped.has(tableRow)) grouped.set(tableRow, []);
            grouped.get(tableRow).push(index);
        }
    }
    for (const row of grouped.values()) made.push(sortBy(row, (index) => middles[index][0]));
    return sortBy(made, (row) => mean(row.map((index) => middles[index][1])));
}

// Split rows between digits that are apart, if digits are scattered on the page.
function splitScattered(rows, boxes, slope, inBoxes) {
    const heights = boxes.map(digitHeightOf), cos = Math.cos(slope), sin = Math.sin(slope);
    const middles = boxes.map(middleOf);
    const across = middles.map(([x, y]) => x * cos + y * sin), down = middles.map(([x, y]) => y * cos - x * sin);
    const meanHeight = (one, other) => (heights[one] + heights[other]) / 2;
    const areApart = ([one, other]) => {
        if (inBoxes[one] === inBoxes[other] && inBoxes[one] >= 0) return false;
        const width = (widthOf(boxes[one]) + widthOf(boxes[other])) / 2;
        return across[other] - across[one] - width > APART * meanHeight(one, other);
    };
    const steps = rows.flatMap(listPairs).filter(areApart)
        .map(([one, other]) => Math.abs(down[one] - down[other]) / meanHeight(one, other));
    const isOff = steps.length > 0 && median(steps) > OFF_LINE;
    if (!isOff && measureOffBestLine(boxes) < OFF_BEST_LINE) return rows;
    const split = [];
    for (const row of rows) {
        split.push([row[0]]);
        for (const pair of listPairs(row)) {
            if (areApart(pair)) split.push([]);
            split.at(-1).push(pair[1]);
        }
    }
    return split;
}

// Measure how far digits are from one straight line, in digit heights; 0 if some stand above others.
function measureOffBestLine(boxes) {
    const ordered = sortBy(boxes, (box) => box[0]);
    if (ordered.length < 3 || listPairs(ordered).some(([one, other]) => other[0] < one[2])) return 0;
    const middles = ordered.map(middleOf);
    const meanX = mean(middles.map(([x]) => x)), meanY = mean(middles.map(([, y]) => y));
    const slope = sum(middles.map(([x, y]) => (x - meanX) * (y - meanY))) / sum(middles.map(([x]) => (x - meanX) ** 2));
    const off = middles.map(([x, y]) => y - meanY - slope * (x - meanX));
    return Math.sqrt(mean(off.map((each) => each ** 2))) / mean(ordered.map(digitHeightOf));
}

// Insert each sign into the row of the nearest digit.
function insertSigns(rows, boxes, signBoxes, slope) {
    const nearest = measureOffsets(signBoxes, boxes, slope).map((offsets) => {
        return argmax(offsets.map(({ gap, drop }) => -(Math.max(gap, 0) + Math.abs(drop))));
    });
    const across = [...boxes, ...signBoxes].map(middleOf).map(([x, y]) => x * Math.cos(slope) + y * Math.sin(slope));
    return rows.map((row) => {
        const signs = nearest.flatMap((digit, sign) => (row.includes(digit) ? [boxes.length + sign] : []));
        return sortBy([...row, ...signs], (index) => across[index]);
    });
}

// Split a row into numbers and the signs between them.
function splitRow(row, texts, measureGap, measureLimit, inBoxes) {
    const gaps = [Infinity], limits = [-Infinity];
    for (const pair of listPairs(row)) {
        limits.push(measureLimit(...pair));
        gaps.push(limits.at(-1) > -Infinity ? measureGap(...pair) : Infinity);
    }
    gaps.push(Infinity);
    const named = [null, ...row.map((index) => texts[index]), null], parts = [[row[0]]];
    for (let place = 1; place < row.length; place++) {
        const before = inBoxes[row[place - 1]], here = inBoxes[row[place]];
        let isJoined;
        if (before === here && here >= 0) isJoined = true;
        else if (named[place] === "" && named[place + 1] === "") isJoined = gaps[place] <= limits[place];
        else isJoined = belongsRight(named, gaps, place - 1) || belongsLeft(named, gaps, place);
        if (!isJoined) parts.push([]);
        parts.at(-1).push(row[place]);
    }
    return parts;
}

// Whether a symbol is a sign that is part of the number to its left.
function belongsLeft(named, gaps, place) {
    const [left, sign, right] = named.slice(place, place + 3);
    if (sign === "%") return left === "" && gaps[place] <= WIDEST_BEFORE_PERCENT;
    const isInside = left === "" && right === "" && Math.max(gaps[place], gaps[place + 1]) <= WIDEST_BESIDE;
    return isInside && [".", ",", "/", ":"].includes(sign);
}

// Whether a symbol is a sign that is part of the number to its right.
function belongsRight(named, gaps, place) {
    const [left, sign, right] = named.slice(place, place + 3), [gapLeft, gapRight] = gaps.slice(place, place + 2);
    if (["-", "+"].includes(sign) && ["", ".", ","].includes(right)) {
        if (!["", ")", "%"].includes(left)) return gapRight <= WIDEST_AFTER_PREFIX;
        const isFar = gapLeft >= Math.max(FAR_BEFORE_PREFIX, TIMES_BEFORE_PREFIX * gapRight);
        return isFar && gapRight <= WIDEST_BESIDE;
    }
    const startsNumber = [".", ","].includes(sign) && (left !== "" || gapLeft > WIDEST_BESIDE);
    if (startsNumber && right === "") return gapRight <= WIDEST_AFTER_POINT;
    return sign !== "%" && belongsLeft(named, gaps, place);
}

// Whether most numbers have one in another row above or below them, as in a table.
function standInColumns(boxes, texts, rows, height) {
    const middles = rows.map((row) => row.filter((part) => part.some((index) => !texts[index]))
        .map((part) => mean(part.map((index) => (boxes[index][0] + boxes[index][2]) / 2))));
    const aligned = middles.flatMap((row, index) => {
        const others = middles.filter((_, other) => other !== index).flat();
        return row.map((middle) => Number(others.some((other) => Math.abs(other - middle) < 0.6 * height)));
    });
    return rows.length > 1 && mean(aligned) > 0.6;
}

// Split rows between two tables beside each other, with an empty column between them. A single filled column
// beside an empty one, such as totals, is no table of its own.
function splitAtEmptyColumns(rows, places) {
    const filled = sortNumbers([...new Set(places.map(([, column]) => column).filter((column) => column >= 0))]);
    const blocks = [];
    for (const column of filled) {
        if (blocks.at(-1)?.at(-1) === column - 1) blocks.at(-1).push(column);
        else blocks.push([column]);
    }
    const ends = listPairs(blocks).filter(([left, right]) => Math.min(left.length, right.length) > 1)
        .map(([left]) => left.at(-1));
    const lines = [];
    for (const row of rows) {
        lines.push([row[0]]);
        for (const [one, other] of listPairs(row)) {
            const before = places[one.at(-1)][1], after = places[other[0]][1];
            if (before >= 0 && ends.some((end) => before <= end && end < after)) lines.push([]);
            lines.at(-1).push(other);
        }
    }
    return lines;
}

// Width in digit heights between the narrow gaps, inside numbers, and the wide ones.
function measureWidestInside(gaps) {
    const ordered = sortNumbers(gaps.map((gap) => clamp(gap, 0, WIDEST_INSIDE)));
    let best = WIDEST_INSIDE, widestStep = 0.25;
    for (let count = 1; count < ordered.length; count++) {
        const narrow = ordered[count - 1], wide = ordered[count];
        if (wide - narrow > widestStep && wide > Math.max(0.7, 2 * mean(ordered.slice(0, count)))) {
            [best, widestStep] = [(narrow + wide) / 2, wide - narrow];
        }
    }
    return best;
}
