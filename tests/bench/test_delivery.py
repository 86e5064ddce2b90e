"""The delivery bench on a small trace: its arithmetic, and that our cache key keeps apart only what differs."""

from __future__ import annotations

from bench.delivery import ACCEPT, DESIGNS, distribution, origin_requests, signatures, trace

VIEWERS = trace(count=400, files=20)


def chosen(accept: str) -> str:
    """The format that each of the trace's headers asks for most."""
    return "avif" if "image/avif" in accept else "webp" if "image/webp" in accept else "jpg"


def test_the_trace_is_the_same_every_time_and_has_what_it_says() -> None:
    assert trace(count=400, files=20) == VIEWERS
    assert {each.accept for each in VIEWERS} <= set(ACCEPT)
    most, second = (sum(f"{n:04d}/" in each.path for each in VIEWERS) for n in (0, 1))
    assert most > second > 0
    assert 0.08 < sum(bool(each.query) for each in VIEWERS) / len(VIEWERS) < 0.22


def test_each_rendition_reaches_the_origin_once_with_our_key_and_oftener_with_the_others() -> None:
    counts = [origin_requests(VIEWERS, distribution(**options)) for options in DESIGNS.values()]  # type: ignore[arg-type]
    assert counts[0] == len({(each.path, chosen(each.accept)) for each in VIEWERS})
    assert counts[1] == len({(each.path, each.accept) for each in VIEWERS})
    assert counts[2] == len({(each.path, each.accept, each.query) for each in VIEWERS})


def test_an_ecdsa_signature_takes_a_third_of_an_rsa_ones_cpu_at_most() -> None:
    """In one run, CPU time, medians: about an eighth. The bench says how long it takes."""
    took = signatures()
    for policy in ("custom", "canned"):
        assert took[f"ECDSA, {policy}"] < took["RSA, custom"] / 3
