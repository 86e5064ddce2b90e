"""The formats of Office, OpenDocument, EPUB and RTF: their content types, extensions and readers. Imports nothing."""

from __future__ import annotations

_OOXML = "application/vnd.openxmlformats-officedocument."
_ODF = "application/vnd.oasis.opendocument."
_WORD, _EXCEL, _POWERPOINT = (f"application/vnd.ms-{name}." for name in ("word", "excel", "powerpoint"))

# Content type: the usual extension, and the reader in the child.
DOCUMENTS = {
    f"{_OOXML}wordprocessingml.document": ("docx", "docx"),
    f"{_OOXML}wordprocessingml.template": ("dotx", "docx"),
    f"{_WORD}document.macroenabled.12": ("docm", "docx"),
    f"{_WORD}template.macroenabled.12": ("dotm", "docx"),
    f"{_ODF}text": ("odt", "odt"),
    f"{_ODF}text-template": ("ott", "odt"),
    "application/epub+zip": ("epub", "epub"),
    "application/rtf": ("rtf", "rtf"),
    "application/msword": ("doc", "old"),
}
SPREADSHEETS = {
    f"{_OOXML}spreadsheetml.sheet": ("xlsx", "xlsx"),
    f"{_OOXML}spreadsheetml.template": ("xltx", "xlsx"),
    f"{_EXCEL}sheet.macroenabled.12": ("xlsm", "xlsx"),
    f"{_EXCEL}template.macroenabled.12": ("xltm", "xlsx"),
    f"{_EXCEL}sheet.binary.macroenabled.12": ("xlsb", "xlsb"),
    f"{_ODF}spreadsheet": ("ods", "ods"),
    f"{_ODF}spreadsheet-template": ("ots", "ods"),
    "application/vnd.ms-excel": ("xls", "xls"),
}
PRESENTATIONS = {
    f"{_OOXML}presentationml.presentation": ("pptx", "pptx"),
    f"{_OOXML}presentationml.template": ("potx", "pptx"),
    f"{_OOXML}presentationml.slideshow": ("ppsx", "pptx"),
    f"{_POWERPOINT}presentation.macroenabled.12": ("pptm", "pptx"),
    f"{_POWERPOINT}template.macroenabled.12": ("potm", "pptx"),
    f"{_POWERPOINT}slideshow.macroenabled.12": ("ppsm", "pptx"),
    f"{_ODF}presentation": ("odp", "odp"),
    f"{_ODF}presentation-template": ("otp", "odp"),
    "application/vnd.ms-powerpoint": ("ppt", "old"),
}
FORMATS = {**DOCUMENTS, **SPREADSHEETS, **PRESENTATIONS}

IN_PACKAGES = frozenset(name for name, (_, reader) in FORMATS.items() if reader in ("docx", "xlsx", "xlsb", "pptx"))
"""The formats of Office that are zip archives."""

_OF_OFFICE = ("docx", "xlsx", "xlsb", "pptx", "xls", "old")
ENCRYPTABLE = {extension: each for each, (extension, reader) in FORMATS.items() if reader in _OF_OFFICE}
"""The content types of Office's formats, by their extensions. Only Office wraps its encrypted files in OLE."""
