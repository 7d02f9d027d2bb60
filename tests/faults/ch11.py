"""Chapter 11: verses as words, hidden words, names, the exam, and the cloze in the page."""

from faults.fault import faults_of

_words = faults_of("data/verse_words.py", "test_data_verse_words.py")
_masking = faults_of("data/masking.py", "test_data_masking.py")
_hidden = faults_of("measure/hidden_words.py", "test_hidden_words.py")
_tagging = faults_of("measure/tagging.py", "test_tagging.py")
_finder = faults_of("show/word_finder.py", "test_word_finder.py")
_page = faults_of("show/static/bert.js", "test_word_finder.py")
_recipe = faults_of("recipes/verses_bert.py", "test_recipes_verses_bert.py")
_weights = faults_of("weights.py", "test_weights.py")

FAULTS = [
    # --- words and names
    _words(
        "a verse and its neighbour on two sides",
        "at = rank[verse.place[:2]]",
        "at = (rank[verse.place[:2]] + 0.37 * verse.place[2]) % 1",
        "every_verse_is_in_one_part_and_every_chapter_too",
    ),
    _words(
        "the vocabulary knows the test",
        "for verse in parts[0] for word",
        "for verse in verses for word",
        "the_vocabulary_is_of_the_training_part_and_of_what_stands_there_often",
    ),
    _words(
        "a capital after a full stop makes a name",
        "elif word[0].isupper() and before not in _BEGINS:",
        "elif word[0].isupper():",
        "a_name_has_a_capital_where_nothing_asks_for_one",
    ),
    _words(
        "the Lord's is a name",
        'word.removesuffix("’s") not in NOT_NAMES',
        "word not in NOT_NAMES",
        "the_words_of_god_are_no_names",
    ),
    _words(
        "what is unknown becomes padding",
        "word if word in known else UNKNOWN",
        "word if word in known else PAD",
        "what_the_vocabulary_lacks_is_unknown",
    ),
    # --- batches
    _masking(
        "the same words hidden in every epoch",
        "generator=random_numbers(self.seed, n))",
        "generator=random_numbers(self.seed, 0))",
        "what_is_hidden_is_another_thing_in_the_next_epoch",
    ),
    _masking(
        "rows of all lengths in a batch",
        "order[lengths.argsort(stable=True)].split",
        "order.split",
        "an_epoch_holds_each_row_once_beside_those_of_its_length",
    ),
    # --- the exam
    _hidden(
        "special tokens are asked for",
        "drawn & ~torch.isin(ids, never) & (ids != pad_id)",
        "drawn & (ids != pad_id)",
        "what_is_hidden_is_behind_the_mask_and_only_that",
    ),
    _hidden(
        "dropout during the exam",
        "    model.eval()\n",
        "    model.train()\n",
        "a_model_is_asked_at_the_hidden_places_in_their_order_and_stays_in_its_mode",
    ),
    _hidden(
        "the product forgets how frequent a word is",
        "n * before[w] / self.single[w]",
        "n * before[w]",
        "a_product_counts_each_side_and_divides_by_the_word",
    ),
    _hidden(
        "the table reads behind the mask",
        "ids = [EDGE, *seen[seen != pad_id].tolist(), EDGE]",
        "ids = [EDGE, *batch.ids[0][batch.ids[0] != pad_id].tolist(), EDGE, EDGE]",
        "a_table_sees_the_mask_not_the_word_behind_it",
    ),
    # --- names
    _tagging(
        "precision in place of F1",
        "max(1, (guessed.sum() + true.sum()).item())",
        "max(1, 2 * guessed.sum().item())",
        "f1_is_that_of_scikit_learn",
    ),
    _tagging(
        "recall of all in place of some",
        "there = true & among",
        "there = true",
        "recall_is_that_of_scikit_learn_on_those_that_are_looked_at",
    ),
    # --- the page
    _page(
        "the norm after the embedding forgotten",
        "norm(first, row(embedding.weight, id, config.d_model), config)",
        "row(embedding.weight, id, config.d_model)",
        "the_page_computes_what_pytorch_does",
    ),
    _page(
        "the bias of the words forgotten",
        "bias: weights.head_bias",
        "bias: null",
        "the_page_computes_what_pytorch_does",
    ),
    _finder(
        "a vocabulary of another length goes through",
        "check_words(words, weights, _SPECIAL)",
        "check_words(words, None, _SPECIAL)",
        "bad_input_is_refused",
    ),
    # --- recipe and file
    _recipe(
        "trained on dev too",
        "rows_of(data, data.train), hide",
        "rows_of(data, data.train + data.dev), hide",
        "only_the_training_part_is_trained_on_and_nothing_special_is_hidden",
    ),
    _weights(
        "a head is saved without what it stands on",
        "for name, part in given.items() if _is_ours(part)}",
        "for name, part in given.items() if not _is_ours(part)}",
        "a_head_comes_back_with_the_model_that_it_reads",
    ),
]
