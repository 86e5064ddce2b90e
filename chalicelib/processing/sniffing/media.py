"""Films, sound and bitmaps that no fixed first bytes tell: their own structure does."""

from __future__ import annotations

from chalicelib.processing.sniffing.text import is_text

RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}

CR3 = "image/x-canon-cr3"
"""Canon's raw files."""

# ISO base media files: the major brand decides. Where it only says "any HEIF", the compatible brands decide.
BRANDS = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"qt  ": "video/quicktime",
    b"jp2 ": "image/jp2",
    b"jpx ": "image/jp2",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"),
    # HEIF with another codec: H.264, JPEG, HTJ2K (https://www.iana.org/assignments/media-types, image)
    b"avci": "image/avci",
    b"avcs": "image/avcs",
    b"jpeg": "image/heif",
    b"jpgs": "image/heif",
    b"j2ki": "image/hej2k",
    b"crx ": CR3,
}
_SHORT_HEIF = b"mif3"
_ANY_HEIF = (b"mif1", b"mif2", b"msf1", b"miaf")
_RIFF = (b"RIFF", b"RF64", b"BW64")  # the latter two have sizes of 64 bits (EBU Tech 3306, ITU-R BS.2088)
_FRAGMENT_BOXES = (b"styp", b"sidx", b"moof", b"emsg", b"prft", b"pdin")
_FILMS = (b"iso", b"mp4", b"avc1", b"M4", b"m4", b"3g", b"dash", b"F4", b"f4", b"MSNV", b"XAVC", b"qt")
_OLD_QUICKTIME_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
_BMP_HEADER_SIZES = (12, 16, 40, 52, 56, 64, 108, 124)

AIFF, AAC = "audio/aiff", "audio/aac"

# Frames of ADTS that must follow each other. One has at most 8,191 bytes, and mostly less than 800.
_ADTS_FRAMES = 2

TRANSPORT = "video/mp2t"
"""MPEG transport streams: television, and cameras with AVCHD."""

PROGRAM = "video/mpeg"
"""MPEG program streams: DVD, and files of old cameras and capture cards."""

PICTURES = "video/mpv"
"""MPEG's pictures alone, without times."""

# Packets of a transport stream: how long each is, and where its sync byte may stand in it. The first is the standard's
# (ISO/IEC 13818-1). Cameras and Blu-ray put four bytes with the time before each packet, and DVB 16 with a checksum
# behind it.
_PACKETS = ((188, 0), (192, 4), (204, 0))
_SYNC = 0x47
_LEAST_PACKETS = 5
_SURE_PACKETS = 10  # of a recording that begins in the middle of a packet


def riff(head: bytes) -> str | None:
    """WebP, WAV and AVI: one container, whose form stands at byte 8."""
    return RIFF.get(head[8:12]) if head.startswith(_RIFF) else None


def aiff(head: bytes) -> str | None:
    """Apple's AIFF, and AIFF-C, whose samples may be packed."""
    return AIFF if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC") else None


def adts(head: bytes) -> str | None:
    """AAC in frames of ADTS (ISO/IEC 13818-7, 6.2), each exactly after the other, perhaps after an ID3v2 tag."""
    at = _after_id3(head)
    for _ in range(_ADTS_FRAMES):
        frame = head[at : at + 6]
        # The sync word, the layer 0, and a sampling rate that exists. The next frame begins with the same three bytes.
        if len(frame) < 6 or frame[0] != 0xFF or frame[1] & 0xF6 != 0xF0 or frame[2] >> 2 & 15 > 12:
            return None
        length = (frame[3] & 3) << 11 | frame[4] << 3 | frame[5] >> 5
        following = head[at + length : at + length + 3]
        if length < 7 or following[:2] != frame[:2] or following[2:] != frame[2:3]:
            return None
        at += length
    return AAC


def _after_id3(head: bytes) -> int:
    """Where the sound begins."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def iso_media(head: bytes) -> str | None:
    """MP4, QuickTime, AVIF, HEIC …: boxes of size, type and content (ISO/IEC 14496-12), since 2001 `ftyp` first."""
    box = head[4:8]
    if box in _OLD_QUICKTIME_BOXES:  # a word of text would have letters before it, too
        return "video/quicktime" if head[0] < 9 or b"\0" in head[:64] else None
    if box in _FRAGMENT_BOXES:
        return "video/mp4" if head[0] == 0 else None
    if box != b"ftyp" or head[:2] != b"\0\0":
        return None
    size = int.from_bytes(head[:4])
    major, compatible = head[8:12], [head[n : n + 4] for n in range(16, min(size, len(head)) - 3, 4)]
    if major == _SHORT_HEIF:  # the minor version is the codec's brand
        return BRANDS.get(head[12:16], "image/heic")
    if major in BRANDS:
        return BRANDS[major]
    # A brand that nobody knows is that of a picture if the file says that readers of pictures may open it.
    if major in _ANY_HEIF or (not major.startswith(_FILMS) and any(brand in _ANY_HEIF for brand in compatible)):
        return next((BRANDS[brand] for brand in compatible if brand in BRANDS), "image/heic")
    return "video/mp4"


def bmp(head: bytes) -> str | None:
    """Many texts begin with "BM", so the header's own size, at byte 14, must be one that exists."""
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADER_SIZES:
        return "image/bmp"
    return None


