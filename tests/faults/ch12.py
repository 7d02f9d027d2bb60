"""Chapter 12: rated sentences, intervals and paired tests, reasons, and words struck out."""

from faults.fault import faults_of

_ratings = faults_of("data/ratings.py", "test_data_ratings.py")
_accuracy = faults_of("measure/accuracy.py", "test_accuracy.py")
_reasons = faults_of("measure/reasons.py", "test_reasons.py")
_striker = faults_of("show/word_striker.py", "test_word_striker.py")
_page = faults_of("show/static/word_striker.js", "test_word_striker.py")

FAULTS = [
    # --- sentences
    _ratings(
        "a byte order mark is read as a line",
        'content.decode("utf-8-sig")',
        'content.decode("utf-8")',
        "every_form_of_the_file_is_read",
    ),
    _ratings(
        "lukewarm sentences are praise",
        "if abs(rating) > LUKEWARM and sentence:",
        "if abs(rating) >= LUKEWARM and sentence:",
        "every_form_of_the_file_is_read",
    ),
    _ratings(
        "a text may stand on both sides of a split",
        "found.setdefault(sentence, Rated(",
        "found.setdefault((sentence, number), Rated(",
        "every_form_of_the_file_is_read",
    ),
    _ratings(
        "the test is learnt from too",
        "return drawn[test:], drawn[:test]",
        "return drawn, drawn[:test]",
        "a_split_holds_each_sentence_once_and_hangs_on_the_seed",
    ),
    _ratings(
        "an apostrophe of print is no apostrophe",
        'replace("’", "\'")',
        'replace("’", " ")',
        "words",
    ),
    # --- how sure
    _accuracy(
        "an interval that shrinks to a point",
        'method="wilson"',
        'method="exact"',
        "the_interval_is_wilsons",
    ),
    _accuracy(
        "the confidence is ignored",
        "test.proportion_ci(confidence,",
        "test.proportion_ci(0.95,",
        "it_is_narrower_with_less_confidence",
    ),
    _accuracy(
        "questions that both get right count as evidence",
        "binomtest(one, one + two)",
        "binomtest(one, len(first))",
        "the_paired_test_counts_what_one_alone_gets_right",
    ),
    # --- reasons
    _reasons(
        "the score of the first class, whatever the answer is",
        "answer = int(model(ids)[0].argmax())",
        "answer = 0",
        "the_score_is_how_far_the_answer_is_ahead",
    ),
    _reasons(
        "the embedding stays replaced after an error",
        "        finally:\n            handle.remove()",
        "        except ZeroDivisionError:\n            handle.remove()",
        "the_embedding_is_itself_again_even_after_an_error",
    ),
    _reasons(
        "integrated gradients times the word, not its way",
        "return (slope * (vectors - baseline)).sum(dim=-1)",
        "return (slope * vectors).sum(dim=-1)",
        "a_linear_model_is_explained_by_its_products_in_every_way",
    ),
    _reasons(
        "the way begins at the baseline, not half a step after",
        "+ 0.5) / steps",
        ") / steps",
        "integrated_gradients_of_a_cubic_by_its_integral",
    ),
    _reasons(
        "the gradient stays in the parameters",
        "return torch.autograd.grad(value.sum(), vectors)[0]",
        "value.sum().backward()\n        return vectors.grad",
        "gradients_leave_the_parameters_alone",
    ),
    _reasons(
        "leaving out explains the last class",
        "answer = int(whole.argmax())",
        "answer = -1",
        "leaving_one_out_explains_the_answer_that_was_given",
    ),
    _reasons(
        "the words with the lowest scores are struck out",
        "score.argsort(descending=True, stable=True)",
        "score.argsort(stable=True)",
        "flips_by_hand",
    ),
    _reasons(
        "the ends of a row are struck out too",
        "[i for i in order if score[i] != -torch.inf]",
        "order",
        "what_must_stay_is_never_struck",
    ),
    # --- the page
    _page(
        "a word's absence is counted twice",
        "ids.filter((_, j) => j !== i)",
        "ids.filter((_, j) => j !== i && j !== i + 1)",
        "the_page_computes_what_pytorch_does",
    ),
    _page(
        "the page speaks of blame",
        "return softmax(logits)[1];",
        "return softmax(logits)[0];",
        "the_page_computes_what_pytorch_does",
    ),
    _striker(
        "words to strike out by a vocabulary of another length",
        "check_words(words, weights, _SPECIAL)",
        "check_words(words, None, _SPECIAL)",
        "bad_input_is_refused",
    ),
]
