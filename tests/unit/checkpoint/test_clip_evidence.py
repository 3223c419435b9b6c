"""A network's input batch norm shows whether it was trained on centred clips, without false alarms."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stgcn_torch.checkpoint.clip_evidence import centring, contradiction, times_as_large
from stgcn_torch.data.preprocessing.steps import PREPROCESSINGS, Preprocessing, preprocess
from stgcn_torch.data.skating import ELEMENTS, skating_clip
from stgcn_torch.skeleton import LAYOUTS, Skeleton
from stgcn_torch.training.lit import LitSTGCN

HIP = LAYOUTS["fsd10"].center
WINDOW = 32
BATCH = 8
STEPS = (1, 5, 50, 5000)
MODEL = {"num_classes": 2, "channels": [4], "strides": [1]}

Clips = list[np.ndarray[Any, Any]]
State = dict[str, Tensor]

# The project's own: by name, then as experiments and users lay them out.
SETTINGS = {name: dict(made.plain, window=WINDOW, sampling="to_last") for name, made in PREPROCESSINGS.items()} | {
    "raw": {"center": None},
    "first frame": {"center_of": "clip"},
    "every joint": {"centring": "every_joint"},
    "neck": {"center": "Neck"},
    "first neck": {"center": "Neck", "center_of": "clip"},
    "with score": {"keep": ("x", "y", "score")},
    "motion first": {"streams": ("bone", "joint_motion", "joint")},
    "raw motion first": {"streams": ("bone", "joint_motion", "joint"), "center": None},
    "bones": {"streams": ("bone", "bone_motion")},
    "raw bones": {"streams": ("bone",), "center": None},
    "crops": {"frames": 64, "crops": 5, "crop": 0.7},
}


def settings(name: str) -> Preprocessing:
    return Preprocessing.of({"window": WINDOW} | SETTINGS[name])


@pytest.fixture(scope="module")
def skating() -> Clips:
    """Clips of the synthetic set, with undetected joints and some padding at the end."""
    clips = [skating_clip(ELEMENTS[i % len(ELEMENTS)], np.random.default_rng((0, i))) for i in range(3 * BATCH)]
    return [np.pad(clip, ((0, 0), (0, 5), (0, 0), (0, 0))) for clip in clips]


@pytest.fixture(scope="module")
def pairs() -> Clips:
    """NTU-like clips (3, T, 25, 2) in metres from the camera, with a second person in every other clip."""
    rng = np.random.default_rng(0)
    clips = []
    for i in range(3 * BATCH):
        T = 20 + i
        path = rng.normal((0, 0, 3), (0.5, 0.2, 0.3), (1, 1, 2, 3)) + rng.normal(0, 0.01, (T, 1, 2, 3)).cumsum(axis=0)
        people = path + rng.normal(0, 0.3, (1, 25, 2, 3)) + rng.normal(0, 0.02, (T, 25, 2, 3))
        people[:, :, 1] *= i % 2
        clips.append(people.transpose(3, 0, 1, 2).astype(np.float32))
    return clips


def stepped(
    clips: Clips, preprocessing: Preprocessing, steps: int, body: Skeleton = LAYOUTS["fsd10"]
) -> tuple[LitSTGCN, list[Tensor]]:
    """A network whose input batch norm has made this many training steps, and the inputs of that batch norm.

    The first two steps run the whole network; the others only the batch norm, on the same batches.
    """
    module = LitSTGCN(MODEL | {"layout": body.name}, preprocessing.plain, ["a", "b"]).train()
    data_bn = module.backbone.data_bn
    inputs: list[Tensor] = []
    data = torch.from_numpy(np.stack([preprocess(clip, preprocessing, body) for clip in clips]))
    with torch.no_grad():
        hook = data_bn.register_forward_pre_hook(lambda _, x: inputs.append(x[0]))
        for batch in data.split(BATCH)[: min(steps, 2)]:
            module.logits(batch)
        hook.remove()
        for i in range(2, steps):
            data_bn(inputs[i % 2])
    return module, inputs


def warned(module: LitSTGCN, preprocessing: Preprocessing | None = None) -> str | None:
    return contradiction(module.state_dict(), preprocessing or module.preprocessing, module.body)


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", ["paddlevideo", "fixed", "crops"])
def test_a_centred_network_is_recognised_at_its_centre_alone(skating: Clips, name: str, steps: int) -> None:
    state = stepped(skating, settings(name), steps)[0].state_dict()
    assert [joint for joint in range(25) if centring(state, joint) == "centred"] == [HIP]
    assert centring(state, 0) == "raw"


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", ["article", "raw", "first frame"])
def test_a_raw_network_is_recognised(skating: Clips, name: str, steps: int) -> None:
    assert centring(stepped(skating, settings(name), steps)[0].state_dict(), HIP) == "raw"


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("center", ["layout", None])
def test_people_and_three_coordinates_make_no_difference(pairs: Clips, center: str | None, steps: int) -> None:
    body = LAYOUTS["ntu-rgb+d"]
    axes = ("x", "y", "z")
    made = Preprocessing(
        window=WINDOW, channels=axes, keep=axes, center=center, empty="keep", streams=("joint", "joint_motion")
    )
    module, _ = stepped(pairs, made, steps, body)
    assert centring(module.state_dict(), body.center, range(3)) == ("centred" if center else "raw")
    assert warned(module) is None


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_a_network_does_not_contradict_its_own_preprocessing(skating: Clips, name: str, steps: int) -> None:
    assert warned(stepped(skating, settings(name), steps)[0]) is None


@pytest.mark.parametrize(("name", "result"), [("paddlevideo", "centred"), ("article", "raw")])
@pytest.mark.parametrize("steps", STEPS)
def test_paddles_statistics_tell_without_a_count(skating: Clips, name: str, result: str, steps: int) -> None:
    module, inputs = stepped(skating, settings(name), 2)
    mean, variance = np.zeros(50, np.float32), np.ones(50, np.float32)
    for i in range(steps):
        x = inputs[i % 2].numpy()
        mean = np.float32(0.9) * mean + np.float32(0.1) * x.mean(axis=(0, 2))
        variance = np.float32(0.9) * variance + np.float32(0.1) * x.var(axis=(0, 2))  # biased, as Paddle's on CPU
    state = {key: value.numpy() for key, value in module.state_dict().items()}
    state |= {"backbone.data_bn.running_mean": mean, "backbone.data_bn.running_var": variance}
    for count in ({"backbone.data_bn.num_batches_tracked": np.array(0)}, {}):
        assert centring({key: value for key, value in state.items() if "num_batches" not in key} | count, HIP) == result


@pytest.mark.parametrize("decay", [0.98, 0.999])
@pytest.mark.parametrize(("name", "result"), [("paddlevideo", "centred"), ("fixed", "centred"), ("article", "raw")])
def test_averaged_weights_tell(skating: Clips, name: str, result: str, decay: float) -> None:
    module, inputs = stepped(skating, settings(name), 2)
    averaged = AveragedModel(module.backbone, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    for i in range(2000):
        module.backbone.data_bn(inputs[i % 2])
        averaged.update_parameters(module.backbone)
    state = {f"backbone.{key}": value for key, value in averaged.module.state_dict().items()}
    assert centring(state, HIP) == result


@pytest.mark.parametrize(("noise", "result"), [(1e-4, "centred"), (1e-3, "centred"), (0.01, "unknown"), (0.05, "raw")])
def test_a_centre_that_trembles_is_centred_until_it_moves_like_the_others(
    skating: Clips, noise: float, result: str
) -> None:
    module, inputs = stepped(skating, settings("fixed"), 2)
    torch.manual_seed(0)
    for i in range(200):
        module.backbone.data_bn(inputs[i % 2] + noise * torch.randn(inputs[i % 2].shape))
    assert centring(module.state_dict(), HIP) == result


Change = Callable[[Tensor], Tensor]


def hip_becomes(change: Change) -> Change:
    """The change made to the hip's (N, C, T) in a batch as the input batch norm sees it."""

    def changed(x: Tensor) -> Tensor:
        x = x.clone()
        x[:, 2 * HIP : 2 * HIP + 2] = change(x[:, 2 * HIP : 2 * HIP + 2])
        return x

    return changed


