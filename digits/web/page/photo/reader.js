// Reads the page of a photo, as digits/reading/reader.py does.

import { findAligned } from "./alignment.js";
import { areSidesOfRows, areStacked, findBoxRows, getBox, isOnSideOfRows, locateInRows } from "./box_rows.js";
import { measureDigitHeight } from "./boxes.js";
import { cutOut } from "./cut_out.js";
import { deskew, measureSkew } from "./deskew.js";
import { addSmall, detect, labelOf, measureGapBeside, NUM_DIGITS, NUM_SYMBOLS, selectWritten, WIDEST_BESIDE_DIGIT } from "./detect.js";
import { enlarge } from "./enlarge.js";
import { makeLines, measureSlope } from "./layout.js";
import { evenOut } from "./lighting.js";
import { argmax, argsort, listPairs, mostOf, sum } from "./lists.js";
import { makeClassifier, makeLayers } from "./networks.js";
import { chooseView, turnBack } from "./orientation.js";
import { isNumber } from "./results.js";
import { cutOutWithin, findRingParts } from "./rings.js";
import { findRules, NO_RULES } from "./rules.js";
import { selectSigns } from "./signs.js";
import { areInEmptyCells, arePiecesOfRules, areSidesOfBoxes, countFilled, findGrid, leaveOutOnes } from "./tables.js";
import { findWords } from "./words.js";
import { toMnist } from "../to_mnist.js";

const SYMBOLS = [..."0123456789.,-+/:×÷=%()"];
const MIN_PROBABILITY = 0.48; // that there is a digit or sign, and that it is the most likely one
// On the smallest pictures, which show one digit: an answer that is not sure is better than none.
const MIN_SMALL_PROBABILITY = 0.2;
const MIN_PROBABILITY_BESIDE = 0.3; // the same of what stands beside a digit of at least SURE
const TALL_STROKES = ["1", "/", "(", ")"]; // what a part of a box's side looks like
const SURE = 0.8; // from this probability on a digit or sign is sure
// Share of the signs in a detection's probabilities: it is a sign from the first on, and between the other
// two it is not sure, whichever it is.
const SIGN_SHARE = 0.5, DOUBTFUL_SHARES = [0.25, 0.75];
const MIN_BESIDE_BOXES = 0.5; // share of the digits in no boxes for a digit each, for there to be a table
// A table without rules is one if it has so many times the filled cells of the table with rules.
const MORE_FILLED = 1.3;
// Pages with fewer digits and signs are not deskewed: those of one line are read as well at a slant.
const MIN_DESKEWED = 8;

