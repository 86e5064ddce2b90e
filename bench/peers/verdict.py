"""The rule for a difference: the engine's outcome beside those of the references. Pure.

Decoders round differently, and reduce differently: means of ΔE00 up to 1 were seen between sound decoders, and up to 2
for pictures of noise that are reduced. Above 3 (`MEAN`) people see another picture.
"""

from __future__ import annotations

from typing import Any

MEAN = 3.0
"""The mean ΔE00 above which two pictures differ."""

JUDGE = "Chromium"
"""The reference that is right where others differ."""

Found = dict[str, Any]

SAME, DIFFERS, ALONE = "same", "differs", "alone"


def why_not(ours: Found, reference: Found) -> str | None:
    """The difference from one reference; None if there is none. The reference must have tried the file.

    A reference that shows a damaged file, and says that it is damaged, agrees with an engine that refuses it. It may
    count frames that it can't show.
    """
    refused = reference["outcome"] != "shown"
    if ours["outcome"] in ("crashed", "hung"):
        return f"{ours['outcome']}"
    if ours["outcome"] == "failed":
        return None if refused or not reference.get("strict", True) else f"shown, ours is {ours['code']}"
    if "width" not in ours:
        return None if refused else f"shown, ours is of the kind {ours['kind']}"
    if refused:
        return f"{reference['outcome']}, ours is ready"
    sizes = [(each["width"], each["height"]) for each in (ours, reference)]
    if sizes[0] != sizes[1]:
        return f"{sizes[1][0]} x {sizes[1][1]}, ours has {sizes[0][0]} x {sizes[0][1]}"
    if ours["frames"] != reference["frames"] and reference.get("strict", True):
        return f"{reference['frames']} frames, ours has {ours['frames']}"
    if reference.get("mean") is None:
        return "it could not be compared"
    return f"ΔE {reference['mean']}" if reference["mean"] > MEAN else None


def verdict(ours: Found, references: dict[str, Found]) -> str:
    """`same` as one reference or more, `differs` from every one, or `alone`: no reference reads such files."""
    tried = {name: each for name, each in references.items() if each["outcome"] != "none"}
    if ours["outcome"] in ("crashed", "hung"):
        return DIFFERS
    if not tried:
        return ALONE
    return DIFFERS if all(why_not(ours, each) for each in tried.values()) else SAME


def badness(row: Found) -> float:
    """The order of the contact sheet: what differs from every reference, then from the judge, the most of it first."""
    tried = [each for each in row["references"].values() if each["outcome"] != "none"]
    means = [each["mean"] if each.get("mean") is not None else 50.0 for each in tried if why_not(row["ours"], each)]
    judge = row["references"].get(JUDGE, {"outcome": "none"})
    against = judge["outcome"] != "none" and why_not(row["ours"], judge) is not None
    return (2000 if row["verdict"] == DIFFERS else 1000 if against else 0) + max(means, default=0.0)
