// --- a detector: queries ask the patches -------------------------------------------------------

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

// A point (x, y) of the picture as waves: half of the features for y, half for x.
function sinePlaces([x, y], { d_model: width, base }) {
  const out = new Float32Array(width);
  [y, x].forEach((t, axis) => {
    for (let i = 0; i < width / 4; i++) {
      const angle = (2 * Math.PI * t) / base ** ((4 * i) / width);
      out[(axis * width) / 2 + 2 * i] = Math.sin(angle);
      out[(axis * width) / 2 + 2 * i + 1] = Math.cos(angle);
    }
  });
  return out;
}

// Attention whose queries and keys have places, and whose values have none.
function placedAttention(layer, xs, places, context, contextPlaces, config) {
  const at = (vectors, where) => vectors.map((x, i) => add(x, where[i]));
  const past = { keys: [], values: [] };
  return attention(layer, context, past, config, at(xs, places), at(context, contextPlaces));
}

// The queries look at each other, then at the patches, then think; each adds to what is there.
function decoderLayer(layer, xs, places, context, contextPlaces, config) {
  const normed = (name) => xs.map((x) => norm(layer[name], x, config));
  const more = (found) => (xs = xs.map((x, i) => add(x, found[i])));
  const own = normed("norm1");
  more(placedAttention(layer.self_attention, own, places, own, places, config).out);
  const { out, maps } = placedAttention(
    layer.cross_attention, normed("norm2"), places, context, contextPlaces, config);
  more(out);
  more(normed("norm3").map((x) => feedForward(layer.feed_forward, x, config)));
  return { xs, maps };
}

// Three linear maps, with ReLU between them.
const boxHead = (maps, x) =>
  [maps[2], maps[4]].reduce((y, map) => linear(map, y.map(activations.relu)), linear(maps[0], x));

// Of each class, without "no object": it shares one probability with that, or is asked by itself.
export const classChances = (logits, config) =>
  config.no_object ? softmax(logits).slice(0, -1) : logits.map(sigmoid);

// DETR whose queries start from anchors. After each layer: of every query the logits, its box
// (centre x, centre y, width, height), and where it looked.
export function detect(weights, config, image) {
  const { image_size: side, patch_size: size } = config.backbone;
  const grid = side / size;
  const { features } = vitForward(weights.backbone, config.backbone, image);
  const context = features.slice(-grid * grid).map((x) => linear(weights.input_proj, x));
  const middle = (i) => [((i % grid) + 0.5) / grid, (Math.floor(i / grid) + 0.5) / grid];
  const contextPlaces = context.map((_, i) => sinePlaces(middle(i), config));
  let starts = Array.from({ length: config.num_queries }, (_, i) => row(weights.anchors, i, 4));
  let xs = starts.map(() => new Float32Array(config.d_model));
  return Object.values(weights.decoder).map((layer) => {
    const places = starts.map((box) =>
      linear(weights.place_proj, sinePlaces(box.slice(0, 2).map(sigmoid), config)));
    const seen = decoderLayer(layer, xs, places, context, contextPlaces, config);
    xs = seen.xs;
    const found = xs.map((x) => norm(weights.decoder_norm, x, config));
    const moved = found.map((x, i) => add(starts[i], boxHead(weights.box_head, x)));
    if (config.refine) starts = moved; // the next layer goes on from here
    return {
      logits: found.map((x) => linear(weights.class_head, x)),
      boxes: moved.map((box) => box.map(sigmoid)),
      attention: seen.maps, // [query][head][patch]
    };
  });
}
