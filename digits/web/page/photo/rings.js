// Finds rings around digits and takes them off, as digits/reading/rings.py does.

import { heightOf, middleOf, widthOf } from "./boxes.js";
import { cutOut, cutPart } from "./cut_out.js";
import { dilate, labelParts } from "./filters.js";
import { median, mostOf, quantile } from "./lists.js";
import { forEachIn, separateWriting } from "./rules.js";
import { clamp } from "../ink.js";
import { crop, roundHalfToEven } from "../to_mnist.js";

// A ring around what is written is looked for among ellipses: their middles and radii, as shares of the height
// of what is within, and the largest ratio of the radii.
const MIDDLES = [-0.2, -0.1, 0, 0.1, 0.2], RADII = [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1];
const MAX_RATIO_OF_RADII = 1.6;
const LEAST_ACROSS = 0.45, LEAST_DOWN = 0.42; // radii, as shares of the width and the height of what is within
const NUM_POINTS = 48; // of an ellipse, at which ink is looked for
const MIN_ON_PAGE = 0.7; // share of the points that are on the page
// Share of the points with ink; the second where strokes beside a digit look like parts of a ring.
const MIN_INKED = 0.85;
export const MIN_INKED_WITH_PARTS = 0.8;
// Heights of what is within: that a ring may be off an ellipse; and in the box, from its edge, what may be ink of
// a ring.
const UNEVEN = 0.07, OWN_INK = 0.04;
// As shares of a radius, and of the ink of a part: so near an ellipse, ink belongs to it, and what has so much
// of its ink there is a part of the ring.
const NEAR_RING = 0.25, MIN_ON_RING = 0.6;
const TAKEN_OFF = 0.8; // radii from the middle, from where on ink is taken off
const RING_PAPER = 0.7; // of the brightness around a digit
const RING_REACH = 1; // heights around a box that rings around it are in
const STROKES = [..."1().,/-"]; // what parts of a ring look like
const CLEAR_STROKE = 0.9; // probability from which on a stroke is no part of a ring
const FARTHEST_STROKE = 0.6; // heights of a digit, from its box to a part of the ring around it

// The same where a box holds the ring too. Distances from the middle are shares of half the width and half the
// height of the ink, so that an ellipse around it is at 1.
const DIRECTIONS = 72; // in which ink is looked for, from outside
const RING_STEP = 0.01, OUTERMOST = 1.25; // from one place looked at to the next, and the first
const RING = [0.78, 1.15]; // distances of the outer edge of a ring
const MIN_AROUND = 0.7; // share of the directions in which there must be a ring
const MAX_THICKNESS = 0.24; // of a ring, in these distances
const PEELED = 1.2; // of a ring's median thickness: strokes vary
const MIN_RING_SIDE = 20, MAX_RING_RATIO = 1.67; // pixels of the ink, and of its sides
const MIN_HEIGHT_WITHIN = 0.6; // of what is within, as a share of the ring's
const MIN_PART_WITHIN = 0.15; // size of a part within as a share of the largest: smaller ones are rests of a ring

// Find a ring around a box: {x, y, across, down} of the ellipse with most ink, the first of equals, or null.
export function findRing(page, rules, box, minInked = MIN_INKED) {
    const [left, top, right, bottom] = box, width = widthOf(box), height = heightOf(box), [middleX, middleY] = middleOf(box);
    const surroundings = separateSurroundings(page, rules, box), { part } = surroundings;
    const reach = Math.max(1, roundHalfToEven(UNEVEN * height)), own = OWN_INK * height;
    const thick = dilate(surroundings.ink, part.width, part.height, reach, reach);
    const hasInk = (x, y) => {
        const isOwn = x > left + own && x < right - own && y > top + own && y < bottom - own;
        const column = clamp(Math.floor(x) - surroundings.left, 0, part.width - 1);
        return !isOwn && thick[clamp(Math.floor(y) - surroundings.top, 0, part.height - 1) * part.width + column];
    };
    let best = null, most = 0;
    for (const ring of listEllipses(width, height)) {
        ring.x += middleX;
        ring.y += middleY;
        let numOn = 0, numInked = 0;
        for (let point = 0; point < NUM_POINTS; point++) {
            const angle = (point * 2 * Math.PI) / NUM_POINTS;
            const x = ring.x + ring.across * Math.cos(angle), y = ring.y + ring.down * Math.sin(angle);
            if (x < 0 || y < 0 || x >= page.width || y >= page.height) continue;
            numOn++;
            if (hasInk(x, y)) numInked++;
        }
        if (numOn < MIN_ON_PAGE * NUM_POINTS || numInked / numOn <= most) continue;
        [best, most] = [ring, numInked / numOn];
    }
    return most < minInked ? null : best;
}

