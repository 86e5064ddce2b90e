"""The contact sheet and the table."""

from __future__ import annotations

from collections import Counter
from html import escape
from itertools import batched
from typing import Any

from bench.real_files.uploads import Outcome

A_SECTION = 30  # cards

_STYLE = """
body { font: 12px/1.3 sans-serif; margin: 8px; background: #ddd }
section { display: grid; grid-template-columns: repeat(6, 1fr); gap: 8px; padding: 4px }
figure { margin: 0; background: #fff; padding: 6px; overflow: hidden; overflow-wrap: anywhere }
.shown { height: 200px; display: flex; align-items: center; justify-content: center; background: #eee }
img { max-width: 100%; max-height: 200px }
b { color: #036 } .warning { color: #960 } .error { color: #b00 } small { color: #555 }
"""


def sheet(outcomes: list[Outcome]) -> str:
    """A page with a card for each file."""
    sections = ("<section>" + "".join(map(_card, some)) + "</section>" for some in batched(outcomes, A_SECTION))
    return f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style>" + "\n".join(sections)


def _card(outcome: Outcome) -> str:
    record = outcome["record"] or {"kind": None, "renditions": [], "warnings": [], "error": None, "status": "refused"}
    pictures = [each for each in record["renditions"] if each["width"] and each["format"] in ("webp", "png")]
    picture = next((each for each in pictures if each["width"] >= 300), pictures[-1] if pictures else None)
    shown = f'<img src="{escape(picture["url"])}">' if picture else f"<i>{record['status']}</i>"
    lines = [f"<b>{record['kind']}</b> {escape(outcome['name'])}", f"<small>{escape(_facts(record)[:420])}</small>"]
    lines += [f"<span class=warning>{escape(each['code'])}</span>" for each in record.get("warnings") or []]
    lines += [f"<span class=error>{escape(each)}</span>" for each in [_error(outcome), *outcome["faults"]] if each]
    return f"<figure><div class=shown>{shown}</div>{'<br>'.join(lines)}</figure>"


def _facts(record: dict[str, Any]) -> str:
    """The facts of the record under its kind's name, without what is empty."""
    found = record.get(record["kind"] or "") or {}
    kept = {name: value for name, value in found.items() if value not in (None, False, [], {}, 0, "")}
    for name in ("sizes", "thumbhash", "blurhash", "phash", "palette", "dominant_color"):
        kept.pop(name, None)
    if "sheets" in kept:
        kept["sheets"] = [f"{each['name']} {each['rows']} rows" for each in kept["sheets"][:6]]
    if "columns" in kept:
        kept["columns"] = [f"{each['name']}: {each['type']}" for each in kept["columns"][:8]]
    return ", ".join(f"{name}: {value}" for name, value in kept.items())


def _error(outcome: Outcome) -> str:
    if "refused" in outcome:
        return f"refused: {outcome['refused'].get('code')}"
    error = outcome["record"]["error"]
    return f"{error['code']}: {error['message']}" if error else ""


def table(outcomes: list[Outcome]) -> str:
    """Markdown: counts by kind, then the files by what became of them."""
    lines = ["| Kind | Files | ready | failed | with a picture | with warnings |", "|---|--:|--:|--:|--:|--:|"]
    kinds = Counter(_kind(each) for each in outcomes)
    for kind, count in sorted(kinds.items()):
        records = [each["record"] for each in outcomes if _kind(each) == kind and each["record"]]
        ready = sum(each["status"] == "ready" for each in records)
        pictures = sum(any(rendition["width"] for rendition in each["renditions"]) for each in records)
        warned = sum(bool(each.get("warnings")) for each in records)
        lines.append(f"| {kind} | {count} | {ready} | {count - ready} | {pictures} | {warned} |")
    lines += ["", "| Kind | Outcome | Files, and where they are from |", "|---|---|---|"]
    groups: dict[tuple[str, str], dict[str, list[str]]] = {}
    for each in outcomes:
        sources = groups.setdefault((_kind(each), _ending(each)), {})
        sources.setdefault(each["source"], []).append(_in_cell(each["name"]))
    for (kind, ending), sources in sorted(groups.items()):
        files = "; ".join(f"{source}: {', '.join(names)}" for source, names in sources.items())
        lines.append(f"| {kind} | {ending} | {files} |")
    return "\n".join(lines) + "\n"


def _in_cell(name: str) -> str:
    return "".join(letter if letter.isprintable() and letter not in "|*`<>[]" else "?" for letter in name)


def pictures(outcomes: list[Outcome]) -> str:
    """A page with one small picture of each file that has any."""
    found = []
    for outcome in outcomes:
        renditions = (outcome["record"] or {}).get("renditions", [])
        webp = [each for each in renditions if each["format"] == "webp"]
        if webp:
            smallest = min(webp, key=lambda each: each["width"])
            found.append(f'<img src="{escape(smallest["url"])}" title="{escape(outcome["name"])}">')
    style = "body { margin: 4px; background: #bbb } img { width: 80px; height: 80px; object-fit: contain; margin: 1px }"
    return f"<!doctype html><meta charset=utf-8><style>{style}</style><section>{''.join(found)}</section>"


def _kind(outcome: Outcome) -> str:
    return (outcome["record"] or {}).get("kind") or "none"


def _ending(outcome: Outcome) -> str:
    if error := _error(outcome):
        return error.partition(":")[0] if "refused" not in outcome else error
    record = outcome["record"]
    pictures = [each for each in record["renditions"] if each["width"]]
    others = sorted(f"{each['name']}.{each['format']}" for each in record["renditions"] if not each["width"])
    made = ["pictures"] if pictures else []
    return "; ".join(
        [", ".join([*made, *others]) or "stored", *(each["code"] for each in record.get("warnings") or [])]
    )
