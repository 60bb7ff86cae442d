// Takes rings off digits, as digits/reading/rings.py does.

import { labelParts } from "./filters.js";
import { median, mostOf } from "./lists.js";
import { crop, roundHalfToEven } from "../to_mnist.js";

// Distances from the middle are shares of half the width and half the height of the ink, so that an
// ellipse around it is at 1.
const DIRECTIONS = 72; // in which ink is looked for, from outside
const RING_STEP = 0.01, OUTERMOST = 1.25; // from one place looked at to the next, and the first
const RING = [0.78, 1.15]; // distances of the outer edge of a ring
const MIN_AROUND = 0.7; // share of the directions in which there must be a ring
const MAX_THICKNESS = 0.24; // of a ring, in these distances
const PEELED = 1.2; // of a ring's median thickness: strokes vary
const MIN_RING_SIDE = 20, MAX_RING_RATIO = 1.67; // pixels of the ink, and of its sides
const MIN_HEIGHT_WITHIN = 0.6; // of what is within, as a share of the ring's
const MIN_PART_WITHIN = 0.15; // size of a part within as a share of the largest: smaller ones are rests of a ring

// Take a ring off the digit within it: the ink within, or null where there is no ring, or nothing within.
export function takeOffRing(image) {
    const ink = crop(image);
    if (!ink) return null;
    const { width, height, pixels } = ink, least = Math.min(width, height);
    if (least < MIN_RING_SIDE || Math.max(width, height) > MAX_RING_RATIO * least) return null;
    const rims = Array.from({ length: DIRECTIONS }, (_, direction) => measureRim(ink, direction));
    const isRing = rims.map(({ outer }) => outer > RING[0] && outer < RING[1]);
    const ringed = rims.filter((_, direction) => isRing[direction]);
    if (ringed.length / DIRECTIONS < MIN_AROUND) return null;
    const thickness = median(ringed.map((rim) => rim.thickness));
    if (thickness > MAX_THICKNESS) return null;
    const within = Uint8Array.from(pixels, (value, place) => {
        const down = ((Math.floor(place / width) + 0.5) / height) * 2 - 1, across = (((place % width) + 0.5) / width) * 2 - 1;
        const turn = (Math.atan2(down, across) / (2 * Math.PI) + 1) % 1;
        const nearest = roundHalfToEven(turn * DIRECTIONS) % DIRECTIONS;
        const edge = isRing[nearest] ? rims[nearest].outer : 1;
        return Number(value > 0 && Math.hypot(down, across) < edge - PEELED * thickness);
    });
    return keepLargeParts(within, width, height);
}

// Measure the outermost stroke in a direction: its distance and thickness, 0 for none.
function measureRim({ width, height, pixels }, direction) {
    const angle = (direction * 2 * Math.PI) / DIRECTIONS, num = Math.ceil(OUTERMOST / RING_STEP);
    const distances = Array.from({ length: num }, (_, index) => OUTERMOST - index * RING_STEP);
    const met = distances.map((distance) => {
        const row = Math.floor(((1 + Math.sin(angle) * distance) * height) / 2);
        const column = Math.floor(((1 + Math.cos(angle) * distance) * width) / 2);
        return row >= 0 && row < height && column >= 0 && column < width && pixels[row * width + column] > 0;
    });
    const first = met.indexOf(true);
    if (first < 0) return { outer: 0, thickness: 0 };
    const end = met.indexOf(false, first);
    return { outer: distances[first], thickness: ((end < 0 ? num : end) - first) * RING_STEP };
}

function keepLargeParts(ink, width, height) {
    const { labels, count } = labelParts(ink, width, height), sizes = new Float64Array(count + 1);
    if (!count) return null;
    for (const label of labels) if (label) sizes[label]++;
    const least = MIN_PART_WITHIN * mostOf(sizes);
    const pixels = Float32Array.from(labels, (label) => Number(label > 0 && sizes[label] > least));
    const first = pixels.indexOf(1), last = pixels.lastIndexOf(1);
    const rows = Math.floor(last / width) - Math.floor(first / width) + 1;
    return rows > MIN_HEIGHT_WITHIN * height ? { width, height, pixels } : null;
}
