// Reads from the first bytes of an image file what it is and how many pixels it has, before a browser
// decodes it.

const FORMATS = [
    ["PNG", [0x89, 0x50, 0x4e, 0x47]], ["JPEG", [0xff, 0xd8, 0xff]], ["GIF", [0x47, 0x49, 0x46, 0x38]],
    ["BMP", [0x42, 0x4d]], ["PDF", [0x25, 0x50, 0x44, 0x46, 0x2d]],
];
const ASCII = (bytes, start, length = 4) => String.fromCharCode(...bytes.subarray(start, start + length));

// Read {format, width, height, isProgressive, isWhole} of bytes; sizes of 0 are not known, and so is a
// format of "".
export function readHeader(bytes) {
    const unknown = { format: findFormat(bytes), width: 0, height: 0, isProgressive: false, isWhole: true };
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const readers = { PNG: readPng, JPEG: readJpeg, GIF: readGif, BMP: readBmp, WebP: readWebp, HEIF: readHeif };
    try {
        return { ...unknown, ...readers[unknown.format]?.(view, bytes) };
    } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        return { ...unknown, isWhole: false }; // it ends in its header
    }
}

function findFormat(bytes) {
    if (ASCII(bytes, 0) === "RIFF" && ASCII(bytes, 8) === "WEBP") return "WebP";
    if (ASCII(bytes, 4) === "ftyp") return "HEIF"; // AVIF too
    return FORMATS.find(([, sign]) => sign.every((value, place) => bytes[place] === value))?.[0] ?? "";
}

function readPng(view, bytes) {
    const width = view.getUint32(16), height = view.getUint32(20);
    let place = 8;
    while (place + 12 <= bytes.length && ASCII(bytes, place + 4) !== "IEND") place += 12 + view.getUint32(place);
    return { width, height, isWhole: place + 12 <= bytes.length };
}

// A JPEG file is a chain of segments, some with data behind them that end at the next marker.
function readJpeg(view, bytes) {
    const found = { width: 0, height: 0, isProgressive: false, isWhole: false };
    let place = 2;
    while (place + 1 < bytes.length) {
        const marker = bytes[place + 1];
        if (bytes[place] !== 0xff || marker === 0xff || marker === 0 || (marker >= 0xd0 && marker <= 0xd7)) {
            place += bytes[place] === 0xff && marker !== 0xff ? 2 : 1;
            continue;
        }
        if (marker === 0xd9) return { ...found, isWhole: true };
        const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
        if (isFrame) {
            found.height = view.getUint16(place + 5);
            found.width = view.getUint16(place + 7);
            found.isProgressive = [0xc2, 0xc6, 0xca, 0xce].includes(marker);
        }
        place += 2 + view.getUint16(place + 2);
    }
    return found;
}

function readGif(view) {
    return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
}

function readBmp(view) {
    return { width: Math.abs(view.getInt32(18, true)), height: Math.abs(view.getInt32(22, true)) };
}

function readWebp(view, bytes) {
    const kind = ASCII(bytes, 12), isWhole = bytes.length >= 8 + view.getUint32(4, true);
    const read24 = (place) => view.getUint16(place, true) + 65536 * view.getUint8(place + 2);
    if (kind === "VP8X") return { width: read24(24) + 1, height: read24(27) + 1, isWhole };
    if (kind === "VP8L") {
        const bits = view.getUint32(21, true);
        return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1, isWhole };
    }
    return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff, isWhole };
}

// The largest of the images in a HEIC or AVIF file, whose sizes are in boxes named ispe.
function readHeif(view, bytes) {
    let width = 0, height = 0;
    for (let place = 0; place + 16 <= Math.min(bytes.length, 65536); place++) {
        if (bytes[place] !== 0x69 || ASCII(bytes, place) !== "ispe") continue;
        const [here, there] = [view.getUint32(place + 8), view.getUint32(place + 12)];
        if (here * there > width * height) [width, height] = [here, there];
    }
    return { width, height };
}
