// Draws strokes with a round pen. A stroke is a list of places [x, y] in pixels.

// Draw strokes: {width, height, pixels}, a Float32Array row by row, 0 paper to 1 ink. Each pixel gets
// as much ink as its distance to the nearest stroke says, so that no browser's canvas is read.
export function drawInk(strokes, width, height, pen) {
    const squares = new Float64Array(width * height).fill(Infinity);
    const reach = pen / 2 + 1;
    for (const stroke of strokes) {
        stroke.forEach((end, index) => {
            const start = stroke[Math.max(index - 1, 0)];
            const [left, right] = range(start[0], end[0], reach, width);
            const [top, bottom] = range(start[1], end[1], reach, height);
            for (let y = top; y < bottom; y++) {
                for (let x = left; x < right; x++) {
                    const square = squareDistance([x + 0.5, y + 0.5], start, end);
                    if (square < squares[y * width + x]) squares[y * width + x] = square;
                }
            }
        });
    }
    const pixels = Float32Array.from(squares, (square) => clamp(0.5 + pen / 2 - Math.sqrt(square), 0, 1));
    return { width, height, pixels };
}

export function clamp(value, least, most) {
    return Math.min(Math.max(value, least), most);
}

function range(start, end, reach, length) {
    const first = Math.max(0, Math.floor(Math.min(start, end) - reach));
    return [first, Math.min(length, Math.ceil(Math.max(start, end) + reach))];
}

// Square of the distance of a place to a line from `start` to `end`, which may be one place.
export function squareDistance([x, y], [startX, startY], [endX, endY]) {
    const across = endX - startX, down = endY - startY;
    const along = ((x - startX) * across + (y - startY) * down) / (across ** 2 + down ** 2 || 1);
    const share = clamp(along, 0, 1);
    return (x - startX - share * across) ** 2 + (y - startY - share * down) ** 2;
}
