"""Sentences on what a file did not say and was taken for granted, and on what a user puts in place of what it says."""

from stgcn_torch.checkpoint.card import assumed_parts
from stgcn_torch.data.preprocessing.steps import Preprocessing

ASSUMED = ("its preprocessing was assumed when it was converted; preprocessing=NAME overrules",)


def assumed_lines(parts: object) -> tuple[str, ...]:
    """Sentences on the parts that a file says were assumed."""
    return ASSUMED if "preprocessing" in assumed_parts(parts) else ()


def replaced(own: Preprocessing, given: Preprocessing) -> list[str]:
    """A line on what a preprocessing that is asked for makes otherwise than a file's own."""
    before, now = own.plain, given.plain
    parts = [f"{name}={_plain(now[name])} for {_plain(before[name])}" for name in now if now[name] != before[name]]
    return [f"the preprocessing asked for replaces its own: {', '.join(parts)}"] if parts else []


def _plain(value: object) -> str:
    if isinstance(value, list):
        return f"[{','.join(value)}]"
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)
