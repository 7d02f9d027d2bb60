"""Part II: blocks, stacks, models, generation, training, saving, optimizers, metrics, data."""

from faults.fault import Fault, faults_of

_feed_forward = faults_of("layers/feed_forward.py", "test_feed_forward.py")
_blocks = faults_of("layers/blocks.py", "test_layers.py")
_adaptive = faults_of("layers/adaptive.py", "test_transformer.py")
_encoder = faults_of("layers/encoder.py", "test_encoder.py")
_decoder = faults_of("layers/decoder.py", "test_decoder.py")
_transformer = faults_of("models/transformer.py", "test_transformer.py")
_of_any_transformer = faults_of("models/transformer.py", "test_contract.py")
_of_any_recurrent = faults_of("models/recurrent.py", "test_contract.py")
_checks = faults_of("checks/shapes.py", "test_transformer.py")
_id_checks = faults_of("checks/token_ids.py", "test_transformer.py")
_recurrent = faults_of("models/recurrent.py", "test_recurrent.py")
_choosing = faults_of("choosing.py", "test_generation.py")
_generation = faults_of("generation.py", "test_generation.py")
_writing_on = faults_of("generation.py", "test_writing_on.py")
_train = faults_of("training/train.py", "test_training.py")
_run = faults_of("training/run.py", "test_training.py")
_runs = faults_of("training/run.py", "test_runs.py")
_step = faults_of("training/step.py", "test_training.py")
_rates = faults_of("training/rates.py", "test_training.py")
_batches = faults_of("training/batches.py", "test_training.py")
_losses = faults_of("training/losses.py", "test_training.py")
_checkpoints = faults_of("training/checkpoints.py", "test_saving.py")
_weights = faults_of("weights.py", "test_saving.py")
_schedules = faults_of("training/schedules.py", "test_optimizers.py")
_optimizers = faults_of("training/optimizers.py", "test_optimizers.py")
_errors = faults_of("measure/errors.py", "test_metrics.py")
_pronunciations = faults_of("data/pronunciations.py", "test_data_pronunciations.py")
_vocabulary = faults_of("data/vocabulary.py", "test_data_vocabulary.py")
_order = faults_of("data/order.py", "test_data_order.py")
_pairs = faults_of("data/pairs.py", "test_data_pairs.py")
_downloads = faults_of("data/downloads.py", "test_data_downloads.py")
_recipe = faults_of("recipes/pronunciations.py", "test_recipes_pronunciations.py")
_running = faults_of("recipes/running.py", "test_recipes_running.py")
_speller = faults_of("recipes/pronunciations.py", "test_recipes_running.py")
_xl = faults_of("recipes/verses_xl.py", "test_recipes_running.py")
_digits = faults_of("recipes/digits_vit.py", "test_recipes_running.py")
_described = faults_of("weights.py", "test_weights.py")


PARTS_OF_THE_PAPER = "parts_are_put_together_as_in_the_paper"
STEPS = "step_by_step_it_says_what_it_says_in_one_pass"
UNDERWAY = "a_batch_may_change_underway"
TWO_PARTS = "run_in_two_parts_is_the_run_in_one_bit_by_bit"
DEATH = "death_while_writing_leaves_the_checkpoints_as_they_were"
POLYNOMIAL = "orthogonalize_equals_the_polynomial_of_the_singular_values"
MUON = "muon_is_its_equations"
SLOWLY = "beam_search_is_the_same_written_slowly"

