"""Chapter 13: verses in pairs, pieces as ids, scores, the word table, the page's translator."""

from faults.fault import faults_of

_pairs = faults_of("data/translations.py", "test_data_translations.py")
_captions = faults_of("data/captions.py", "test_data_captions.py")
_subwords = faults_of("data/subwords.py", "test_translator.py")
_score = faults_of("measure/translation.py", "test_measure_translation.py")
_table = faults_of("measure/word_table.py", "test_word_table.py")
_recipe = faults_of("recipes/translation.py", "test_recipes_translation.py")
_widget = faults_of("show/translator.py", "test_translator.py")
_page = faults_of("show/static/translation.js", "test_translator.py")
_cutter = faults_of("show/static/subwords.js", "test_translator.py")
_lines = faults_of("show/alignment.py", "test_alignment.py")

FAULTS = [
    _pairs(
        "a leak needs half of the runs, not more",
        "if count > share * len(grams):",
        "if count >= share * len(grams):",
        "a_leak_is_more_than_half_of_the_runs_of_four_in_either_language",
    ),
    _pairs(
        "leaks in the source alone",
        "for side in (0, 1):",
        "for side in (0,):",
        "a_leak_is_more_than_half_of_the_runs_of_four_in_either_language",
    ),
    _pairs(
        "capitals hide a leak",
        "row = words(text.lower())",
        "row = words(text)",
        "a_leak_is_more_than_half_of_the_runs_of_four_in_either_language",
    ),
    _pairs(
        "a split by verse",
        "chapters = sorted({pair.verse[:2] for pair in pairs})",
        "chapters = sorted({pair.verse for pair in pairs})",
        "chapters_are_not_divided",
    ),
    _pairs(
        "the byte order mark stays",
        'text.removeprefix("\\ufeff")',
        "text",
        "what_editors_add_is_taken_away",
    ),
    _pairs(
        "Latin-1 is read as something",
        'text = text.decode("utf-8")',
        'text = text.decode("utf-8", "replace")',
        "what_is_no_text_is_refused",
    ),
    _subwords(
        "the first word is cut as if inside another",
        'self._pieces.encode(f" {text}")',
        "self._pieces.encode(text)",
        "subwords_are_pieces_behind_three_ids",
    ),
    _subwords(
        "what follows the end is read on",
        "ids = ids[: ids.index(self.eos_id)] if self.eos_id in ids else ids\n"
        "        return [self._pieces",
        "return [self._pieces",
        "subwords_are_pieces_behind_three_ids",
    ),
    _score(
        "references wrapped one by one",
        "one = bleu.corpus_score(list(written), [list(references)])",
        "one = bleu.corpus_score(list(written), [[text] for text in references])",
        "scores_are_those_of_sacrebleu",
    ),
    _score(
        "written and references swapped",
        "one = bleu.corpus_score(list(written), [list(references)])",
        "one = bleu.corpus_score(list(references), [list(written)])",
        "scores_are_those_of_sacrebleu",
    ),
    _table(
        "source words are shared out, not target words",
        "share = share / np.bincount(places, share)[places]",
        "share = share / np.bincount(kind, share)[kind]",
        "the_table_is_that_of_the_definition",
    ),
    _table(
        "nothing stands in no sentence",
        "([NOTHING, *WORDS.findall(pair[0])]",
        "(WORDS.findall(pair[0])",
        "the_table_is_that_of_the_definition",
    ),
    _table(
        "the counts are not divided",
        "p = counts / np.bincount(source, counts)[source]",
        "p = counts",
        "the_table_is_that_of_the_definition",
    ),
    _recipe(
        "sentences come back sorted by length",
        "return [found[i] for i in range(len(texts))]",
        "return [found[i] for i in order]",
        "sentences_come_back_in_their_order",
    ),
    _recipe(
        "the pieces know the test",
        "return Verses(pairs, learn_pieces(pairs.train, vocab_size))",
        "return Verses(pairs, learn_pieces(pairs.train + pairs.test, vocab_size))",
        "weights_in_the_package_translate",
    ),
    _page(
        "the embedding is not scaled",
        ".map((x) => x * Math.sqrt(config.d_model))",
        "",
        "the_page_computes_what_pytorch_does",
    ),
    _page(
        "places play a part across",
        'const across = { ...config, positions: "none" };',
        "const across = config;",
        "the_page_computes_what_pytorch_does",
    ),
    _cutter(
        "the high byte first",
        "numbers.getUint16(at, true)",
        "numbers.getUint16(at, false)",
        "the_page_cuts_as_python_does",
    ),
    _widget(
        "one merge too few is not noticed",
        "if len(merges) + 256 + _SPECIAL != size:",
        "if len(merges) + 256 + _SPECIAL > size:",
        "bad_input_is_refused",
    ),
    _lines(
        "reading and writing are exchanged",
        "M{LEFT} {_y(j)}L{RIGHT} {_y(i)}",
        "M{LEFT} {_y(i)}L{RIGHT} {_y(j)}",
        "a_line_for_each_look_that_counts",
    ),
    _captions(
        "dev is the test part",
        'PARTS = ("train", "val", "test_2016_flickr")',
        'PARTS = ("train", "test_2016_flickr", "test_2016_flickr")',
        "each_line_meets_the_same_line_of_the_other_language",
    ),
    _captions(
        "always from German to English",
        "for end in (source, target)",
        "for end in LANGUAGES",
        "each_line_meets_the_same_line_of_the_other_language",
    ),
    _captions(
        "a sign that ends lines elsewhere ends one here",
        r'text.rstrip("\n").split("\n")',
        "text.splitlines()",
        "each_line_meets_the_same_line_of_the_other_language",
    ),
    _captions(
        "a file that is too short is padded by silence",
        "zip(ones, others, strict=True)",
        "zip(ones, others, strict=False)",
        "languages_and_files_that_do_not_fit_are_refused",
    ),
    _recipe(
        "the trial on captions is measured on dev",
        'parts=("test",),',
        'parts=("dev",),',
        "the_trial_on_captions_measures_test_alone_and_writes_nothing",
    ),
    _table(
        "a search without a beam",
        "checks.at_least(1, num_beams=num_beams)",
        "pass",
        "what_a_search_cannot_use_is_refused",
    ),
]
