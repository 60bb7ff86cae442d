// Convolutions, which take nearly all of the time, in plain JavaScript or by convolution.wasm.
// Maps are {height, width, channels, values}: floats by row, column and channel.

export const BLOCK = 8; // filters that are computed at once
const MAX_STRIP = 1_000_000; // floats of a map that are padded and convolved at once

// Make a layer of its kernels, by row, column, input and filter, and its bias. They are stored in
// blocks of filters, the last of which is filled up with zeros.
export function makeLayer({ kernel, stride, inputs, filters, isRectified }, kernels, bias) {
    const numBlocks = Math.ceil(filters / BLOCK), count = kernel * kernel * inputs;
    const weights = new Float32Array(numBlocks * count * BLOCK), biases = new Float32Array(numBlocks * BLOCK);
    biases.set(bias);
    for (let from = 0; from < count; from++) {
        for (let filter = 0; filter < filters; filter++) {
            const block = Math.floor(filter / BLOCK);
            weights[(block * count + from) * BLOCK + (filter % BLOCK)] = kernels[from * filters + filter];
        }
    }
    return { kernel, stride, inputs, filters: numBlocks * BLOCK, isRectified, weights, biases };
}

// Convolve with padding "same", as TensorFlow does it: of an odd number, one more after the map.
export function computeConvolution(engine, map, layer) {
    const { kernel, stride } = layer;
    const height = Math.ceil(map.height / stride), width = Math.ceil(map.width / stride);
    const padBefore = (side, newSide) => Math.floor(Math.max((newSide - 1) * stride + kernel - side, 0) / 2);
    const top = padBefore(map.height, height), left = padBefore(map.width, width);
    const values = new Float32Array(height * width * layer.filters);
    const rowLength = ((width - 1) * stride + kernel) * map.channels;
    const most = Math.floor((MAX_STRIP / rowLength - kernel) / stride) + 1;
    const stripHeight = Math.min(height, Math.max(1, most));
    for (let start = 0; start < height; start += stripHeight) {
        const rows = Math.min(stripHeight, height - start);
        const strip = engine.makeStrip(((rows - 1) * stride + kernel) * rowLength);
        for (let row = 0; row < (rows - 1) * stride + kernel; row++) {
            const y = start * stride + row - top;
            if (y < 0 || y >= map.height) continue;
            const count = Math.min(map.width * map.channels, rowLength - left * map.channels);
            const from = y * map.width * map.channels;
            strip.set(map.values.subarray(from, from + count), row * rowLength + left * map.channels);
        }
        const convolved = engine.convolveStrip(strip, rowLength, rows, width, layer);
        values.set(convolved, start * width * layer.filters);
    }
    return { height, width, channels: layer.filters, values };
}

// The engine in plain JavaScript: two places and four filters at once.
export const plainEngine = {
    makeStrip: (length) => new Float32Array(length),
    convolveStrip(strip, rowLength, rows, width, layer) {
        const { kernel, stride, inputs, filters, isRectified, weights, biases } = layer;
        const convolved = new Float32Array(rows * width * filters);
        const run = kernel * inputs, step = stride * inputs, blockLength = kernel * run * BLOCK;
        for (let y = 0; y < rows; y++) {
            for (let filter = 0; filter < filters; filter += 4) {
                const firstWeight = Math.floor(filter / BLOCK) * blockLength + (filter % BLOCK);
                for (let x = 0; x < width; x += 2) {
                    // Of an odd number of places, the last is computed twice.
                    const next = x + 1 < width ? step : 0;
                    let a0 = biases[filter], a1 = biases[filter + 1], a2 = biases[filter + 2], a3 = biases[filter + 3];
                    let b0 = a0, b1 = a1, b2 = a2, b3 = a3;
                    let weight = firstWeight;
                    for (let down = 0; down < kernel; down++) {
                        const start = (y * stride + down) * rowLength + x * step, end = start + run;
                        for (let place = start; place < end; place++, weight += BLOCK) {
                            const a = strip[place], b = strip[place + next];
                            const w0 = weights[weight], w1 = weights[weight + 1];
                            const w2 = weights[weight + 2], w3 = weights[weight + 3];
                            a0 += a * w0; a1 += a * w1; a2 += a * w2; a3 += a * w3;
                            b0 += b * w0; b1 += b * w1; b2 += b * w2; b3 += b * w3;
                        }
                    }
                    const at = (y * width + x) * filters + filter;
                    convolved[at] = a0; convolved[at + 1] = a1; convolved[at + 2] = a2; convolved[at + 3] = a3;
                    if (!next) continue;
                    const other = at + filters;
                    convolved[other] = b0; convolved[other + 1] = b1; convolved[other + 2] = b2; convolved[other + 3] = b3;
                }
            }
        }
        if (isRectified) {
            for (let place = 0; place < convolved.length; place++) if (convolved[place] < 0) convolved[place] = 0;
        }
        return convolved;
    },
};

// The engine of convolution.c, compiled; plain JavaScript where the browser has no WebAssembly with
// SIMD, or does not let the page use it.
export function makeEngine(bytes) {
    let exported;
    try {
        exported = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
    } catch {
        return plainEngine;
    }
    const { memory, convolve, __heap_base: base } = exported;
    const start = Math.ceil(base.value / 16) * 16, places = new Map();
    let end = start; // of the weights, which stay where they are
    const reserve = (bytesNeeded) => {
        const missing = bytesNeeded - memory.buffer.byteLength;
        if (missing > 0) memory.grow(Math.ceil(missing / 65536));
    };
    const put = (values) => {
        const at = end;
        end += Math.ceil(values.byteLength / 16) * 16;
        reserve(end);
        new Float32Array(memory.buffer, at, values.length).set(values);
        return at;
    };
    return {
        makeStrip: (length) => new Float32Array(length),
        convolveStrip(strip, rowLength, rows, width, layer) {
            if (!places.has(layer)) places.set(layer, [put(layer.weights), put(layer.biases)]);
            const [weights, biases] = places.get(layer);
            const from = end, to = from + Math.ceil(strip.byteLength / 16) * 16;
            const length = rows * width * layer.filters;
            reserve(to + 4 * length);
            new Float32Array(memory.buffer, from, strip.length).set(strip);
            const { kernel, stride, inputs, filters, isRectified } = layer;
            convolve(from, rowLength, rows, width, kernel, stride, inputs, filters, weights, biases, Number(isRectified), to);
            return new Float32Array(memory.buffer, to, length);
        },
    };
}
