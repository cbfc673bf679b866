"""What is done with a message that violates a contract. A module of its own: every start needs it, and few the rest of a contract."""

from __future__ import annotations

from typing import Literal

__all__ = ["Mode"]

Mode = Literal["observe", "annotate", "quarantine", "reject"]
