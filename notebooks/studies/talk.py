"""What SmolLM2 answers, right and with four bugs, token by token: writes talk.json beside it.

python notebooks/studies/talk.py
"""

import json
import subprocess
from pathlib import Path

import torch

from transformer_lib.chat import MEMBER
from transformer_lib.data import archives
from transformer_lib.layers.cache import KVCache
from transformer_lib.layers.positions import Rotary
from transformer_lib.pretrained.gguf import GGUF
from transformer_lib.pretrained.llama import load_llama
from transformer_lib.pretrained.tokens import END, chat_text, gguf_tokenizer

QUESTIONS = ["What is the capital of France?", "What is a sonnet?", "Name three animals."]
LENGTH, RIVALS = 24, 5


def pairs(rows):
    """Rows in the order of llama.cpp: feature i beside i + 32."""
    return rows.unflatten(0, (-1, 2, 32)).transpose(1, 2).flatten(0, 2)


@torch.no_grad()
def set_bug(model, bug, undo=False):
    """Put one bug into a model, or take it out again."""
    for layer in model.stack.layers:
        attention, gate_up = layer.self_attention, layer.feed_forward.linear1.weight
        if bug == "rows of queries and keys left in llama.cpp's order":
            for weight in (attention.q_proj.weight, attention.k_proj.weight):
                turn = weight.unflatten(0, (-1, 32, 2)).transpose(1, 2).flatten(0, 2)
                weight.copy_(turn if undo else pairs(weight))
        elif bug == "rotary base 10,000 for 100,000":
            attention.rotary = Rotary(64, base=1e5 if undo else 1e4)
        elif bug == "gate and up changed places":
            gate_up.copy_(gate_up.roll(1536, 0))


@torch.inference_mode()
def answer(model, tokenizer, text):
    """The tokens of an answer, each with its likeliest rivals, and the prompt's logits."""
    ids, cache, said = torch.tensor([tokenizer.encode(text).ids]), KVCache(), []
    logits = first = model(ids, cache=cache)[0]
    for _ in range(LENGTH):
        p, best = logits[-1].softmax(-1).topk(RIVALS)
        words = [tokenizer.decode([i], skip_special_tokens=False) for i in best.tolist()]
        said.append([[w, round(x, 3)] for w, x in zip(words, p.tolist(), strict=True)])
        if best[0] == model.eos_id:
            break
        logits = model(best[None, :1], cache=cache)[0]
    return said, first


def main():
    """Ask everything of every model."""
    file = GGUF(archives.read("smollm2", MEMBER))
    model, tokenizer = load_llama(file), gguf_tokenizer(file.settings)
    texts = [chat_text([{"role": "user", "content": q}]) for q in QUESTIONS]
    texts = [text.partition(f"{END}\n")[2] for text in texts]  # without the system message
    right = [answer(model, tokenizer, text) for text in texts]
    talks = {"as published": {"difference": 0.0, "answers": [said for said, _ in right]}}
    for bug in (
        "rows of queries and keys left in llama.cpp's order",
        "rotary base 10,000 for 100,000",
        "gate and up changed places",
    ):
        set_bug(model, bug)
        wrong = [answer(model, tokenizer, text) for text in texts]
        set_bug(model, bug, undo=True)
        gap = max((a[1] - b[1]).abs().max().item() for a, b in zip(right, wrong, strict=True))
        talks[bug] = {"difference": round(gap, 2), "answers": [said for said, _ in wrong]}
    bare = [answer(model, tokenizer, q)[0] for q in QUESTIONS]
    talks["no chat template"] = {"difference": None, "answers": bare}
    assert torch.equal(answer(model, tokenizer, texts[0])[1], right[0][1]), "all bugs are undone"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    cpu = "AVX-512" if torch.cpu.get_capabilities().get("avx512_f") else "other"
    about = {"command": "make study-talk", "commit": commit.stdout.strip(), "cpu": cpu}
    found = {"about": about, "questions": QUESTIONS, "talks": talks}
    target = Path(__file__).with_suffix(".json")
    target.write_text(json.dumps(found, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
