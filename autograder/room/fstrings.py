"""f-strings as Python 3.12 reads them, for a room whose Python is older.

Since 3.12 an f-string may use its own quotes within its braces, and backslashes (PEP 701). Who wrote a
notebook there, on Colab for one, has done nothing wrong: what this Python refuses is written in a way that it
reads.
"""

from __future__ import annotations

import ast
import re

__all__ = ["readable"]

_STRING = re.compile(r"(rb|br|rf|fr|[rbuf])?('''|\"\"\"|'|\")", re.IGNORECASE)
_NAME = re.compile(r"\w+")
_MOST = 200_000
"""So many characters are looked at: no one writes such a cell by hand."""


class _Odd(Exception):
    """The text is no Python, or nothing that can be written for an older one."""


def readable(source: str) -> str:
    """This source with its f-strings as this Python reads them; as it is where that needs or gives no help.

    Comments and line breaks within braces are lost, and so is the spelling of the strings there.
    """
    if _is_read(source) or len(source) > _MOST:
        return source
    try:
        written = _Reader(source).all()
    except (_Odd, ValueError, RecursionError):
        return source
    return written if _is_read(written) else source


def _is_read(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


class _Reader:
    """Goes through a text once. quotes: those of the f-strings around a place, which may not stand there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def all(self) -> str:
        """The whole text, written anew."""
        written = []
        while self._at < len(self._text):
            written.append(self._token(""))
        return "".join(written)

    def _next(self) -> str:
        """The next character, which is not taken yet. Raises _Odd at the end."""
        if self._at >= len(self._text):
            raise _Odd
        return self._text[self._at]

    def _take(self, count: int = 1) -> str:
        taken = self._text[self._at : self._at + count]
        self._at += count
        return taken

    def _until(self, end: str) -> str:
        taken = ""
        while not taken.endswith(end):
            self._next()
            taken += self._take()
        return taken

    def _token(self, quotes: str) -> str:
        """A comment, a string, a name or a single character of code."""
        if self._next() == "#":
            end = self._text.find("\n", self._at)
            comment = self._take((len(self._text) if end < 0 else end) - self._at)
            return "" if quotes else comment
        if string := _STRING.match(self._text, self._at):
            return self._string(string, quotes)
        if name := _NAME.match(self._text, self._at):
            return self._take(len(name[0]))
        if quotes and self._next() == "\\":
            raise _Odd
        char = self._take()
        return " " if quotes and char == "\n" else char

    def _string(self, string: re.Match[str], quotes: str) -> str:
        start, quote = self._at, string[2]
        self._take(len(string[0]))
        if "f" in (string[1] or "").lower():
            return self._fstring(string[1], quote, quotes)
        while not self._text.startswith(quote, self._at):
            self._take(2 if self._next() == "\\" else 1)
        self._take(len(quote))
        token = self._text[start : self._at]
        return _spelt(token, quotes) if quotes else token

    def _fstring(self, prefix: str, quote: str, quotes: str) -> str:
        own = _free(quotes) if quotes else quote
        if not own:
            raise _Odd
        inside, written = quotes + own[0], [prefix, own]
        while not self._text.startswith(quote, self._at):
            piece = self._piece("r" in prefix.lower(), inside)
            if quotes and not piece.startswith("{") and (own in piece or "\\" in piece or "\n" in piece):
                raise _Odd
            written.append(piece)
        self._take(len(quote))
        return "".join([*written, own])

    def _piece(self, raw: bool, quotes: str) -> str:
        """A field, or a character of the text around the fields."""
        char = self._next()
        if self._text[self._at : self._at + 2] in ("{{", "}}"):
            return self._take(2)
        if char == "{":
            self._take()
            return "{" + self._field(quotes)
        if char != "\\":
            return self._take()
        if not raw and self._text.startswith("\\N{", self._at):
            return self._until("}")
        return self._take(1 if self._text.startswith("\\{", self._at) else 2)

    def _field(self, quotes: str) -> str:
        """What stands between two braces, and the second one."""
        written, depth = "", 0
        while depth or self._next() not in "}:":
            char = self._next()
            if not depth and char == "!" and not self._text.startswith("!=", self._at):
                written += self._take(2)
                continue
            depth += (char in "([{") - (char in ")]}")
            written += self._token(quotes)
        if self._take() == "}":
            return written + "}"
        return f"{written}:{self._format(quotes)}"

    def _format(self, quotes: str) -> str:
        """How a field is to be formatted, which may have fields of its own, and the brace behind it."""
        written = ""
        while self._next() != "}":
            written += self._take()
            if written.endswith("{"):
                written += self._field(quotes)
        return written + self._take()


def _free(quotes: str) -> str:
    return next((one for one in ("'", '"') if one not in quotes), "")


def _spelt(token: str, quotes: str) -> str:
    """A string as an expression without a backslash, a line break or any of these quotes."""
    value, quote = ast.literal_eval(token), _free(quotes)
    if not isinstance(value, str):
        raise _Odd
    parts: list[str] = []
    for char in value:
        if not quote or char in ("\\", quote, *quotes) or not char.isprintable():
            parts.append(f"chr({ord(char)})")
        elif parts and parts[-1].startswith(quote):
            parts[-1] = f"{parts[-1][:-1]}{char}{quote}"
        else:
            parts.append(f"{quote}{char}{quote}")
    return f"({'+'.join(parts)})" if parts else quote * 2 or "str()"
