"""The parity ledger: how far each model is from the code that it is held against.

    agree("GPT-2", "transformers GPT2LMHeadModel", found, wanted, atol=1e-10)

asserts what `assert_close` does, and that the largest difference is within an order of the one in
parity.json. `make parity` measures anew and writes parity.json, and parity.md for the book.
"""

import json
import os
from pathlib import Path

import torch
from torch import Tensor
from torch.testing import assert_close

LEDGER = Path(__file__).with_suffix(".json")
PAGE = LEDGER.with_suffix(".md")
WRITES = "LEDGER"  # the variable that `make parity` sets to "write"
ORDER = 10.0  # other processors add up in another order

_seen: set[str] = set()


def agree(model: str, oracle: str, found: Tensor, wanted: Tensor, *, atol: float) -> None:
    """Assert that two results agree, and that they still do as well as the ledger says."""
    assert_close(found, wanted, rtol=0, atol=atol)
    dtype = str(found.dtype).removeprefix("torch.")
    difference = (found - wanted).abs().max().item()
    scale = wanted.std().item()
    key = f"{model} | {oracle} | {dtype}"
    if os.environ.get(WRITES) == "write":
        _write(key, difference, scale)
        return
    line = read()[key]
    least = torch.finfo(found.dtype).eps * max(1.0, wanted.abs().max().item())
    allowed = ORDER * max(line["difference"], least)
    assert difference <= allowed, (
        f"{key}: {difference:.1e}, the ledger says {line['difference']:.1e}"
    )


def read() -> dict[str, dict]:
    """The ledger: a line for each model, its oracle and its type."""
    return json.loads(LEDGER.read_text(encoding="utf-8")) if LEDGER.exists() else {}


def _write(key: str, difference: float, scale: float) -> None:
    """Keep the largest difference of this run."""
    ledger = read()
    before = ledger[key]["difference"] if key in _seen else 0.0
    test = os.environ["PYTEST_CURRENT_TEST"].partition("[")[0].partition(" ")[0]
    if key not in _seen or difference > before:
        line = {
            "difference": float(f"{max(before, difference):.1e}"),
            "scale": float(f"{scale:.2g}"),
        }
        ledger[key] = line | {"test": test}
    _seen.add(key)
    text = json.dumps(dict(sorted(ledger.items())), indent=1, ensure_ascii=False) + "\n"
    LEDGER.write_text(text, encoding="utf-8")
    PAGE.write_text(table(ledger), encoding="utf-8")


def table(ledger: dict[str, dict]) -> str:
    """The ledger as the book shows it."""
    rows = [
        "| model | held against | type | largest difference | spread of the numbers | test |",
        "|---|---|---|---:|---:|---|",
    ]
    for key, line in sorted(ledger.items()):
        model, oracle, dtype = key.split(" | ")
        difference = f"{line['difference']:.1e}" if line["difference"] else "0"
        numbers = f"{difference} | {line['scale']:.2g}"
        test = line["test"].removeprefix("tests/").partition("::")[0]
        rows.append(f"| {model} | `{oracle}` | {dtype} | {numbers} | `{test}` |")
    return "\n".join(rows) + "\n"
