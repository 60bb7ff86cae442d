import assert from "node:assert/strict";
import test from "node:test";

import { drawInk } from "../../../digits/web/page/ink.js";

const sum = (values) => values.reduce((total, value) => total + value, 0);

test("a line is as wide as the pen and longer by one, with round ends", () => {
    const { pixels } = drawInk([[[100, 100], [200, 100]]], 300, 200, 18);
    const column = Array.from({ length: 200 }, (_, y) => pixels[y * 300 + 150]);
    assert.ok(Math.abs(sum(column) - 18) < 0.01);
    const area = 100 * 18 + Math.PI * 81;
    assert.ok(Math.abs(sum([...pixels]) / area - 1) < 0.01);
});

test("a click is a dot, and a stroke over the edge is cut off", () => {
    const dot = drawInk([[[50, 60]]], 100, 100, 18);
    assert.ok(Math.abs(sum([...dot.pixels]) / (Math.PI * 81) - 1) < 0.01);
    const quarter = drawInk([[[0, 0]]], 100, 100, 18);
    assert.ok(Math.abs(sum([...quarter.pixels]) / ((Math.PI * 81) / 4) - 1) < 0.05);
});
