// Filters of SciPy's ndimage on images, row by row.

// Label the connected parts of what is not 0, diagonal neighbours too: labels from 1 on, in the order
// of their first pixels.
export function labelParts(mask, width, height) {
    const labels = new Int32Array(mask.length), waiting = [];
    let count = 0;
    for (let first = 0; first < mask.length; first++) {
        if (!mask[first] || labels[first]) continue;
        labels[first] = ++count;
        waiting.push(first);
        while (waiting.length) {
            const place = waiting.pop(), x = place % width, y = (place - x) / width;
            for (let otherY = Math.max(y - 1, 0); otherY <= Math.min(y + 1, height - 1); otherY++) {
                for (let otherX = Math.max(x - 1, 0); otherX <= Math.min(x + 1, width - 1); otherX++) {
                    const other = otherY * width + otherX;
                    if (!mask[other] || labels[other]) continue;
                    labels[other] = count;
                    waiting.push(other);
                }
            }
        }
    }
    return { labels, count };
}

// How a line goes on beyond its ends: as its last pixel, or mirrored.
export const NEAREST = (place, length) => Math.min(Math.max(place, 0), length - 1);
export function REFLECTED(place, length) {
    const within = ((place % (2 * length)) + 2 * length) % (2 * length);
    return within < length ? within : 2 * length - 1 - within;
}

// Apply a filter to each row of an image: `filter(from, to, length)` takes a line and fills another.
export function filterRows(values, width, height, filter) {
    const filtered = new Float32Array(values.length), line = new Float64Array(width), made = new Float64Array(width);
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) line[x] = values[y * width + x];
        filter(line, made, width);
        filtered.set(made, y * width);
    }
    return filtered;
}

export function filterColumns(values, width, height, filter) {
    const filtered = new Float32Array(values.length), line = new Float64Array(height), made = new Float64Array(height);
    for (let x = 0; x < width; x++) {
        for (let y = 0; y < height; y++) line[y] = values[y * width + x];
        filter(line, made, height);
        for (let y = 0; y < height; y++) filtered[y * width + x] = made[y];
    }
    return filtered;
}

// Make a line longer by so many pixels before and after it, so that filters need not look for its ends.
function extendLine(line, length, before, after, extend) {
    const longer = new Float64Array(before + length + after);
    longer.set(line, before);
    for (let place = -before; place < 0; place++) longer[place + before] = line[extend(place, length)];
    for (let place = length; place < length + after; place++) longer[place + before] = line[extend(place, length)];
    return longer;
}

// The mean over so many pixels; of an even number, one more before than after the pixel.
export function makeUniform(size, extend = REFLECTED) {
    const before = size >> 1, after = size - before - 1;
    return (from, to, length) => {
        const line = extendLine(from, length, before, after + 1, extend);
        let total = 0;
        for (let place = 0; place < size; place++) total += line[place];
        for (let place = 0; place < length; place++) {
            to[place] = total / size;
            total += line[place + size] - line[place];
        }
    };
}

export function makeMaximum(size) {
    const before = size >> 1, after = size - before - 1;
    return (from, to, length) => {
        const line = extendLine(from, length, before, after, REFLECTED);
        for (let place = 0; place < length; place++) {
            let most = line[place];
            for (let other = place + 1; other < place + size; other++) if (line[other] > most) most = line[other];
            to[place] = most;
        }
    };
}

export function makeGaussian(deviation) {
    const reach = Math.trunc(4 * deviation + 0.5);
    const weights = Float64Array.from({ length: 2 * reach + 1 }, (_, place) => {
        return Math.exp((-0.5 * (place - reach) ** 2) / deviation ** 2);
    });
    const total = weights.reduce((before, weight) => before + weight, 0);
    return (from, to, length) => {
        const line = extendLine(from, length, reach, reach, REFLECTED);
        for (let place = 0; place < length; place++) {
            let sum = 0;
            for (let at = 0; at < weights.length; at++) sum += weights[at] * line[place + at];
            to[place] = sum / total;
        }
    };
}

// Of whole numbers from 0 to 255, that percentile in a window of odd size around each; beyond the edge of the
// image are its last pixels. A histogram moves along each row.
export function filterByRank(values, width, height, size, percentile) {
    const half = size >> 1, rank = Math.floor((size * size * percentile) / 100), filtered = new Uint8Array(values.length);
    for (let y = 0; y < height; y++) {
        const counts = new Int32Array(256);
        const count = (x, change) => {
            for (let down = -half; down <= half; down++) {
                counts[values[NEAREST(y + down, height) * width + NEAREST(x, width)]] += change;
            }
        };
        for (let x = -half; x < half; x++) count(x, 1);
        for (let x = 0; x < width; x++) {
            count(x + half, 1);
            let level = 0, below = counts[0];
            while (below <= rank) below += counts[++level];
            filtered[y * width + x] = level;
            count(x - half, -1);
        }
    }
    return filtered;
}

export function blurUniformly(values, width, height, size, extend) {
    const filter = makeUniform(size, extend);
    return filterRows(filterColumns(values, width, height, filter), width, height, filter);
}

// Make what is not 0 grow by so many pixels to each side.
export function dilate(mask, width, height, across, down) {
    const rows = new Uint8Array(mask.length), grown = new Uint8Array(mask.length);
    for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
            if (mask[y * width + x]) rows.fill(1, y * width + Math.max(x - across, 0), y * width + Math.min(x + across, width - 1) + 1);
        }
    }
    for (let place = 0; place < rows.length; place++) {
        if (!rows[place]) continue;
        for (let step = -down; step <= down; step++) {
            const other = place + step * width;
            if (other >= 0 && other < rows.length) grown[other] = 1;
        }
    }
    return grown;
}