def pinned(at: float) -> Change:
    """The hip at the same x and y in every frame."""
    return hip_becomes(lambda hip: torch.full_like(hip, at))


@pytest.mark.parametrize(
    ("name", "change", "steps", "result"),
    [
        ("fixed", hip_becomes(lambda hip: hip + 1e-3 * torch.randn(hip.shape)), 50, "centred"),
        ("raw", pinned(0.4), 50, "raw"),
        ("raw", pinned(0.05), 1, "raw"),
        ("raw", hip_becomes(lambda hip: hip * torch.tensor([[0.0], [1.0]])), 300, "raw"),
    ],
    ids=["variance by its decay", "the mean's square", "the mean by its growth", "y where x is centred"],
)
def test_each_term_of_the_statistics_counts(skating: Clips, name: str, change: Change, steps: int, result: str) -> None:
    _, inputs = stepped(skating, settings(name), 2)
    module = stepped(skating, settings(name), 0)[0]
    torch.manual_seed(0)
    for i in range(steps):
        module.backbone.data_bn(change(inputs[i % 2]))
    assert centring(module.state_dict(), HIP) == result


def test_a_count_that_began_anew_is_not_believed(skating: Clips) -> None:
    module, inputs = stepped(skating, settings("raw"), 300)
    data_bn = module.backbone.data_bn
    data_bn.num_batches_tracked.zero_()
    data_bn(inputs[0])
    assert centring(module.state_dict(), HIP) == "unknown"