function listEllipses(width, height) {
    const ellipses = [];
    for (const y of MIDDLES) {
        for (const x of MIDDLES) {
            for (const across of RADII) for (const down of RADII) ellipses.push({ x: x * height, y: y * height, across: across * height, down: down * height });
        }
    }
    return ellipses.filter(({ x, y, across, down }) => {
        const isAround = across - Math.abs(x) >= LEAST_ACROSS * width && down - Math.abs(y) >= LEAST_DOWN * height;
        return isAround && Math.max(across, down) < MAX_RATIO_OF_RADII * Math.min(across, down);
    });
}

// Whether ink at [column, row] places is part of a ring.
export function hasPart(ring, places) {
    const isNear = ([x, y]) => Math.abs(measureDistance(ring, x, y) - 1) < NEAR_RING;
    return places.filter(isNear).length >= Math.max(MIN_ON_RING * places.length, 1);
}

function measureDistance({ x, y, across, down }, column, row) {
    return Math.hypot((column + 0.5 - x) / across, (row + 0.5 - y) / down);
}

// Cut a digit out of a page without the ring around it, as `cutOut` does; null where there is no ring. `ink` is
// what was cut out with it.
export function cutOutWithin(page, rules, box, ink) {
    const ring = findRing(page, rules, box);
    if (!ring) return takeOffRing(ink);
    const { part, left, top } = cutSurroundings(page, box), paper = quantile(part.pixels, RING_PAPER);
    const pixels = part.pixels.map((value, place) => {
        const isWithin = measureDistance(ring, left + (place % part.width), top + Math.floor(place / part.width)) < TAKEN_OFF;
        return isWithin ? value : Math.max(value, paper);
    });
    return cutOut({ ...part, pixels }, [box[0] - left, box[1] - top, box[2] - left, box[3] - top]);
}

// Take a ring off the digit within it, both of which are in the digit's box: the ink within, or null where there is no ring, or nothing within.
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

// Find the symbols, {text, box, probability}, that are parts of rings around digits, and the digits in these rings: of
// each, {isPart, isCircled}.
export function findRingParts(page, rules, symbols) {
    const found = symbols.map(() => ({ isPart: false, isCircled: false }));
    const strokes = symbols.flatMap(({ text, probability }, index) => (STROKES.includes(text) && probability < CLEAR_STROKE ? [index] : []));
    symbols.forEach(({ text, box }, index) => {
        if (!/[0-9]/.test(text)) return;
        const reach = FARTHEST_STROKE * heightOf(box);
        const near = strokes.filter((stroke) => {
            const other = symbols[stroke].box;
            const isBeside = box[0] - reach < other[2] && other[0] < box[2] + reach;
            return stroke !== index && isBeside && box[1] - reach < other[3] && other[1] < box[3] + reach;
        });
        const ring = near.length ? findRing(page, rules, box, MIN_INKED_WITH_PARTS) : null;
        if (!ring) return;
        const surroundings = separateSurroundings(page, rules, box);
        for (const stroke of near) {
            if (!hasPart(ring, listInk(surroundings, symbols[stroke].box))) continue;
            found[stroke].isPart = true;
            found[index].isCircled = true;
        }
    });
    return found.map(({ isPart, isCircled }) => ({ isPart, isCircled: isCircled && !isPart }));
}

// List the [column, row] places of ink in a box.
function listInk({ part, ink, left, top }, [x, y, right, bottom]) {
    const places = [];
    forEachIn([x - left, y - top, right - left, bottom - top], part.width, part.height, (place) => {
        if (ink[place]) places.push([left + (place % part.width), top + Math.floor(place / part.width)]);
    });
    return places;
}

// Separate ink around a box from the paper and from rules.
function separateSurroundings(page, rules, box) {
    const surroundings = cutSurroundings(page, box), { part, left, top } = surroundings;
    const move = ([x, y, otherX, otherY]) => [x - left, y - top, otherX - left, otherY - top];
    const moved = { rows: rules.rows.map(move), columns: rules.columns.map(move) };
    return { ...surroundings, ink: separateWriting(part, moved, [move(box)], heightOf(box)) };
}

// Cut out a box with all that rings around it may be in: {part, left, top}.
function cutSurroundings(page, box) {
    const [middleX, middleY] = middleOf(box), height = heightOf(box);
    const across = roundHalfToEven(RING_REACH * height + widthOf(box) / 2), down = roundHalfToEven(RING_REACH * height + height / 2);
    const limit = (place, length) => Math.trunc(clamp(place, 0, length - 1));
    const left = limit(middleX - across, page.width), top = limit(middleY - down, page.height);
    const width = limit(middleX + across, page.width) - left + 1, rows = limit(middleY + down, page.height) - top + 1;
    return { part: cutPart(page, { left, top, width, height: rows }), left, top };
}
