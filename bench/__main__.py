"""`make bench`, or `python -m bench [NAME …]`: measures what operations cost: counts, and ratios within one run."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from bench import (
    avif,
    cold_start,
    delivery,
    events,
    fairness,
    first_view,
    hashing,
    imports,
    kinds,
    layer,
    memory,
    pace,
    partitions,
    power,
    upload,
    webhooks,
    whole_job,
)
from bench.api import run as api
from bench.images import run as images
from bench.media import run as media
from bench.partitions.heat import RATE
from bench.peers import run as peers
from ops.local import loopback

BENCHES = {
    "api": api.run,
    "power": power.run,
    "imports": imports.run,
    "cold_start": cold_start.run,
    "layer": layer.run,
    "whole_job": whole_job.run,
    "pace": pace.run,
    "memory": memory.run,
    "kinds": kinds.run,
    "media": media.run,
    "images": images.run,
    "avif": avif.run,
    "delivery": delivery.run,
    "first_view": first_view.run,
    "events": events.run,
    "partitions": partitions.run,
    "fairness": fairness.run,
    "webhooks": webhooks.run,
    "hashing": hashing.run,
    "upload": upload.run,
}


def _shards(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def main() -> None:
    os.environ.update(loopback.without_proxy(os.environ))  # the benches' servers are on this machine
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"the benches to run: {', '.join(BENCHES)} (default: all), or peers"
    )
    of_images = parser.add_argument_group("images")
    of_images.add_argument("--photos", type=Path, metavar="DIR", help="use the photographs in this folder")
    of_images.add_argument("--rounds", type=int, default=images.ROUNDS, help="(default: %(default)s)")
    of_partitions = parser.add_argument_group("partitions")
    of_partitions.add_argument("--rate", type=float, default=RATE, help="uploads per second (default: %(default)s)")
    of_partitions.add_argument(
        "--files", type=float, default=partitions.FILES, help="number of stored files (default: %(default)s)"
    )
    of_partitions.add_argument(
        "--shards",
        type=_shards,
        default=partitions.SHARDS,
        metavar="N,…",
        help="values of FILEMILL_LIST_SHARDS to compare",
    )
    of_media = parser.add_argument_group("media")
    of_media.add_argument(
        "--film-seconds",
        type=int,
        default=media.SECONDS,
        metavar="N",
        help="how much of the film the one pass encodes (default: %(default)s)",
    )
    of_peers = parser.add_argument_group("peers")
    of_peers.add_argument("--corpus", type=Path, metavar="DIR", help="the folder of image files")
    of_peers.add_argument("--jobs", type=int, default=peers.JOBS, help="files at once (default: %(default)s)")
    of_peers.add_argument("--limit", type=int, metavar="N", help="only the first N files")
    of_peers.add_argument("--against", type=Path, metavar="OLD.json", help="say what changed since that run")
    of_peers.add_argument(
        "--engine", type=Path, default=Path(), metavar="CHECKOUT", help="the engine of another checkout"
    )
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="images, partitions, peers: write the figures to this file, and a page beside it",
    )
    options = parser.parse_args()
    chosen = options.names or list(BENCHES)
    if unknown := set(chosen) - {*BENCHES, "peers"}:
        parser.error(f"there is no bench {', '.join(sorted(unknown))}; choose from {', '.join(BENCHES)}, peers")
    if "peers" in chosen and not (options.corpus and options.corpus.is_dir()):
        parser.error("peers needs --corpus with a folder")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if not 4 <= options.film_seconds <= media.SECONDS:
        parser.error(f"--film-seconds must be from 4 to {media.SECONDS}")
    if options.rate <= 0 or options.files < 1 or not all(1 <= count <= 256 for count in options.shards):
        parser.error("--rate and --files must be above 0, --shards from 1 to 256")
    if options.jobs < 1 or (options.limit is not None and options.limit < 1):
        parser.error("--jobs and --limit must be at least 1")
    if options.json and len({"images", "partitions", "peers"} & set(chosen)) > 1:
        parser.error("--json works with one bench at a time")
    for name in chosen:
        print(f"\n## {name}\n")
        if name == "images":
            images.run(options.photos, options.json, options.rounds)
        elif name == "media":
            media.run(options.film_seconds)
        elif name == "partitions":
            partitions.run(options.rate, options.files, options.shards, options.json)
        elif name == "peers":
            peers.run(
                options.corpus,
                jobs=options.jobs,
                limit=options.limit,
                json_file=options.json,
                against=options.against,
                engine=options.engine,
            )
        else:
            BENCHES[name]()


main()
