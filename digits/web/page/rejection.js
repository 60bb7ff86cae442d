// Tells what does not look like a digit: a small network on the feature maps of the classifier, as
// digits/networks/rejection.py computes it.

import { decodeHalfFloats } from "./network.js";

// Make it of what the page holds: `inputs`, `hidden`, `threshold` and `weights` (base 85).
export function makeRejection({ inputs, hidden, threshold, weights }) {
    const all = decodeHalfFloats(weights);
    const ends = [inputs * hidden, (inputs + 1) * hidden, (inputs + 2) * hidden];
    if (all.length !== ends[2] + 1) throw new Error(`The rejection has ${all.length} weights, expected ${ends[2] + 1}`);
    return {
        threshold,
        kernels: all.subarray(0, ends[0]), bias: all.subarray(ends[0], ends[1]),
        output: all.subarray(ends[1], ends[2]), outputBias: all[ends[2]],
    };
}

// Score an image by its feature maps: higher is more like a digit.
export function scoreDigit({ kernels, bias, output, outputBias }, maps) {
    const features = pool(maps);
    return bias.reduce((sum, start, unit) => {
        const value = features.reduce((total, each, index) => total + each * kernels[index * bias.length + unit], start);
        return sum + Math.max(value, 0) * output[unit];
    }, outputBias);
}

// Means of 3x3 windows that overlap by one: of 7x7 places, 3x3 remain. By row, column, map.
export function pool({ side, values }) {
    const numMaps = values.length / side ** 2;
    const means = [];
    for (let top = 0; top + 3 <= side; top += 2) {
        for (let left = 0; left + 3 <= side; left += 2) {
            for (let map = 0; map < numMaps; map++) {
                let sum = 0;
                for (let place = 0; place < 9; place++) {
                    const y = top + Math.floor(place / 3), x = left + (place % 3);
                    sum += values[(y * side + x) * numMaps + map];
                }
                means.push(sum / 9);
            }
        }
    }
    return means;
}
