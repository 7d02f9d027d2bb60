// --- a pass that can be reached into -----------------------------------------------------------

// Read all tokens at once; each sees those up to itself. The parts named in `off` add nothing:
// "2.0" is head 0 of layer 2, "2.ff" its feed-forward. `patch` puts other vectors into the stream:
// "2.7" is token 7 before layer 2. What `known`, a pass over the same tokens, has found before
// layer `from` is not computed again, nor what `kept`, a pass with the same hands, has found of the
// first tokens: they see none that come after.
export function pass(weights, config, tokens, hands = {}) {
  const { off = new Set(), patch = new Map(), known = null, from = 0, kept = null } = hands;
  const before = (list) => (known ? list.slice(0, from) : []);
  const begin = kept ? kept.tokens.length : 0; // the first token that is read anew
  const after = (name, l, list) => (kept ? [...kept[name][l], ...list] : list);
  const run = {
    tokens,
    streams: before(known?.streams), // [layer][token]: what a layer reads; last what leaves them
    middles: before(known?.middles), // [layer][token]: between attention and feed-forward
    found: before(known?.found), // [layer][token]: what the heads found, side by side
    maps: before(known?.maps), // [layer][head][query][key]
    keys: before(known?.keys), // [layer][token]: the cache; all heads side by side
    values: before(known?.values),
  };
  const { d_model: width, num_heads: count } = config, headDim = width / count;
  let xs = known
    ? known.streams[from]
    : tokens.slice(begin).map((t) => row(weights.embedding.weight, t, width));
  Object.values(weights.stack.layers).forEach((layer, l) => {
    if (l < run.streams.length) return;
    xs = xs.map((x, i) => patch.get(`${l}.${begin + i}`) ?? x);
    run.streams.push(after("streams", l, xs));
    const seen = queriesKeysValues(layer, xs, config, begin);
    const q = seen.q, k = after("keys", l, seen.k), v = after("values", l, seen.v);
    run.keys.push(k);
    run.values.push(v);
    const maps = Array.from({ length: count }, () => []);
    const found = q.map((query, i) => {
      const sum = new Float32Array(width);
      for (let h = 0, f = 0; h < count; h++, f += headDim) {
        const scores = k.slice(0, begin + i + 1).map((key) => dot(query, f, key, f, headDim));
        const looks = softmax(Float32Array.from(scores, (s) => s / Math.sqrt(headDim)));
        maps[h].push(looks);
        if (off.has(`${l}.${h}`)) continue;
        for (let j = 0; j <= begin + i; j++)
          for (let c = f; c < f + headDim; c++) sum[c] += looks[j] * v[j][c];
      }
      return sum;
    });
    run.maps.push(maps.map((map, h) => (kept ? [...kept.maps[l][h], ...map] : map)));
    run.found.push(after("found", l, found));
    xs = xs.map((x, i) => add(x, linear(layer.self_attention.out_proj, found[i])));
    run.middles.push(after("middles", l, xs));
    if (!off.has(`${l}.ff`)) xs = xs.map((x) => add(x, thought(layer, x, config)));
  });
  run.streams.push(after("streams", run.maps.length, xs));
  return run;
}

// What a pass has found of its first tokens.
export const begun = (run, count) => Object.fromEntries(Object.entries(run).map(([name, part]) => [
  name,
  name === "tokens" ? part.slice(0, count)
    : part.map((of) => (name === "maps" ? of.map((map) => map.slice(0, count)) : of.slice(0, count))),
]));

const thought = (layer, x, config) => feedForward(layer.feed_forward, norm(layer.norm2, x, config), config);

// Of every token, all heads side by side; queries and keys turned by their places, from `begin`.
export function queriesKeysValues(layer, xs, config, begin = 0) {
  const headDim = config.d_model / config.num_heads, { q_proj, k_proj, v_proj } = layer.self_attention;
  const normed = xs.map((x) => norm(layer.norm1, x, config));
  const turned = (map) => normed.map((x, i) => rotate(linear(map, x), begin + i, headDim));
  return { q: turned(q_proj), k: turned(k_proj), v: normed.map((x) => linear(v_proj, x)) };
}

// The scores of the next token, read from a vector of the stream as if no layer came after it.
export const reading = (weights, config, x) =>
  linear(weights.head ?? weights.embedding, norm(weights.stack.final_norm, x, config));

// Who added how much to a token's score at a place: the stream there is a sum, and the last norm
// only divides it. Counted above the mean of all tokens, since what all get changes nothing.
export function shares(weights, config, run, place, token) {
  const width = config.d_model, table = (weights.head ?? weights.embedding).weight;
  const count = table.length / width, last = run.streams.at(-1)[place];
  const size = Math.sqrt(last.reduce((sum, value) => sum + value ** 2, 0) / width + config.eps);
  const asks = new Float32Array(width); // the score is the product of this and the stream
  for (let t = 0; t < count; t++)
    for (let j = 0; j < width; j++)
      asks[j] += (Number(t === token) - 1 / count) * table[t * width + j];
  for (let j = 0; j < width; j++) asks[j] *= weights.stack.final_norm.weight[j] / size;
  const of = (vector) => dot(asks, 0, vector, 0, width);
  const list = [["start", of(run.streams[0][place])]];
  Object.values(weights.stack.layers).forEach((layer, l) => {
    const found = run.found[l][place], headDim = width / config.num_heads;
    for (let h = 0; h < config.num_heads; h++) {
      const alone = found.map((value, c) => (Math.floor(c / headDim) === h ? value : 0));
      list.push([`${l}.${h}`, of(linear(layer.self_attention.out_proj, alone))]);
    }
    const rest = run.streams[l + 1][place].map((value, j) => value - run.middles[l][place][j]);
    list.push([`${l}.ff`, of(rest)]); // and what was put in after it
  });
  return list;
}

// The hidden units of a layer's feed-forward at a place.
export const hidden = (weights, config, run, layer, place) => {
  const { feed_forward, norm2 } = weights.stack.layers[layer];
  const x = norm(norm2, run.middles[layer][place], config);
  return linear(feed_forward.linear1, x).map(activations[config.activation]);
};
