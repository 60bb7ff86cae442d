// Says in words what is predicted, as digits/web/answers.py and digits/plotting.py do.

// Format a probability so that only 0 and 1 read as such: ">99.9%", "97.3%", "<0.1%".
export function formatProbability(probability) {
    const text = `${(100 * probability).toFixed(1)}%`;
    if (probability < 1 && text === "100.0%") return ">99.9%";
    return probability > 0 && text === "0.0%" ? "<0.1%" : text;
}

// Say in one sentence what was read. Each digit has `label`, `isDigit` and `isSure`.
export function formatSummary(digits) {
    const text = digits.map(({ label }) => label).join("");
    const number = (isMeant) => digits.flatMap((digit, index) => (isMeant(digit) ? [index + 1] : []));
    const strange = number(({ isDigit }) => !isDigit), unsure = number(({ isSure }) => !isSure);
    if (!digits.length) return "Draw a digit, or several.";
    if (strange.length === digits.length) {
        const what = strange.length > 1 ? "These do not look like digits" : "This does not look like a digit";
        return `${what} (nearest: ${text})`;
    }
    if (strange.length > 1) return `Perhaps ${text}, but parts ${strange.join(", ")} do not look like digits`;
    if (strange.length) return `Perhaps ${text}, but part ${strange[0]} does not look like a digit`;
    if (!unsure.length) return `This is ${text}`;
    if (digits.length === 1) return `Perhaps ${text}, but not sure`;
    return `Perhaps ${text}, but not sure of digit${unsure.length > 1 ? "s" : ""} ${unsure.join(", ")}`;
}

// Say how much the probability falls at most, as `explain` measures.
export function formatFall(label, largest, patch) {
    const points = (100 * largest).toFixed(1);
    const fall = points === "0.0" ? "less than 0.1" : `up to ${points}`;
    return `Blue pixels speak for ${label}: while a patch of ${patch}×${patch} pixels there is covered, `
        + `the probability of ${label} falls by ${fall} percentage points.`;
}
