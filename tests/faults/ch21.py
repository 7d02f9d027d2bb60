"""Chapter 21: two words on a ruler, four terms and a shift that are drawn, and the exercises."""

from faults.fault import faults_of

_ruler = faults_of("show/ruler.py", "test_ruler.py")
_drawn = faults_of("show/distances.py", "test_distances.py")
_asked = faults_of("exercises/chapter_21.py", "test_exercises_21.py")

BARS = "a_bar_is_a_score_of_the_query_and_none_stands_ahead_of_it"
SUM = "four_tables_add_up_to_the_scores_and_the_weights_are_the_layers"
FOLLOWED = "every_number_is_followed_through_the_shift"
KNOWN = "an_answer_is_known_however_it_is_written"
TOLD = "an_unknown_mistake_is_told_a_property"

FAULTS = [
    _ruler(
        "ruler: bars stand ahead of the query",
        "if place <= self.query else 0.0",
        "if place < self.places else 0.0",
        BARS,
    ),
    _ruler(
        "ruler: the scores are read with key and query exchanged",
        "score = self.scores[name][self.query][place]",
        "score = self.scores[name][place][self.query]",
        BARS,
    ),
    _ruler(
        "ruler: a negative bar goes up",
        "zero - (high if score > 0 else 0)",
        "zero - high",
        BARS,
    ),
    _ruler(
        "ruler: all kinds share one scale",
        "high = abs(score) / self._peaks()[i] * HALF",
        "high = abs(score) / self._peaks()[0] * HALF",
        BARS,
    ),
    _ruler(
        "ruler: places are counted through",
        "str(n % (self.places // 2))",
        "str(n)",
        "words_stand_where_they_are_and_places_count_twice",
    ),
    _ruler(
        "ruler: a key ahead of the query is taken",
        "if not key <= query < self.places",
        "if not query < self.places",
        "what_does_not_fit_is_refused",
    ),
    _drawn(
        "four terms: u and v are exchanged",
        "(layer.content_bias, layer.position_bias)",
        "(layer.position_bias, layer.content_bias)",
        SUM,
    ),
    _drawn(
        "four terms: (d) is not shifted",
        "relative_shift(v @ r)",
        "(v @ r)[:, 1:]",
        SUM,
    ),
    _drawn(
        "four terms: any layer is drawn as if it were this one",
        "if not gap < _NEAR:",
        "if gap > 9:",
        "another_formula_is_not_drawn",
    ),
    _drawn(
        "shift: numbers are named by the wrong row's length",
        "divmod(n, k_len + 1)",
        "divmod(n, k_len)",
        FOLLOWED,
    ),
    _drawn(
        "shift: what lies ahead is not hatched",
        "causal_mask(q_len, k_len))",
        "causal_mask(k_len, k_len))",
        "what_lies_ahead_is_hatched",
    ),
    _asked(
        "chapter 21, exercise 1: the diagonal is counted",
        "return q_len * (q_len - 1) // 2",
        "return q_len * (q_len + 1) // 2",
        KNOWN,
    ),
    _asked(
        "chapter 21, exercise 2: garbage is taken for right",
        "return _visible(_by_key(scores, _distances(q_len, k_len)))",
        "return _by_key(scores, _distances(q_len, k_len))",
        KNOWN,
    ),
    _asked(
        "chapter 21, exercise 3: any content will do",
        "got = function(q, k, 0 * r, u, v)",
        "return True",
        TOLD,
    ),
]
