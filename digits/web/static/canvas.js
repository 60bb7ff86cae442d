// The canvas of the Draw tab: strokes by mouse, finger, pen or arrow keys, sent as a PNG.
// Gradio's own sketchpad answers 750 ms after a stroke where there is no graphics card, as it reads
// its picture back from WebGL; this one needs 28 (benchmarks/README.md).
const WIDTH = 480, HEIGHT = 320, PEN = 18, STEP = 8, PAUSE = 250; // pixels; milliseconds
const canvas = element.querySelector("canvas");
const shown = canvas.getContext("2d");
const sent = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
let strokes = [], pointer = null, cursor = null, penDown = false, waiting = null;

function paint(context) {
    context.fillStyle = "white";
    context.fillRect(0, 0, WIDTH, HEIGHT);
    Object.assign(context, { lineWidth: PEN, lineCap: "round", lineJoin: "round", strokeStyle: "black" });
    for (const stroke of strokes) {
        context.beginPath();
        context.moveTo(...stroke[0]);
        for (const place of stroke) context.lineTo(...place);
        context.stroke();
    }
}

function show() {
    paint(shown);
    if (!cursor) return;
    Object.assign(shown, { lineWidth: 3, strokeStyle: penDown ? "#D55E00" : "#0072B2" });
    shown.beginPath();
    shown.arc(...cursor, PEN, 0, 2 * Math.PI);
    shown.stroke();
}

function send() {
    clearTimeout(waiting);
    waiting = null;
    paint(sent.getContext("2d"));
    props.value = strokes.length ? sent.toDataURL("image/png") : "";
    trigger("input");
}

function sendSoon() {
    waiting ??= setTimeout(send, PAUSE);
}

function change(newStrokes) {
    strokes = newStrokes;
    pointer = null;
    penDown = false;
    show();
    send();
}

function locate(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * WIDTH) / box.width, ((event.clientY - box.top) * HEIGHT) / box.height];
}

canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button) return;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    cursor = null;
    penDown = false;
    strokes.push([locate(event)]);
    show();
});

canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    strokes.at(-1).push(...(events.length ? events : [event]).map(locate));
    show();
    sendSoon();
});

for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, (event) => {
        if (event.pointerId !== pointer) return;
        pointer = null;
        send();
    });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || pointer !== null) return;
    if (event.key in ARROWS) {
        const [right, down] = ARROWS[event.key];
        const [x, y] = cursor ?? [WIDTH / 2, HEIGHT / 4];
        cursor = [Math.min(Math.max(x + right * STEP, 0), WIDTH), Math.min(Math.max(y + down * STEP, 0), HEIGHT)];
        if (penDown) {
            strokes.at(-1).push(cursor);
            sendSoon();
        }
    } else if (event.key === " " || event.key === "Enter") {
        event.preventDefault();
        if (event.repeat) return;
        cursor ??= [WIDTH / 2, HEIGHT / 4];
        penDown = !penDown;
        if (penDown) strokes.push([cursor]);
        send();
    } else if (event.key === "Backspace") {
        change(strokes.slice(0, -1));
    } else if (event.key === "Delete") {
        change([]);
    } else return;
    event.preventDefault();
    show();
});

canvas.addEventListener("blur", () => {
    cursor = null;
    penDown = false;
    show();
});

element.querySelector(".undo").addEventListener("click", () => change(strokes.slice(0, -1)));
element.querySelector(".clear").addEventListener("click", () => change([]));
document.querySelector("#reading .prose")?.setAttribute("aria-live", "polite");
show();
