"""The published prices of paid services, and what each would ask for the same work.

Nobody here could read the services' pages themselves. Each fact says where a copy of it was found, and how sure it is:
`own` is the service's own documentation, `told` is somebody else's account of its page of prices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

GB = 1000**3


@dataclass(frozen=True)
class Month:
    """A month's work. Bytes in GB; `derived` are renditions that are made, `minutes` those of films that are uploaded.

    `hits` is the part of views that an edge answers.
    """

    files: float = 0.0
    uploaded: float = 0.0
    stored: float = 0.0
    stored_derived: float = 0.0
    derived: float = 0.0
    views: float = 0.0
    sent: float = 0.0
    minutes: float = 0.0
    watched: float = 0.0
    hits: float = 0.67


@dataclass(frozen=True)
class Fact:
    """`said` in words, the address of its page, the date of the copy that was read, and how it was found."""

    said: str
    page: str
    copy: str
    sure: str  # own or told


@dataclass(frozen=True)
class Service:
    """`asks` gives US dollars for a month; None if the service does not do this work. `films` is for films alone."""

    name: str
    facts: tuple[Fact, ...]
    asks: Callable[[Month], float | None]
    leaves_out: str


def _plans(units: float, plans: tuple[tuple[float, float], ...], beyond: float) -> float:
    """The cheapest of plans (dollars, units in it), where a unit beyond the largest costs so much."""
    fitting = [price for price, included in plans if units <= included]
    if fitting:
        return min(fitting)
    price, included = plans[-1]
    return price + (units - included) * beyond


def _cloudinary(month: Month) -> float | None:
    if month.minutes or month.watched:
        return None  # seconds of film are transformations in a way that no copy says
    credits = (month.derived + month.files) / 1000 + month.stored + month.stored_derived + month.sent
    return _plans(credits, ((0, 25), (99, 225), (249, 600), (549, 1350)), 549 / 1350)


def _imgix(month: Month) -> float | None:
    if month.minutes or month.watched:
        return None
    credits = month.derived / 500 + 2 * month.stored_derived + month.sent
    plans = ((25, 100), (75, 375), (150, 830), (300, 1875), (500, 3570))
    return _plans(credits, plans, 0.12)


def _uploadcare(month: Month) -> float | None:
    if month.minutes or month.watched:
        return None
    mean = month.uploaded * 1000 / month.files if month.files else 0.0  # MB
    hundreds = math.ceil(mean / 100)
    operations = month.files * (1 + 2 * hundreds) + month.derived
    more = max(0.0, operations - 250_000) / 1000 * 0.45 + max(0.0, month.stored - 100) * 0.08
    return 166 + more


def _mux(month: Month) -> float | None:
    if not month.minutes and not month.watched:
        return None
    return month.minutes * 0.0024 + max(0.0, month.watched - 100_000) * 0.0008


def _dit(month: Month) -> float | None:
    """AWS's own figures for a million images that are made, and list prices for CloudFront and S3."""
    if month.minutes or month.watched:
        return None
    from ops.prices import PRICES

    misses = month.views * (1 - month.hits)
    made = misses / 1e6 * (11.00 + 10.93 + 10.40 + 11.15)
    edge = month.views * PRICES["viewed"].amount + month.sent * PRICES["sent"].amount
    return made + edge + month.stored * PRICES["stored_month"].amount


SERVICES = (
    Service(
        "Cloudinary",
        (
            Fact(
                "a credit is 1,000 transformations, or 1 GB stored for a month (what is derived counts), or 1 GB sent",
                "https://cloudinary.com/documentation/developer_onboarding_faq",
                "2024-11-06",
                "own",
            ),
            Fact(
                "Free: 25 credits; Plus $99 a month: 225 credits; Advanced $249: 600",
                "https://cloudinary.com/pricing",
                "2026-05-04",
                "told",
            ),
            Fact("Advanced Extra $549: 1,350 credits", "https://cloudinary.com/pricing", "2022-10-08", "told"),
        ),
        _cloudinary,
        "beyond 1,350 credits only offers by sales; here each costs as in Advanced Extra",
    ),
    Service(
        "imgix",
        (
            Fact(
                "1 credit for 500 renders, 2 for each GB cached, 1 for each GB sent",
                "https://www.imgix.com/faq-categories/credit-usage-value",
                "after 2025-07-01",
                "own",
            ),
            Fact(
                "Starter $25 a month: 100 credits … Growth Plus $500: 3,570, then $0.12 each",
                "https://imgix.com/pricing",
                "2026-05-04",
                "told",
            ),
        ),
        _imgix,
        "originals stay in your own bucket, uploads and the API are yours",
    ),
    Service(
        "Uploadcare",
        (
            Fact(
                "an upload: 1 operation, 1 more and 1 for the virus scan for each 100 MB begun; 1 for each image that "
                "is made",
                "https://uploadcare.com/docs/billing/",
                "2026",
                "own",
            ),
            Fact(
                "Business $166 a month: 250,000 operations, 100 GB stored, 500 GB sent; then $0.45 for 1,000 "
                "operations and $0.08 a GB stored",
                "https://uploadcare.com/pricing/",
                "2026",
                "told",
            ),
        ),
        _uploadcare,
        "traffic beyond 500 GB a month: its price could not be found, and is not in the sum",
    ),
    Service(
        "Mux",
        (
            Fact(
                "input in basic quality costs nothing; priced by the minute that is stored and delivered",
                "https://www.mux.com/docs/pricing/video",
                "2026",
                "own",
            ),
            Fact(
                "$0.0024 for each minute stored for a month, $0.0008 for each delivered after 100,000 a month",
                "https://www.mux.com/pricing/video",
                "2026-05-25",
                "told",
            ),
        ),
        _mux,
        "films only; higher resolutions and the qualities plus and premium cost more",
    ),
    Service(
        "Dynamic Image Transformation (AWS)",
        (
            Fact(
                "10 million images of 45 KB served, 9 of 10 from the edge, 350 ms for each other: API Gateway $11.00, "
                "Lambda $10.93, S3 $10.40, CloudWatch $11.15. The page's CloudFront ($1,200) is not used here: it is "
                "far above list prices for 450 GB, and its total is not the sum of its lines",
                "https://docs.aws.amazon.com/solutions/latest/dynamic-image-transformation-for-amazon-cloudfront/"
                "lambda-architecture-costs.html",
                "2026",
                "own",
            ),
        ),
        _dit,
        "images of at most 6 MB; no uploads, records, search or events; originals in S3, CloudFront by list prices",
    ),
)


def facts_table() -> str:
    lines = ["| Service | Published | Page | Copy of | How it was read |", "|---|---|---|---|---|"]
    how = {"own": "the service's own words, in a stored copy", "told": "another's account: **not confirmed**"}
    for service in SERVICES:
        for fact in service.facts:
            page = fact.page.removeprefix("https://").split("/")[0]
            lines.append(f"| {service.name} | {fact.said} | [{page}]({fact.page}) | {fact.copy} | {how[fact.sure]} |")
    return "\n".join(lines)
