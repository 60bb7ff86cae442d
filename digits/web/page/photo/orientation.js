// Chooses the orientation of a page, and whether its ink is dark or light, as
// digits/reading/orientation.py does.

import { detect, labelOf, measureContrasts, NUM_DIGITS, NUM_SYMBOLS } from "./detect.js";
import { blurUniformly, NEAREST } from "./filters.js";
import { argsort, mean, sum } from "./lists.js";
import { clamp } from "../ink.js";
import { BOX, resize } from "../to_mnist.js";

const TURNED = NUM_SYMBOLS; // the first class of digits on a page that is not upright
const MIN_CONFIDENCE = 0.6; // of a digit: below it does not count
// The ink is dark if so many digits are detected with that mean confidence: light ink is not tried.
const CLEAR_WEIGHT = 1.1, CLEAR_CONFIDENCE = 0.6;
// Weight of ink of the brightness that the page does not look like, and by how much its contrast must be
// larger all the same, where that of one clear black digit on white paper is 1.
const LESS_LIKELY = 0.67, MIN_CONTRAST_GAIN = 0.02;
// Probability that a digit is detected as one of any other orientation, and digits that are detected
// as upright ones also after one, two or three quarter turns, because they look alike.
const ANY_ORIENTATION = 0.05;
const ALIKE = [[0, 1, 8], [0, 1, 2, 5, 6, 8, 9], [0, 1, 8]];
// Pages are upright unless another orientation's evidence is larger by so much; orientations that come as
// near to the best are tried.
const MIN_GAIN = 1, NEAR = 0.95;
// Evidence for an orientation of each digit that is detected in it, added to the log-likelihood: a 2 that
// is upside down may be none of the classes.
const DIGIT_EVIDENCE = 1.5;

// View a page with light and dark exchanged or not, after quarter turns anticlockwise.
export function viewPage(page, { isInverted, turns }) {
    const { width, height, pixels } = page;
    const viewed = turns % 2 ? { width: height, height: width } : { width, height };
    viewed.pixels = new Float32Array(pixels.length);
    // Where on the page the view's first pixel is, and the next ones across and down.
    const [first, across, down] = [
        [0, 1, width], [width - 1, width, -1], [width * height - 1, -1, -width], [(height - 1) * width, -width, 1],
    ][turns];
    for (let y = 0; y < viewed.height; y++) {
        for (let x = 0; x < viewed.width; x++) {
            const value = pixels[first + x * across + y * down];
            viewed.pixels[y * viewed.width + x] = isInverted ? 1 - value : value;
        }
    }
    return viewed;
}

// Find where boxes in a view are on the page itself.
export function turnBack(boxes, turns, { width, height }) {
    return boxes.map(([left, top, right, bottom]) => {
        const turned = [
            [left, top, right, bottom],
            [width - bottom, left, width - top, right],
            [width - right, height - bottom, width - left, height - top],
            [top, height - right, bottom, height - left],
        ][turns];
        return turned.map((edge, index) => clamp(edge, 0, index % 2 ? height : width));
    });
}

// Choose the view in which a page is read, and detect what is on it. `turns` are the quarter turns
// anticlockwise after which it is upright, null to find out.
export async function chooseView(network, page, turns, pause) {
    const isLikelyInverted = looksInverted(page), start = turns ?? 0, tried = [];
    const tryView = async (view) => {
        const viewed = viewPage(page, view), found = await detect(network, viewed, pause);
        return { view, page: viewed, found, judged: judge(viewed, found) };
    };
    for (const isInverted of [false, true]) {
        const here = await tryView({ isInverted, turns: start });
        tried.push(here);
        const isClear = here.judged.weight > CLEAR_WEIGHT && here.judged.confidence > CLEAR_CONFIDENCE;
        if (isClear && !isLikelyInverted) break; // ink is dark, as in nearly all photos
    }
    // Where both have digits, or what looks like some, ink has more contrast than paper's texture.
    const rate = ({ view, judged: { contrast } }) => {
        return view.isInverted === isLikelyInverted ? contrast + MIN_CONTRAST_GAIN : contrast * LESS_LIKELY;
    };
    const best = tried.reduce((one, other) => (rate(other) > rate(one) ? other : one));
    if (turns !== null) return best;
    const views = [best], totals = best.judged.logLikelihoods.map((value, turn) => value - (turn ? MIN_GAIN : 0));
    for (;;) {
        // Those not tried may have as many digits as the best.
        const most = Math.max(...views.filter(Boolean).map(({ judged }) => judged.weight));
        const evidence = totals.map((total, turn) => total + DIGIT_EVIDENCE * (views[turn]?.judged.weight ?? most));
        const ranked = argsort(evidence.map((value) => -value)), next = ranked.find((turn) => !views[turn]);
        if (next === undefined || evidence[next] < Math.max(...evidence) - NEAR) {
            return views[ranked.find((turn) => views[turn])];
        }
        const turned = await tryView({ isInverted: best.view.isInverted, turns: next });
        views[next] = turned;
        // The same page was seen from another side.
        turned.judged.logLikelihoods.forEach((value, turn) => (totals[(turn + next) % 4] += value));
    }
}

// Judge a page's orientation by what was detected on it: how likely each is, how many digits there
// are, their mean confidence, and the sum of their contrasts.
export function judge(page, detections) {
    const found = detections.filter((detection) => {
        const label = labelOf(detection);
        return label < NUM_DIGITS || label >= TURNED;
    });
    const weigh = (confidence) => Math.max((confidence - MIN_CONFIDENCE) / (1 - MIN_CONFIDENCE), 0) ** 2;
    const logLikelihoods = [0, 0, 0, 0];
    for (const { score, probabilities } of found) {
        const upright = sum(probabilities.slice(0, NUM_DIGITS)), turned = probabilities.slice(TURNED);
        const weight = weigh(score * (upright + sum(turned)));
        const fits = [upright, ...ALIKE.map((digits, turn) => turned[turn] + sum(digits.map((digit) => probabilities[digit])))];
        fits.forEach((fit, turn) => {
            logLikelihoods[turn] += weight * Math.log((fit + ANY_ORIENTATION) / (1 + ANY_ORIENTATION));
        });
    }
    const confidences = found.map(({ score, probabilities }) => score * Math.max(...probabilities));
    const counted = confidences.map(weigh), contrasts = measureContrasts(page, found);
    return {
        logLikelihoods,
        weight: sum(counted),
        confidence: found.length ? mean(confidences) : 0,
        contrast: sum(counted.map((weight, index) => weight * contrasts[index])),
    };
}

// Guess whether ink is light: it covers less area, so strong local differences are ink.
export function looksInverted(page) {
    const side = 200, { pixels } = resize(page, side, side, BOX);
    const local = blurUniformly(pixels, side, side, 51, NEAREST);
    return sum(local.map((value, place) => (value - pixels[place]) ** 3)) < 0;
}
