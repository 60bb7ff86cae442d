// Enlarges the smallest pictures, as digits/reading/enlarge.py does.

import { clamp } from "../ink.js";
import { BICUBIC, findOtsuThreshold, resize, roundHalfToEven } from "../to_mnist.js";
import { leastOf, median, mostOf } from "./lists.js";

const SMALL = 56; // pixels, shorter side: pictures below it are enlarged to it
const MAX_FACTOR = 4; // more only blurs
const MAX_LONGER_SIDE = 1000; // pixels of what is enlarged: a strip stays a strip
const PAPER_MARGIN = 0.25; // paper added on each side, as a share of the shorter side

// Enlarge a page of which the shorter side is below SMALL, and add paper around it. `toPhoto` finds
// where boxes on what is returned are on the page that was given.
export function enlarge(page) {
    const { width, height } = page;
    const short = Math.min(width, height), long = Math.max(width, height);
    const factor = Math.min(SMALL / short, MAX_FACTOR, MAX_LONGER_SIDE / long);
    const toPhoto = (scale, margin) => (boxes) => boxes.map((box) => box.map((edge, index) => {
        return clamp((edge - margin) / scale, 0, index % 2 ? height : width);
    }));
    if (factor <= 1) return { page, isEnlarged: false, toPhoto: toPhoto(1, 0) };
    const large = resize(page, roundHalfToEven(width * factor), roundHalfToEven(height * factor), BICUBIC);
    const margin = roundHalfToEven(PAPER_MARGIN * factor * short);
    const padded = { width: large.width + 2 * margin, height: large.height + 2 * margin };
    padded.pixels = new Float32Array(padded.width * padded.height).fill(estimatePaper(page));
    for (let y = 0; y < large.height; y++) {
        for (let x = 0; x < large.width; x++) {
            const value = clamp(large.pixels[y * large.width + x], 0, 1);
            padded.pixels[(y + margin) * padded.width + x + margin] = value;
        }
    }
    return { page: padded, isEnlarged: true, toPhoto: toPhoto(factor, margin) };
}

// Estimate the paper's brightness: the median of the light or dark pixels, as its edge is.
function estimatePaper({ width, height, pixels }) {
    if (leastOf(pixels) === mostOf(pixels)) return pixels[0];
    const threshold = findOtsuThreshold(pixels);
    const columns = Array.from({ length: width }, (_, x) => x), rows = Array.from({ length: height }, (_, y) => y);
    const edge = [
        ...columns, ...columns.map((x) => (height - 1) * width + x),
        ...rows.map((y) => y * width), ...rows.map((y) => y * width + width - 1),
    ];
    const isPaperLight = edge.filter((place) => pixels[place] > threshold).length > edge.length / 2;
    return median(pixels.filter((value) => (value > threshold) === isPaperLight));
}
