"""Decks: pptx and odp; of ppt only the properties.

The picture is OpenDocument's thumbnail, which is the document's own, or else a drawn card with the lines of the first
slide: nothing is laid out here, and a thumbnail in pptx is often that of a template.
"""

from __future__ import annotations

from chalicelib.facts import PresentationInfo
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.office.reading import look, pictured


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt`."""
    # Pillow is imported only when a picture is drawn.
    from chalicelib.processing.image.cards import slide

    looked = look(source)
    info = PresentationInfo(**looked.common(), slides=looked.facts.get("slides"), words=looked.words())
    shown = looked.facts.get("slide") or looked.text
    # The slide's own title; the deck's title is often the program's.
    title = next((heading for heading in looked.headings[:1] if heading in shown), info.title)
    preview = pictured(looked, lambda: slide(title, shown), order, emit)
    if order.only is not None:
        return Made(preview=preview)
    return Made(info, preview, looked.text, looked.all_headings(), tuple(looked.warnings))
