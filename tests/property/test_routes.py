"""The law of routes: the same clip gets the same answer by every way that a command or a file offers.

The expected answer is computed here from the description alone: people in slots, preprocessing, network.
"""

import csv
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from convert.cli import main as convert_main
from stgcn_torch.checkpoint.reader import load_model
from stgcn_torch.data.batch.crops import even_crops
from stgcn_torch.data.batch.streams import stack_streams
from stgcn_torch.data.preprocessing.people import in_slots
from stgcn_torch.data.preprocessing.steps import Preprocessing, preprocess
from stgcn_torch.prediction.ensemble import load_ensemble
from stgcn_torch.training.lit import LitSTGCN
from tests.checkpoints import write_ckpt
from tests.in_process import Said, line_of, run

ATOL = 1e-5  # of probabilities; measured: 6e-7
DRAWS = 12  # networks and clips for each route
CLASSES = ["a", "b", "c"]
COMPARED = 0.8  # share of the draws that must be compared
REASONS = ("predict: a stream takes frames one by one, and the network was trained with",)

torch.set_num_threads(1)


class Draw(NamedTuple):
    """A network and a clip that it is asked about."""

    module: LitSTGCN
    ckpt: Path
    clip: np.ndarray[Any, Any]
    folder: Path
    command: Callable[[list[str]], Said]


Route = Callable[[Draw], np.ndarray[Any, Any]]


class RefusedError(Exception):
    """A draw that a route cannot take."""


def drawn(seed: int, folder: Path, command: Callable[[list[str]], Said], **wanted: Any) -> Draw:
    """A random draw; ``wanted`` has what a route needs: a layout, people, or a clip no longer than the window."""
    rng = np.random.default_rng(seed)
    layout = wanted.get("layout") or str(rng.choice(["coco", "fsd10", "ntu-rgb+d"]))
    channels = ("x", "y", "z") if layout == "ntu-rgb+d" else ("x", "y", "score")
    window = int(rng.choice([16, 24]))
    crops = int(rng.choice([1, 1, 1, 2]))
    streams = [["joint"], ["joint"], ["joint", "bone"], ["bone"], ["joint_motion"]][rng.integers(5)]
    keep = channels if rng.random() < 0.3 or layout == "ntu-rgb+d" else ("x", "y")
    preprocessing = Preprocessing(
        window=window, channels=channels, keep=keep, crops=crops, crop=1.0 if crops == 1 else 0.7,
        streams=tuple(streams),
        length="positive_sum" if "score" in channels and rng.random() < 0.2 else "nonzero",
    )  # fmt: skip
    slots = int(rng.integers(1, 4))
    model = {"num_classes": 3, "layout": layout, "channels": [4, 6], "strides": rng.integers(1, 3, 2).tolist()}
    torch.manual_seed(seed)
    T = window if rng.random() < 0.4 else int(rng.integers(5, window if wanted.get("most_frames") else 2 * window))
    told = {"slots": slots, "people": "each" if slots == 1 else "together", "frames": [T + int(rng.integers(0, 9))] * 4}
    module = LitSTGCN(model, preprocessing.plain, CLASSES, training_clips=told).eval()
    for name, tensor in module.state_dict().items():
        if tensor.is_floating_point() and not name.endswith("backbone.A"):
            tensor.add_(0.3 * torch.rand_like(tensor))
            if wanted.get("half"):
                tensor.copy_(tensor.half())
    people = wanted.get("people") or int(rng.integers(1, min(slots, wanted.get("most", slots)) + 1))
    clip = rng.uniform(0.2, 1.0, (3, T, len(module.body.joints), people)).astype(np.float32)
    if wanted.get("steady"):  # as a tracker wants it
        clip = (clip[:, :1] + rng.uniform(-0.02, 0.02, clip.shape)).astype(np.float32)
    clip[:, rng.random(clip.shape[1:]) < 0.1] = 0
    clip[:, -1] = 0.5
    for m in range(people):  # readers list the surest first
        if "score" in channels:
            clip[2, :, :, m] *= 1 - 0.3 * m
    folder.mkdir()
    write_ckpt(module, folder / "best.ckpt")
    return Draw(module, folder / "best.ckpt", clip, folder, command)


