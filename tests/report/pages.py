"""An HTML page as tests look at it: its elements with their attributes, and the text in each."""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Self

VOID = ("br", "hr", "img", "input", "link", "meta", "path", "rect", "circle", "use", "col")


class Element:
    def __init__(self, tag: str, attributes: list[tuple[str, str | None]], parent: Self | None) -> None:
        self.tag = tag
        self.attributes = {name: value or "" for name, value in attributes}
        self.parent = parent
        self.children: list[Self | str] = []

    def all(self) -> Iterator[Self]:
        """Yield this element and all within it, in the order of the page."""
        yield self
        for child in self.children:
            if not isinstance(child, str):
                yield from child.all()

    def find(self, *tags: str, **attributes: str) -> list[Self]:
        return [
            each
            for each in self.all()
            if each.tag in tags
            and all(value in each.attributes.get(name, "").split() for name, value in attributes.items())
        ]

    def above(self) -> Iterator[Self]:
        each = self.parent
        while each is not None:
            yield each
            each = each.parent

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def shape(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        return self.tag, tuple(self.attributes.items())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("#page", [], None)
        self.at = self.root
        self.comments: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, attrs, self.at)
        self.at.children.append(made)
        if tag not in VOID:
            self.at = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.children.append(Element(tag, attrs, self.at))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        # The page closes what it opens, in order; anything else is a fault of the page.
        assert self.at.tag == tag, f"</{tag}> closes <{self.at.tag}>"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        self.at.children.append(data)

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def read(page: bytes) -> Element:
    """Return the page. Raises AssertionError where elements are closed out of order or comments are in it."""
    reader = _Reader()
    reader.feed(page.decode("utf-8"))
    reader.close()
    assert reader.at is reader.root
    assert not reader.comments
    return reader.root
