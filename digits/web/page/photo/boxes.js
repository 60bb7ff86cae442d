// Boxes: [left, top, right, bottom] in pixels.

import { median } from "./lists.js";

export const widthOf = (box) => box[2] - box[0];
export const heightOf = (box) => box[3] - box[1];
export const areaOf = (box) => widthOf(box) * heightOf(box);
export const middleOf = (box) => [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
export const longerSideOf = (box) => Math.max(widthOf(box), heightOf(box));

// Height of a digit; of a flat one, such as a 0 that lies, what its width says.
export const digitHeightOf = (box) => Math.max(heightOf(box), 0.6 * widthOf(box));

export function measureDigitHeight(boxes) {
    return median(boxes.map(digitHeightOf));
}

export function measureSharedArea(one, other) {
    const across = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
    const down = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
    return Math.max(across, 0) * Math.max(down, 0);
}

// The smallest box around all of them.
export function surround(boxes) {
    return [
        Math.min(...boxes.map((box) => box[0])), Math.min(...boxes.map((box) => box[1])),
        Math.max(...boxes.map((box) => box[2])), Math.max(...boxes.map((box) => box[3])),
    ];
}
