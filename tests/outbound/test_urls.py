"""The text of a URL: which may be asked for, and how the request spells it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from chalicelib.model import ErrorCode
from chalicelib.outbound.addresses import networks
from chalicelib.outbound.errors import RefusedError
from chalicelib.outbound.urls import check_url

REFUSED_URLS = [
    # IPv4, as every inet_aton takes it
    "http://127.0.0.1/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.0.1/",
    "http://0/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0X7F.1/",
    "http://0x7f.0x0.0x0.0x1/",
    "http://0177.0.0.01/",
    "http://127.0.0.1:8080/",
    "http://169.254.169.254/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://169.254.43518/",
    "http://169.254.169.254.xn--/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://999.999.999.999/",
    "http://1.2.3.4.5/",
    "http://example.0x/",
    "http://93.184.216.34/",
    # in characters that become digits and dots
    "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://%31%32%37.0.0.1/",
    # IPv6, and IPv4 in it
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:0:127.0.0.1]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[64:ff9b:1::10.0.0.1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:4136:e378:8000:63bf:80ff:fffe]/",
    "http://[2600::5efe:10.0.0.1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[fd00:ec2::254]/",
    "http://[2606:2800:220:1:248:1893:25c8:1946]/",
    "http://[v1.x]/",
    # not http
    "file:///etc/passwd",
    "ftp://example.com/a",
    "gopher://example.com/",
    "data:image/png;base64,AAAA",
    "//example.com/a",
    "example.com/a",
    "",
    "http:example.com",
    "http:///etc/passwd",
    "http://:80/",
    # one thing to one parser, another to the next
    "http://example.com@127.0.0.1/",
    "http://user:password@example.com/",
    "http://@example.com/",
    "http://example.com\\@127.0.0.1/",
    "http://127.0.0.1\\.example.com/",
    "http://example.com/\r\nHost: 127.0.0.1",
    "http://exa\tmple.com/",
    " http://example.com/",
    "http://example.com/\x00",
    "http://exa mple.com/",
    "http://example.com:80:81/",
    "http://[::1",
    "http://ex\ud800.com/",
    # names and ports
    "http://-example.com/",
    "http://example..com/",
    f"http://{'a' * 64}.com/",
    f"http://{'a.' * 127}com/",
    "http://bü\u200bcher..example/",
    "http://example.com:22/",
    "http://example.com:25/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:-1/",
    "http://example.com:\uff18\uff10/",
    "http://example.com/" + "a" * 2048,
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_is_refused_before_anything_is_looked_up(url: str) -> None:
    with pytest.raises(RefusedError) as refused:
        check_url(url)
    assert refused.value.code is ErrorCode.SOURCE_REFUSED


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://example.com", "example.com", "/"),
        ("https://EXAMPLE.com./a%20b?c=%2F&d#e", "example.com", "/a%20b?c=%2F&d"),
        ("http://example.com:80/a", "example.com", "/a"),
        ("https://example.com:8443/a", "example.com:8443", "/a"),
        ("http://example.com:443/a", "example.com:443", "/a"),
        ("https://example.com?x=1", "example.com", "/?x=1"),
        ("https://bücher.example/ä b", "xn--bcher-kva.example", "/%C3%A4%20b"),
        ("https://faß.de/", "xn--fa-hia.de", "/"),
        ("https://my_bucket.s3.example.com/a", "my_bucket.s3.example.com", "/a"),
        ("https://127.0.0.1.example.com/", "127.0.0.1.example.com", "/"),
    ],
)
def test_a_url_is_asked_for_as_it_was_written_but_for_what_http_takes_only_escaped(
    url: str, authority: str, path: str
) -> None:
    target = check_url(url)
    assert (target.authority, target.path) == (authority, path)
    assert target.url.isascii()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.com/a/IMG%201.jpg?size=2", "IMG 1.jpg"),
        ("https://example.com/%E7%8C%AB.jpg", "猫.jpg"),
        ("https://example.com/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("https://example.com/a%5Cb%0A.jpg", "b.jpg"),
        ("https://example.com/", "example.com"),
        ("https://example.com/%2e%2e", "example.com"),
        ("https://example.com/" + "a" * 300, "a" * 255),
    ],
)
def test_a_file_without_a_name_gets_the_one_in_its_url(url: str, name: str) -> None:
    assert check_url(url).filename == name


def test_an_address_in_numbers_is_accepted_in_an_operators_networks_only() -> None:
    allowed = networks("10.1.0.0/16, fd12::/16")
    assert check_url("http://10.1.2.3:9000/a", allowed).literal == ip_address("10.1.2.3")
    assert check_url("http://[fd12::1]/a", allowed).authority == "[fd12::1]"
    for other in ("http://10.2.0.1/", "http://0x0a010203/", "http://[::ffff:10.1.2.3]/", "http://8.8.8.8/"):
        with pytest.raises(RefusedError):
            check_url(other, allowed)


def host_of(characters: int) -> str:
    """A host's name of so many characters, in labels of at most 63."""
    labels = "a" * 63 + "."
    return (labels * 4)[:characters].rstrip(".").ljust(characters, "a")


@pytest.mark.parametrize(
    ("within", "beyond"),
    [
        ("https://example.com/".ljust(2048, "a"), "https://example.com/".ljust(2049, "a")),
        (f"https://{host_of(253)}/", f"https://{host_of(254)}/"),
        (f"https://{'a' * 63}.com/", f"https://{'a' * 64}.com/"),
        ("https://example.com:1024/", "https://example.com:1023/"),
        ("https://example.com:65535/", "https://example.com:65536/"),
        ("https://example.com:80/", "https://example.com:81/"),
        ("http://example.com:443/", "http://example.com:442/"),
    ],
)
def test_a_url_may_fill_each_bound_and_not_exceed_it(within: str, beyond: str) -> None:
    assert check_url(within).url == within
    with pytest.raises(RefusedError):
        check_url(beyond)
