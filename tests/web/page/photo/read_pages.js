// Reads grey pages with the networks of a built page: node read_pages.js photo.html pages.json. Prints JSON.

import { readFileSync } from "node:fs";

import { makeEngine } from "../../../../digits/web/page/photo/convolution.js";
import { makeReader } from "../../../../digits/web/page/photo/reader.js";
import { formatCounts, formatLine, formatNote, formatUnsure, listRows } from "../../../../digits/web/page/photo/results.js";

// Read the bytes of a page from a file: {width, height, pixels}.
export function loadPage({ file, width, height }) {
    return { width, height, pixels: Float32Array.from(readFileSync(file), (value) => value / 255) };
}

// Make a reader of the data that a page holds.
export function makeReaderOf(data, engine = makeEngine(Buffer.from(data.wasm, "base64"))) {
    return makeReader(engine, data);
}

// What is compared with Python.
export function describePage(page) {
    return {
        lines: page.lines.map(formatLine), unsure: page.lines.map(formatUnsure), summary: formatCounts(page), note: formatNote(page),
        rows: listRows({ ...page, name: "", scale: 1 }),
    };
}

if (process.argv[1]?.endsWith("read_pages.js")) {
    const [html, pages] = process.argv.slice(2).map((path) => readFileSync(path, "utf8"));
    const read = makeReaderOf(JSON.parse(html.match(/id="data">(.*?)<\/script>/)[1]));
    const described = [];
    for (const page of JSON.parse(pages)) described.push(describePage(await read(loadPage(page))));
    process.stdout.write(JSON.stringify(described));
}
