// A Transformer in plain JavaScript: the steps of the Python package, a function for each idea.
//
// A vector is a Float32Array, a sequence is an array of vectors, one for each token. Weights keep
// the names that they have in Python: weights.stack.layers[0].self_attention.q_proj.weight.

// --- numbers -----------------------------------------------------------------------------------

// Each row of a matrix comes as whole numbers from -127 to 127, to be multiplied by its scale.
// First in the file stand all scales and all vectors (biases, norms), which are kept as they are.
export function unpack(bytes, tensors) {
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const product = (shape) => shape.reduce((size, length) => size * length, 1);
  const exact = ([, shape]) => (shape.length > 1 ? product(shape.slice(0, -1)) : shape[0]);
  const numExact = tensors.map(exact).reduce((sum, n) => sum + n, 0);
  const floats = new Float32Array(buffer, 0, numExact);
  const whole = new Int8Array(buffer, 4 * numExact);
  const weights = {};
  let f = 0, w = 0; // how far the two have been read
  for (const [name, shape] of tensors) {
    const own = floats.slice(f, (f += exact([name, shape]))); // the vector, or the rows' scales
    let values = own;
    if (shape.length > 1) {
      const width = shape.at(-1);
      values = new Float32Array(own.length * width);
      for (let i = 0; i < values.length; i++) values[i] = whole[w++] * own[Math.floor(i / width)];
    }
    const path = name.split("."), last = path.pop();
    path.reduce((node, key) => (node[key] ??= {}), weights)[last] = values;
  }
  return weights;
}

const row = (table, i, width) => table.subarray(i * width, (i + 1) * width);
const add = (a, b) => a.map((value, i) => value + b[i]);
const mean = (vectors) => vectors.reduce(add).map((sum) => sum / vectors.length);

// The sum of a[i + n] * b[j + n]: nearly all of the time is spent here. Four sums side by side are
// three times as fast as one, in which each addition would wait for the one before.
function dot(a, i, b, j, length) {
  let s = 0, t = 0, u = 0, v = 0, n = 0;
  for (; n + 3 < length; n += 4) {
    s += a[i + n] * b[j + n];
    t += a[i + n + 1] * b[j + n + 1];
    u += a[i + n + 2] * b[j + n + 2];
    v += a[i + n + 3] * b[j + n + 3];
  }
  for (; n < length; n++) s += a[i + n] * b[j + n];
  return s + t + u + v;
}

