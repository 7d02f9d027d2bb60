"""The models in the page: their numbers are PyTorch's, and the reader can work with them.

The arithmetic is called in a bare page; the widgets stand in a small page of their own, read from
its folder, with the weights that ship with the package where these are whole.
"""

import base64
import json
import re
from copy import deepcopy
from dataclasses import asdict, replace

import nbformat
import pytest
import torch
from conftest import PAGES, ROOT, SITE, settle
from small_page import write_page
from test_pages import search_for_barriers
from toys import unpacked

from transformer_lib.data.images import load_mnist_5k
from transformer_lib.data.text import load_king_james
from transformer_lib.layers.masks import causal_mask, sliding_window_mask
from transformer_lib.layers.patches import patchify, unpatchify
from transformer_lib.measure.maps import attention_rollout, collect_attention
from transformer_lib.models.detection import DETR, DETRConfig
from transformer_lib.models.gpt import GPT, GPTConfig
from transformer_lib.models.vit import ViT, ViTConfig
from transformer_lib.recipes import digits_vit, verses_gpt
from transformer_lib.show.detector_checks import checked_detector
from transformer_lib.show.icon_finder import IconFinder
from transformer_lib.show.machine import Machine
from transformer_lib.show.page_models import DigitFinder, DigitReader, TextWriter
from transformer_lib.show.quantize import pack, unpack
from transformer_lib.show.scene_painter import ScenePainter
from transformer_lib.show.translator import Translator
from transformer_lib.show.word_finder import WordFinder
from transformer_lib.show.word_striker import WordStriker
from transformer_lib.weights import load

LENGTH = 150  # characters that the writer of the small page writes
PROMPTS = ["A", "And it came to pass", "In the beginning God created the heaven and the earth.\n"]


def carried(page: str) -> list[dict]:
    """What the widgets of a page carry, with the names of their files."""
    text = (SITE / page).read_text(encoding="utf-8")
    return [json.loads(unpacked(packed)) for packed in re.findall(r'tlToy\("(.*?)"', text)]


def weights(page: str) -> list[str]:
    """The names of the files of weights; a second widget may take the first one's."""
    buffers = [buffer for widget in carried(page) for buffer in widget["buffers"]]
    return [b["file"] for b in buffers if b["path"] == ["data"] and "file" in b]


WITH_MODELS = [page for page in PAGES if weights(page)]


# --- the arithmetic, beside PyTorch's ------------------------------------------------------------


