"""``python -m data_modules.ingest.reads``: from FASTQ, BAM or CRAM to the variant files that a cohort names.

    python -m data_modules.ingest.reads cohort=mine
    python -m data_modules.ingest.reads cohort=mine modality.variants.reads.caller=bcftools

`modality.variants.reads` says where reads and reference lie and how to call; docs/reads.md. Everything is looked at
before anything runs; what was stopped goes on where it was. `--check` looks and runs nothing; `--tools` lists what it
can call.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_modules.ingest.common.command import MENDABLE, modalities_of, parser_of
from fusion.contract import FusionError

if TYPE_CHECKING:
    from data_modules.ingest.reads.plan import Plan
    from data_modules.modalities.variants.vcf import Variants


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, check, run, and say what was made.

    Returns:
        0; 2 for what the user can mend; 130 interrupted, 143 by SIGTERM.
    """
    parser = parser_of("python -m data_modules.ingest.reads", __doc__ or "")
    parser.add_argument("--check", action="store_true", help="look at reads, reference and tools, and run nothing")
    parser.add_argument("--tools", action="store_true", help="list the programs that it can call, with their versions")
    given = parser.parse_intermixed_args(arguments)  # options may stand between overrides
    if given.tools:
        sys.stdout.write(_tools())
        return 0
    try:
        found = modalities_of(given.overrides, given.config_dir, kind=_kind(), lacking="variants")
        for modality in found:
            sys.stdout.write(_ingest(modality, check=given.check))
    except FusionError as error:
        sys.stderr.write(f"{error}\n")
        return MENDABLE
    except KeyboardInterrupt as error:
        ended = type(error) is not KeyboardInterrupt
        what = "Ended from outside" if ended else "Interrupted"
        sys.stderr.write(f"\n{what}: all steps have ended. The same command goes on.\n")
        return 143 if ended else 130
    return 0


def _tools() -> str:
    """A line a program: version and place, or what installs it."""
    from data_modules.ingest.reads.tools import report

    lines = [
        f"{one.name:18}{one.version or 'no version':12}{one.path}"
        if one.problem is None
        else f"{one.name:18}{one.problem}"
        for one in report()
    ]
    return "\n".join([*lines, ""])


def _kind() -> type[Variants]:
    from data_modules.modalities.variants.vcf import Variants

    return Variants


def _ingest(modality: Variants, *, check: bool) -> str:
    from data_modules.hashes import file_hash
    from data_modules.ingest.reads.plan import Plan
    from data_modules.ingest.reads.workflow import run, write_provenance

    settings = modality.reads
    if settings is None:
        raise FusionError(
            f"{modality.key}.reads is null: there is nothing to make {modality.key}.files of. Set it to "
            "{folder: …, reference: …}; docs/reads.md."
        )
    plan = Plan(settings, Path(modality.source.root).absolute(), modality.source.build)
    plan.refuse()
    tools = ", ".join(f"{one.name} {one.version}" for one in plan.tools)
    samples = len({unit.sample for unit in plan.units})
    told = f"{modality.key}.reads: {samples} samples, {len(plan.units)} units; {tools}\n"
    told += "".join(f"Note: {note}.\n" for note in plan.notes(_patients(modality.source)))
    if check:
        return told
    sys.stdout.write(told)
    sys.stdout.flush()
    _with_bar(plan, run)
    write_provenance(plan, reference_sha256=file_hash(plan.reference, memo=Path(modality.source.cache)))
    return _summary(plan, modality.key)


def _patients(source: Any) -> frozenset[str]:
    """Of the cohort's tables; none where it has no such tables, or they are not there yet."""
    try:
        tables = [source.table(name) for name in getattr(source, "specs", ())]
    except FusionError:
        return frozenset()
    return frozenset(str(patient) for table in tables for patient in table.index)


def _with_bar(plan: Plan, run: object) -> None:
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("reads → variants", total=None)

        def progress(step: str, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        run(plan, progress)  # type: ignore[operator]


def _summary(plan: Plan, key: str) -> str:
    """What was made, and what the cohort file names of it."""
    from data_modules.ingest.reads.workflow import outputs

    lines = []
    made = outputs(plan)
    folder = plan.settings.output
    named = {origin: f"{folder}/{'germline' if origin == 'germline' else 'somatic/*'}.vcf.gz" for _, origin in made}
    for origin, path in named.items():
        number = sum(1 for _, one in made if one == origin)
        lines.append(f"  {origin}: {number} file{'s' if number > 1 else ''}, {path}")
    files = ", ".join(f"{{path: '{path}', origin: {origin}}}" for origin, path in named.items())
    lines += [
        f"For the cohort file: {key}.files: [{files}]",
        f"  {key}.sample_sheet: {{file: {folder}/patients.tsv, key: sample, patient: patient}}",
        f"provenance.json, quality/ and logs/ in {plan.output}",
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