FAULTS = [
    # --- feed_forward
    _feed_forward(
        "feed-forward: no nonlinearity between the two maps",
        "ACTIVATIONS[self.activation](self.linear1(x))",
        "self.linear1(x)",
        "block_is_its_formula",
    ),
    _feed_forward(
        "feed-forward: tanh approximation where the exact GELU is meant",
        '"gelu": F.gelu,',
        '"gelu": lambda x: F.gelu(x, approximate="tanh"),',
        "block_is_its_formula",
    ),
    _feed_forward(
        "feed-forward: exact GELU where GPT-2's approximation is meant",
        'approximate="tanh"',
        'approximate="none"',
        "block_is_its_formula",
    ),
    _feed_forward(
        "feed-forward: squared before the rectifier",
        "F.relu(x).square()",
        "F.relu(x.square())",
        "block_is_its_formula",
    ),
    _feed_forward(
        "feed-forward: gate and value swapped",
        "gate, value = x.chunk",
        "value, gate = x.chunk",
        "swiglu_gates_one_half_with_the_other",
    ),
    _feed_forward(
        "feed-forward: a sigmoid for the gate",
        "F.silu(gate)",
        "F.sigmoid(gate)",
        "swiglu_gates_one_half_with_the_other",
    ),
    _feed_forward(
        "feed-forward: dropout on the output instead of the middle",
        "self.linear2(self.dropout(x))",
        "self.dropout(self.linear2(x))",
        "dropout_acts_in_the_middle_and_in_training_only",
    ),
    _feed_forward(
        "feed-forward: torch's own start for the weights",
        "nn.init.xavier_uniform_(linear.weight)",
        "pass",
        "fresh_weights_are_glorot_and_fresh_biases_zero",
    ),
    # --- layers
    _blocks(
        "layers: pre-norm adds to the normalised input",
        "            return x + self.dropout(sublayer(norm(x)))",
        "            x = norm(x)\n            return x + self.dropout(sublayer(x))",
        "encoder_layer_equals_torch",
    ),
    _blocks(
        "layers: pre-norm without its norm",
        "x + self.dropout(sublayer(norm(x)))",
        "x + self.dropout(sublayer(x))",
        "encoder_layer_equals_torch",
    ),
    _blocks(
        "layers: post-norm before the sum",
        "norm(x + self.dropout(sublayer(x)))",
        "x + norm(self.dropout(sublayer(x)))",
        "encoder_layer_equals_torch",
    ),
    _blocks(
        "layers: no residual connection",
        "x + self.dropout(sublayer(norm(x)))",
        "self.dropout(sublayer(norm(x)))",
        "sublayers_that_say_nothing_leave_the_input",
    ),
    _blocks(
        "layers: pre-norm and post-norm confused",
        "if self.norm_first:",
        "if not self.norm_first:",
        "encoder_layer_equals_torch",
    ),
    _blocks(
        "layers: dropout on the sum",
        "x + self.dropout(sublayer(norm(x)))",
        "self.dropout(x + sublayer(norm(x)))",
        "sublayers_that_say_nothing_leave_the_input",
    ),
    _blocks(
        "layers: one norm serves two sublayers",
        "            self.norm2,\n            lambda x: self.cross",
        "            self.norm1,\n            lambda x: self.cross",
        "decoder_layer_equals_torch",
    ),
    _blocks(
        "layers: the decoder forgets the mask of the source",
        "context, mask=context_mask, cache=cache",
        "context, cache=cache",
        "decoder_layer_equals_torch",
    ),
    _blocks(
        "layers: the context is projected again for every new token",
        "context, mask=context_mask, cache=cache",
        "context, mask=context_mask",
        "a_cached_decoder_projects_the_context_once",
    ),
    # --- encoder, decoder
    _encoder(
        "encoder: the padding is hidden from the first layer only",
        "x = layer(x, **options)",
        "x, options = layer(x, **options), options | {'mask': None}",
        "padding_changes_nothing",
    ),
    _encoder(
        "encoder: no norm at the end",
        "return self.final_norm(x)",
        "return x",
        "encoder_equals_torch",
    ),
    _encoder(
        "encoder: copies of one layer, all with the same start",
        "nn.ModuleList(layers)",
        "nn.ModuleList(map(__import__('copy').deepcopy, [first := next(iter(layers))] * 2))",
        "fresh_layers_differ",
    ),
    _encoder(
        "encoder: the cache gets lost",
        "x = layer(x, **options)",
        "x = layer(x, **options | {'cache': None})",
        "cached_equals_uncached",
    ),
    _decoder(
        "decoder: the mask of the source gets lost",
        "context_mask=context_mask, cache",
        "cache",
        "padding_of_the_source_changes_nothing",
    ),
    _decoder(
        "decoder: the mask of the target gets lost",
        "layer(x, context, mask=mask, ",
        "layer(x, context, ",
        "the_whole_of_torchs_transformer",
    ),
    _decoder(
        "decoder: no norm at the end",
        "return self.final_norm(x)",
        "return x",
        "the_whole_of_torchs_transformer",
    ),
    _decoder(
        "decoder: the cache gets lost",
        "context_mask=context_mask, cache=cache",
        "context_mask=context_mask",
        "cached_equals_uncached",
    ),
    # --- models/transformer
    _of_any_transformer(
        "transformer: the decoder sees the future",
        "DecoderLayer(attention(causal=True, rotary=rotary)",
        "DecoderLayer(attention(rotary=rotary)",
        "the_future_changes_nothing",
    ),
    _of_any_transformer(
        "transformer: the decoder is causal in training only",
        "        return self.decoder(x, context, context_mask=context_mask, cache=cache)\n",
        "        for layer in self.decoder.layers:\n"
        "            layer.self_attention.causal = self.training\n"
        "        return self.decoder(x, context, context_mask=context_mask, cache=cache)\n",
        "the_future_changes_nothing",
    ),
    _transformer(
        "transformer: the encoder is causal too",
        "EncoderLayer(attention(rotary=rotary)",
        "EncoderLayer(attention(causal=True, rotary=rotary)",
        "the_encoder_looks_both_ways",
    ),
    _transformer(
        "transformer: embeddings without the factor of the root of d_model",
        "table(ids) * math.sqrt(self.config.d_model)",
        "table(ids)",
        PARTS_OF_THE_PAPER,
    ),
    _transformer(
        "transformer: positions are scaled with the embeddings",
        "self.dropout(x if positions is None else positions(x, offset))",
        "self.dropout(x if positions is None else x + 8**0.5 * (positions(x, offset) - x))",
        PARTS_OF_THE_PAPER,
    ),
    _transformer(
        "transformer: output layer not tied",
        "self.decoder = Decoder(decoder_layers, final_norm=norm())",
        "self.decoder = Decoder(decoder_layers, final_norm=norm())\n"
        "        self.output = nn.Linear(config.d_model, config.target_vocab_size, bias=False)\n"
        "        self.logits = self.output.forward",
        PARTS_OF_THE_PAPER,
    ),
    _transformer(
        "transformer: no gradient through the tied output layer",
        "F.linear(features, weight)",
        "F.linear(features, weight.detach())",
        "the_output_layer_teaches_the_embeddings",
    ),
    _transformer(
        "transformer: shared embeddings are two",
        "if not config.share_embeddings:",
        "if config.source_vocab_size:",
        "shared_embeddings_are_one_matrix",
    ),
    _transformer(
        "transformer: the source is read with the target's embeddings",
        "self.target_embedding if self.source_embedding is None else self.source_embedding",
        "self.target_embedding",
        PARTS_OF_THE_PAPER,
    ),
    _of_any_transformer(
        "transformer: every cached token has position 0",
        "offset = 0 if cache is None else cache.length",
        "offset = 0",
        STEPS,
    ),
    _transformer(
        "transformer: no positions in the decoder",
        "self.target_embedding, self.target_positions, offset",
        "self.target_embedding, None, offset",
        PARTS_OF_THE_PAPER,
    ),
    _transformer(
        "transformer: rotary in the decoder only",
        "EncoderLayer(attention(rotary=rotary)",
        "EncoderLayer(attention()",
        "order_matters_to_both_sides",
    ),
    _of_any_transformer(
        "transformer: the encoder reads the padding",
        "self.encoder(x, mask=mask), mask",
        "self.encoder(x), mask",
        "padding_changes_nothing",
    ),
    _of_any_transformer(
        "transformer: the decoder reads the padding of the source",
        "self.decode(target, context, context_mask)",
        "self.decode(target, context)",
        "padding_changes_nothing",
    ),
    _of_any_transformer(
        "transformer: generation reads the padding of the source",
        "None if mask.all() else mask",
        "None if mask.any() else mask",
        STEPS,
    ),
    _of_any_transformer(
        "transformer: generation starts with the end token",
        "self.config.bos_id)",
        "self.config.eos_id)",
        STEPS,
    ),
    _of_any_transformer(
        "transformer: a step scores what follows its first token",
        "self.logits(features[:, -1])",
        "self.logits(features[:, 0])",
        STEPS,
    ),
    _of_any_transformer(
        "transformer: beams keep the context of others",
        "self.context = self.context.index_select(0, rows)",
        "self.context = self.context[: len(rows)]",
        UNDERWAY,
    ),
    _of_any_transformer(
        "transformer: beams keep the padding mask of others",
        "self.context_mask = self.context_mask.index_select(0, rows)",
        "self.context_mask = self.context_mask[:1].expand(len(rows), -1, -1, -1)",
        UNDERWAY,
    ),
    _of_any_transformer(
        "transformer: beams keep the keys of others",
        "self.cache.reorder(rows)",
        "self.cache.reorder(rows.sort().values)",
        UNDERWAY,
    ),
    _transformer(
        "transformer: pre-norm without a norm at the end",
        "partial(nn.LayerNorm, config.d_model) if config.norm_first else nn.Identity",
        "nn.Identity",
        "a_norm_at_the_end_where_the_layers_have_it_first",
    ),
    _transformer(
        "transformer: post-norm with one more norm at the end",
        "partial(nn.LayerNorm, config.d_model) if config.norm_first else nn.Identity",
        "partial(nn.LayerNorm, config.d_model)",
        "a_norm_at_the_end_where_the_layers_have_it_first",
    ),
    _adaptive(
        "transformer: embeddings start with unit variance",
        "std=width**-0.5",
        "std=1.0",
        "fresh_weights_are_as_published",
    ),
    _transformer(
        "transformer: no dropout on the embeddings",
        "self.dropout(x if positions is None else positions(x, offset))",
        "x if positions is None else positions(x, offset)",
        "dropout_falls_on_embeddings_and_sublayers",
    ),
    _transformer(
        "transformer: the layers get no dropout",
        '{"dropout": config.dropout, "norm_first": config.norm_first}',
        '{"norm_first": config.norm_first}',
        "dropout_falls_on_embeddings_and_sublayers",
    ),
    # --- models/checks
    _checks(
        "checks: the end token may be padding",
        "if config.eos_id == config.pad_id:",
        "if False:",
        "impossible_configs_are_refused",
    ),
    _checks(
        "checks: a token one beyond the vocabulary",
        "if not 0 <= value < vocab_size:",
        "if not 0 <= value <= vocab_size:",
        "impossible_configs_are_refused",
    ),
    _id_checks(
        "checks: cached tokens do not count",
        "offset + value.size(1) > max_len",
        "value.size(1) > max_len",
        "a_cached_target_counts_what_came_before",
    ),
    _id_checks(
        "checks: as long as max_len is too long",
        "offset + value.size(1) > max_len",
        "offset + value.size(1) >= max_len",
        "a_cached_target_counts_what_came_before",
    ),
    # --- models/recurrent
    _recurrent(
        "recurrent: attention without the mask of the source",
        "scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)",
        "scores.softmax(dim=-1)",
        "additive_attention_is_its_formula",
    ),
    _recurrent(
        "recurrent: the mask after the softmax",
        "scores.masked_fill(~mask, -torch.inf).softmax(dim=-1)",
        "scores.softmax(dim=-1) * mask",
        "weights_sum_to_one_over_the_source",
    ),
    _recurrent(
        "recurrent: attention scores without tanh",
        "torch.tanh(self.q_proj(query)[:, None] + keys)",
        "(self.q_proj(query)[:, None] + keys)",
        "additive_attention_is_its_formula",
    ),
    _recurrent(
        "recurrent: attention asks with the lowest layer's state",
        "state.hidden[-1], state.keys",
        "state.hidden[0], state.keys",
        "the_decoder_is_its_equations",
    ),
    _of_any_recurrent(
        "recurrent: the encoder reads the padding",
        "mask.sum(dim=1).cpu()",
        "torch.full_like(mask.sum(dim=1), source.size(1)).cpu()",
        "padding_changes_nothing",
    ),
    _recurrent(
        "recurrent: directions joined without the transpose",
        "x.unflatten(0, (-1, 2)).transpose(1, 2).flatten(2)",
        "x.reshape(-1, x.size(1), 2 * x.size(2))",
        "the_decoder_starts_where_each_layer_of_the_encoder_ended",
    ),
    _recurrent(
        "recurrent: the summary of the lowest layer",
        "keys, hidden[-1], hidden, cell",
        "keys, hidden[0], hidden, cell",
        "the_decoder_starts_where_each_layer_of_the_encoder_ended",
    ),
    _recurrent(
        "recurrent: the decoder starts with an empty cell",
        "hidden[-1], hidden, cell)",
        "hidden[-1], hidden, torch.zeros_like(cell))",
        "the_decoder_starts_where_each_layer_of_the_encoder_ended",
    ),
    _recurrent(
        "recurrent: the summary is never given to the decoder",
        "state.summary[:, None].expand_as(embedded)",
        "torch.zeros_like(embedded)",
        "the_decoder_is_its_equations",
    ),
    _of_any_recurrent(
        "recurrent: the state is forgotten between two calls",
        "out, (state.hidden, state.cell) = self.decoder(",
        "out, _ = self.decoder(",
        STEPS,
    ),
    _of_any_recurrent(
        "recurrent: beams keep the cells of others",
        "        self.cell = self.cell.index_select(1, rows)\n",
        "        self.cell = self.cell[:, :1].expand(-1, len(rows), -1).contiguous()\n",
        UNDERWAY,
    ),
    _of_any_recurrent(
        "recurrent: beams keep the keys of others",
        '("context", "mask", "keys", "summary")',
        '("context", "mask", "summary")',
        UNDERWAY,
    ),
    _recurrent(
        "recurrent: no dropout on the target's embeddings",
        "self.dropout(self.target_embedding(target))",
        "self.target_embedding(target)",
        "dropout_falls_on_embeddings_and_features",
    ),
    # --- generation
    _choosing(
        "generation: logits multiplied by the temperature",
        "logits.float() / self.temperature",
        "logits.float() * self.temperature",
        "samples_are_distributed_as_the_softmax",
    ),
    _choosing(
        "generation: top-k fails where the vocabulary is smaller",
        "min(top_k, logits.size(-1))",
        "top_k",
        "top_k_keeps_the_k_likeliest",
    ),
    _choosing(
        "generation: top-p drops the token that crosses p",
        "chances.cumsum(dim=-1) - chances",
        "chances.cumsum(dim=-1)",
        "top_p_keeps_the_fewest_that_reach_p",
    ),
    _choosing(
        "generation: tokens drawn from torch's own generator",
        "multinomial(1, generator=self.generator)",
        "multinomial(1)",
        "samples_can_be_drawn_again",
    ),
    _choosing(
        "generation: probabilities added up in half precision",
        "logits.float() / self.temperature",
        "logits / self.temperature",
        "half_precision_is_sampled_in_float32",
    ),
    _choosing(
        "generation: of equal tokens one too many",
        "likelier >= top_p",
        "likelier > top_p",
        "of_equals_the_fewest_that_reach_p_are_kept",
    ),
    _choosing(
        "generation: NaN is written as token 0",
        "if bad:",
        "if False:",
        "a_model_without_numbers_writes_nothing",
    ),
    _generation(
        "beam: beams of half precision ranked by rounded probabilities",
        ".float().log_softmax(dim=-1)",
        ".log_softmax(dim=-1).float()",
        "beams_are_ranked_in_float32",
    ),
    Fault(
        "dropout: in evaluation, not in training",
        "layers/dropout.py",
        "if self.training else x",
        "if not self.training else x",
        "test_contract.py::test_dropout_falls_in_training_only",
    ),
    _generation(
        "beam: nothing is given up",
        "log_p.masked_fill(hopeless & ~ended, -math.inf)",
        "log_p",
        "a_search_gives_up_what_cannot_win",
    ),
    _writing_on(
        "generation: beyond the window it reads on",
        "if end > begin + most or",
        "if",
        "with_a_cache_the_last_half_is_read_anew_when_the_window_is_full",
    ),
    _writing_on(
        "generation: a full window is read anew for each token, cache or not",
        "(most + 1) // 2 if cache else most",
        "most",
        "with_a_cache_the_last_half_is_read_anew_when_the_window_is_full",
    ),
    _writing_on(
        "generation: padding is read with the prompt",
        "inputs[rows][mask[rows]].view(-1, length)",
        "inputs[rows][:, :length]",
        "each_row_comes_out_as_if_it_were_alone",
    ),
    _generation(
        "generation: the end token is not honoured",
        "(tokens == model.eos_id).any()",
        "False",
        "a_row_that_has_ended_is_padded_and_leaves_the_batch",
    ),
    _generation(
        "generation: rows go on with the state of others",
        "state.reorder(going_on)",
        "state.reorder(torch.arange(len(going_on)))",
        "a_row_does_not_depend_on_the_others",
    ),
    _generation(
        "generation: dropout stays on",
        "module.training = False",
        "module.training = True",
        "the_model_is_left_as_it_was",
    ),
    _generation(
        "beam: no length penalty",
        "scores = log_p / ((5 + lengths) / 6) ** length_penalty",
        "scores = log_p",
        "enough_beams_search_everything",
    ),
    _generation(
        "beam: ended sequences grow on",
        "lengths.gather(1, parents) + ~stays",
        "lengths.gather(1, parents) + 1",
        SLOWLY,
    ),
    _generation(
        "beam: log p of an ended sequence still changes",
        "log_p = torch.where(stays, log_p.gather(1, parents), best)",
        "log_p = torch.where(stays, log_p.gather(1, parents) - 0.1, best)",
        SLOWLY,
    ),
    _generation(
        "beam: logits added instead of log-probabilities",
        ".float().log_softmax(dim=-1)",
        ".float()",
        "enough_beams_search_everything",
    ),
    _generation(
        "beam: the states stay where the beams move",
        "(first + parents)",
        "(first + torch.zeros_like(parents))",
        "beams_take_their_memories_along",
    ),
    _generation(
        "beam: the text stays where the beams move",
        "written = written.gather(1, parents[..., None].expand_as(written))",
        "pass",
        SLOWLY,
    ),
    _generation(
        "beam: it stops with the first sequence that ends",
        "            if not len(live):",
        "            if not len(live) or ended.any():",
        SLOWLY,
    ),
    _generation(
        "beam: given up though a longer one could overtake",
        "((5 + max_new_tokens) / 6)",
        "((5 + lengths) / 6)",
        SLOWLY,
    ),
    # --- training
    _train(
        "training: gradients pile up from step to step",
        "                o.zero_grad()",
        "                pass",
        "it_is_the_plain_loop",
    ),
    _train(
        "training: clipping after the step",
        "            norm = clip_gradient(",
        "            for o in rates.optimizers:\n"
        "                o.step()\n"
        "            rates.optimizers = []\n"
        "            norm = clip_gradient(",
        "clipping_shortens_the_gradient_and_reports_its_true_length",
    ),
    _step(
        "training: the reported length is the clipped one",
        "return parallel.whole(norm).item()",
        "return parallel.whole(norm).clamp(max=clip).item()",
        "clipping_shortens_the_gradient_and_reports_its_true_length",
    ),
    _step(
        "training: accumulated gradients summed, not averaged",
        "value = value / self._batches",
        "value = value / 1",
        "accumulation_equals_one_big_batch",
    ),
    _rates(
        "training: the schedule counts from 0",
        "float(self._schedule(step))",
        "float(self._schedule(step - 1))",
        "schedule_multiplies_the_rate_of_every_group_from_step_one",
    ),
    _rates(
        "training: the factors of the schedule multiply up",
        'group["lr"] = lr * factor',
        'group["lr"] = group["lr"] * factor',
        "schedule_multiplies_the_rate_of_every_group_from_step_one",
    ),
    _rates(
        "training: the schedule moves the first group only",
        '            group["lr"] = lr * factor\n',
        '            group["lr"] = lr * factor\n            break\n',
        "schedule_multiplies_the_rate_of_every_group_from_step_one",
    ),
    _run(
        "training: evaluation in training mode",
        "self.model.eval()",
        "pass",
        "mode_is_training_within_and_as_before_afterwards",
    ),
    _run(
        "training: evaluation changes the random numbers of training",
        "with random_numbers_kept(self.generators), modes_kept",
        "with modes_kept",
        "evaluation_changes_nothing",
    ),
    _train(
        "training: a NaN is noticed after the step",
        "            check_finite(step, value, norm)\n"
        "            for o in rates.optimizers:\n"
        "                o.step()\n",
        "            for o in rates.optimizers:\n"
        "                o.step()\n"
        "            check_finite(step, value, norm)\n",
        "nan_stops_with_the_step_and_keeps_the_last_checkpoint",
    ),
    _step(
        "training: only the loss is watched for NaN",
        '(("loss", loss), ("length of the gradient", norm))',
        '(("loss", loss),)',
        "nan_stops_with_the_step_and_keeps_the_last_checkpoint",
    ),
    _train(
        "training: everything in bfloat16, asked or not",
        "enabled=autocast",
        "enabled=True",
        "autocast_computes_products_in_bfloat16_and_keeps_weights_in_float32",
    ),
    _run(
        "training: the random state is not restored",
        'set_random_state(own["random"], self.generators)',
        "pass",
        TWO_PARTS,
    ),
    _run(
        "training: the state of the optimizer is not loaded",
        'optimizer.load_state_dict({"state": state, "param_groups": groups})',
        "pass",
        TWO_PARTS,
    ),
    _run(
        "training: the weights are not loaded",
        "fill(self.model, found.weights_file)",
        "pass",
        TWO_PARTS,
    ),
    _run(
        "training: a resumed run begins with the first batch",
        "reading.start(read)",
        "reading.start(0)",
        TWO_PARTS,
    ),
    _run(
        "training: a resumed run forgets that a step took several batches",
        'len(self.history) * self.settings["accumulate"]',
        "len(self.history)",
        TWO_PARTS,
    ),
    _run(
        "training: a resumed run forgets what evaluation had found",
        '"history": vars(self.history),',
        '"history": vars(self.history) | {"scores": {}},',
        TWO_PARTS,
    ),
    _batches(
        "training: every process reads the same batches",
        "count(n * stride + rank, stride)",
        "count(n * stride, stride)",
        "two_processes_do_what_one_does_with_the_double_batch",
    ),
    _losses(
        "loss: averaged over the padding too",
        "        ignore_index=pad_id,\n",
        "",
        "token_loss_skips_padding",
    ),
    _losses(
        "loss: label smoothing over V - 2, as in the paper's first code",
        "    return F.cross_entropy(\n",
        "    log_p = logits.log_softmax(dim=-1)\n"
        "    right = log_p.gather(-1, targets[..., None]).squeeze(-1)\n"
        "    others = log_p.sum(dim=-1) - right - log_p[..., pad_id]\n"
        "    others = others * label_smoothing / (logits.size(-1) - 2)\n"
        "    return -((1 - label_smoothing) * right + others)[targets != pad_id].mean()\n"
        "    return F.cross_entropy(\n",
        "label_smoothing_spreads_over_all_classes",
    ),
    _runs(
        "training: another run in the folder goes on",
        "if others:",
        "if False:",
        "another_run_is_refused_with_the_difference",
    ),
    _runs(
        "training: what breaks evaluation loses the steps",
        "        finally:\n            self._save()",
        "        finally:\n            pass\n        self._save()",
        "what_breaks_evaluation_leaves_the_steps",
    ),
    _runs(
        "training: a part in evaluation mode is trained",
        "if not self.model.training:",
        "if True:",
        "a_part_in_evaluation_mode_stays_so",
    ),
    _runs(
        "training: Ctrl-C is not waited for",
        "Interrupt(alone)",
        "Interrupt(False)",
        "ctrl_c_waits_for_the_end_of_the_step_and_saves",
    ),
    _run(
        "training: all processes go on with the random numbers of the first",
        'own = found.state["processes"][parallel.rank()]\n            self._',
        'own = found.state["processes"][0]\n            self._',
        "two_processes_resume_bit_by_bit",
    ),
    Fault(
        "training: nothing but the loss and the gradient is watched for NaN",
        "training/step.py",
        "if not good.all():",
        "if False:",
        "test_runs.py::test_spoiled_weights_are_never_kept_as_good",
    ),
    Fault(
        "training: all parameters of the model are clipped",
        "training/rates.py",
        'self.parameters = [p for group in self.groups for p in group["params"]]',
        "self.parameters = list(model.parameters())",
        "test_runs.py::test_only_what_the_optimizer_moves_is_clipped_and_cleared",
    ),
    Fault(
        "training: two processes write in one folder",
        "training/lock.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
        "test_runs.py::test_a_folder_is_for_one_process_and_a_dead_one_blocks_nobody",
    ),
    Fault(
        "training: Python's random numbers are not restored",
        "training/random_state.py",
        'random.setstate(state["python"])',
        "pass",
        "test_runs.py::test_all_random_numbers_come_back",
    ),
    Fault(
        "training: batches without an index are read with the numbers of training",
        "training/batches.py",
        "            while batch is not _END:\n"
        "                yield batch\n"
        "                with self._random:",
        "            while batch is not _END:\n"
        "                yield batch\n"
        "                if True:",
        "test_training.py::test_iterables_that_draw_on_go_on_where_they_were",
    ),
    Fault(
        "training: sums are divided by the counts of the last batch",
        "training/step.py",
        "sum(self._counts)",
        "self._counts[-1]",
        "test_training.py::test_sums_and_counts_of_unequal_batches_are_those_of_one_large_batch",
    ),
    Fault(
        "saving: numbers of numpy are written as they are",
        "training/checkpoints.py",
        'state = plain(state, "state must hold")',
        "pass",
        "test_saving.py::test_what_is_not_plain_is_made_plain_before_it_is_written",
    ),
    Fault(
        "saving: what was written is not read back",
        "training/checkpoints.py",
        "    _read(partial)\n",
        "",
        "test_saving.py::test_what_was_written_is_read_back_before_older_ones_go",
    ),
    Fault(
        "saving: a file that the sums do not name is trusted",
        "training/checkpoints.py",
        "        if name not in sums:\n",
        "        if name not in sums:\n            continue\n        if False:\n",
        "test_saving.py::test_both_files_must_stand_in_the_sums",
    ),
    Fault(
        "saving: other folders are taken for checkpoints",
        "training/checkpoints.py",
        "form.fullmatch(path.name)",
        "form.match(path.name)",
        "test_saving.py::test_only_folders_of_a_number_are_touched_and_they_count_as_numbers",
    ),
    Fault(
        "saving: steps are sorted as words",
        "training/checkpoints.py",
        "(int(name[1]), path)",
        "(name[1], path)",
        "test_saving.py::test_only_folders_of_a_number_are_touched_and_they_count_as_numbers",
    ),
    # --- saving
    _checkpoints(
        "saving: a checkpoint is written under its own name",
        'partial = folder / f"{final.name}.partial"',
        "partial = final",
        DEATH,
    ),
    _weights(
        "saving: weights are written over the old ones",
        'partial = file.with_name(f".{file.name}.{os.getpid()}.partial")',
        "partial = file",
        "death_while_writing_leaves_the_old_weights",
    ),
    _checkpoints(
        "saving: a checkpoint gets its name before it is on the disk",
        '    for path in (partial / "state.pt", partial / "SHA256SUMS", partial):\n'
        "        sync(path)\n",
        "",
        "everything_is_on_the_disk_before_it_gets_its_name",
    ),
    _weights(
        "saving: weights get their name before they are on the disk",
        "        sync(partial)\n",
        "",
        "everything_is_on_the_disk_before_it_gets_its_name",
    ),
    _weights(
        "saving: a file is synced through a descriptor that may only read",
        "os.O_RDONLY if folder else os.O_RDWR",
        "os.O_RDONLY",
        "saving_keeps_to_the_rules_of_windows",
    ),
    _weights(
        "saving: only their owner may read the weights",
        "partial.chmod(mode)",
        "pass",
        "files_get_the_mode_that_the_umask_gives",
    ),
    _checkpoints(
        "saving: the sums are not checked",
        "if _sha256(path / name) != sums[name]:",
        "if False:",
        "damaged_checkpoint_is_passed_over",
    ),
    _checkpoints(
        "saving: the oldest checkpoint is taken",
        "reversed(_numbered(folder))",
        "_numbered(folder)",
        "newest_checkpoint_is_found_and_two_are_kept",
    ),
    _checkpoints(
        "saving: no checkpoint before the newest is kept",
        "KEEP = 2",
        "KEEP = 1",
        "newest_checkpoint_is_found_and_two_are_kept",
    ),
    _checkpoints(
        "saving: all damaged, and the run starts anew without a word",
        "    if damaged:\n        raise ValueError",
        "    if False:\n        raise ValueError",
        "when_all_are_damaged_it_says_so",
    ),
    _weights(
        "saving: names that do not fit are passed over",
        "if any(wrong.values()):",
        "if False:",
        "other_weights_are_refused_with_all_differences_and_nothing_changes",
    ),
    _checkpoints(
        "saving: a checkpoint may hold code",
        "weights_only=True",
        "weights_only=False",
        "state_is_never_unpickled_into_code",
    ),
    # --- optimizers
    _schedules(
        "schedule: the paper's without d_model",
        "return d_model**-0.5 * min(",
        "return min(",
        "paper_schedule_has_the_values_of_its_formula",
    ),
    _schedules(
        "schedule: the paper's rises for ever",
        "min(step**-0.5, step * warmup**-1.5)",
        "max(step**-0.5, step * warmup**-1.5)",
        "paper_schedule_has_the_values_of_its_formula",
    ),
    _schedules(
        "schedule: the cosine begins before the warm-up ends",
        "(step - warmup) / (steps - warmup)",
        "step / steps",
        "cosine_schedule_rises_and_falls_to_zero",
    ),
    _schedules(
        "schedule: the cosine begins with a step at rate zero",
        "            return step / warmup",
        "            return (step - 1) / warmup",
        "cosine_schedule_rises_and_falls_to_zero",
    ),
    _schedules(
        "schedule: the plateau depends on the length of the run",
        "(steps - step) / decay if step > steps - decay else 1.0",
        "(steps - step) / (steps - warmup)",
        "plateau_does_not_depend_on_where_it_ends",
    ),
    _optimizers(
        "Muon: tall matrices are not turned back",
        "(y.mT if tall else y).to(x.dtype)",
        "y.reshape(x.shape).to(x.dtype)",
        POLYNOMIAL,
    ),
    _optimizers(
        "Muon: one length for all matrices of a shape",
        "y.norm(dim=(-2, -1), keepdim=True)",
        "y.norm()",
        POLYNOMIAL,
    ),
    _optimizers(
        "Muon: one coefficient of the polynomial on the wrong power",
        "c * square @ square",
        "c * square",
        POLYNOMIAL,
    ),
    _optimizers(
        "Muon: the update is not made orthogonal",
        "updates = orthogonalize(",
        "orthogonalize(",
        MUON,
    ),
    _optimizers(
        "Muon: made orthogonal before the momentum",
        "        state = self.state[weight]\n",
        "        state = self.state[weight]\n"
        "        weight.grad.copy_(orthogonalize(weight.grad))\n",
        MUON,
    ),
    _optimizers(
        "Muon: momentum and new gradient change weights",
        '1 - group["momentum"])',
        'group["momentum"])',
        MUON,
    ),
    _optimizers(
        "Muon: Nesterov's look ahead left out",
        'weight.grad.lerp(mean, group["momentum"]) if group["nesterov"] else mean',
        "mean",
        MUON,
    ),
    _optimizers(
        "Muon: wide matrices, not tall ones, take longer steps",
        "max(1.0, rows / columns)",
        "max(1.0, columns / rows)",
        MUON,
    ),
    _optimizers(
        "Muon: weight decay that does not follow the rate",
        'weight.mul_(1 - group["lr"] * group["weight_decay"])',
        'weight.mul_(1 - group["weight_decay"])',
        MUON,
    ),
    _optimizers(
        "Muon: weight decay after the update",
        '                    weight.mul_(1 - group["lr"] * group["weight_decay"])\n'
        "                    weight.sub_(update, alpha=lr)\n",
        "                    weight.sub_(update, alpha=lr)\n"
        '                    weight.mul_(1 - group["lr"] * group["weight_decay"])\n',
        MUON,
    ),
    _optimizers(
        "Muon: embeddings and the tied output too",
        "matrices = [w for w in trained if w.dim() == 2 and w not in looked_up]",
        "matrices = [w for w in trained if w.dim() == 2]",
        "matrices_go_to_muon_and_the_rest_to_adamw",
    ),
    _optimizers(
        "AdamW: weight decay on biases and gains",
        '{"params": vectors, "weight_decay": 0.0}',
        '{"params": vectors, "weight_decay": weight_decay}',
        "matrices_go_to_muon_and_the_rest_to_adamw",
    ),
    # --- metrics
    _errors(
        "metrics: edits per phoneme of the hypothesis",
        "phonemes - length,",
        "phonemes + len(hypothesis),",
        "with_one_reference_it_is_what_jiwer_computes",
    ),
    _errors(
        "metrics: the farthest of the listed pronunciations",
        "distance, length = min(",
        "distance, length = max(",
        "nearest_reference_counts",
    ),
    _errors(
        "metrics: only the first listed pronunciation",
        "for one in listed)",
        "for one in listed[:1])",
        "nearest_reference_counts",
    ),
    _errors(
        "metrics: a mean of rates instead of the rate of all",
        "edits + distance, phonemes - length",
        "edits - distance / length, phonemes + 1",
        "with_one_reference_it_is_what_jiwer_computes",
    ),
    _errors(
        "metrics: a word counts as often as it has edits",
        "wrong + (distance > 0)",
        "wrong + distance",
        "with_one_reference_it_is_what_jiwer_computes",
    ),
    _errors(
        "metrics: a substitution costs two edits",
        "diagonal + (x != y)",
        "diagonal + 2 * (x != y)",
        "known_distances",
    ),
    # --- data
    _pronunciations(
        "data: split by pair instead of by word",
        "    letters = sorted({",
        "    for word, listed in test_set.items():\n"
        "        if len(listed) > 1:\n"
        "            train_set[word] = listed[1:]\n"
        "    letters = sorted({",
        "no_word_is_in_two_parts_and_none_is_lost",
    ),
    _pronunciations(
        "data: vocabularies of all words, the test words included",
        "for word in train_set for letter in word",
        "for word in lexicon for letter in word",
        "vocabularies_come_from_the_training_part",
    ),
    _pronunciations(
        "data: the stress is kept",
        'phoneme.rstrip("012")',
        "phoneme",
        "pronunciations_have_no_stress_and_no_repetition",
    ),
    _pronunciations(
        "data: pronunciations that differ in stress alone are kept twice",
        "if plain not in listed:",
        "if True:",
        "pronunciations_have_no_stress_and_no_repetition",
    ),
    _pronunciations(
        "data: the split is another one every time",
        ", generator=torch.Generator().manual_seed(seed)",
        "",
        "split_follows_the_seed",
    ),
    _vocabulary(
        "vocabulary: decoding goes on behind the end token",
        "ids = ids[: ids.index(self.eos_id)] if self.eos_id in ids else ids",
        "pass",
        "encode_and_decode_are_inverse",
    ),
    _pairs(
        "batches: the target is what the decoder has just read",
        "target_out=target[:, 1:]",
        "target_out=target[:, :-1]",
        "target_in_is_target_out_one_step_later",
    ),
    _pairs(
        "batches: no end token to learn",
        "target.encode(other), eos])",
        "target.encode(other)])",
        "target_in_is_target_out_one_step_later",
    ),
    _order(
        "batches: the same order in every epoch",
        "random_numbers(self.seed, epoch)",
        "random_numbers(self.seed, 0)",
        "each_place_comes_once_in_an_epoch_in_another_order",
    ),
    _order(
        "batches: in the order of the calls, not of the steps",
        "if self._kept[0] != epoch:",
        "if at == 0 or self._kept[0] is None:",
        "a_batch_is_a_function_of_its_number_and_the_seed",
    ),
    _order(
        "batches: those left over are seen, in a batch that is too small",
        "            order = order[: self.steps_per_epoch * self.batch_size]\n",
        "",
        "pairs_are_as_they_always_were",
    ),
    _pairs(
        "batches: short words first, long words last",
        "torch.cat([batches[i] for i in torch.randperm(len(batches), generator=generator)])",
        "torch.cat(batches)",
        "words_of_similar_length_share_a_batch",
    ),
    _pronunciations(
        "batches: the first listed pronunciation only",
        "for one in listed]",
        "for one in listed[:1]]",
        "every_listed_pronunciation_makes_a_pair",
    ),
    _downloads(
        "downloads: the checksum is not checked",
        "pooch.retrieve(url, checksum,",
        "pooch.retrieve(url, None,",
        "wrong_content_is_refused_and_removed",
    ),
    _downloads(
        "downloads: what came before the break is thrown away",
        '"ab" if have else "wb"',
        '"wb"',
        "broken_download_goes_on_where_it_was",
    ),
    _downloads(
        "downloads: a whole file appended to a part of it",
        '"ab" if have else "wb"',
        '"ab"',
        "server_without_ranges_starts_again",
    ),
    _downloads(
        "downloads: what was packed on the way is unpacked",
        "decode_content=False",
        "decode_content=True",
        "an_answer_that_was_packed_is_kept_as_it_comes",
    ),
    _downloads(
        "downloads: an endless answer fills the disk",
        "if have > _LIMIT:\n                    break",
        "if have < 0:\n                    break",
        "an_answer_that_does_not_end_is_refused_and_removed",
    ),
    # --- recipes
    _recipe(
        "recipe: the target is what the decoder has just read",
        "token_loss(logits, batch.target_out,",
        "token_loss(logits, batch.target_in,",
        "loss_is_that_of_the_next_phoneme",
    ),
    _recipe(
        "recipe: trained on the test words too",
        "pairs_of(data.train)",
        "pairs_of(data.train | data.test)",
        "only_the_training_part_is_trained_on",
    ),
    _recipe(
        "recipe: words come back sorted by length",
        "[found[i] for i in range(len(words))]",
        "[found[i] for i in found]",
        "words_come_back_in_the_order_they_were_given",
    ),
    _running(
        "running: a decay of 0 steps counts as none given",
        "if chosen.decay is None:",
        "if not chosen.decay:",
        "half_of_the_steps_are_the_decay_unless_said",
    ),
    _running(
        "running: time counts from the start, again and again",
        "spent, self._last = now - self._last, now",
        "spent = now - self._last",
        "clock_counts_from_lap_to_lap",
    ),
    _running(
        "running: the card counts the last lap only",
        'sum(scores["cpu_seconds"] for scores in history.scores.values())',
        '[*history.scores.values()][-1]["cpu_seconds"]',
        "card_says_what_was_run",
    ),
    _running(
        "running: a trial is carried on in earnest",
        "if schedule(step) != factor:",
        "if False:",
        "a_trial_is_not_carried_on",
    ),
    _running(
        "running: weights that are there are replaced",
        "if path.exists() and not force:",
        "if False:",
        "what_would_fail_at_the_end_is_refused_at_once",
    ),
    _running(
        "running: the constant rate of a recipe without a schedule",
        "            schedule=self.schedule(chosen),\n",
        "",
        "a_run_is_what_the_recipe_says",
    ),
    _speller(
        "recipe: the speller is looked at underway on the test words",
        "list(data.dev.items())[::5]",
        "list(data.test.items())[::5]",
        "a_run_is_what_the_recipe_says",
    ),
    _xl(
        "recipe: one memory for the whole table",
        "seg_len=SEG_LEN, mem_len=mem_len)",
        "seg_len=SEG_LEN, mem_len=MEM_LEN)",
        "a_run_is_what_the_recipe_says",
    ),
    _xl(
        "recipe: the reader with a memory is trained on the held-out text",
        "ids = text.characters.encode(text.train)",
        "ids = text.characters.encode(text.train + text.held_out)",
        "a_run_is_what_the_recipe_says",
    ),
    _digits(
        "recipe: the test digits are looked at underway",
        "    card=card,\n",
        "    card=card,\n    progress=evaluate,\n",
        "a_run_is_what_the_recipe_says",
    ),
    _described(
        "weights: any name of the door is called",
        "if not (isinstance(known, type) and (is_dataclass",
        "if not (known is not None or (is_dataclass",
        "a_header_is_not_believed",
    ),
    _described(
        "weights: whole numbers are taken for weights",
        "if own[name].dtype not in (weights[name].dtype, *_WIDER.get(weights[name].dtype, ()))",
        "if weights[name].is_complex() != own[name].is_complex()",
        "types_that_would_change_a_number_are_refused",
    ),
    _described(
        "weights: a link is replaced by a file",
        "Path(file).resolve()",
        "Path(file)",
        "a_link_stays_a_link",
    ),
]
