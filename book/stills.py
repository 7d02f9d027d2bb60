"""Pictures of the toys that only a script draws: `python book/stills.py`, after `make book`.

Where no script runs, they stand in the place of the toy (_ext/house.py): a model's first
answer, before anybody touched it. To be made again where a toy looks otherwise; a page that is
named is made alone.
"""

import io
import json
import re
import sys
from pathlib import Path

from pdf import DRAWN, SITE, chromium
from PIL import Image
from playwright.sync_api import sync_playwright

STILLS = Path(__file__).resolve().parent / "_static/still"
WINDOWS = {"": (1280, 1), "-narrow": (390, 2)}  # by what follows the name: the width, the sharpness
BARE = re.compile(r"<noscript>(?:(?!</noscript>).)*?</noscript>", re.DOTALL)


def bare(page: Path) -> list[int]:
    """Which widgets of a page have nothing drawn in their place, or a picture made here."""
    found = BARE.findall(page.read_text(encoding="utf-8"))
    places = [one for one in found if "Where JavaScript runs" in one]
    drawn = re.compile(r"<svg|<table|looks most at")
    return [k for k, one in enumerate(places) if not drawn.search(one)]


def main(names: list[str]) -> None:
    """Take the pictures, in 64 colours, and what the toys say beside them."""
    STILLS.mkdir(exist_ok=True)
    listed = STILLS / "stills.json"
    said = json.loads(listed.read_text(encoding="utf-8")) if listed.is_file() else {}
    with sync_playwright() as driver:
        found = chromium(driver.chromium.executable_path)
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for page in sorted((SITE / "notebooks").glob("*.html")):
            if not (places := bare(page)) or (names and page.stem not in names):
                continue
            for ending, (width, scale) in WINDOWS.items():
                tab = browser.new_page(
                    viewport={"width": width, "height": 900},
                    device_scale_factor=scale,
                    color_scheme="light",
                )
                tab.goto(page.as_uri())
                tab.wait_for_function(DRAWN)
                tab.wait_for_timeout(2000)  # the first answer
                for k in places:
                    place = tab.locator('script[type$="widget-view+json"]').nth(k)
                    toy = place.locator("xpath=following-sibling::*[contains(@class, 'widget')][1]")
                    with Image.open(io.BytesIO(toy.screenshot())) as picture:
                        few = picture.convert("RGB").quantize(64)
                    few.save(STILLS / f"{page.stem}-{k}{ending}.png", optimize=True)
                    one = said.setdefault(f"{page.stem}-{k}", {})
                    one[f"size{ending}"] = [length // scale for length in few.size]
                    lines = toy.locator(".tlp-said:visible").all_inner_texts()
                    one["said"] = " ".join(" ".join(lines).split())
                tab.close()
        browser.close()
    text = json.dumps(said, indent=1, ensure_ascii=False, sort_keys=True)
    listed.write_text(text + "\n", encoding="utf-8")
    print(f"{len(said)} pictures in {STILLS}")


if __name__ == "__main__":
    main(sys.argv[1:])
