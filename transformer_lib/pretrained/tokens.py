"""The words of a published model, and how it is spoken to: from text to ids and back."""

from collections.abc import Mapping, Sequence

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from transformer_lib import checks
from transformer_lib.pretrained.table import check_known

SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
START, END = "<|im_start|>", "<|im_end|>"  # of a message
_CONTROL = 3  # the type of a token that no text holds


def gguf_tokenizer(settings: Mapping) -> Tokenizer:
    """The tokenizer that a GGUF file of SmolLM2 holds: byte pairs, each digit alone.

    Args:
        settings: of the file.

    Raises:
        ValueError: if they describe another kind of tokenizer.
    """
    check_known(settings, {"tokenizer.ggml.model": ["gpt2"], "tokenizer.ggml.pre": ["smollm"]})
    words, merges, types = (
        settings[f"tokenizer.ggml.{name}"] for name in ("tokens", "merges", "token_type")
    )
    pairs = [tuple(merge.split(" ")) for merge in merges]
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [word for word, kind in zip(words, types, strict=True) if kind == _CONTROL]
    )
    return tokenizer


def chat_text(messages: Sequence[Mapping[str, str]]) -> str:
    """Write a conversation as the model was taught to read it, up to where it is to answer.

    Each message stands between its marks; in front is a system message, the model's own where none
    is given.

    Args:
        messages: each with "role" ("system", "user" or "assistant") and "content".

    Raises:
        ValueError: if they are not such messages.

    Source: `tokenizer.chat_template` in the file, which says the same in Jinja.
    """
    checks.several(messages=messages)
    for i, message in enumerate(messages):
        checks.mapping(**{f"messages[{i}]": message})
        checks.one_of(("system", "user", "assistant"), role=message.get("role"))
        checks.string(content=message.get("content"))
    if messages and messages[0]["role"] != "system":
        messages = [{"role": "system", "content": SYSTEM}, *messages]
    said = "".join(f"{START}{m['role']}\n{m['content']}{END}\n" for m in messages)
    return f"{said}{START}assistant\n"