def expected(draw: Draw) -> np.ndarray[Any, Any]:
    """From the description: slots, preprocessing, crops, streams, network, mean of the probabilities."""
    module, steps = draw.module, draw.module.preprocessing
    assert module.slots is not None
    joints = preprocess(in_slots(draw.clip, module.slots), steps, module.body)
    x = torch.from_numpy(joints)[None]
    with torch.no_grad():
        views = [
            module.head(module.backbone(stack_streams(view, steps.streams, module.body.parents))).softmax(dim=1)
            for view in even_crops(x, steps.window, steps.crops, steps.crop)
        ]
    return torch.stack(views).mean(dim=0)[0].numpy()


def asked(draw: Draw, *words: str, **options: Any) -> np.ndarray[Any, Any]:
    """The probabilities of the command's only answer; RefusedError with its line if it gives none."""
    out = draw.folder / "answers.json"
    given = {"ckpt_path": draw.ckpt, "out": out, "top_k": 3, "accelerator": "cpu"} | options
    said = draw.command([*words, *(f"{name}={value}" for name, value in given.items())])
    if said.code:
        raise RefusedError(line_of("predict", said))
    (record,) = json.loads(out.read_text())
    found = {top["class"]: top["probability"] for top in record["top"]}
    return np.array([found.get(name, found.get(str(k))) for k, name in enumerate(CLASSES)])  # bare weights number them


def array(draw: Draw) -> str:
    np.save(draw.folder / "clip.npy", draw.clip[None])
    return str(draw.folder / "clip.npy")


def by_array(draw: Draw) -> np.ndarray[Any, Any]:
    return asked(draw, input=array(draw))


def by_single(draw: Draw) -> np.ndarray[Any, Any]:
    np.save(draw.folder / "single.npy", draw.clip)
    return asked(draw, input=str(draw.folder / "single.npy"))


def by_folder(draw: Draw) -> np.ndarray[Any, Any]:
    """As prepare writes it."""
    folder = draw.folder / "prepared"
    folder.mkdir()
    np.save(folder / "data.npy", draw.clip[None])
    (folder / "channels.txt").write_text("\n".join(draw.module.preprocessing.channels))
    body = draw.module.body
    told = {
        "joints": list(body.joints),
        "bones": [[body.joints[v], body.joints[w]] for v, w in body.bones],
        "center": body.joints[body.center],
    }
    OmegaConf.save(OmegaConf.create(told), folder / "layout.yaml")
    return asked(draw, input=str(folder), people="together")


