// Deskews a page whose rules, or whose edges, are tilted, as digits/reading/deskew.py does.

import { middleOf } from "./boxes.js";
import { blurUniformly, NEAREST } from "./filters.js";
import { argmax, leastOf, median, mostOf } from "./lists.js";
import { BOX, resize, roundHalfToEven } from "../to_mnist.js";

const LONGEST_COPY = 600; // pixels, longer side of the copy on which the skew is measured
const AROUND_INK = 15; // pixels of it over which brightness is averaged: ink is darker than this mean
const MIN_INK_DARKNESS = 0.02; // where the paper has less noise
// Degrees: the largest skew that is looked for, and the smallest that is corrected; steps of the first search, and
// of the one around its best.
const MAX_SKEW = 20, MIN_SKEW = 2.5, COARSE = 1, FINE = 0.25;
// How many times as sharp rows and columns of ink must be at the skew as at the median angle, and as on the page
// before.
const MIN_PEAK = 5, MIN_SHARPNESS_GAIN = 3;

// Rotate a page by so many degrees anticlockwise: {page, skew, turnBack}. `turnBack` finds where boxes on the
// rotated page are on the one before; they stay upright and as large.
export function deskew(page, skew) {
    if (!skew) return { page, skew: 0, turnBack: (boxes) => boxes };
    const cos = Math.cos((skew * Math.PI) / 180), sin = Math.sin((skew * Math.PI) / 180);
    const rotated = rotate(page, cos, sin);
    const turnBack = (boxes) => boxes.map((box) => {
        const [x, y] = middleOf(box).map((place, axis) => place - (axis ? rotated.height : rotated.width) / 2);
        const across = x * cos - y * sin + page.width / 2 - middleOf(box)[0];
        const down = x * sin + y * cos + page.height / 2 - middleOf(box)[1];
        return box.map((edge, side) => edge + (side % 2 ? down : across));
    });
    return { page: rotated, skew, turnBack };
}

// Pixels between those of the page are interpolated, those beyond it are paper.
function rotate({ width, height, pixels }, cos, sin) {
    const newWidth = Math.ceil(width * cos + height * Math.abs(sin)), newHeight = Math.ceil(height * cos + width * Math.abs(sin));
    const rotated = new Float32Array(newWidth * newHeight).fill(median(pixels));
    for (let newY = 0; newY < newHeight; newY++) {
        for (let newX = 0; newX < newWidth; newX++) {
            const across = newX - (newWidth - 1) / 2, down = newY - (newHeight - 1) / 2;
            const x = across * cos - down * sin + (width - 1) / 2, y = across * sin + down * cos + (height - 1) / 2;
            if (x < 0 || y < 0 || x > width - 1 || y > height - 1) continue;
            const left = Math.floor(x), top = Math.floor(y), right = Math.min(left + 1, width - 1), bottom = Math.min(top + 1, height - 1);
            const interpolateRow = (row) => pixels[row * width + left] * (1 - x + left) + pixels[row * width + right] * (x - left);
            rotated[newY * newWidth + newX] = interpolateRow(top) * (1 - y + top) + interpolateRow(bottom) * (y - top);
        }
    }
    return { width: newWidth, height: newHeight, pixels: rotated };
}

// Measure the skew of a page: where rules are level, the ink of neighbouring rows of pixels, and of columns,
// differs most. Degrees anticlockwise by which the page must be rotated; 0 where that is little or not clear.
export function measureSkew(page) {
    const scale = Math.min(1, LONGEST_COPY / Math.max(page.width, page.height));
    const [width, height] = [page.width, page.height].map((side) => Math.max(1, roundHalfToEven(side * scale)));
    const { pixels } = resize(page, width, height, BOX);
    const darkness = blurUniformly(pixels, width, height, AROUND_INK, NEAREST).map((value, place) => value - pixels[place]);
    const least = Math.max(1.5 * Math.fround(1.48) * median(darkness.map(Math.abs)), MIN_INK_DARKNESS);
    const ink = [];
    darkness.forEach((value, place) => {
        if (value > least) ink.push([place % width, Math.floor(place / width)]);
    });
    if (!ink.length) return 0;
    const measureAll = (angles) => angles.map((angle) => measureSharpness(ink, angle));
    const angles = Array.from({ length: (2 * MAX_SKEW) / COARSE + 1 }, (_, index) => index * COARSE - MAX_SKEW);
    const sharpness = measureAll(angles), best = angles[argmax(sharpness)];
    if (mostOf(sharpness) < MIN_PEAK * median(sharpness)) return 0;
    const near = Array.from({ length: (2 * COARSE) / FINE - 1 }, (_, index) => best - COARSE + (index + 1) * FINE);
    const nearSharpness = measureAll(near), skew = near[argmax(nearSharpness)];
    const isClear = mostOf(nearSharpness) >= MIN_SHARPNESS_GAIN * measureSharpness(ink, 0);
    return isClear && Math.abs(skew) >= MIN_SKEW ? skew : 0;
}

// Measure how sharp rows and columns of ink are after a rotation by that angle.
function measureSharpness(ink, angle) {
    const slope = Math.tan((angle * Math.PI) / 180);
    let total = 0;
    for (const project of [([x, y]) => y - x * slope, ([x, y]) => x + y * slope]) {
        const places = ink.map((point) => Math.floor(project(point))), first = leastOf(places);
        const counts = new Float64Array(mostOf(places) - first + 1);
        for (const place of places) counts[place - first]++;
        for (let index = 1; index < counts.length; index++) total += (counts[index] - counts[index - 1]) ** 2;
    }
    return total;
}
