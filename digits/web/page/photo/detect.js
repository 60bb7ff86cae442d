// Detects digits and signs of any size, as digits/reading/detect.py does. A detection is {box, score,
// probabilities}: the probability that there is a digit or a sign, and that of each class.

import { areaOf, heightOf, longerSideOf, measureSharedArea } from "./boxes.js";
import { cutRegion } from "./cut_out.js";
import { argmax, argsort, mean, quantileOfSorted, sortNumbers, sum } from "./lists.js";
import { blurUniformly, NEAREST } from "./filters.js";
import { computeCells } from "./networks.js";
import { clamp } from "../ink.js";
import { softmax } from "../network.js";
import { BICUBIC, BOX, resize, roundHalfToEven } from "../to_mnist.js";

export const NUM_DIGITS = 10, NUM_SYMBOLS = 22; // digits, then signs
export const NUM_DETECTED = 25; // and digits on a page that is turned in three ways
const BACKGROUND = NUM_DETECTED; // class of cells that are in none
const CELL = 4, DETECTOR_STRIDE = 8, AROUND_PAGE = 24; // pixels
const TYPICAL = 24, SMALLEST = 11, LARGEST = 44; // pixels, of digits
const MAX_DETECTED_PIXELS = 1_000_000; // of a page at its largest scale
// Scale of the enlarged copy of a page that is so small that this has no more pixels, and mean confidence of the
// digits detected there, at least.
const ENLARGED_SCALE = 2, MIN_SMALL_CONFIDENCE = 0.8;
const MIN_CELL_SCORE = 0.35; // of a cell of the page, that it lies in a digit or a sign
// Overlaps of boxes: above the first they are fused, above the second the one with the lower score is
// removed; and so it is if more of either lies in the other than the third, as a share of its area.
const MIN_FUSED_OVERLAP = 0.5, MAX_OVERLAP = 0.25, MAX_COVERED = 0.6;
// Width of a box over its height, at least, where overlaps are measured: two detections of a 1 may lie
// beside each other.
const MIN_ASPECT = 0.35;
const MIN_SCORE = 0.7; // of a detection, that there is an upright digit
// The same in an empty cell of a table, and beside a digit of at least the second: in the same line, and at most
// so many heights of it away. What overlaps with the digit is rather a part of it, or of a ring around it.
const MIN_SCORE_BESIDE = 0.6, CLEAR_SCORE = 0.9;
export const WIDEST_BESIDE_DIGIT = 0.6;
const MIN_SIGN_SCORE = 0.35; // of a detection, that there is a sign and that it is the most likely one
// What is far fainter or smaller than the rest is taken for the paper's texture.
const MIN_CONTRAST = 0.3, MIN_SIZE = 0.4;
// Quantiles of the brightness around a digit: of its paper, and of its ink, of which there is little in a thin 1.
const PAPER_QUANTILE = 0.8, INK_QUANTILE = 0.02;
const MAX_DIGITS = 1000; // the surest are kept
// A copy of the page is shown to the detector only if digits of its size could be among the others, or
// if there is more ink outside the digits detected so far than this share of the ink in them. These digits
// have so high a score: a whole table may look a little like one.
const MAX_INK_OUTSIDE = 0.1, MIN_WHOLE_SCORE = 0.8;
const AROUND = 0.15; // of a digit's size: ink that is so near belongs to it
const SURROUNDINGS = 61; // pixels to a side, over which the paper's brightness is averaged

export const labelOf = ({ probabilities }) => argmax(probabilities);

// Detect what is on a page: on small copies of it, then on larger ones; the surest first.
export async function detect(network, page, pause) {
    let found = [], resized = page;
    for (const scale of listScales(page).reverse()) {
        if (hasAllInk(fuse(found), page, resized, LARGEST / scale)) break;
        resized = resizeBy(page, scale);
        found = [...(await detectAtScale(network, resized, scale, pause)), ...found];
    }
    return fuse(found);
}

