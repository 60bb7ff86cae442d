// The canvas to draw on, with a mouse, a finger, a pen or the keyboard.

import { clamp } from "./ink.js";
import { HEIGHT, PEN, WIDTH } from "./read.js";

const ARROW_STEP = 8; // pixels that an arrow key moves
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Let the user draw on `canvas`; `onChange` gets the strokes after each. Returns `undo` and `clear`.
export function makePad(canvas, onChange) {
    const context = canvas.getContext("2d");
    let strokes = [], pointer = null, cursor = null, penDown = false;

    function paint() {
        context.fillStyle = "white";
        context.fillRect(0, 0, WIDTH, HEIGHT);
        Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
        for (const stroke of strokes) {
            context.beginPath();
            context.moveTo(...stroke[0]);
            for (const place of stroke) context.lineTo(...place);
            context.stroke();
        }
        if (!cursor) return;
        Object.assign(context, { lineWidth: 3, strokeStyle: penDown ? "#D55E00" : "#0072B2" });
        context.beginPath();
        context.arc(...cursor, PEN, 0, 2 * Math.PI);
        context.stroke();
    }

    function change(newStrokes) {
        strokes = newStrokes;
        pointer = null;
        penDown = false;
        paint();
        onChange(strokes);
    }

    function locate(event) {
        const box = canvas.getBoundingClientRect();
        return [((event.clientX - box.left) * WIDTH) / box.width, ((event.clientY - box.top) * HEIGHT) / box.height];
    }

    function press(key) {
        cursor ??= [WIDTH / 2, HEIGHT / 4];
        if (key in ARROWS) {
            const [right, down] = ARROWS[key];
            const [x, y] = cursor;
            cursor = [clamp(x + right * ARROW_STEP, 0, WIDTH), clamp(y + down * ARROW_STEP, 0, HEIGHT)];
            if (penDown) strokes.at(-1).push(cursor);
        } else {
            penDown = !penDown;
            if (penDown) strokes.push([cursor]);
            else onChange(strokes);
        }
        paint();
    }

    const undo = () => change(strokes.slice(0, -1)), clear = () => change([]);

    canvas.addEventListener("pointerdown", (event) => {
        if (pointer !== null || event.button) return;
        pointer = event.pointerId;
        canvas.setPointerCapture(pointer);
        cursor = null;
        penDown = false;
        strokes.push([locate(event)]);
        paint();
    });
    canvas.addEventListener("pointermove", (event) => {
        if (event.pointerId !== pointer) return;
        const events = event.getCoalescedEvents?.() ?? [];
        strokes.at(-1).push(...(events.length ? events : [event]).map(locate));
        paint();
    });
    for (const name of ["pointerup", "pointercancel"]) {
        canvas.addEventListener(name, (event) => {
            if (event.pointerId !== pointer) return;
            pointer = null;
            onChange(strokes);
        });
    }
    canvas.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || pointer !== null) return;
        const isPen = event.key === " " || event.key === "Enter";
        if (event.key in ARROWS || (isPen && !event.repeat)) press(event.key);
        else if (event.key === "Backspace") undo();
        else if (event.key === "Delete") clear();
        else if (!isPen) return;
        event.preventDefault();
    });
    canvas.addEventListener("blur", () => {
        if (penDown) onChange(strokes);
        cursor = null;
        penDown = false;
        paint();
    });
    paint();
    return { undo, clear };
}
