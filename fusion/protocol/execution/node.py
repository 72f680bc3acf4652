"""What runs on a node: one fold, or a few pieces of ingest, from JSON text to JSON text.

Nothing of a patient travels there: who is in the fold stands in folds.json of the run folder, on a disk that every node
sees, and results are written there; a slide is known by its place among the files and the address of its entry in the
cache. What a fold tells on its way is a file of lines beside it, which the driver reads.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from fusion.contract import Fold, FusionError, InnerFold
from fusion.contract.pieces import InPieces, Piece
from fusion.protocol.pool import Failure, Work

TOLD = Path("logs") / "tasks"
"""Where, under the run folder, tasks tell how they go; `SIGN` shows a node that it is the driver's folder."""
SIGN = "seen"


def serve(text: str) -> str:
    """Do a task.

    Args:
        text: an object with `config` (resolved), `folder` (working directory of the driver), `seen` (key → folder that
            the driver sees), `token` and `told` (name of the file of progress). Of a fold, `run` and `fold`; of ingest,
            `cache`, `tasks` (folder below it), `modality` and `pieces` (number and key of each).

    Returns:
        An object with `host`, and `failed` (a `Failure`) where the task could not be done, or, of ingest, `result`: of
        each piece its error or null.
    """
    job = json.loads(text)
    host = platform.node()
    try:
        _require_seen(job, host)
        os.chdir(job["folder"])
        if "run" in job:
            _do_fold(job)
            return json.dumps({"host": host})
        return json.dumps({"host": host, "result": _make_pieces(job)})
    except Exception as error:
        return json.dumps({"host": host, "failed": asdict(Failure.of(error))})


def _do_fold(job: dict[str, Any]) -> None:
    run = Path(job["run"])
    work = _work(json.dumps(job["config"]))
    with (run / TOLD / job["told"]).open("a", encoding="utf-8") as stream:

        def tell(content: Any) -> None:
            stream.write(json.dumps(content) + "\n")
            stream.flush()

        work((_fold(run, job["fold"]), str(run)), tell)


def _make_pieces(job: dict[str, Any]) -> list[str | None]:
    modality = _modality(json.dumps(job["config"]), job["modality"])
    return modality.make([Piece(number=number, key=key) for number, key in job["pieces"]])


@lru_cache(maxsize=1)
def _work(config: str) -> Work:
    """A warm process goes on with what it has opened."""
    from fusion.protocol.fold_task import start

    return start(json.loads(config))


@lru_cache(maxsize=1)
def _modality(config: str, name: str) -> InPieces:
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    made = OmegaConf.create(json.loads(config))
    modality: InPieces = instantiate(made.modality[name], name=name, source=instantiate(made.cohort))
    return modality


def _require_seen(job: dict[str, Any], host: str) -> None:
    """Refuse a node that sees other files than the driver.

    Raises:
        FusionError: naming the node and the folder.
    """
    if "run" in job:
        token, missing, key = Path(job["run"]) / TOLD / SIGN, f"the run folder {job['run']}", "output"
    else:
        token, missing, key = Path(job["cache"]) / job["tasks"] / SIGN, f"the cache folder {job['cache']}", "cache"
    if not token.is_file() or token.read_text(encoding="utf-8") != job["token"]:
        raise FusionError(
            f"node {host} does not see {missing}. Set {key} to a folder on a disk that all nodes share, under the same "
            "path."
        )
    for key, folder in {"the working directory": ".", **job["seen"]}.items():
        path = Path(job["folder"]) / folder
        if not path.is_dir():
            raise FusionError(
                f"node {host} does not see {path} ({key}). Put it on a disk that all nodes share, under the same path."
            )


def _fold(run: Path, name: str) -> Fold:
    from fusion.run.folder import RunFolder

    for facts in RunFolder(run).folds()["folds"]:
        inner = tuple(InnerFold(train=tuple(one["train"]), val=tuple(one["val"])) for one in facts["inner"])
        fold = Fold(
            repeat=facts["repeat"],
            index=facts["index"],
            train=tuple(facts["train"]),
            test=tuple(facts["test"]),
            inner=inner,
        )
        if fold.name == name:
            return fold
    raise FusionError(f"{run}/folds.json has no fold {name}.")
