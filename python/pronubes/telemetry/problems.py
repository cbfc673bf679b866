"""What can be wrong with a node: the codes, for programs and alarms, and what each means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CODES", "Code", "Problem"]

Code = Literal[
    "canary_lost", "ledger", "holds_lost", "log_failing", "log_full", "quarantine_failing", "old_token", "hook_open", "hook_stuck", "table_broken"
]

CODES: dict[Code, str] = {
    "canary_lost": "No canary came through for three periods: messages may not be moving.",
    "ledger": "A ledger does not add up: a defect of pronubes.",
    "holds_lost": "Messages were given up inside and sent again by their source: a defect of pronubes.",
    "log_failing": "The disk refuses what a log writes; sources of `durable` are not acknowledged.",
    "log_full": "A log is full: `durable` holds its sources back, `spill` drops the oldest messages.",
    "quarantine_failing": "The quarantine takes no record; sources of bad messages are not acknowledged.",
    "old_token": "A source has waited for an acknowledgement for more than 30 s.",
    "hook_open": "A Python hook fails too often and is not called; what becomes of its messages stands in `breaker.messages` of its step.",
    "hook_stuck": "A Python hook hangs in threads that were left behind.",
    "table_broken": "The file of a lookup table cannot be read; its last good rows stay in force.",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        code: What kind; stable, for programs.
        text: What, where and what it means, as a sentence.
    """

    code: Code
    text: str
