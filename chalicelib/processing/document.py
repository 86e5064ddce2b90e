"""Text documents: docx, odt, rtf and epub; of doc only the properties.

The picture is an EPUB's cover, or OpenDocument's thumbnail, which is the document's own. All others get a drawn page
with the title and the first lines: nothing is laid out here, and a thumbnail in docx is often that of a template.
"""

from __future__ import annotations

from chalicelib.facts import DocumentInfo
from chalicelib.processing.kinds import Emit, Made, Order, Source
from chalicelib.processing.office.reading import look, pictured


def process(source: Source, order: Order, emit: Emit) -> Made:
    """Raises PermanentFault `corrupt`."""
    # Pillow is imported only when a picture is drawn.
    from chalicelib.processing.image.cards import page

    looked = look(source)
    info = DocumentInfo(**looked.common(), pages=looked.facts.get("pages"), words=looked.words())
    preview = pictured(looked, lambda: page(info.title, looked.text), order, emit)
    if order.only is not None:
        return Made(preview=preview)
    return Made(info, preview, looked.text, looked.all_headings(), tuple(looked.warnings))
