import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { readHeader } from "../../../../digits/web/page/photo/header.js";

const note = new Uint8Array(readFileSync(new URL("../../../../examples/note.jpg", import.meta.url)));
const ascii = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

function makePng(width, height, ...chunks) {
    const header = Buffer.alloc(33);
    header.set([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
    header.writeUInt32BE(width, 16);
    header.writeUInt32BE(height, 20);
    return new Uint8Array(Buffer.concat([header, ...chunks]));
}

test("of a JPEG file, its size and whether it is whole are read", () => {
    assert.deepEqual(readHeader(note), { format: "JPEG", width: 900, height: 640, isProgressive: false, isWhole: true });
    assert.equal(readHeader(note.subarray(0, note.length / 2)).isWhole, false);
    for (let length = 0; length < 700; length++) assert.equal(readHeader(note.subarray(0, length)).isWhole, length < 3, String(length));
});

test("of a PNG file too", () => {
    const end = Buffer.from([0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 1, 2, 3, 4]);
    assert.deepEqual(readHeader(makePng(3, 20_000, end)), {
        format: "PNG", width: 3, height: 20_000, isProgressive: false, isWhole: true,
    });
    assert.equal(readHeader(makePng(20_000, 20_000)).isWhole, false);
});

test("other files are told apart", () => {
    const formats = ["%PDF-1.7", "hello", "", "GIF89a\x02\x00\x03\x00", "\0\0\0\x18ftypavif"].map((text) => readHeader(ascii(text)).format);
    assert.deepEqual(formats, ["PDF", "", "", "GIF", "HEIF"]);
    const { width, height } = readHeader(ascii("RIFF\0\0\0\0WEBPVP8X\0\0\0\0\0\0\0\0\x0f\0\0\x1f\0\0"));
    assert.deepEqual([width, height], [16, 32]);
});