def broken(change: Callable[[State], Any]) -> Callable[[State], State]:
    def changed(state: State) -> State:
        change(state)
        return state

    return changed


@pytest.mark.parametrize(
    "change",
    [
        broken(lambda state: state["backbone.data_bn.running_mean"].zero_()),
        broken(lambda state: state["backbone.data_bn.running_mean"][0].fill_(torch.nan)),
        broken(lambda state: state["backbone.data_bn.running_var"][3].fill_(torch.inf)),
        broken(lambda state: state["backbone.data_bn.running_mean"][:2].zero_()),
        lambda state: {key: value for key, value in state.items() if "data_bn" not in key},
    ],
    ids=["untrained", "NaN", "infinite", "another joint is absent too", "no data_bn"],
)
def test_nothing_is_claimed_of_weights_that_do_not_tell(skating: Clips, change: Callable[[State], State]) -> None:
    module, _ = stepped(skating, settings("fixed"), 50)
    state = change(module.state_dict())
    assert centring(state, HIP) == "unknown"
    assert contradiction(state, settings("article"), module.body) is None


def test_the_score_does_not_tell(skating: Clips) -> None:
    module, _ = stepped(skating, settings("with score"), 50)
    raw = replace(module.preprocessing, center=None)
    assert "MidHip at the origin" in (warned(module, raw) or "")
    state = module.state_dict()
    state["backbone.data_bn.running_mean"][:2].zero_()  # another joint is absent too, of which its score tells nothing
    assert [contradiction(state, made, module.body) for made in (raw, module.preprocessing)] == [None, None]


def test_an_untrained_network_contradicts_nothing(skating: Clips) -> None:
    module = stepped(skating, settings("fixed"), 0)[0]
    assert [warned(module, settings(name)) for name in ("paddlevideo", "article")] == [None, None]


def test_a_network_without_input_normalisation_contradicts_nothing() -> None:
    module = LitSTGCN(MODEL | {"data_bn": False}, settings("fixed").plain, ["a", "b"])
    assert isinstance(module.backbone.data_bn, nn.Identity)
    assert warned(module, settings("article")) is None


@pytest.mark.parametrize(
    ("trained", "used", "words"),
    [
        ("paddlevideo", "article", ("MidHip at the origin", "316", "=paddlevideo, or preprocessing.center=layout")),
        ("fixed", "first frame", ("MidHip at the origin", "316", "=paddlevideo, or preprocessing.center_of=frame")),
        ("fixed", "neck", ("MidHip at the origin", "=paddlevideo, or preprocessing.center=layout")),
        ("fixed", "first neck", ("=paddlevideo, or preprocessing.center=layout preprocessing.center_of=frame",)),
        ("neck", "raw", ("Neck at the origin", "316", "leaves it elsewhere; try preprocessing.center=Neck (")),
        ("neck", "article", ("Neck at the origin", "try preprocessing.center=Neck (if the data lack Neck: ")),
        ("neck", "fixed", ("Neck at the origin", "leaves it elsewhere; try preprocessing.center=Neck (")),
        ("neck", "first neck", ("Neck at the origin", "try preprocessing.center_of=frame (")),
        ("neck", "first frame", ("try preprocessing.center=Neck preprocessing.center_of=frame (",)),
        ("article", "paddlevideo", ("MidHip away from the origin", "=article, or preprocessing.center=null")),
        ("first frame", "fixed", ("MidHip away from the origin", "=article, or preprocessing.center=null")),
    ],
)
def test_a_contradiction_is_told_in_one_line(skating: Clips, trained: str, used: str, words: tuple[str, ...]) -> None:
    warning = warned(stepped(skating, settings(trained), 300)[0], settings(used))
    assert warning is not None
    assert "\n" not in warning
    assert [word for word in words if word not in warning] == []


