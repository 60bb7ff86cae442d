// Turns a drawn digit into an image as MNIST has them, as digits/transforms/to_mnist.py does:
// 28x28 pixels, the longer side 20 pixels, soft edges, the centre of mass in the middle.
// An image is {width, height, pixels}: a Float32Array row by row, 0 paper to 1 ink.
// What Python computes in single precision is rounded to it, so that both agree.

import { clamp } from "./ink.js";

export const SIDE = 28; // pixels to a side of MNIST's images
const ENLARGED = 56; // pixels, longer side of a digit while its edges are made soft
const PADDING = 2, MARGIN = 8; // pixels of paper around a digit before and after it is scaled to 56
const DIGIT_HEIGHT = 20; // pixels, longer side of a digit in an image of 28x28
const EDGE = 5; // pixels of the 56 from no ink to full ink: MNIST's strokes have soft edges
const NUM_BINS = 256; // of the histogram for Otsu's threshold
const MIN_INK = 0.3; // of the darkest pixel: fainter ones are not part of the digit

// Make an image of SIDE x SIDE pixels for each of `widths`, by which the digit's own is multiplied.
export function toMnist(ink, widths) {
    const cut = crop(ink);
    if (!cut) return widths.map(() => new Float32Array(SIDE * SIDE));
    const large = addMargin(resizeTo(addMargin(cut, PADDING), ENLARGED), MARGIN);
    const soft = crop(soften(large));
    return widths.map((width) => place(soft, width));
}

// Round to a whole number, halves to the even one, as Python does.
export function roundHalfToEven(number) {
    const below = Math.floor(number);
    const rest = number - below;
    return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}

export function crop({ width, height, pixels }) {
    const least = Math.fround(MIN_INK * pixels.reduce((most, ink) => Math.max(most, ink), 0));
    let left = width, right = -1, top = height, bottom = -1;
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            if (pixels[y * width + x] <= least) continue;
            left = Math.min(left, x);
            right = Math.max(right, x);
            top = Math.min(top, y);
            bottom = y;
        }
    }
    if (right < 0) return null;
    const cut = blank(right - left + 1, bottom - top + 1);
    for (let y = 0; y < cut.height; y++) {
        const start = (top + y) * width + left;
        cut.pixels.set(pixels.subarray(start, start + cut.width), y * cut.width);
    }
    return cut;
}

function blank(width, height) {
    return { width, height, pixels: new Float32Array(width * height) };
}

function addMargin({ width, height, pixels }, margin) {
    const padded = blank(width + 2 * margin, height + 2 * margin);
    for (let y = 0; y < height; y++) {
        const row = pixels.subarray(y * width, (y + 1) * width);
        padded.pixels.set(row, (y + margin) * padded.width + margin);
    }
    return padded;
}

function resizeTo(image, longerSide) {
    const scale = longerSide / Math.max(image.width, image.height);
    const [width, height] = [image.width, image.height].map((side) => Math.max(1, roundHalfToEven(side * scale)));
    return resize(image, width, height, scale < 1 ? BOX : BICUBIC);
}

// Filters of Pillow: how far they reach, and their weight at a distance.
export const BOX = { reach: 0.5, weigh: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
export const BICUBIC = {
    reach: 2,
    weigh(x) {
        const far = Math.abs(x), a = -0.5;
        if (far < 1) return ((a + 2) * far - (a + 3)) * far * far + 1;
        return far < 2 ? (((far - 5) * far + 8) * far - 4) * a : 0;
    },
};

// Resize as Pillow does: along the rows, then along the columns.
export function resize(image, width, height, filter) {
    return transpose(resizeRows(transpose(resizeRows(image, width, filter)), height, filter));
}

function resizeRows(image, newWidth, filter) {
    const { width, height, pixels } = image;
    if (newWidth === width) return image;
    const resized = blank(newWidth, height);
    const scale = width / newWidth, stretch = Math.max(scale, 1), reach = filter.reach * stretch;
    for (let x = 0; x < newWidth; x++) {
        const middle = (x + 0.5) * scale;
        const first = Math.max(0, Math.trunc(middle - reach + 0.5));
        const end = Math.min(width, Math.trunc(middle + reach + 0.5));
        const weights = [];
        for (let from = first; from < end; from++) weights.push(filter.weigh((from - middle + 0.5) / stretch));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let y = 0; y < height; y++) {
            let sum = 0;
            for (let each = 0; each < weights.length; each++) {
                sum += pixels[y * width + first + each] * (weights[each] / total);
            }
            resized.pixels[y * newWidth + x] = sum;
        }
    }
    return resized;
}

function transpose({ width, height, pixels }) {
    const turned = blank(height, width);
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) turned.pixels[x * height + y] = pixels[y * width + x];
    }
    return turned;
}

