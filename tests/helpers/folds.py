"""An invented cohort of labels, sites and groups alone, for tests of folds."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd

from fusion.contract import CohortSpec, EndpointSpec


def make_cohort(labels, sites=None, groups=None, *, order=None, ids=None):
    """`labels` and `sites` one a patient; `groups` of the patients that it names."""
    ids = [f"P{number:03d}" for number in range(len(labels))] if ids is None else list(ids)
    index = pd.Index(ids, name="patient_id")
    series = pd.Series(labels, index=index)
    site = None if sites is None else pd.Series(sites, index=index)
    if order is not None:
        series, site = series.iloc[order], None if site is None else site.iloc[order]
    endpoint = EndpointSpec(name="response", kind="binary", classes=("no", "yes"))
    spec = CohortSpec(name="invented", endpoint=endpoint, build=None, simulated=False, patients=len(ids))
    group = None if groups is None else pd.Series(groups, dtype=object)
    return SimpleNamespace(spec=spec, patient_ids=tuple(series.index), labels=series, sites=site, groups=group)
