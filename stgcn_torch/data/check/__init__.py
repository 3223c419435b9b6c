"""What is wrong with a data set, before it costs a night of training."""

from stgcn_torch.data.check import clips, sets
from stgcn_torch.data.check.finding import Finding, as_text, hopeless
from stgcn_torch.data.check.parts import Part, open_parts
from stgcn_torch.data.check.sets import summary
from stgcn_torch.data.check.survey import Survey, surveyed


def findings(survey: Survey) -> list[Finding]:
    """The findings of every check on a survey, in the order of the checks."""
    return [finding for check in (*sets.CHECKS, *clips.CHECKS) for finding in check(survey)]


__all__ = ["Finding", "Part", "Survey", "as_text", "findings", "hopeless", "open_parts", "summary", "surveyed"]
