"""`python -m ops rotate-keys`: replaces the key that signs private addresses. No address stops working.

1. A new key pair (ECDSA) is made. Its private half is stored in SSM beside the present one; its public half joins the
   stage's key group.
2. When CloudFront knows the new key everywhere, the new private key and its id replace the present ones in one write.
   The functions use it within `keyring.CDN_KEY_LIFE` seconds. An RSA key stays in the value, before the new key: the
   release before this one knows no other kind.
3. When everything that the old key signed has expired, `--retire` takes it out of the group, deletes it, and takes the
   RSA key out of the value.

Nothing is remembered between runs: each run reads from SSM and CloudFront how far the last one came, and continues.
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

# Seconds between a change of the key group and the first signature with the new key. CloudFront does not document how
# soon a change is known everywhere, nor whether the distribution's status shows it. It may be long: nobody waits.
SETTLE = 300
DEPLOYED_TIMEOUT = 1800  # seconds; a distribution usually takes less than five minutes
PAUSE = 5.0  # seconds between two looks at it


EXAMPLES = (
    "rotate-keys --stage prod",
    "rotate-keys --stage prod --status",
    "rotate-keys --stage prod --retire",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    config.add_stage_arguments(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--status", action="store_true", help="change nothing, only show the keys")
    what.add_argument(
        "--retire", action="store_true", help="delete the old key, if everything that it signed has expired"
    )
    parser.add_argument(
        "--now", action="store_true", help="with --retire: do not wait for that, for example after a key has leaked"
    )


def main(args: argparse.Namespace) -> int:
    say = partial(print, flush=True)
    if args.now and not args.retire:
        raise OpsError("--now can only be used together with --retire.")
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
    """The longest time for which a signature that is made now is valid."""
    return timedelta(seconds=max(2 * settings.url_expiry, settings.max_url_expiry))


@dataclass(frozen=True)
class Keys:
    """A stage's keys: CloudFront's ids of public keys, except `next_pem`."""

    group_id: str
    in_group: tuple[str, ...]
    signing: str
    kind: str  # of the signing key
    stored: tuple[keyring.CdnKey, ...]  # the private keys; the last one signs
    since: datetime  # when the signing key was stored
    next_pem: str | None  # the next private key, stored in SSM
    next: str | None  # its public half, if CloudFront has it already
    old: tuple[str, ...]  # keys of this stage that do not sign any more, in the group or not


@dataclass(frozen=True)
class Rotation:
    """Rotates the keys of one stage. `settle`: seconds from a change of the group to the first use of its new key."""

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
        """Reads the present keys from SSM and CloudFront.

        Raises
        ------
        OpsError
            The stored key can't sign: CloudFront does not have it, or has it under another id.
        """
        again = f"run `python -m ops provision --stage {self.stage}` first"
        try:
            stored = self.ssm.get_parameter(Name=self.settings.cdn_key_parameter, WithDecryption=True)["Parameter"]
        except self.ssm.exceptions.ParameterNotFound:
            raise OpsError(f"SSM has no {self.settings.cdn_key_parameter}: {again}.") from None
        private = keyring.read_cdn_keys(stored["Value"].encode(), self.settings.cdn_key_id)
        signing = private[-1].id
        group = signing_key.find_key_group(self.cloudfront, self.stage, self.region)
        found = signing_key.find_public_key(self.cloudfront, signing_key.public_half(stored["Value"]))
        if group is None or signing != found or signing not in group["KeyGroupConfig"]["Items"]:
            raise OpsError(f"CloudFront would refuse this stage's signatures (key {signing}): {again}.")
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
            kind=signing_key.kind_of(private[-1].pem),
            stored=private,
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
        """When everything has expired that was signed with a key before the present one."""
        return keys.since + timedelta(seconds=keyring.CDN_KEY_LIFE) + longest_signature(self.settings)

    def tell(self) -> None:
        """Reports the keys."""
        keys = self.look()
        self.progress(f"{keys.signing} ({keys.kind}): has been signing since {_moment(keys.since)}")
        if signing_key.is_rsa(keys.stored[-1].pem) and not keys.next_pem:
            self.progress("a rotation would replace it by an ECDSA key, whose addresses are shorter")
        if keys.next_pem and keys.next != keys.signing:
            self.progress(f"{keys.next or 'a new key'}: will sign next; run this without --status to continue")
        for key in keys.old:
            if key in keys.in_group:
                over = _moment(self.over(keys))
                self.progress(f"{key}: does not sign any more; its signatures expire by {over}, then run --retire")
            else:
                self.progress(f"{key}: is in no key group; --retire deletes it")
        for key in keys.in_group:
            if key not in (keys.signing, keys.next, *keys.old):
                self.progress(f"{key}: was not made by ops, so it is left alone")

    def rotate(self) -> None:
        """Replaces the signing key, or finishes a rotation that was interrupted.

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
            self.progress("continuing the rotation that was begun")
            pem = keys.next_pem
        if keys.next != keys.signing:
            key_id = signing_key.ensure_key_group(self.cloudfront, self.stage, self.region, pem).key_id
            self.progress(f"{key_id}: is in the key group; waiting until CloudFront knows it everywhere")
            self._wait(keys.group_id)
            if self._next() != pem:
                raise OpsError("Another rotation has ended meanwhile. Run this with --status to see the keys.")
            self.ssm.put_parameter(
                Name=self.settings.cdn_key_parameter,
                Value=keyring.write_cdn_keys(
                    *(key for key in keys.stored[-1:] if signing_key.is_rsa(key.pem)),
                    keyring.CdnKey(key_id, pem.encode()),
                ),
                Type="SecureString",
                Overwrite=True,
            )
            self.progress(
                f"{key_id}: signs from now on; every function uses it in {keyring.CDN_KEY_LIFE // 60} minutes"
            )
        # This comes last: while the parameter exists, the next run knows that this one has not finished.
        with suppress(self.ssm.exceptions.ParameterNotFound):  # another run was faster
            self.ssm.delete_parameter(Name=signing_key.next_key_parameter(self.stage))
        with suppress(self.ssm.exceptions.ParameterNotFound):  # of a rotation that the release before this one began
            self.ssm.delete_parameter(Name=signing_key.former_next_key_parameter(self.stage))
        self.progress("the old key is still valid: `rotate-keys --status` tells until when it is needed")

    def retire(self, *, at_once: bool = False) -> None:
        """Takes the old keys out of the group and deletes them. With `at_once`, valid signatures of theirs end, too.

        Raises
        ------
        OpsError
            Signatures of the old keys may still be valid.
        """
        keys = self.look()
        if not keys.old:
            self._forget_former(keys)
            self.progress("there is no old key")
            return
        over = self.over(keys)
        if set(keys.old) & set(keys.in_group):
            if datetime.now(UTC) < over and not at_once:
                raise OpsError(
                    f"Signatures of {', '.join(keys.old)} may be valid until {_moment(over)}. Run this again after "
                    "that, or with --retire --now if they must end at once."
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
        self._forget_former(keys)

    def _forget_former(self, keys: Keys) -> None:
        """Takes the RSA key out of the stored value. This comes last, because the write sets `since` anew."""
        if len(keys.stored) > 1:
            self.ssm.put_parameter(
                Name=self.settings.cdn_key_parameter,
                Value=keyring.write_cdn_keys(keys.stored[-1]),
                Type="SecureString",
                Overwrite=True,
            )

    def _wait(self, group_id: str) -> None:
        deadline = time.monotonic() + DEPLOYED_TIMEOUT
        while self._settling(group_id):
            if time.monotonic() > deadline:
                raise OpsError(
                    f"CloudFront has not deployed the change within {DEPLOYED_TIMEOUT // 60} minutes. Nothing is lost: "
                    "private addresses are signed with the present key. Run this again to continue."
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
