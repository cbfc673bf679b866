"""Results as JUnit XML, which CI servers show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from pronubes.cases.report import failure_lines
from pronubes.cases.suite import VerdictKind

if TYPE_CHECKING:
    from pronubes.cases.suite import Verdict

__all__ = ["write_junit"]

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, verdicts: Sequence[Verdict], *, config: str) -> None:
    """Write a file of JUnit XML: a suite for each file of cases.

    Args:
        path: The file to write.
        verdicts: The results.
        config: The configuration, as the user named it.
    """
    root = Element("testsuites", name="pronubes test")
    by_file: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_file.setdefault(verdict.named.file, []).append(verdict)
    for file, own in by_file.items():
        suite = SubElement(root, "testsuite", name=file, tests=str(len(own)), time=f"{sum(one.seconds for one in own):.6f}")
        for kind, name in ((VerdictKind.FAILED, "failures"), (VerdictKind.BROKEN, "errors"), (VerdictKind.SKIPPED, "skipped")):
            suite.set(name, str(sum(one.kind is kind for one in own)))
        for verdict in own:
            _case(suite, verdict, config)
    indent(root)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _case(suite: Element, verdict: Verdict, config: str) -> None:
    named = verdict.named
    classname = str(Path(named.file).with_suffix("")).replace("/", ".").strip(".")
    case = SubElement(suite, "testcase", name=_clean(named.name), classname=classname, file=named.file, line=str(named.line))
    case.set("time", f"{verdict.seconds:.6f}")
    if verdict.kind is VerdictKind.SKIPPED:
        SubElement(case, "skipped", message=_clean(verdict.problem))
    elif verdict.kind is not VerdictKind.PASSED:
        lines = list(failure_lines(verdict, config=config))
        tag = "failure" if verdict.kind is VerdictKind.FAILED else "error"
        SubElement(case, tag, message=_clean(lines[0] if lines else "")).text = _clean("\n".join(lines))


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
