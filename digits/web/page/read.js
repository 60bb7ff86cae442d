// Reads a drawing: separates its digits, brings each into MNIST's format and classifies it.

import { drawInk } from "./ink.js";
import { classify } from "./network.js";
import { scoreDigit } from "./rejection.js";
import { segment } from "./segment.js";
import { toMnist } from "./to_mnist.js";

export const WIDTH = 480, HEIGHT = 320, PEN = 18; // pixels of the canvas and of its pen

// Read strokes with `reader`: {network, rejection, widths, threshold}. Each digit, from left to right,
// has `image` (28x28), `probabilities`, `label`, `probability`, `score`, `isDigit` and `isSure`.
export function readStrokes(reader, strokes) {
    return segment(strokes, PEN).map((each) => readInk(reader, drawInk(each, WIDTH, HEIGHT, PEN)));
}

// Read one digit: the mean of the predictions at several widths, the last of them its own.
export function readInk({ network, rejection, widths, threshold }, ink) {
    const images = toMnist(ink, widths);
    const classified = images.map((image) => classify(network, image));
    const probabilities = classified.at(-1).probabilities.map((_, digit) => {
        return classified.reduce((sum, each) => sum + each.probabilities[digit], 0) / widths.length;
    });
    const probability = Math.max(...probabilities);
    const score = scoreDigit(rejection, classified.at(-1).maps);
    const isDigit = score >= rejection.threshold;
    return {
        image: images.at(-1), probabilities, probability, label: probabilities.indexOf(probability),
        score, isDigit, isSure: isDigit && probability >= threshold,
    };
}
