import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { findAligned } from "../../../../digits/web/page/photo/alignment.js";
import { areSidesOfRows, isOnSideOfRows } from "../../../../digits/web/page/photo/box_rows.js";
import { computeConvolution, makeEngine, makeLayer, plainEngine } from "../../../../digits/web/page/photo/convolution.js";
import { cutOut } from "../../../../digits/web/page/photo/cut_out.js";
import { deskew, measureSkew } from "../../../../digits/web/page/photo/deskew.js";
import { enlarge } from "../../../../digits/web/page/photo/enlarge.js";
import {
    blurUniformly, dilate, filterByRank, filterColumns, filterRows, labelParts, makeGaussian, makeMaximum, makeUniform,
    NEAREST,
} from "../../../../digits/web/page/photo/filters.js";
import { evenOut } from "../../../../digits/web/page/photo/lighting.js";
import { makeLines, measureSlope } from "../../../../digits/web/page/photo/layout.js";
import { computeCells, makeClassifier, makeLayers } from "../../../../digits/web/page/photo/networks.js";
import { COLUMNS, formatCsv, parseValue } from "../../../../digits/web/page/photo/results.js";
import { cutOutWithin, findRing, findRingParts, takeOffRing } from "../../../../digits/web/page/photo/rings.js";
import { findRules } from "../../../../digits/web/page/photo/rules.js";
import { shrink, toGrey } from "../../../../digits/web/page/photo/shrink.js";
import { selectSigns } from "../../../../digits/web/page/photo/signs.js";
import { areInEmptyCells, arePiecesOfRules, findGrid, leaveOutOnes } from "../../../../digits/web/page/photo/tables.js";
import { BICUBIC, BOX, findOtsuThreshold, resize } from "../../../../digits/web/page/to_mnist.js";
import { readFixtures } from "../fixtures.js";
import { describePage, loadPage, makeReaderOf } from "./read_pages.js";

const fixtures = readFixtures();
const options = { skip: !fixtures };
const engine = fixtures && makeEngine(Buffer.from(fixtures.data.wasm, "base64"));

function toImage({ width, height, pixels }) {
    return { width, height, pixels: Float32Array.from(pixels) };
}

function assertClose(made, expected, most) {
    assert.equal(made.length, expected.length);
    let worst = 0;
    made.forEach((value, place) => (worst = Math.max(worst, Math.abs(value - expected[place]))));
    assert.ok(worst <= most, `off by ${worst}`);
}

test("cells of a page are Keras's", options, async () => {
    const { cells: { page, made }, numOutputs, data } = fixtures;
    const { channels, values } = await computeCells(engine, makeLayers(data.detector), toImage(page));
    assertClose(values.filter((_, place) => place % channels < numOutputs), made, 1e-3);
});

test("probabilities of a digit are Keras's", options, () => {
    const classify = makeClassifier(engine, fixtures.data.classifier);
    assertClose(classify(Float32Array.from(fixtures.classified.image)), fixtures.classified.probabilities, 1e-4);
});

test("images are resized as by Pillow", options, () => {
    for (const { image, method, made } of fixtures.resized) {
        const resized = resize(toImage(image), made.width, made.height, { BOX, BICUBIC }[method]);
        assertClose(resized.pixels, made.pixels, 1e-5);
    }
});

test("large photos are shrunk as by Pillow, to the last bit", options, () => {
    for (const { width, height, photo, shrunk, size, grey } of fixtures.shrunk) {
        const made = shrink({ width, height, pixels: new Uint8Array(readFileSync(photo)) }, false);
        assert.deepEqual([made.width, made.height], size);
        assertClose(made.pixels, readFileSync(shrunk), 0);
        assertClose(toGrey(made).pixels.subarray(0, grey.length), grey, 1e-7);
    }
});

test("a JPEG file is halved first where Pillow's decoder would do so", () => {
    const pixels = Uint8Array.from({ length: 6_000_000 }, (_, place) => 40 * (Math.floor(place / 3) % 2));
    const made = shrink({ width: 20_000, height: 100, pixels }, true);
    assert.deepEqual([made.width, made.height], [10_000, 50]);
    assert.ok(made.pixels.every((value) => value === 20));
});

