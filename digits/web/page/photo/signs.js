// Tells which of the detected signs can be signs, by their size and place beside digits, as
// digits/reading/signs.py does. A sign is {text, probability, isSure, box}.

import { areaOf, heightOf, measureSharedArea, middleOf, surround, widthOf } from "./boxes.js";
import { measureOffsets } from "./layout.js";
import { argmax, argsort, mean, median } from "./lists.js";

const FARTHEST_DIGIT = 1.5; // digit heights along the row: signs stand at most so far from a digit
const FARTHEST_OFF_ROW = 1; // digit heights between the middles of a sign and of a digit in its row
const FORM_MARGIN = 0.15; // digit heights outside a range of FORMS, within which a sign is kept but not sure
// Shares of a sign's area: above the first inside a digit's box, it is a part of that digit; above the
// second shared with a more probable sign, it is dropped.
const MAX_INSIDE_DIGIT = 0.6, MAX_SHARED_BY_SIGNS = 0.5;
// Points whose middles are so near are one, in digit heights; and so are a point and a colon that are
// nearer than the second downwards.
const SAME_POINT = 0.25, SAME_COLON = 0.6;
// Minuses above each other that are nearer than this downwards are one, in digit heights: the bars of "=" are
// farther apart.
const SAME_BAR = 0.2;

// How wide and tall a sign is and how far its middle is below that of the digits beside it, as ranges in
// heights of these digits.
const FORMS = {
    ".": [[0, 0.45], [0, 0.45], [0.2, 0.7]],
    ",": [[0, 0.5], [0, 0.7], [0.2, 0.9]],
    "-": [[0.2, 1.3], [0, 0.4], [-0.35, 0.35]],
    "+": [[0.25, 1.3], [0.25, 1.3], [-0.4, 0.4]],
    "/": [[0.1, 1.2], [0.6, 1.9], [-0.4, 0.4]],
    ":": [[0, 0.5], [0.2, 1], [-0.3, 0.45]],
    "×": [[0.2, 1.2], [0.2, 1.2], [-0.35, 0.5]],
    "÷": [[0.25, 1.3], [0.25, 1.3], [-0.4, 0.4]],
    "=": [[0.2, 1.4], [0.1, 0.9], [-0.4, 0.4]],
    "%": [[0.35, 1.8], [0.4, 1.6], [-0.45, 0.45]],
    "(": [[0.1, 0.8], [0.6, 2], [-0.4, 0.4]],
    ")": [[0.1, 0.8], [0.6, 2], [-0.4, 0.4]],
};

// Select the signs that stand beside digits, with the size and in the place that they have.
export function selectSigns(detected, digitBoxes, slope) {
    if (!detected.length || !digitBoxes.length) return [];
    const height = median(digitBoxes.map(heightOf));
    const signs = combineSigns(dropNearBars(dropNearPoints(detected, height), height), height);
    const misfits = measureMisfits(signs, digitBoxes, slope);
    const judged = signs.map((sign, index) => ({ ...sign, isSure: sign.isSure && misfits[index] === 0 }));
    return dropDoubles(judged.filter((_, index) => misfits[index] <= FORM_MARGIN));
}

// Combine signs that are parts of one: "=" of minuses, ":" of points, "÷" of all three.
export function combineSigns(signs, height) {
    const middles = signs.map(({ box }) => middleOf(box).map((place) => place / height));
    const reaches = signs.map(({ box }) => widthOf(box) / 2 / height);
    const list = (wanted) => signs.flatMap(({ text }, index) => (text === wanted ? [index] : []));
    const bars = list("-"), points = list(".");
    const isBelow = (above, below, reach) => {
        const down = middles[below][1] - middles[above][1];
        return down > 0.05 && down < 0.7 && Math.abs(middles[below][0] - middles[above][0]) < reach;
    };
    const areApart = (above, below) => middles[below][1] - middles[above][1] >= SAME_BAR
        && signs[below].box[1] > signs[above].box[3];
    const pair = (one, others, measureReach) => others
        .filter((other) => isBelow(one, other, measureReach(one, other))).map((other) => [one, other]);
    const candidates = [
        ...bars.flatMap((bar) => points.filter((above) => isBelow(above, bar, reaches[bar])).flatMap((above) => points
            .filter((below) => isBelow(bar, below, reaches[bar])).map((below) => ["÷", [above, bar, below]]))),
        ...bars.flatMap((bar) => pair(bar, bars, (one, other) => Math.min(reaches[one], reaches[other])))
            .filter((parts) => areApart(...parts)).map((parts) => ["=", parts]),
        ...points.flatMap((point) => pair(point, points, () => 0.25)).map((parts) => [":", parts]),
    ];
    const used = new Set(), combined = [];
    for (const [text, parts] of candidates) {
        if (parts.some((part) => used.has(part))) continue;
        parts.forEach((part) => used.add(part));
        const group = parts.map((part) => signs[part]);
        combined.push({
            ...group[0],
            text,
            probability: Math.min(...group.map(({ probability }) => probability)),
            isSure: group.every(({ isSure }) => isSure),
            box: surround(group.map(({ box }) => box)),
        });
    }
    return [...signs.filter((_, index) => !used.has(index)), ...combined];
}

