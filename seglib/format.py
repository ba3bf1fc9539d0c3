"""How a source writes its values, for where a look at it cannot tell: the `format` block."""

from __future__ import annotations

import codecs
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

Order = Literal["YMD", "DMY", "MDY", "unix", "unix_ms", "unix_us", "excel"]
COUNTED = {  # how times are counted: since when, seconds a unit, and the most there can be
    "unix": ("1970-01-01", 1, 4e9),
    "unix_ms": ("1970-01-01", 0.001, 4e12),
    "unix_us": ("1970-01-01", 1e-6, 4e15),
    "excel": ("1899-12-30", 86_400, 80_000),
}
SEPARATORS = {"tab": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " "}
SPACES = "spaces"  # columns set apart by one or more blanks, as in printed tables


def strings(value: Any) -> Any:
    """Accept one name where a list of names is meant, and 3 where '3' is meant."""
    if value is None:
        return value
    return [str(v) for v in (value if isinstance(value, list) else [value])]


def _delimiter(value: str) -> str:
    """Accept a character or its name."""
    if value == SPACES:
        return value
    value = SEPARATORS.get(value, value)
    if len(value) != 1 or value.isalnum() or value in "\"'\n\r":
        raise ValueError(
            f"expected one character such as ';' or one of {', '.join(SEPARATORS)}, {SPACES}"
        )
    return value


def _encoding(value: str) -> str:
    try:
        "a".encode(value)  # an encoding of text, not base64 or the like
        return codecs.lookup(value).name
    except (LookupError, ValueError, TypeError):
        raise ValueError("expected an encoding such as utf-8, cp1252, latin-1, utf-16") from None


def _date(value: Any) -> Any:
    """Read DD/MM/YYYY, with or without a time of day after it, as an order of day, month, year.

    The names of what is counted since a day stay as they are.
    """
    if value in COUNTED:
        return value
    parts = re.findall(r"Y+|M+|D+", str(value).split(" ", maxsplit=1)[0].upper())
    order = "".join(part[0] for part in parts)
    if order not in {"YMD", "DMY", "MDY"}:
        raise ValueError(
            "expected DD/MM/YYYY, MM/DD/YYYY, YYYY-MM-DD, or unix, unix_ms, unix_us or excel for "
            "times that are counted"
        )
    return order


Names = Annotated[list[str], BeforeValidator(strings)]


class Format(BaseModel):
    """What cannot be guessed safely from a text file; every key is optional.

    Attributes
    ----------
    delimiter
        What sets the columns of a text file apart.
    encoding
        How its letters are written as bytes.
    decimal
        The decimal mark of numbers written as text; the other one groups thousands.
    date
        The order of day, month and year in dates written as text; separators do not matter. Or how
        times are counted: `unix` (seconds since 1970), `unix_ms` (milliseconds), `unix_us`
        (microseconds), `excel` (days as spreadsheets count them).
    missing
        Texts that stand for a missing value, beside nothing at all.
    header
        The names of the columns, for a text file whose first line holds none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delimiter: Annotated[str, AfterValidator(_delimiter)] | None = None
    encoding: Annotated[str, AfterValidator(_encoding)] | None = None
    decimal: Literal[".", ","] | None = None
    date: Annotated[Order, BeforeValidator(_date)] | None = None
    missing: Names = []
    header: Names | None = None
