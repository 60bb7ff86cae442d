import assert from "node:assert/strict";
import test from "node:test";

import { explain } from "../../../digits/web/page/explain.js";
import { classify, convolve, decodeHalfFloats, makeNetwork, softmax } from "../../../digits/web/page/network.js";
import { makeRejection, scoreDigit } from "../../../digits/web/page/rejection.js";
import { readFixtures } from "./fixtures.js";

const fixtures = readFixtures();
const network = fixtures && makeNetwork(fixtures.data.network);

test("probabilities are Keras's up to the rounding of the weights", { skip: !fixtures }, () => {
    const { test: { images, probabilities } } = fixtures;
    images.forEach((image, number) => {
        const computed = classify(network, Float32Array.from(image)).probabilities;
        computed.forEach((value, digit) => assert.ok(Math.abs(value - probabilities[number][digit]) < 0.01));
    });
});

test("scores of the rejection are Python's", { skip: !fixtures }, () => {
    const rejection = makeRejection(fixtures.data.rejection);
    const { test: { images, scores } } = fixtures;
    images.forEach((image, number) => {
        const score = scoreDigit(rejection, classify(network, Float32Array.from(image)).maps);
        assert.ok(Math.abs(score - scores[number]) < 0.05, `${score} instead of ${scores[number]}`);
    });
});

test("what speaks for a prediction is on the ink and lowers its probability", { skip: !fixtures }, () => {
    const image = Float32Array.from(fixtures.test.images[0]);
    const digit = fixtures.test.probabilities[0].indexOf(Math.max(...fixtures.test.probabilities[0]));
    const { falls, largest } = explain(network, image, digit);
    assert.ok(largest > 0 && largest <= 1);
    assert.ok(Math.max(...falls) <= largest && Math.min(...falls) === 0);
    assert.equal(falls[0], 0); // a corner without ink
    assert.equal(explain(network, new Float32Array(784), 1).largest, 0);
    // Patches that speak against a digit do not count: none falls by more than its probability.
    for (let other = 0; other < 10; other++) {
        assert.ok(explain(network, image, other).largest <= classify(network, image).probabilities[other]);
    }
});

test("a network with missing weights is refused", { skip: !fixtures }, () => {
    const weights = fixtures.data.network.weights.slice(0, -8);
    assert.throws(() => makeNetwork({ ...fixtures.data.network, weights }), /weights, expected/);
    const rejection = { ...fixtures.data.rejection, hidden: 3 };
    assert.throws(() => makeRejection(rejection), /weights, expected/);
});

test("half-precision floats are decoded", () => {
    // Of base64.b85encode, with a comma for "<"; the second without the last float.
    const expected = [1, -2, 2 ** -24, -0, 65504, 0.333251953125];
    assert.deepEqual([...decodeHalfFloats("06YM|0RRAi|9e$6")], expected);
    assert.deepEqual([...decodeHalfFloats("06YM|0RRAi|9b")], expected.slice(0, 5));
});

test("a convolution pads as TensorFlow does: of an odd number, one more after the image", () => {
    const kernels = Float32Array.from({ length: 9 }, (_, place) => (place === 0 ? 1 : 0));
    const layer = { kernel: 3, inputs: 1, filters: 1, kernels, bias: [0] };
    const image = { side: 4, values: Float32Array.from({ length: 16 }, (_, place) => place + 1) };
    assert.deepEqual([...convolve(image, { ...layer, stride: 2 }).values], [1, 3, 9, 11]);
    assert.deepEqual([...convolve(image, { ...layer, stride: 1 }).values].slice(0, 8), [0, 0, 0, 0, 0, 1, 2, 3]);
});

test("softmax takes large logits", () => assert.deepEqual(softmax([1000, 1000]), [0.5, 0.5]));
