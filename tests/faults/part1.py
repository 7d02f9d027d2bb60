"""Part I: masks, attention, cache, positions."""

from faults.fault import Fault, faults_of

_masks = faults_of("layers/masks.py", "test_masks.py")
_attention = faults_of("layers/attention.py", "test_attention.py")
_multi_head = faults_of("layers/multi_head.py", "test_attention.py")
_kernels = faults_of("layers/kernels.py", "test_attention.py")
_maps = faults_of("measure/maps.py", "test_attention.py")
_positions = faults_of("layers/positions.py", "test_positions.py")


def _cache(name, old, new, test):
    return Fault(name, "layers/cache.py", old, new, test)


FORMULA = "attention_is_the_formula_in_scalars"
TORCH = "the_layer_is_torchs_in_values_and_gradients"
UNCACHED = "test_attention.py::test_cached_is_uncached"
ROTARY = "rotary_is_the_complex_form_of_the_paper_reordered"

FAULTS = [
    # --- masks
    _masks(
        "causal: a query does not see itself",
        "_distance(q_len, k_len, device) >= 0",
        "_distance(q_len, k_len, device) > 0",
        "causal_mask_shows_each_query_itself_and_the_past",
    ),
    _masks(
        "causal: a query sees the next token",
        "_distance(q_len, k_len, device) >= 0",
        "_distance(q_len, k_len, device) >= -1",
        "causal_mask_shows_each_query_itself_and_the_past",
    ),
    _masks(
        "causal: True = hidden",
        "_distance(q_len, k_len, device) >= 0",
        "_distance(q_len, k_len, device) < 0",
        "causal_mask_shows_each_query_itself_and_the_past",
    ),
    _masks(
        "causal: the triangle aligns top-left",
        "queries = keys[k_len - q_len :]",
        "queries = keys[:q_len]",
        "causal_mask_takes_the_queries_for_the_last_of_the_keys",
    ),
    _masks(
        "window: one step too far",
        ".abs() < window",
        ".abs() <= window",
        "window_reaches_fewer_than_window_steps_to_both_sides",
    ),
    _masks(
        "window: the past without limit",
        ".abs() < window",
        " < window",
        "window_reaches_fewer_than_window_steps_to_both_sides",
    ),
    _masks(
        "padding: one token too many",
        "positions < lengths[:, None]",
        "positions <= lengths[:, None]",
        "padding_mask_shows_the_real_tokens",
    ),
    _masks(
        "padding: True = padding",
        "positions < lengths[:, None]",
        "positions >= lengths[:, None]",
        "padding_mask_shows_the_real_tokens",
    ),
    _masks(
        "padding: over the queries instead of the keys",
        "(positions < lengths[:, None])[:, None, None, :]",
        "(positions < lengths[:, None])[:, None, :, None]",
        "padding_mask_shows_the_real_tokens",
    ),
    _masks(
        "padding from ids: True = padding",
        "(ids != pad_id)",
        "(ids == pad_id)",
        "padding_mask_from_ids_hides_the_padding_wherever_it_stands",
    ),
    _masks(
        "masks: a float mask is let through",
        "if mask.dtype != torch.bool:",
        "if False:",
        "bad_input_is_refused_in_words",
    ),
    _masks(
        "masks: one that widens the scores is let through",
        "mask.expand(shape)",
        "torch.broadcast_shapes(mask.shape, shape)",
        "bad_input_is_refused_in_words",
    ),
    # --- the formula
    _attention("no scale", " / math.sqrt(q.size(-1))", "", FORMULA),
    _attention("scale by head_dim", "/ math.sqrt(q.size(-1))", "/ q.size(-1)", FORMULA),
    _attention(
        "scale by the root of d_model",
        "q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))",
        "q @ k.transpose(-2, -1) / math.sqrt(q.size(-1) * (q.size(1) if q.dim() == 4 else 1))",
        "fused_and_plain_agree_in_values_and_gradients",
    ),
    _attention(
        "softmax over the queries",
        "weights = scores.softmax(dim=-1)",
        "weights = scores.softmax(dim=-2)",
        FORMULA,
    ),
    _attention(
        "softmax over the queries, under a mask",
        "torch.finfo(scores.dtype).min).softmax(dim=-1)",
        "torch.finfo(scores.dtype).min).softmax(dim=-2)",
        FORMULA,
    ),
    _attention(
        "mask inverted",
        "scores.masked_fill(~mask, torch.finfo(scores.dtype).min)",
        "scores.masked_fill(mask, torch.finfo(scores.dtype).min)",
        FORMULA,
    ),
    _attention(
        "mask after the softmax only: rows no longer sum to one",
        "scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim=-1)",
        "scores.softmax(dim=-1)",
        FORMULA,
    ),
    _attention(
        "hidden scores set to zero",
        "scores.masked_fill(~mask, torch.finfo(scores.dtype).min)",
        "scores.masked_fill(~mask, 0.0)",
        FORMULA,
    ),
    _attention(
        "wholly masked row: uniform",
        "        weights = weights.masked_fill(~mask, 0.0)\n",
        "",
        "a_query_that_may_attend_to_nothing_gets_zeros",
    ),
    _attention(
        "wholly masked row: NaN",
        "torch.finfo(scores.dtype).min).softmax(dim=-1)\n"
        "        weights = weights.masked_fill(~mask, 0.0)\n",
        "-torch.inf).softmax(dim=-1)\n",
        "a_query_that_may_attend_to_nothing_gets_zeros",
    ),
    _attention(
        "wholly masked row: NaN inside the backward pass",
        "torch.finfo(scores.dtype).min",
        "-torch.inf",
        "a_query_that_may_attend_to_nothing_gets_zeros",
    ),
    _attention(
        "a fixed -1e4 for hidden scores of any size",
        "torch.finfo(scores.dtype).min",
        "-3.0",
        FORMULA,
    ),
    _attention("bias subtracted", "scores = scores + bias", "scores = scores - bias", FORMULA),
    _attention(
        "bias before the scale",
        "scores = scores + bias",
        "scores = scores + bias / math.sqrt(q.size(-1))",
        FORMULA,
    ),
    _attention(
        "weights returned after dropout",
        "    output = (F.dropout(weights, dropout) if dropout else weights) @ v",
        "    weights = F.dropout(weights, dropout) if dropout else weights\n"
        "    output = weights @ v",
        "dropout_drops_weights_but_returns_them_whole",
    ),
    _attention(
        "no dropout in the formula",
        "(F.dropout(weights, dropout) if dropout else weights) @ v",
        "weights @ v",
        "dropout_drops_weights_but_returns_them_whole",
    ),
    _attention(
        "dropout before the softmax",
        "    if bias is not None:\n        scores = scores + bias\n",
        "    if bias is not None:\n        scores = scores + bias\n"
        "    scores, dropout = F.dropout(scores, dropout), 0.0\n",
        "dropout_drops_weights_but_returns_them_whole",
    ),
    # --- the layer
    _multi_head(
        "heads split by view, without a transpose",
        "x.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)",
        "x.reshape(x.size(0), self.num_heads, x.size(1), self.head_dim)",
        TORCH,
    ),
    _multi_head(
        "heads split the wrong way round: features interleaved",
        "x.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)",
        "x.unflatten(-1, (self.head_dim, self.num_heads)).permute(0, 3, 1, 2)",
        "each_head_is_an_attention_in_its_own_features",
    ),
    _multi_head(
        "heads merged without the transpose back",
        "self.out_proj(out.transpose(1, 2).flatten(2))",
        "self.out_proj(out.reshape(x.shape))",
        TORCH,
    ),
    _multi_head(
        "heads merged with features interleaved",
        "self.out_proj(out.transpose(1, 2).flatten(2))",
        "self.out_proj(out.permute(0, 2, 3, 1).flatten(2))",
        TORCH,
    ),
    _multi_head("no output projection", "out = self.out_proj(", "out = (", TORCH),
    _multi_head(
        "values from the keys' projection",
        "v = self._split(self.v_proj(source))",
        "v = self._split(self.k_proj(source))",
        TORCH,
    ),
    _multi_head(
        "keys and values swapped",
        "fused(q, k, v, mask, bias, causal, dropout), None",
        "fused(q, v, k, mask, bias, causal, dropout), None",
        TORCH,
    ),
    _multi_head(
        "queries from the context",
        "q = self._split(self.q_proj(x))",
        "q = self._split(self.q_proj(x if context is None else context))",
        TORCH,
    ),
    _multi_head(
        "context ignored",
        "source = x if context is None else context",
        "source = x",
        TORCH,
    ),
    _multi_head(
        "causal in training only",
        "causal = self.causal and q.size(-2) > 1",
        "causal = self.causal and self.training",
        "no_output_depends_on_the_future",
    ),
    _kernels(
        "a causal layer forgets its mask where another is given",
        "return causal if mask is None else mask & causal",
        "return causal if mask is None else mask",
        "a_mask_composes_with_causal",
    ),
    _kernels(
        "a mask added to causal by or",
        "return causal if mask is None else mask & causal",
        "return causal if mask is None else mask | causal",
        "a_mask_composes_with_causal",
    ),
    _kernels(
        "fused: the kernel's top-left triangle with a cache",
        "if causal and square and mask is None and bias is None:",
        "if causal and mask is None and bias is None:",
        "cached_is_uncached",
    ),
    _kernels(
        "fused: the mask is dropped where the kernel is causal",
        "if causal and square and mask is None and bias is None:",
        "if causal and square and bias is None:",
        "a_mask_composes_with_causal",
    ),
    _kernels(
        "fused: the bias is dropped where the kernel is causal",
        "if causal and square and mask is None and bias is None:",
        "if causal and square and mask is None:",
        "an_alibi_layer_adds_the_penalty_to_the_scaled_scores",
    ),
    _kernels(
        "fused: the bias forgets the mask",
        "mask = bias if mask is None else torch.where(mask, bias, -torch.inf)",
        "mask = bias",
        "an_alibi_layer_adds_the_penalty_to_the_scaled_scores",
    ),
    _kernels(
        "fused: hidden keys are likelier than others",
        "torch.where(mask, bias, -torch.inf)",
        "torch.where(mask, bias, 0.0)",
        "an_alibi_layer_adds_the_penalty_to_the_scaled_scores",
    ),
    _kernels(
        "fused: a mask that the kernel refuses",
        "x[(None,) * (q.dim() - x.dim())]",
        "x",
        "the_kernel_gets_masks_in_a_form_that_it_need_not_refuse",
    ),
    _multi_head(
        "dropout in evaluation too",
        "dropout = self.dropout if self.training else 0.0",
        "dropout = self.dropout",
        "dropout_works_in_training_only",
    ),
    _multi_head(
        "fused: dropout in evaluation too",
        "fused(q, k, v, mask, bias, causal, dropout), None",
        "fused(q, k, v, mask, bias, causal, self.dropout), None",
        "dropout_works_in_training_only",
    ),
    _multi_head(
        "plain: no dropout in training",
        "mask, bias=bias, dropout=dropout, return_weights=True)",
        "mask, bias=bias, return_weights=True)",
        "dropout_works_in_training_only",
    ),
    _kernels(
        "fused: no dropout in training",
        "attn_mask=mask, dropout_p=dropout)",
        "attn_mask=mask)",
        "dropout_works_in_training_only",
    ),
    _multi_head(
        "the fused form never used",
        "if return_weights or plain_is_faster(q.dtype, q.device.type, k.size(-2)):",
        "if True:",
        "the_kernel_is_used_when_nobody_asks_for_weights",
    ),
    _kernels(
        "the plain form in bfloat16 at every length",
        " and k_len <= 512",
        "",
        "short_bfloat16_is_plain_on_cpus_made_for_it",
    ),
    _multi_head(
        "rotary turns only the queries",
        "self.rotary(q, offset), self.rotary(k, offset)",
        "self.rotary(q, offset), k",
        "a_rotary_layer_turns_queries_and_keys_and_leaves_the_values",
    ),
    _multi_head(
        "rotary turns the values too",
        "q, k = self.rotary(q, offset), self.rotary(k, offset)",
        "q, k, v = self.rotary(q, offset), self.rotary(k, offset), self.rotary(v, offset)",
        "a_rotary_layer_turns_queries_and_keys_and_leaves_the_values",
    ),
    _multi_head(
        "fresh weights of unit variance",
        "nn.init.xavier_uniform_(proj.weight)",
        "nn.init.normal_(proj.weight)",
        "a_fresh_layer_keeps_the_variance_of_its_input",
    ),
    # --- decoding with a cache
    _multi_head(
        "cache: rotary gives every new token position 0",
        "offset = cache.length_of(self) if cache is not None and context is None else 0",
        "offset = 0",
        "cached_is_uncached",
    ),
    _multi_head(
        "cache: rotary forgets the offset of the keys",
        "self.rotary(q, offset), self.rotary(k, offset)",
        "self.rotary(q, offset), self.rotary(k)",
        "cached_is_uncached",
    ),
    _multi_head(
        "cache: ALiBi forgets the offset",
        "self.alibi(q.size(-2), offset)",
        "self.alibi(q.size(-2))",
        "cached_is_uncached",
    ),
    _multi_head(
        "cache: never read",
        "k, v = cache.append(self, k, v)",
        "cache.append(self, k, v)",
        "cached_is_uncached",
    ),
    _multi_head(
        "cache: the context's keys computed, and appended, at every step",
        "if cache is not None and context is not None and cache.length_of(self):",
        "if False:",
        "cross_attention_computes_the_keys_of_the_context_once",
    ),
    _multi_head(
        "cache: the context's keys computed at every step, but not appended",
        "            k, v = cache.get(self)\n",
        "            cache.get(self)\n"
        "            k = self._split(self.k_proj(context))\n"
        "            v = self._split(self.v_proj(context))\n",
        "cross_attention_computes_the_keys_of_the_context_once",
    ),
    _cache(
        "cache: only the newest tokens kept",
        "        if old == 0:\n",
        "        old, new = 0, k.size(-2)\n        if old == 0:\n",
        UNCACHED,
    ),
    _cache(
        "cache: new tokens overwrite the first",
        "buffer[:, :, old:new] = part",
        "buffer[:, :, : new - old] = part",
        UNCACHED,
    ),
    _cache(
        "cache: the unused room is attended to",
        "return keys[:, :, :length], values[:, :, :length]",
        "return keys, values",
        UNCACHED,
    ),
    _cache(
        "cache: one entry for all layers",
        "return self._lengths.get(layer, 0)",
        "return self.length",
        "test_cache.py::test_layers_do_not_share_their_keys",
    ),
    _cache(
        "cache: length of the last layer instead of the first",
        "return next(iter(self._lengths.values()), 0)",
        "return next(reversed(self._lengths.values()), 0)",
        "test_cache.py::test_length_counts_the_positions_of_the_first_layer",
    ),
    _cache(
        "cache: room grows by one token at a time",
        "_grow(b, 2 * new)",
        "_grow(b, new)",
        "test_cache.py::test_token_by_token_the_room_is_moved_only_a_few_times",
    ),
    _cache(
        "cache: reorder ignored",
        "= keys.index_select(0, rows), values.index_select(0, rows)",
        "= keys, values",
        "test_attention.py::test_one_cache_serves_self_and_cross_attention_and_follows_the_beams",
    ),
    _cache(
        "cache: reorder forgets the values",
        "= keys.index_select(0, rows), values.index_select(0, rows)",
        "= keys.index_select(0, rows), values",
        "test_cache.py::test_reorder_keeps_the_chosen_rows_of_every_layer",
    ),
    _cache(
        "cache: reorder of the first layer only",
        "= keys.index_select(0, rows), values.index_select(0, rows)",
        "= keys.index_select(0, rows), values.index_select(0, rows)\n            break",
        "test_cache.py::test_reorder_keeps_the_chosen_rows_of_every_layer",
    ),
    # --- collecting the maps
    _maps(
        "collector: a second pass that forgets the mask",
        "maps[name] = result[1].detach()",
        "maps[name] = layer.forward(args[0], return_weights=True)[1].detach()",
        "maps_are_the_weights_of_the_real_forward_pass",
    ),
    _maps(
        "collector: the maps keep the whole graph alive",
        "maps[name] = result[1].detach()",
        "maps[name] = result[1]",
        "maps_are_the_weights_of_the_real_forward_pass",
    ),
    _maps(
        "collector: the hooks stay after an exception",
        "    finally:\n        for handle in handles:\n            handle.remove()",
        "    finally:\n        pass\n    for handle in handles:\n        handle.remove()",
        "nothing_is_collected_after_the_block",
    ),
    _maps(
        "collector: the hooks stay for ever",
        "            handle.remove()",
        "            pass",
        "nothing_is_collected_after_the_block",
    ),
    _maps(
        "collector: the caller's wish for weights is forgotten",
        "return result if asked.pop() else result[0]",
        "return result[0]",
        "a_caller_who_asks_for_weights_still_gets_them",
    ),
    _maps(
        "collector: the model gets pairs that it did not ask for",
        "return result if asked.pop() else result[0]",
        "return result",
        "collecting_does_not_change_the_outputs",
    ),
    _maps(
        "collector: the layer's own arguments are lost",
        'return args, {**kwargs, "return_weights": True}',
        'return args, {"return_weights": True}',
        "maps_are_the_weights_of_the_real_forward_pass",
    ),
    _maps(
        "collector: the oldest request is answered first",
        "asked.pop()",
        "asked.pop(0)",
        "a_failed_pass_does_not_confuse_the_next_one",
    ),
    _maps(
        "collector: other hooks see the weights",
        "register_forward_hook(keep(name), prepend=True)",
        "register_forward_hook(keep(name))",
        "other_hooks_and_other_collectors_notice_nothing",
    ),
    # --- positions
    _positions(
        "sinusoidal: sine and cosine swapped",
        "torch.stack([sin, cos], dim=-1)",
        "torch.stack([cos, sin], dim=-1)",
        "sinusoidal_table_is_the_formula_of_the_paper",
    ),
    _positions(
        "sinusoidal: halves instead of neighbours",
        "torch.stack([sin, cos], dim=-1).flatten(1)",
        "torch.cat([sin, cos], dim=-1)",
        "sinusoidal_table_is_the_formula_of_the_paper",
    ),
    _positions(
        "sinusoidal: offset ignored",
        "x + self._rows(x, offset)",
        "x + self._rows(x, 0)",
        "offset_is_the_position_of_the_first_token",
    ),
    _positions(
        "waves: the table in the state dict",
        'self.register_buffer("table", torch.empty(0), persistent=False)',
        'self.register_buffer("table", torch.empty(0))',
        "tables_are_buffers_but_never_part_of_the_state_dict",
    ),
    _positions(
        "waves: the table a plain attribute",
        'self.register_buffer("table", torch.empty(0), persistent=False)',
        "self.table = torch.empty(0)",
        "tables_are_buffers_but_never_part_of_the_state_dict",
    ),
    _positions(
        "waves: frequencies twice too far apart",
        "torch.exp(-math.log(self.base)",
        "torch.exp(-2 * math.log(self.base)",
        "sinusoidal_table_is_the_formula_of_the_paper",
    ),
    _positions(
        "waves: the base is always 10,000",
        "torch.exp(-math.log(self.base)",
        "torch.exp(-math.log(10000.0)",
        ROTARY,
    ),
    _positions(
        "waves: frequencies in float32",
        "torch.arange(0, self.width, 2, dtype=torch.float64)",
        "torch.arange(0, self.width, 2)",
        "far_sinusoids_are_as_exact_as_near_ones",
    ),
    _positions(
        "waves: positions count from 1",
        "angles = positions[:, None]",
        "angles = (positions[:, None] + 1)",
        "rotary_leaves_position_zero_as_it_is",
    ),
    _positions(
        "waves: a table that was once made is never made longer",
        "if kept.size(0) < end or",
        "if kept.size(0) == 0 or",
        "any_length_follows_any_other",
    ),
    _positions(
        "waves: the table keeps the dtype of its first input",
        " or kept.dtype != x.dtype",
        "",
        "any_dtype_follows_any_other",
    ),
    _positions(
        "waves: the table stays on its first device",
        " or kept.device != x.device",
        "",
        "tables_follow_the_input_to_another_device_and_back",
    ),
    _positions(
        "waves: a new table for every token",
        "torch.arange(1 << max(end - 1, 0).bit_length(), ",
        "torch.arange(end, ",
        "token_by_token_the_table_is_made_only_a_few_times",
    ),
    _positions(
        "waves: a cast table keeps its rounding",
        "self.table = self.table[:0]",
        "pass",
        "a_module_cast_to_a_wider_dtype_forgets_the_rounding_of_the_narrow_one",
    ),
    _positions(
        "waves: a table made in inference mode",
        "with torch.inference_mode(False):",
        "if True:",
        "a_pass_in_inference_mode_leaves_tables_that_can_be_trained_with",
    ),
    _positions(
        "learned: offset ignored",
        "self.table.weight[offset:end]",
        "self.table.weight[: x.size(-2)]",
        "offset_is_the_position_of_the_first_token",
    ),
    _positions(
        "learned: too long by one is let through",
        "if end > self.max_len:",
        "if end > self.max_len + 1:",
        "learned_positions_refuse_what_reaches_beyond_max_len",
    ),
    _positions(
        "learned: the last position is refused",
        "if end > self.max_len:",
        "if end >= self.max_len:",
        "learned_positions_add_the_rows_of_their_table",
    ),
    _positions(
        "rotary: turned the other way",
        "[cos, cos, -sin, sin]",
        "[cos, cos, sin, -sin]",
        ROTARY,
    ),
    _positions(
        "rotary: both halves with the same sign",
        "[cos, cos, -sin, sin]",
        "[cos, cos, sin, sin]",
        "rotary_keeps_the_length_of_every_vector",
    ),
    _positions(
        "rotary: offset ignored",
        "self._rows(x, offset).chunk(2, dim=-1)",
        "self._rows(x, 0).chunk(2, dim=-1)",
        "offset_is_the_position_of_the_first_token",
    ),
    _positions(
        "rotary: neighbours swapped where halves are meant",
        "x.roll(self.width // 2, dims=-1)",
        "x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)",
        ROTARY,
    ),
    _positions(
        "ALiBi: a reward for distance",
        "return -self.slopes[:, None, None] * distance",
        "return self.slopes[:, None, None] * distance",
        "alibi_is_minus_slope_times_distance",
    ),
    _positions(
        "ALiBi: the slopes in reverse",
        "torch.arange(1, num_heads + 1) / num_heads",
        "torch.arange(num_heads, 0, -1) / num_heads",
        "alibi_slopes_of_eight_heads_are_those_of_the_paper",
    ),
    _positions(
        "ALiBi: the slopes start at one",
        "torch.arange(1, num_heads + 1) / num_heads",
        "torch.arange(num_heads) / num_heads",
        "alibi_slopes_of_eight_heads_are_those_of_the_paper",
    ),
    _positions(
        "ALiBi: the queries stand at the beginning",
        "keys[offset:, None] - keys",
        "keys[:q_len, None] - keys",
        "alibi_is_minus_slope_times_distance",
    ),
    _positions(
        "ALiBi: the future is rewarded",
        "distance = (keys[offset:, None] - keys).abs()",
        "distance = keys[offset:, None] - keys",
        "alibi_is_minus_slope_times_distance",
    ),
]
