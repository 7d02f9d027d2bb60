"""Part V: how far a model looks, relative attention, Transformer-XL, streams, and its training."""

from faults.fault import faults_of

_effective_context = faults_of("measure/effective_context.py", "test_effective_context.py")
_relative = faults_of("layers/relative.py", "test_relative_attention.py")
_positions = faults_of("layers/positions.py", "test_relative_attention.py")
_cache = faults_of("layers/cache.py", "test_relative_attention.py")
_transformer_xl = faults_of("models/transformer_xl.py", "test_transformer_xl.py")
_memory = faults_of("layers/memory.py", "test_transformer_xl.py")
_adaptive = faults_of("layers/adaptive.py", "test_transformer_xl.py")
_streams = faults_of("data/streams.py", "test_data_streams.py")
_segments = faults_of("training/segments.py", "test_segments.py")
_bits = faults_of("measure/bits.py", "test_segments.py")
_run = faults_of("training/run.py", "test_segments.py")


TERMS = "it_is_the_four_terms_over_all_pairs"
FORMS = "both_forms_agree_in_gradients"
ROWS = "rows_run_from_far_to_near"
SHIFT = "shift_moves_each_distance_to_its_key_without_a_copy"
NOT_HIDDEN = "nothing_is_kept_but_in_the_callers_cache"
LONG_PASS = "segments_with_full_memory_are_one_long_pass"
INPUTS = "memory_is_what_each_attention_has_read_at_the_last_positions"
ONCE = "every_token_but_the_first_is_a_target_once"
TWO_PARTS = "run_in_two_parts_is_the_run_in_one_bit_by_bit"

