"""``python -m fusion``: every command with what it does, in the order in which they are needed; completion for bash."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

GROUPS = {
    "Before training": ("doctor", "draft", "check", "plan"),
    "Training": ("train", "sweep", "canary"),
    "With a finished run": ("explain", "predict", "compare", "browse"),
}
"""Commands in the order in which they are needed; others come after these."""

DATA = {
    "data_modules.sources.example": "Write twelve simulated patients as files of one's own, to try the commands on.",
    "data_modules.sources.simulated": "Write a simulated cohort.",
    "data_modules.sources.simulated_mri": "Write a simulated cohort with volumes.",
    "data_modules.sources.gdc": "Fetch a public cohort's files from the Genomic Data Commons.",
    "data_modules.sources.idc": "Fetch a public collection's radiology from the Imaging Data Commons.",
    "data_modules.ingest.reads": "Make VCF of reads (FASTQ, BAM, CRAM), by a Snakemake workflow.",
    "data_modules.ingest.variants": "Ingest variants ahead of training, also on a cluster.",
    "data_modules.ingest.slides": "Ingest slides ahead of training.",
    "data_modules.ingest.volumes": "Ingest volumes ahead of training.",
    "data_modules.actionability": "Variants beside a release of CIViC.",
    "data_modules.phi": "What of a folder would tell who a patient is, before it leaves the machine.",
}

COMPLETION = """# eval "$(python -m fusion --completion)"
_fusion_complete() {
  local words=($COMP_LINE) line
  [[ ${words[1]} == -m && ( ${words[2]} == f* || ${words[2]} == d* ) ]] || return
  if (( COMP_CWORD <= 2 )); then
    COMPREPLY=($(compgen -W "$("${words[0]}" -m fusion --names)" -- "${words[2]}"))
    return
  fi
  [[ ${words[2]} == fusion.* ]] || return
  line="fusion ${COMP_LINE#*${words[2]} }"
  COMPREPLY=($(compgen -o nospace -o default -W "$(COMP_POINT=${#line} COMP_LINE="$line" \\
    "${words[0]}" -m "${words[2]}" -sc query=bash 2>/dev/null)" -- "${words[$COMP_CWORD]}"))
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _fusion_complete python python3
"""
"""For bash. Hydra's own completes scripts, and not modules that are run by ``-m``."""


def commands() -> dict[str, str]:
    """Command → the first sentence of its docstring; nothing is imported for it."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if path.stem != "__main__" and '\nif __name__ == "__main__":' in text:
            docstring = ast.get_docstring(ast.parse(text)) or ""
            found[path.stem] = docstring.partition("\n\n")[0].replace("\n", " ")
    return found


def listing() -> str:
    """What the command prints."""
    found = commands()
    listed = {name for names in GROUPS.values() for name in names}
    groups = {**GROUPS, "Also": tuple(name for name in found if name not in listed)}
    lines = ["Attention fusion of slides, radiology, variants and tables for therapy response in oncology."]
    for title, names in groups.items():
        there = [name for name in names if name in found]
        lines += ["", f"{title}:"] if there else []
        lines += [f"  python -m fusion.{name:<9} {found[name]}" for name in there]
    width = max(map(len, DATA))
    lines += ["", "Data:", *(f"  python -m {name:<{width}} {told}" for name, told in DATA.items())]
    lines += ["", "Each has --help. Your own data: python -m fusion.draft <folder>. Words are completed by"]
    return "\n".join([*lines, '  eval "$(python -m fusion --completion)"', ""])


def main(arguments: list[str]) -> int:
    """Print the list, the names alone, or the completion; 2 for anything else."""
    if arguments == ["--names"]:
        sys.stdout.write("".join(f"{name}\n" for name in [*(f"fusion.{name}" for name in commands()), *DATA]))
    elif arguments == ["--completion"]:
        sys.stdout.write(COMPLETION)
    elif arguments in ([], ["--help"], ["-h"]):
        sys.stdout.write(listing())
    else:
        known = commands()
        first = arguments[0]
        hint = f"Write python -m fusion.{first} (with a point)." if first in known else listing()
        sys.stderr.write(f"python -m fusion {first}: no such command. {hint}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
