"""What the head of an HTML page says of it: description, author, date and the page's own address."""

from lxml.html import HtmlElement

from ingestion.extract.properties import first, known

_DATES = ("article:modified_time", "article:published_time", "last-modified", "dc.date", "dcterms.date", "date")


def head_facts(root: HtmlElement) -> dict[str, str]:
    """The facts that `Document.about` knows, as far as the page gives them."""
    said: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = (meta.get("name") or meta.get("property") or "").strip().lower()
        content = (meta.get("content") or "").strip()
        if name and content:
            said.setdefault(name, content)
    address = next(
        (link.get("href", "") for link in root.iter("link") if "canonical" in link.get("rel", "").lower().split()), ""
    )
    return known(
        description=first(said, "description", "og:description", "dc.description"),
        author=first(said, "author", "article:author", "dc.creator"),
        date=first(said, *_DATES),
        url=address if address.startswith(("http://", "https://")) else first(said, "og:url"),
    )