def test_another_centring_of_the_same_joint_is_no_contradiction(skating: Clips) -> None:
    module = stepped(skating, settings("paddlevideo"), 300)[0]
    assert [warned(module, settings(name)) for name in ("fixed", "every joint", "crops")] == [None, None, None]


@pytest.mark.parametrize("unit", [1.0, 5.0, 1000.0, 0.001])
def test_clips_in_another_unit_are_told(unit: float) -> None:
    """Weights trained on coordinates of size 0.5, and a clip of this size in several units."""
    state = {
        "backbone.A": np.zeros((3, 25, 25)),
        "backbone.data_bn.running_mean": np.full(50, 0.3),
        "backbone.data_bn.running_var": np.full(50, 0.16),
    }
    clip = np.random.default_rng(0).choice([-0.5, 0.5], (2, 350, 25, 1)) * unit
    clip[:, 100:] = 0
    assert times_as_large(state, PREPROCESSINGS["fixed"], clip) == pytest.approx(unit)


def test_a_short_training_does_not_pass_for_one_on_large_clips() -> None:
    """Eight steps leave 0.43 of the variance of 1 that ``data_bn`` starts with; the coordinates are of size 0.05."""
    w = 0.9**8
    state = {
        "backbone.A": np.zeros((3, 25, 25)),
        "backbone.data_bn.running_mean": np.full(50, (1 - w) * 0.03),
        "backbone.data_bn.running_var": np.full(50, w + (1 - w) * 0.04**2),
        "backbone.data_bn.num_batches_tracked": np.array(8),
    }
    clip = np.random.default_rng(0).choice([-0.05, 0.05], (2, 350, 25, 1))
    assert times_as_large(state, PREPROCESSINGS["fixed"], clip) == pytest.approx(1.0)
    assert times_as_large(state, PREPROCESSINGS["fixed"], 20 * clip) == pytest.approx(20.0)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_of_a_clip_without_a_size_nothing_is_told(value: float) -> None:
    state = {name: np.ones(50) for name in ("backbone.data_bn.running_mean", "backbone.data_bn.running_var")}
    state["backbone.A"] = np.zeros((3, 25, 25))
    assert times_as_large(state, PREPROCESSINGS["fixed"], np.full((2, 9, 25, 1), value)) is None
    assert times_as_large({"backbone.A": state["backbone.A"]}, PREPROCESSINGS["fixed"], np.ones((2, 9, 25, 1))) is None


class OnDevice:
    """A tensor that NumPy cannot convert, as one on a GPU."""

    def __init__(self, value: np.ndarray[Any, Any]) -> None:
        self.value, self.shape = value, value.shape

    def cpu(self) -> np.ndarray[Any, Any]:
        """The values on the CPU."""
        return self.value

    def __array__(self, *_: object, **__: object) -> np.ndarray[Any, Any]:
        raise TypeError("can't convert device type tensor to numpy")


def test_weights_may_lie_on_any_device() -> None:
    state = {f"backbone.data_bn.{name}": np.full(50, 0.3) for name in ("running_mean", "running_var")}
    on_device: dict[str, Any] = {name: OnDevice(value) for name, value in state.items()}
    A, clip = np.zeros((3, 25, 25)), np.full((2, 9, 25, 1), 1000.0)
    ratio = times_as_large(on_device | {"backbone.A": OnDevice(A)}, PREPROCESSINGS["fixed"], clip)
    assert ratio is not None
    assert ratio == times_as_large(state | {"backbone.A": A}, PREPROCESSINGS["fixed"], clip)