export function softmax(scores) {
  const highest = scores.reduce((a, b) => Math.max(a, b)); // exp of it could overflow
  const powers = scores.map((score) => Math.exp(score - highest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

// --- layers ------------------------------------------------------------------------------------

// W x + b: each row of W asks one question of x.
function linear({ weight, bias }, x) {
  const out = new Float32Array(weight.length / x.length);
  for (let i = 0; i < out.length; i++)
    out[i] = dot(weight, i * x.length, x, 0, x.length) + (bias ? bias[i] : 0);
  return out;
}

// LayerNorm takes the mean away and divides by the spread; RMSNorm only divides by the size.
function norm({ weight, bias }, x, config) {
  const middle = config.norm === "rms" ? 0 : x.reduce((a, b) => a + b) / x.length;
  const square = x.reduce((sum, value) => sum + (value - middle) ** 2, 0) / x.length;
  const size = Math.sqrt(square + config.eps); // eps inside the root, as in torch
  return x.map((value, i) => ((value - middle) / size) * weight[i] + (bias ? bias[i] : 0));
}

// The error function to 1.5e-7: Abramowitz and Stegun 1964, formula 7.1.26.
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592];
  return Math.sign(x) * (1 - series.reduce((sum, c) => (sum + c) * t, 0) * Math.exp(-x * x));
}

const activations = {
  relu: (x) => Math.max(x, 0),
  relu2: (x) => Math.max(x, 0) ** 2,
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  gelu_tanh: (x) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
};

function feedForward({ linear1, linear2 }, x, config) {
  return linear(linear2, linear(linear1, x).map(activations[config.activation]));
}

// Turn feature i and feature i + half of every head by an angle that grows with the position.
function rotate(x, position, headDim) {
  const out = new Float32Array(x.length), half = headDim / 2;
  for (let i = 0; i < x.length; i++) {
    const pair = i % half, second = i % headDim >= half;
    const angle = position / 10000 ** (pair / half);
    const other = second ? x[i - half] : -x[i + half];
    out[i] = x[i] * Math.cos(angle) + other * Math.sin(angle);
  }
  return out;
}

// Each token of `xs` looks at all tokens in `past`, to which those of `xs` are added first. Given
// one at a time, tokens see only earlier ones; given all at once, each sees each. What asks, and
// what is compared with it, may be others than what is handed on.
function attention(layer, xs, past, config, asking = xs, compared = xs) {
  const headDim = config.d_model / config.num_heads;
  const begin = past.keys.length;
  const place = (x, i) => (config.positions === "rotary" ? rotate(x, begin + i, headDim) : x);
  past.keys.push(...compared.map((x, i) => place(linear(layer.k_proj, x), i)));
  past.values.push(...xs.map((x) => linear(layer.v_proj, x)));
  const window = -(config.max_len ?? Infinity); // counted from the end
  const keys = past.keys.slice(window), values = past.values.slice(window);

  const maps = []; // [query][head][key]
  const out = asking.map((x, i) => {
    const q = place(linear(layer.q_proj, x), i);
    const found = new Float32Array(q.length);
    const heads = [];
    for (let from = 0; from < q.length; from += headDim) { // the features of one head
      const scores = keys.map((k) => dot(q, from, k, from, headDim) / Math.sqrt(headDim));
      const weights = softmax(Float32Array.from(scores));
      values.forEach((v, t) => {
        for (let j = from; j < from + headDim; j++) found[j] += weights[t] * v[j];
      });
      heads.push(weights);
    }
    maps.push(heads);
    return linear(layer.out_proj, found);
  });
  return { out, maps };
}

// Look around, then think; each adds to what is there (pre-norm).
function encoderLayer(layer, xs, past, config) {
  const around = xs.map((x) => norm(layer.norm1, x, config));
  const { out, maps } = attention(layer.self_attention, around, past, config);
  xs = xs.map((x, i) => add(x, out[i]));
  xs = xs.map((x) => add(x, feedForward(layer.feed_forward, norm(layer.norm2, x, config), config)));
  return { xs, maps };
}

function encoder(stack, xs, cache, config) {
  const maps = []; // [layer][query][head][key]
  Object.values(stack.layers).forEach((layer, i) => {
    const seen = encoderLayer(layer, xs, (cache[i] ??= { keys: [], values: [] }), config);
    xs = seen.xs;
    maps.push(seen.maps);
  });
  return { xs: xs.map((x) => norm(stack.final_norm, x, config)), maps };
}

// --- models ------------------------------------------------------------------------------------

// GPT: read one token, score the next. `cache` starts as [] and remembers the tokens before.
export function gptStep(weights, config, token, cache) {
  let x = row(weights.embedding.weight, token, config.d_model);
  if (weights.positions) {
    const position = cache[0]?.keys.length ?? 0;
    x = add(x, row(weights.positions.table.weight, position, config.d_model));
  }
  const { xs, maps } = encoder(weights.stack, [x], cache, config);
  return {
    logits: linear(weights.head ?? weights.embedding, xs[0]),
    attention: maps.map(([heads]) => heads), // [layer][head][key]
  };
}

// ViT: cut the picture into patches, read them all at once, score every class. `image` holds the
// image_size² numbers of a grey picture, row by row.
export function vitForward(weights, config, image) {
  const { image_size: side, patch_size: size } = config;
  let xs = [];
  for (let top = 0; top < side; top += size)
    for (let left = 0; left < side; left += size) {
      const patch = new Float32Array(size * size);
      for (let y = 0; y < size; y++) {
        const start = (top + y) * side + left;
        patch.set(image.subarray(start, start + size), y * size);
      }
      xs.push(linear(weights.patches.proj, patch));
    }
  if (weights.class_token) xs.unshift(weights.class_token);
  if (weights.positions)
    xs = xs.map((x, i) => add(x, row(weights.positions.table.weight, i, config.d_model)));
  const { xs: features, maps } = encoder(weights.encoder, xs, [], config);
  const pooled = weights.class_token ? features[0] : mean(features);
  const logits = weights.head && linear(weights.head, pooled); // other models' eyes decide nothing
  return { logits, features, attention: maps }; // [layer][query][head][key]
}

// Attention through all layers: in each, a token keeps one half of what it is and takes the other
// half from where it looks, on average over the heads. Abnar and Zuidema 2020.
export function rollout(maps) {
  let seen = maps[0].map((_, i) => Float32Array.from(maps[0], (_, j) => Number(i === j)));
  for (const queries of maps)
    seen = queries.map((heads, i) => {
      const looked = mean(heads).reduce(
        (sum, weight, j) => add(sum, seen[j].map((value) => weight * value)),
        new Float32Array(seen.length),
      );
      return seen[i].map((value, j) => (value + looked[j]) / 2);
    });
  return seen; // [query][first token]
}