def by_table(draw: Draw) -> np.ndarray[Any, Any]:
    with (draw.folder / "clip.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        channels = draw.module.preprocessing.channels
        writer.writerow(("frame", "person", "joint", *channels))
        for (t, v, m), there in np.ndenumerate((draw.clip != 0).any(axis=0)):
            if there:
                writer.writerow((t, m, draw.module.body.joints[v], *map(repr, draw.clip[:, t, v, m].tolist())))
    return asked(draw, input=str(draw.folder / "clip.csv"), people="together", layout=draw.module.body.name)


def by_coco(draw: Draw) -> np.ndarray[Any, Any]:
    annotations = [
        {"image_id": t, "category_id": 1, "track_id": m, "score": 1.0 - 0.3 * m,
         "keypoints": draw.clip[:, t, :, m].T.reshape(-1).tolist()}
        for t in range(draw.clip.shape[1]) for m in range(draw.clip.shape[3])
    ]  # fmt: skip
    (draw.folder / "results.json").write_text(json.dumps(annotations))
    return asked(draw, input=str(draw.folder / "results.json"), people="together")


def by_class_folder(draw: Draw) -> np.ndarray[Any, Any]:
    (draw.folder / "clips" / "jump").mkdir(parents=True)
    np.save(draw.folder / "clips" / "jump" / "1.npy", draw.clip[..., 0].transpose(1, 2, 0))
    body, channels = draw.module.body.name, f"[{','.join(draw.module.preprocessing.channels)}]"
    return asked(draw, input=str(draw.folder / "clips"), people="together", layout=body, channels=channels)


def by_openpose(draw: Draw) -> np.ndarray[Any, Any]:
    (draw.folder / "video").mkdir()
    for t in range(draw.clip.shape[1]):
        people = [{"pose_keypoints_2d": draw.clip[:, t, :, m].T.ravel().tolist()} for m in range(draw.clip.shape[3])]
        (draw.folder / "video" / f"v_{t:012}_keypoints.json").write_text(json.dumps({"people": people}))
    return asked(draw, input=str(draw.folder / "video"), people="together", layout="fsd10")


def by_kinetics(draw: Draw) -> np.ndarray[Any, Any]:
    frames = [
        {
            "frame_index": t + 1,
            "skeleton": [{"pose": frame[:2, :, 0].T.ravel().tolist(), "score": frame[2, :, 0].tolist()}],
        }
        for t, frame in enumerate(draw.clip.transpose(1, 0, 2, 3))
    ]
    (draw.folder / "clip.json").write_text(json.dumps({"data": frames, "label": "jump", "label_index": 0}))
    return asked(draw, input=str(draw.folder / "clip.json"), people="together")


def by_ntu(draw: Draw) -> np.ndarray[Any, Any]:
    lines = [str(draw.clip.shape[1])]
    for frame in draw.clip.transpose(1, 3, 2, 0):  # (T, M, V, C)
        lines.append(str(len(frame)))
        for m, body in enumerate(frame):
            lines += [f"{m} " + "0 " * 9, str(len(body))]
            lines += [" ".join(map(repr, joint.tolist())) + " 0" * 9 for joint in body]
    (draw.folder / "S001C001P001R001A001.skeleton").write_text("\n".join(lines))
    return asked(draw, input=str(draw.folder / "S001C001P001R001A001.skeleton"), people="together")


def by_pyskl(draw: Draw) -> np.ndarray[Any, Any]:
    poses = draw.clip.transpose(3, 1, 2, 0)  # (M, T, V, C)
    scored = "score" in draw.module.preprocessing.channels
    annotation = {"frame_dir": "clip", "total_frames": poses.shape[1], "keypoint": poses[..., :2] if scored else poses}
    annotation |= {"keypoint_score": poses[..., 2]} if scored else {}
    (draw.folder / "set.pkl").write_bytes(pickle.dumps({"annotations": [annotation], "split": {"train": ["clip"]}}))
    layout = draw.module.body.name
    return asked(draw, input=str(draw.folder / "set.pkl"), people="together", layout=layout)


def by_half(draw: Draw) -> np.ndarray[Any, Any]:
    """Weights that are exact in half precision, as a state dict of it: the graph is that of the layout."""
    whole = draw.module.state_dict()
    state = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in whole.items()}
    torch.save(state, draw.folder / "half.pt")
    steps = draw.module.preprocessing.plain
    given = [f"preprocessing.{name}={spelled(steps[name])}" for name in SPELLED]
    np.save(draw.folder / "slots.npy", in_slots(draw.clip, draw.module.slots)[None])
    strides = f"[{','.join(map(str, draw.module.backbone.strides))}]"
    return asked(
        draw._replace(ckpt=draw.folder / "half.pt"),
        *["preprocessing=fixed", *given],
        input=str(draw.folder / "slots.npy"),
        strides=strides,
    )


SPELLED = ("window", "channels", "keep", "crops", "crop", "streams", "length")


def spelled(value: Any) -> str:
    """A part of a preprocessing as it is typed."""
    return f"[{','.join(value)}]" if isinstance(value, list) else str(value)


def by_slide(draw: Draw) -> np.ndarray[Any, Any]:
    """One window that spans the clip, whose only segment is the whole of it."""
    return segment(draw, slide=1, **spanned(draw))


def by_stream(draw: Draw) -> np.ndarray[Any, Any]:
    return segment(draw, stream=4 * draw.clip.shape[1], **spanned(draw))


def spanned(draw: Draw) -> dict[str, int]:
    """A span that is the clip's length, or none: then it is that of the training's clips, which are no shorter."""
    T = draw.clip.shape[1]
    return {"span": T} if T % 2 else {}


def segment(draw: Draw, **options: Any) -> np.ndarray[Any, Any]:
    return asked(draw, input=array(draw), **options)


