// --- an encoder and a decoder, on the layers of transformer.js -------------------------------------

const [PAD, BOS, EOS] = [0, 1, 2];

const embed = (weights, config, id) =>
  row(weights.target_embedding.weight, id, config.d_model).map((x) => x * Math.sqrt(config.d_model));

// Read the source once, and keep for each decoder layer what will be looked at.
export function readSource(weights, config, ids) {
  const xs = ids.map((id) => embed(weights, config, id));
  const context = encoder(weights.encoder, xs, [], config).xs;
  return Object.values(weights.decoder.layers).map((layer) => ({
    own: { keys: [], values: [] },
    source: {
      keys: context.map((x) => linear(layer.cross_attention.k_proj, x)),
      values: context.map((x) => linear(layer.cross_attention.v_proj, x)),
    },
  }));
}

// Read one token of the target, and score the next: look back, look at the source, think.
export function targetStep(weights, config, token, kept) {
  let x = embed(weights, config, token);
  const maps = []; // [layer][head][source token]
  Object.values(weights.decoder.layers).forEach((layer, i) => {
    const back = attention(layer.self_attention, [norm(layer.norm1, x, config)], kept[i].own, config);
    x = add(x, back.out[0]);
    const asking = [norm(layer.norm2, x, config)]; // across, places play no part
    const across = { ...config, positions: "none" };
    const seen = attention(layer.cross_attention, [], kept[i].source, across, asking);
    x = add(x, seen.out[0]);
    x = add(x, feedForward(layer.feed_forward, norm(layer.norm3, x, config), config));
    maps.push(seen.maps[0]);
  });
  const features = norm(weights.decoder.final_norm, x, config);
  return { logits: linear(weights.target_embedding, features), maps };
}

// The likeliest token, again and again, until the end or `most`: their ids, and where each looked.
export function translateGreedily(weights, config, ids, most) {
  const kept = readSource(weights, config, ids), written = [];
  let token = BOS;
  while (written.length < most) {
    const { logits, maps } = targetStep(weights, config, token, kept);
    token = logits.reduce((best, score, id) => (score > logits[best] ? id : best), PAD);
    if (token === EOS) break;
    written.push({ id: token, chance: softmax(logits)[token], maps });
  }
  return written;
}
