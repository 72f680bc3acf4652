"""What the doctor says of a machine, on this one and on values given by hand."""

from __future__ import annotations

import platform
import socket
from pathlib import Path

import pytest

from fusion.contract.devices import cores
from fusion.run import machine


def test_versions_are_compared_with_those_tested(tmp_path: Path) -> None:
    held = machine.version_of("numpy")
    assert held is not None and machine.version_of("no-such-package") is None
    pins = tmp_path / "constraints.txt"
    pins.write_text(f"# pins\nnumpy=={held}\nPyYAML==0.1\n")
    assert machine.untested(pins, {"numpy"}) == []
    assert machine.untested(pins, {"numpy", "pyyaml"}) == [f"pyyaml {machine.version_of('pyyaml')} (0.1)"]
    assert machine.untested(tmp_path / "absent", {"numpy"}) == []
    # Underscores and dashes, small letters and large ones name one distribution.
    learn = machine.version_of("scikit-learn")
    for pinned, named in (("scikit_learn", "scikit-learn"), ("Scikit-Learn", "scikit_learn")):
        pins.write_text(f"{pinned}==0.1\n")
        assert machine.untested(pins, {named}) == [f"{named} {learn} (0.1)"]
    pins.write_text(f"# pins\nnumpy=={held}\nPyYAML==0.1\n")
    part = machine.packages(pins)
    assert part.health == "ok", part
    assert "other versions than tested: pyyaml" in part.told.lower()


def test_memory_is_compared_with_the_folds_that_train_side_by_side(tmp_path: Path) -> None:
    assert machine.memory(machine.EACH_WORKER - 1, None).health == "mend"
    assert machine.memory(machine.EACH_WORKER * cores(), None).health == "ok"
    assert machine.memory(None, None).health == "optional"
    (tmp_path / "a").write_bytes(b"0" * 20_000_000)
    told = machine.memory(10**12, tmp_path).told
    assert f"{tmp_path} holds 0.02 GB, its largest file 0.02 GB" in told
    found = machine.available_memory()
    assert found is None or 10**7 < found < 10**14
    if Path("/proc/meminfo").exists():
        assert found is not None


def test_the_interpreter_is_one_of_those_that_are_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.python().health == "ok"
    assert machine.python().told.startswith(platform.python_version())
    monkeypatch.setattr(machine, "PYTHONS", ((2, 6), (2, 7)))
    part = machine.python()
    assert (part.health, part.mend) == ("mend", "Use Python 2.6 or 2.7: python3.12 -m venv .venv")


def test_fewer_folds_where_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 8)
    part = machine.memory(3 * machine.EACH_WORKER, None)
    assert (part.health, part.mend) == ("optional", "Give workers=3 to train")
    assert "8 cores" in machine.processors().told


def test_disks_are_looked_at_where_a_folder_will_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (part,) = machine.disks({"cache": tmp_path / "not" / "yet"})
    assert part.told.endswith(f"free in {tmp_path}")
    monkeypatch.setattr(machine, "SPACE", 10**18)
    (part,) = machine.disks({"cache": tmp_path})
    assert part.health == "mend"
    assert "cache=<folder on another disk>" in part.mend


def test_the_hub_answers_or_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert machine.hub(("127.0.0.1", port)).health == "ok"
    part = machine.hub(("127.0.0.1", port))
    assert part.health == "optional"
    assert "weights=<file>" in part.mend


def test_wandb_is_logged_in_by_its_key_or_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    assert machine.wandb_login().health == "optional"
    (tmp_path / "netrc").write_text("machine api.wandb.ai\n  login user\n  password secret\n")
    part = machine.wandb_login()
    assert part.health == "ok"
    assert "secret" not in part.told