// Add digits that are too small to be detected, if a page is small: those on an enlarged copy. Small letters look
// like digits too, so these are added only if most of them are clear.
export async function addSmall(network, page, found, pause) {
    const isSmall = findLargestScale(page) >= ENLARGED_SCALE;
    if (!isSmall || hasAllInk(found, page, page, LARGEST / ENLARGED_SCALE)) return found;
    const here = fuse(await detectAtScale(network, resizeBy(page, ENLARGED_SCALE), ENLARGED_SCALE, pause));
    const confidences = here.filter((detection) => labelOf(detection) < NUM_DIGITS && detection.score > MIN_SCORE)
        .map(({ score, probabilities }) => score * Math.max(...probabilities));
    return confidences.length && mean(confidences) >= MIN_SMALL_CONFIDENCE ? fuse([...here, ...found]) : found;
}

function resizeBy(page, scale) {
    const [width, height] = [page.width, page.height].map((side) => Math.max(1, roundHalfToEven(side * scale)));
    return resize(page, width, height, scale < 1 ? BOX : BICUBIC);
}

// Whether the digits detected on a page have nearly all of its ink, and digits of that size would be
// small beside them.
function hasAllInk(found, page, { width, height, pixels }, largestDigit) {
    const digits = found.filter(({ score, probabilities }) => {
        const ofSigns = sum(probabilities.slice(NUM_DIGITS, NUM_SYMBOLS));
        return score * (sum(probabilities) - ofSigns) > MIN_WHOLE_SCORE;
    });
    const sizes = digits.map(({ box }) => longerSideOf(box));
    if (largestDigit > MIN_SIZE * Math.max(0, ...sizes)) return false;
    const contrasts = measureContrasts(page, digits);
    const inks = weighInks(digits, contrasts);
    if (largestDigit > MIN_SIZE * findUsual(sizes, inks)) return false;
    const paper = blurUniformly(pixels, width, height, SURROUNDINGS, NEAREST), least = 0.5 * findUsual(contrasts, inks);
    const ink = Uint8Array.from(pixels, (pixel, place) => paper[place] - pixel > least), outside = ink.slice();
    const scale = width / page.width;
    digits.forEach(({ box }, index) => {
        const [left, top, right, bottom] = box.map((edge, at) => {
            return Math.max(Math.trunc(scale * (edge + (at < 2 ? -1 : 1) * AROUND * sizes[index])), 0);
        });
        for (let y = top; y <= Math.min(bottom, height - 1); y++) outside.fill(0, y * width + left, y * width + Math.min(right + 1, width));
    });
    return sum(outside) <= MAX_INK_OUTSIDE * (sum(ink) - sum(outside));
}

function listScales(page) {
    const scales = [Math.min(1, findLargestScale(page))];
    while ((Math.max(page.width, page.height) * scales.at(-1)) / 2 >= SMALLEST) scales.push(scales.at(-1) / 2);
    return scales;
}

// The scale at which a page has as many pixels as the detector is shown at most.
function findLargestScale({ width, height }) {
    const border = 2 * AROUND_PAGE, half = (border * (height + width)) / (2 * height * width);
    return Math.sqrt(half ** 2 + (MAX_DETECTED_PIXELS - border ** 2) / (height * width)) - half;
}

