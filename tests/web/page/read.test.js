import assert from "node:assert/strict";
import test from "node:test";

import { makeNetwork } from "../../../digits/web/page/network.js";
import { readStrokes } from "../../../digits/web/page/read.js";
import { makeRejection } from "../../../digits/web/page/rejection.js";
import { readFixtures } from "./fixtures.js";
import { move, STROKES } from "./strokes.js";

const LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

const fixtures = readFixtures();
const reader = fixtures && {
    ...fixtures.data,
    network: makeNetwork(fixtures.data.network),
    rejection: makeRejection(fixtures.data.rejection),
};

test("digits of one or more strokes are recognized, and sure", { skip: !fixtures }, () => {
    for (const [name, strokes] of Object.entries(STROKES)) {
        const label = LABELS.findIndex((word) => name.toLowerCase().includes(word));
        for (const scale of [1.2, 2.2]) {
            const [digit, ...others] = readStrokes(reader, move(strokes, 100, 30, scale));
            assert.deepEqual([digit.label, digit.isSure, others.length], [label, true, 0], name);
            const total = digit.probabilities.reduce((sum, probability) => sum + probability, 0);
            assert.ok(Math.abs(total - 1) < 1e-9);
        }
    }
});

test("what is no digit is refused, and not sure", { skip: !fixtures }, () => {
    const drawings = {
        A: [[[10, 100], [50, 0], [90, 100]], [[25, 60], [75, 60]]],
        cross: [[[0, 0], [100, 100]], [[100, 0], [0, 100]]],
        dash: [[[0, 50], [100, 45]]],
        dot: [[[50, 50]]],
        star: [[[50, 0], [80, 95], [0, 35], [100, 35], [20, 95], [50, 0]]],
    };
    for (const [name, strokes] of Object.entries(drawings)) {
        const [drawn] = readStrokes(reader, move(strokes, 100, 30, 2));
        assert.deepEqual([drawn.isDigit, drawn.isSure], [false, false], name);
    }
});

test("a digit below the threshold is not sure", { skip: !fixtures }, () => {
    const [digit] = readStrokes({ ...reader, threshold: 1.01 }, move(STROKES.seven, 100));
    assert.deepEqual([digit.isDigit, digit.isSure], [true, false]);
});
