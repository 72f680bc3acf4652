"""What code gave when it was last looked through, kept in files, so that a change of any of it is seen.

Such a record says nothing of what is right (tests by hand and against other libraries do that); it says that something
changed. Where the change is meant: ``RECORD=1 pytest <the test>`` writes the file anew; look at its difference in git.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np


def plain(value: Any) -> Any:
    """Mappings, lists, texts and numbers, as JSON has them; arrays and tables are lists."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return plain(value.reset_index(drop=True).to_dict("list"))
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(one) for one in value)
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return "NaN" if value != value else float(f"{value:.9g}")
    assert isinstance(value, str | int | bool | None), f"{type(value)} is not recorded"
    return value


def differences(found: Any, recorded: Any, *, tolerance: float, at: str = "") -> list[str]:
    """Where two of them differ, by their path."""
    if isinstance(found, dict) and isinstance(recorded, dict):
        return [
            one
            for key in sorted({*found, *recorded})
            for one in differences(found.get(key), recorded.get(key), tolerance=tolerance, at=f"{at}.{key}")
        ]
    if isinstance(found, list) and isinstance(recorded, list) and len(found) == len(recorded):
        return [
            line
            for number, (one, other) in enumerate(zip(found, recorded, strict=True))
            for line in differences(one, other, tolerance=tolerance, at=f"{at}[{number}]")
        ]
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in (found, recorded))
    alike = abs(found - recorded) <= tolerance * max(1.0, abs(recorded)) if numbers else found == recorded
    return [] if alike else [f"{at}: {found!r}, recorded {recorded!r}"]


def written(value: Any) -> str:
    """JSON with a line for what is short and a line for each part of what is not, so that differences can be read."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) <= 110 or not isinstance(value, dict | list):
        return short
    if isinstance(value, dict):
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {written(one)}" for key, one in value.items()]
        return "{\n" + ",\n".join(parts) + "\n}"
    if all(isinstance(one, int | float) or one is None for one in value):
        return short
    return "[\n" + ",\n".join(written(one) for one in value) + "\n]"


def assert_recorded(found: Any, path: Path, *, tolerance: float = 1e-6) -> None:
    """`found` is what `path` holds, numbers within `tolerance` of 1 or, if larger, of themselves."""
    found = plain(found)
    if os.environ.get("RECORD"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(written(found) + "\n", encoding="utf-8")
    differ = differences(found, json.loads(path.read_text(encoding="utf-8")), tolerance=tolerance)
    assert not differ, "\n".join([f"{path.name}: {len(differ)} changed; meant? RECORD=1 pytest", *differ[:20]])


def assert_text(found: str, path: Path) -> None:
    """`found` is what `path` holds, to the letter."""
    if os.environ.get("RECORD"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), f"{path.name} changed; meant? RECORD=1 pytest"


def assert_page(text: str, path: Path) -> None:
    """An HTML page says line by line what `path` holds, and draws it where matplotlib is the one that drew then.

    What is of this machine or run alone is left out: cores, memory, paths, the section on the run.
    """
    text = re.sub(r'<section[^>]*id="run".*?</section>', "", text, flags=re.DOTALL)
    drawings = [drawn(one) for one in re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL)]
    bare = re.sub(r"<(svg|style|script).*?</\1>|<!--.*?-->", "", text, flags=re.DOTALL)
    says = [line.strip() for line in html.unescape(re.sub(r"<[^>]+>", "\n", bare)).split("\n")]
    machine = re.compile(r"\d+ cores?(, [\d.]+ GB at most)?|\d+ files of this run, .*")
    says = [re.sub(r"(/[\w.-]+){3,}", "/…", line) for line in says if line and not machine.fullmatch(line)]
    found = {"matplotlib": matplotlib.__version__, "says": says, "draws": drawings}
    if path.exists() and not os.environ.get("RECORD"):
        recorded = json.loads(path.read_text(encoding="utf-8"))
        if recorded["matplotlib"] != matplotlib.__version__:
            found |= {"matplotlib": recorded["matplotlib"], "draws": recorded["draws"]}
    assert_recorded(found, path)


def drawn(svg: str) -> str:
    """A digest of the places of a drawing, to half a point."""
    places = re.findall(r'\b(?:d|x|y|width|height|points|transform|style|cx|cy|r)="([^"]*)"', svg)
    rounded = re.sub(r"-?\d+\.\d+", lambda one: f"{2 * float(one[0]):.0f}", " ".join(places))
    return hashlib.sha256(rounded.encode()).hexdigest()[:12]
