"""What is left to fill is told key by key, what only the cohort's owner knows in their file."""

from __future__ import annotations

from pathlib import Path

from fusion.config.unfilled import SHOWN, unfilled


def test_keys_of_a_command_and_of_a_cohort(tmp_path: Path) -> None:
    (tmp_path / "cohort").mkdir()
    file = tmp_path / "cohort/mine.yaml"
    file.write_text("name: mine\n")
    assert unfilled(["runs", "output"], {}, None).splitlines() == [
        "runs is needed: give runs=<value>.",
        "output is needed: give output=<value>.",
    ]
    said = unfilled(
        ["runs", "cohort.endpoint.positive", "modality.vcf.build", "modality.maf.build"], {"cohort": "mine"}, tmp_path
    )
    assert said.splitlines() == [
        "runs is needed: give runs=<value>.",
        f"3 values of the cohort are left to fill in {file}:",
        "  cohort.endpoint.positive: the values of the class to predict, e.g. [CR, PR]",
        "  modality.vcf.build: GRCh37 or GRCh38",
        "  modality.maf.build",  # said once
        "Write a value in place of each '???', or delete the line of what is not to be read.",
    ]
    assert unfilled(["cohort.name"], {"cohort": "nowhere"}, tmp_path).splitlines()[:2] == [
        "One value of the cohort is left to fill:",
        "  cohort.name",
    ]


def test_a_dozen_keys_and_the_number_of_others() -> None:
    keys = [f"cohort.columns.c{number}" for number in range(SHOWN + 2)]
    lines = unfilled(keys, {"cohort": "nowhere"}, None).splitlines()
    assert lines[0] == "14 values of the cohort are left to fill:"
    assert lines[1:13] == [f"  {key}" for key in keys[:12]] and lines[13] == "  and 2 more"
    assert len(unfilled(keys[:SHOWN], {"cohort": "nowhere"}, None).splitlines()) == 14