// Make a reader of `data`: {detector, classifier, widths}, and of an engine for convolutions. `pause` is
// awaited between parts of the work, with words that say what is being done.
export function makeReader(engine, { detector, classifier, widths }, pause = () => {}) {
    const network = { engine, layers: makeLayers(detector) }, classify = makeClassifier(engine, classifier);

    // Read a grey page, {width, height, pixels}: {lines, table, turns, isInverted, skew}. `turns` are the
    // quarter turns anticlockwise after which it is upright, null to find out; `skew` the degrees anticlockwise by
    // which it was then rotated so that its rules are level.
    return async (grey, turns = null) => {
        const enlarged = enlarge(evenOut(grey));
        const pauseToDetect = () => pause("Looking for digits");
        const { view, page: viewed, found: detected } = await chooseView(network, enlarged.page, turns, pauseToDetect);
        let { written, weak } = selectWritten(viewed, await addSmall(network, viewed, detected, pauseToDetect));
        const deskewed = deskew(viewed, written.length >= MIN_DESKEWED ? measureSkew(viewed) : 0), { page } = deskewed;
        if (deskewed.skew) {
            const again = await detect(network, page, pauseToDetect);
            ({ written, weak } = selectWritten(page, await addSmall(network, page, again, pauseToDetect)));
        }
        let found = takeSymbols(written), pageRules = NO_RULES, rows = [];
        if (found.length) {
            await pause("Looking for tables");
            const foundBoxes = found.map(({ box }) => box), digitHeight = measureDigitHeight(foundBoxes);
            pageRules = leaveOutOnes(findRules(page, digitHeight), foundBoxes);
            await pause("Looking for tables");
            found = addInEmptyCells(pageRules, found, takeSymbols(weak));
            const boxes = found.map(({ box }) => box);
            const isStroke = (detection) => TALL_STROKES.includes(SYMBOLS[labelOf(detection)]);
            // Other signs stand between digits, or are specks where rules cross.
            const candidates = found.filter((detection) => labelOf(detection) < NUM_DIGITS || isStroke(detection));
            const candidateBoxes = candidates.map(({ box }) => box), areStrokes = candidates.map(isStroke);
            rows = findBoxRows(page, pageRules, candidateBoxes, areStrokes, digitHeight);
            const areSides = areSidesOfBoxes(pageRules, boxes), arePieces = arePiecesOfRules(pageRules, boxes);
            const areOfRows = areSidesOfRows(rows, candidateBoxes, areStrokes);
            const sides = new Set(candidates.filter((_, index) => areOfRows[index]));
            found = found.filter((detection, index) => !areSides[index] && !arePieces[index] && !sides.has(detection));
        }
        const toPhoto = (boxes) => enlarged.toPhoto(turnBack(deskewed.turnBack(boxes), view.turns, enlarged.page));
        const named = nameDetections(found, rows, enlarged.isEnlarged);
        let digits = [];
        const detectedDigits = named.filter(({ isSign }) => !isSign);
        for (const [index, detection] of detectedDigits.entries()) {
            if (index % 8 === 0) await pause(`Reading ${detectedDigits.length} digits`);
            digits.push(recognizeDigit(page, pageRules, detection, classify, widths));
        }
        const least = enlarged.isEnlarged ? MIN_SMALL_PROBABILITY : MIN_PROBABILITY;
        const sureBoxes = digits.filter(({ probability }) => probability >= SURE).map(({ box }) => box);
        digits = digits.filter(({ probability, box }) => probability > least
            || (probability > MIN_PROBABILITY_BESIDE && sureBoxes.some((sureBox) => measureGapBeside(box, sureBox) < WIDEST_BESIDE_DIGIT)));
        let boxes = digits.map(({ box }) => box);
        const slope = measureSlope(boxes);
        let signs = selectSigns(named.filter(({ isSign }) => isSign).flatMap(nameSign), boxes, slope);
        const inRings = findRingParts(page, pageRules, [...digits, ...signs]);
        signs = signs.filter((_, index) => !inRings[digits.length + index].isPart);
        digits = digits.map((digit, index) => ({ ...digit, isSure: digit.isSure && !inRings[index].isCircled }))
            .filter((_, index) => !inRings[index].isPart);
        [digits, signs] = leaveOutSignsOnBoxes(rows, digits, signs);
        boxes = digits.map(({ box }) => box);
        let signBoxes = signs.map(({ box }) => box), grid = null;
        const numBeside = boxes.filter((box) => locateInRows(rows, box)[0] < 0).length;
        if (areStacked(rows) || numBeside > MIN_BESIDE_BOXES * boxes.length) grid = findGrid(pageRules, boxes, signBoxes);
        if (grid) {
            const areSure = [...digits, ...signs].map(({ isSure }) => isSure);
            const words = findWords(page, grid.rules, [...boxes, ...signBoxes], areSure), ofSigns = words.slice(boxes.length);
            digits = digits.map((digit, index) => ({ ...digit, isSure: digit.isSure && !words[index].isUnread }))
                .filter((_, index) => !words[index].isInWord);
            signs = signs.filter((_, index) => !ofSigns[index].isInWord);
            boxes = digits.map(({ box }) => box);
            signBoxes = signs.map(({ box }) => box);
            grid = findGrid(pageRules, boxes, signBoxes);
        }
        const both = [...boxes, ...signBoxes], photoBoxes = toPhoto(both);
        const symbols = [...digits, ...signs].map((symbol, index) => ({ ...symbol, box: photoBoxes[index] }));
        const inBoxes = both.map((box) => locateInRows(rows, box)), texts = signs.map(({ text }) => text);
        if (!rows.length) {
            const aligned = findAligned(boxes, texts, signBoxes, makeLines(boxes, texts, signBoxes, slope), slope);
            const isBetter = aligned && (!grid
                || countFilled(aligned, boxes.length) > MORE_FILLED * countFilled(grid, boxes.length));
            if (isBetter) grid = aligned;
        }
        const places = grid?.places ?? null;
        places?.forEach(([row], index) => {
            if (row >= 0) inBoxes[index] = [-1, -1];
        });
        const lines = makeLines(boxes, texts, signBoxes, slope, places, inBoxes.map(([row]) => row));
        const makeGap = (row, index) => ({ kind: "gap", text: "_", box: toPhoto([getBox(rows[row], index)])[0] });
        const made = lines.map((line) => line.map((part) => makePart(part, symbols, inBoxes, makeGap)));
        const firsts = lines.flat().map(([index]) => index);
        const table = grid && makeTable(grid, made.flat(), firsts, toPhoto);
        return { lines: made, table, turns: view.turns, isInverted: view.isInverted, skew: deskewed.skew };
    };
}

