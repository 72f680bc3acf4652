"""Words that YAML takes for booleans where a declaration lists them without quotes."""

from __future__ import annotations

from collections.abc import Collection

YAML_WORDS = {"yes": "True", "on": "True", "true": "True", "no": "False", "off": "False", "false": "False"}
"""Words of YAML 1.1 → what is left of them as text."""


def quoting(outside: Collection[str], declared: Collection[str], key: str, part: str) -> str | None:
    """What to do where YAML made booleans of words that a list holds; None where it did not.

    Args:
        outside: values of a column that the list lacks.
        declared: what the list holds, as text.
        key: config key that holds it.
        part: of that key, for the example: ``positive``; of ``positive`` and ``levels`` other values are wrong too.
    """
    words = sorted(value for value in set(outside) if YAML_WORDS.get(value.lower()) in declared)
    if not words:
        return None
    others = sorted(set(outside).difference(words)) if part in ("positive", "levels") else []
    rest = f". Mend {', '.join(map(repr, others))}, or add them" if others else ""
    return (
        f"YAML takes {' and '.join(words)} without quotes for true or false: quote them in {key}, "
        f"e.g. {part}: [{words[-1]!r}]{rest}"
    )
