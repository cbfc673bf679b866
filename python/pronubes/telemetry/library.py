"""structlog, imported without rich.

structlog draws tracebacks with rich where rich is installed, and importing rich costs 60 ms of a start that has to end with the first message
within half a second. Nothing here logs a traceback, so structlog is made to believe that rich is not there while it is imported.
"""

from __future__ import annotations

import sys

_had_rich = "rich" in sys.modules
if not _had_rich:
    sys.modules["rich"] = None  # type: ignore[assignment]  # `import rich` raises ImportError, as without the package
try:
    import structlog
finally:
    if not _had_rich:
        del sys.modules["rich"]

__all__ = ["structlog"]
