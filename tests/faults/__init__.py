"""Faults to plant in the package, one list a part of the book."""

from faults import ch27, pages, part1, part2, part3, part5

PARTS = {
    "Part I": part1.FAULTS,
    "Part II": part2.FAULTS,
    "Parts III and IV": part3.FAULTS,
    "Part V": part5.FAULTS,
    "Chapter 27": ch27.FAULTS,
    "All pages": pages.FAULTS,
}
