"""Through the machine: its arithmetic is PyTorch's, and the page says what the notebook printed."""

import re

import nbformat
import pytest
import torch
from conftest import ROOT, settle
from test_running_models import engine, gpt, in_8_bits, same  # noqa: F401 (engine is a fixture)

from transformer_lib.show.machine import Machine

PAGE = "notebooks/through_the_machine.html"
BOOK = ROOT / "notebooks/through_the_machine.ipynb"
PARTS = [f"{layer}.{part}" for layer in range(4) for part in (*range(4), "ff")]


@pytest.fixture(scope="module")
def hands(browser):
    """A bare page that has the functions of a pass that can be reached into."""
    tab = browser.new_page()
    tab.evaluate(
        """async (source) => {
          const blob = new Blob([source], { type: "text/javascript" });
          const lib = (window.lib = await import(URL.createObjectURL(blob)));
          window.load = (data, contents) =>
            lib.unpack(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)), contents);
        }""",
        str(Machine._esm),
    )
    yield tab
    tab.close()


def hooked(model, off=(), patch=None):
    """What torch makes of it: the logits of all places, and what every layer reads."""
    count, streams, hooks = model.config.num_heads, [], []
    for n, layer in enumerate(model.stack.layers):

        def read(module, args, n=n):
            x = args[0].clone()
            for (at, place), vector in (patch or {}).items():
                if at == n:
                    x[:, place] = vector
            streams.append(x[0])
            return (x, *args[1:])

        def heads(module, args, n=n):
            found = args[0].clone()
            for h in range(count):
                if f"{n}.{h}" in off:
                    found.unflatten(-1, (count, -1))[..., h, :] = 0
            return (found,)

        hooks += [
            layer.register_forward_pre_hook(read),
            layer.self_attention.out_proj.register_forward_pre_hook(heads),
        ]
        if f"{n}.ff" in off:
            hooks.append(layer.feed_forward.register_forward_hook(lambda m, a, out: 0 * out))
    return streams, hooks


RUN = """([weights, config, tokens, off, patch, known]) => {
  const w = load(...weights), put = new Map(patch.map(([k, v]) => [k, Float32Array.from(v)]));
  const hands = { off: new Set(off), patch: put };
  if (known !== null) Object.assign(hands, { known: lib.pass(w, config, tokens), from: known });
  const run = lib.pass(w, config, tokens, hands), at = tokens.length - 1;
  return {
    logits: run.streams.at(-1).map((x) => [...lib.reading(w, config, x)]),
    streams: run.streams.slice(0, -1).map((xs) => xs.map((x) => [...x])),
    shares: lib.shares(w, config, run, at, 3).map(([, share]) => share),
    hidden: [...lib.hidden(w, config, run, 1, at)],
  };
}"""


@pytest.mark.parametrize("off", [(), ("1.0",), ("0.2", "2.ff"), ("1.ff",)])
@pytest.mark.parametrize("place", [None, (1, 4), (2, 11)])
def test_a_pass_with_hands_in_it_is_torchs(hands, off, place):
    model, weights = in_8_bits(gpt())
    tokens = torch.randint(11, (1, 12))
    vector = torch.randn(model.config.d_model)
    patch = {} if place is None else {place: vector}
    streams, hooks = hooked(model, off, patch)
    units = []
    linear2 = model.stack.layers[1].feed_forward.linear2
    hooks.append(linear2.register_forward_pre_hook(lambda m, args: units.append(args[0][0, -1])))
    with torch.no_grad():
        logits = model(tokens)[0]
    for hook in hooks:
        hook.remove()
    known = place[0] if place and not off else None  # what stands before it is not run again
    told = [[f"{n}.{i}", v.tolist()] for (n, i), v in patch.items()]
    config = {name: getattr(model.config, name) for name in ("d_model", "num_heads", "num_layers")}
    config |= {"activation": "relu2", "norm": "rms", "positions": "rotary", "eps": model.config.eps}
    got = hands.evaluate(RUN, [weights, config, tokens[0].tolist(), list(off), told, known])
    same(got["logits"], logits)
    same(got["streams"], torch.stack(streams))
    same(got["hidden"], units[0])
    assert sum(got["shares"]) == pytest.approx((logits[-1, 3] - logits[-1].mean()).item(), abs=2e-3)