// Measure by how much signs are of another size or elsewhere than FORMS says, in digit heights: infinite
// for those that are parts of a digit or have no digit near them in their row.
function measureMisfits(signs, digitBoxes, slope) {
    const offsets = measureOffsets(signs.map(({ box }) => box), digitBoxes, slope);
    return signs.map(({ text, box }, index) => {
        const beside = [-1, 1].flatMap((side) => {
            const near = offsets[index].map(({ gap, drop, side: here }) => {
                const isNear = here === side && gap <= FARTHEST_DIGIT && Math.abs(drop) <= FARTHEST_OFF_ROW;
                return isNear ? Math.max(gap, 0) + Math.abs(drop) : Infinity;
            });
            const nearest = argmax(near.map((distance) => -distance));
            return near[nearest] < Infinity ? [nearest] : [];
        });
        // A point stands inside the box of a 7 or a 4 at times.
        if (!beside.length || (text !== "." && text !== "," && isInside(box, digitBoxes))) return Infinity;
        const height = mean(beside.map((digit) => heightOf(digitBoxes[digit])));
        const drop = mean(beside.map((digit) => offsets[index][digit].drop));
        const values = [widthOf(box) / height, heightOf(box) / height, drop];
        return Math.max(...FORMS[text].map(([low, high], part) => Math.max(low - values[part], values[part] - high, 0)));
    });
}

function isInside(box, digitBoxes) {
    return digitBoxes.some((digit) => measureSharedArea(box, digit) > MAX_INSIDE_DIGIT * areaOf(box));
}

// Of points, commas and colons at one place, keep the most probable. It is not sure if another kind is
// half as probable.
function dropNearPoints(signs, height) {
    const made = signs.map((sign) => ({ ...sign })), kept = [];
    const isPoint = ({ text }) => [".", ",", ":"].includes(text);
    for (const index of argsort(signs.map(({ probability }) => -probability))) {
        const sign = made[index], [x, y] = middleOf(sign.box);
        const same = kept.map((other) => made[other]).find((other) => {
            if (!isPoint(sign) || !isPoint(other)) return false;
            const [otherX, otherY] = middleOf(other.box), isOtherKind = (sign.text === ":") !== (other.text === ":");
            return Math.abs(otherX / height - x / height) < SAME_POINT
                && Math.abs(otherY / height - y / height) < (isOtherKind ? SAME_COLON : SAME_POINT);
        });
        if (!same) kept.push(index);
        else if (sign.probability > 0.5 * same.probability && same.text !== sign.text) same.isSure = false;
    }
    return made.filter((_, index) => kept.includes(index));
}

// Of minuses at one place, keep the most probable: thin boxes of one may hardly overlap.
function dropNearBars(signs, height) {
    const kept = [];
    for (const index of argsort(signs.map(({ probability }) => -probability))) {
        const { text, box } = signs[index];
        const isSame = text === "-" && kept.some((other) => {
            const { text: otherText, box: otherBox } = signs[other];
            const shared = Math.min(box[2], otherBox[2]) - Math.max(box[0], otherBox[0]);
            const down = Math.abs(middleOf(otherBox)[1] / height - middleOf(box)[1] / height);
            return otherText === "-" && down < SAME_BAR && shared > 0;
        });
        if (!isSame) kept.push(index);
    }
    return signs.filter((_, index) => kept.includes(index));
}

// Of signs at one place, keep the most probable.
function dropDoubles(signs) {
    const kept = [];
    for (const index of argsort(signs.map(({ probability }) => -probability))) {
        const { box } = signs[index];
        const isAlone = kept.every((other) => {
            const least = Math.min(areaOf(signs[other].box), areaOf(box));
            return measureSharedArea(box, signs[other].box) <= MAX_SHARED_BY_SIGNS * least;
        });
        if (isAlone) kept.push(index);
    }
    return signs.filter((_, index) => kept.includes(index));
}
