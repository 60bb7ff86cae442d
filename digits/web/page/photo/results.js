// What was read on a photo, as digits/reading/results.py has it: a page of lines of parts. A part is a
// sign, {kind: "sign", text, probability, isSure, box}, or a number, {kind: "number", symbols}; a symbol
// is a digit, {kind: "digit", text, label, runnerUp, probability, isSure, box}, a sign, or an empty box of
// a form between others, {kind: "gap", text, box}.

import { surround } from "./boxes.js";
import { roundHalfToEven } from "../to_mnist.js";

// Columns of the table of numbers that `listRows` makes.
export const COLUMNS = [
    "file", "page", "line", "number", "row", "column", "text", "value", "probability", "is_sure",
    "left", "top", "right", "bottom",
];
// Signs between the numbers of a line that are written without a blank before or after them.
const NO_BLANK_BEFORE = [".", ",", "%", ")"], NO_BLANK_AFTER = "(";

export const isNumber = ({ kind }) => kind === "number";

export function textOf(part) {
    return isNumber(part) ? part.symbols.map(({ text }) => text).join("") : part.text;
}

// Digits and signs of a line, or of several.
export function symbolsOf(...lines) {
    return lines.flat().flatMap((part) => (isNumber(part) ? part.symbols.filter(({ kind }) => kind !== "gap") : [part]));
}

// The parts of a line with blanks between them, such as "12 + 30 = 42" or "2 × (3.5 - 1)".
export function formatLine(line) {
    let text = "";
    for (const part of line) {
        const here = textOf(part);
        text += NO_BLANK_BEFORE.includes(here) || text.endsWith(NO_BLANK_AFTER) || !text ? here : ` ${here}`;
    }
    return text;
}

// What on a line is not sure, such as "7 60%, or 1; × 55%"; "" for nothing.
export function formatUnsure(line) {
    return symbolsOf(line).filter(({ isSure }) => !isSure).map(({ text, probability, runnerUp, kind }) => {
        return `${text} ${Math.round(100 * probability)}%${kind === "digit" ? ", or " + runnerUp : ""}`;
    }).join("; ");
}

// Count the digits in words: "14 digits in 3 lines", "no digits found".
export function formatCounts({ lines, table }) {
    const count = symbolsOf(...lines).filter(({ kind }) => kind === "digit").length;
    if (!count) return "no digits found";
    const name = (number, noun) => `${number} ${noun}${number > 1 ? "s" : ""}`;
    const cells = table ? `, a table of ${table.cells.length} x ${table.cells[0].length} cells` : "";
    return `${name(count, "digit")} in ${name(lines.length, "line")}${cells}`;
}

// What was done to the photo for reading, in words; "" for nothing.
export function formatNote({ turns, isInverted, skew }) {
    const notes = [];
    if (turns) notes.push(`read turned by ${90 * turns}°${turns === 2 ? "" : " anticlockwise"}`);
    if (skew) notes.push(`straightened by ${roundHalfToEven(Math.abs(skew))}° ${skew > 0 ? "anticlockwise" : "clockwise"}`);
    if (isInverted) notes.push("light ink on dark paper");
    return notes.join(", ");
}

// Parse what is written as a plain number: {value, isWhole}; null for what is none ("24/11/2026", "50%"),
// and for "1.234", whose point may be a decimal point or separate thousands.
export function parseValue(text) {
    const sign = text.startsWith("-") ? -1 : 1;
    let unsigned = text.replace(/^[+-]/, "");
    if (/^[1-9]\d{0,2}[.,]\d{3}$/.test(unsigned)) return null;
    if (/^[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/.test(unsigned)) unsigned = unsigned.replaceAll(",", "");
    else if (/^[1-9]\d{0,2}(\.\d{3})+(,\d+)?$/.test(unsigned)) unsigned = unsigned.replaceAll(".", "");
    if (/^\d+$/.test(unsigned)) {
        const whole = BigInt(sign) * BigInt(unsigned);
        return { value: Number.isSafeInteger(Number(whole)) ? Number(whole) : whole, isWhole: true };
    }
    if (!/^\d*[.,]\d+$/.test(unsigned)) return null;
    const value = sign * Number(unsigned.replace(",", "."));
    return Number.isFinite(value) ? { value, isWhole: false } : null;
}

// The numbers of a page as rows of texts, in the order of COLUMNS, boxes in pixels of the file.
export function listRows(page) {
    return page.lines.flatMap((line, lineIndex) => line.filter(isNumber).map((number, numberIndex) => {
        const text = textOf(number), parsed = parseValue(text), read = symbolsOf([number]);
        const [row, column] = locateInTable(page.table, number);
        const box = surround(number.symbols.map((symbol) => symbol.box));
        const probability = Math.min(...read.map((symbol) => symbol.probability));
        const value = parsed && (parsed.isWhole ? String(parsed.value) : formatFloat(parsed.value));
        return [
            page.name, 1, lineIndex + 1, numberIndex + 1, row, column, text, value ?? "",
            formatFloat(Number(probability.toFixed(4))), read.every(({ isSure }) => isSure) ? "True" : "False",
            ...box.map((edge) => (edge * page.scale).toFixed(1)),
        ].map(String);
    }));
}

// Row and column of a number in a table, counted from 1; two empty texts in none.
function locateInTable(table, number) {
    for (const [row, cells] of (table?.cells ?? []).entries()) {
        const column = cells.findIndex((cell) => cell?.includes(number));
        if (column >= 0) return [row + 1, column + 1];
    }
    return ["", ""];
}

// Format a number as Python does: "3.0", not "3".
function formatFloat(value) {
    return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

// Rows of texts as CSV.
export function formatCsv(rows) {
    const isPlain = (text) => ["\"", ",", "\r", "\n"].every((sign) => !text.includes(sign));
    const quote = (text) => (isPlain(text) ? text : `"${text.replaceAll("\"", "\"\"")}"`);
    return rows.map((row) => `${row.map(quote).join(",")}\n`).join("");
}
