// Computes the network: normalization, convolutions, the mean of each feature map, logits, softmax.
// Its weights are half-precision floats, one layer after the other: kernel, then bias.

// Digits of base 85, as Python's base64.b85encode has them, but with "," for "<".
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
const VALUES = new Map([...DIGITS].map((digit, value) => [digit, value]));

// Decode half-precision floats, little-endian, of which four bytes are five digits of base 85.
export function decodeHalfFloats(text) {
    const size = Math.floor(text.length * 4 / 5), view = new DataView(new ArrayBuffer(size + 3));
    for (let start = 0; start < text.length; start += 5) {
        let group = 0;
        for (let at = start; at < start + 5; at++) group = group * 85 + (VALUES.get(text[at]) ?? 84);
        view.setUint32(start / 5 * 4, group);
    }
    return Float32Array.from({ length: size / 2 }, (_, index) => toFloat(view.getUint16(2 * index, true)));
}

function toFloat(half) {
    const sign = half & 0x8000 ? -1 : 1, exponent = (half >> 10) & 31, fraction = half & 1023;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}

// Make a network of what the page holds; `layers` are the kernel size, stride and filters of each
// convolution, `weights` are in base 85.
export function makeNetwork({ epsilon, side, layers, numClasses, weights }) {
    const all = decodeHalfFloats(weights);
    let used = 0;
    const take = (count) => all.subarray(used, (used += count));
    let inputs = 1;
    const convolutions = layers.map(([kernel, stride, filters]) => {
        const kernels = take(kernel * kernel * inputs * filters);
        const layer = { kernel, stride, inputs, filters, kernels, bias: take(filters) };
        inputs = filters;
        return layer;
    });
    const dense = { kernels: take(inputs * numClasses), bias: take(numClasses) };
    if (used !== all.length) throw new Error(`The network has ${all.length} weights, expected ${used}`);
    return { epsilon, side, convolutions, dense };
}

// Compute the probability of each digit, and `maps`, the last feature maps, for one image.
export function classify(network, image) {
    let maps = { side: network.side, values: normalize(image, network.epsilon) };
    for (const layer of network.convolutions) maps = convolve(maps, layer);
    const { kernels, bias } = network.dense;
    const numMaps = network.convolutions.at(-1).filters;
    const means = new Float64Array(numMaps);
    maps.values.forEach((value, index) => (means[index % numMaps] += value / maps.side ** 2));
    const logits = Array.from(bias, (start, digit) =>
        means.reduce((sum, mean, map) => sum + mean * kernels[map * bias.length + digit], start));
    return { probabilities: softmax(logits), maps };
}

export function softmax(logits) {
    const most = Math.max(...logits);
    const powers = logits.map((logit) => Math.exp(logit - most));
    const total = powers.reduce((sum, power) => sum + power, 0);
    return powers.map((power) => power / total);
}

// Bring an image to mean 0 and variance 1.
function normalize(image, epsilon) {
    const mean = image.reduce((sum, value) => sum + value, 0) / image.length;
    const variance = image.reduce((sum, value) => sum + (value - mean) ** 2, 0) / image.length;
    return image.map((value) => (value - mean) / Math.sqrt(variance + epsilon));
}

// Convolve with padding "same", and replace what is below 0 by 0. Values are by row, column, map.
export function convolve({ side, values }, { kernel, stride, inputs, filters, kernels, bias }) {
    const newSide = Math.ceil(side / stride);
    const before = Math.floor(Math.max((newSide - 1) * stride + kernel - side, 0) / 2);
    const convolved = new Float32Array(newSide * newSide * filters);
    const sums = new Float64Array(filters);
    for (let y = 0; y < newSide; y++) {
        for (let x = 0; x < newSide; x++) {
            sums.set(bias);
            for (let down = 0; down < kernel; down++) {
                const fromY = y * stride + down - before;
                if (fromY < 0 || fromY >= side) continue;
                for (let across = 0; across < kernel; across++) {
                    const fromX = x * stride + across - before;
                    if (fromX < 0 || fromX >= side) continue;
                    for (let input = 0; input < inputs; input++) {
                        const value = values[(fromY * side + fromX) * inputs + input];
                        if (value === 0) continue; // as many are
                        const start = ((down * kernel + across) * inputs + input) * filters;
                        for (let map = 0; map < filters; map++) sums[map] += value * kernels[start + map];
                    }
                }
            }
            const place = (y * newSide + x) * filters;
            for (let map = 0; map < filters; map++) convolved[place + map] = Math.max(sums[map], 0);
        }
    }
    return { side: newSide, values: convolved };
}
