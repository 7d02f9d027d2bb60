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
# Whole sentences, as readers type them: the page that answers, and where it matters the place.
SENTENCES = {
    "loss does not go down at all": "book/symptoms#nothing-moves",
    "why is my model repeating itself": "book/symptoms#it-answers-strangely",
    "attention weights do not sum to one": "01_attention#a-soft-look-up-by-hand",
    "training loss is nan": "book/symptoms#it-breaks",
    "how do I mask padding": "05_encoder#padding-changes-nothing",
    "why do we divide by the square root of d": "01_attention#why-divide-by-d",
    "what is the difference between encoder and decoder": "07_transformer",
    "my validation loss goes up while training loss goes down": "book/symptoms#too-good",
    "how much memory does attention need for long texts": "23_memory",
    "how do I load pretrained weights from hugging face": "27_pretrained",
    "the model always predicts the same word": "book/symptoms#it-answers-strangely",
    "how long should the warm-up be": "04_blocks",
    "gradients explode after a few steps": "09_recurrent",
    "how do I choose the learning rate": "07_transformer",
    "how does the decoder not see the future": "01_attention#masks-who-may-look-at-whom",
    "how many parameters does a transformer have": "07_transformer#million-counted",
    "how to train on my own text": "28_own_data",
    "why is generation so slow without a cache": "08_decoding",
    "how can I see what each head looks at": "02_multi_head",
}
TYPED = "atention"  # codespell:ignore
# Typing errors, and what the page asks whether it was meant.
MISTYPED = {
    TYPED: "attention",
    "transfomer": "transformer",  # codespell:ignore
    "positonal encoding": "positional encoding",  # codespell:ignore
    "perplexty": "perplexity",
    "encoder decodr": "encoder decoder",
    "sofmax": "softmax",
    "cross entrophy": "cross entropy",  # codespell:ignore
    "gradiant clipping": "gradient clipping",  # codespell:ignore
    "mutli head attention": "multi head attention",  # codespell:ignore
    "beem search": "beam search",
    "tokenzier": "tokenizer",
    "learing rate": "learning rate",
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

    ask.near = lambda words: tab.evaluate("words => nearest(words)?.[1] ?? null", words)
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


@pytest.mark.parametrize("words", SENTENCES)
def test_a_sentence_leads_to_the_page_that_answers(search, words):
    assert search(words)[0][0].removeprefix("notebooks/").startswith(SENTENCES[words])


@pytest.mark.parametrize("words", ["layernorm", "embeding", "drop out"])  # codespell:ignore
def test_spellings_that_need_no_question(search, words):
    assert search(words)


@pytest.mark.parametrize("words", MISTYPED)
def test_a_typing_error_is_answered_with_the_nearest_words(search, words):
    assert search.near(words) == MISTYPED[words]


@pytest.mark.parametrize("words", ["softmax", "layer norm", "atten", "zzzzzzzz", "the", ""])
def test_what_is_found_or_is_near_nothing_is_not_mended(search, words):
    assert search.near(words) is None


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_the_nearest_words_are_a_link_that_is_heard_and_reached_by_keys(open_page, scheme):
    tab = open_page(f"search.html?q={TYPED}", scheme)
    asked = tab.get_by_role("status").filter(has_text="Did you mean")
    said = f"Nothing holds “{TYPED}”. Did you mean attention?"
    assert asked.inner_text() == said
    tab.locator(".bd-search-container input").focus()
    tab.keyboard.press("Tab")  # what comes next
    assert tab.evaluate("document.activeElement.textContent") == "attention"
    tab.keyboard.press("Enter")
    tab.wait_for_url(lambda address: address.endswith("?q=attention"))
    tab.locator("#search-results li a").first.wait_for()
    assert "Did you mean" not in tab.locator("#search-results").inner_text()
    assert tab.errors == []
    tab.close()


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
