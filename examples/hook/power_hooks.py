"""Hooks of this example. `pronubes.yaml` names them as `power_hooks:NAME`."""

import numpy as np
import orjson

import pronubes

RATED_KW = 55.0


def share_of_rated(power: np.ndarray) -> np.ndarray:
    """The share of the rated power, 0 to 1; a function on arrays, so that a test needs no batch."""
    return np.clip(power / RATED_KW, 0.0, 1.0)


@pronubes.transform
def share(batch: pronubes.Batch) -> pronubes.Batch:
    valid = batch.is_valid("value")
    return batch.with_fields(share=np.ma.array(share_of_rated(np.nan_to_num(batch["value"])), mask=~valid))


@pronubes.transform
def label(message: pronubes.Message) -> dict[str, object]:
    return {**orjson.loads(message.payload), "kind": "motor"}
