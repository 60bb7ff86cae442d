// Reads photos beside the page, in a worker; or, where the browser starts none, on the page in slices.

import { makeEngine } from "./convolution.js";
import { makeReader } from "./reader.js";
import { shrink, toGrey } from "./shrink.js";

// Make a function that reads {photo, isShrunkByDecoder, turns}: a page with `scale`, the file's pixels to
// one of the photo that was read. Without `photo`, the last one is read again. `pause` as of makeReader.
export function makePhotoReader(data, pause) {
    const bytes = Uint8Array.from(atob(data.wasm), (character) => character.charCodeAt(0));
    const read = makeReader(makeEngine(bytes), data, pause);
    let last = null;
    return async ({ photo, isShrunkByDecoder, turns }) => {
        if (photo) {
            await pause("Shrinking the photo");
            const small = shrink(photo, isShrunkByDecoder);
            const scale = Math.max(1, Math.max(photo.width, photo.height) / Math.max(small.width, small.height));
            last = { grey: toGrey(small), scale };
        }
        const { grey, scale } = last, page = await read(grey, turns);
        return { ...page, scale, width: grey.width, height: grey.height };
    };
}

// What the worker does: the first message has the data of the networks, each other one is a photo.
export function serve(scope) {
    let read = null;
    scope.addEventListener("message", async ({ data: message }) => {
        try {
            if (!read) {
                read = makePhotoReader(message, (progress) => scope.postMessage({ progress }));
                scope.postMessage({ isReady: true });
            } else scope.postMessage({ page: await read(message) });
        } catch (error) {
            scope.postMessage({ error: String(error?.message ?? error) });
        }
    });
}

// Start a reader; `source` is the page's own script, which `serve`s in a worker.
export async function startReader(source, data, showProgress) {
    try {
        return await startWorker(source, data, showProgress);
    } catch {
        let last = 0;
        return makePhotoReader(data, async (progress) => {
            showProgress(progress);
            if (Date.now() - last > 50) await new Promise((resolve) => setTimeout(resolve));
            last = Date.now();
        });
    }
}

function startWorker(source, data, showProgress) {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" })), worker = new Worker(url);
    const listen = (handle) => new Promise((resolve, reject) => {
        worker.onerror = (event) => {
            event.preventDefault();
            reject(new Error(event.message || "The browser could not read the photo."));
        };
        worker.onmessage = ({ data: message }) => {
            if (message.progress) showProgress(message.progress);
            else if (message.error) reject(new Error(message.error));
            else resolve(handle(message));
        };
    });
    const started = listen(() => (job) => {
        const done = listen(({ page }) => page);
        worker.postMessage(job, job.photo ? [job.photo.pixels.buffer] : []);
        return done;
    });
    worker.postMessage(data);
    return started.finally(() => URL.revokeObjectURL(url));
}
