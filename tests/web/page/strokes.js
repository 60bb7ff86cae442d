// Strokes to draw in tests.

const circle = Array.from({ length: 17 }, (_, index) => (2 * Math.PI * index) / 16);

// Digits of one or more strokes, as people draw them: places [x, y] in a box of 100 x 100 pixels.
export const STROKES = {
    one: [[[50, 0], [45, 100]]],
    seven: [[[10, 0], [90, 5], [40, 100]]],
    barredSeven: [[[10, 0], [90, 5], [40, 100]], [[30, 50], [80, 45]]],
    four: [[[40, 0], [5, 60], [90, 62]], [[65, 30], [60, 100]]],
    openFour: [[[30, 0], [10, 55], [80, 60]], [[90, 0], [80, 100]]],
    five: [[[30, 5], [20, 45], [70, 45], [80, 80], [20, 95]], [[32, 3], [85, 0]]],
    fiveWithGap: [[[25, 25], [20, 50], [70, 55], [80, 85], [20, 98]], [[30, 0], [85, 0]]],
    flaggedOne: [[[30, 30], [55, 0], [55, 100]], [[30, 100], [80, 100]]],
    two: [[[15, 20], [50, 0], [80, 25], [20, 98], [85, 95]]],
    three: [[[15, 10], [60, 0], [75, 20], [45, 45], [80, 70], [55, 100], [10, 90]]],
    six: [[[70, 0], [30, 40], [25, 80], [55, 100], [75, 75], [50, 55], [28, 70]]],
    nine: [[[75, 20], [45, 0], [25, 25], [45, 45], [72, 25], [75, 15], [70, 100]]],
    zero: [circle.map((angle) => [50 - 35 * Math.sin(angle), 50 - 50 * Math.cos(angle)])],
    eight: [[[50, 0], [25, 25], [50, 48], [75, 25], [50, 0]], [[50, 48], [15, 75], [50, 100], [85, 75], [50, 48]]],
};

// Move a digit's strokes to the right and down, and scale them.
export function move(strokes, right, down = 50, scale = 1.6) {
    return strokes.map((stroke) => stroke.map(([x, y]) => [right + scale * x, down + scale * y]));
}