// Leave out the classes that are no symbols.
function takeSymbols(found) {
    return found.map(({ box, score, probabilities }) => {
        const ofSymbols = probabilities.slice(0, NUM_SYMBOLS), total = sum(ofSymbols);
        return { box, score: score * total, probabilities: ofSymbols.map((probability) => probability / total) };
    });
}

// Leave out what looks like a sign on a side of a box or beside a digit in its box. A sign that is sure is kept.
// Digits in the box of one that is left out, and in the boxes before and after it, are not sure: it may have been
// a decimal point.
function leaveOutSignsOnBoxes(rows, digits, signs) {
    const placesOf = (symbols) => symbols.map(({ box }) => locateInRows(rows, box));
    const digitPlaces = placesOf(digits), signPlaces = placesOf(signs);
    const isNear = ([row, place], [otherRow, other], most) => row === otherRow && Math.abs(place - other) <= most;
    const areLeftOut = signs.map(({ box, isSure }, index) => {
        const isInBox = digitPlaces.some((place) => isNear(place, signPlaces[index], 0));
        return signPlaces[index][0] >= 0 && !isSure && (isInBox || isOnSideOfRows(rows, box));
    });
    const leftOut = signPlaces.filter((_, index) => areLeftOut[index]);
    const isDoubtful = (place) => leftOut.some((other) => isNear(place, other, 1));
    return [
        digits.map((digit, index) => ({ ...digit, isSure: digit.isSure && !isDoubtful(digitPlaces[index]) })),
        signs.filter((_, index) => !areLeftOut[index]),
    ];
}

// Take weak detections in cells between rules in which nothing else is.
function addInEmptyCells(rules, found, weak) {
    const [boxes, others] = [weak, found].map((detections) => detections.map(({ box }) => box));
    const inEmpty = areInEmptyCells(rules, boxes, others);
    return [...found, ...weak.filter((_, index) => inEmpty[index])];
}

// Tell of each detection whether it is a sign, and whether that is doubtful.
function nameDetections(found, rows, isSmallest) {
    const named = found.map((detection) => nameDetection(detection, rows));
    if (!isSmallest || !named.every(({ isSign }) => isSign)) return named;
    // A stroke that fills the smallest pictures is a 1, however much it leans.
    return named.map((detection) => {
        return [",", "/", "(", ")"].includes(detection.name) ? { ...detection, isSign: false, isDoubtful: true } : detection;
    });
}

function nameDetection(detection, rows) {
    const probabilities = takeBracketForOne(detection, rows), share = sum(probabilities.slice(NUM_DIGITS));
    return {
        ...detection,
        probabilities,
        name: SYMBOLS[argmax(probabilities)],
        isDoubtful: share > DOUBTFUL_SHARES[0] && share < DOUBTFUL_SHARES[1],
        isSign: share >= SIGN_SHARE,
    };
}

