// Decodes an image file in the browser, at its full size and upright as its EXIF data say.

import { readHeader } from "./header.js";

const MAX_DECODED = 50_000_000; // pixels, of which a browser takes 200 MB
const STRIP = 4_000_000; // pixels of the canvas by which they are read: phones allow 16 million

// Decode a file: {name, photo: {width, height, pixels}, isShrunkByDecoder, bitmap}; pixels are a Uint8Array
// of red, green and blue, on white where the image is transparent. Errors are sentences for the user.
export async function decodeFile(file) {
    const name = file.name || "The picture", bytes = new Uint8Array(await file.arrayBuffer());
    if (!bytes.length) throw new Error(`${name} is empty, expected an image: copy or save it again.`);
    const { format, width, height, isProgressive, isWhole } = readHeader(bytes);
    if (format === "PDF") throw new Error(`${name} is a PDF file, expected an image: save its pages as PNG or JPEG.`);
    checkSize(name, width * height);
    if (!isWhole) throw new Error(`${name} is damaged (it ends too early): copy or save it again.`);
    const bitmap = await decodeBitmap(file).catch(() => {
        throw new Error(format
            ? `${name} is damaged, or this browser cannot read ${format} files: save it again, as JPEG or PNG.`
            : `${name} is not an image that can be read, expected PNG, JPEG, WebP, GIF or BMP: convert it.`);
    });
    checkSize(name, bitmap.width * bitmap.height);
    return { name, photo: readPixels(bitmap), isShrunkByDecoder: format === "JPEG" && !isProgressive, bitmap };
}

function checkSize(name, numPixels) {
    if (numPixels <= MAX_DECODED) return;
    const [found, most] = [numPixels, MAX_DECODED].map((number) => number.toLocaleString("en"));
    throw new Error(`${name} has ${found} pixels, expected at most ${most}: save it smaller.`);
}

// Colours are taken as they are in the file, where the browser has a choice.
async function decodeBitmap(file) {
    try {
        return await createImageBitmap(file, { imageOrientation: "from-image", colorSpaceConversion: "none" });
    } catch {
        return createImageBitmap(file); // browsers that do not know these options
    }
}

function readPixels(bitmap) {
    const { width, height } = bitmap, pixels = new Uint8Array(3 * width * height);
    const canvas = document.createElement("canvas"), rows = Math.min(height, Math.max(1, Math.floor(STRIP / width)));
    [canvas.width, canvas.height] = [width, rows];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    for (let top = 0; top < height; top += rows) {
        const count = Math.min(rows, height - top);
        context.fillStyle = "#fff";
        context.fillRect(0, 0, width, rows);
        context.drawImage(bitmap, 0, -top);
        const { data } = context.getImageData(0, 0, width, count);
        for (let from = 0, to = 3 * top * width; from < data.length; from += 4, to += 3) {
            pixels[to] = data[from];
            pixels[to + 1] = data[from + 1];
            pixels[to + 2] = data[from + 2];
        }
    }
    canvas.width = canvas.height = 0; // some browsers keep the memory of canvases for long
    return { width, height, pixels };
}
