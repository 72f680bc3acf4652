"""Fitted state on disk without pickle: JSON for settings, npz (no objects) for arrays, skops for scikit-learn."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fusion.contract import FusionError, State
from fusion.run.bounded import plain_name, read_arrays, read_json, require_archive
from fusion.run.files import replace_file

TRUSTED = ("numpy.dtype", "sklearn.tree._tree.Tree")
"""What scikit-learn's own estimators hold beyond the types that skops trusts by default; data, not code. A tree is a
table of nodes that its compiled code follows without looking, so `_check_tree` looks first."""


def save_json(path: Path, content: Any) -> None:
    """Write JSON atomically, keys in the order given."""
    replace_file(path, lambda partial: partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8"))


def save_state(folder: Path, name: str, state: State) -> None:
    """Write ``<name>.json`` and, where there are arrays, ``<name>.npz`` into `folder`."""
    import numpy as np

    save_json(folder / f"{name}.json", {"config": dict(state.config), "arrays": sorted(state.arrays)})
    if state.arrays:
        arrays: dict[str, Any] = dict(state.arrays)

        def write(partial: Path) -> None:
            with partial.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)

        replace_file(folder / f"{name}.npz", write)


def load_state(folder: Path, name: str) -> State:
    """Read what `save_state` wrote.

    Raises:
        FusionError: a file is missing or is not what its JSON says.
    """
    name = plain_name(name, where=f"{folder}, name of a modality")
    try:
        content = read_json(folder / f"{name}.json")
        arrays = read_arrays(folder / f"{name}.npz", list(content["arrays"])) if content["arrays"] else {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FusionError(
            f"{folder / name}: the fitted state of a modality cannot be read ({error}). "
            "The run folder is incomplete or was altered; train again or restore it."
        ) from error
    return State(config=content["config"], arrays=arrays)


def save_estimator(path: Path, estimator: Any) -> None:
    """Write a fitted scikit-learn estimator in skops' format."""
    import skops.io

    replace_file(path, lambda partial: partial.write_bytes(skops.io.dumps(estimator)))


def load_estimator(path: Path) -> Any:
    """Read a scikit-learn estimator; refuses any type that scikit-learn, scipy and numpy do not define.

    Raises:
        FusionError: the file asks for types outside those skops trusts by default.
    """
    import skops.io

    require_archive(path)
    strangers = sorted(set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED))
    if strangers:
        raise FusionError(
            f"{path}: holds types that are not scikit-learn's ({', '.join(strangers)}); refusing to load it."
        )
    estimator = skops.io.load(path, trusted=list(TRUSTED))
    for _, step in getattr(estimator, "steps", [("", estimator)]):
        for part in getattr(step, "estimators_", ()):
            _check_tree(path, part.tree_)
    return estimator


def _check_tree(path: Path, tree: Any) -> None:
    """Every node leads to later nodes of the same tree, or nowhere, and asks a feature that there is.

    Raises:
        FusionError: the file was altered: following it would leave the tree's memory.
    """
    import numpy as np

    left, right = np.asarray(tree.children_left), np.asarray(tree.children_right)
    place, leaf = np.arange(len(left)), left == -1
    inside = (left > place) & (left < len(left)) & (right > place) & (right < len(left))
    known = (np.asarray(tree.feature) >= 0) & (np.asarray(tree.feature) < tree.n_features)
    if not len(left) or not (np.where(leaf, right == -1, inside & known)).all():
        raise FusionError(f"{path}: holds a decision tree that is none; refusing to load it. Restore it from the run.")
