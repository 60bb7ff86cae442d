// The page: takes a photo, shows what was read on it, and lets one save that.

import { serve, startReader } from "./background.js";
import { decodeFile } from "./decode.js";
import { drawMarks } from "./marks.js";
import { COLUMNS, formatCounts, formatCsv, formatLine, formatNote, formatUnsure, isNumber, listRows, symbolsOf } from "./results.js";

const find = (selector) => document.querySelector(selector);
const make = (name, properties) => Object.assign(document.createElement(name), properties);
const capitalize = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}.`;
let reader = null; // a promise of the function that reads, once it is needed
let shown = null, isBusy = false; // what was decoded and read last; whether another is being read

function startOnce() {
    const data = JSON.parse(find("#data").textContent);
    reader ??= startReader(find("#script").textContent, data, showProgress);
    return reader;
}

function showProgress(text) {
    const progress = find("#progress");
    if (progress.textContent !== `${text} …`) progress.textContent = `${text} …`; // it is read aloud
}

// Read a file, or with `file` null the last one again, turned by quarters anticlockwise; null to find out.
async function read(file, turns = null) {
    if (isBusy) return;
    const focused = document.activeElement;
    isBusy = true;
    setButtons();
    find("#problem").textContent = "";
    find("#result").setAttribute("aria-busy", "true");
    try {
        showProgress(file ? "Opening the photo" : "Reading the photo");
        const decoded = file ? await decodeFile(file) : { ...shown, photo: null };
        const readPhoto = await startOnce();
        const page = await readPhoto({ photo: decoded.photo, isShrunkByDecoder: decoded.isShrunkByDecoder, turns });
        if (file) shown?.bitmap.close();
        shown = { name: decoded.name, bitmap: decoded.bitmap, page: { ...page, name: decoded.name } };
        show(shown);
    } catch (error) {
        find("#problem").textContent = String(error?.message ?? error);
    } finally {
        isBusy = false;
        find("#progress").textContent = "";
        find("#result").removeAttribute("aria-busy");
        setButtons();
        if (document.activeElement === document.body) focused.focus({ preventScroll: true });
    }
}

function setButtons() {
    for (const button of document.querySelectorAll("button, input")) button.disabled = isBusy;
}

function show({ bitmap, page }) {
    const symbols = symbolsOf(...page.lines), numUnsure = symbols.filter(({ isSure }) => !isSure).length;
    const counts = formatCounts(page) + (numUnsure ? `, not sure of ${numUnsure} (orange, dashed, with a ?)` : "");
    find("#summary").textContent = [capitalize(counts), capitalize(formatNote(page))].filter(Boolean).join(" ");
    find("#result").hidden = false;
    find("#read").hidden = !symbols.length;
    find("#save-table").hidden = find("#cells").hidden = !page.table;
    drawMarks(find("#photo"), bitmap, page);
    find("#photo").setAttribute("aria-label", `The photo ${page.name}, with a box around each digit and sign`);
    find("#lines").replaceChildren(...page.lines.map(makeLine));
    find("#cells").replaceChildren(...(page.table?.cells ?? []).map(makeTableRow));
}

function makeLine(line) {
    const item = make("li"), text = make("b"), unsure = formatUnsure(line);
    text.append(...markParts(line));
    item.append(text);
    if (unsure) item.append(make("span", { className: "note", textContent: ` not sure: ${unsure}` }));
    return item;
}

// The text of a line, what is not sure in elements of its own.
function markParts(line) {
    return line.flatMap((part, index) => {
        const before = formatLine(line.slice(0, index)), blank = formatLine(line.slice(0, index + 1)).slice(before.length).startsWith(" ");
        const symbols = (isNumber(part) ? part.symbols : [part]).map(({ text, isSure, kind }) => {
            return isSure || kind === "gap" ? text : make("mark", { textContent: `${text}?` });
        });
        return blank ? [" ", ...symbols] : symbols;
    });
}

function makeTableRow(cells) {
    const row = make("tr");
    for (const cell of cells) {
        const made = make("td");
        if (cell) made.append(...markParts(cell));
        row.append(made);
    }
    return row;
}

function save(rows, end) {
    const url = URL.createObjectURL(new Blob([formatCsv(rows)], { type: "text/csv" }));
    const stem = shown.name.replace(/\.\w{1,5}$/, "");
    make("a", { href: url, download: `${stem}${end}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function copyText() {
    const text = shown.page.lines.map(formatLine).join("\n");
    try {
        await navigator.clipboard.writeText(text);
    } catch { // as on pages that are not opened by HTTPS
        const area = make("textarea", { value: text, readOnly: true });
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
    }
    find("#copied").textContent = "Copied.";
    setTimeout(() => (find("#copied").textContent = ""), 3000);
}

function startPage() {
    for (const input of [find("#file"), find("#camera")]) {
        input.addEventListener("change", () => {
            if (input.files.length) read(input.files[0]);
            input.value = "";
        });
    }
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
        event.preventDefault();
        if (event.dataTransfer.files.length) read(event.dataTransfer.files[0]);
    });
    addEventListener("paste", (event) => {
        if (event.clipboardData.files.length) read(event.clipboardData.files[0]);
    });
    const turnBy = (quarters) => () => shown && read(null, (shown.page.turns + quarters + 4) % 4);
    find("#left").addEventListener("click", turnBy(1));
    find("#right").addEventListener("click", turnBy(-1));
    find("#automatic").addEventListener("click", () => shown && read(null));
    find("#save").addEventListener("click", () => save([COLUMNS, ...listRows(shown.page)], ""));
    find("#save-table").addEventListener("click", () => {
        save(shown.page.table.cells.map((row) => row.map((cell) => (cell ? formatLine(cell) : ""))), "_table");
    });
    find("#copy").addEventListener("click", copyText);
    // For tests and for whoever is curious: what was read last, and the texts of its lines.
    globalThis.photoPage = {
        get page() { return shown?.page ?? null; },
        get lines() { return shown?.page.lines.map(formatLine) ?? null; },
    };
}

// The same script runs in the worker, where there is no document.
if (typeof document === "undefined") serve(globalThis);
else startPage();
