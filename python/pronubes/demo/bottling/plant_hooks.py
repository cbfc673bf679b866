"""Transforms of the bottling hall. `pronubes.yaml` names them as `plant_hooks:NAME`."""

import numpy as np

import pronubes

NOMINAL = 36_000.0
"""Bottles per hour at which every machine of the hall is rated."""


@pronubes.transform
def performance(batch: pronubes.Batch) -> pronubes.Batch:
    """Add how fast a machine runs against its nominal speed (the P of OEE), between 0 and 1; null where there is no speed."""
    speed = batch["value"]
    share = np.clip(np.nan_to_num(speed) / NOMINAL, 0.0, 1.0)
    return batch.with_fields(performance=np.ma.array(np.round(share, 3), mask=np.isnan(speed)))
