// Separates the digits of a drawing: strokes that lie above each other belong to one digit.

import { squareDistance } from "./ink.js";

// Share of the narrower of two strokes that is above or below the other for both to be one digit:
// the top bar of a 5, the upright of a 4. Where they touch, less is enough.
const MIN_OVERLAP = 0.5, MIN_OVERLAP_TOUCHING = 0.25;
const MIN_SIZE = 0.25; // of the largest digit's longer side: smaller separate strokes are ignored

// Group strokes by digit, from left to right: a list of lists of strokes.
export function segment(strokes, pen) {
    let groups = strokes.map((stroke) => ({ strokes: [stroke], box: findBox([stroke], pen) }));
    for (let pair = findPair(groups, pen); pair; pair = findPair(groups, pen)) {
        const joined = pair.flatMap((group) => group.strokes);
        groups = groups.filter((group) => !pair.includes(group));
        groups.push({ strokes: joined, box: findBox(joined, pen) });
    }
    const largest = Math.max(...groups.map(({ box }) => longerSide(box)));
    return groups
        .filter(({ box }) => longerSide(box) > MIN_SIZE * largest)
        .sort((one, other) => one.box.left + one.box.right - other.box.left - other.box.right)
        .map((group) => group.strokes);
}

function findPair(groups, pen) {
    for (const [index, one] of groups.entries()) {
        for (const other of groups.slice(index + 1)) {
            const overlap = measureOverlap(one.box, other.box);
            if (overlap > MIN_OVERLAP) return [one, other];
            if (overlap > MIN_OVERLAP_TOUCHING && touch(one.strokes, other.strokes, pen)) return [one, other];
        }
    }
    return null;
}

function findBox(strokes, pen) {
    const places = strokes.flat(), half = pen / 2;
    const xs = places.map(([x]) => x), ys = places.map(([, y]) => y);
    return {
        left: Math.min(...xs) - half, right: Math.max(...xs) + half,
        top: Math.min(...ys) - half, bottom: Math.max(...ys) + half,
    };
}

function longerSide({ left, right, top, bottom }) {
    return Math.max(right - left, bottom - top);
}

function measureOverlap(one, other) {
    const common = Math.min(one.right, other.right) - Math.max(one.left, other.left);
    return common / Math.min(one.right - one.left, other.right - other.left);
}

function touch(some, others, pen) {
    const isNear = (place, stroke) => stroke.some((end, index) => {
        return squareDistance(place, stroke[Math.max(index - 1, 0)], end) <= pen ** 2;
    });
    const reach = (from, to) => from.some((stroke) => stroke.some((place) => to.some((each) => isNear(place, each))));
    return reach(some, others) || reach(others, some);
}
