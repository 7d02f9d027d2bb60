"""Faults to plant in the package, one list a part of the book."""

from faults import part1, part2, part5

PARTS = {"Part I": part1.FAULTS, "Part II": part2.FAULTS, "Part V": part5.FAULTS}
