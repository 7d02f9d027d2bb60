// --- a CLIP: what a picture is called, and which picture is meant ---------------------------------

// Bring a vector to length 1; nothing stays nothing.
export function unit(vector) {
  const length = Math.sqrt(dot(vector, 0, vector, 0, vector.length)) || 1;
  return vector.map((value) => value / length);
}

// A text: the sum of its words' vectors, each added or taken away. `terms` are [row, sign].
export function textVector(words, width, terms) {
  const sum = new Float32Array(width);
  for (const [at, sign] of terms)
    for (let j = 0; j < width; j++) sum[j] += sign * words[at * width + j];
  return unit(sum);
}

export const imageVector = (weights, config, picture) =>
  unit(vitForward(weights.image_tower, config, picture).logits);

// The best of a table of vectors of length 1, side by side in one array: [place, cosine], best first.
export function nearest(table, vector, count) {
  const width = vector.length, all = [];
  for (let i = 0; i * width < table.length; i++) all.push([i, dot(table, i * width, vector, 0, width)]);
  return all.sort((a, b) => b[1] - a[1]).slice(0, count);
}