test("filters are SciPy's", options, () => {
    const { image, uniform, mean, gaussian, maximum, ranked, mask, dilated, labels } = fixtures.filters;
    const { width, height, pixels } = toImage(image);
    for (const { size, made } of uniform) assertClose(blurUniformly(pixels, width, height, size, NEAREST), made.flat(), 1e-6);
    assertClose(filterRows(pixels, width, height, makeUniform(6)), mean.flat(), 1e-6);
    assertClose(filterColumns(pixels, width, height, makeGaussian(1.3)), gaussian.flat(), 1e-6);
    assertClose(filterColumns(pixels, width, height, makeMaximum(4)), maximum.flat(), 0);
    assertClose(filterByRank(ranked.values.flat(), width, height, 15, 75), ranked.made.flat(), 0);
    assertClose(dilate(mask.pixels, mask.width, mask.height, 2, 1), dilated.flat(), 0);
    assertClose(labelParts(mask.pixels, mask.width, mask.height).labels, labels.flat(), 0);
});

test("Otsu's threshold in double precision is scikit-image's", options, () => {
    for (const { region, threshold } of fixtures.thresholds) {
        assert.ok(Math.abs(findOtsuThreshold(Float64Array.from(region), Number) - threshold) < 1e-12);
    }
});

test("digits are cut out as in Python", options, () => {
    for (const { box, ink } of fixtures.cutOut) assertClose(cutOut(toImage(fixtures.cells.page), box).pixels, ink.pixels, 0);
});

test("a ring is taken off as in Python", options, () => {
    for (const { ink, within } of fixtures.circled) {
        const made = takeOffRing(toImage(ink));
        if (!within) assert.equal(made, null);
        else assertClose(made.pixels, within.pixels, 0);
    }
});

test("a ring around a digit's box is found and left out as in Python", options, () => {
    for (const { page, rules, boxes, texts, probabilities, ring, within, isPart, isCircled } of fixtures.rings) {
        const image = toImage(page), found = findRing(image, rules, boxes[0]);
        assert.equal(found === null, ring === null);
        for (const [name, value] of Object.entries(ring ?? {})) assert.ok(Math.abs(found[name] - value) < 1e-6, name);
        const made = cutOutWithin(image, rules, boxes[0], cutOut(image, boxes[0]));
        assert.equal(made === null, within === null);
        if (within) assertClose(made.pixels, within.pixels, 0);
        const symbols = texts.map((text, index) => ({ text, box: boxes[index], probability: probabilities[index] }));
        const parts = findRingParts(image, rules, symbols);
        assert.deepEqual(parts.map((part) => part.isPart), isPart);
        assert.deepEqual(parts.map((part) => part.isCircled), isCircled);
    }
});

test("a small picture is enlarged as in Python", options, () => {
    const { small, page } = fixtures.enlarged;
    const { page: made, toPhoto } = enlarge(toImage(small));
    assert.deepEqual([made.width, made.height], [page.width, page.height]);
    assertClose(made.pixels, page.pixels, 1e-5);
    assert.deepEqual(toPhoto([[0, 0, made.width, made.height]]), [[0, 0, small.width, small.height]]);
});

test("light is evened out as in Python", options, () => {
    const { shaded, page } = fixtures.evened, made = evenOut(toImage(shaded));
    assertClose(made.pixels, page.pixels, 1e-5);
});

test("rules are found as in Python", options, () => {
    const { page, ...expected } = fixtures.rules, found = findRules(toImage(page), 20);
    for (const [name, lines] of Object.entries(expected)) assertClose(found[name].flat(), lines.flat(), 1e-3);
});

test("signs are selected, and lines and tables without rules made, as in Python", options, () => {
    for (const { boxes, detected, slope, kept, lines, grid } of fixtures.layouts) {
        assert.ok(Math.abs(measureSlope(boxes) - slope) < 1e-9);
        const selected = selectSigns(detected, boxes, slope);
        assert.deepEqual(selected, kept);
        const texts = selected.map(({ text }) => text), signBoxes = selected.map(({ box }) => box);
        const made = makeLines(boxes, texts, signBoxes, slope);
        assert.deepEqual(made, lines);
        const found = findAligned(boxes, texts, signBoxes, made, slope);
        assert.deepEqual(found && { places: found.places, shape: found.shape }, grid);
    }
});