// In a box, what looks like a bracket is a 1.
function takeBracketForOne({ probabilities, box }, rows) {
    const brackets = ["(", ")"].map((text) => SYMBOLS.indexOf(text));
    if (!brackets.includes(argmax(probabilities)) || locateInRows(rows, box)[0] < 0) return probabilities;
    const moved = [...probabilities];
    for (const bracket of brackets) {
        moved[1] += moved[bracket];
        moved[bracket] = 0;
    }
    return moved;
}

// The mean of the detector's probabilities and the classifier's at several widths: the detector uses the
// surroundings of a digit and the classifier its details. A ring around a digit is taken off; it stays unsure.
function recognizeDigit(page, rules, { box, score, probabilities, isDoubtful }, classify, widths) {
    const ofDigits = probabilities.slice(0, NUM_DIGITS), total = Math.max(sum(ofDigits), 1e-9);
    const ink = cutOut(page, box), own = classifyAtWidths(ink, classify, widths);
    let mixed = ofDigits.map((each, digit) => (each / total + own[digit]) / 2);
    const isUnclear = mostOf(mixed) < SURE, within = isUnclear ? cutOutWithin(page, rules, box, ink) : null;
    if (within) {
        const again = classifyAtWidths(within, classify, widths);
        if (mostOf(again) > mostOf(mixed)) mixed = again;
    }
    const [label, runnerUp] = argsort(mixed.map((probability) => -probability));
    const probability = score * mixed[label], isSure = probability >= SURE && !isDoubtful && !isUnclear;
    return { kind: "digit", text: String(label), label, runnerUp, probability, isSure, box };
}

function classifyAtWidths(ink, classify, widths) {
    const classified = toMnist(ink, widths).map(classify);
    return Array.from({ length: NUM_DIGITS }, (_, digit) => sum(classified.map((each) => each[digit])) / widths.length);
}

// Name a detected sign; a list of it, or of nothing if it is not probable.
function nameSign({ box, score, probabilities, isDoubtful }) {
    const ofSigns = probabilities.slice(NUM_DIGITS), best = argmax(ofSigns), probability = score * ofSigns[best];
    const sign = { kind: "sign", text: SYMBOLS[NUM_DIGITS + best], probability, isSure: probability >= SURE && !isDoubtful, box };
    return probability > MIN_PROBABILITY ? [sign] : [];
}

// Make a number of symbols and the empty boxes between them, or take the sign that is alone.
function makePart(indices, symbols, inBoxes, makeGap) {
    const chosen = [symbols[indices[0]]];
    for (const [before, after] of listPairs(indices)) {
        const [row, start] = inBoxes[before], [otherRow, end] = inBoxes[after];
        if (row >= 0 && otherRow === row) for (let index = start + 1; index < end; index++) chosen.push(makeGap(row, index));
        chosen.push(symbols[after]);
    }
    return chosen.length === 1 && chosen[0].kind === "sign" ? chosen[0] : { kind: "number", symbols: chosen };
}

// Make the table of the parts in it: {cells, rules, isRuled}. An empty cell is null.
function makeTable({ places, shape: [numRows, numColumns], rules, isRuled }, parts, firsts, toPhoto) {
    const cells = Array.from({ length: numRows }, () => new Array(numColumns).fill(null));
    parts.forEach((part, number) => {
        const [row, column] = places[firsts[number]];
        if (row >= 0) (cells[row][column] ??= []).push(part);
    });
    const ends = [...rules.rows, ...rules.columns].flatMap(([x, y, otherX, otherY]) => [[x, y, x, y], [otherX, otherY, otherX, otherY]]);
    const onPhoto = toPhoto(ends).map(([x, y]) => [x, y]);
    return {
        // A dash alone says that there is nothing.
        cells: cells.map((row) => row.map((cell) => (cell?.some(isNumber) ? cell : null))),
        rules: Array.from({ length: onPhoto.length / 2 }, (_, index) => [...onPhoto[2 * index], ...onPhoto[2 * index + 1]]),
        isRuled,
    };
}
