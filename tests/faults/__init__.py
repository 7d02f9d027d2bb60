"""Faults to plant in the package, one list a part of the book."""

from faults import part1, part2

PARTS = {"Part I": part1.FAULTS, "Part II": part2.FAULTS}
