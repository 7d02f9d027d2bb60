// --- BERT, on the encoder of transformer.js ------------------------------------------------------

// BERT: read all tokens at once; for each, features that know both sides of it.
export function bertFeatures(weights, config, ids) {
  const { embedding, norm: first, encoder: stack } = weights.bert;
  const xs = ids.map((id) => norm(first, row(embedding.weight, id, config.d_model), config));
  return encoder(stack, xs, [], config).xs;
}

// Which word is hidden here? The features of one place are compared with every embedding.
export function hiddenWord(weights, config, features) {
  const asked = linear(weights.transform, features).map(activations[config.activation]);
  const { embedding } = weights.bert;
  return linear({ ...embedding, bias: weights.head_bias }, norm(weights.norm, asked, config));
}