def ico(head: bytes) -> str | None:
    """An icon has pictures, whose bytes come after the list of them. Resource forks of old Macs begin like it.

    A cursor (2) is an icon with a point that clicks.
    """
    if not head.startswith((b"\0\0\x01\0", b"\0\0\x02\0")):
        return None
    count, offset = int.from_bytes(head[4:6], "little"), int.from_bytes(head[18:22], "little")
    return "image/x-icon" if count and offset >= 6 + 16 * count else None


def emf(head: bytes) -> str | None:
    """Windows' drawings. Office for Mac puts a PDF into them, right at the beginning."""
    return "image/emf" if head[:4] == b"\1\0\0\0" and head[40:44] == b" EMF" else None


def transport(head: bytes) -> str | None:
    """A sync byte at the beginning of each packet, which is the letter G: so a text that may be one is none."""
    found = packets_of(head)
    return TRANSPORT if found and not is_text(head) else None


def program(head: bytes) -> str | None:
    """A pack header of MPEG-2 or MPEG-1, or a sequence header of their pictures (ISO/IEC 13818-1 and -2, 11172)."""
    if head.startswith(b"\0\0\1\xba") and len(head) > 14:
        return PROGRAM if head[4] & 0xC4 == 0x44 or head[4] & 0xF1 == 0x21 else None
    return PICTURES if head.startswith(b"\0\0\1\xb3") and len(head) > 12 else None


def packets_of(head: bytes) -> tuple[int, int] | None:
    """(bytes of a packet, where the first sync byte is) of a transport stream's first 4,096 bytes; None for others.

    A recording may begin in the middle of a packet. Then more of them must agree.
    """
    for length, place in _PACKETS:
        if _agree(head, place, length, _LEAST_PACKETS):
            return length, place
    for length, _ in _PACKETS:
        for place in range(length):
            if _agree(head, place, length, _SURE_PACKETS):
                return length, place
    return None


def _agree(head: bytes, place: int, length: int, least: int) -> bool:
    seen = head[place::length]
    if len(seen) < least or seen.count(_SYNC) != len(seen):
        return False
    # The fourth byte says if there is a payload, or an adaptation field, or both. One of them is there.
    flags = head[place + 3 :: length]
    return 2 * sum(bool(flag & 0x30) for flag in flags) > len(flags)


def mp3(head: bytes) -> str | None:
    """MP3 begins with an ID3v2 tag, or has two MPEG audio frames (layer II or III) one exactly after the other."""
    if head[:3] == b"ID3" and head[3:4] in (b"\2", b"\3", b"\4") and max(head[6:10], default=255) < 128:
        return "audio/mpeg"
    at = head.find(b"\xff")
    while at >= 0:
        length = _mpeg_frame(head[at : at + 4])
        following = head[at + length : at + length + 4]
        # All frames have one version and one layer; bit rate and padding may change.
        if length and following[:2] == head[at : at + 2] and _mpeg_frame(following):
            return "audio/mpeg"
        at = head.find(b"\xff", at + 1)
    return None


def has_frame_sync(head: bytes) -> bool:
    """True if a frame of MPEG audio may begin in these bytes, of any layer and bit rate."""
    at = head.find(b"\xff")
    while at >= 0:
        if head[at + 1 : at + 2] >= b"\xe2" and head[at + 1 : at + 2] != b"\xff":
            return True
        at = head.find(b"\xff", at + 1)
    return False


# kbit/s by four bits of the header. Keys: whether it is MPEG-1 (else MPEG-2 or 2.5), and the layer.
_BIT_RATES = {
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _mpeg_frame(header: bytes) -> int:
    """Length in bytes of the MPEG audio frame with this header (ISO/IEC 11172-3); 0 when this is no such header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    rate = header[2] >> 2 & 3
    if version not in _SAMPLE_RATES or layer not in (2, 3) or rate == 3:
        return 0
    bits = _BIT_RATES[version == 3, layer][header[2] >> 4] * 1000
    samples = 72 if version != 3 and layer == 3 else 144
    return samples * bits // _SAMPLE_RATES[version][rate] + (header[2] >> 1 & 1) if bits else 0
