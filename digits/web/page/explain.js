// Measures what speaks for a prediction: patches of the image are covered with paper, one after the
// other, and the probability of the predicted digit falls.

import { classify } from "./network.js";
import { SIDE } from "./to_mnist.js";

export const PATCH = 6; // pixels to a side of a patch; strokes are 2 to 4 pixels wide
const PATCH_STEP = 2; // pixels from one patch to the next

// Measure for each pixel the mean fall over the patches that cover it, and the largest of all falls.
// Falls below 0, where a patch speaks against the digit, count as 0.
export function explain(network, image, digit) {
    const whole = classify(network, image).probabilities[digit];
    const sums = new Float64Array(image.length), counts = new Float64Array(image.length);
    let largest = 0;
    for (let top = 0; top <= SIDE - PATCH; top += PATCH_STEP) {
        for (let left = 0; left <= SIDE - PATCH; left += PATCH_STEP) {
            const places = listPlaces(left, top);
            const covered = image.slice();
            for (const place of places) covered[place] = 0;
            // Covering paper with paper changes nothing.
            const isInked = places.some((place) => image[place] > 0);
            const fall = isInked ? Math.max(whole - classify(network, covered).probabilities[digit], 0) : 0;
            largest = Math.max(largest, fall);
            for (const place of places) {
                sums[place] += fall;
                counts[place]++;
            }
        }
    }
    return { falls: sums.map((sum, place) => sum / counts[place]), largest };
}

function listPlaces(left, top) {
    return Array.from({ length: PATCH * PATCH }, (_, index) => {
        return (top + Math.floor(index / PATCH)) * SIDE + left + (index % PATCH);
    });
}
