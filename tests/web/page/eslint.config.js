// For digits/web/page/ and its tests. From the root: npm --prefix tests/web/page ci, and then
// tests/web/page/node_modules/.bin/eslint --config tests/web/page/eslint.config.js digits/web/page tests/web/page
import js from "@eslint/js";

const browser = [
    "addEventListener", "atob", "Blob", "btoa", "createImageBitmap", "document", "navigator", "setTimeout", "URL",
    "WebAssembly", "Worker",
];
const node = ["Buffer", "process", "URL"];

export default [
    js.configs.recommended,
    {
        languageOptions: {
            ecmaVersion: 2022,
            sourceType: "module",
            globals: Object.fromEntries([...browser, ...node].map((name) => [name, "readonly"])),
        },
        linterOptions: { reportUnusedDisableDirectives: "error" },
        rules: { eqeqeq: "error", "prefer-const": "error", "no-var": "error" },
    },
];