// Draw the edges of the ink again, as soft ones, by the distance of each pixel to the edge.
function soften(image) {
    const { width, height, pixels } = image;
    const threshold = findOtsuThreshold(pixels);
    const inside = Array.from(pixels, (ink) => ink > threshold);
    const toPaper = measureDistances(inside.map((isInk) => !isInk), width, height);
    const toInk = measureDistances(inside, width, height);
    const soft = blank(width, height);
    for (let index = 0; index < inside.length; index++) {
        const depth = toPaper[index] - toInk[index] - (inside[index] ? 0.5 : -0.5);
        soft.pixels[index] = clamp(0.5 + depth / EDGE, 0, 1);
    }
    return soft;
}

// Find the threshold that separates ink from paper best (N. Otsu, 1979), as scikit-image does, in
// single precision unless `round` is another.
export function findOtsuThreshold(pixels, round = Math.fround) {
    const low = pixels.reduce((least, value) => Math.min(least, value), Infinity);
    const high = pixels.reduce((most, value) => Math.max(most, value), -Infinity);
    if (low === high) return low;
    const step = round(round(high - low) / NUM_BINS);
    const edges = Float64Array.from({ length: NUM_BINS + 1 }, (_, bin) => round(round(bin * step) + low));
    edges[NUM_BINS] = high;
    const counts = new Float64Array(NUM_BINS);
    for (const value of pixels) {
        let bin = Math.min(Math.trunc(round(round(value - low) / round(high - low)) * NUM_BINS), NUM_BINS - 1);
        if (value < edges[bin]) bin--;
        else if (bin < NUM_BINS - 1 && value >= edges[bin + 1]) bin++;
        counts[bin]++;
    }
    const middles = counts.map((_, bin) => round(edges[bin] + edges[bin + 1]) / 2);
    const moments = counts.map((count, bin) => round(count * middles[bin]));
    const sumUp = (values) => { let sum = 0; return values.map((value) => (sum = round(sum + value))); };
    const below = sumUp(counts), momentsBelow = sumUp(moments);
    const above = sumUp(counts.slice().reverse()).reverse(), momentsAbove = sumUp(moments.slice().reverse()).reverse();
    let best = 0, most = -1;
    for (let bin = 0; bin < NUM_BINS - 1; bin++) {
        const meanBelow = round(momentsBelow[bin] / below[bin]);
        const meanAbove = round(momentsAbove[bin + 1] / above[bin + 1]);
        const apart = round(meanBelow - meanAbove);
        const variance = round(round(below[bin] * above[bin + 1]) * round(apart * apart));
        if (variance > most) [best, most] = [bin, variance];
    }
    return middles[best];
}

// Measure each pixel's distance to the nearest one where `isTarget`, 0 there: exact, by columns and
// then rows (P. Felzenszwalb and D. Huttenlocher, "Distance transforms of sampled functions", 2012).
export function measureDistances(isTarget, width, height) {
    const squares = Float64Array.from(isTarget, (target) => (target ? 0 : Infinity));
    for (let x = 0; x < width; x++) lowerToParabolas(squares, x, width, height);
    for (let y = 0; y < height; y++) lowerToParabolas(squares, y * width, 1, width);
    return squares.map(Math.sqrt);
}

// Replace the values along a line by the lower envelope of parabolas that stand on them.
function lowerToParabolas(squares, start, step, length) {
    const values = Array.from({ length }, (_, index) => squares[start + index * step]);
    const roots = [], begins = []; // of the parabolas in the envelope, from left to right
    for (let root = 0; root < length; root++) {
        if (values[root] === Infinity) continue;
        let begin = -Infinity;
        while (roots.length) {
            const last = roots.at(-1);
            begin = (values[root] + root * root - values[last] - last * last) / (2 * (root - last));
            if (begin > begins.at(-1)) break;
            roots.pop();
            begins.pop();
            begin = -Infinity;
        }
        roots.push(root);
        begins.push(begin);
    }
    for (let index = 0, at = 0; roots.length && index < length; index++) {
        while (begins[at + 1] < index) at++;
        squares[start + index * step] = (index - roots[at]) ** 2 + values[roots[at]];
    }
}

// Scale a digit to its size in MNIST, and put its centre of mass into the middle.
function place(soft, width) {
    const scale = DIGIT_HEIGHT / Math.max(soft.width * width, soft.height);
    const columns = Math.max(1, roundHalfToEven(soft.width * width * scale));
    const rows = Math.max(1, roundHalfToEven(soft.height * scale));
    const small = resize(soft, columns, rows, BOX);
    let mass = 0, across = 0, down = 0;
    small.pixels.forEach((ink, index) => {
        mass += ink;
        across += ink * (index % columns);
        down += ink * Math.floor(index / columns);
    });
    const start = (moment, size) => clamp(roundHalfToEven(SIDE / 2 - moment / mass), 0, SIDE - size);
    const left = start(across, columns), top = start(down, rows);
    const image = new Float32Array(SIDE * SIDE);
    for (let y = 0; y < rows; y++) {
        image.set(small.pixels.subarray(y * columns, (y + 1) * columns), (top + y) * SIDE + left);
    }
    return image;
}
