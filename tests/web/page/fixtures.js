// What Python computed of the same images, which tests/web/test_page.py writes.

import { readFileSync } from "node:fs";

// Read it; null where the tests are run without it, which then skip.
export function readFixtures() {
    const path = process.env.DIGITS_FIXTURES;
    return path ? JSON.parse(readFileSync(path, "utf8")) : null;
}
