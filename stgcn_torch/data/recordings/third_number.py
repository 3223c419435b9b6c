"""What the third number of a joint is, a depth or a score, where a file does not say."""

from typing import Any

import numpy as np

LARGER = 20.0  # ratio of coordinates to a number from 0 to 1 that is no depth of theirs


def third_number(values: np.ndarray[Any, Any]) -> tuple[str, str]:
    """The name of the third number, ``z`` or ``score``, and a sentence on the choice.

    A score lies from 0 to 1, beside coordinates in pixels, or is the same for all joints that are there. What is
    negative or above 1 is a depth. Else nothing tells, and it is taken for a depth.

    Args:
        values: (..., 3), x and y first; joints that are all zero do not count.
    """
    flat = np.asarray(values, np.float64).reshape(-1, 3)
    there = flat[np.isfinite(flat).all(axis=1) & (flat != 0).any(axis=1)]
    third = there[:, 2]
    if not len(there) or third.min() < 0 or third.max() > 1:
        return "z", ""
    overrules = "channels=[x,y,z] overrules"
    if len(there) > 1 and np.ptp(third) == 0:
        return "score", f"the third number of each joint is {third[0]:g} and taken for a score; {overrules}"
    if float(np.median(np.abs(there[:, :2]))) > LARGER:
        return "score", f"the third number of each joint lies from 0 to 1, and is taken for a score; {overrules}"
    return "z", "the third number of each joint may be z or a score, and is taken for z; channels=[x,y,score] overrules"
