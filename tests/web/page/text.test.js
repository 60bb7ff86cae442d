import assert from "node:assert/strict";
import test from "node:test";

import { formatFall, formatProbability, formatSummary } from "../../../digits/web/page/text.js";

const digit = (label, kind = "sure") => ({ label, isDigit: kind !== "strange", isSure: kind === "sure" });

test("the summary says what is read and what is not sure", () => {
    const cases = [
        [[], "Draw a digit, or several."],
        [[digit(7)], "This is 7"],
        [[digit(3), digit(7)], "This is 37"],
        [[digit(7, "unsure")], "Perhaps 7, but not sure"],
        [[digit(3), digit(7, "unsure")], "Perhaps 37, but not sure of digit 2"],
        [[digit(3, "unsure"), digit(7, "unsure")], "Perhaps 37, but not sure of digits 1, 2"],
        [[digit(4, "strange")], "This does not look like a digit (nearest: 4)"],
        [[digit(4, "strange"), digit(8, "strange")], "These do not look like digits (nearest: 48)"],
        [[digit(4), digit(8, "strange")], "Perhaps 48, but part 2 does not look like a digit"],
        [[digit(4, "strange"), digit(8, "strange"), digit(1)], "Perhaps 481, but parts 1, 2 do not look like digits"],
    ];
    for (const [digits, expected] of cases) assert.equal(formatSummary(digits), expected);
});

test("only 0 and 1 read as such", () => {
    const formatted = [0, 0.0004, 0.0006, 0.973, 0.9994, 0.9996, 1].map(formatProbability);
    assert.deepEqual(formatted, ["0.0%", "<0.1%", "0.1%", "97.3%", "99.9%", ">99.9%", "100.0%"]);
});

test("a small fall is a bound", () => {
    assert.match(formatFall(7, 0.0001, 6), /falls by less than 0\.1 percentage points\.$/);
    assert.match(formatFall(7, 0.25, 6), /6×6 .* of 7 falls by up to 25\.0 percentage points\.$/);
});
