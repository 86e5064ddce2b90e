"""`python -m ops rotate-keys`: another key for private addresses, without an address that stops working.

1. A new pair is stored in SSM beside the present one, and its public half joins the stage's key group.
2. Once CloudFront has that everywhere, the new private key and its id replace the present ones, in one write. Functions
   follow within `keyring.CDN_KEY_LIFE`.
3. When all is over that the old key signed, `--retire` takes it out of the group and deletes it.

What was done is read off SSM and CloudFront, not remembered: a run that broke off anywhere is finished by the next.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import boto3

from chalicelib import keyring
from chalicelib.settings import Settings, load
from ops import config
from ops.errors import OpsError, as_sentences
from ops.stack import signing_key
from ops.stack.emulator_gaps import is_emulator
from ops.stack.names import whereabouts

if TYPE_CHECKING:
    from mypy_boto3_cloudfront import CloudFrontClient
    from mypy_boto3_ssm import SSMClient

Progress = Callable[[str], None]

# CloudFront doesn't say how soon a changed key group is known everywhere, nor that the distribution's status tells it.
# Seconds from the change to the first signature; nobody waits for the new key, so it may be long.
SETTLE = 300
DEPLOYED_TIMEOUT = 1800  # seconds; a distribution usually takes under five minutes
PAUSE = 5.0  # seconds between two looks at it


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="say which keys there are, and change nothing")
    what.add_argument("--retire", action="store_true", help="delete the old key, once all is over that it signed")
    parser.add_argument("--now", action="store_true", help="with --retire: at once, as for a key that leaked")


def main(args: argparse.Namespace) -> int:
    say = partial(print, flush=True)
    if args.now and not args.retire:
        raise OpsError("--now goes with --retire.")
    settings = load(config.load_stage(args.project_dir, args.stage))
    with as_sentences():
        session = boto3.Session()
        _, region = whereabouts(session, args.stage, config.load_stage(args.project_dir, args.stage))
        cloudfront = session.client("cloudfront")
        settle = 0 if is_emulator(cloudfront.meta.endpoint_url) else SETTLE
        rotation = Rotation(cloudfront, session.client("ssm"), settings, region, say, settle)
        if args.status:
            rotation.tell()
        elif args.retire:
            rotation.retire(at_once=args.now)
        else:
            rotation.rotate()
    return 0


def longest_signature(settings: Settings) -> timedelta:
    """How long a signature that is made now may be good for."""
    return timedelta(seconds=max(2 * settings.url_expiry, settings.max_url_expiry))


@dataclass(frozen=True)
class Keys:
    """A stage's keys as they are: CloudFront's ids of public keys, but `next_pem`."""

    group_id: str
    in_group: tuple[str, ...]
    signing: str
    since: datetime  # when the signing key was stored
    next_pem: str | None  # stored, and perhaps not yet CloudFront's
    next: str | None
    old: tuple[str, ...]  # ours, that don't sign any more, in the group or left outside


@dataclass(frozen=True)
class Rotation:
    """What can be done to one stage's keys. `settle`: seconds from a change of the group to its first use."""

    cloudfront: CloudFrontClient
    ssm: SSMClient
    settings: Settings
    region: str
    progress: Progress
    settle: float = SETTLE

    @property
    def stage(self) -> str:
        return self.settings.stage

    def look(self) -> Keys:
        """The keys as they are.

        Raises
        ------
        OpsError
            The stored key can't sign: CloudFront doesn't have it, or under another id.
        """
        again = f"run `python -m ops provision --stage {self.stage}` first"
        try:
            stored = self.ssm.get_parameter(Name=self.settings.cdn_key_parameter, WithDecryption=True)["Parameter"]
        except self.ssm.exceptions.ParameterNotFound:
            raise OpsError(f"SSM has no {self.settings.cdn_key_parameter}: {again}.") from None
        signing = keyring.read_cdn_key(stored["Value"].encode(), self.settings.cdn_key_id).id
        group = signing_key.find_key_group(self.cloudfront, self.stage, self.region)
        found = signing_key.find_public_key(self.cloudfront, signing_key.public_half(stored["Value"]))
        if group is None or signing != found or signing not in group["KeyGroupConfig"]["Items"]:
            raise OpsError(f"CloudFront would not take this stage's signatures (key {signing}): {again}.")
        next_pem = self._next()
        waiting = next_pem and signing_key.find_public_key(self.cloudfront, signing_key.public_half(next_pem))
        ours = [
            key["Id"]
            for key in signing_key.public_keys(self.cloudfront)
            if signing_key.is_ours(key["Name"], self.stage, self.region)
        ]
        return Keys(
            group_id=group["Id"],
            in_group=tuple(group["KeyGroupConfig"]["Items"]),
            signing=signing,
            since=stored["LastModifiedDate"],
            next_pem=next_pem,
            next=waiting,
            old=tuple(key for key in ours if key not in (signing, waiting)),
        )

    def _next(self) -> str | None:
        name = signing_key.next_key_parameter(self.stage)
        try:
            return self.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
        except self.ssm.exceptions.ParameterNotFound:
            return None

    def over(self, keys: Keys) -> datetime:
        """When nothing is good any more that a key signed before the present one."""
        return keys.since + timedelta(seconds=keyring.CDN_KEY_LIFE) + longest_signature(self.settings)

    def tell(self) -> None:
        """Says which keys there are."""
        keys = self.look()
        self.progress(f"{keys.signing}: signs since {_moment(keys.since)}")
        if keys.next_pem and keys.next != keys.signing:
            self.progress(f"{keys.next or 'a new key'}: waits to sign; run this without --status to go on")
        for key in keys.old:
            if key in keys.in_group:
                self.progress(
                    f"{key}: signs no more; what it signed is over at {_moment(self.over(keys))}, then --retire"
                )
            else:
                self.progress(f"{key}: in no key group; --retire deletes it")
        for key in keys.in_group:
            if key not in (keys.signing, keys.next, *keys.old):
                self.progress(f"{key}: not made by ops; left alone")

    def rotate(self) -> None:
        """Brings a new key in, or finishes doing so.

        Raises
        ------
        OpsError
            The key of the last rotation is still needed, or CloudFront took too long.
        """
        keys = self.look()
        if keys.next_pem is None:
            if keys.old:
                self.retire()
            pem = signing_key.ensure_next_key(self.ssm, self.stage)
            self.progress("stored a new key")
        else:
            self.progress("going on with the rotation that was begun")
            pem = keys.next_pem
        if keys.next != keys.signing:
            key_id = signing_key.ensure_key_group(self.cloudfront, self.stage, self.region, pem).key_id
            self.progress(f"{key_id}: in the key group; waiting until CloudFront knows it everywhere")
            self._wait(keys.group_id)
            if self._next() != pem:
                raise OpsError("Another rotation ended meanwhile; `--status` says what is.")
            self.ssm.put_parameter(
                Name=self.settings.cdn_key_parameter,
                Value=keyring.write_cdn_key(key_id, pem),
                Type="SecureString",
                Overwrite=True,
            )
            self.progress(f"{key_id}: signs from now on, everywhere within {keyring.CDN_KEY_LIFE // 60} minutes")
        # Last: as long as it is there, a next run knows that this one is not done.
        with suppress(self.ssm.exceptions.ParameterNotFound):  # another run was quicker
            self.ssm.delete_parameter(Name=signing_key.next_key_parameter(self.stage))
        self.progress("the old key stays live: `rotate-keys --status` says until when it is needed")

    def retire(self, *, at_once: bool = False) -> None:
        """Takes the old keys out of the group and deletes them; with `at_once`, also what they signed ends.

        Raises
        ------
        OpsError
            Something that they signed may still be good.
        """
        keys = self.look()
        if not keys.old:
            self.progress("there is no old key")
            return
        over = self.over(keys)
        if set(keys.old) & set(keys.in_group):
            if datetime.now(UTC) < over and not at_once:
                raise OpsError(
                    f"What {', '.join(keys.old)} signed may be good until {_moment(over)}: run this again then, or "
                    "with --retire --now if it must end at once."
                )
            self.cloudfront.update_key_group(
                Id=keys.group_id,
                IfMatch=self.cloudfront.get_key_group(Id=keys.group_id)["ETag"],
                KeyGroupConfig={
                    "Name": signing_key.group_name(self.stage, self.region),
                    "Items": [key for key in keys.in_group if key not in keys.old],
                },
            )
        for key in keys.old:
            etag = self.cloudfront.get_public_key(Id=key)["ETag"]
            self.cloudfront.delete_public_key(Id=key, IfMatch=etag)
            self.progress(f"{key}: deleted")

    def _wait(self, group_id: str) -> None:
        deadline = time.monotonic() + DEPLOYED_TIMEOUT
        while self._settling(group_id):
            if time.monotonic() > deadline:
                raise OpsError(
                    f"CloudFront has not deployed the change in {DEPLOYED_TIMEOUT // 60} minutes. Nothing is lost: "
                    "private addresses are signed with the present key; run this again to go on."
                )
            time.sleep(PAUSE)

    def _settling(self, group_id: str) -> bool:
        distribution = self.cloudfront.get_distribution(Id=self.settings.distribution_id)["Distribution"]
        if distribution["Status"] != "Deployed":
            return True
        if not self.settle:
            return False
        changed = self.cloudfront.get_key_group(Id=group_id)["KeyGroup"]["LastModifiedTime"]
        return datetime.now(UTC) - changed < timedelta(seconds=self.settle)


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
