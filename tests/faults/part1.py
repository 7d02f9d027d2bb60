"""Part I: masks, attention, cache, positions."""

from faults.fault import Fault, faults_of

_masks = faults_of("layers/masks.py", "test_masks.py")
_attention = faults_of("layers/attention.py", "test_attention.py")
_multi_head = faults_of("layers/multi_head.py", "test_multi_head.py")
_kernels = faults_of("layers/kernels.py", "test_kernels.py")
_maps = faults_of("measure/maps.py", "test_maps.py")
_positions = faults_of("layers/positions.py", "test_positions.py")


def _cache(name, old, new, test):
    return Fault(name, "layers/cache.py", old, new, test)


FORMULA = "attention_is_the_formula_in_scalars"
TORCH = "the_layer_is_torchs_in_values_and_gradients"
UNCACHED = "test_multi_head.py::test_cached_is_uncached"
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
        'checks.broadcasts("mask", mask, shape,',
        'checks.broadcasts("mask", mask.flatten()[:1], shape,',
        "bad_input_is_refused_in_words",
    ),
    _masks(
        "padding: on the CPU for lengths elsewhere",
        "torch.arange(max_len, device=lengths.device)",
        "torch.arange(max_len)",
        "a_padding_mask_is_made_where_the_lengths_are",
    ),
    _masks(
        "masks: one that lies elsewhere is let through",
        "if mask.device != device:",
        "if False:",
        "bad_input_is_refused_in_words",
    ),
    # --- the formula
    _attention(
        "no scale",
        "(q / math.sqrt(q.size(-1)))",
        "q",
        FORMULA,
    ),
    _attention(
        "scale by head_dim",
        "q / math.sqrt(q.size(-1))",
        "q / q.size(-1)",
        FORMULA,
    ),
    _attention(
        "scale by the root of d_model",
        "q / math.sqrt(q.size(-1))",
        "q / math.sqrt(q.size(-1) * (q.size(-3) if q.dim() == 4 else 1))",
        "attention_is_what_torch_computes",
    ),
    _attention(
        "scores are scaled after the product, which overflows",
        "(q / math.sqrt(q.size(-1))) @ k.transpose(-2, -1)",
        "q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))",
        "scores_that_float16_can_hold_do_not_overflow_on_the_way",
    ),
    _attention(
        "softmax over the queries",
        "weights = scores.softmax(dim=-1)",
        "weights = scores.softmax(dim=-2)",
        FORMULA,
    ),
    _attention(
        "mask inverted",
        "scores.masked_fill(~mask &",
        "scores.masked_fill(mask &",
        FORMULA,
    ),
    _attention(
        "mask after the softmax only: rows no longer sum to one",
        "scores = scores.masked_fill(~mask & mask.any(dim=-1, keepdim=True), -torch.inf)",
        "pass",
        FORMULA,
    ),
    _attention(
        "hidden scores set to zero",
        "keepdim=True), -torch.inf)",
        "keepdim=True), 0.0)",
        FORMULA,
    ),
    _attention(
        "wholly masked row: uniform",
        "weights = weights.masked_fill(~mask, 0.0)",
        "pass",
        "a_query_that_may_attend_to_nothing_gets_zeros",
    ),
    _attention(
        "wholly masked row: NaN",
        "scores = scores.masked_fill(~mask & mask.any(dim=-1, keepdim=True), -torch.inf)",
        "scores = scores.masked_fill(~mask, -torch.inf)",
        "a_query_that_may_attend_to_nothing_gets_zeros",
    ),
    _attention(
        "a fixed number for hidden scores of any size",
        "keepdim=True), -torch.inf)",
        "keepdim=True), -3.0)",
        FORMULA,
    ),
    _attention(
        "the lowest finite number for hidden scores",
        "keepdim=True), -torch.inf)",
        "keepdim=True), torch.finfo(scores.dtype).min)",
        "a_row_whose_keys_the_bias_makes_hopeless_still_sums_to_one",
    ),
    _attention(
        "bias subtracted",
        "scores = scores + score_bias",
        "scores = scores - score_bias",
        FORMULA,
    ),
    _attention(
        "bias before the scale",
        "scores = scores + score_bias",
        "scores = scores + score_bias / math.sqrt(q.size(-1))",
        FORMULA,
    ),
    _attention(
        "weights returned after dropout",
        "output = F.dropout(weights, dropout) @ v",
        "output = (weights := F.dropout(weights, dropout)) @ v",
        "dropout_drops_weights_but_returns_them_whole",
    ),
    _attention(
        "no dropout in the formula",
        "F.dropout(weights, dropout) @ v",
        "weights @ v",
        "dropout_drops_weights_but_returns_them_whole",
    ),
    _attention(
        "dropout before the softmax",
        "weights = scores.softmax(dim=-1)",
        "weights, dropout = F.dropout(scores, dropout).softmax(dim=-1), 0.0",
        "dropout_drops_weights_but_returns_them_whole",
    ),
    _attention(
        "a bias that is a mask is let through",
        "not score_bias.is_floating_point()",
        "False",
        "what_cannot_be_added_to_the_scores_is_refused",
    ),
    _attention(
        "a bias that widens the scores is let through",
        '    checks.broadcasts("score_bias", score_bias, shape)\n',
        "",
        "what_cannot_be_added_to_the_scores_is_refused",
    ),
    # --- the layer
    _multi_head(
        "heads split by view, without a transpose",
        "x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)",
        "x.reshape(x.size(0), -1, x.size(1), self.head_dim)",
        TORCH,
    ),
    _multi_head(
        "heads split the wrong way round: features interleaved",
        "x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)",
        "x.unflatten(-1, (self.head_dim, -1)).permute(0, 3, 1, 2)",
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
        "self._split(self.v_proj(source))",
        "self._split(self.k_proj(source))",
        TORCH,
    ),
    _multi_head(
        "keys and values swapped",
        "attend(q, k, v, mask,",
        "attend(q, v, k, mask,",
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
        '"causal": self.causal,',
        '"causal": self.causal and self.training,',
        "no_output_depends_on_the_future",
    ),
    _kernels(
        "a causal layer forgets its mask where another is given",
        "return other if mask is None else mask & other",
        "return other if mask is None else mask",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "a mask added to causal by or",
        "return other if mask is None else mask & other",
        "return other if mask is None else mask | other",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "a window is forgotten where nothing else is asked for",
        "mask is None and score_bias is None and window is None",
        "mask is None and score_bias is None",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "a single query forgets its window",
        "    if window is not None:\n",
        "    if window is not None and q_len > 1:\n",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "masks on the CPU for queries elsewhere",
        "causal_mask(q_len, k_len, device=q.device)",
        "causal_mask(q_len, k_len)",
        "masks_are_made_where_the_queries_are",
    ),
    _kernels(
        "windows on the CPU for queries elsewhere",
        "window=window, device=q.device",
        "window=window",
        "masks_are_made_where_the_queries_are",
    ),
    _kernels(
        "grouped keys: every head has the next keys in turn",
        "x.repeat_interleave(q.size(1) // k.size(1), dim=1)",
        "x.repeat(1, q.size(1) // k.size(1), 1, 1)",
        "grouped_keys_are_keys_repeated",
    ),
    _kernels(
        "float16 counted in float16",
        "if q.dtype != torch.float16:",
        "if True:",
        "to_look_at_float16_never_makes_it_infinite",
    ),
    _kernels(
        "fused: the kernel's top-left triangle with a cache",
        "skips = causal and free and q_len == k_len",
        "skips = causal and free",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "fused: the mask is dropped where the kernel is causal",
        "free = mask is None and score_bias is None",
        "free = score_bias is None",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "fused: the bias is dropped where the kernel is causal",
        "free = mask is None and score_bias is None",
        "free = mask is None",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "fused: the bias forgets the mask",
        "score_bias.add_(hidden) if own else score_bias + hidden",
        "score_bias",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "fused: hidden keys are likelier than others",
        ".masked_fill(~mask, -torch.inf)",
        ".masked_fill(~mask, 9.0)",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "fused: the caller's bias is overwritten",
        "score_bias.add_(hidden) if own else score_bias + hidden",
        "score_bias.add_(hidden) if hidden.dim() == 2 else score_bias + hidden",
        "whatever_is_asked_it_is_the_formula",
    ),
    _kernels(
        "fused: a mask that the kernel refuses",
        "mask = mask[(None,) * (q.dim() - mask.dim())]",
        "pass",
        "the_kernel_gets_masks_in_a_form_that_it_need_not_refuse",
    ),
    _multi_head(
        "dropout in evaluation too",
        "dropout = self.dropout if self.training else 0.0",
        "dropout = self.dropout",
        "dropout_works_in_training_only",
    ),
    Fault(
        "plain: no dropout in training",
        "layers/kernels.py",
        '"dropout": dropout, "return_weights": True}',
        '"dropout": 0.0, "return_weights": True}',
        "test_multi_head.py::test_dropout_works_in_training_only",
    ),
    Fault(
        "fused: no dropout in training",
        "layers/kernels.py",
        "attn_mask=mask, dropout_p=dropout)",
        "attn_mask=mask)",
        "test_multi_head.py::test_dropout_works_in_training_only",
    ),
    _kernels(
        "the fused form never used",
        "plain = return_weights or plain_is_faster(q.dtype, q.device.type, k_len, skips=skips)",
        "plain = True",
        "the_kernel_is_used_when_nobody_asks_for_weights",
    ),
    _kernels(
        "the plain form in bfloat16 at every length",
        "few or not (skips or learns)",
        "True",
        "bfloat16_is_plain_where_that_is_faster",
    ),
    _kernels(
        "tiles are taken for other products",
        "few and learns if CPU_HAS_TILES else ",
        "",
        "bfloat16_is_plain_where_that_is_faster",
    ),
    _kernels(
        "a few heads at a time see the future",
        '"beta": int(causal)',
        '"beta": 0',
        "a_few_heads_at_a_time_are_all_of_them",
    ),
    _kernels(
        "a few heads at a time: scores not divided",
        '"alpha": 1 / math.sqrt(q.size(-1))',
        '"alpha": 1',
        "a_few_heads_at_a_time_are_all_of_them",
    ),
    _kernels(
        "the plain form in bfloat16 on every device",
        ' or device != "cpu"',
        "",
        "only_cpus_are_told_by_their_products",
    ),
    _multi_head(
        "rotary turns only the queries",
        "        if self.rotary is not None:\n            k = self.rotary(",
        "        if False:\n            k = self.rotary(",
        "a_rotary_layer_turns_queries_and_keys_and_leaves_the_values",
    ),
    _multi_head(
        "rotary turns the values too",
        "        return (k, v) if cache is None",
        "        v = v if self.rotary is None else self.rotary(v)\n"
        "        return (k, v) if cache is None",
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
        "cache: rotary gives every new query position 0",
        "self.rotary(q, offset)",
        "self.rotary(q, 0)",
        "cached_is_uncached",
    ),
    _multi_head(
        "cache: rotary forgets the offset of the keys",
        "self.rotary(k, 0 if cache is None else cache.length_of(self))",
        "self.rotary(k)",
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
        "(k, v) if cache is None else cache.append(self, k, v)",
        "(k, v) if cache is None else (cache.append(self, k, v), (k, v))[1]",
        "cached_is_uncached",
    ),
    _multi_head(
        "cache: a mask is looked at after the cache has grown",
        "        if mask is not None:\n            check_mask(",
        "        if mask is not None and not known:\n            check_mask(",
        "a_refused_call_leaves_the_cache_as_it_was",
    ),
    _multi_head(
        "cache: a layer that looks ahead may have one",
        "elif cache is not None and not self.causal:",
        "elif False:",
        "a_cache_without_causality_is_refused",
    ),
    _multi_head(
        "cache: the context's keys computed, and appended, at every step",
        "if cache is not None and context is not None and cache.length_of(self):",
        "if False:",
        "cross_attention_computes_the_keys_of_the_context_once",
    ),
    _multi_head(
        "cache: the context's keys computed at every step, but not appended",
        "            return cache.get(self)\n",
        "            return tuple(self._split(p(context)) for p in (self.k_proj, self.v_proj))\n",
        "cross_attention_computes_the_keys_of_the_context_once",
    ),
    _cache(
        "cache: only the newest tokens kept",
        "old = self._lengths.get(layer, 0)\n",
        "old = 0\n",
        UNCACHED,
    ),
    _cache(
        "cache: new tokens overwrite the first",
        "keys[:, :, old:new], values[:, :, old:new] = k, v",
        "keys[:, :, : new - old], values[:, :, : new - old] = k, v",
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
        "length = 2 * new if old else new",
        "length = new",
        "test_cache.py::test_token_by_token_the_room_is_moved_only_a_few_times",
    ),
    _cache(
        "cache: twice the room for what never grows",
        "length = 2 * new if old else new",
        "length = 2 * new",
        "test_cache.py::test_what_is_appended_once_has_no_room_to_spare",
    ),
    _cache(
        "cache: longer before what is appended is looked at",
        "        self._check(layer, k, v)\n"
        "        old = self._lengths.get(layer, 0)\n"
        "        new = old + k.size(-2)\n",
        "        old = self._lengths.get(layer, 0)\n"
        "        new = self._lengths[layer] = old + k.size(-2)\n"
        "        self._check(layer, k, v)\n",
        "test_cache.py::test_after_a_refusal_the_cache_is_as_it_was",
    ),
    _cache(
        "cache: the caller's tensors are kept, not copied",
        "        if new > keys.size(-2):\n",
        "        if not old:\n"
        "            keys, values = self._buffers[layer] = k, v\n"
        "        elif new > keys.size(-2):\n",
        "test_cache.py::test_what_was_appended_is_a_copy",
    ),
    _cache(
        "cache: what is kept is cut at the wrong end",
        "return kept[..., kept.size(-1) - length :]",
        "return kept[..., :length]",
        "test_cache.py::test_what_is_kept_is_made_anew_only_where_more_is_wanted",
    ),
    _cache(
        "cache: what is kept is made at every call",
        "if key not in self._kept or self._kept[key].size(-1) < length:",
        "if True:",
        "test_cache.py::test_what_is_kept_is_made_anew_only_where_more_is_wanted",
    ),
    _cache(
        "cache: reorder ignored",
        "= keys.index_select(0, rows), values.index_select(0, rows)",
        "= keys, values",
        "test_multi_head.py::test_one_cache_serves_self_and_cross_attention_and_follows_the_beams",
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
        "x + self._rows(x, offset, offset + x.size(-2))",
        "x + self._rows(x, 0, x.size(-2))",
        "offset_is_the_position_of_the_first_token",
    ),
    _positions(
        "waves: the table held by the module",
        "return _table(length, *kind, like.dtype, like.device)[start:end]",
        "self.table = _table(length, *kind, like.dtype, like.device)\n"
        "        return self.table[start:end]",
        "a_module_holds_nothing_of_its_table",
    ),
    _positions(
        "waves: the table in a buffer that grows",
        "return _table(length, *kind, like.dtype, like.device)[start:end]",
        'self.register_buffer("table", _table(length, *kind, like.dtype, like.device), False)\n'
        "        return self.table[start:end]",
        "a_module_holds_nothing_of_its_table",
    ),
    _positions(
        "waves: frequencies twice too far apart",
        "torch.exp(-math.log(base)",
        "torch.exp(-2 * math.log(base)",
        "sinusoidal_table_is_the_formula_of_the_paper",
    ),
    _positions(
        "waves: the base is always 10,000",
        "torch.exp(-math.log(base)",
        "torch.exp(-math.log(10000.0)",
        ROTARY,
    ),
    _positions(
        "waves: frequencies in float32",
        "torch.arange(0, width, 2, dtype=torch.float64)",
        "torch.arange(0, width, 2)",
        "far_sinusoids_are_as_exact_as_near_ones",
    ),
    _positions(
        "waves: positions count from 1",
        "angles = positions[:, None]",
        "angles = (positions[:, None] + 1)",
        "rotary_leaves_position_zero_as_it_is",
    ),
    _positions(
        "waves: one table for every base",
        "kind = self._columns, self.width, self.base",
        "kind = self._columns, self.width, 10000.0",
        ROTARY,
    ),
    _positions(
        "waves: the table keeps the dtype of float32",
        "*kind, like.dtype, like.device)",
        "*kind, torch.float32, like.device)",
        "any_dtype_follows_any_other",
    ),
    _positions(
        "waves: the table stays on the CPU",
        "*kind, like.dtype, like.device)",
        '*kind, like.dtype, "cpu")',
        "tables_follow_the_input_to_another_device_and_back",
    ),
    _positions(
        "waves: a table of fake numbers is kept",
        " or type(like) is not Tensor",
        "",
        "a_table_of_fake_numbers_is_not_kept",
    ),
    _positions(
        "waves: a new table for every token",
        "length = 1 << max(end - 1, 0).bit_length()",
        "length = end",
        "token_by_token_the_table_is_made_only_a_few_times",
    ),
    _positions(
        "waves: a table made in inference mode",
        "with torch.inference_mode(False):",
        "if True:",
        "a_pass_in_inference_mode_leaves_tables_that_can_be_trained_with",
    ),
    _positions(
        "learned: offset ignored",
        "table[offset:end]",
        "table[: x.size(-2)]",
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
        "self._rows(x, offset, offset + x.size(-2)).chunk(2, dim=-1)",
        "self._rows(x, 0, x.size(-2)).chunk(2, dim=-1)",
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
