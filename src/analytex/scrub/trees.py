"""Which pages of an SQLite file belong to b-trees.

A page does not say what it is: one that holds the rest of a long row may look like any other. So
a page counts as part of a tree only if a page that is one names it as a child, up to a root.
"""

from array import array
from collections.abc import Callable, Iterator, Sequence, Set
from typing import Final

from analytex.scrub import pages
from analytex.scrub.pages import Page

DEEPEST: Final = 20  # levels; SQLite's own limit

Read = Callable[[int], Page | None]  #: reads a page by its number, as one of a b-tree
Families = dict[int, Sequence[int]]  #: the children of pages


class Trees:
    """The trees of a file as they were at one moment."""

    def __init__(self, roots: Sequence[int]) -> None:
        self.roots = roots
        #: the children of interior pages; of those that were asked for
        self.families: dict[int, array[int]] = {}
        self._parents = {root: root for root in roots}  # of interior pages

    def walk(self, read: Read, *, only: Set[int] | None) -> Iterator[None]:
        """Find the families that have a child among these; None: all. Gives way after every page.

        The file must not change meanwhile. Reads the interior pages only: a tree is equally deep
        everywhere, so the children at the last level are leaves.
        """
        for root in self.roots:
            above = [(root, _height(read, root))]
            while above:
                number, height = above.pop()
                page = read(number) if height else None
                if page is None or not page.is_interior:
                    continue
                children = pages.children(page)
                if only is None or any(child in only for child in children):
                    self.families[number] = array("I", children)
                if height > 1:
                    for child in children:
                        self._parents[child] = number
                        above.append((child, height - 1))
                yield

    def family(self, number: int, read: Read, known: Families) -> Sequence[int]:
        """Return the children of a page now; none if it has got other ancestors, or none at all.

        `known` is what was found before, as long as the file does not change.
        """
        if number not in known:
            page = read(number) if self._is_part(number, read, known) else None
            known[number] = pages.children(page) if page is not None and page.is_interior else ()
        return known[number]

    def _is_part(self, number: int, read: Read, known: Families) -> bool:
        parent = self._parents[number]
        return parent == number or number in self.family(parent, read, known)


def _height(read: Read, root: int) -> int:
    height, page = 0, read(root)
    while page is not None and page.is_interior and height < DEEPEST:
        height, page = height + 1, read(pages.children(page)[0])
    return height
