"""Chapter 17: loss and towers, icons and sounds, recall, and what runs in the page."""

from faults.fault import faults_of

_loss = faults_of("layers/contrastive.py", "test_contrastive.py")
_model = faults_of("models/clip.py", "test_clip.py")
_vit = faults_of("models/vit.py", "test_clip.py")
_published = faults_of("pretrained/clip.py", "test_clip.py")
_recall = faults_of("measure/retrieval.py", "test_retrieval.py")
_icons = faults_of("data/icons.py", "test_data_icons.py")
_sounds = faults_of("data/sounds.py", "test_data_sounds.py")
_recipe = faults_of("recipes/icons_clip.py", "test_recipes_icons_clip.py")
_finder = faults_of("show/icon_finder.py", "test_icon_finder.py")
_page = faults_of("show/static/clip.js", "test_icon_finder.py")
_terms = faults_of("show/static/icon_finder.js", "test_icon_finder.py")
_drawing = faults_of("show/towers.py", "test_towers.py")

FAULTS = [
    _loss(
        "the second direction is the first once more",
        "F.cross_entropy(scores.T, columns)",
        "F.cross_entropy(scores, columns)",
        "it_is_that_of_loops",
    ),
    _loss(
        "partners of a column are taken from the rows",
        "for mask in (same, same.T))",
        "for mask in (same, same))",
        "partners_that_are_not_alike_in_both_directions",
    ),
    _loss(
        "under autocast the cosines are rounded",
        "enabled=False):",
        "enabled=torch.is_autocast_enabled(a.device.type)):",
        "autocast_does_not_round_the_cosines",
    ),
    _model(
        "a text is read at its last position",
        "return self.head(x[torch.arange(len(x), device=x.device), end])",
        "return self.head(x[:, -1])",
        "a_text_is_read_at_its_end_and_what_stands_behind_changes_nothing",
    ),
    _model(
        "a text tower that looks ahead",
        "MultiHeadAttention(d_model, config.num_heads, causal=True)",
        "MultiHeadAttention(d_model, config.num_heads)",
        "a_text_is_read_at_its_end_and_what_stands_behind_changes_nothing",
    ),
    _model(
        "the scale is not exponentiated",
        "self.log_scale.exp().clamp(",
        "self.log_scale.clamp(",
        "the_scale_starts_at_one_by_the_temperature_and_is_clamped",
    ),
    _model(
        "the scale has no end",
        ".clamp(max=self.config.max_scale)",
        "",
        "the_scale_starts_at_one_by_the_temperature_and_is_clamped",
    ),
    _model(
        "the end of a name counts as a word",
        "words = ids >= self.config.special",
        "words = ids >= self.config.special - 1",
        "a_bag_of_words_knows_no_order_and_no_marks",
    ),
    _vit(
        "the embeddings are not normalised before the layers",
        "norm(d_model) if config.embedding_norm else nn.Identity()",
        "nn.Identity() if config.embedding_norm else nn.Identity()",
        "published_weights_compute_the_same",
    ),
    _published(
        "old files end a text at id 2",
        'end = published["vocab_size"] - 1',
        "end = 2",
        "published_weights_compute_the_same",
    ),
    _recall(
        "equal scores count for the right one",
        "return before + (ties + 1) // 2",
        "return before",
        "the_same_score_for_all_is_neither_best_nor_worst",
    ),
    _icons(
        "a name whose words stand in another order elsewhere may be held out",
        "if len(name) < 2 or same[name] > 1 or any(",
        "if len(name) < 2 or any(",
        "a_name_with_the_same_words_as_another_is_not_held_out",
    ),
    _icons(
        "words that are held out are not taken off the count",
        "        left.subtract(name)\n",
        "",
        "held_out_names_are_new_combinations_of_known_words",
    ),
    _icons(
        "a trial may see the test",
        "        icons = icons[kept]\n",
        "",
        "choices_are_made_without_the_test",
    ),
    _sounds(
        "high tones stand at the bottom",
        "shade.flip(0)[None]",
        "shade[None]",
        "a_tone_is_a_line_and_higher_tones_stand_higher",
    ),
    _sounds(
        "loud sounds are brighter",
        "(energy / loudest)",
        "energy",
        "loudness_and_length_change_little",
    ),
    _recipe(
        "names of the test are not among all names",
        "torch.cat([straight, pictures",
        "torch.cat([straight[:, :0], pictures",
        "it_asks_among_the_names_of_the_test_and_then_among_all",
    ),
    _finder(
        "the special ids' vectors travel, and words are shifted",
        "table[len(table) - count :]",
        "table[:count]",
        "it_carries_weights_icons_and_names",
    ),
    _finder(
        "the second pixel of a byte comes first",
        "(high * 16 + low)",
        "(low * 16 + high)",
        "pixels_travel_in_sixteen_shades",
    ),
    _page(
        "vectors are not brought to length 1",
        "return vector.map((value) => value / length);",
        "return vector;",
        "it_computes_in_the_page_what_torch_computes",
    ),
    _terms(
        "a minus holds for all words behind it",
        "    if (/[a-z0-9]/.test(part)) sign = 1;\n",
        "",
        "words_are_read_with_their_signs",
    ),
    _drawing(
        "a square's side, not its area, is the cosine",
        ".sqrt().item()",
        ".item()",
        "a_square_is_as_large_as_its_cosine",
    ),
]
