// Tells cells of a table with words in them, some letters of which were read as digits, as
// digits/reading/words.py does.

import { measureDigitHeight, middleOf, surround } from "./boxes.js";
import { labelParts } from "./filters.js";
import { sum } from "./lists.js";
import { findRing, hasPart, MIN_INKED_WITH_PARTS } from "./rings.js";
import { drawRules, forEachIn, isEnclosed, locate, locateMerged, separateWriting } from "./rules.js";

// In digit heights: a letter is at least so tall; what is left over of rules is in a band so wide; and digits
// are larger than their boxes by so much on each side.
const SHORTEST_LETTER = 0.35, LEFT_OVER = 0.4, AROUND_BOX = 0.1;
const SMALLEST_CIRCLE = 1.2; // digit heights: a circle around a digit is larger than a letter
const MAX_IN_CIRCLE = 0.05; // share of a circle's ink in the middle half of its width and height
// A cell has a word in it if more than this share of its ink is in no symbol that was read, and this is in
// so many parts, or in one that is so many digit heights wide, as joined handwriting is.
const MAX_UNREAD = 0.5, MIN_LETTERS = 3, JOINED_WIDTH = 2.2;
// A column is one of letters if nothing was read in so many of its cells with ink, and in more than half of
// them, where a cell with a doubtful digit counts so much.
const MIN_UNREAD_CELLS = 5, DOUBTFUL_CELL = 0.5;
// A rule that ends more than so many digit heights before a cell does not bound it: it is merged with the
// next one, as for a heading above several columns.
const MAX_BEYOND_END = 0.5;

// For each symbol, {isInWord, isUnread}: whether there is a word in its cell; and whether more than half of
// the ink there is in no symbol, although it is no word: perhaps digits were not detected.
export function findWords(page, rules, boxes, areSure) {
    const { width, height } = page, unit = measureDigitHeight(boxes), ink = separateWriting(page, rules, boxes, unit);
    const nearRules = drawRules(rules, width, height, LEFT_OVER * unit);
    const isRead = new Uint8Array(ink.length), more = AROUND_BOX * unit;
    for (const [left, top, right, bottom] of boxes) {
        forEachIn([left - more, top - more, right + more, bottom + more], width, height, (place) => (isRead[place] = 1));
    }
    const { labels, count } = labelParts(ink, width, height);
    const parts = Array.from({ length: count }, () => {
        return { size: 0, read: 0, near: 0, left: width, top: height, right: 0, bottom: 0 };
    });
    labels.forEach((label, place) => {
        if (!label) return;
        const part = parts[label - 1], x = place % width, y = Math.floor(place / width);
        part.size++;
        part.read += isRead[place];
        part.near += nearRules[place];
        [part.left, part.right] = [Math.min(part.left, x), Math.max(part.right, x + 1)];
        [part.top, part.bottom] = [Math.min(part.top, y), Math.max(part.bottom, y + 1)];
    });
    const used = parts.flatMap((part, index) => {
        const wide = (part.right - part.left) / unit, tall = (part.bottom - part.top) / unit;
        // What is left over of a rule lies beside it.
        if (tall <= SHORTEST_LETTER || part.near >= 0.5 * part.size) return [];
        const isLarge = wide > SMALLEST_CIRCLE && tall > SMALLEST_CIRCLE;
        const isLetter = part.read < 0.5 * part.size && !(isLarge && isCircle(part, labels, index + 1, width));
        const middle = [(part.left + part.right) / 2, (part.top + part.bottom) / 2];
        const box = [part.left, part.top, part.right, part.bottom];
        return [{ size: part.size, wide, isLetter, middle, label: index + 1, box }];
    });
    // Whether a part is of a broken ring around all symbols of a cell.
    const makeIsOfRing = (here) => {
        const ring = findRing(page, rules, surround(here), MIN_INKED_WITH_PARTS);
        if (!ring) return () => false;
        return ({ label, box: [left, top, right, bottom] }) => {
            const places = [];
            for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) if (labels[y * width + x] === label) places.push([x, y]);
            return hasPart(ring, places);
        };
    };
    const keyOf = (point) => locate(rules, point).join();
    const keyOfMerged = (point) => locateMerged(rules, point, MAX_BEYOND_END * unit).join();
    const cells = groupByCell(used, keyOf), mergedCells = groupByCell(used, keyOfMerged);
    const symbolCells = boxes.map((box) => locate(rules, middleOf(box)));
    const letterCells = [...cells].filter(([, here]) => here.some(({ isLetter }) => isLetter)).map(([key]) => key.split(",").map(Number));
    const columns = findColumnsOfLetters(rules, letterCells, symbolCells, areSure);
    const symbols = boxes.map((box) => ({ box, middle: middleOf(box) }));
    const symbolsIn = groupByCell(symbols, keyOf), symbolsInMerged = groupByCell(symbols, keyOfMerged);
    const judge = (parts, here) => judgeCell(parts, () => makeIsOfRing(here.map(({ box }) => box)));
    return symbolCells.map((cell, index) => {
        const key = cell.join(), mergedKey = keyOfMerged(middleOf(boxes[index])), isInside = isEnclosed(rules, cell);
        const { isMissed, isWord } = judge(cells.get(key), symbolsIn.get(key));
        const merged = judge(mergedCells.get(mergedKey), symbolsInMerged.get(mergedKey));
        // Where a rule is worn off, a number stands beside a word: what is sure is not part of it.
        const isInMerged = isInside && !areSure[index] && merged.isMissed && merged.isWord;
        const isInColumn = isInside && columns.includes(cell[1]);
        return { isInWord: (isMissed && isWord) || isInMerged || isInColumn, isUnread: isMissed && !isWord };
    });
}

