"""The addresses of a file's renditions on the CDN, and the signatures that open private ones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from botocore.signers import CloudFrontSigner

from chalicelib import keyring
from chalicelib.model import File, Visibility, rendition_prefix
from chalicelib.settings import settings

# Signatures that a process remembers. Each rendition in a list of private files has one.
_REMEMBERED = 4096

_PLAYLIST = ".m3u8"


@dataclass(frozen=True)
class Access:
    """The way to a file's renditions. An address is `base_url` (ends in `/`), then a rendition's name, then `query`.

    For a public file `query` is empty; for a private one it is the signature, good until `expires_at`.
    """

    base_url: str
    query: str = ""
    expires_at: datetime | None = None

    def url(self, name: str) -> str:
        return self.base_url + name + (f"?{self.query}" if self.query else "")


def access_to(file: File, expires_in: int | None = None) -> Access | None:
    """The way to a file's renditions; None while it has none. One signature covers all of them.

    With `expires_in` (seconds) the signature is good for that long. Without it, the signature is good for one to two
    windows of `url_expiry` seconds and stays the same within a window, so that a page that is loaded twice finds its
    pictures in the browser's cache.
    """
    base_url = base_url_of(file)
    if base_url is None:
        return None
    if file.visibility is Visibility.PUBLIC:
        return Access(base_url)
    expires = _end(expires_in)
    # With checks, the pattern ends with the version. So it covers the address as the viewer writes it, with its check,
    # and as the function at the edge passes it on: CloudFront's documentation doesn't say which one is signed.
    end = "*" if settings().checked_addresses else "/*"
    resource = f"{settings().front_door}{_path(file, str(file.source_version))}{end}"
    return Access(base_url, sign(resource, expires), datetime.fromtimestamp(expires, UTC))


def _end(expires_in: int | None) -> int:
    """When a signature that is made now ends, in Unix seconds. `access_to` says what `expires_in` is."""
    present, window = int(time.time()), settings().url_expiry
    return present + expires_in if expires_in else (present // window + 2) * window


def urls_of(file: File, names: Iterable[str], expires_in: int | None = None) -> list[str]:
    """The addresses of some renditions of a file, in the order of `names`; empty while it has none.

    For a private file each has a signature of its own, which opens this one address. It is half as long as the one that
    opens all renditions, because CloudFront makes a canned policy from the address by itself. Nothing may be added to
    such an address. It has no check: nobody can invent an address that needs a signature. So the function at the edge
    leaves it as it is, and it doesn't matter on which side of the function CloudFront looks at the signature.

    A playlist's address opens all renditions, because players ask with its signature for what the playlist names.
    """
    base_url = base_url_of(file)
    if base_url is None:
        return []
    if file.visibility is Visibility.PUBLIC:
        return [base_url + name for name in names]
    key, expires = keyring.cdn_key(), _end(expires_in)
    base = f"{settings().front_door}{_path(file, str(file.source_version))}/"

    def url(name: str) -> str:
        if name.endswith(_PLAYLIST) and (access := access_to(file, expires_in)):
            return access.url(name)
        return f"{base}{name}?{sign_with(key, base + name, expires, canned=True)}"

    return [url(name) for name in names]


def base_url_of(file: File) -> str | None:
    """The beginning of the addresses of a file's renditions, with `/` at its end; None while it has none.

    It has a check, by which the edge knows that the address was not invented (docs/delivery.md).
    """
    if not file.all_renditions or not file.source_version:
        return None
    path = _path(file, file.source_version)
    check = f"-{keyring.address_check(path)}" if settings().checked_addresses else ""
    return f"{settings().front_door}{path}{check}/"


def _path(file: File, version: str) -> str:
    return f"/{rendition_prefix(file.visibility, file.id, version)}".rstrip("/")


@dataclass(frozen=True)
class Grant:
    """Lets a viewer fetch all renditions of a private file until `expires_at`, also those that are made later.

    `resource` is the pattern of the addresses that it covers. Either `query` is added to each address, or `cookies`
    are set: each is the value of one Set-Cookie header.
    """

    resource: str
    query: str
    cookies: tuple[str, ...]
    expires_at: datetime


def grant(file: File, expires_in: int, cookie_domain: str | None = None) -> Grant:
    """A grant for `expires_in` seconds. Its cookies are for the front door's host, or for all below `cookie_domain`."""
    front_door = settings().front_door
    path = f"/f/{Visibility.PRIVATE}/{file.id}/"
    expires = int(time.time()) + expires_in
    resource = f"{front_door}{path}*"
    query = sign(resource, expires)
    domain = f"; Domain={cookie_domain}" if cookie_domain else ""
    secure = "; Secure" if front_door.startswith("https:") else ""
    attributes = f"; Path={path}; Max-Age={expires_in}{domain}{secure}; HttpOnly; SameSite=Lax"
    cookies = (f"CloudFront-{parameter}{attributes}" for parameter in query.split("&"))
    return Grant(resource, query, tuple(cookies), datetime.fromtimestamp(expires, UTC))


def sign(resource: str, expires: int) -> str:
    """Query parameters that let a viewer fetch every address of the pattern `resource` until `expires` (Unix seconds).

    They carry a custom policy, because only that kind may have a wildcard. As cookies, their names begin with
    `CloudFront-`.
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-custom-policy.html
    """
    return sign_with(keyring.cdn_key(), resource, expires)


@lru_cache(maxsize=_REMEMBERED)
def sign_with(key: keyring.CdnKey, resource: str, expires: int, *, canned: bool = False) -> str:
    """Such query parameters, signed with this key. With `canned`, for the one address `resource`, which is no pattern.

    Raises TypeError for a key of a kind that CloudFront does not take.
    """
    signer, moment = _signer(key), datetime.fromtimestamp(expires, UTC)
    policy = {"date_less_than": moment} if canned else {"policy": signer.build_policy(resource, moment)}
    signed: str = signer.generate_presigned_url(resource, **policy)
    # Without this CloudFront takes the signature as one of SHA-1. botocore's signer does not know it.
    return f"{signed.rpartition('?')[2]}&Hash-Algorithm=SHA256"


@lru_cache(maxsize=1)
def _signer(signing: keyring.CdnKey) -> CloudFrontSigner:
    return CloudFrontSigner(signing.id, _sign(signing.pem))


def _sign(pem: bytes) -> Callable[[bytes], bytes]:
    """Signs with SHA-256 and a private key. https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_PublicKey.html

    The same message always gets the same signature, of ECDSA too (RFC 6979): else each process would give other
    addresses, and no browser would find a picture in its cache.
    """
    # Imported here, because it costs a cold start tens of milliseconds and only private files need it.
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key(pem, password=None)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        ecdsa = ECDSA(SHA256(), deterministic_signing=True)
        return lambda message: key.sign(message, ecdsa)
    if isinstance(key, RSAPrivateKey):
        return lambda message: key.sign(message, PKCS1v15(), SHA256())
    raise TypeError("the stage's CDN signing key is no key that CloudFront takes: run `python -m ops provision` again")
