"""Patient ids as hashes salted for one run: what may leave the machine instead of them."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from fusion.run.files import replace_file

SALT_FILE = "id_salt"


def hash_id(patient_id: str, salt: str) -> str:
    """What stands for a patient outside the machine."""
    return "id-" + hashlib.sha256(f"{salt}:{patient_id}".encode()).hexdigest()[:12]


def read_salt(folder: Path) -> str:
    """The run's salt, drawn when first asked for; readable by its owner alone."""
    file = folder / SALT_FILE
    if not file.exists():

        def write(partial: Path) -> None:
            partial.touch(mode=0o600)
            partial.write_text(secrets.token_hex(16), encoding="ascii")

        replace_file(file, write)
    return file.read_text(encoding="ascii")
