// The page: draws what the reader says of each digit.

import { explain, PATCH } from "./explain.js";
import { classify, makeNetwork } from "./network.js";
import { makePad } from "./pad.js";
import { readStrokes } from "./read.js";
import { makeRejection } from "./rejection.js";
import { formatFall, formatProbability, formatSummary } from "./text.js";
import { SIDE } from "./to_mnist.js";

const BLUE = [0, 114, 178]; // of digits/plotting.py
const GREY_INK = 0.25; // darkness of ink that does not speak for the prediction

const find = (selector) => document.querySelector(selector);
const make = (name, properties) => Object.assign(document.createElement(name), properties);
const data = JSON.parse(find("#data").textContent);
const reader = {
    network: makeNetwork(data.network),
    rejection: makeRejection(data.rejection),
    widths: data.widths,
    threshold: data.threshold,
};
let digits = [], selected = 0;

function show(strokes) {
    digits = readStrokes(reader, strokes);
    // The least sure is shown in full, or the first that does not look like a digit.
    const confidences = digits.map(({ probability, isDigit }) => (isDigit ? probability : 0));
    selected = confidences.indexOf(Math.min(...confidences));
    find("#summary").textContent = formatSummary(digits);
    find("#strip").replaceChildren(...digits.map(makeItem));
    showDetails();
}

function makeItem(digit, index) {
    const canvas = make("canvas"), item = make("li"), button = make("button", { type: "button" });
    paint(canvas, digit.image);
    const label = `${digit.label}${digit.isDigit ? "" : "?"}`;
    const probability = digit.isDigit ? formatProbability(digit.probability) : "no digit";
    button.append(canvas, make("b", { textContent: label }), probability);
    button.setAttribute("aria-label", `Digit ${index + 1}: ${label}, ${probability}`);
    button.addEventListener("click", () => {
        selected = index;
        showDetails();
    });
    item.append(button);
    return item;
}

function showDetails() {
    const digit = digits[selected];
    [...find("#strip").children].forEach((item, index) => {
        item.firstChild.setAttribute("aria-pressed", String(index === selected));
    });
    const blank = new Float32Array(SIDE * SIDE);
    const which = digits.length > 1 ? `Digit ${selected + 1}` : "The digit";
    find("#heading").textContent = digit ? `${which} in detail` : "In detail";
    find("#bars").replaceChildren(...Array.from({ length: 10 }, (_, label) => makeRow(digit, label)));
    paint(find("#seen"), digit?.image ?? blank);
    paint(find("#map"), blank);
    find("#fall").textContent = "";
    if (digit) setTimeout(() => digit === digits[selected] && showExplanation(digit));
}

function showExplanation(digit) {
    const { falls, largest } = explain(reader.network, digit.image, digit.label);
    paint(find("#map"), digit.image, falls);
    find("#fall").textContent = formatFall(digit.label, largest, PATCH);
}

function makeRow(digit, label) {
    const row = make("tr"), bar = make("span");
    row.append(make("th", { scope: "row", textContent: label }), make("td"), make("td"));
    row.cells[1].append(bar);
    if (!digit) return row;
    row.className = label === digit.label ? "predicted" : "";
    bar.style.width = `${100 * digit.probabilities[label]}%`;
    row.cells[2].textContent = formatProbability(digit.probabilities[label]);
    return row;
}

// Paint an image in dark ink; or, with `falls`, in grey, and bluer where they are larger.
function paint(canvas, image, falls) {
    canvas.width = canvas.height = SIDE;
    const context = canvas.getContext("2d"), painted = context.createImageData(SIDE, SIDE);
    const largest = falls ? Math.max(...falls, 1e-12) : 1;
    image.forEach((ink, place) => {
        const grey = 255 * (1 - (falls ? GREY_INK : 1) * ink);
        const strength = falls ? Math.sqrt(falls[place] / largest) : 0; // most falls are small
        const colour = BLUE.map((part) => (1 - strength) * grey + strength * part);
        painted.data.set([...colour, 255], 4 * place);
    });
    context.putImageData(painted, 0, 0);
}

const pad = makePad(find("#pad"), show);
find("#undo").addEventListener("click", pad.undo);
find("#clear").addEventListener("click", pad.clear);
show([]);

// For tests and for whoever is curious: the functions behind the page.
globalThis.digitsPage = {
    // Probabilities of the ten digits for an image: 784 numbers, row by row, 0 paper to 1 ink.
    classify: (image) => classify(reader.network, Float32Array.from(image)).probabilities,
    // What the page reads of strokes, lists of places [x, y] on its canvas of 480x320.
    read: (strokes) => readStrokes(reader, strokes),
};
