"""From the configuration to a reconciled cohort and its modalities; the same in the parent and in every worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.contract import FusionError
from fusion.contract.pieces import InPieces
from fusion.contract.telling import Telling, Tells
from fusion.protocol.readings import distinct, open_readings, refuse_other_patients, told

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from fusion.contract import Cohort, Modality, Progress
    from fusion.contract.pieces import Elsewhere


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A cohort that passed every check, and the modalities bound to it, in config order.

    Attributes:
        cohort: reconciled.
        modalities: those of which there are files.
        absent: why others cannot be read; empty where all must be there.
        again: reconciles the cohort anew, once ingest has said whose files are of no use.
        source: what the cohort was read from.
        beside: files that the model is given besides patients': gene networks and gene sets.
        readings: number of a candidate of `choose` → its modalities, where it reads some otherwise than the run itself.
        alike: refuses candidates by whose reading other patients have a modality; None where that is no matter.
    """

    cohort: Cohort
    modalities: dict[str, Modality]
    absent: dict[str, str] = field(default_factory=dict)
    again: Callable[[], Cohort] | None = None
    source: Any = None
    beside: tuple[Path, ...] = ()
    readings: Mapping[str, Mapping[str, Modality]] = field(default_factory=dict)
    alike: Callable[[Collection[str]], None] | None = None

    def remarks(self) -> list[Any]:
        """What is no error in the cohort's tables and yet to be looked at, each with `kind` and `text`."""
        table = self.cohort.reconciliation
        present = {name: table.loc[table[name], "patient_id"].tolist() for name in self.modalities if name in table}
        found: list[Any] = self.source.examine(self.cohort.labels, times=self.cohort.times, present=present)
        for modality in self.modalities.values():
            looked = getattr(modality, "remarks", None)
            found += [] if looked is None else looked(self.cohort.labels)
        return found

    def prepare(self, progress: Progress) -> Setup:
        """Run every ingest whose cached result is missing.

        Returns:
            The same with the cohort as ingest leaves it: a patient has a modality of which something could be used.

        Raises:
            FusionError: too much failed, too few patients are left, or candidates differ in who has a modality.
        """
        for number, modality in distinct(self.modalities, self.readings):
            modality.prepare(told(progress, number))
        if self.alike is not None:
            self.alike([*self.cohort.patient_ids, *self.cohort.alone])
        if self.again is None or not any(modality.failed for modality in self.modalities.values()):
            return self
        return replace(self, cohort=self.again())

    def inputs(self, progress: Progress, *, verify: str) -> dict[str, str]:
        """Every file that is read → its SHA-256.

        Args:
            progress: of reading them.
            verify: ``changed`` reads what the file system says has changed since it was last read, ``full`` all.

        Raises:
            FusionError: there is no such way.
        """
        check_verify(verify)
        files = [file for _, modality in distinct(self.modalities, self.readings) for file in modality.input_files]
        step = "Comparing input files" if verify == "changed" else "Reading input files"
        return dict(
            self.source.input_hashes(
                [*files, *self.beside], again=verify == "full", told=lambda done, total: progress(step, done, total)
            )
        )


def check_verify(verify: str) -> None:
    """Refuse what is no way to compare input files.

    Raises:
        FusionError: naming `verify`.
    """
    if verify not in ("changed", "full"):
        raise FusionError(f"verify={verify}: set it to changed or full.")


def open_setup(
    config: Any,
    progress: Progress,
    *,
    require_labels: bool = True,
    require_modalities: bool = True,
    elsewhere: Elsewhere | None = None,
) -> Setup:
    """Instantiate cohort and modalities, write a simulated cohort that is missing, check and reconcile.

    Args:
        config: with `cohort` and `modality`.
        progress: of writing a simulated cohort, and of reading headers of many files.
        require_labels: keep labelled patients alone; else new ones too.
        require_modalities: refuse a modality without any file; else leave it out, unless all are.
        elsewhere: what ingests on other machines; None: here.

    Raises:
        FusionError: every problem of the cohort, in one message.
    """
    from hydra.utils import instantiate

    from fusion.arms.plan import check_images
    from fusion.encoders.variants.gene_files import gene_files

    if not config.modality:
        raise FusionError("modality: the cohort declares no modality; name at least one, e.g. modality.clinical.")
    source = instantiate(config.cohort)
    source.prepare(progress)

    def opened(name: str, node: Any) -> Modality:
        modality: Modality = instantiate(node, name=name, source=source)
        if isinstance(modality, Tells):
            modality.telling = Telling(progress)
        return modality

    modalities = {str(name): opened(str(name), node) for name, node in config.modality.items()}
    for modality in modalities.values():
        if elsewhere is not None and isinstance(modality, InPieces):
            modality.elsewhere = elsewhere
    if require_labels:
        check_images(config.get("arms") or (), modalities)
    absent = {} if require_modalities else _absent(modalities)
    modalities = {name: modality for name, modality in modalities.items() if name not in absent}
    if config.canary not in (None, "permuted"):
        raise FusionError(f"canary: there is no canary {config.canary!r}; set it to permuted or null.")

    def reconciled() -> Cohort:
        cohort: Cohort = source.reconcile(modalities, require_labels=require_labels)
        return cohort.permuted(int(config.seed)) if require_labels and config.canary == "permuted" else cohort

    beside = tuple(gene_files(config)) if require_labels and "model" in config else ()
    cohort = reconciled()
    readings = open_readings(config, modalities, opened)
    alike = partial(refuse_other_patients, config, modalities, readings) if require_labels and readings else None
    if alike is not None:
        alike([*cohort.patient_ids, *cohort.alone])
    return Setup(
        cohort=cohort, modalities=modalities, absent=absent, again=reconciled, source=source, beside=beside,
        readings=readings, alike=alike,
    )  # fmt: skip


def _absent(modalities: dict[str, Any]) -> dict[str, str]:
    """Modalities of which there is no file, with the reason.

    Raises:
        FusionError: that is so of all of them.
    """
    found = {name: modality.absent for name, modality in modalities.items()}
    absent = {name: str(why) for name, why in found.items() if why is not None}
    if len(absent) == len(modalities):
        reasons = "; ".join(f"modality.{name}: {why}" for name, why in absent.items())
        raise FusionError(f"The cohort has no file of any modality ({reasons}). Set cohort.root to their folder.")
    return absent
