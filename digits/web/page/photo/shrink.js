// Makes the grey page of a photo, as digits/reading/photos.py does with Pillow: shrunk to 2 million
// pixels at most by Pillow's own arithmetic, so that browsers' ways to scale do not matter.
// Pixels are a Uint8Array of red, green and blue, row by row.

const MAX_PIXELS = 2_000_000, MAX_SIDE = 10_000; // of what is kept
const DECODER_FACTORS = [8, 4, 2]; // by which Pillow lets JPEG files be shrunk while they are decoded
const REDUCING_GAP = 2;
const LANCZOS_REACH = 3;
const PRECISION = 2 ** 22; // of Pillow's weights, which are whole numbers

// Size of what is kept of a photo.
export function fit(width, height) {
    const shrink = Math.max(1, Math.sqrt((width * height) / MAX_PIXELS), Math.max(width, height) / MAX_SIDE);
    return [width, height].map((side) => Math.max(1, Math.trunc(side / shrink)));
}

// Shrink a photo; `isShrunkByDecoder` is true for the JPEG files that Pillow shrinks while it decodes
// them, whose blocks of 8x8 pixels become 4x4, 2x2 or 1.
export function shrink(photo, isShrunkByDecoder) {
    let shrunk = photo;
    if (isShrunkByDecoder) {
        const [width, height] = fit(photo.width, photo.height);
        const most = Math.min(Math.floor(photo.width / width), Math.floor(photo.height / height));
        const factor = DECODER_FACTORS.find((each) => each <= most) ?? 1;
        shrunk = reduce(shrunk, factor, factor);
    }
    const [width, height] = fit(shrunk.width, shrunk.height);
    if (width === shrunk.width && height === shrunk.height) return shrunk;
    // Boxes first, then the finer filter on what is left.
    const across = Math.trunc(shrunk.width / width / REDUCING_GAP) || 1;
    const down = Math.trunc(shrunk.height / height / REDUCING_GAP) || 1;
    const spans = [shrunk.width / across, shrunk.height / down];
    shrunk = reduce(shrunk, across, down);
    return resample(resample(shrunk, width, spans[0], true), height, spans[1], false);
}

// Brightness of a photo: {width, height, pixels}, floats from 0 black to 1 white.
export function toGrey({ width, height, pixels }) {
    const grey = new Float32Array(width * height);
    for (let place = 0; place < grey.length; place++) {
        const red = pixels[3 * place], green = pixels[3 * place + 1], blue = pixels[3 * place + 2];
        grey[place] = ((red * 19595 + green * 38470 + blue * 7471 + 32768) >> 16) / 255;
    }
    return { width, height, pixels: grey };
}

// Replace each block of pixels by its mean; those at the right and lower edge may be smaller.
export function reduce(photo, across, down) {
    if (across === 1 && down === 1) return photo;
    const width = Math.ceil(photo.width / across), height = Math.ceil(photo.height / down);
    const pixels = new Uint8Array(3 * width * height);
    for (let y = 0; y < height; y++) {
        const endY = Math.min((y + 1) * down, photo.height);
        for (let x = 0; x < width; x++) {
            const endX = Math.min((x + 1) * across, photo.width);
            const count = (endX - x * across) * (endY - y * down);
            for (let channel = 0; channel < 3; channel++) {
                let total = count >> 1;
                for (let fromY = y * down; fromY < endY; fromY++) {
                    for (let fromX = x * across; fromX < endX; fromX++) {
                        total += photo.pixels[3 * (fromY * photo.width + fromX) + channel];
                    }
                }
                pixels[3 * (y * width + x) + channel] = Math.floor(total / count);
            }
        }
    }
    return { width, height, pixels };
}

function weighLanczos(x) {
    const sinc = (far) => (far === 0 ? 1 : Math.sin(far * Math.PI) / (far * Math.PI));
    return x >= -LANCZOS_REACH && x < LANCZOS_REACH ? sinc(x) * sinc(x / LANCZOS_REACH) : 0;
}

// Resample along rows or columns; `span` is how many pixels, and parts of one, become `length`.
function resample(photo, length, span, isAcross) {
    const width = isAcross ? length : photo.width, height = isAcross ? photo.height : length;
    const limit = isAcross ? photo.width : photo.height, lines = isAcross ? height : width;
    const [step, lineStep] = isAcross ? [3, 3 * photo.width] : [3 * photo.width, 3];
    const [newStep, newLineStep] = isAcross ? [3, 3 * width] : [3 * width, 3];
    const scale = span / length, stretch = Math.max(scale, 1), reach = LANCZOS_REACH * stretch;
    const pixels = new Uint8Array(3 * width * height);
    for (let place = 0; place < length; place++) {
        const middle = (place + 0.5) * scale;
        const first = Math.max(0, Math.trunc(middle - reach + 0.5));
        const end = Math.min(limit, Math.trunc(middle + reach + 0.5));
        const exact = [];
        for (let from = first; from < end; from++) exact.push(weighLanczos((from - middle + 0.5) / stretch));
        const total = exact.reduce((before, weight) => before + weight, 0);
        const weights = exact.map((weight) => {
            const scaled = (weight / total) * PRECISION;
            return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        });
        for (let line = 0; line < lines; line++) {
            for (let channel = 0; channel < 3; channel++) {
                let sum = PRECISION / 2, at = first * step + line * lineStep + channel;
                for (let each = 0; each < weights.length; each++, at += step) sum += photo.pixels[at] * weights[each];
                const value = Math.floor(sum / PRECISION);
                pixels[place * newStep + line * newLineStep + channel] = value < 0 ? 0 : value > 255 ? 255 : value;
            }
        }
    }
    return { width, height, pixels };
}