@pytest.fixture(scope="module")
def engine(browser, tmp_path_factory):
    """A bare page that has the module's functions in `lib`, read from its folder."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "page.html").write_text("<!doctype html><title>Bare</title>", encoding="utf-8")
    tab = browser.new_page()
    tab.goto((folder / "page.html").as_uri())
    for widget in (TextWriter, DigitReader, DigitFinder):
        tab.evaluate(
            """async (source) => {
              const blob = new Blob([source], { type: "text/javascript" });
              const lib = await import(URL.createObjectURL(blob));
              window.lib = { ...window.lib, ...lib };
              window.load = (data, contents) => {
                const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
                const shifted = new Uint8Array(bytes.length + 3); // where no float may begin
                shifted.set(bytes, 3);
                return lib.unpack(new DataView(shifted.buffer, 3), contents);
              };
            }""",
            str(widget._esm),
        )
    yield tab
    tab.close()


def in_8_bits(model):
    """The model with the weights that the page will have, and these as the page takes them."""
    data, contents = pack(model.state_dict())
    model.load_state_dict(unpack(data, contents), strict=False)
    return model.eval(), [base64.b64encode(data).decode(), contents]


def redrawn(model):
    """The model with every parameter drawn anew, so that none is zero and none is one."""
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        gain = "norm" in name and name.endswith("weight")
        torch.nn.init.normal_(parameter, mean=float(gain), std=0.3)
    return model


def gpt(**changes):
    small = GPTConfig(
        11,
        max_len=40,
        d_model=24,
        num_heads=3,
        num_layers=3,
        d_ff=52,
        positions="rotary",
        norm="rms",
        activation="relu2",
        bias=False,
    )
    return redrawn(GPT(replace(small, **changes)))


GPTS = {
    "modern": {},
    "untied, with biases": {"tie": False, "bias": True},
    "like GPT-2": {
        "positions": "learned",
        "norm": "layer",
        "activation": "gelu_tanh",
        "bias": True,
    },
    "LayerNorm without bias, GELU": {"norm": "layer", "activation": "gelu"},
    "ReLU": {"activation": "relu", "max_len": None},
}
STEPS = """([weights, config, tokens]) => {
  const w = load(...weights), cache = [];
  return tokens.map((token) => {
    const { logits, attention } = lib.gptStep(w, config, token, cache);
    return { logits: [...logits], attention: attention.map((l) => l.map((h) => [...h])) };
  });
}"""


def same(theirs, ours, atol=1e-3):
    theirs = torch.tensor(theirs, dtype=torch.float32)
    torch.testing.assert_close(theirs, ours.float(), atol=atol, rtol=0)


@pytest.mark.parametrize("changes", GPTS.values(), ids=GPTS)
def test_gpt_computes_in_the_page_what_torch_computes(engine, changes):
    model, weights = in_8_bits(gpt(**changes))
    tokens = torch.randint(11, (1, 40))
    with torch.no_grad(), collect_attention(model) as maps:
        logits = model(tokens)[0]
    assert logits.std() > 0.5
    steps = engine.evaluate(STEPS, [weights, asdict(model.config), tokens[0].tolist()])
    same([step["logits"] for step in steps], logits)
    for layer, expected in enumerate(maps.values()):
        for t in (0, 7, 39):
            same(steps[t]["attention"][layer], expected[0, :, t, : t + 1], atol=1e-4)


def test_gpt_looks_no_further_back_than_its_window(engine):
    model, weights = in_8_bits(gpt(max_len=None))
    tokens = torch.randint(11, (1, 30))
    mask = causal_mask(30) & sliding_window_mask(30, window=8)
    with torch.no_grad():
        logits = model.logits(model.stack(model.embedding(tokens), mask=mask))[0]
        assert (logits - model(tokens)[0])[8:].abs().max() > 0.1  # the window matters
    config = asdict(model.config) | {"max_len": 8}
    steps = engine.evaluate(STEPS, [weights, config, tokens[0].tolist()])
    same([step["logits"] for step in steps], logits)
    assert [len(step["attention"][0][0]) for step in steps] == [*range(1, 8), *[8] * 23]


@pytest.mark.parametrize("positions", ["rotary", "learned"])
def test_a_reader_of_tokens_remembers_only_what_still_stands(engine, positions):
    model, weights = in_8_bits(gpt(positions=positions))
    texts = [[1, 2, 3, 4], [1, 2, 3, 4, 5, 6], [1, 2, 9], [7], [7, 2, 3], []]
    for text, logits in zip(
        texts,
        engine.evaluate(
            """([weights, config, texts]) => {
              const read = lib.reader(load(...weights), config);
              return texts.map((text) => read(text).map(({ logits }) => [...logits]));
            }""",
            [weights, asdict(model.config), texts],
        ),
        strict=True,
    ):
        assert len(logits) == len(text)
        if text:
            same(logits, model(torch.tensor([text]))[0].detach())


def test_random_numbers_are_even_and_the_same_for_the_same_seed(engine):
    script = "seed => { const next = lib.randomNumbers(seed); return [...Array(5000)].map(next) }"
    one, again, two = (torch.tensor(engine.evaluate(script, seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, two)
    counts = torch.histc(one, 10, 0, 1)
    assert one.min() >= 0
    assert one.max() < 1
    assert 400 < counts.min() <= counts.max() < 600  # 500 each, standard deviation 21


VITS = {
    "class token": {},
    "mean": {"pooling": "mean"},
    "patches of 4": {"patch_size": 4},
    "no positions": {"positions": "none", "pooling": "mean", "activation": "relu"},
}


def vit(**changes):
    small = ViTConfig(
        28, 7, in_channels=1, num_classes=10, d_model=24, num_heads=3, num_layers=3, d_ff=40
    )
    return redrawn(ViT(replace(small, **changes)))


FORWARD = """([weights, config, image]) => {
  config = { norm: "layer", ...config };
  const { logits, attention } = lib.vitForward(load(...weights), config, Float32Array.from(image));
  const plain = (x) => (typeof x === "number" ? x : [...x].map(plain));
  return [plain(logits), plain(attention), plain(lib.rollout(attention))];
}"""


@pytest.mark.parametrize("changes", VITS.values(), ids=VITS)
def test_vit_computes_in_the_page_what_torch_computes(engine, changes):
    model, weights = in_8_bits(vit(**changes))
    image = torch.rand(1, 1, 28, 28)
    with torch.no_grad(), collect_attention(model) as maps:
        expected = model(image)[0]
    arguments = [weights, asdict(model.config), image.flatten().tolist()]
    logits, attention, rolled = engine.evaluate(FORWARD, arguments)
    same(logits, expected)
    for ours, theirs in zip(maps.values(), attention, strict=True):
        same(theirs, ours[0].transpose(0, 1), atol=1e-4)  # [query][head][key]
    same(rolled, attention_rollout(maps)[0], atol=1e-4)


DETRS = {
    "one step from the anchors": {},
    "refined, with a class token": {"refine": True, "base": 0.1, "pooling": "class"},
    "no positions in the eyes": {"positions": "none", "num_decoder_layers": 3},
    "classes one by one": {"no_object": False},
}


def detr(pooling="mean", positions="learned", **changes):
    eyes = ViTConfig(28, 7, 1, 10, 24, 3, 2, 40, pooling=pooling, positions=positions)
    small = DETRConfig(
        4, num_queries=9, d_model=16, num_heads=2, num_encoder_layers=0, num_decoder_layers=2,
        d_ff=20, dropout=0.0, queries="anchors", norm_first=True,
    )  # fmt: skip
    return redrawn(DETR(replace(small, **changes), ViT(eyes)))


DETECT = """([weights, config, image]) => {
  const plain = (x) => (typeof x === "number" ? x : [...x].map(plain));
  return lib.detect(load(...weights), config, Float32Array.from(image))
    .map(({ logits, boxes, attention }) =>
      [logits, logits.map((x) => lib.classChances(x, config)), boxes, attention].map(plain));
}"""


@pytest.mark.parametrize("changes", DETRS.values(), ids=DETRS)
def test_a_detector_computes_in_the_page_what_torch_computes(engine, changes):
    model, weights = in_8_bits(detr(**changes))
    image = torch.rand(1, 1, 28, 28)
    with torch.no_grad(), collect_attention(model) as maps:
        expected = model(image)
    config = checked_detector(asdict(model.config), asdict(model.backbone.config))
    layers = engine.evaluate(DETECT, [weights, config, image.flatten().tolist()])
    for n, ((logits, chances, boxes, looked), guess) in enumerate(
        zip(layers, expected, strict=True)
    ):
        same(logits, guess.logits[0])
        same(chances, model.probabilities(guess.logits)[0], atol=1e-4)
        same(boxes, guess.boxes[0], atol=1e-4)
        same(looked, maps[f"decoder.{n}.cross_attention"][0].transpose(0, 1), atol=1e-4)


# --- a drawing becomes a picture -----------------------------------------------------------------

CENTRE = """([ink, size, name]) => [...lib[name](Float32Array.from(ink), size, 28)]"""


def centred(engine, ink, name="centre"):
    picture = engine.evaluate(CENTRE, [ink.flatten().tolist(), len(ink), name])
    return torch.tensor(picture).view(28, 28)


def middle(picture):
    """Centre of mass, in pixels from the top left."""
    places = torch.arange(len(picture)) + 0.5
    rows, columns = (picture.sum(dim=axis) / picture.sum() for axis in (1, 0))
    return torch.stack([rows @ places, columns @ places])


@pytest.mark.parametrize(("top", "left", "high", "wide"), [(10, 20, 200, 60), (150, 200, 90, 70)])
def test_a_drawing_is_scaled_to_20_pixels_and_its_mass_put_in_the_middle(
    engine, top, left, high, wide
):
    ink = torch.zeros(280, 280)
    ink[top : top + high, left : left + 10] = 1  # an L: its mass is not the middle of its box
    ink[top + high - 10 : top + high, left : left + wide] = 1
    picture = centred(engine, ink)
    same(middle(picture).tolist(), torch.tensor([14.5, 14.5]), atol=0.15)
    rows = (picture.amax(dim=1) > 0.05).nonzero().flatten()
    assert 20 <= rows[-1] - rows[0] + 1 <= 21
    same(picture.sum().item(), ink.sum() * (20 / high) ** 2, atol=2.0)  # no ink is lost


def test_the_digits_of_training_stand_as_drawings_are_put(engine):
    """Train and test alike: digits enlarged and moved come back as they were."""
    digits = load_mnist_5k(seed=0).train.images[:40, 0]
    alike = []
    for digit in digits[::8]:
        big = digit.repeat_interleave(7, 0).repeat_interleave(7, 1)  # 196 points, anywhere
        ink = torch.zeros(280, 280)
        ink[70:266, 10:206] = big
        back = centred(engine, ink)
        alike.append(torch.corrcoef(torch.stack([back.flatten(), digit.flatten()]))[0, 1])
    assert min(alike) > 0.9
    assert sum(alike) / len(alike) > 0.96
    middles = torch.stack([middle(digit) for digit in digits])
    assert middles.floor().unique().tolist() == [14]  # they were moved by whole pixels


def test_nothing_drawn_is_nothing(engine):
    assert centred(engine, torch.zeros(280, 280)).abs().max() == 0
    dot = torch.zeros(280, 280)
    dot[5:25, 5:25] = 1
    assert 10 < centred(engine, dot).sum() < 150  # a dot, not a block
    assert centred(engine, dot, "shrink")[:4, :4].sum() == pytest.approx(4, abs=0.1)


# --- the widgets ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def text():
    return load_king_james()


@pytest.fixture(scope="module")
def trained_gpt(text):
    return in_8_bits(load("verses_gpt"))[0]


@pytest.fixture(scope="module")
def trained_vit():
    return in_8_bits(load("digits_vit"))[0]


@pytest.fixture(scope="module")
def digits():
    """One of each digit of the test set."""
    test = load_mnist_5k(seed=digits_vit.SEED).test
    return test[torch.tensor([(test.labels == k).nonzero()[3] for k in range(10)])]


ORDER = [(5 * i + 3) % 16 for i in range(16)]  # in which the reader of digits mixes patches


@pytest.fixture(scope="module")
def small_page(text, trained_gpt, trained_vit, digits, tmp_path_factory):
    """The address of a page with both widgets, on the disk."""
    writer = TextWriter(
        asdict(trained_gpt.config) | {"max_len": verses_gpt.WINDOW},
        trained_gpt.state_dict(),
        text.characters.symbols,
        prompt="And it came to pass",
        caption="Press Write.",
        length=LENGTH,
    )
    reader = DigitReader(
        asdict(trained_vit.config),
        trained_vit.state_dict(),
        digits.images,
        digits.labels.tolist(),
        caption="Draw a digit.",
        order=ORDER,
    )
    return write_page(tmp_path_factory.mktemp("small"), writer, reader)


@pytest.fixture
def open_small(browser, small_page):
    """`open_small(width, touch)`: the small page from its folder; it must ask for nothing."""
    opened = []

    def visit(width=1000, touch=False):
        tab = browser.new_page(viewport={"width": width, "height": 900}, has_touch=touch)
        tab.errors, tab.outside = [], []
        tab.on("pageerror", lambda error: tab.errors.append(str(error)))
        tab.on("console", lambda m: tab.errors.append(m.text) if m.type == "error" else None)
        home = (small_page.removesuffix("page.html"), "blob:", "data:")
        tab.on(
            "request", lambda r: tab.outside.append(r.url) if not r.url.startswith(home) else None
        )
        tab.goto(small_page)
        settle(tab)
        tab.locator(".tlp").nth(1).wait_for()
        tab.writer, tab.reader = tab.locator(".tlp").all()
        opened.append(tab)
        return tab

    yield visit
    for tab in opened:
        assert (tab.errors, tab.outside) == ([], [])
        tab.close()


@pytest.fixture
def tab_of_models(open_small):
    return open_small()


def press(widget, name):
    widget.get_by_role("button", name=name, exact=True).click()


def finish(writer):
    """Let it write to the end at full speed; return the text."""
    writer.get_by_role("radio", name="full speed").check()
    press(writer, "Start over")
    press(writer, "Write")
    return written(writer)


def written(writer):
    """The text, once it stands."""
    writer.locator(".main", has_text="Stop").wait_for()
    writer.locator(".main", has_text="Write").wait_for(timeout=120_000)
    return writer.locator(".tlp-page").text_content()


def test_the_committed_models_compute_in_the_page_what_torch_computes(
    engine, text, trained_gpt, trained_vit, digits
):
    _, weights = in_8_bits(trained_gpt)
    for prompt in [*PROMPTS, text.dev[:150]]:
        tokens = text.characters.encode(prompt)
        steps = engine.evaluate(STEPS, [weights, asdict(trained_gpt.config), tokens.tolist()])
        with torch.no_grad():
            same([step["logits"] for step in steps], trained_gpt(tokens[None])[0])
    _, weights = in_8_bits(trained_vit)
    for image in digits.images[:3]:
        arguments = [weights, asdict(trained_vit.config), image.flatten().tolist()]
        with torch.no_grad():
            same(engine.evaluate(FORWARD, arguments)[0], trained_vit(image[None])[0])


@pytest.mark.parametrize("model", ["trained_gpt", "trained_vit"])
def test_a_model_of_the_page_is_smaller_than_a_megabyte(request, model):
    data, _ = pack(request.getfixturevalue(model).state_dict())
    assert len(data) <= 1e6


def test_it_writes_and_the_same_seed_writes_the_same(tab_of_models):
    writer = tab_of_models.writer
    one = finish(writer)
    assert one.startswith("And it came to pass")
    assert len(one) == 19 + LENGTH
    assert finish(writer) == one
    press(writer, "⚄ New dice")
    two = written(writer)
    assert two[:19] == one[:19]
    assert two != one
    assert writer.locator("input[type=number]").input_value() == "2"
    writer.locator("input[type=number]").fill("1")
    assert finish(writer) == one
    assert writer.locator(".tlp-aloud").text_content() == one  # what a screen reader reads
    assert "a second" in writer.locator(".tlp-speed").text_content()


def test_another_temperature_writes_anew_from_the_pressed_character(tab_of_models):
    writer = tab_of_models.writer
    page, temperature = writer.locator(".tlp-page"), writer.get_by_label("Temperature")
    one = finish(writer)
    page.locator("span").nth(30).click()
    temperature.fill("0.1")
    two = written(writer)
    assert (two[:31], len(two)) == (one[:31], len(one))
    assert two != one
    assert writer.locator(".tlp-said").text_content().startswith("Character 31,")
    temperature.fill("0.8")
    assert written(writer) == one  # the same dice
    writer.get_by_label("Look from").press("End")
    temperature.fill("0.1")
    assert written(writer)[:19] == one[:19]
    assert page.text_content()[19:31] != one[19:31]


def test_it_stops_and_goes_on_where_it_was(tab_of_models):
    writer = tab_of_models.writer
    whole = finish(writer)
    writer.get_by_role("radio", name="slow").check()
    press(writer, "Start over")
    press(writer, "Write")
    page, main = writer.locator(".tlp-page"), writer.locator(".main")
    tab_of_models.wait_for_function("p => p.textContent.length > 21", arg=page.element_handle())
    main.click()
    assert main.text_content() == "Go on"
    part = page.text_content()
    assert whole.startswith(part)
    assert 21 < len(part) < len(whole)
    tab_of_models.wait_for_timeout(300)
    assert page.text_content() == part
    press(writer, "Step")
    assert page.text_content() == whole[: len(part) + 1]
    writer.get_by_role("radio", name="quick").check()
    main.click()
    tab_of_models.wait_for_function(
        "([p, n]) => p.textContent.length > n", arg=[page.element_handle(), len(part) + 5]
    )
    main.click()
    assert whole.startswith(page.text_content())


def test_enter_begins_and_the_prompt_is_what_it_goes_on_from(tab_of_models):
    writer = tab_of_models.writer
    prompt = writer.get_by_label("It begins with")
    prompt.fill("The LORD is my")
    page, main = writer.locator(".tlp-page"), writer.locator(".main")
    assert page.text_content() == "The LORD is my"
    press(writer, "Step")
    assert main.text_content() == "Go on"
    assert writer.locator(".tlp-aloud").text_content() == page.text_content()
    prompt.fill("The LORD is")
    assert (page.text_content(), main.text_content()) == ("The LORD is", "Write")
    assert writer.locator(".tlp-aloud").text_content() == "The LORD is"
    prompt.fill("The LORD is my")
    prompt.press("Enter")
    tab_of_models.wait_for_function("p => p.textContent.length > 20", arg=page.element_handle())
    assert page.text_content().startswith("The LORD is my")
    assert page.locator(".given").count() == 14


def test_a_character_that_it_does_not_know_is_named(tab_of_models, text):
    writer = tab_of_models.writer
    prompt, problem = writer.get_by_label("It begins with"), writer.get_by_role("alert")
    assert problem.text_content() == ""
    prompt.fill("Café 7")
    assert "never seen “é” (character 4)" in problem.text_content()
    for symbol in text.characters.symbols.replace("\n", "↵").replace(" ", "␣"):
        assert symbol in problem.text_content().split("knows")[1]
    assert prompt.get_attribute("aria-invalid") == "true"
    for name in ("Write", "Step", "Start over", "⚄ New dice"):
        assert writer.get_by_role("button", name=name, exact=True).is_disabled()
    prompt.press("Enter")
    tab_of_models.wait_for_timeout(100)
    assert writer.locator(".tlp-page").text_content() == ""
    prompt.fill("")
    assert "at least one character" in problem.text_content()
    prompt.fill("Cafe")
    assert problem.text_content() == ""
    assert writer.get_by_role("button", name="Write").is_enabled()


def shown(writer):
    """The five bars: names and numbers, as they are read."""
    lines = writer.locator(".tlp-bars li")
    return [tuple(line.locator("span").all_text_contents()[::2]) for line in lines.all()]


def test_the_bars_are_the_probabilities_of_the_next_character(tab_of_models, text, trained_gpt):
    writer = tab_of_models.writer
    writer.get_by_label("It begins with").fill(PROMPTS[1])
    with torch.no_grad():
        logits = trained_gpt(text.characters.encode(PROMPTS[1])[None])[0, -1]
    for temperature in ("0.8", "2", "0.3"):
        writer.get_by_label("Temperature").fill(temperature)
        chances = (logits / float(temperature)).softmax(dim=-1)
        best, ids = chances.topk(5)
        names = [{" ": "␣", "\n": "↵"}.get(c, c) for c in text.characters.decode(ids)]
        for (name, number), value, expected in zip(shown(writer), best, names, strict=True):
            assert float(number) == pytest.approx(value.item(), abs=0.0051)
            assert name == expected or value < 0.01  # ties may fall either way


def weights_of(writer):
    return writer.locator(".tlp-page span").evaluate_all(
        "all => all.map(s => Number(s.style.getPropertyValue('--weight')))"
    )


def test_the_shading_is_the_attention_of_the_chosen_head(tab_of_models, text, trained_gpt):
    writer = tab_of_models.writer
    prompt = PROMPTS[1]
    with torch.no_grad(), collect_attention(trained_gpt) as maps:
        trained_gpt(text.characters.encode(prompt)[None])
    for layer, head in ((0, 0), (1, 2), (3, 4)):
        name = f"head {head}" if head else "mean of its heads"
        writer.get_by_role("radio", name=f"Layer {layer + 1}, {name}").check()
        expected = list(maps.values())[layer][0, :, -1]
        expected = expected[head - 1] if head else expected.mean(dim=0)
        same(weights_of(writer), expected / expected.max(), atol=0.021)
        strongest = expected.argmax().item()
        name = prompt[strongest].replace(" ", "␣")
        assert (
            f"looks at “{name}” {expected.max():.2f}" in writer.locator(".tlp-said").text_content()
        )


def test_the_reader_looks_back_by_key_and_by_pointer(tab_of_models):
    writer = tab_of_models.writer
    said, slider = writer.locator(".tlp-said"), writer.get_by_label("Look from")
    slider.focus()
    tab_of_models.keyboard.press("Home")
    assert said.text_content().startswith("Character 1, “A”, looks at “A” 1.00 (itself).")
    tab_of_models.keyboard.press("ArrowRight")
    assert said.text_content().startswith("Character 2, “n”")
    assert slider.get_attribute("aria-valuetext") == "character 2, “n”"
    assert sum(weights_of(writer)[2:]) == 0  # nothing later is seen
    writer.locator(".tlp-page span").nth(5).hover()
    assert said.text_content().startswith("Character 6, “t”")
    press(writer, "Step")
    assert said.text_content().startswith("Character 20")
    slider.focus()
    tab_of_models.keyboard.press("ArrowLeft")
    assert "was drawn, with probability 0." in said.text_content()
    assert writer.locator(".tlp-bars .marked").count() <= 1


# Digits as one would draw them: strokes of points, from 0 to 1 across the pad.
STROKES = {
    "1": [[(0.5, 0.15), (0.5, 0.85)]],
    "7": [[(0.3, 0.2), (0.7, 0.2), (0.45, 0.85)]],
    "4": [[(0.4, 0.15), (0.28, 0.55), (0.72, 0.55)], [(0.62, 0.3), (0.6, 0.88)]],
    "3": [
        [(0.3, 0.2), (0.5, 0.13), (0.66, 0.22), (0.64, 0.38), (0.48, 0.47)],
        [(0.48, 0.47), (0.68, 0.56), (0.7, 0.75), (0.5, 0.87), (0.3, 0.8)],
    ],
}


def reading(reader):
    """What it says, once it has read."""
    reader.page.wait_for_timeout(150)
    return reader.locator(".tlp-said").text_content()


@pytest.mark.parametrize("digit", STROKES)
def test_a_digit_drawn_with_the_mouse_is_read(tab_of_models, digit):
    reader, mouse = tab_of_models.reader, tab_of_models.mouse
    press(reader, "Clear")
    assert reading(reader).startswith("Draw a digit")
    pad = reader.locator(".tlp-pad canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    for stroke in STROKES[digit]:
        for i, (x, y) in enumerate(stroke):
            mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
            if i == 0:
                mouse.down()
        mouse.up()
    assert reading(reader).startswith(f"It reads {digit} ")
    mouse.move(box["x"] + 9, box["y"] + 9, steps=3)  # not pressed: nothing is drawn
    assert reading(reader).startswith(f"It reads {digit} ")


def test_a_digit_drawn_with_a_finger_is_read_and_the_page_stays(open_small):
    tab = open_small(390, touch=True)
    reader, touch = tab.reader, tab.context.new_cdp_session(tab)
    press(reader, "Clear")
    pad = reader.locator(".tlp-pad canvas")
    pad.evaluate("p => p.scrollIntoView({ block: 'center' })")
    before, box = tab.evaluate("scrollY"), pad.bounding_box()

    def send(kind, *points):
        at = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    (x, top), (_, bottom) = STROKES["1"][0]
    send("touchStart", (x, top))
    for i in range(1, 11):
        send("touchMove", (x, top + i * (bottom - top) / 10))
    send("touchEnd")
    assert reading(reader).startswith("It reads 1 ")
    assert tab.evaluate("scrollY") == before


def test_digits_of_the_test_set_are_read_as_torch_reads_them(tab_of_models, trained_vit, digits):
    reader = tab_of_models.reader
    with torch.no_grad():
        chances = trained_vit(digits.images).softmax(dim=-1)
    for i, label in enumerate(digits.labels.tolist()):
        button = reader.get_by_role("button", name=f"Test digit {i + 1}: {label}")
        button.focus()
        tab_of_models.keyboard.press("Enter")
        assert reading(reader).startswith(f"It reads {chances[i].argmax()} ")
        numbers = [float(n) for n in reader.locator(".number").all_text_contents()]
        same(numbers, chances[i], atol=0.0051)
        marked = reader.locator(".marked .name").text_content()
        assert int(marked) == chances[i].argmax()


def test_the_patches_show_where_it_looks(tab_of_models, trained_vit, digits):
    reader = tab_of_models.reader
    reader.get_by_role("button", name="Test digit 3: 2").click()
    with torch.no_grad(), collect_attention(trained_vit) as maps:
        trained_vit(digits.images[2:3])
    own = trained_vit.config.pooling == "class"  # the class token looks, at itself too

    def check(weights):
        reading(reader)
        row = weights[0, 1:] if own else weights.mean(dim=0)
        shown = reader.locator(".tlp-patches span").evaluate_all(
            "all => all.map(s => Number(s.style.getPropertyValue('--weight')))"
        )
        same(shown, row / row.max(), atol=0.01)

    check(attention_rollout(maps)[0])
    layers, heads = (reader.get_by_role("group", name=name) for name in ("Layer", "Head"))
    assert heads.get_by_role("radio").first.is_disabled()  # rollout takes the mean
    layers.get_by_role("radio").nth(1).check()
    check(list(maps.values())[1][0].mean(dim=0))
    heads.get_by_role("radio").nth(2).check()
    check(list(maps.values())[1][0, 1])


def test_a_drawing_that_is_not_centred_is_another_picture(tab_of_models):
    reader, mouse = tab_of_models.reader, tab_of_models.mouse
    press(reader, "Clear")
    pad = reader.locator(".tlp-pad canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    mouse.move(box["x"] + 20, box["y"] + 20)
    mouse.down()
    mouse.move(box["x"] + 20, box["y"] + 80, steps=5)
    mouse.up()

    def filled():
        reading(reader)
        return reader.locator(".tlp-patches canvas").evaluate_all(
            "all => all.map(c => c.getContext('2d').getImageData(0, 0, c.width, c.height)"
            ".data.some(v => v > 0))"
        )

    centred = filled()
    reader.get_by_label("scale and centre, as in training").uncheck()
    corner = filled()
    assert corner[0]
    assert not centred[0]
    assert sum(corner) < sum(centred)


def test_mixed_patches_are_read_once_the_positions_are_mixed_too(
    tab_of_models, trained_vit, digits
):
    """The page computes what torch does with the mixed picture, and with mixed positions."""
    reader = tab_of_models.reader
    reader.get_by_role("button", name="Test digit 5: 4").click()
    whole = digits.images[4:5]
    mixed = unpatchify(patchify(whole, 7)[:, ORDER], 7, 4)
    moved = deepcopy(trained_vit)
    with torch.no_grad():
        moved.positions.table.weight.copy_(moved.positions.table.weight[ORDER])
        expected = [trained_vit(mixed), moved(mixed), moved(whole), trained_vit(whole)]
    patches = reader.get_by_label("mix the patches")
    positions = reader.get_by_label("mix the positions, too")
    for tick, logits in zip([patches, positions] * 2, expected, strict=True):
        tick.click()
        numbers = [float(n) for n in reader.locator(".number").all_text_contents()]
        same(numbers, logits[0].softmax(dim=-1), atol=0.0051)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1000])
def test_axe_finds_no_barrier_in_the_models(open_small, theme, width):
    tab = open_small(width)
    press(tab.writer, "Step")
    search_for_barriers(tab, theme)
    tab.writer.get_by_label("It begins with").fill("€")
    search_for_barriers(tab, theme)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_what_has_the_focus_is_seen(tab_of_models):
    """Every control in turn, by the tab key alone, and each with an outline."""
    tab_of_models.writer.get_by_label("It begins with").focus()
    seen = []
    for _ in range(40):
        seen.append(
            tab_of_models.evaluate(
                """() => {
                  const one = document.activeElement;
                  if (!one.closest(".tlp")) return null;
                  const both = [one.nextElementSibling, one.parentElement];
                  const rings = one.type === "radio" ? both : [one];
                  const drawn = rings.map((ring) => getComputedStyle(ring).outlineStyle);
                  return [one.type || one.role, drawn.find((style) => style !== "none") ?? "none"];
                }"""
            )
        )
        tab_of_models.keyboard.press("Tab")
    seen = [one for one in seen if one]
    assert {"text", "button", "number", "range", "radio", "region", "checkbox"} <= {
        kind for kind, _ in seen
    }
    assert {outline for _, outline in seen} == {"solid"}


@pytest.fixture
def finder(browser, tmp_path, digits):
    """A page with a finder that is made to see all: three digits in the scene, two beside it."""
    model = detr(positions="none")
    with torch.no_grad():
        model.class_head.bias[-1] -= 9.0  # every query names an object
    places = [(8, 9), (20, 10), (12, 20), None, None]
    widget = DigitFinder(
        asdict(model.config),
        asdict(model.backbone.config),
        model.state_dict(),
        digits.images[:5],
        [0, 1, 2, 3, 3],
        places,
        noise=0.2,
        caption="Drag a digit.",
    )
    tab = browser.new_page(viewport={"width": 700, "height": 900})
    tab.errors = []
    tab.on("pageerror", lambda error: tab.errors.append(str(error)))
    tab.goto(write_page(tmp_path, widget))
    yield tab.locator(".tlp")
    assert tab.errors == []
    tab.close()


def test_a_digit_is_dragged_and_moved_by_keys(finder):
    grip = finder.locator(".tlp-grip").first
    assert grip.get_attribute("aria-label").startswith("Digit 0, 8 from the left, 9 from the top")
    box, pixel = grip.bounding_box(), finder.locator(".tlp-scene").bounding_box()["width"] / 28
    mouse = finder.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2 + 4 * pixel, box["y"] + box["height"] / 2 + 3 * pixel)
    mouse.up()
    assert "of 9 name no digit" in reading(finder)
    assert "Digit 0, 12 from the left, 12 from the top" in grip.get_attribute("aria-label")
    grip.press("ArrowRight")
    grip.press("ArrowUp")
    reading(finder)
    assert "Digit 0, 14 from the left, 10 from the top" in grip.get_attribute("aria-label")


def test_digits_are_put_in_and_taken_out_and_boxes_shown_after_every_layer(finder):
    marks = finder.locator("svg g rect")
    assert marks.count() == 9
    after = [marks.nth(0).get_attribute("width")]
    for name in ("layer 1", "anchors"):
        finder.get_by_role("radio", name=name).check(force=True)
        after.append(marks.nth(0).get_attribute("width"))
    assert len(set(after)) == 3
    last = finder.locator(".tlp-sample").last
    assert last.get_attribute("aria-pressed") == "false"
    assert finder.locator(".tlp-grip:visible").count() == 3
    last.click()
    reading(finder)
    assert last.get_attribute("aria-pressed") == "true"
    assert finder.locator(".tlp-grip:visible").count() == 4


@pytest.mark.parametrize("page", WITH_MODELS)
def test_the_models_of_the_book_run_from_a_file(open_page, page):
    tab = open_page(page, "file")
    models = tab.locator(".tlp").all()
    assert models
    for model in models:
        if model.get_attribute("aria-label") == "Text writer":
            before = model.locator(".tlp-page").text_content()
            press(model, "Step")
            after = model.locator(".tlp-page").text_content()
            assert (after[:-1], len(after)) == (before, len(before) + 1)
        elif model.get_attribute("aria-label") == "Digit finder":
            assert reading(model).endswith("of 16 name no digit.")
        elif model.get_attribute("aria-label") == "Digit reader":
            model.locator(".tlp-sample").last.click()
            assert reading(model).startswith("It reads ")
        elif model.get_attribute("aria-label") == "Words to strike out":
            word, said = model.locator(".tlp-strike button").last, model.locator(".tlp-said")
            weighed = model.locator(".tlp-speed").get_by_text("ms")
            weighed.wait_for()
            before = said.text_content()
            word.click()
            assert word.get_attribute("aria-pressed") == "true"
            weighed.wait_for()
            assert said.text_content() != before
            press(model, "All words back")
            weighed.wait_for()
            assert said.text_content() == before
            model.locator("input").fill("good " * 45)
            said.get_by_text("It reads the first 40 words.").wait_for()
    assert (tab.errors, tab.failed, tab.outside) == ([], [], [])
    tab.close()


@pytest.mark.parametrize("page", WITH_MODELS)
def test_a_page_carries_its_model_once(page):
    (name,) = weights(page)
    script = SITE / f"_static/weights/{name}.js"
    assert script.stat().st_size <= 2.2e6  # the encoder of chapter 11 is the largest


def test_notebooks_hold_the_scripts_as_they_are_now():
    """A notebook carries a copy of the script; one that was not executed again has an old one."""
    kinds = (
        *(TextWriter, DigitReader, DigitFinder, Machine, ScenePainter),
        *(WordFinder, IconFinder, WordStriker, Translator),
    )
    current = {str(kind._esm) for kind in kinds}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for kept in nbformat.read(path, as_version=4).metadata.get("widgets", {}).values():
            for state in kept["state"].values():
                script = state["state"].get("_esm", "")
                assert "gptStep" not in script or script in current, f"run {path.stem} again"
