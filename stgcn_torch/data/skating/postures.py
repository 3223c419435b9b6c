"""Postures of skating moves, as angles of every segment, for a skater who turns to the left."""

from typing import Final

import numpy as np
from jaxtyping import Float

Limb = tuple[float | int, ...]


def _posture(
    trunk: Limb, head: Limb, right_arm: Limb, left_arm: Limb, right_leg: Limb, left_leg: Limb, twist: float = 0.0
) -> Float[np.ndarray, "13 2"]:
    """Angles of ``body.SEGMENTS`` in degrees.

    Args:
        trunk: Lean forward, lean to the left.
        head: The same, from the vertical.
        right_arm: Swing and spread of the upper arm, then of the forearm.
        left_arm: Likewise.
        right_leg: Swing and spread of the thigh, swing of the shank, swing of the foot (90 is flat on the ice).
        left_leg: Likewise.
        twist: Shoulders to the left.
    """
    rows = [trunk, (twist, 0.0), head]
    for arm, leg in ((right_arm, right_leg), (left_arm, left_leg)):
        rows += [arm[:2], arm[2:], leg[:2], (leg[2], leg[1] / 2), (leg[3], 8.0)]
    return np.array(rows)


OPEN: Final = (5.0, 75.0, 15.0, 80.0)  # an arm held out to the side
TUCKED: Final = (30.0, 12.0, 110.0, -35.0)  # a forearm across the chest
AHEAD: Final = (70.0, 15.0, 80.0, 5.0)
BEHIND: Final = (-40.0, 40.0, -30.0, 45.0)
ABOVE: Final = (165.0, 20.0, 178.0, -5.0)
STRAIGHT: Final = (4.0, 3.0, -6.0, 90.0)
SOFT: Final = (22.0, 4.0, -22.0, 90.0)  # a slightly bent knee
DEEP: Final = (42.0, 5.0, -36.0, 90.0)
TRAILING: Final = (-32.0, 6.0, -42.0, 10.0)  # a free leg stretched behind

# The left leg carries the skater in every posture but those of flight; ``body.mirrored`` gives the other side.
GLIDE: Final = _posture((10, 0), (4, 0), OPEN, OPEN, TRAILING, SOFT)
STAND: Final = _posture((4, 0), (0, 0), (0, 40, 5, 45), (0, 40, 5, 45), (-6, 4, -20, 70), STRAIGHT)
CROUCH: Final = _posture((24, 0), (4, 0), (-20, 55, 0, 60), (30, 50, 50, 40), (30, 6, -30, 80), DEEP)
LEG_AHEAD: Final = _posture((-2, 0), (0, 0), AHEAD, AHEAD, (62, 5, 25, 70), SOFT)
LEG_BEHIND: Final = _posture((28, 0), (2, 0), BEHIND, BEHIND, (-52, 6, -62, 0), DEEP)
FLIGHT: Final = _posture((0, 0), (0, 0), TUCKED, TUCKED, (8, -7, -4, 40), (-4, -3, -12, 40))
LANDING: Final = _posture((26, 0), (6, 0), OPEN, OPEN, (-48, 8, -52, 0), DEEP)

CAMEL: Final = _posture((82, 0), (55, 0), (60, 70, 60, 75), (60, 70, 60, 75), (-86, 4, -88, -50), STRAIGHT)
SIT: Final = _posture((42, 0), (20, 0), AHEAD, AHEAD, (82, 10, 70, 130), (84, 6, -52, 90))
UPRIGHT: Final = _posture((0, 0), (-4, 0), TUCKED, TUCKED, (18, -4, -10, 50), STRAIGHT)
LAYBACK: Final = _posture((-32, 0), (-60, 0), ABOVE, ABOVE, (-15, 8, -75, -20), SOFT)
