"""What readers look for is found where it is derived, and its meaning comes second."""

import pytest

# What a reader types, and the page and the place that the first result leads to.
FOUND = {
    "softmax": "01_attention#a-soft-look-up-by-hand",
    "√d": "01_attention#why-divide-by-d",
    "temperature": "01_attention#temperature-the-same-knob-in-your-hand",
    "mask": "01_attention#masks-who-may-look-at-whom",
    "causal": "01_attention#masks-who-may-look-at-whom",
    "attention map": "02_multi_head#maps-from-the-real-pass-and-no-other",
    "dropout": "02_multi_head#dropout-not-every-head-may-count-on-every-key",
    "positional encoding": "03_positions#clocks",
    "rotary": "03_positions#rotary-turn-instead-of-add",
    "residual": "04_blocks#stack-them-and-all-words-become-one",
    "layer norm": "04_blocks#layernorm-by-hand",
    "warm-up": "04_blocks#twelve-layers-who-needs-the-warm-up",
    "padding": "05_encoder#padding-changes-nothing",
    "cross-attention": "06_decoder#the-third-part-of-the-layer",
    "teacher forcing": "06_decoder#teacher-forcing-all-next-letters-in-one-pass",
    "logits": "07_transformer#one-matrix-three-uses",
    "perplexity": "07_transformer#the-loss-and-its-three-readings",
    "learning rate": "07_transformer#the-learning-rate-from-step-1",
    "label smoothing": "07_transformer#which-optimizer-and-does-smoothing-help",
    "beam search": "08_decoding#beam-search-several-hypotheses-at-once",
    "top-p": "08_decoding#sampling-draw-the-next-token",
    "cache": "08_decoding#what-is-computed-again-and-again",
    "gradient clipping": "09_recurrent#why-it-forgets-the-gradient-is-a-product",
    "bits per character": "10_gpt#the-game-of-guessing",
    "n-gram": "10_gpt#longer-contexts-and-a-fair-way-to-be-ignorant",
    "patch": "14_vit#one-linear-map-makes-them-tokens",
    "weight decay": "14_vit#training",
    "memory": "20_recurrence#a-stack-with-a-memory",
    "Transformer-XL": "22_transformer_xl",
    "checkpointing": "23_memory#a-checkpoint-by-hand",
}
# What the glossary calls otherwise, or has not: other spellings, plurals, the words of other books.
ALSO = {
    "query key value": "01_attention#a-soft-look-up-by-hand",
    "multi-head attention": "02_multi_head#two-heads-one-product",
    "RoPE": "03_positions#rotary-turn-instead-of-add",
    "GELU": "04_blocks#the-block",
    "RMSNorm": "04_blocks#the-way-back-through-a-norm-and-rmsnorm",
    "vanishing gradients": "09_recurrent#why-it-forgets-the-gradient-is-a-product",
    "LSTM": "09_recurrent#the-lstm-a-sum-in-the-place-of-a-product",
    "BERT": "11_bert",
    "tokenizer": "13_translation#merges-by-hand",
    "BPE": "13_translation#merges-by-hand",
    "BLEU": "13_translation#bleu-in-twenty-lines",
    "vision transformer": "14_vit",
    "object detection": "15_detection",
    "IoU": "15_detection#how-alike-are-two-boxes",
    "CLIP": "17_clip",
    "contrastive loss": "17_clip#three-pictures-and-three-names-by-hand",
    "reinforcement learning": "18_decision_transformer",
    "flash attention": "23_memory#what-attention-keeps",
    "scaling laws": "25_scaling#what-will-it-reach",
    "Llama": "27_pretrained#a-llama-is-a-gpt",
    "Mamba": "26_which_attention#one-function-in-three-layers",
    "linear attention": "26_which_attention#one-function-in-three-layers",
    "GQA": "27_pretrained#not-one-line-changed",
    "fine-tuning": "12_sentiment#a-published-encoder",
    "embeddings": "05_encoder#words-times-d-model",
    "NaN": "book/symptoms#it-breaks",
    "cross entropy": "07_transformer#the-loss-and-its-three-readings",
    "backpropagation": "01_attention#the-gradient-by-hand",
    "logit lens": "through_the_machine#what-it-would-say-if-it-stopped-here",
    "interpretability": "12_sentiment#are-attention-weights-reasons",
    "feed forward": "04_blocks#the-block",
    "number of parameters": "07_transformer#million-counted",
    "seq2seq": "09_recurrent#read-all-then-write-one-vector-for-a-word",
    "Bahdanau": "09_recurrent#the-first-attention",
    "chatbot": "27_pretrained#it-talks",
    "out of memory": "23_memory#what-torch-keeps",
    "batch size": "25_scaling#the-mean-of-means",
    "mixed precision": "23_memory#fewer-bytes-or-elsewhere",
    "top k": "08_decoding#sampling-draw-the-next-token",
    "hyperparameters": "28_own_data#what-shall-i-turn",
    "word embeddings": "01_attention#a-sentence-that-looks-at-itself",
    "transfer learning": "12_sentiment#a-published-encoder",
    "loss function": "07_transformer#the-loss",
    "decoder-only": "10_gpt",
    "data augmentation": "14_vit#fewer-digits",
    "length normalization": "08_decoding#shorter-is-likelier",
    "offline RL": "18_decision_transformer",
    "loss does not go down": "book/symptoms#nothing-moves",
    "my model repeats itself": "book/symptoms#it-answers-strangely",
}