GROWN = """([weights, config, tokens, begin, off, patch]) => {
  const w = load(...weights), put = new Map(patch.map(([k, v]) => [k, Float32Array.from(v)]));
  const hands = { off: new Set(off), patch: put }, whole = lib.pass(w, config, tokens, hands);
  const kept = lib.pass(w, config, tokens.slice(0, begin), hands);
  const grown = lib.pass(w, config, tokens, { ...hands, kept });
  const all = (part) => part.flat(3).flatMap((x) => [...(x.length ? x : [x])]);
  const numbers = (run) => Object.values(run).map(all);
  return [numbers(whole), numbers(grown), grown.keys.every((l, n) => l[0] === kept.keys[n][0])];
}"""


@pytest.mark.parametrize("place", [None, (1, 4), (2, 11)])
def test_a_text_that_grows_is_read_as_if_anew_and_what_is_kept_is_not_computed_again(hands, place):
    model, weights = in_8_bits(gpt())
    tokens = torch.randint(11, (12,)).tolist()
    config = {name: getattr(model.config, name) for name in ("d_model", "num_heads", "num_layers")}
    config |= {"activation": "relu2", "norm": "rms", "positions": "rotary", "eps": model.config.eps}
    told = [] if place is None else [[f"{place[0]}.{place[1]}", [0.5] * model.config.d_model]]
    whole, grown, same_rows = hands.evaluate(GROWN, [weights, config, tokens, 9, ["0.2"], told])
    assert len(whole) == 7  # tokens, streams, middles, found, maps, keys, values
    assert whole == grown
    assert same_rows


# --- the page, beside what the notebook printed --------------------------------------------------


@pytest.fixture(scope="module")
def machine(open_page):
    """The page of the machine, with its examples as they stand at first."""
    tab = open_page(PAGE, "file")
    settle(tab)
    yield tab
    assert tab.errors == []
    tab.close()


def printed(word: str) -> str:
    """The output of the cell that has this word in it."""
    cells = [c for c in nbformat.read(BOOK, 4).cells if c.cell_type == "code" and word in c.source]
    return "".join(output.get("text", "") for output in cells[0].outputs)