// Detect what is on a copy of a page that was resized by that scale; boxes in pixels of the page.
async function detectAtScale({ engine, layers }, page, scale, pause) {
    const cells = await computeCells(engine, layers, surroundPage(page), pause), found = [];
    for (let row = 0; row < cells.height; row++) {
        for (let column = 0; column < cells.width; column++) {
            const start = (row * cells.width + column) * cells.channels;
            const cell = cells.values.subarray(start, start + cells.channels);
            const detection = decodeCell(cell, row, column);
            if (!detection) continue;
            const [left, top, right, bottom] = detection.box, x = (left + right) / 2, y = (top + bottom) / 2;
            // Strokes that the page's edge cuts off look like 1s in its surroundings.
            if (x >= 0 && x <= page.width && y >= 0 && y <= page.height) found.push({ ...detection, box: detection.box.map((edge) => edge / scale) });
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

// Keep detections with a high score whose contrast and size are similar to the others': {written, weak}, the
// digits and signs kept; and weaker digits, also similar, for places where a digit is likely.
export function selectWritten(page, detections) {
    const found = detections.filter((detection) => labelOf(detection) < NUM_SYMBOLS);
    const isDigit = found.map((detection) => labelOf(detection) < NUM_DIGITS);
    const contrasts = measureContrasts(page, found), sizes = found.map(({ box }) => longerSideOf(box));
    const upright = found.map(({ score, probabilities }) => score * sum(probabilities.slice(0, NUM_SYMBOLS)));
    const clear = found.filter((_, index) => isDigit[index] && upright[index] >= CLEAR_SCORE);
    const kept = found.map(({ box, score, probabilities }, index) => {
        if (!isDigit[index]) return score * Math.max(...probabilities) > MIN_SIGN_SCORE;
        const nearest = Math.min(...clear.map((other) => measureGapBeside(box, other.box)));
        return upright[index] > (nearest >= 0 && nearest < WIDEST_BESIDE_DIGIT ? MIN_SCORE_BESIDE : MIN_SCORE);
    });
    let digits = found.flatMap((_, index) => (kept[index] && isDigit[index] ? [index] : []));
    const findUsualOf = (values) => {
        const inks = weighInks(digits.map((index) => found[index]), digits.map((index) => contrasts[index]));
        return findUsual(digits.map((index) => values[index]), inks);
    };
    const leastContrast = MIN_CONTRAST * findUsualOf(contrasts);
    digits = digits.filter((index) => contrasts[index] > leastContrast);
    const leastSize = MIN_SIZE * findUsualOf(sizes);
    digits = digits.filter((index) => sizes[index] > leastSize);
    const isSimilar = (index) => contrasts[index] > leastContrast && (!isDigit[index] || sizes[index] > leastSize);
    const select = (isSelected) => found.filter((_, index) => isSelected(index) && isSimilar(index)).slice(0, MAX_DIGITS);
    const isWeak = (index) => isDigit[index] && !kept[index] && upright[index] > MIN_SCORE_BESIDE;
    const written = select((index) => kept[index]), weak = digits.length ? select(isWeak) : [];
    return { written, weak: weak.slice(0, MAX_DIGITS - written.length) };
}

// Measure how far a box is from another in the same line, in heights of the other: negative where both
// overlap across, infinite in another line.
export function measureGapBeside(box, other) {
    const height = heightOf(other), shared = Math.min(box[3], other[3]) - Math.max(box[1], other[1]);
    if (shared <= 0.5 * Math.max(heightOf(box), height)) return Infinity;
    return (Math.max(box[0], other[0]) - Math.min(box[2], other[2])) / Math.max(height, 1e-9);
}

// Weigh digits by about how much ink each has.
function weighInks(found, contrasts) {
    return found.map(({ box, score }, index) => score * contrasts[index] * longerSideOf(box));
}

// Find the value that half of the ink is at or above, 0 if there is no ink.
function findUsual(values, inks) {
    const order = argsort(values), total = sum(inks);
    let below = 0;
    for (const index of order) {
        below += inks[index];
        if (below / total >= 0.5) return values[index];
    }
    return 0; // there is no ink
}

// Measure by how much ink is darker than paper.
export function measureContrasts(page, detections) {
    return detections.map(({ box }) => {
        const sorted = sortNumbers(cutRegion(page, box, 0.15).pixels);
        return quantileOfSorted(sorted, PAPER_QUANTILE) - quantileOfSorted(sorted, INK_QUANTILE);
    });
}
