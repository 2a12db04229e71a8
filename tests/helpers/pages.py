"""A reader of HTML pages."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br"}


class Reader(HTMLParser):
    """Reads a page as a browser does: its tags, attributes, table rows, and the text by id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.by_id: dict[str, str] = {}
        self.rows: list[tuple[str, ...]] = []
        self.texts: list[str] = []  # of reports and sentences, without the labels that the page adds
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.attributes += attributes.items()
        if "id" in attributes:
            assert attributes["id"] not in self.by_id, attributes["id"]
            self.by_id[attributes["id"]] = ""
        if tag == "tr":
            self.rows.append(())
        elif tag in ("td", "th") and self.rows:
            self.rows[-1] += ("",)
        elif attributes.get("class") == "text":
            self.texts.append("")
        if tag not in VOID:
            self._open.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        classes = [attributes.get("class", "") for _, attributes in self._open]
        for _, attributes in self._open:
            if "id" in attributes:
                self.by_id[attributes["id"]] += data
        if any(tag in ("td", "th") for tag, _ in self._open) and "small" not in [tag for tag, _ in self._open]:
            self.rows[-1] = (*self.rows[-1][:-1], self.rows[-1][-1] + data.strip())
        if "text" in classes and not any(css.startswith("chip") for css in classes):
            self.texts[-1] += data


def values(read: Reader, attribute: str) -> list[str]:
    return [value for name, value in read.attributes if name == attribute]
