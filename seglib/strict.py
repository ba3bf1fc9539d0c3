"""YAML that is data and nothing else: no code, no key twice, no aliases that grow without end."""

from __future__ import annotations

import math
from typing import Any

import yaml

LARGEST = 20_000  # values in a file, those that aliases repeat counted each time


def load(text: str) -> Any:
    """Return what a text of YAML holds.

    Raises
    ------
    ValueError, yaml.YAMLError
        If it is not YAML, holds a key twice, asks for code to run, or grows through its aliases.
    """
    _bounded(yaml.compose(text, Loader=_Loader))
    return yaml.load(text, Loader=_Loader)


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice and leaves dates as they are written."""


def _mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {str(key) for key in keys if keys.count(key) > 1}
    if twice:
        line = node.start_mark.line + 1
        raise ValueError(f"the key {sorted(twice)[0]!r} stands twice in the block at line {line}")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_scalar)


def _bounded(node: yaml.Node | None) -> None:
    """Refuse YAML whose aliases make it hold itself, or grow beyond what anybody writes."""
    sizes: dict[int, float] = {}

    def size(node) -> float:
        if id(node) not in sizes:
            sizes[id(node)] = math.inf  # until it is known: whoever meets it meets itself
            parts = node.value if isinstance(node.value, list) else []
            inner = [p for part in parts for p in (part if isinstance(part, tuple) else (part,))]
            sizes[id(node)] = 1 + sum(map(size, inner))
        return sizes[id(node)]

    if node is not None and size(node) > LARGEST:
        raise ValueError(
            f"it holds more than {LARGEST:,} values through its aliases (&name, *name): "
            "write them out"
        )
