// A rectangle dragged on the Photo tab's photo, as "x y width height" in shares of the photo.
// Gradio's image editor can crop, but sends the cropped picture and not where it was.
const CLICK = 5; // pixels: a pointer that moved less was clicked
const photo = document.querySelector("#photo");
const text = element.querySelector("input");
const frame = Object.assign(document.createElement("div"), { className: "region-frame", hidden: true });
let start = null, corner = null, pointer = null;

// Where the photo is inside of its <img>, which may be wider or higher than it.
function measure(image) {
    const box = image.getBoundingClientRect();
    const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
    const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
    const fit = getComputedStyle(image).objectFit;
    if (fit !== "contain" && fit !== "scale-down") return box;
    return new DOMRect(box.left + (box.width - width) / 2, box.top + (box.height - height) / 2, width, height);
}

function findImage() {
    return photo?.querySelector("img");
}

function parse(value) {
    const numbers = value.trim().split(/[\s,;]+/).map(Number);
    const isShares = numbers.length === 4 && numbers.every((number) => number >= 0 && number <= 1);
    return isShares && value.trim() ? numbers : null;
}

function show() {
    const image = findImage();
    const numbers = parse(text.value);
    frame.hidden = !image?.naturalWidth || !numbers;
    if (frame.hidden) return;
    const parent = image.parentElement;
    if (frame.parentElement !== parent) parent.append(frame);
    if (getComputedStyle(parent).position === "static") parent.style.position = "relative";
    const box = measure(image), origin = parent.getBoundingClientRect();
    const [x, y, width, height] = numbers;
    Object.assign(frame.style, {
        left: `${box.left - origin.left - parent.clientLeft + x * box.width}px`,
        top: `${box.top - origin.top - parent.clientTop + y * box.height}px`,
        width: `${width * box.width}px`,
        height: `${height * box.height}px`,
    });
}

function send() {
    corner = null;
    show();
    if (props.value === text.value.trim()) return;
    props.value = text.value.trim();
    trigger("input");
}

function locate(event, image) {
    const box = measure(image);
    const share = (value) => Math.min(Math.max(value, 0), 1);
    return [share((event.clientX - box.left) / box.width), share((event.clientY - box.top) / box.height)];
}

function select(one, other) {
    const [left, top] = [0, 1].map((axis) => Math.min(one[axis], other[axis]));
    const [width, height] = [0, 1].map((axis) => Math.abs(one[axis] - other[axis]));
    text.value = [left, top, width, height].map((value) => +value.toFixed(4)).join(" ");
    show();
}

function finish(isComplete) {
    if (isComplete) return send();
    text.value = props.value ?? "";
    show();
}

photo?.addEventListener("dragstart", (event) => event.preventDefault());

photo?.addEventListener("pointerdown", (event) => {
    const image = findImage();
    if (event.target !== image || pointer !== null || event.button || !image.naturalWidth) return;
    pointer = event.pointerId;
    start = { x: event.clientX, y: event.clientY, place: locate(event, image) };
    // A finger may be about to scroll.
    if (event.pointerType !== "touch") image.setPointerCapture(pointer);
});

photo?.addEventListener("pointermove", (event) => {
    const image = findImage();
    if (!image) return;
    if (event.pointerId === pointer) select(start.place, locate(event, image));
    else if (pointer === null && corner && event.target === image) select(corner, locate(event, image));
});

photo?.addEventListener("pointerup", (event) => {
    const image = findImage();
    if (event.pointerId !== pointer || !image) return;
    pointer = null;
    const place = locate(event, image);
    const isClick = Math.hypot(event.clientX - start.x, event.clientY - start.y) < CLICK;
    if (!isClick) {
        select(start.place, place);
        send();
    } else if (corner) {
        select(corner, place);
        send();
    } else {
        corner = place;
        select(place, place);
    }
});

photo?.addEventListener("pointercancel", (event) => {
    if (event.pointerId !== pointer) return;
    pointer = null;
    finish(false);
});

text.addEventListener("input", show);
text.addEventListener("change", send);
text.addEventListener("keydown", (event) => {
    if (event.key === "Enter") send();
});
element.querySelector("button").addEventListener("click", () => {
    text.value = "";
    send();
});
watch("value", () => {
    text.value = props.value ?? "";
    corner = null;
    show();
});
if (photo) {
    new MutationObserver(show).observe(photo, { childList: true, subtree: true });
    new ResizeObserver(show).observe(photo);
    photo.addEventListener("load", show, true);
}
