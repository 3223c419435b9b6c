"""The elements of the synthetic set, as key frames of a skater's motion.

Elements differ in the order of their phases, in the angle of their turns, or in the leg and direction of a turn, never
in the postures alone: the members of a group pass through the same postures for the same time, so that no joint's mean
or spread over a clip separates them. Every skater here turns to the left; ``skater.performance`` mirrors half of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from jaxtyping import Float

from stgcn_torch.data.skating import postures
from stgcn_torch.data.skating.body import mirrored


@dataclass(frozen=True)
class Programme:
    """Key frames of one element.

    Attributes:
        length: Frames at 30 frames a second and ordinary tempo.
        pose_times: Frame of each posture, with smooth transitions between them.
        poses: Angles in degrees, see ``body.joints_of``.
        turn_times: Frame of each turn key.
        turns: Angle from the skate's direction of motion to the skater's front, degrees to the left; linear between
            keys.
        speed: Metres per frame over the ice.
        flight: Frames of take-off and landing, and the height between them in metres; none for elements on the ice.
    """

    length: float
    pose_times: Float[np.ndarray, " K"]
    poses: Float[np.ndarray, "K 13 2"]
    turn_times: Float[np.ndarray, " R"]
    turns: Float[np.ndarray, " R"]
    speed: float
    flight: tuple[float, float, float] | None = None


GESTURES: Final = {"crouch": postures.CROUCH, "ahead": postures.LEG_AHEAD, "behind": postures.LEG_BEHIND}
POSITIONS: Final = {"sit": postures.SIT, "camel": postures.CAMEL, "upright": postures.UPRIGHT}
BACKWARD: Final = 180.0


def jump(rng: np.random.Generator, gestures: tuple[str, ...], turns: float) -> Programme:
    """A jump that lands backward: three gestures, take-off from the last, turns in the air, a long landing.

    Args:
        rng: Generator for durations, the height and the turns before and after.
        gestures: Order of the gestures before take-off, keys of ``GESTURES``.
        turns: Revolutions in the air; with an odd half revolution, the take-off is forward.
    """
    start = rng.uniform(6, 45)
    gesture_times = start + np.cumsum(rng.uniform(9, 11.5, len(gestures)))
    takeoff = gesture_times[-1] + rng.uniform(3, 4.5)
    landing = takeoff + rng.uniform(15, 18)
    length = landing + rng.uniform(16, 50)
    glide = mirrored(postures.GLIDE) if rng.random() < 0.5 else postures.GLIDE
    times = [0, start, *gesture_times, takeoff, takeoff + 4, landing - 2, landing + 4, landing + 14, length]
    poses = [glide, postures.STAND, *(GESTURES[name] for name in gestures), postures.STAND, postures.FLIGHT]
    poses += [postures.FLIGHT, mirrored(postures.LANDING), mirrored(postures.LANDING), mirrored(glide)]
    faces = BACKWARD - 360 * turns
    before = faces + rng.choice([-180, 0, 180])  # two in three skaters turn before they take off
    switch = start * rng.uniform(0.2, 0.7)
    after = BACKWARD + rng.choice([-180, 0, 180])  # and as many turn after landing
    back = landing + (length - landing) * rng.uniform(0.4, 0.8)
    turn_times = [0, switch, switch + 6, takeoff - 2, landing + 1, back, back + 6]
    return Programme(
        length,
        np.array(times),
        np.array(poses),
        np.array(turn_times),
        np.array([before, before, faces, faces, BACKWARD, BACKWARD, after]),
        speed=rng.uniform(0.06, 0.14),
        flight=(takeoff, landing, rng.uniform(0.25, 0.5)),
    )


def spin(rng: np.random.Generator, positions: tuple[str, ...], leg: str) -> Programme:
    """A spin to the left through a cycle of positions, cut out of a longer spin at a random phase of the cycle.

    Args:
        rng: Generator for durations, the rate and the phase at the start.
        positions: Cyclic order of the positions, keys of ``POSITIONS``.
        leg: ``left``, a forward spin, or ``right``, a back spin.
    """
    hold = rng.uniform(22, 30)
    change = rng.uniform(7, 10)
    length = (hold + change) * (3 * rng.uniform(1.0, 1.3) if len(positions) > 1 else rng.uniform(1.4, 4.5))
    begin = rng.uniform(0, len(positions) * (hold + change))
    rounds = int((begin + length) / (hold + change)) + 2
    chosen = POSITIONS | {"upright": postures.LAYBACK if rng.random() < 0.4 else postures.UPRIGHT}
    poses = np.array([chosen[positions[i % len(positions)]] for i in range(rounds)])
    holds = np.arange(rounds)[:, None] * (hold + change) + (0, hold) - begin
    rate = 360 / rng.uniform(18, 28)  # degrees per frame, from 1.1 to 1.7 revolutions a second
    return Programme(
        length,
        holds.ravel(),
        np.repeat(poses if leg == "left" else mirrored(poses), 2, axis=0),
        np.array([0, length]),
        np.array([0, rate * length]) + rng.uniform(0, 360),
        speed=rng.uniform(0, 0.01),
    )


def steps(rng: np.random.Generator, towards: str) -> Programme:
    """A step sequence: the legs alternate, and in the middle of each stroke the skater turns by half a revolution.

    Args:
        rng: Generator for durations, the start within the sequence and the first leg.
        towards: ``left``: on the left leg the skater turns to the left and on the right leg to the right, a
            three-turn on an outside edge; ``right``: the other way, on an inside edge.
    """
    stroke = rng.uniform(17, 22)
    length = stroke * rng.uniform(4, 7.5)
    begin = rng.uniform(0, 4 * stroke)
    strokes = np.arange(int((begin + length) / stroke) + 3)
    on_left = strokes % 2 == 0
    poses = np.where(on_left[:, None, None], postures.GLIDE, mirrored(postures.GLIDE))
    starts = stroke * strokes - begin
    facing = np.cumsum(np.where(on_left == (towards == "left"), 180.0, -180.0)) + 180 * rng.integers(2)
    return Programme(
        length,
        (starts[:, None] + (3, stroke - 3)).ravel(),
        np.repeat(poses, 2, axis=0),
        (starts[:, None] + (stroke / 2 - 4, stroke / 2 + 4)).ravel(),
        np.stack((np.roll(facing, 1), facing), axis=1).ravel(),
        speed=rng.uniform(0.05, 0.12),
    )


ELEMENT_OF: Final[dict[str, Callable[[np.random.Generator], Programme]]] = {
    "single_jump": partial(jump, gestures=("behind", "ahead", "crouch"), turns=1.0),
    "double_jump": partial(jump, gestures=("behind", "ahead", "crouch"), turns=2.0),
    "toe_jump": partial(jump, gestures=("crouch", "ahead", "behind"), turns=1.0),
    "axel_jump": partial(jump, gestures=("crouch", "behind", "ahead"), turns=1.5),
    "camel_spin": partial(spin, positions=("camel",), leg="left"),
    "back_camel_spin": partial(spin, positions=("camel",), leg="right"),
    "camel_sit_spin": partial(spin, positions=("camel", "sit", "upright"), leg="left"),
    "sit_camel_spin": partial(spin, positions=("sit", "camel", "upright"), leg="left"),
    "outside_turn_steps": partial(steps, towards="left"),
    "inside_turn_steps": partial(steps, towards="right"),
}
ELEMENTS: Final = tuple(ELEMENT_OF)
