// Cuts digits out of a page, as digits/transforms/to_mnist.py does.

import { BICUBIC, BOX, findOtsuThreshold, resize, roundHalfToEven } from "../to_mnist.js";
import { labelParts } from "./filters.js";
import { leastOf, mostOf, quantile } from "./lists.js";

const REGION_SIDE = 56; // pixels, longer side of a region while ink is separated from paper
const PAPER = 0.3; // share of a region's pixels that is taken for paper: the brightest
const NUM_FITS = 6; // iterations of the fit of the paper's brightness
const REGION_MARGIN = 0.1; // around a digit, as a share of its longer side
const MIN_REGION_CONTRAST = 0.02; // of a region from its darkest to its brightest pixel for there to be ink
const RIM = 0.12; // share of a region's sides that is not inside the box
const MIN_INSIDE_BOX = 0.5; // share of a connected part of the ink; others reach into it from outside
const MIN_PART = 0.04; // size of a part of the ink as a share of the largest: smaller ones are specks
const MAX_BEYOND = 2; // pixels of the 56 that ink of a digit reaches out of its box at most

// Cut a box out of a page, with a margin, and scale it to 56 pixels.
export function cutRegion(page, box, margin) {
    const part = cutPart(page, boundBox(page, box, margin)), { width, height } = part;
    const scale = REGION_SIDE / Math.max(width, height);
    const [newWidth, newHeight] = [width, height].map((side) => Math.max(1, roundHalfToEven(side * scale)));
    return resize(part, newWidth, newHeight, scale < 1 ? BOX : BICUBIC);
}

// Cut out whole pixels, all of them on the page.
export function cutPart(page, { left, top, width, height }) {
    const pixels = new Float32Array(width * height);
    for (let y = 0; y < height; y++) {
        const start = (top + y) * page.width + left;
        pixels.set(page.pixels.subarray(start, start + width), y * width);
    }
    return { width, height, pixels };
}

function boundBox(page, box, margin) {
    const more = margin * Math.max(box[2] - box[0], box[3] - box[1]);
    let left = Math.max(0, Math.trunc(box[0] - more)), top = Math.max(0, Math.trunc(box[1] - more));
    const right = Math.max(Math.trunc(box[2] + more), left) + 1, bottom = Math.max(Math.trunc(box[3] + more), top) + 1;
    left = Math.min(left, page.width - 1);
    top = Math.min(top, page.height - 1);
    return { left, top, width: Math.min(right, page.width) - left, height: Math.min(bottom, page.height) - top };
}

// Cut a digit out of a page: its ink, 1, and all else, 0. What only reaches into the box from outside,
// what goes on beyond it, and specks, are left out.
export function cutOut(page, box) {
    const region = cutRegion(page, box, REGION_MARGIN), { width, height } = region;
    const residual = subtractLight(region);
    const hasInk = mostOf(residual) - leastOf(residual) > MIN_REGION_CONTRAST;
    const threshold = hasInk ? findOtsuThreshold(residual, Number) : -1;
    const ink = Uint8Array.from(residual, (value) => (hasInk ? value <= threshold : value < threshold));
    const { labels, count } = labelParts(ink, width, height);
    if (count >= 2) keepParts(ink, labels, count, width, height);
    const bounds = boundBox(page, box, REGION_MARGIN), down = height / bounds.height, across = width / bounds.width;
    const firstRow = roundHalfToEven((box[1] - bounds.top) * down - MAX_BEYOND);
    const lastRow = roundHalfToEven((box[3] - bounds.top) * down + MAX_BEYOND);
    const firstColumn = roundHalfToEven((box[0] - bounds.left) * across - MAX_BEYOND);
    const lastColumn = roundHalfToEven((box[2] - bounds.left) * across + MAX_BEYOND);
    ink.forEach((_, place) => {
        const row = Math.floor(place / width), column = place % width;
        if (row < firstRow || row > lastRow || column < firstColumn || column > lastColumn) ink[place] = 0;
    });
    return { width, height, pixels: Float32Array.from(ink) };
}

function keepParts(ink, labels, count, width, height) {
    const across = Math.max(1, Math.trunc(RIM * width)), down = Math.max(1, Math.trunc(RIM * height));
    const sizes = new Float64Array(count + 1), inside = new Float64Array(count + 1);
    labels.forEach((label, place) => {
        if (!label) return;
        const x = place % width, y = Math.floor(place / width);
        sizes[label]++;
        if (x >= across && x < width - across && y >= down && y < height - down) inside[label]++;
    });
    const least = MIN_PART * mostOf(sizes);
    const isKept = Array.from(sizes, (size, label) => label > 0 && inside[label] > MIN_INSIDE_BOX * size && size > least);
    if (!isKept.includes(true)) return;
    labels.forEach((label, place) => (ink[place] = Number(isKept[label])));
}

// Subtract a plane fitted to the paper's brightness: light may fall off across a region by more than a
// thin stroke is darker than the paper.
function subtractLight({ width, pixels }) {
    let isPaper = new Uint8Array(pixels.length).fill(1), residual = Float64Array.from(pixels);
    for (let fit = 0; fit < NUM_FITS; fit++) {
        const plane = fitPlane(pixels, isPaper, width);
        residual = Float64Array.from(pixels, (value, place) => {
            return value - (plane[0] + plane[1] * Math.floor(place / width) + plane[2] * (place % width));
        });
        const least = quantile(residual, 1 - PAPER);
        isPaper = Uint8Array.from(residual, (value) => value >= least);
    }
    return residual;
}

// Fit brightness at the top left corner, and its growth downwards and across: least squares. Where
// the places do not tell one of them, as in a single row, it is 0.
function fitPlane(pixels, isPaper, width) {
    let count = 0, meanDown = 0, meanAcross = 0, meanValue = 0;
    for (let place = 0; place < pixels.length; place++) {
        if (!isPaper[place]) continue;
        count++;
        meanDown += Math.floor(place / width);
        meanAcross += place % width;
        meanValue += pixels[place];
    }
    meanDown /= count;
    meanAcross /= count;
    meanValue /= count;
    let downDown = 0, acrossAcross = 0, downAcross = 0, downValue = 0, acrossValue = 0;
    for (let place = 0; place < pixels.length; place++) {
        if (!isPaper[place]) continue;
        const down = Math.floor(place / width) - meanDown, across = (place % width) - meanAcross;
        const value = pixels[place] - meanValue;
        downDown += down * down;
        acrossAcross += across * across;
        downAcross += down * across;
        downValue += down * value;
        acrossValue += across * value;
    }
    const determinant = downDown * acrossAcross - downAcross ** 2;
    let growthDown = 0, growthAcross = 0;
    if (determinant > 1e-9) {
        growthDown = (downValue * acrossAcross - acrossValue * downAcross) / determinant;
        growthAcross = (acrossValue * downDown - downValue * downAcross) / determinant;
    } else if (downDown + acrossAcross > 0) {
        if (downDown > acrossAcross) growthDown = downValue / downDown;
        else growthAcross = acrossValue / acrossAcross;
    }
    return [meanValue - growthDown * meanDown - growthAcross * meanAcross, growthDown, growthAcross];
}
