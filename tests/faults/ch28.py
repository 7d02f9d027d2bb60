"""Chapter 28: files, splits, tables, candidates, the card, and what is drawn and judged."""

from faults.fault import faults_of

_files = faults_of("learning/files.py", "test_learning.py")
_labels = faults_of("learning/labels.py", "test_learning.py")
_pictures = faults_of("learning/picture_files.py", "test_learning.py")
_split = faults_of("learning/split.py", "test_learning.py")
_tables = faults_of("learning/tables.py", "test_learning.py")
_tokens = faults_of("learning/tokens.py", "test_learning.py")
_card = faults_of("learning/card.py", "test_learning.py")
_learn = faults_of("learning/learn.py", "test_learning.py")
_fitting = faults_of("learning/fitting.py", "test_learning.py")
_search = faults_of("learning/search.py", "test_learning.py")
_contest = faults_of("show/contest.py", "test_contest.py")
_judge = faults_of("show/line_judge.py", "test_line_judge.py")

NOTED = "what_is_changed_in_reading_is_noted"
ONE_SIDE = "copies_of_a_row_stand_on_one_side"
OF_SCIKIT = "logistic_regression_is_that_of_scikit_learn"
EACH = "each_kind_is_learnt_saved_loaded_and_repeated_bit_by_bit"
PIECES = "words_where_they_come_again_and_characters_where_not"

FAULTS = [
    _files(
        "the mark in front stays in the first column's name",
        'text = text.removeprefix("\\ufeff")',
        "text = text",
        NOTED,
    ),
    _files(
        "the line of a foreign byte is counted from 0",
        'content.count(b"\\n", 0, error.start) + 1',
        'content.count(b"\\n", 0, error.start)',
        "a_bad_file_is_refused_in_one_line",
    ),
    _files(
        "everyone's limit of csv stays changed",
        "csv.field_size_limit(usual)",
        "pass",
        "a_long_row_leaves_the_limit_of_csv_as_it_was",
    ),
    _files(
        "of a text that is too long its end is read",
        "text = text[:MOST_CHARACTERS]",
        "text = text[1 - MOST_CHARACTERS :]",
        "of_a_text_that_is_too_long_the_beginning_is_read",
    ),
    _labels(
        "labels that differ in case stay apart",
        'spellings.setdefault(" ".join(label.split()).casefold(), Counter())',
        'spellings.setdefault(" ".join(label.split()), Counter())',
        NOTED,
    ),
    _pictures(
        "a single grey picture makes all grey",
        'mode = "L" if grey == len(opened) else "RGB"',
        'mode = "L" if grey else "RGB"',
        "grey_and_colour_and_sizes_are_brought_together_and_said",
    ),
    _split(
        "capitals tell copies apart",
        '" ".join(source.split()).casefold()',
        '" ".join(source.split())',
        ONE_SIDE,
    ),
    _split(
        "every copy counts, also the first",
        "duplicates=len(data.sources) - len(groups)",
        "duplicates=len(data.sources)",
        ONE_SIDE,
    ),
    _tables(
        "the count of a word does not go through the logarithm",
        "weights = (1 + counts.float().log()) * self.idf[places]",
        "weights = counts.float() * self.idf[places]",
        "tfidf_is_that_of_scikit_learn",
    ),
    _tables(
        "the texts are not smoothed by one",
        "((1 + len(texts)) / (1 + counts.float()))",
        "(len(texts) / counts.float())",
        OF_SCIKIT,
    ),
    _tables(
        "the price of large weights is ten times too high",
        "weight.square().sum() / 20",
        "weight.square().sum() / 2",
        OF_SCIKIT,
    ),
    _tables(
        "a sum of n-grams that were never seen counts as the last one",
        "known = self.grams[places] == grams",
        "known = self.grams[places] >= 0",
        "tfidf_is_of_length_one_and_ignores_unseen_grams",
    ),
    _tokens(
        "words keep their capitals",
        "_WORD.findall(text.lower())",
        "_WORD.findall(text)",
        PIECES,
    ),
    _tokens(
        "what stands behind the end is said too",
        "ids = ids[: ids.index(EOS)] if EOS in ids else ids",
        "ids = list(ids)",
        PIECES,
    ),
    _card(
        "one standard error is called enough",
        "2 * (2 * p * (1 - p) / rows) ** 0.5",
        "(2 * p * (1 - p) / rows) ** 0.5",
        "a_gap_that_may_be_chance_is_called_so",
    ),
    _learn(
        "the worst on dev answers",
        "= min(dev, key=dev.get)",
        "= max(dev, key=dev.get)",
        EACH,
    ),
    _learn(
        "a file is written over without a word",
        "if os.path.exists(file) and not force:",
        "if os.path.exists(file) and force is None:",
        EACH,
    ),
    _fitting(
        "the weights depend on what was drawn before",
        "    torch.manual_seed(0)\n",
        "    torch.rand(1)\n",
        "minutes_become_steps_that_repeat_the_run",
    ),
    _learn(
        "what is drawn in looking at the file moves the weights",
        "    torch.manual_seed(0)\n    learned",
        "    learned",
        "what_is_drawn_while_a_file_is_looked_at_changes_no_weight",
    ),
    _search(
        "pictures are called in the order of the file, not of the shelf",
        "[path_of[id(picture)] for picture in _all_pictures(split)]",
        "list(path_of.values())",
        "pictures_are_found_by_the_words_of_their_captions",
    ),
    _contest(
        "the longest bar is the test part's",
        'max(about["dev"].values())',
        'max(about["test"].values())',
        "a_bar_is_as_long_as_its_score_and_the_winners_is_coloured",
    ),
    _contest(
        "the parts are drawn alike",
        "width = (WIDTH - 8) * size / sum(parts.values())",
        "width = (WIDTH - 8) / len(parts)",
        "parts_share_the_width_as_they_share_the_rows",
    ),
    _judge(
        "a word twice counts twice",
        "(1 + math.log(count))",
        "count",
        "it_is_logistic_regression_on_single_words",
    ),
]
