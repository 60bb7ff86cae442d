// The two networks that read photos, as model.py and digits/networks/detector_model.py build them.

import { computeConvolution, makeLayer } from "./convolution.js";
import { clamp } from "../ink.js";
import { decodeHalfFloats, softmax } from "../network.js";

const LIGHT_BLOCK = 8, SMOOTHED_BLOCKS = 5; // of the local brightness, in pixels and in blocks

// Make the layers of a network of what the page holds: kernel size, stride, filters and inputs of each,
// whether it is rectified, and all weights.
export function makeLayers({ layers, weights }) {
    const all = decodeHalfFloats(weights);
    let used = 0;
    const take = (count) => all.subarray(used, (used += count));
    const made = layers.map(([kernel, stride, filters, inputs, isRectified]) => {
        const kernels = take(kernel * kernel * inputs * filters);
        return makeLayer({ kernel, stride, inputs, filters, isRectified }, kernels, take(filters));
    });
    if (used !== all.length) throw new Error(`The network has ${all.length} weights, expected ${used}`);
    return made;
}

// Compute the detector's cells for a page, {width, height, pixels}, whose sides are multiples of 8.
// `pause` is awaited between layers.
export async function computeCells(engine, layers, page, pause = () => {}) {
    const [half1, half2, quarter1, quarter2, eighth1, eighth2, eighth3, eighth4, quarter3, quarter4, cells] = layers;
    const convolveAll = async (maps, ...chosen) => {
        for (const layer of chosen) {
            maps = computeConvolution(engine, maps, layer);
            await pause();
        }
        return maps;
    };
    const { width, height } = page;
    const normalized = { height, width, channels: 1, values: normalizeContrast(page) };
    const quarter = await convolveAll(normalized, half1, half2, quarter1, quarter2);
    const eighth = await convolveAll(quarter, eighth1, eighth2, eighth3, eighth4);
    return convolveAll(addEnlarged(quarter, eighth), quarter3, quarter4, cells);
}

// Subtract the local brightness of a page, and divide by the local contrast.
export function normalizeContrast({ width, height, pixels }) {
    const ink = averageLocally(pixels, width, height);
    for (let place = 0; place < ink.length; place++) ink[place] -= pixels[place];
    const contrast = averageLocally(ink.map((value) => value * value), width, height);
    return ink.map((value, place) => clamp(value / (Math.sqrt(contrast[place]) + 0.01), -3, 6) / 2);
}

// Average over blocks, then over neighbouring blocks, and interpolate between these.
function averageLocally(values, width, height) {
    const columns = width / LIGHT_BLOCK, rows = height / LIGHT_BLOCK;
    const blocks = new Float32Array(columns * rows);
    for (let y = 0; y < height; y++) {
        const row = Math.floor(y / LIGHT_BLOCK) * columns;
        for (let x = 0; x < width; x++) blocks[row + Math.floor(x / LIGHT_BLOCK)] += values[y * width + x];
    }
    const smooth = new Float32Array(columns * rows), reach = (SMOOTHED_BLOCKS - 1) / 2;
    for (let y = 0; y < rows; y++) {
        for (let x = 0; x < columns; x++) {
            let total = 0, count = 0;
            for (let fromY = Math.max(y - reach, 0); fromY <= Math.min(y + reach, rows - 1); fromY++) {
                for (let fromX = Math.max(x - reach, 0); fromX <= Math.min(x + reach, columns - 1); fromX++) {
                    total += blocks[fromY * columns + fromX];
                    count++;
                }
            }
            smooth[y * columns + x] = total / (count * LIGHT_BLOCK ** 2);
        }
    }
    const find = (place, limit) => {
        const exact = (place + 0.5) / LIGHT_BLOCK - 0.5, below = Math.floor(exact);
        return [Math.max(below, 0), Math.min(below + 1, limit - 1), exact - below];
    };
    const across = Array.from({ length: width }, (_, x) => find(x, columns));
    const local = new Float32Array(width * height);
    for (let y = 0; y < height; y++) {
        const [top, bottom, down] = find(y, rows);
        for (let x = 0; x < width; x++) {
            const [left, right, share] = across[x];
            const topLeft = smooth[top * columns + left], bottomLeft = smooth[bottom * columns + left];
            const above = topLeft + (smooth[top * columns + right] - topLeft) * share;
            const below = bottomLeft + (smooth[bottom * columns + right] - bottomLeft) * share;
            local[y * width + x] = above + (below - above) * down;
        }
    }
    return local;
}

// Add maps of half the size, each value of which stands for four.
function addEnlarged(maps, small) {
    const { height, width, channels } = maps;
    const values = maps.values.slice();
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            const to = (y * width + x) * channels;
            const from = ((y >> 1) * small.width + (x >> 1)) * channels;
            for (let channel = 0; channel < channels; channel++) values[to + channel] += small.values[from + channel];
        }
    }
    return { height, width, channels, values };
}

// Make the classifier, whose last layer takes the means of feature maps.
export function makeClassifier(engine, { epsilon, side, layers, weights }) {
    const made = makeLayers({ layers, weights });
    const convolutions = made.slice(0, -1), logits = made.at(-1), numClasses = layers.at(-1)[2];
    // Compute the probabilities of the ten digits for an image of 28x28 pixels.
    return (image) => {
        let maps = { height: side, width: side, channels: 1, values: normalizeImage(image, epsilon) };
        for (const layer of convolutions) maps = computeConvolution(engine, maps, layer);
        const means = new Float32Array(maps.channels), count = maps.width * maps.height;
        maps.values.forEach((value, place) => (means[place % maps.channels] += value));
        const pooled = { height: 1, width: 1, channels: maps.channels, values: means.map((total) => total / count) };
        return softmax([...computeConvolution(engine, pooled, logits).values.subarray(0, numClasses)]);
    };
}

// Bring an image to mean 0 and variance 1.
function normalizeImage(image, epsilon) {
    const average = image.reduce((total, value) => total + value, 0) / image.length;
    const variance = image.reduce((total, value) => total + (value - average) ** 2, 0) / image.length;
    return Float32Array.from(image, (value) => (value - average) / Math.sqrt(variance + epsilon));
}