def by_module(draw: Draw) -> np.ndarray[Any, Any]:
    """Lightning's own loading, on clips as they are preprocessed: it knows its slots."""
    module = LitSTGCN.load_from_checkpoint(draw.ckpt, weights_only=True).eval()
    joints = preprocess(draw.clip, module.preprocessing, module.body)
    with torch.no_grad():
        return module(torch.from_numpy(joints)[None]).softmax(dim=1)[0].numpy()  # type: ignore[no-any-return]


def by_network(draw: Draw) -> np.ndarray[Any, Any]:
    """The bare network, with crops and streams made by hand."""
    steps, network = draw.module.preprocessing, load_model(draw.ckpt)
    x = torch.from_numpy(preprocess(draw.clip, steps, draw.module.body))[None]
    with torch.no_grad():
        views = [
            network(stack_streams(view, steps.streams, draw.module.body.parents)).softmax(dim=1)
            for view in even_crops(x, steps.window, steps.crops, steps.crop)
        ]
    return torch.stack(views).mean(dim=0)[0].numpy()


def by_files(draw: Draw) -> np.ndarray[Any, Any]:
    """Through every format and back."""
    path = draw.ckpt
    for name in ("a.pt", "b.pdparams", "c.safetensors", "d.ckpt"):
        with pytest.raises(SystemExit) as end:
            convert_main([str(path), str(draw.folder / name)])
        assert end.value.code == 0
        path = draw.folder / name
    return asked(draw._replace(ckpt=path), input=array(draw))


def by_weights(draw: Draw) -> np.ndarray[Any, Any]:
    """As a state dict with its card."""
    with pytest.raises(SystemExit):
        convert_main([str(draw.ckpt), str(draw.folder / "weights.pt")])
    return asked(draw._replace(ckpt=draw.folder / "weights.pt"), input=array(draw))


ROUTES: dict[str, tuple[Route, dict[str, Any]]] = {
    "array": (by_array, {}),
    "one clip": (by_single, {}),
    "folder": (by_folder, {}),
    "table": (by_table, {}),
    "COCO": (by_coco, {"layout": "coco"}),
    "class folder": (by_class_folder, {"people": 1}),
    "OpenPose": (by_openpose, {"layout": "fsd10", "people": 1, "steady": True}),
    "Kinetics": (by_kinetics, {"layout": "openpose", "people": 1}),
    "NTU": (by_ntu, {"layout": "ntu-rgb+d", "most": 2}),
    "PYSKL": (by_pyskl, {}),
    "half precision": (by_half, {"half": True}),
    "slide": (by_slide, {}),
    "stream": (by_stream, {"most_frames": True}),  # a longer clip is not sampled quite as a stream is
    "Lightning": (by_module, {}),
    "network": (by_network, {}),
    "files": (by_files, {}),
    "weights": (by_weights, {}),
}


def test_every_route_gives_the_same_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(words: list[str]) -> Said:
        return run("predict", words, capsys, monkeypatch)

    compared = refused = 0
    for name, (route, wanted) in ROUTES.items():
        for seed in range(DRAWS):
            draw = drawn(seed, tmp_path / f"{name} {seed}", command, **wanted)
            try:
                answer = route(draw)
            except RefusedError as refusal:
                reason = str(refusal)
                if not reason.startswith(REASONS):
                    raise
                refused += 1
                continue
            np.testing.assert_allclose(answer, expected(draw), rtol=0, atol=ATOL, err_msg=f"{name}, draw {seed}")
            compared += 1
    assert compared >= COMPARED * (compared + refused), (compared, refused)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_onnx_gives_the_same_answer(seed: int, tmp_path: Path) -> None:
    """On clips with absent people up to the slots, as docs/export.md has it."""
    pytest.importorskip("onnxscript", reason="needs stgcn-torch[export]")
    from stgcn_torch.prediction.exported import open_onnx
    from stgcn_torch.tasks.export import export

    draw = drawn(seed, tmp_path / "draw", lambda words: Said(words, "", ""))
    export(load_ensemble([draw.ckpt]).modules[0], tmp_path / "net.onnx", "probabilities")
    joints = preprocess(in_slots(draw.clip, draw.module.slots), draw.module.preprocessing, draw.module.body)
    answer = open_onnx(tmp_path / "net.onnx")(torch.from_numpy(joints)[None])[0].numpy()
    np.testing.assert_allclose(answer, expected(draw), rtol=0, atol=ATOL)
