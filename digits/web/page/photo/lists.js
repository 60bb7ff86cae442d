// What NumPy does with lists of numbers.

export function sum(values) {
    let total = 0;
    for (const value of values) total += value;
    return total;
}

export function mean(values) {
    return sum(values) / values.length;
}

// Indices that sort numbers in ascending order; equal ones stay in their order.
export function argsort(values) {
    return Array.from(values, (_, index) => index).sort((one, other) => values[one] - values[other]);
}

// Index of the largest number, the first of equal ones.
export function argmax(values) {
    let best = 0;
    for (let index = 1; index < values.length; index++) if (values[index] > values[best]) best = index;
    return best;
}

export function sortNumbers(values) {
    return Float64Array.from(values).sort();
}

// The number below which that share of the numbers is, interpolated between two of them.
export function quantile(values, share) {
    return quantileOfSorted(sortNumbers(values), share);
}

export function quantileOfSorted(sorted, share) {
    const place = share * (sorted.length - 1), below = Math.floor(place);
    const low = sorted[below], high = sorted[Math.min(below + 1, sorted.length - 1)], rest = place - below;
    return rest < 0.5 ? low + (high - low) * rest : high - (high - low) * (1 - rest);
}

export function median(values) {
    const sorted = sortNumbers(values), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

export function leastOf(values, start = Infinity) {
    for (const value of values) if (value < start) start = value;
    return start;
}

export function mostOf(values, start = -Infinity) {
    for (const value of values) if (value > start) start = value;
    return start;
}

// Each two neighbours in a list.
export function listPairs(values) {
    return values.slice(1).map((value, index) => [values[index], value]);
}
