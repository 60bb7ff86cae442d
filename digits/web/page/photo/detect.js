// Detects digits and signs of any size, as digits/reading/detect.py does. A detection is {box, score,
// probabilities}: the probability that there is a digit or a sign, and that of each class.

import { areaOf, longerSideOf, measureSharedArea } from "./boxes.js";
import { cutRegion } from "./cut_out.js";
import { argmax, argsort, median, quantileOfSorted, sortNumbers, sum } from "./lists.js";
import { computeCells } from "./networks.js";
import { clamp } from "../ink.js";
import { softmax } from "../network.js";
import { BICUBIC, BOX, resize, roundHalfToEven } from "../to_mnist.js";

export const NUM_DIGITS = 10, NUM_SYMBOLS = 22; // digits, then signs
export const NUM_DETECTED = 25; // and digits on a page that is turned in three ways
const BACKGROUND = NUM_DETECTED; // class of cells that are in none
const CELL = 4, DETECTOR_STRIDE = 8, AROUND_PAGE = 24, TYPICAL = 24, SMALLEST = 11; // pixels
const MAX_DETECTED_PIXELS = 1_000_000; // of a page at its largest scale
const MIN_CELL_SCORE = 0.35; // of a cell of the page, that it lies in a digit or a sign
// Overlaps of boxes: above the first they are fused, above the second the one with the lower score is
// removed; and so it is if more of either lies in the other than the third, as a share of its area.
const MIN_FUSED_OVERLAP = 0.5, MAX_OVERLAP = 0.25, MAX_COVERED = 0.6;
// Width of a box over its height, at least, where overlaps are measured: two detections of a 1 may lie
// beside each other.
const MIN_ASPECT = 0.35;
const MIN_SCORE = 0.7; // of a detection, that there is an upright digit
const MIN_SIGN_SCORE = 0.35; // of a detection, that there is a sign and that it is the most likely one
// What is far fainter or smaller than the rest is taken for the paper's texture.
const MIN_CONTRAST = 0.3, MIN_SIZE = 0.4;
const MAX_DIGITS = 1000; // the surest are kept

export const labelOf = ({ probabilities }) => argmax(probabilities);

// Detect what is on a page, on a copy of half its size, and so on; the surest first.
export async function detect(network, page, pause) {
    const found = [];
    for (const scale of listScales(page)) {
        const [width, height] = [page.width, page.height].map((side) => Math.max(1, roundHalfToEven(side * scale)));
        const resized = resize(page, width, height, scale < 1 ? BOX : BICUBIC);
        for (const here of await detectAtScale(network, resized, pause)) {
            found.push({ ...here, box: here.box.map((edge) => edge / scale) });
        }
    }
    return fuse(found);
}

function listScales({ width, height }) {
    const border = 2 * AROUND_PAGE, half = (border * (height + width)) / (2 * height * width);
    const scale = Math.sqrt(half ** 2 + (MAX_DETECTED_PIXELS - border ** 2) / (height * width)) - half;
    const scales = [Math.min(1, scale)];
    while ((Math.max(width, height) * scales.at(-1)) / 2 >= SMALLEST) scales.push(scales.at(-1) / 2);
    return scales;
}

async function detectAtScale({ engine, layers }, page, pause) {
    const cells = await computeCells(engine, layers, surroundPage(page), pause), found = [];
    for (let row = 0; row < cells.height; row++) {
        for (let column = 0; column < cells.width; column++) {
            const start = (row * cells.width + column) * cells.channels;
            const cell = cells.values.subarray(start, start + cells.channels);
            const detection = decodeCell(cell, row, column);
            if (!detection) continue;
            const [left, top, right, bottom] = detection.box, x = (left + right) / 2, y = (top + bottom) / 2;
            // Strokes that the page's edge cuts off look like 1s in its surroundings.
            if (x >= 0 && x <= page.width && y >= 0 && y <= page.height) found.push(detection);
        }
    }
    return found;
}

function decodeCell(cell, row, column) {
    // Most cells are background by far: the largest logit alone tells that the score is too low.
    let most = -Infinity;
    for (let each = 0; each < BACKGROUND; each++) if (cell[each] > most) most = cell[each];
    if (NUM_DETECTED * Math.exp(most - cell[BACKGROUND]) < MIN_CELL_SCORE) return null;
    const probabilities = softmax([...cell.subarray(0, BACKGROUND + 1)]);
    const score = 1 - probabilities[BACKGROUND];
    if (!(score > MIN_CELL_SCORE)) return null;
    const [right, down, width, height] = cell.subarray(BACKGROUND + 1);
    const x = column * CELL + CELL / 2 - AROUND_PAGE + 2 * CELL * right;
    const y = row * CELL + CELL / 2 - AROUND_PAGE + 2 * CELL * down;
    const halfWidth = (TYPICAL / 2) * Math.exp(clamp(width, -3, 3));
    const halfHeight = (TYPICAL / 2) * Math.exp(clamp(height, -3, 3));
    return {
        box: [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight],
        score,
        probabilities: probabilities.slice(0, BACKGROUND).map((probability) => probability / score),
    };
}