def numbers(line: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?", line)]


def press(tab, part):
    tab.locator(f'.tower button[data-key="{part}"]').click()


def first_bar(tab) -> tuple[str, float]:
    line = tab.locator(".sight .tlp-bars li").first
    return line.locator(".name").inner_text(), float(line.locator(".number").inner_text())


def test_each_part_switched_off_leaves_what_the_notebook_printed(machine):
    table = [numbers(line)[1:] for line in printed("left = torch.zeros").splitlines()]
    expected = [p for row in table for p in row]
    for part, p in zip(PARTS, expected, strict=True):
        press(machine, part)
        bars = machine.locator(".sight .tlp-bars li")
        lines = [bars.nth(i).inner_text().split() for i in range(5)]
        shown = {name: float(number) for name, number in lines}
        assert shown.get("p", 0) == pytest.approx(p, abs=0.011 if "p" in shown else 0.08)
        press(machine, part)
    assert first_bar(machine)[0] == "p"


def test_the_places_and_the_shares_are_those_of_the_notebook(machine):
    machine.get_by_text("Try every place").click()
    machine.get_by_text("Per cent of").wait_for()
    lines = printed("def patched").splitlines()[1:]
    expected = [[*map(int, line.split()[3:])] for line in lines]
    for line, row in zip(machine.locator(".places tr").all()[1:], expected, strict=True):
        cells = [cell.inner_text() for cell in line.locator("button").all()]
        for cell, e in zip(cells, row, strict=True):
            got, near = (0, 10) if cell == "·" else (int(cell), 1)  # what is small is a point
            assert got == pytest.approx(e, abs=near)
    strongest = machine.locator(".sum .marked").all_inner_texts()
    shares = dict(" ".join(text.split()).rsplit(" ", 1) for text in strongest)
    for line in printed("def shares_of").splitlines()[:2]:
        name, share = line.rsplit(maxsplit=1)
        assert float(shares[name.strip()]) == pytest.approx(float(share), abs=0.11)


def test_the_tasks_see_that_they_are_solved(machine):
    assert machine.locator(".tasks .solved").count() == 0
    press(machine, "2.3")
    assert machine.locator(".tasks .solved").count() == 1
    machine.keyboard.press("Escape")
    assert machine.locator(".tasks .solved").count() == 0
    machine.get_by_role("button", name="Surely they wil …").click()
    machine.locator('.places button[data-key="2.10"]').click()
    assert machine.locator(".tasks .solved").count() == 1
    assert first_bar(machine)[0] == "t"
    machine.get_by_role("button", name="All on again").click()
    for part in PARTS[10:15]:
        press(machine, part)
    assert "Without layer 3 a letter costs" in machine.locator(".tasks").inner_text()
    assert machine.locator(".tasks .solved").count() == 1
    machine.get_by_role("button", name="All on again").click()


def test_keys_reach_every_head_and_a_letter_is_said(machine):
    machine.get_by_role("button", name="And it came to …").click()
    machine.locator('.tower button[data-key="0.0"]').focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight", "Enter"):
        machine.keyboard.press(key)
    assert machine.locator('.tower button[aria-pressed="true"]').get_attribute("data-key") == "2.3"
    assert "With layer 3 head 4 off" in machine.locator(".sight .tlp-said").inner_text()
    machine.keyboard.press("Escape")
    machine.get_by_role("button", name="Say a letter").click()
    assert machine.get_by_label("Text", exact=True).input_value() == "And it came to p"


def test_a_letter_that_it_never_saw_is_named(machine):
    text = machine.get_by_label("Text", exact=True)
    text.fill("And ü")
    assert "it has never seen “ü”" in machine.locator(".tlm .tlp-problem").inner_text()
    text.fill("And it came to ")
    assert machine.locator(".tlm .tlp-problem").inner_text() == ""
    assert first_bar(machine)[0] == "p"


def cached(tab) -> list[list[str]]:
    """Of each row of the cache, its cells' classes."""
    rows = tab.locator(".tlm table.arcs").last.locator("tr").all()[2:]
    return [[c.get_attribute("class") or "" for c in row.locator("td").all()] for row in rows]


def test_a_letter_that_is_said_fills_one_column_of_the_cache_and_reads_the_others(machine):
    machine.get_by_label("Text", exact=True).fill("Behold")
    machine.get_by_role("button", name="And it came to …").click()
    assert [row.count("anew") for row in cached(machine)] == [15] * 4
    assert "All 15 letters were read at once" in machine.locator(".tlm").inner_text()
    before = machine.locator(".sight .tlp-bars").inner_text()
    machine.get_by_role("button", name="Say a letter").click()
    assert [row[-1] for row in cached(machine)] == ["anew"] * 4
    assert [row.count("anew") for row in cached(machine)] == [1] * 4
    assert "Read in the last step: 1 of 16 letters" in machine.locator(".tlm").inner_text()
    grown = machine.locator(".sight .tlp-bars").inner_text()
    text = machine.get_by_label("Text", exact=True)
    text.fill("And it came to ")
    assert machine.locator(".sight .tlp-bars").inner_text() == before
    text.fill("Behold")
    text.fill("And it came to p")  # read from the first letter on, it says the same
    assert [row.count("anew") for row in cached(machine)] == [16] * 4
    assert machine.locator(".sight .tlp-bars").inner_text() == grown


def test_a_full_text_loses_its_first_letter_and_is_read_anew(machine):
    text, beside = machine.get_by_label("Text", exact=True), machine.get_by_label("Second text")
    for box in (text, beside):
        box.fill("And it came to pass in those days, that "[:40])
    machine.get_by_role("button", name="Say a letter").click()
    assert text.input_value().startswith("And it came"[1:])
    assert [row.count("anew") for row in cached(machine)] == [40] * 4
    machine.get_by_role("button", name="And it came to …").click()


def test_a_patch_stays_while_the_text_grows(machine):
    machine.locator('.places button[data-key="2.4"]').click()
    machine.get_by_role("button", name="Say a letter").click()
    pressed = machine.locator('.places button[aria-pressed="true"]')
    assert pressed.get_attribute("data-key") == "2.4"
    assert [row.count("anew") for row in cached(machine)] == [1] * 4
    machine.get_by_role("button", name="And it came to …").click()
    assert pressed.count() == 0


def test_the_arcs_are_those_of_the_head_that_is_pointed_at(machine):
    arcs = machine.locator(".tlm table.arcs").first
    last = "() => document.querySelector('.tlm table.arcs .asks')?.textContent === '␣'"
    machine.wait_for_function(last)  # the text of the test before may still be read
    found = []
    for part in ("2.3", "0.2"):
        machine.locator(f'.tower button[data-key="{part}"]').focus()
        drawn = arcs.locator("path")
        found.append(drawn.evaluate_all("all => all.map((p) => p.getAttribute('d'))"))
        assert arcs.locator(".asks").inner_text() == "␣"
        weights = drawn.evaluate_all(
            "all => all.map((p) => Number(p.style.getPropertyValue('--weight')))"
        )
        assert all(0.02 <= weight <= 1 for weight in weights)
    assert found[0] != found[1]
    machine.locator('.tower button[data-key="2.3"]').focus()
    assert arcs.locator(".asked").inner_text() == "i"


def test_it_writes_on_until_it_is_stopped(machine):
    machine.get_by_role("button", name="Write on").click()
    text = machine.get_by_label("Text", exact=True)
    machine.wait_for_function("() => document.querySelector('.tlm input').value.length > 17")
    machine.get_by_role("button", name="Stop", exact=True).click()
    stood = text.input_value()
    machine.wait_for_timeout(600)
    assert text.input_value() == stood
    machine.get_by_role("button", name="And it came to …").click()


def test_what_is_said_aloud_alone_is_not_seen(machine):
    boxes = [one.bounding_box() for one in machine.locator(".tlm .tlp-aloud").all()]
    assert len(boxes) == 20
    assert max(box["height"] for box in boxes) <= 1


def test_the_parts_that_add_most_are_named_in_the_tower(machine):
    named = machine.locator(".tower .adds").all_inner_texts()
    assert [name for name in named if name] == ["adds 1.9", "adds 0.4", "adds 9.9"]


def test_a_number_leads_to_its_screen(machine):
    machine.get_by_role("button", name="To 7 · Say it").click()
    assert machine.evaluate("document.activeElement.textContent") == "7 · Say it"


@pytest.mark.parametrize("width", [1280, 390])
def test_it_answers_within_a_tenth_of_a_second(open_page, width):
    """In the time of the page's own thread, so that other work on the machine does not count."""
    tab = open_page(PAGE, "file", width)
    settle(tab)
    client = tab.context.new_cdp_session(tab)
    client.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy():
        found = client.send("Performance.getMetrics")["metrics"]
        return {m["name"]: m["value"] for m in found}["TaskDuration"]

    took = []
    for part in ("2.3", "0.0", "3.ff"):
        for _ in range(2):
            press_now = f"document.querySelector('.tower [data-key=\"{part}\"]').click()"
            start = busy()
            tab.evaluate(f"{press_now}; new Promise(requestAnimationFrame)")
            took.append(busy() - start)
    tab.close()
    assert sorted(took)[len(took) // 2] < 0.1


def test_it_fits_a_phone(open_page):
    tab = open_page(PAGE, "file", 390, touch=True)
    settle(tab)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tab.get_by_role("button", name="Say a letter").tap()
    newest = tab.locator(".tlm table.arcs").last.locator("td.anew").first
    tab.wait_for_timeout(100)
    box, outer = newest.bounding_box(), tab.locator(".tlm").bounding_box()
    assert box["x"] + box["width"] <= outer["x"] + outer["width"]  # the last letters are in sight
    tab.close()


def test_where_no_script_runs_its_first_state_is_drawn(browser, address):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(address("file", PAGE))
    still = tab.locator("noscript .tlm, .tlm").first
    assert "After “And it came to ” comes “p” with 1.00" in still.inner_text()
    assert still.locator(".map svg").count() == 16
    assert still.locator("table.lens tr").count() == 6
    context.close()