test("tables with rules, and sudokus, are found as in Python", options, () => {
    for (const { rules, boxes, grid, inEmpty, strokes, arePieces, columnsLeft } of fixtures.tables) {
        assert.deepEqual(arePiecesOfRules(rules, strokes), arePieces);
        assert.deepEqual(leaveOutOnes(rules, strokes).columns, columnsLeft);
        const found = findGrid(rules, boxes, []);
        assert.deepEqual(areInEmptyCells(rules, boxes.slice(0, 15), boxes.slice(15)), inEmpty);
        assert.deepEqual(found && { places: found.places, shape: found.shape }, grid);
    }
});

test("tilted pages are deskewed as in Python", options, () => {
    for (const { skew, shape, pixels, boxes, turnedBack, ...file } of fixtures.tilted) {
        const page = loadPage(file);
        assert.equal(measureSkew(page), skew);
        const deskewed = deskew(page, skew), { width, height } = deskewed.page;
        assert.deepEqual([height, width], shape);
        const sampled = pixels.map((row, y) => row.map((_, x) => deskewed.page.pixels[40 * y * width + 40 * x]));
        assertClose(sampled.flat(), pixels.flat(), 1e-6);
        assertClose(deskewed.turnBack(boxes).flat(), turnedBack.flat(), 1e-9);
    }
});

test("sides of boxes are told from digits as in Python", options, () => {
    for (const { sides, boxes, areStrokes, areSides, areOnSides } of fixtures.boxRows) {
        assert.deepEqual(areSidesOfRows([sides], boxes, areStrokes), areSides);
        assert.deepEqual(boxes.map((box) => isOnSideOfRows([sides], box)), areOnSides);
    }
});

test("whole pages are read as in Python", options, async () => {
    const read = makeReaderOf(fixtures.data);
    for (const { file, width, height, lines, summary, note, rows } of fixtures.pages) {
        const made = describePage(await read(loadPage({ file, width, height })));
        assert.deepEqual([made.lines, made.summary, made.note], [lines, summary, note]);
        rows.forEach((row, number) => row.forEach((text, column) => {
            const isRounded = ["probability", "left", "top", "right", "bottom"].includes(COLUMNS[column]);
            if (isRounded) assert.ok(Math.abs(Number(text) - Number(made.rows[number][column])) < 0.11);
            else assert.equal(made.rows[number][column], text);
        }));
    }
});

test("WebAssembly and plain JavaScript convolve alike", options, () => {
    assert.notEqual(engine, plainEngine);
    let seed = 1;
    const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647 - 0.5;
    for (const [kernel, stride, inputs, filters, width, height] of [[3, 1, 5, 11, 17, 9], [5, 2, 1, 32, 40, 24], [1, 1, 64, 30, 1, 1]]) {
        const fill = (count) => Float32Array.from({ length: count }, random);
        const shape = { kernel, stride, inputs, filters, isRectified: kernel === 3 };
        const layer = makeLayer(shape, fill(kernel * kernel * inputs * filters), fill(filters));
        const map = { width, height, channels: inputs, values: fill(width * height * inputs) };
        const [one, other] = [engine, plainEngine].map((each) => computeConvolution(each, map, layer));
        assert.deepEqual([one.width, one.height, one.channels], [other.width, other.height, other.channels]);
        assertClose(one.values, other.values, 1e-4);
    }
});

test("without WebAssembly, plain JavaScript convolves", () => assert.equal(makeEngine(new Uint8Array(8)), plainEngine));

test("values of numbers are Python's, and the columns too", options, () => {
    for (const [text, expected] of fixtures.values) {
        const parsed = parseValue(text);
        if (expected === "None") assert.equal(parsed, null);
        else assert.equal(parsed.isWhole ? String(parsed.value) : parsed.value, parsed.isWhole ? expected : Number(expected));
    }
    assert.deepEqual(COLUMNS, fixtures.columns);
});

test("CSV quotes what has commas and quotes", () => {
    assert.equal(formatCsv([["a", "3,75"], ['5"', ""]]), 'a,"3,75"\n"5""",\n');
});
