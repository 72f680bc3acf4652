"""A folder of images, one sub-folder a class, as a cohort: each image is a case, its folder its label."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from data_modules.cohort.endpoint import REST, checked_classes
from data_modules.cohort.reconcile import ReconciledCohort
from data_modules.cohort.source import CohortSource
from data_modules.cohort.yaml_words import quoting
from data_modules.columns import plain
from data_modules.errors import CohortError, Problem
from data_modules.files import list_files
from data_modules.patient_ids import PatientIds, below
from fusion.contract import Modality, some

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_SPLITS = frozenset(("train", "training", "val", "valid", "validation", "dev", "test", "testing"))
UNGROUPED = (
    "Images do not say which patient or slide they are of (cohort.group_pattern, cohort.group_sheet): images of one "
    "patient may be in training and test, so figures are optimistic."
)


def find_images(root: Path) -> tuple[str, ...]:
    """Every image below `root` by its path relative to it, sorted; links are followed, hidden files left out."""
    return tuple(
        path.relative_to(root).as_posix() for path in list_files(root, ".", folders=True).found if is_image(path)
    )


def is_image(path: Path) -> bool:
    """By its ending."""
    return path.suffix.lower() in SUFFIXES


def folder_of(name: str) -> str:
    """The first folder of an image's path; empty for an image in the root itself."""
    first, slash, _ = name.partition("/")
    return first if slash else ""


