// Evens out the light on a photo, as digits/reading/lighting.py does.

import { filterByRank } from "./filters.js";
import { median, quantile } from "./lists.js";
import { looksInverted } from "./orientation.js";
import { clamp } from "../ink.js";
import { BOX, resize, roundHalfToEven } from "../to_mnist.js";

// Pixels, longer side: of the copy of a page on which the paper's brightness is measured, and of the smallest
// pages that are evened out.
const LIGHT_SIDE = 120, MIN_EVENED_SIDE = 240;
// The paper's brightness is this percentile within a window of so many pixels of the copy.
const PAPER_PERCENTILE = 75, PAPER_WINDOW = 11;
const MIN_EVENNESS = 0.4; // brightness of the darkest twentieth of the paper, as a share of the brightest
const DARKEST_PAPER = 0.1;
const BILINEAR = { reach: 1, weigh: (x) => Math.max(1 - Math.abs(x), 0) };

// Divide a page in uneven light by the brightness of its paper.
export function evenOut(page) {
    const { width, height, pixels } = page, longer = Math.max(width, height);
    if (longer < MIN_EVENED_SIDE) return page;
    const size = [width, height].map((side) => Math.max(1, roundHalfToEven((side * LIGHT_SIDE) / longer)));
    const copy = resize(page, ...size, BOX);
    const rounded = Uint8Array.from(copy.pixels, (value) => roundHalfToEven(Math.fround(255 * value)));
    const levels = filterByRank(rounded, ...size, PAPER_WINDOW, PAPER_PERCENTILE);
    if (quantile(levels, 0.05) >= MIN_EVENNESS * quantile(levels, 0.95) || looksInverted(page)) return page;
    const paper = Float32Array.from(levels, (level) => Math.max(level / 255, DARKEST_PAPER));
    const large = resize({ width: copy.width, height: copy.height, pixels: paper }, width, height, BILINEAR).pixels;
    const usual = median(paper);
    return { width, height, pixels: pixels.map((value, place) => clamp(value * (usual / large[place]), 0, 1)) };
}