FAULTS = [
    # --- how far a model looks
    _effective_context(
        "compared with oneself, not with the best of the group",
        "baseline = best.gather(-1, hardest)",
        "baseline = losses[:, :-1].gather(-1, hardest.expand(len(losses), -1, -1))",
        "gains_equal_the_formula",
    ),
    _effective_context(
        "what is lost counts too, not only what beats the baseline",
        "torch.minimum(baseline, longer)",
        "longer",
        "a_model_that_never_beats_the_baseline_gains_nothing",
    ),
    _effective_context(
        "the easiest positions in place of the hardest",
        "descending=True, stable=True",
        "descending=False, stable=True",
        "the_ratio_takes_the_positions_where_the_baseline_is_worst",
    ),
    _effective_context(
        "the baseline knows the long context already",
        "losses.min(dim=0).values[:-1]",
        "losses.min(dim=0).values[1:]",
        "a_worked_example",
    ),
    _effective_context(
        "nats saved in place of the part of the perplexity",
        "return -torch.expm1(-saved)",
        "return saved",
        "a_worked_example",
    ),
    _effective_context(
        "a gain at the threshold is not enough",
        "if gain < threshold",
        "if gain <= threshold",
        "a_gain_at_the_threshold_is_enough",
    ),
    # --- relative attention: the four terms
    _relative(
        "u and v exchanged",
        "q = self._split(q + self.content_bias)",
        "q = self._split(q + self.position_bias)",
        TERMS,
    ),
    _relative(
        "no u: contents are not liked for themselves",
        "q = self._split(q + self.content_bias)",
        "q = self._split(q)",
        TERMS,
    ),
    _relative(
        "no v: distances are not liked for themselves",
        "self.position_scores(q + self.position_bias, rows)",
        "self.position_scores(q, rows)",
        TERMS,
    ),
    _relative(
        "position scores not divided by the root of head_dim",
        "self.r_proj(rows) / math.sqrt(self.head_dim)",
        "self.r_proj(rows)",
        TERMS,
    ),
    _relative(
        "positions not projected: no W_kR",
        "rows = self.r_proj(rows) /",
        "rows = rows /",
        TERMS,
    ),
    _relative(
        "positions without gradient",
        "rows = self.r_proj(rows) /",
        "rows = self.r_proj(rows).detach() /",
        FORMS,
    ),
    _relative(
        "garbage above the diagonal: not causal",
        "score_bias=score_bias, causal=True, **how",
        "score_bias=score_bias, **how",
        "the_future_changes_nothing",
    ),
    _relative(
        "mask given by the caller ignored",
        "attend(q, k, v, mask, score_bias",
        "attend(q, k, v, None, score_bias",
        "a_mask_composes_and_a_query_that_sees_nothing_gets_zeros",
    ),
    _relative(
        "memory behind the segment",
        "torch.cat([old[0], k], dim=2), torch.cat([old[1], v], dim=2)",
        "torch.cat([k, old[0]], dim=2), torch.cat([v, old[1]], dim=2)",
        TERMS,
    ),
    _relative(
        "memory makes keys, but its values are exchanged",
        "torch.cat([old[1], v], dim=2)",
        "torch.cat([old[1].flip(2), v], dim=2)",
        TERMS,
    ),
    _relative(
        "same_length one position too long",
        'how = {"window": window,',
        'how = {"window": window and window + 1,',
        "same_length_is_exactly_the_last_positions",
    ),
    _relative(
        "dropout on weights in evaluation",
        "dropout = self.dropout if self.training else 0.0",
        "dropout = self.dropout",
        "dropout_falls_on_weights_in_training_only",
    ),
    _relative(
        "no dropout on R",
        "self.position_dropout(self.positions(x, length, clamp_len))",
        "self.positions(x, length, clamp_len)",
        "dropout_falls_on_positions_in_training_only",
    ),
    # --- positions and the shift
    _positions(
        "rows from near to far",
        "torch.arange(length - 1, -1, -1,",
        "torch.arange(0, length, 1,",
        ROWS,
    ),
    _positions(
        "sines and cosines mixed one by one",
        "torch.cat([sin, cos], dim=-1)",
        "torch.stack([sin, cos], dim=-1).flatten(1)",
        ROWS,
    ),
    _positions(
        "cosines first", "torch.cat([sin, cos], dim=-1)", "torch.cat([cos, sin], dim=-1)", ROWS
    ),
    _positions(
        "clamp_len one too short",
        "rows[distances.clamp(max=clamp_len)]",
        "rows[distances.clamp(max=max(0, clamp_len - 1))]",
        ROWS,
    ),
    _relative(
        "shift by one too few",
        "scores.flatten(-2)[..., q_len:].unflatten",
        "scores.flatten(-2)[..., q_len - 1 : -1].unflatten",
        SHIFT,
    ),
    _relative(
        "no shift: every query takes the distances of the last",
        "return scores.flatten(-2)[..., q_len:].unflatten(-1, (q_len, k_len))",
        "return scores[..., 1:]",
        SHIFT,
    ),
    _relative(
        "shift that copies",
        "return scores.flatten(-2)[..., q_len:]",
        "return scores.flatten(-2)[..., q_len:].clone()",
        SHIFT,
    ),
    # --- positions kept for evaluation, and the cache
    _relative(
        "rows kept while the weights may change",
        "if learns or not isinstance(memory, KVCache):",
        "if not isinstance(memory, KVCache):",
        NOT_HIDDEN,
    ),
    _relative(
        "rows kept though dropout falls on R",
        "learns = self.training or torch.is_grad_enabled()",
        "learns = torch.is_grad_enabled()",
        NOT_HIDDEN,
    ),
    _relative(
        "rows kept survive another clamp_len",
        "memory.keep((self, clamp_len), length, make)",
        "memory.keep(self, length, make)",
        "rows_are_kept_for_each_clamp_len",
    ),
    _relative(
        "rows made anew at every call",
        "return memory.keep((self, clamp_len), length, make)",
        "return make(length)",
        "the_cache_keeps_the_rows_and_they_serve_every_length",
    ),
    _cache(
        "cache remembers one position too many",
        "start = max(0, length - self.mem_len - k.size(2))",
        "start = max(0, length - self.mem_len - k.size(2) - 1)",
        "cache_is_memory",
    ),
    _cache(
        "cache that never forgets",
        "if length > 2 * self.mem_len:",
        "if False:",
        "cache_forgets",
    ),
    # --- the model
    _memory(
        "memory with gradient",
        "[part.detach() for part in parts]",
        "[part for part in parts]",
        "memory_carries_no_gradient",
    ),
    _transformer_xl(
        "memory of outputs instead of inputs",
        "            reads.append(read)\n",
        "            reads.append(x)\n",
        INPUTS,
    ),
    _transformer_xl(
        "every layer reads the memory of the first",
        "if shared else memory",
        "if shared else memory[:1] * len(memory)",
        LONG_PASS,
    ),
    _memory(
        "memory is the last segment only",
        "parts = [x] if old is None else",
        "parts = [x] if True else",
        LONG_PASS,
    ),
    _memory(
        "memory keeps the oldest positions",
        "[old[:, max(0, old.size(1) - room) :], x]",
        "[old[:, :room], x]",
        INPUTS,
    ),
    _memory(
        "query and memory length exchanged in the update",
        "room = mem_len - x.size(1)",
        "room = x.size(1) - mem_len if x.size(1) > mem_len else x.size(1)",
        INPUTS,
    ),
    _memory(
        "pre-norm: what is remembered is not normed",
        "x = x + self.dropout(self.self_attention(read, memory, **options))",
        "read, x = x, x + self.dropout(self.self_attention(read, memory, **options))",
        LONG_PASS,
    ),
    _transformer_xl(
        "pre-norm without a final norm",
        "nn.LayerNorm(d_model) if config.norm_first else nn.Identity()",
        "nn.Identity()",
        "it_is_its_layers_one_after_another",
    ),
    _transformer_xl(
        "embeddings not multiplied by the root of d_model",
        " * math.sqrt(self.config.d_model)",
        "",
        "it_is_its_layers_one_after_another",
    ),
    _transformer_xl(
        "u and v of each layer though they are shared",
        "content_bias=u,",
        "content_bias=None,",
        "parameters_are_as_many_as_published",
    ),
    _memory(
        "same_length ignored",
        "window = self.mem_len if self.same_length else None",
        "window = None",
        "same_length_sees_exactly_the_last_positions",
    ),
    _memory(
        "a call cannot say False where the config says True",
        "if to is not None",
        "if to",
        "what_a_call_says_holds_against_the_config",
    ),
    _transformer_xl(
        "read forgets the length of its cache",
        "mem_len = cache.mem_len if mem_len is None else mem_len",
        "pass",
        "read_keeps_the_length_of_its_cache",
    ),
    _transformer_xl(
        "a long prompt is read as one segment without memory",
        "logits = self.read(segment, state)[0][:, -1]",
        "logits = self.read(segment)[0][:, -1]",
        "generation_with_memory_is_the_full_pass",
    ),
    _adaptive(
        "adaptive embedding: rare words shifted",
        "table(ids.clamp(start, end - 1) - start)",
        "table((ids.clamp(start, end - 1) - start).flip(0))",
        "adaptive_embedding_looks_up_each_group",
    ),
    _adaptive(
        "adaptive softmax: a target that does not count is scored",
        "counts = targets != IGNORED",
        "counts, targets = targets == targets, targets.clamp(min=0)",
        "targets_give_the_loss_of_each",
    ),
    _adaptive(
        "adaptive softmax: types are mixed under autocast",
        "with torch.autocast(x.device.type, enabled=False):",
        "if True:",
        "under_autocast_it_is_the_same_but_for_rounding",
    ),
    _transformer_xl(
        "no dropout on the features",
        "self._score(self.dropout(self.final_norm(x)), targets)",
        "self._score(self.final_norm(x), targets)",
        "dropout_falls_on_the_features_too",
    ),
    _memory(
        "memory of another batch is let through",
        "if x.shape != wanted:",
        "if False:",
        "bad_input_is_refused_in_words",
    ),
    # --- streams
    _streams(
        "what does not divide evenly is lost",
        "self.stream_len = -(-pairs // streams)",
        "self.stream_len = pairs // streams",
        ONCE,
    ),
    _streams(
        "the last short segment is lost",
        "return self.groups * -(-self.stream_len // self.seg_len)",
        "return self.groups * (self.stream_len // self.seg_len)",
        ONCE,
    ),
    _streams("a target counts twice", "self.targets[:-1, -1][twice] = IGNORED\n", "pass\n", ONCE),
    _streams(
        "targets are the inputs",
        "ids[places], ids[places + 1]",
        "ids[places], ids[places]",
        ONCE,
    ),
    _streams(
        "segments jump: rows do not go on",
        "slice(n * self.seg_len, (n + 1) * self.seg_len)",
        "slice((n * 7 % 3) * self.seg_len, (n * 7 % 3 + 1) * self.seg_len)",
        "each_row_goes_on_where_it_ended",
    ),
    _streams(
        "streams never begin anew",
        "n == 0, group)",
        "False, group)",
        "each_row_goes_on_where_it_ended",
    ),
    # --- training and measuring with a memory
    _segments(
        "memory goes on over the end of the text",
        "None if batch.first else memories",
        "memories",
        "memory_begins_with_the_streams",
    ),
    _segments(
        "memory never used",
        "memory = None if batch.first else memories.get(batch.group)",
        "memory = None",
        "loss_is_that_of_the_stream_read_in_one_go",
    ),
    _segments(
        "one memory for all groups",
        "memories.get(batch.group)",
        "next(iter(memories.values()), None)",
        "each_group_has_its_memory",
    ),
    _segments(
        "evaluation overwrites the memory of training",
        "memories = self._memories[model.training]",
        "memories = self._memories[True]",
        "other_streams_in_evaluation_do_not_touch_those_of_training",
    ),
    _segments(
        "what does not count is averaged in",
        "(batch.targets[:, start:] != IGNORED).sum()",
        "torch.tensor(batch.targets[:, start:].numel())",
        "targets_that_do_not_count_leave_the_mean_alone",
    ),
    _segments(
        "half loss counts the first half",
        "losses[:, start:].sum() / counted",
        "losses[:, : losses.size(1) - start].sum() / counted",
        "half_loss_counts_the_second_half",
    ),
    _bits(
        "bits are nats",
        "losses.double() / math.log(2)",
        "losses.double()",
        "bits_are_those_of_one_long_pass",
    ),
    _bits(
        "measured without memory",
        "losses, memory = read(segment.inputs, memory,",
        "losses, _ = read(segment.inputs, memory,",
        "bits_are_those_of_one_long_pass",
    ),
    _run(
        "memory not saved",
        'self.loss.state_dict() if hasattr(self.loss, "state_dict") else None',
        "{} if hasattr(self.loss, 'state_dict') else None",
        TWO_PARTS,
    ),
    _run(
        "memory not restored",
        'self.loss.load_state_dict(own["loss"])',
        "pass",
        TWO_PARTS,
    ),
]