@pytest.fixture(scope="module")
def search(open_page):
    """`search(words)`: where the results lead, and what they say, the first one first."""
    tab = open_page("search.html?q=softmax")

    def ask(words):
        return tab.evaluate(
            """words => {
              const results = Search._performSearch(...Search._parseQuery(words)).reverse();
              return results.map(([page, title, anchor]) => [page + anchor, title]);
            }""",
            words,
        )

    yield ask
    tab.close()


@pytest.mark.parametrize("words", FOUND)
def test_search_leads_to_the_place_that_derives_it(search, words):
    (first, title), *others = search(words)
    assert first == f"notebooks/{FOUND[words]}"
    assert ("#" in first) == (" > " in title)  # a place is named by its heading
    assert any(place.startswith("book/glossary#term-") for place, _ in others[:4])


@pytest.mark.parametrize("words", ALSO)
def test_search_knows_other_words_for_it(search, words):
    assert search(words)[0][0].removeprefix("notebooks/") == ALSO[words]


def test_what_a_chapter_tells_comes_before_what_the_reference_lists(search):
    places = [place for place, _ in search("offline")]
    assert places
    told = [place.startswith("notebooks/") for place in places if "#" not in place]
    assert told == sorted(told, reverse=True)


def test_a_word_half_typed_finds_its_place(search):
    assert search("layer nor")[0][0] == "notebooks/04_blocks#layernorm-by-hand"


def test_of_two_equals_the_earlier_chapter_comes_first(search):
    recaps = [place for place, _ in search("recap") if place.endswith("#recap")]
    assert len(recaps) > 10  # each chapter has one
    assert recaps == sorted(recaps)


def test_results_that_are_seen_lead_to_the_same_place(open_page):
    tab = open_page("search.html?q=layer+norm")
    first = tab.locator("#search-results li a").first
    first.wait_for()
    assert first.get_attribute("href") == "notebooks/04_blocks.html#layernorm-by-hand"
    first.click()
    tab.wait_for_url("**/04_blocks.html*#layernorm-by-hand")
    assert tab.errors == []
    tab.close()


def test_an_excerpt_is_of_the_article_and_not_of_the_menu(open_page, site):
    tab = open_page("search.html?q=softmax")
    page = (site / "notebooks/01_attention.html").read_text(encoding="utf-8")
    text = tab.evaluate("page => Search.htmlToText(page)", page).strip()
    assert text.startswith("1 · ")
    place = tab.evaluate("page => Search.htmlToText(page, '#recap')", page).strip()
    assert place.startswith("Recap")
    tab.close()
