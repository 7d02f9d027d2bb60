"""The models in the page: how fast they are in a headless Chromium, beside PyTorch."""

import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import torch

from transformer_lib.data.text import load_king_james
from transformer_lib.generation import Sampler, generate
from transformer_lib.models.vit import ViT
from transformer_lib.recipes import verses_gpt
from transformer_lib.show.page_models import DigitReader, TextWriter
from transformer_lib.weights import load

sys.path.append(str(Path(__file__).parents[1] / "book"))

TITLE = "Models in the page, against PyTorch"
NOTE = (
    "The committed models, 8 bits a weight, in plain JavaScript on one thread of a headless "
    "Chromium; PyTorch with one thread too. `writes`: 400 characters behind a prompt of 19, from "
    "the press of the button to the last character, shading and bars drawn as it goes; "
    "`computes`: the model's own share of that. `reads`: one picture. Best of five."
)
HEAD = ("what", "page", "PyTorch")
PROMPT = "And it came to pass"


def rows(quick: bool):
    """Write and read in the page, then with PyTorch."""
    from playwright.sync_api import sync_playwright
    from small_page import write_page

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    text = load_king_james()
    gpt, vit = load("verses_gpt"), load("digits_vit")
    picture = torch.rand(1, 1, 28, 28)
    length, times = (20, 1) if quick else (400, 5)
    writer = TextWriter(
        asdict(gpt.config) | {"max_len": verses_gpt.WINDOW},
        gpt.state_dict(),
        text.characters.symbols,
        prompt=PROMPT,
        length=length,
    )
    reader = DigitReader(asdict(vit.config), vit.state_dict(), picture, [0])
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = os.environ.get("CHROME") or next(filter(None, map(shutil.which, names)), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page()
        tab.goto(write_page(Path(folder), writer, reader))
        tab.locator(".tlp").nth(1).wait_for()
        tab.get_by_role("radio", name="full speed").check()
        wrote = [tab.evaluate(WRITE) for _ in range(times)]
        read = min(tab.evaluate(READ, str(reader._esm)) for _ in range(times))
        browser.close()
    prompt = text.characters.encode(PROMPT)[None]
    torch_writes = min(
        _seconds(lambda: generate(gpt, prompt, max_new_tokens=length, choose=Sampler()))
        for _ in range(times)
    )
    torch_reads = min(_seconds(lambda: _read(vit, picture)) for _ in range(times))
    torch.set_num_threads(threads)
    a_second = f"{length / torch_writes:,.0f} characters a second"
    yield "writes", f"{length / min(s for s, _ in wrote):,.0f} characters a second", a_second
    yield "computes", f"{max(rate for _, rate in wrote):,.0f} characters a second", a_second
    yield "reads", f"{1000 * read:.1f} ms", f"{1000 * torch_reads:.1f} ms"


# Seconds from the button to the end, and the characters a second that the widget says.
WRITE = """async () => {
  const one = document.querySelector(".tlp"), main = one.querySelector(".main");
  [...one.querySelectorAll("button")].find((b) => b.textContent === "Start over").click();
  const start = performance.now();
  main.click();
  while (main.textContent === "Stop") await new Promise(requestAnimationFrame);
  const seconds = (performance.now() - start) / 1000;
  const said = one.querySelector(".tlp-speed").textContent;
  return [seconds, Number(said.match(/write (\\d+) a second/)[1])];
}"""
# Seconds for one picture, the least of ten.
READ = """async (source) => {
  const lib = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const state = JSON.parse(document.querySelector("script[type$='state+json']").textContent);
  const { state: model, buffers } = Object.values(state.state).find((w) => w.state.classes);
  const { data } = buffers.find((b) => b.path[0] === "data");
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  const weights = lib.unpack(new DataView(bytes.buffer), model.contents);
  const picture = Float32Array.from({ length: 784 }, () => Math.random());
  const once = () => {
    const start = performance.now();
    lib.vitForward(weights, model.config, picture);
    return performance.now() - start;
  };
  return Math.min(...Array.from({ length: 10 }, once)) / 1000;
}"""


@torch.no_grad()
def _read(vit: ViT, picture: torch.Tensor) -> torch.Tensor:
    return vit(picture)


def _seconds(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
