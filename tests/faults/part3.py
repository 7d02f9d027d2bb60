"""Parts III and IV: GPT, its text, counts and weights, models in the page, and pictures."""

from faults.fault import faults_of

_gpt = faults_of("models/gpt.py", "test_gpt.py")
_of_any_gpt = faults_of("models/gpt.py", "test_contract.py")
_text = faults_of("data/text.py", "test_data_text.py")
_ngrams = faults_of("measure/ngrams.py", "test_ngrams.py")
_bits = faults_of("measure/bits.py", "test_metrics.py")
_table = faults_of("pretrained/table.py", "test_pretrained.py")
_gpt2 = faults_of("pretrained/gpt2.py", "test_pretrained.py")
_quantize = faults_of("show/quantize.py", "test_quantize.py")
_page_checks = faults_of("show/page_checks.py", "test_page_models.py")
_recipe = faults_of("recipes/verses_gpt.py", "test_recipes_verses_gpt.py")
_patches = faults_of("layers/patches.py", "test_vit.py")
_vit = faults_of("models/vit.py", "test_vit.py")
_maps = faults_of("measure/maps.py", "test_maps.py")
_images = faults_of("data/images.py", "test_data_images.py")
_augment = faults_of("data/augment.py", "test_data_images.py")


DISTRIBUTION = "after_every_context_it_is_a_distribution"
GPT2 = "logits_equal_gpt2s"
PARTS_OF_THE_PAPER = "parts_are_put_together_as_in_the_paper"
STEPS = "step_by_step_it_says_what_it_says_in_one_pass"
PATHS = "it_is_the_sum_over_all_paths"