function groupByCell(parts, keyOf) {
    const cells = new Map();
    for (const part of parts) {
        const key = keyOf(part.middle);
        cells.set(key, [...(cells.get(key) ?? []), part]);
    }
    return cells;
}

// Whether much of the ink of a cell is in no symbol, and whether that is a word.
function judgeCell(parts = [], makeIsOfRing) {
    let letters = parts.filter(({ isLetter }) => isLetter);
    if (letters.length >= MIN_LETTERS) {
        const isOfRing = makeIsOfRing();
        letters = letters.filter((part) => !isOfRing(part));
    }
    const sumSizes = (some) => sum(some.map(({ size }) => size));
    return {
        isMissed: sumSizes(letters) > MAX_UNREAD * sumSizes(parts),
        isWord: letters.length >= MIN_LETTERS || letters.some(({ wide }) => wide > JOINED_WIDTH),
    };
}

// Find the columns of a table in which most cells have letters, of which some look like digits.
function findColumnsOfLetters(rules, letterCells, symbolCells, areSure) {
    const listInside = (cells) => new Set(cells.filter((cell) => isEnclosed(rules, cell)).map(String));
    const read = listInside(symbolCells), doubtful = listInside(symbolCells.filter((_, index) => !areSure[index]));
    const unread = [...listInside(letterCells)].filter((cell) => !read.has(cell));
    const columnOf = (cell) => Number(cell.split(",")[1]);
    const count = (cells, column) => [...cells].filter((cell) => columnOf(cell) === column).length;
    return [...new Set(unread.map(columnOf))].filter((column) => {
        const numUnread = count(unread, column);
        const numRead = count(read, column) - (1 - DOUBTFUL_CELL) * count(doubtful, column);
        return numUnread >= MIN_UNREAD_CELLS && numUnread > numRead;
    });
}

// Whether a part of the ink surrounds something: there is hardly any of it in the middle.
function isCircle({ left, top, right, bottom, size }, labels, label, pageWidth) {
    const across = Math.floor((right - left) / 4), down = Math.floor((bottom - top) / 4);
    let inMiddle = 0;
    for (let y = top + down; y < bottom - down; y++) {
        for (let x = left + across; x < right - across; x++) inMiddle += labels[y * pageWidth + x] === label;
    }
    return inMiddle < MAX_IN_CIRCLE * size;
}
