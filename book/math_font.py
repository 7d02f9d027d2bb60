"""Make the font of the formulas: what they need of STIX Two Math.

    python book/math_font.py STIXTwoMath-Regular.ttf     (github.com/stipub/stixfonts, version 2.11)

A browser keeps room for the widest of a root's glyphs, whichever it draws. The higher ones go, so
that no gap follows a root of one line.
"""

import argparse
from pathlib import Path

from fontTools import subset

FONT = Path(__file__).parent / "_static/vendor/stix-two-math.woff"
KEPT = (
    "20-7E A0-FF 131 237 2C6-2DD 300-338 391-3F5 2010-2060 210B-2131 2190-2193 21D0-21D4 2200-22FF "
    "2308-230B 23B4-23E0 27E8-27E9 27F5-27FA 1D400-1D467 1D538-1D56B 1D6A4-1D71B"
)
ROOT_SIGN = 0x221A


def make(source: Path) -> None:
    """Write FONT from the whole font."""
    options = subset.Options(
        flavor="woff", layout_features=["ssty", "dtls", "flac", "ccmp", "mark"], hinting=False
    )
    font = subset.load_font(source, options)
    table = font["MATH"].table.MathVariants
    root = font.getBestCmap()[ROOT_SIGN]
    forms = table.VertGlyphConstruction[table.VertGlyphCoverage.glyphs.index(root)]
    del forms.MathGlyphVariantRecord[1:]  # first: the table is read when it is looked at
    forms.GlyphAssembly = None
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=subset.parse_unicodes(KEPT))
    subsetter.subset(font)
    subset.save_font(font, FONT, options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    make(parser.parse_args().source)
