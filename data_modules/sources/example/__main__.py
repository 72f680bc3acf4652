"""``python -m data_modules.sources.example``: twelve simulated patients in files as one's own would be.

  python -m data_modules.sources.example kind=tables out=example
  python -m data_modules.sources.example kind=[slides,volumes] out=example

Keys:
  kind      of tables (laboratory values), slides (TIFF pyramids), variants (VCF, MAF), volumes (NIfTI); one or several
  out       folder to write; there must be none, or an earlier example
  patients  how many (12)
  seed      of everything drawn (1)

A table of patients with their response and survival, clinical.csv, comes with every kind. The patients and all that is
measured of them are drawn at random: no number from them says anything about patients.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from data_modules.sources.asked import answered, asked_keys, whole_number, words
from fusion.contract import FusionError


def main(arguments: Sequence[str] | None = None) -> int:
    """Write, and say what comes next; exit code 2 on what the user can mend."""
    return answered(arguments, __doc__, _run)


def _run(given: Sequence[str]) -> int:
    from data_modules.sources.example.files import KINDS, write_example
    from data_modules.sources.example.patients import FEWEST, MOST

    asked = asked_keys(given, {"kind": None, "out": None, "patients": FEWEST, "seed": 1}, texts=("out",))
    kinds = words(asked, "kind", list(KINDS))
    if not asked["out"]:
        raise FusionError("Give out=<folder to write>.")
    out = Path(str(asked["out"]))
    count = whole_number(asked, "patients", "how many", least=FEWEST)
    if count > MOST:
        raise FusionError(f"patients={count}: an example has at most {MOST}.")
    seed = whole_number(asked, "seed", "a seed", least=0)
    names = write_example(out, kinds, patients=count, seed=seed)
    name = out.absolute().name
    sys.stdout.write(
        f"SIMULATED example of {count} patients in {out}: {', '.join(names)}\n"
        "Next, as with files of your own:\n"
        f"  python -m fusion.draft {shlex.quote(str(out))} name={shlex.quote(name)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
