// Draws a photo with what was read on it, as digits/reading/annotate.py does.

import { heightOf } from "./boxes.js";
import { median } from "./lists.js";
import { symbolsOf } from "./results.js";
import { clamp } from "../ink.js";

const COLOURS = { digit: "#0072B2", sign: "#009E73", unsure: "#D55E00", rule: "#E69F00" }; // of digits/plotting.py
const MARKED_SIDES = [1000, 1600]; // pixels, longer side at least and at most
const SMALLEST_TEXT = 22, LARGEST_TEXT = 48; // pixels

// Draw on a canvas: boxes and texts of digits are blue, of signs green, and orange, dashed and with a ? where
// they are not sure. Texts of digits are above their boxes, those of signs below.
export function drawMarks(canvas, bitmap, page) {
    const longer = Math.max(page.width, page.height), scale = clamp(1, MARKED_SIDES[0] / longer, MARKED_SIDES[1] / longer);
    canvas.width = Math.max(1, Math.round(page.width * scale));
    canvas.height = Math.max(1, Math.round(page.height * scale));
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    for (const [x, y, otherX, otherY] of page.table?.rules ?? []) {
        context.strokeStyle = COLOURS.rule;
        context.lineWidth = 2;
        context.setLineDash(page.table.isRuled ? [] : [7, 5]);
        context.beginPath();
        context.moveTo(x * scale, y * scale);
        context.lineTo(otherX * scale, otherY * scale);
        context.stroke();
    }
    const symbols = symbolsOf(...page.lines), digits = symbols.filter(({ kind }) => kind === "digit");
    const usual = digits.length ? median(digits.map(({ box }) => heightOf(box))) : 0;
    context.lineJoin = "round";
    for (const { kind, text, isSure, box } of symbols) {
        const [left, top, right, bottom] = box.map((edge) => edge * scale), isDigit = kind === "digit";
        context.strokeStyle = context.fillStyle = isSure ? COLOURS[kind] : COLOURS.unsure;
        context.lineWidth = 3;
        context.setLineDash(isSure ? [] : [7, 5]);
        context.strokeRect(left, top, right - left, bottom - top);
        context.setLineDash([]);
        const size = clamp(0.45 * scale * (isDigit ? heightOf(box) : usual), SMALLEST_TEXT, LARGEST_TEXT);
        const label = isSure ? text : `${text}?`, y = isDigit ? Math.max(top - 2, 24) : Math.min(bottom + 2, canvas.height - 24);
        context.font = `bold ${size}px system-ui, sans-serif`;
        context.textBaseline = isDigit ? "bottom" : "top";
        context.lineWidth = 4;
        context.strokeStyle = "#fff";
        context.strokeText(label, left, y);
        context.fillText(label, left, y);
    }
}
