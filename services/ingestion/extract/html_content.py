"""Finds the main content of a page: landmarks first, else the body without what is navigation by name and by links."""

import re

from lxml.html import HtmlElement

SKIPPED_TAGS = frozenset(
    "applet audio button canvas datalist embed head iframe input label math noscript object option script select "
    "style svg template textarea video".split()
)
_PARTS = re.compile(r"[-_]+")
_LANDMARKS = ("//main", "//*[@role='main']", "//article", "//*[@itemprop='articleBody']")
# Less of the page's words than this is a teaser or a misused tag, not the main content.
LANDMARK_SHARE = 0.3

_CHROME_TAGS = frozenset({"nav", "footer", "header", "aside", "form", "menu", "dialog"})
_CHROME_ROLES = frozenset(
    {"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "alert"}
)
_CHROME_NAME_PARTS = frozenset(
    "ad ads advert adverts banner breadcrumb breadcrumbs consent cookie cookies footer masthead menu nav navbar "
    "navfooter navheader navigation navpanel newsletter pager pagination prevnext sidebar skiplink social "
    "sphinxsidebar toctree topbar".split()
)
# Words that also name content (`table-contents`, `comment-syntax`): only as the whole class or id.
_CHROME_NAMES = frozenset(
    "comments contents copyright header related search searchbox share sharing site-header skip-link "
    "table-of-contents toc".split()
)
# What looks like navigation by its name is left out if its words are mostly links, or few.
LINK_SHARE = 0.5
FEW_CHARACTERS = 300
# An element that holds this much of the page is the page, whatever it is called.
MOST_OF_PAGE = 0.5
# A page that consists of links only (an index) is kept as it is.
LEAST_CHARACTERS = 120


def main_content(root: HtmlElement) -> HtmlElement:
    """The element to read; navigation within it has been taken out of the tree."""
    body = root.find("body")
    page = body if body is not None else root
    _drop_invisible(page)
    whole = _length(page)
    content = page
    for path in _LANDMARKS:
        found = page.xpath(path)
        if len(found) == 1 and _length(found[0]) >= whole * LANDMARK_SHARE:
            content = found[0]
            break
    chrome = [element for element in content.iter() if element is not content and _is_chrome(element, whole)]
    kept = _length(content) - sum(_length(element) for element in _outermost(chrome))
    if kept >= LEAST_CHARACTERS or kept >= whole * LINK_SHARE:
        for element in chrome:
            element.drop_tree()
    return content


def _drop_invisible(page: HtmlElement) -> None:
    hidden = [
        element
        for element in page.iter()
        if isinstance(element.tag, str)
        and element is not page
        and (
            element.tag in SKIPPED_TAGS
            or "hidden" in element.attrib
            or element.get("aria-hidden") == "true"
            or "display:none" in element.get("style", "").replace(" ", "").lower()
        )
    ]
    for element in hidden:
        element.drop_tree()


def _is_chrome(element: HtmlElement, whole: int) -> bool:
    """Whether an element is navigation, a banner or the like."""
    tag = element.tag
    if not isinstance(tag, str) or tag in {
        "body",
        "main",
        "h1",
        "h2",
        "h3",
        "h4",
        "pre",
        "code",
        "td",
        "tr",
        "a",
        "span",
    }:
        return False
    by_tag = tag in _CHROME_TAGS or element.get("role") in _CHROME_ROLES
    if not by_tag and not _is_chrome_name(f"{element.get('class', '')} {element.get('id', '')}"):
        return False
    length = _length(element)
    if length > whole * MOST_OF_PAGE or element.find(".//h1") is not None:
        return False
    if tag == "nav" or element.get("role") == "navigation" or element.get("class", "").lower().startswith("nav"):
        return True
    links = sum(_length(link) for link in element.iter("a"))
    return links >= length * LINK_SHARE or (
        length < FEW_CHARACTERS and not element.xpath("descendant::pre|descendant::table")
    )


def _is_chrome_name(names: str) -> bool:
    tokens = names.lower().split()
    return any(token in _CHROME_NAMES or _CHROME_NAME_PARTS & set(_PARTS.split(token)) for token in tokens)


def _outermost(elements: list[HtmlElement]) -> list[HtmlElement]:
    inside = set(elements)
    return [element for element in elements if not any(above in inside for above in element.iterancestors())]


def _length(element: HtmlElement) -> int:
    """Visible characters of an element's text."""
    return sum(len(part.strip()) for part in element.itertext())
