"""Regimens as numbers: regimens that share an agent or a class share the column of it.

- ``agent:<name>``: 1 where the regimen holds it.
- ``class:<name>``: 1 where it holds an agent of the class; of classes with two agents or more in the cohort's table,
  for with one it would say what the agent's column says.
- ``dose:<name>``: dose over the agent's median dose in the table, less 1; where it is given at different doses.
- ``order:<name>``: place in the sequence less the agent's median place; where it is given at different places.

A dose or place that is not given, or whose agent the regimen does not hold, is 0: as usual. Nothing is learned from
patients here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import pandas as pd

from data_modules.columns import Column
from fusion.contract import Agent


def encode(agents: Mapping[str, Sequence[Agent]], fields: Sequence[str]) -> tuple[pd.DataFrame, list[Column]]:
    """``(regimen, column)`` float64 of all regimens, and what the columns are.

    Args:
        agents: regimen → its agents.
        fields: of agents, class, dose, order.
    """
    every = [one for several in agents.values() for one in several]
    made: dict[str, list[float]] = {}
    columns: list[Column] = []

    def add(name: str, label: str, values: list[float]) -> None:
        made[name] = values
        columns.append(Column(name=name, time="baseline", kind="number", label=label))

    names = sorted({one.name for one in every})
    if "agents" in fields:
        for name in names:
            held = [float(any(one.name == name for one in several)) for several in agents.values()]
            add(f"agent:{name}", name, held)
    if "class" in fields:
        for group in sorted({one.group for one in every if one.group}):
            if "agents" in fields and len({one.name for one in every if one.group == group}) < 2:
                continue
            held = [float(any(one.group == group for one in several)) for several in agents.values()]
            add(f"class:{group}", f"Class {group}", held)
    for name in names:
        mine = [next((one for one in several if one.name == name), None) for several in agents.values()]
        doses = {one.dose for one in mine if one is not None and one.dose is not None}
        if "dose" in fields and len(doses) > 1:
            usual = median(one.dose for one in mine if one is not None and one.dose is not None)
            unit = next(one.unit for one in mine if one is not None and one.unit)
            relative = [0.0 if one is None or one.dose is None else one.dose / usual - 1 for one in mine]
            add(f"dose:{name}", f"{name}: dose against {usual:g} {unit}", relative)
    for name in names:
        mine = [next((one for one in several if one.name == name), None) for several in agents.values()]
        places = [one.order for one in mine if one is not None and one.order is not None]
        if "order" in fields and len(set(places)) > 1:
            usual = median(places)
            later = [0.0 if one is None or one.order is None else one.order - usual for one in mine]
            add(f"order:{name}", f"{name}: later in the sequence", later)
    frame = pd.DataFrame(made, index=pd.Index(list(agents), name="regimen", dtype=object), dtype="float64")
    return frame, columns
