"""``python -m fusion``: no command is forgotten, and what it says of each is the command's own sentence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fusion.__main__ import COMPLETION, DATA, GROUPS, commands, listing, main

ROOT = Path(__file__).resolve().parents[2]


def test_every_command_is_listed_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    found = commands()
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(found) == sorted(grouped), "a new command needs a place in GROUPS"
    text = listing()
    for name, told in found.items():
        assert f"python -m fusion.{name:<9} {told}" in text
    assert text.index("fusion.doctor") < text.index("fusion.train") < text.index("fusion.explain")
    there = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "data_modules").rglob("__main__.py")}
    assert set(DATA) == there, "a new command needs a line in DATA"
    assert main([]) == 0
    assert capsys.readouterr().out == text


def test_a_space_for_a_point_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert "Write python -m fusion.train (with a point)." in capsys.readouterr().err
    assert main(["trian"]) == 2


def test_bash_completes_commands(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash on this machine")
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    script = (
        f'{COMPLETION}\nCOMP_LINE="{python} -m fusion.dr" COMP_CWORD=2\n_fusion_complete\necho "${{COMPREPLY[@]}}"\n'
        f'COMP_LINE="{python} -m data_modules.sources.e" COMPREPLY=()\n_fusion_complete\necho "${{COMPREPLY[@]}}"\n'
        f'COMP_LINE="{python} -m pip" COMPREPLY=()\n_fusion_complete\necho "none: ${{COMPREPLY[@]}}"\n'
    )
    done = subprocess.run([bash, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == ["fusion.draft", "data_modules.sources.example", "none: "]
