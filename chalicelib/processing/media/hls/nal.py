"""H.264 and HEVC as MP4 stores them: NAL units with their lengths, configuration records, and names of codecs.

ITU-T H.264 annex B, ISO/IEC 14496-15, and RFC 6381 for the names.
"""

from __future__ import annotations

import struct

_SEI, _SPS, _PPS, _DELIMITER, _FILLER = 6, 7, 8, 9, 12
_IDR = 5

# HEVC (ITU-T H.265, table 7-1): pictures that depend on none before them. Others that are shown earlier may follow the
# first sort, and not the second.
_IDR_LED, IDR_ALONE = 19, 20
_ENTRIES = range(16, 22)
# Pictures that are stored behind such a one, and shown before it.
_LEADING = range(6, 10)
_PICTURES = {"h264": range(1, 6), "hevc": range(32)}
_HEVC_VPS, _HEVC_SPS, _HEVC_PPS = 32, 33, 34


def units(stream: bytes) -> list[bytes]:
    """The NAL units of a byte stream with start codes."""
    found = stream.split(b"\0\0\1")[1:]
    # A start code of four bytes leaves a zero behind the unit before it, and a unit never ends with one.
    return [unit.rstrip(b"\0") for unit in found if unit.rstrip(b"\0")]


def stored(stream: bytes) -> bytes:
    """An encoded H.264 picture with lengths instead of start codes, without what is in the init segment.

    The encoder's own remarks (SEI: its name and settings) are left out, too.
    """
    left_out = (_SEI, _SPS, _PPS, _DELIMITER, _FILLER)
    kept = [unit for unit in units(stream) if unit[0] & 0x1F not in left_out]
    return b"".join(struct.pack(">I", len(unit)) + unit for unit in kept)


def is_whole(packet: bytes, config: bytes, codec: str) -> bool:
    """True for a stored packet that consists of NAL units, each with its length before it, up to its end.

    `config` is the configuration record of the `codec`, `h264` or `hevc`. A browser gives up a film at another packet.
    """
    digits = _digits(config, codec)
    at = 0
    while at + digits < len(packet):
        length = int.from_bytes(packet[at : at + digits])
        if not length:
            return False
        at += digits + length
    return at == len(packet) > 0


def first_slice(packet: bytes, config: bytes, codec: str) -> int | None:
    """The type of the first unit that is a part of a picture, and no parameter or remark; None if there is none.

    The packet may be cut off.
    """
    digits = _digits(config, codec)
    at = 0
    while at + digits < len(packet):
        first = packet[at + digits]
        sort = first >> 1 & 0x3F if codec == "hevc" else first & 0x1F
        if sort in _PICTURES[codec]:
            return sort
        at += digits + int.from_bytes(packet[at : at + digits])
    return None


def is_entry(sort: int | None, codec: str) -> bool:
    """True if a picture of this type depends on none before it. Those that are shown before it may do so."""
    return sort == _IDR if codec == "h264" else sort in _ENTRIES


def is_idr(sort: int | None, codec: str) -> bool:
    """True if neither the picture nor one that is stored behind it depends on any before it."""
    return sort == _IDR if codec == "h264" else sort in (_IDR_LED, IDR_ALONE)


def is_leading(sort: int | None) -> bool:
    """True for a picture of HEVC that is shown before the one where decoding began."""
    return sort in _LEADING


def _digits(config: bytes, codec: str) -> int:
    """Bytes of a unit's length."""
    return (config[21 if codec == "hevc" else 4] & 3) + 1


def has_sets(config: bytes, codec: str) -> bool:
    """True if a configuration record has parameter sets of each sort.

    A film that has them in its pictures only (`avc3`, `hev1`) does not play by a header without them.
    """
    try:
        return _hevc_sorts(config) >= {_HEVC_VPS, _HEVC_SPS, _HEVC_PPS} if codec == "hevc" else _has_avc_sets(config)
    except (IndexError, struct.error):
        return False


def _has_avc_sets(config: bytes) -> bool:
    sets, at = config[5] & 0x1F, 6
    for _ in range(sets):
        (length,) = struct.unpack_from(">H", config, at)
        at += 2 + length
    return sets > 0 and config[at] > 0


def _hevc_sorts(config: bytes) -> set[int]:
    """The sorts of NAL units of which there is one."""
    found, at = set(), 23
    for _ in range(config[22]):
        sort, count = struct.unpack_from(">BH", config, at)
        at += 3
        found |= {sort & 0x3F} if count else set()
        for _ in range(count):
            (length,) = struct.unpack_from(">H", config, at)
            at += 2 + length
    return found


def avc_config(stream: bytes) -> bytes:
    """The AVCDecoderConfigurationRecord of an encoder's header (8 bits, 4:2:0)."""
    found = units(stream)
    sps = [unit for unit in found if unit[0] & 0x1F == _SPS]
    pps = [unit for unit in found if unit[0] & 0x1F == _PPS]
    record = b"\x01" + sps[0][1:4] + b"\xff" + bytes([0xE0 | len(sps)])
    record += b"".join(struct.pack(">H", len(unit)) + unit for unit in sps)
    record += bytes([len(pps)]) + b"".join(struct.pack(">H", len(unit)) + unit for unit in pps)
    return record + (b"\xfd\xf8\xf8\0" if sps[0][1] in (100, 110, 122, 144) else b"")


def avc_name(config: bytes) -> str:
    """The name in CODECS, such as `avc1.64001f`."""
    return f"avc1.{config[1:4].hex()}"


def hevc_name(config: bytes) -> str:
    """The name in CODECS, such as `hvc1.2.4.L123.B0` (ISO/IEC 14496-15, annex E.3)."""
    space, tier, profile = config[1] >> 6, config[1] >> 5 & 1, config[1] & 0x1F
    (compatible,) = struct.unpack(">I", config[2:6])
    backwards = int(f"{compatible:032b}"[::-1], 2)
    constraints = config[6:12].rstrip(b"\0")
    parts = ["hvc1", f"{['', 'A', 'B', 'C'][space]}{profile}", f"{backwards:X}", f"{'LH'[tier]}{config[12]}"]
    return ".".join([*parts, *(f"{each:X}" for each in constraints)])


def aac_name(config: bytes) -> str:
    """The name in CODECS, such as `mp4a.40.2`."""
    kind = config[0] >> 3
    if kind == 31:
        kind = 32 + ((config[0] & 7) << 3 | config[1] >> 5)
    return f"mp4a.40.{kind}"
