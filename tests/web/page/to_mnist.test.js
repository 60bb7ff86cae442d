import assert from "node:assert/strict";
import test from "node:test";

import { findOtsuThreshold, measureDistances, roundHalfToEven, toMnist } from "../../../digits/web/page/to_mnist.js";
import { readFixtures } from "./fixtures.js";

const fixtures = readFixtures();

test("images are those that Python prepares, at each width", { skip: !fixtures }, () => {
    const { widths, drawings } = fixtures;
    assert.ok(drawings.length > 100);
    for (const { kind, width, height, ink, images } of drawings) {
        const made = toMnist({ width, height, pixels: Float32Array.from(ink) }, widths);
        made.forEach((image, number) => image.forEach((value, place) => {
            const expected = images[number][place];
            assert.ok(Math.abs(value - expected) < 1e-5, `${kind}: ${value} instead of ${expected}`);
        }));
    }
});

test("paper gives paper", () => {
    const paper = { width: 9, height: 5, pixels: new Float32Array(45) };
    assert.deepEqual(toMnist(paper, [0.5, 1]).map((image) => Math.max(...image)), [0, 0]);
});

test("halves are rounded to even numbers", () => {
    assert.deepEqual([0.5, 1.5, 2.5, -0.5, 2.4, 2.6].map(roundHalfToEven), [0, 2, 2, 0, 2, 3]);
});

test("Otsu's threshold is between paper and ink", () => {
    const threshold = findOtsuThreshold(Float32Array.of(0, 0.05, 0.1, 0.8, 0.9, 1));
    assert.ok(threshold >= 0.09 && threshold < 0.8);
});

test("distances are exact", () => {
    const width = 13, height = 7, targets = [[2, 1], [11, 6], [5, 5]];
    const isTarget = Array.from({ length: width * height }, (_, place) => {
        return targets.some(([x, y]) => place === y * width + x);
    });
    measureDistances(isTarget, width, height).forEach((distance, place) => {
        const x = place % width, y = Math.floor(place / width);
        assert.equal(distance, Math.min(...targets.map(([left, top]) => Math.sqrt((left - x) ** 2 + (top - y) ** 2))));
    });
});
