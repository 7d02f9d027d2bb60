// --- byte-pair encoding: from bytes to pieces of words ---------------------------------------------

// A word, a number or some signs, each with the blank before it; as in data/subwords.py.
const WORDS = / ?[A-Za-z\u0080-\uffff]+| ?[0-9]+| ?[^\sA-Za-z0-9\u0080-\uffff]+|\s+(?!\S)|\s+/g;

// The merges come as pairs of whole numbers of 16 bits, in the order in which they were learnt.
export function bytePairs(bytes) {
  const numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pieces = Array.from({ length: 256 }, (_, i) => [i]), rank = new Map();
  for (let at = 0; at < bytes.byteLength; at += 4) {
    const [a, b] = [numbers.getUint16(at, true), numbers.getUint16(at + 2, true)];
    rank.set(65536 * a + b, rank.size);
    pieces.push([...pieces[a], ...pieces[b]]);
  }
  return { pieces, rank };
}

// Join what was learnt first, again and again. With `most`, only the first merges are known.
function cutWord(ids, { rank }, most) {
  const of = (i) => rank.get(65536 * ids[i] + ids[i + 1]) ?? Infinity;
  for (;;) {
    let best = most;
    for (let i = 0; i + 1 < ids.length; i++) best = Math.min(best, of(i));
    if (best >= most) return ids;
    const joined = [];
    for (let i = 0; i < ids.length; i++) joined.push(of(i) === best ? (i++, 256 + best) : ids[i]);
    ids = joined;
  }
}

// Pieces of a text, with a blank put in front.
export function cutText(text, table, most = table.rank.size) {
  const words = ` ${text}`.match(WORDS) ?? [];
  return words.flatMap((word) => cutWord([...new TextEncoder().encode(word)], table, most));
}

// What pieces say together; one that ends within a character shows its bytes.
export function textOf(ids, { pieces }) {
  return new TextDecoder().decode(Uint8Array.from(ids.flatMap((id) => pieces[id])));
}

function pieceName(id, table) {
  const text = textOf([id], table);
  if (!text.includes("\ufffd")) return text.replaceAll(" ", "␣");
  return table.pieces[id].map((byte) => `⟨${byte.toString(16).padStart(2, "0")}⟩`).join("");
}
