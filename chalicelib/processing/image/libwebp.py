"""Calls libwebp itself, the one that Pillow's wheel brings, for still WebPs. Pixels and bytes are the same as Pillow's.

Pillow decodes every WebP as an animation: into a canvas, then a second one, then a copy, then its image. For encoding
it copies the pixels to ARGB, which libwebp converts to YUV. Here the decoder writes the image's own memory, and the
encoder converts from it. A tenth to a fifth of the time is saved, and two thirds of a decoder's memory.

The structures are those of libwebp's public headers (decode.h, encode.h, 1.6.0), which it checks by their versions.
Without the library, as in a Pillow that was built from source, Pillow does the work.
"""

from __future__ import annotations

import ctypes
import struct
from functools import lru_cache
from pathlib import Path
from typing import Any

import PIL
from PIL import Image

_ABI = 0x0210  # of both headers; the library refuses another upper byte
_MODE_RGBA = 1  # WEBP_CSP_MODE
_NO_MEMORY = (1, 2)  # WebPEncodingError
_MAX_SIDE = 16383  # pixels
_RIFF, _HAS_EXIF = 12, 0x08  # bytes before the first chunk; a flag of the chunk VP8X

_int, _pointer = ctypes.c_int, ctypes.c_void_p


class _Features(ctypes.Structure):
    """WebPBitstreamFeatures."""

    _fields_ = (
        *((name, _int) for name in ("width", "height", "has_alpha", "has_animation", "format")),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Output(ctypes.Structure):
    """WebPDecBuffer, whose union is for RGB here."""

    _fields_ = (
        *((name, _int) for name in ("colorspace", "width", "height", "is_external_memory")),
        ("pixels", _pointer),
        ("stride", _int),
        ("size", ctypes.c_size_t),
        ("rest", ctypes.c_uint8 * 56),
        ("pad", ctypes.c_uint32 * 4),
        ("private_memory", _pointer),
    )


class _Decoding(ctypes.Structure):
    """WebPDecoderConfig."""

    _fields_ = (
        ("input", _Features),
        ("output", _Output),
        ("unused", _int * 10),
        ("use_threads", _int),
        ("more", _int * 3),
        ("pad", ctypes.c_uint32 * 5),
    )


class _Encoding(ctypes.Structure):
    """WebPConfig."""

    _fields_ = (("lossless", _int), ("quality", ctypes.c_float), ("method", _int), ("more", _int * 26))


class _Picture(ctypes.Structure):
    """WebPPicture."""

    _fields_ = (
        *((name, _int) for name in ("use_argb", "colorspace", "width", "height")),
        ("planes", _pointer * 3),
        ("strides", _int * 2),
        ("alpha", _pointer),
        ("alpha_stride", _int),
        ("pad1", ctypes.c_uint32 * 2),
        ("argb", _pointer),
        ("argb_stride", _int),
        ("pad2", ctypes.c_uint32 * 3),
        ("writer", _pointer),
        ("custom", _pointer),
        ("extra_type", _int),
        ("extra", _pointer),
        ("stats", _pointer),
        ("error", _int),
        ("hook", _pointer),
        ("user_data", _pointer),
        ("pad3", ctypes.c_uint32 * 3),
        ("pad4", _pointer * 2),
        ("pad5", ctypes.c_uint32 * 8),
        ("memory", _pointer * 2),
        ("pad6", _pointer * 2),
    )


class _Writer(ctypes.Structure):
    """WebPMemoryWriter."""

    _fields_ = (
        ("memory", _pointer),
        ("size", ctypes.c_size_t),
        ("room", ctypes.c_size_t),
        ("pad", ctypes.c_uint32),
    )


class _ArrowArray(ctypes.Structure):
    """The beginning of ArrowArray (the Arrow C data interface)."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("length", "nulls", "offset", "buffer_count", "child_count")),
        ("buffers", ctypes.POINTER(_pointer)),
        ("children", ctypes.POINTER(_pointer)),
    )


@lru_cache(maxsize=1)
def _library() -> Any:
    """None if there is no libwebp of these structures beside Pillow."""
    found = list(Path(PIL.__file__).parent.parent.glob("pillow.libs/libwebp-*.so*"))
    if len(found) != 1:
        return None
    library = ctypes.CDLL(str(found[0]))
    library.WebPGetFeaturesInternal.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(_Features), _int]
    library.WebPDecode.argtypes = [_pointer, ctypes.c_size_t, ctypes.POINTER(_Decoding)]
    library.WebPConfigInitInternal.argtypes = [ctypes.POINTER(_Encoding), _int, ctypes.c_float, _int]
    for name in ("WebPPictureImportRGBX", "WebPPictureImportRGBA"):
        getattr(library, name).argtypes = [ctypes.POINTER(_Picture), _pointer, _int]
    known = library.WebPInitDecoderConfigInternal(ctypes.byref(_Decoding()), _ABI)
    known = known and library.WebPPictureInitInternal(ctypes.byref(_Picture()), _ABI)
    return library if known else None


def features(data: bytes) -> tuple[int, int, bool] | None:
    """Width, height, and if there is alpha. None for an animation, and for what libwebp does not read."""
    library, found = _library(), _Features()
    if not library or library.WebPGetFeaturesInternal(data, len(data), ctypes.byref(found), _ABI) != 0:
        return None
    return None if found.has_animation else (found.width, found.height, bool(found.has_alpha))


def decoded(data: bytes, coded: slice, size: tuple[int, int], mode: str) -> Any:
    """The pixels of a still of this size, a Pillow core image in RGB or RGBA. None if libwebp can't decode it.

    `coded` is where the chunks of the pixels are. What follows them is no part of them, however damaged they are.
    """
    library, decoding = _library(), _Decoding()
    start = (ctypes.cast(ctypes.c_char_p(data), _pointer).value or 0) + coded.start
    if not library.WebPInitDecoderConfigInternal(ctypes.byref(decoding), _ABI):
        return None
    pixels = bytearray(4 * size[0] * size[1])
    output = decoding.output
    output.colorspace, output.is_external_memory = _MODE_RGBA, 1
    output.pixels = ctypes.addressof(ctypes.c_char.from_buffer(pixels))
    output.stride, output.size = 4 * size[0], len(pixels)
    decoding.use_threads = 1  # its filter runs beside it
    if library.WebPDecode(start, coded.stop - coded.start, ctypes.byref(decoding)) != 0:
        return None
    return Image.core.map_buffer(pixels, size, "raw", 0, (mode, 0, 1))  # type: ignore[attr-defined]  # keeps them


def encoded(image: Image.Image, quality: int, effort: int, exif: bytes = b"") -> bytes | None:
    """The still WebP of an RGB or RGBA image. None if Pillow has to make it. Raises MemoryError."""
    library = _library()
    if not library or image.mode not in ("RGB", "RGBA") or max(image.size) > _MAX_SIDE:
        return None
    encoding, picture, writer = _Encoding(), _Picture(), _Writer()
    if not library.WebPConfigInitInternal(ctypes.byref(encoding), 0, float(quality), _ABI):
        return None
    library.WebPPictureInitInternal(ctypes.byref(picture), _ABI)
    library.WebPMemoryWriterInit(ctypes.byref(writer))
    encoding.method = effort
    picture.width, picture.height = image.size
    picture.writer = ctypes.cast(library.WebPMemoryWrite, _pointer)
    picture.custom = ctypes.addressof(writer)
    pixels, holder = _pixels(image)
    take = library.WebPPictureImportRGBA if image.mode == "RGBA" else library.WebPPictureImportRGBX
    try:
        done = take(ctypes.byref(picture), pixels, 4 * image.width)
        del holder
        done = done and library.WebPEncode(ctypes.byref(encoding), ctypes.byref(picture))
        if not done and picture.error in _NO_MEMORY:
            raise MemoryError
        made = ctypes.string_at(writer.memory, writer.size) if done else None
    finally:
        library.WebPPictureFree(ctypes.byref(picture))
        library.WebPMemoryWriterClear(ctypes.byref(writer))
    return _with_exif(made, exif, image) if made and exif else made


def _pixels(image: Image.Image) -> tuple[int, object]:
    """The address of the pixels, four bytes each, row by row, and what keeps them there: the image, or else a copy."""
    try:
        capsule = image.__arrow_c_array__()[1]
    except ValueError:  # the image's memory is in several blocks, as above 16 MiB
        copy = image.tobytes("raw", "RGBX" if image.mode == "RGB" else image.mode)
        return ctypes.cast(ctypes.c_char_p(copy), _pointer).value or 0, copy
    address = ctypes.pythonapi.PyCapsule_GetPointer
    address.restype, address.argtypes = _pointer, (ctypes.py_object, ctypes.c_char_p)
    pixels = _ArrowArray.from_address(address(capsule, b"arrow_array"))  # a list of four-byte lists
    return ctypes.cast(pixels.children[0], ctypes.POINTER(_ArrowArray)).contents.buffers[1], capsule


def _with_exif(webp: bytes, exif: bytes, image: Image.Image) -> bytes:
    """The file with an EXIF block, as libwebp's muxer would write it (RFC 9649, 2.7)."""
    flags, chunks = _HAS_EXIF, webp[_RIFF:]
    if chunks[:4] == b"VP8X":
        flags, chunks = flags | chunks[8], chunks[18:]
    exif = exif.removeprefix(b"Exif\0\0")
    size = b"".join((side - 1).to_bytes(3, "little") for side in image.size)
    chunks = b"VP8X" + struct.pack("<II", 10, flags) + size + chunks
    chunks += b"EXIF" + struct.pack("<I", len(exif)) + exif + bytes(len(exif) & 1)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks
