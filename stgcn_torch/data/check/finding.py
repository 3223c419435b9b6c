"""Findings of a data set's check, one per kind of trouble."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SEVERITIES: Final = {
    "error": "training would refuse the clips or learn nothing that counts",
    "warning": "training runs, and its result is likely worse or its metrics say less than they seem to",
    "note": "worth knowing, and usual in such data",
}
SHOWN: Final = 5  # clips, joints or classes that the text names per finding


@dataclass(frozen=True)
class Finding:
    """One kind of trouble.

    Attributes:
        severity: A key of ``SEVERITIES``.
        name: Short name for programs.
        what: A sentence for people.
        count: Number of clips, frames, joints or classes in the sentence.
        where: The clips, as ``file[index]``, joints or classes concerned.
        remedy: An override or a command to type; empty if there is none.
    """

    severity: str
    name: str
    what: str
    count: int = 1
    where: tuple[str, ...] = ()
    remedy: str = ""


def as_text(findings: Sequence[Finding]) -> str:
    """The findings as lines, errors first, and a last line with the verdict: ``go on`` or ``stop``."""
    lines = []
    for severity in SEVERITIES:
        for finding in findings:
            if finding.severity == severity:
                lines.append(f"{severity:8} {finding.what}")
                if finding.where:
                    more = ", ..." if len(finding.where) > SHOWN else ""
                    lines.append(f"{'':8}   {', '.join(finding.where[:SHOWN])}{more}")
                if finding.remedy:
                    lines.append(f"{'':8}   try {finding.remedy}")
    counts = ", ".join(f"{sum(f.severity == severity for f in findings)} {severity}s" for severity in SEVERITIES)
    return "\n".join([*lines, f"{'stop' if hopeless(findings) else 'go on'}: {counts}"])


def hopeless(findings: Sequence[Finding]) -> bool:
    """Whether training would be pointless."""
    return any(finding.severity == "error" for finding in findings)