class ImageFolder(CohortSource):
    """The cohort of a folder of images.

    Args:
        name: of the cohort.
        root: the folder, with one sub-folder a class; to predict, also a flat one.
        cache: folder of ingested results.
        label_map: class → its folders, where folders are collapsed; ``'*'`` stands for all others. Of two classes the
            second is the positive one. None: every folder is a class of its own.
        ignore: folders that are left out of training.
        group_pattern: regular expression that finds in an image's path whom or what it is of (group ``patient`` or the
            first): a patient, a slide. Folds then keep groups whole.
        group_sheet: a table ``{file, key, patient}`` instead: its column of paths, its column of groups.
        endpoint: what the outcome is called; null: tissue.
        simulated: whether the images are invented.
        fetch: what to fetch from where when the root is missing, for the error message.

    Raises:
        CohortError: a declaration that cannot be right.
    """

    def __init__(
        self,
        *,
        name: str,
        root: str | Path | None,
        cache: str | Path,
        label_map: Mapping[str, Any] | None = None,
        ignore: Sequence[str] = (),
        group_pattern: str | None = None,
        group_sheet: Mapping[str, str] | None = None,
        endpoint: str | None = None,
        simulated: bool = False,
        fetch: str | None = None,
    ) -> None:
        if root is None:
            remedy = f"Set it to a folder of images with one sub-folder a class. {(fetch or '').strip()}"
            raise CohortError(name, [Problem(what="cohort.root is null", remedy=remedy.strip())])
        self.root = Path(root).expanduser()
        folders = sorted({folder_of(image) for image in self.images} - {""})
        self._groups = PatientIds(pattern=group_pattern, sheet=plain(group_sheet), root=self.root)
        wrong = self._groups.check(key="cohort")
        if wrong:
            renamed = [text.replace("patient_pattern", "group_pattern").replace("sample_", "group_") for text in wrong]
            raise CohortError(name, renamed)
        called = endpoint or "tissue"
        super().__init__(
            name=name,
            root=root,
            cache=cache,
            tables={
                "images": {
                    "reader": self._table,
                    "id": "file",
                    # Declared levels are never taken for missing, whatever a folder is called.
                    "columns": {"folder": {"time": "outcome", "levels": folders}, "group": {"time": "baseline"}},
                }
            },
            endpoints={called: {"table": "images", "column": "folder", "classes": {"one": ["1"], "other": ["2"]}}},
            simulated=simulated,
            fetch=fetch,
            ids_alike="distinct",  # names of files, of which no two are one
        )
        self.group = {"table": "images", "column": "group"} if self._grouped else None
        classes = self._classes(plain(label_map), [folder for folder in folders if folder not in ignore])
        self.endpoint = replace(
            self.endpoint,
            kind="binary" if len(classes) == 2 else "multiclass",
            classes=tuple(classes),
            values=tuple(classes.values()),
            ignore=tuple(ignore),
            note="" if self._grouped else UNGROUPED,
        )

    @property
    def _grouped(self) -> bool:
        return self._groups.pattern is not None or self._groups.sheet is not None

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The images; none where there is no root, which `prepare` refuses."""
        return find_images(self.root) if self.root.is_dir() else ()

    @cached_property
    def left_out(self) -> dict[str, tuple[str, ...]]:
        """Why → files below the root that are no images of the cohort."""
        if not self.root.is_dir():
            return {}
        listing = list_files(self.root, ".", folders=True)
        others = {
            "hidden": listing.hidden,
            "that are no images by their ending": [path for path in listing.found if not is_image(path)],
            "links to nothing": listing.dead,
        }
        return {why: tuple(below(self.root, path) for path in them) for why, them in others.items() if them}

    @cached_property
    def digests(self) -> dict[str, str]:
        """Image → SHA-256 of its bytes."""
        return {name: hashlib.sha256((self.root / name).read_bytes()).hexdigest() for name in self.images}

    def _classes(self, label_map: Mapping[str, Any] | None, folders: Sequence[str]) -> dict[str, tuple[str, ...]]:
        if label_map is None:
            return {folder: (folder,) for folder in folders}
        given = {
            str(name): (values,) if isinstance(values, str) else tuple(str(one) for one in values or ())
            for name, values in label_map.items()
        }
        classes, problems = checked_classes("cohort.label_map", given)
        unknown = sorted({value for values in classes.values() for value in values} - {REST, *folders})
        words = quoting(set(folders).difference(*classes.values()), unknown, "cohort.label_map", "tumour")
        if words:
            problems.append(Problem(what=f"cohort.label_map names {some(unknown)}", remedy=words))
        if unknown and folders and not set(folders).isdisjoint(value for values in given.values() for value in values):
            what = f"cohort.label_map names {some(unknown)}, which are no folders"
            problems.append(Problem(what=what, remedy=f"There are {some(list(folders), 20)}"))
        if problems:
            raise CohortError(self.name, problems)
        if unknown and len(unknown) == len({value for values in classes.values() for value in values} - {REST}):
            # New images in folders of other names: "all others" would then label them all.
            return {name: () if values == (REST,) else values for name, values in classes.items()}
        return classes

    def _table(self, root: Path) -> pd.DataFrame:
        """Path → folder and group; what an image's folder says is unknown where it lies in no class."""
        groups, _ = self._groups.map(self.images) if self._grouped else ({}, [])
        known = {folder for folder in map(folder_of, self.images) if folder and self.endpoint.label(folder) >= 0}
        keep = known | set(self.endpoint.ignore)
        return pd.DataFrame(
            {
                "folder": [folder if (folder := folder_of(image)) in keep else None for image in self.images],
                "group": [groups.get(image) for image in self.images],
            },
            index=pd.Index(self.images, name="file"),
        )

    def reconcile(self, modalities: Mapping[str, Modality], *, require_labels: bool = True) -> ReconciledCohort:
        """As any cohort; without labels every image is kept, in whatever folder it lies.

        Raises:
            CohortError: no image; to train, fewer than two classes, or images in no class or without a group.
        """
        problems = []
        if not self.images:
            what = f"{self.root.absolute()} holds no image ({', '.join(SUFFIXES)})"
            problems.append(Problem(what=what, remedy="Set cohort.root to the folder of the images"))
        elif require_labels:
            problems = self._training_problems()
        if problems:
            raise CohortError(self.name, problems)
        cohort = super().reconcile(modalities, require_labels=require_labels)
        copies = sum(len(same) - 1 for same in self._copies.values()) if require_labels else 0
        if not copies:
            return cohort
        groups, _ = self._groups.map(self.images) if self._grouped else ({name: name for name in self.images}, [])
        apart = [same for same in self._copies.values() if len({groups.get(one) for one in same} - {None}) > 1]
        note = f"{copies} of {len(self.images)} images are copies of another of their class, byte for byte"
        if apart:
            note += (
                f"; of {len(apart)} images, copies may be in training and in test, so figures are optimistic "
                f"({some([' = '.join(same) for same in apart], 2)})"
            )
        return replace(cohort, notes=(*cohort.notes, f"{note}."))

    @cached_property
    def _copies(self) -> dict[str, list[str]]:
        """Content → images of it, where there are several."""
        found: dict[str, list[str]] = {}
        for name, content in self.digests.items():
            found.setdefault(content, []).append(name)
        return {content: names for content, names in found.items() if len(names) > 1}

    def _doubled(self) -> list[Problem]:
        """One image in two classes."""
        label = self.endpoint.label
        classes = [names for names in self._copies.values() if len({label(folder_of(one)) for one in names} - {-1}) > 1]
        problems = []
        if classes:
            remedy = "Nobody knows which is right: take these images out of cohort.root, or out of all folders but one"
            problems.append(
                Problem(
                    what="images lie in several classes, byte for byte the same",
                    remedy=remedy,
                    examples=tuple(" = ".join(names) for names in classes),
                )
            )
        return problems

    def _training_problems(self) -> list[Problem]:
        problems = []
        splits = sorted({folder_of(image) for image in self.images if folder_of(image).lower() in _SPLITS})
        if len(splits) > 1 and not set(splits) <= set(self.endpoint.ignore):
            what = f"folders of {self.root.absolute()} are named as parts of a split, not as classes"
            first = next((name for name in splits if name.lower().startswith("train")), splits[0])
            remedy = (
                f"Set cohort.root to one of them, e.g. {self.root / first} (folds are drawn here), or name those "
                "that are no classes in cohort.ignore"
            )
            problems.append(Problem(what=what, remedy=remedy, examples=tuple(splits)))
        if len(self.endpoint.classes) < 2:
            what = f"{self.root.absolute()} has {len(self.endpoint.classes)} sub-folder of images"
            problems.append(Problem(what=what, remedy="To train, put the images of each class into one of its own"))
        lost = tuple(
            image
            for image in self.images
            if not folder_of(image)
            or (self.endpoint.label(folder_of(image)) < 0 and folder_of(image) not in self.endpoint.ignore)
        )
        if lost:
            remedy = "Move them into a class's folder, or name their folder in cohort.label_map or cohort.ignore"
            problems.append(Problem(what="images lie in no class", remedy=remedy, examples=lost))
        if self._grouped:
            _, stray = self._groups.map(self.images)
            if stray:
                remedy = "Mend cohort.group_pattern or cohort.group_sheet"
                problems.append(Problem(what="images belong to no group", remedy=remedy, examples=tuple(stray)))
        return problems or self._doubled()

    def hashes(self) -> dict[str, str]:
        """One SHA-256 over the paths and contents of all images."""
        digest = hashlib.sha256()
        for name, content in self.digests.items():
            digest.update(name.encode() + b"\0" + bytes.fromhex(content))
        return {"images": digest.hexdigest()}
