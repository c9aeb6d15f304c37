"""Names that strangers chose, made fit to be shown and to be used as file names."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import PurePosixPath

__all__ = ["decode_name", "legible", "safe_identifier", "safe_path"]

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 80


def decode_name(raw: bytes) -> str:
    """The text of a file name whose encoding nobody recorded, composed (NFC).

    Korean Windows writes CP949 (which contains EUC-KR) into zips, macOS writes decomposed UTF-8.
    """
    for encoding in ("utf-8", "cp949"):
        try:
            return unicodedata.normalize("NFC", raw.decode(encoding))
        except UnicodeDecodeError:
            continue
    return raw.decode("cp437")


def legible(text: str) -> str:
    """The text without control, formatting and unpaired characters, which could forge what a TA sees."""
    return "".join(" " if char in "\n\t" else char for char in text if _is_shown(char))


def _is_shown(char: str) -> bool:
    return char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def safe_identifier(name: str) -> str:
    """A file name for the results of a submission of this name; letters of every script stay.

    It never is empty, hidden, a device of Windows or longer than 80 bytes.
    """
    text = decode_name(os.fsencode(name)) if _has_surrogates(name) else unicodedata.normalize("NFC", name)
    text = "".join(char if _belongs_in_identifier(char) else "_" for char in text)
    text = re.sub(r"__+", "_", text).strip("._- ")
    text = text.encode()[:_LONGEST].decode("utf-8", "ignore").rstrip("._- ")
    return f"{text}_" if _RESERVED.fullmatch(text) else text or "submission"


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)


def _belongs_in_identifier(char: str) -> bool:
    return char in "-_.+@" or unicodedata.category(char)[0] in "LMN"


def safe_path(name: str) -> PurePosixPath | None:
    """The relative path that a name in an archive stands for, or None where it leads outside.

    Backslashes separate folders too, as archives of Windows have them.
    """
    text = unicodedata.normalize("NFC", name).replace("\\", "/")
    if "\0" in text or text.startswith("/") or re.match(r"[A-Za-z]:", text):
        return None
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return None if ".." in parts or not parts else PurePosixPath(*parts)
