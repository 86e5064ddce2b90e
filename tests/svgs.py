"""Small SVGs, sound and hostile ones."""

from __future__ import annotations

HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'xmlns:x="http://example.com/x" width="40" height="20">'
)


def svg(body: str, head: str = HEAD, before: str = "") -> bytes:
    return f"{before}{head}{body}</svg>".encode()


RED = '<rect width="40" height="20" fill="#f00"/>'


def nested(depth: int) -> bytes:
    return svg("<g>" * depth + RED + "</g>" * depth)


def doubling_uses(levels: int) -> bytes:
    """Each group shows the one before ten times."""
    groups = ['<g id="g0"><path d="M0 0h1v1z"/></g>']
    groups += [f'<g id="g{n}">' + f'<use href="#g{n - 1}"/>' * 10 + "</g>" for n in range(1, levels)]
    return svg("<defs>" + "".join(groups) + f'</defs><use href="#g{levels - 1}"/>')


def slow_filters(count: int, turbulence: bool = False) -> bytes:
    """A filter of many steps over the whole picture, on many elements that only a style sheet joins to it."""
    step = '<feTurbulence baseFrequency=".9" numOctaves="8"/>' if turbulence else '<feGaussianBlur stdDeviation="199"/>'
    filters = f'<filter id="f" x="-9" y="-9" width="19" height="19">{step * 90}</filter>'
    return svg(f"<style>.f{{filter:url(#f)}}</style>{filters}" + f'<g class="f">{RED}</g>' * count)


def laughs() -> bytes:
    """Entities that are made of entities."""
    lines = '<!ENTITY a0 "ha">' + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return svg("<text>&a9;</text>", before=f"<!DOCTYPE svg [{lines}]>")


def long_entity(references: int) -> bytes:
    """One plain entity that is named very often."""
    body = "<text>" + "&a;" * references + "</text>"
    return svg(body, before=f'<!DOCTYPE svg [<!ENTITY a "{"h" * 256}">]>')
