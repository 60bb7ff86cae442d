import assert from "node:assert/strict";
import test from "node:test";

import { segment } from "../../../digits/web/page/segment.js";
import { move, STROKES } from "./strokes.js";

const PEN = 18;

for (const [name, strokes] of Object.entries(STROKES)) {
    test(`${name} is one digit`, () => {
        for (const scale of [0.8, 1.6, 2.4]) {
            assert.equal(segment(move(strokes, 100, 20, scale), PEN).length, 1);
        }
    });
}

test("each two digits side by side are two, in reading order, whichever was drawn first", () => {
    for (const one of Object.values(STROKES)) {
        for (const other of Object.values(STROKES)) {
            const left = move(one, 30), right = move(other, 220);
            assert.deepEqual(segment([...right, ...left], PEN).map((strokes) => strokes.length), [one.length, other.length]);
        }
    }
});

test("an overhanging 7 and a 1 close to its roof are two digits", () => {
    const seven = move(STROKES.seven, 50), one = move([[[50, 0], [50, 100]]], 50 + 1.6 * 50);
    assert.equal(segment([...seven, ...one], PEN).length, 2);
});

test("a speck beside a digit is ignored, and alone it is kept", () => {
    const speck = [[[400, 100]]];
    assert.equal(segment([...move(STROKES.zero, 50), ...speck], PEN).length, 1);
    assert.deepEqual(segment(speck, PEN), [speck]);
});

test("nothing drawn has no digits", () => assert.deepEqual(segment([], PEN), []));