FAULTS = [
    # --- models/gpt
    _of_any_gpt(
        "GPT: no mask",
        "causal=True,",
        "causal=False,",
        "the_future_changes_nothing",
    ),
    _of_any_gpt(
        "GPT: positions begin at 0 behind a cache",
        "offset = 0 if cache is None else cache.length",
        "offset = 0",
        STEPS,
    ),
    _gpt(
        "GPT: an output layer of its own where it should be tied",
        "self.head = None if config.tie else nn.Linear(",
        "self.head = nn.Linear(",
        "gpt2_is_as_large_as_published",
    ),
    _gpt(
        "GPT: the start does not shrink with the depth",
        "scale = (2 * self.config.num_layers) ** -0.5 if adds else 1.0",
        "scale = 1.0",
        "fresh_weights_are_as_published",
    ),
    _of_any_gpt(
        "GPT: a step scores what follows the first token of the prompt",
        "cache=state)[:, -1]",
        "cache=state)[:, 0]",
        STEPS,
    ),
    # --- data/text
    _text(
        "text: the vocabulary knows the held-out part",
        "Vocabulary.of(train)",
        "Vocabulary.of(text)",
        "the_vocabulary_is_that_of_the_training_part",
    ),
    _text(
        "text: targets are the inputs, not one later",
        "windows[:, :-1], windows[:, 1:]",
        "windows[:, :-1], windows[:, :-1]",
        "targets_are_the_inputs_one_character_later",
    ),
    _text(
        "text: batch n depends on the calls before it",
        "generator=random_numbers(self.seed, n)",
        'generator=self.__dict__.setdefault("kept", random_numbers(self.seed, 0))',
        "a_batch_is_a_function_of_seed_and_number",
    ),
    # --- ngrams
    _ngrams(
        "n-grams: counted in the type of the ids, which overflows",
        "tokens = tokens.long()  # an n-gram",
        "pass  # an n-gram",
        "ids_of_int32_are_counted_as_those_of_int64",
    ),
    _ngrams(
        "n-grams: counts where Witten and Bell have kinds",
        "self.kinds.append(kinds)",
        "self.kinds.append(totals)",
        "a_worked_example",
    ),
    _ngrams(
        "n-grams: the shorter context for nothing, without N + T",
        "torch.where(total > 0, mixed, shorter)",
        "torch.where(counted > 0, counted / total.clamp(min=1), shorter)",
        DISTRIBUTION,
    ),
    # --- metrics: bits
    _bits(
        "bits: nats",
        "row[done - start :] / math.log(2)",
        "row[done - start :]",
        "chunks_are_read_alone",
    ),
    _bits(
        "bits: a window counts again what the last one has judged",
        "bits[done : start + window] = row[done - start :]",
        "bits[start : start + window] = row",
        "a_sliding_window_counts_only_what_is_new_in_it",
    ),
    _bits(
        "bits: what does not fill the last window is left out",
        "*range(0, length - window, stride), length - window]",
        "*range(0, length - window + 1, stride)]",
        "every_token_but_the_first_counts_once",
    ),
    # --- pretrained
    _table(
        "GPT-2: exact GELU",
        '"gelu_new": "gelu_tanh",',
        '"gelu_new": "gelu",',
        GPT2,
    ),
    _gpt2(
        "GPT-2: a square Conv1D is not transposed",
        '_ATTENTION + "out_proj.*", transpose=True',
        '_ATTENTION + "out_proj.*"',
        GPT2,
    ),
    _gpt2(
        "GPT-2: queries, keys and values cut in another order",
        'for part in "qkv"',
        'for part in "kqv"',
        GPT2,
    ),
    _gpt2(
        "GPT-2: another eps than the published one",
        'eps=published.get("layer_norm_epsilon", 1e-5)',
        "eps=1e-5",
        "other_gpt2s_are_read_too",
    ),
    _table(
        "pretrained: what is left over in the file is passed over",
        '            wrong.setdefault("left over in the file", []).append(name)\n'
        "            continue\n",
        "            continue\n",
        "what_does_not_fit_is_listed_and_nothing_is_loaded",
    ),
    _table(
        "pretrained: the prefix stays on the names",
        "line.match(name.removeprefix(prefix))",
        "line.match(name)",
        "tensors_are_turned_cut_and_left_out_as_the_table_says",
    ),
    _table(
        "pretrained: of two tensors for one weight the last wins",
        "elif target in new and not torch.equal(new[target], piece):",
        "elif False:",
        "a_head_that_differs_from_the_embedding_is_refused",
    ),
    _table(
        "pretrained: an index may point out of its folder",
        "if part not in beside:",
        "if not isinstance(part, str):",
        "an_index_that_points_elsewhere_is_refused",
    ),
    # --- quantize, page_models
    _quantize(
        "8 bits: one scale for the whole matrix",
        "x.abs().amax(dim=-1) / LEVELS",
        "x.abs().amax().expand(x.shape[:-1]) / LEVELS",
        "each_row_has_its_own_scale",
    ),
    _quantize(
        "8 bits: 128 levels on either side",
        "LEVELS = 127 ",
        "LEVELS = 128 ",
        "no_number_moves_by_more_than_half_a_step",
    ),
    _quantize(
        "8 bits: a tied matrix is written twice",
        "if place in written:",
        "if False:",
        "what_was_packed_comes_back",
    ),
    _page_checks(
        "page: pixels are cut off instead of rounded",
        "(samples * 255).round()",
        "(samples * 255 - 0.5).clamp(min=0)",
        "a_reader_keeps_its_samples_as_pixels",
    ),
    # --- recipes/verses_gpt
    _recipe(
        "recipe: trained on the held-out verses too",
        "ids = text.characters.encode(text.train)",
        "ids = text.characters.encode(text.train + text.held_out)",
        "only_the_training_part_is_trained_on",
    ),
    _recipe(
        "recipe: the character with id 0 counts as padding",
        "targets, pad_id=-1)",
        "targets, pad_id=0)",
        "loss_is_that_of_every_next_character",
    ),
    # --- models/vit
    _patches(
        "ViT: patches column by column",
        "x.permute(0, 2, 4, 1, 3, 5)",
        "x.permute(0, 4, 2, 1, 3, 5)",
        "patches_are_cut_row_by_row",
    ),
    _vit(
        "ViT: the class is read before the last norm",
        "        return self.encoder(self.dropout(self.embedding_norm(self.embed(images))))\n",
        "        x = self.dropout(self.embedding_norm(self.embed(images)))\n"
        "        for layer in self.encoder.layers:\n"
        "            x = layer(x)\n"
        "        return x\n",
        PARTS_OF_THE_PAPER,
    ),
    _vit(
        "ViT: the mean instead of the class token",
        "features.mean(dim=1) if self.class_token is None else features[:, 0]",
        "features.mean(dim=1)",
        PARTS_OF_THE_PAPER,
    ),
    _vit(
        "ViT: the class token has no position",
        "x = torch.cat([self.class_token.expand(len(x), 1, -1), x], dim=1)",
        "token = self.class_token.expand(len(x), 1, -1)\n"
        "            if isinstance(self.positions, SequencePositions):\n"
        "                token = token - self.positions.table.weight[0]\n"
        "            x = torch.cat([token, x], dim=1)",
        PARTS_OF_THE_PAPER,
    ),
    _patches(
        "ViT: resized with the last position for the class token",
        "before, patches = self.table.weight.tensor_split([-(self.grid**2)])",
        "patches, before = self.table.weight.tensor_split([self.grid**2])",
        "class_token_keeps_its_position",
    ),
    _patches(
        "ViT: positions interpolated from corner to corner",
        "align_corners=False",
        "align_corners=True",
        "class_token_keeps_its_position",
    ),
    # --- rollout
    _maps(
        "rollout: no residual connection",
        "layer if rollout is None else layer @ rollout",
        "mean if rollout is None else mean @ rollout",
        PATHS,
    ),
    _maps(
        "rollout: rows that add up to 2",
        "device=mean.device)) / 2",
        "device=mean.device))",
        PATHS,
    ),
    _maps(
        "rollout: the first layer comes last",
        "else layer @ rollout",
        "else rollout @ layer",
        PATHS,
    ),
    # --- data/images
    _images(
        "pictures: a split that does not look at the classes",
        "chosen = torch.zeros(total, dtype=torch.bool)",
        "chosen = torch.zeros(total, dtype=torch.bool)\n"
        "    chosen[torch.randperm(total, generator=generator)[:size]] = True\n"
        "    return (~chosen).nonzero()[:, 0], chosen.nonzero()[:, 0]",
        "mnist_is_whole_and_split_evenly",
    ),
    _images(
        "pictures: the augmentation depends on the calls before it",
        "generator = torch.Generator().manual_seed((self.order.seed + 1) * 1_000_000_007 + n)",
        'generator = self.__dict__.setdefault("kept", torch.Generator().manual_seed(1))',
        "a_batch_is_a_function_of_step_and_seed",
    ),
    _images(
        "pictures: the same augmentation at every step",
        "(self.order.seed + 1) * 1_000_000_007 + n",
        "(self.order.seed + 1) * 1_000_000_007",
        "augmentation_is_another_one_at_every_step",
    ),
    _augment(
        "pictures: all of a batch are moved alike",
        "torch.rand(batch, *shape, generator=generator)",
        "torch.rand(1, *shape, generator=generator).expand(batch, *shape)",
        "what_comes_in_is_black_and_pictures_are_changed_one_by_one",
    ),
    _images(
        "pictures: a downloaded pickle may run what it likes",
        'raise ValueError(f"the file must hold numbers and names, got {module}.{name}")',
        "return super().find_class(module, name)",
        "a_pickle_that_wants_to_run_something_is_refused",
    ),
]
