"""A commented YAML file that is being written, with what its reader should look at."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass
class Draft:
    """A study.yaml that is being written.

    Attributes
    ----------
    path
        Where it goes.
    lines
        What it holds.
    unsure
        What its reader should look at, in sentences.
    """

    path: Path
    lines: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def add(self, line: str = "", why: str = "") -> None:
        """Add a line of YAML with its reason as a comment."""
        self.lines.append(f"{line:<44}  # {one_line(why)}" if why else line)

    def check(self, sentence: str, indent: int = 0) -> None:
        """Add a doubt to the YAML and to what the terminal says."""
        self.unsure.append(one_line(sentence))
        self.lines.append(f"{' ' * indent}# CHECK: {one_line(sentence)}")


def quoted(value: Any) -> str:
    """Return a value as YAML on one line."""
    if isinstance(value, dict) and "levels" in value:
        points = [int(v) if re.fullmatch(r"\d|[1-9]\d+", v) else v for v in value["levels"]]
        value = value | {"levels": points}
    text = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=10**9,
                          sort_keys=False)  # fmt: skip
    return text.strip()[1:-1]


def one_line(text: str) -> str:
    """Return text without line breaks and signs that cannot be seen."""
    return re.sub(r"\s+", " ", "".join(c if c.isprintable() else " " for c in text)).strip()