// Put the page's own edge around it, so that digits there have surroundings.
function surroundPage({ width, height, pixels }) {
    const fill = (side) => 2 * AROUND_PAGE + side + ((DETECTOR_STRIDE - (side % DETECTOR_STRIDE)) % DETECTOR_STRIDE);
    const padded = { width: fill(width), height: fill(height) };
    padded.pixels = new Float32Array(padded.width * padded.height);
    for (let y = 0; y < padded.height; y++) {
        const from = clamp(y - AROUND_PAGE, 0, height - 1) * width;
        for (let x = 0; x < padded.width; x++) {
            padded.pixels[y * padded.width + x] = pixels[from + clamp(x - AROUND_PAGE, 0, width - 1)];
        }
    }
    return padded;
}

// Fuse the detections of the same digit: non-maximum suppression with box fusion.
export function fuse(candidates) {
    const widened = candidates.map(({ box }) => widen(box)), areas = widened.map(areaOf), fused = [];
    const isLeft = candidates.map(() => true);
    for (const index of argsort(candidates.map(({ score }) => -score))) {
        if (!isLeft[index]) continue;
        const { score } = candidates[index];
        const shared = widened.map((other, at) => (isLeft[at] ? measureSharedArea(widened[index], other) : 0));
        const overlaps = shared.map((area, at) => area / (areas[at] + areas[index] - area));
        const same = candidates.filter((_, at) => isLeft[at] && overlaps[at] > MIN_FUSED_OVERLAP);
        const detection = { ...average(same), score };
        fused.push(detection);
        // A point that lies within a digit's box leaves the digit.
        const label = labelOf(detection), isSign = label >= NUM_DIGITS && label < NUM_SYMBOLS;
        shared.forEach((area, at) => {
            const covered = area / (isSign ? areas[at] : Math.min(areas[at], areas[index]));
            if (covered > MAX_COVERED || overlaps[at] > MAX_OVERLAP) isLeft[at] = false;
        });
        isLeft[index] = false;
    }
    return fused;
}

// Widen a box that is narrower than MIN_ASPECT, around its middle.
function widen([left, top, right, bottom]) {
    const more = Math.max(MIN_ASPECT * (bottom - top) - (right - left), 0) / 2;
    return [left - more, top, right + more, bottom];
}

function average(detections) {
    const total = sum(detections.map(({ score }) => score));
    const box = [0, 0, 0, 0], probabilities = new Array(detections[0].probabilities.length).fill(0);
    for (const detection of detections) {
        const weight = detection.score / total;
        detection.box.forEach((edge, index) => (box[index] += weight * edge));
        detection.probabilities.forEach((probability, index) => (probabilities[index] += weight * probability));
    }
    const all = sum(probabilities);
    return { box, probabilities: probabilities.map((probability) => probability / all) };
}

// Keep detections with a high score whose contrast and size are similar to the others'.
export function selectWritten(page, detections) {
    const found = detections.filter((detection) => labelOf(detection) < NUM_SYMBOLS);
    const isDigit = found.map((detection) => labelOf(detection) < NUM_DIGITS);
    const contrasts = measureContrasts(page, found), sizes = found.map(({ box }) => longerSideOf(box));
    let kept = found.map(({ score, probabilities }, index) => (isDigit[index]
        ? score * sum(probabilities.slice(0, NUM_SYMBOLS)) > MIN_SCORE
        : score * Math.max(...probabilities) > MIN_SIGN_SCORE));
    const listDigits = () => found.flatMap((_, index) => (kept[index] && isDigit[index] ? [index] : []));
    let digits = listDigits();
    if (digits.length) {
        const order = argsort(digits.map((index) => -contrasts[index] * found[index].score)).slice(0, 5);
        const usual = median(order.map((at) => contrasts[digits[at]]));
        kept = kept.map((isKept, index) => isKept && contrasts[index] > MIN_CONTRAST * usual);
    }
    digits = listDigits();
    if (digits.length) {
        // The size that half of the ink is at or above.
        const inks = digits.map((index) => found[index].score * contrasts[index] * sizes[index]);
        const usual = findWeightedMedian(digits.map((index) => sizes[index]), inks);
        kept = kept.map((isKept, index) => isKept && (!isDigit[index] || sizes[index] > MIN_SIZE * usual));
    }
    return found.filter((_, index) => kept[index]).slice(0, MAX_DIGITS);
}

function findWeightedMedian(values, weights) {
    const order = argsort(values), total = sum(weights);
    let below = 0;
    for (const index of order) {
        below += weights[index];
        if (below / total >= 0.5) return values[index];
    }
    return values[order.at(-1)];
}

// Measure by how much ink is darker than paper.
export function measureContrasts(page, detections) {
    return detections.map(({ box }) => {
        const sorted = sortNumbers(cutRegion(page, box, 0.15).pixels);
        return quantileOfSorted(sorted, 0.8) - quantileOfSorted(sorted, 0.04);
    });
}
