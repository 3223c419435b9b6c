"""Where modules stood before the rooms of today: imports by the old paths lead to the same modules."""

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_KEPT_THEIR_NAMES = {  # modules that stood beside the room which they are in now
    "stgcn_torch.training": "callbacks fused lit",
    "stgcn_torch.inference": "folded streaming",
    "stgcn_torch.prediction": "ensemble",
    "stgcn_torch.explanation": "attribution page",
    "stgcn_torch.drawing": "fonts report",
    "stgcn_torch.kernels.triton": "graph_conv norm unit",
    "stgcn_torch.data.preprocessing": "account centring cleaning framewise teleports",
    "stgcn_torch.data.batch": "streams",
    "convert.pickle": "dump errors files literals stored symbols torch_symbols tree",
    "convert.formats": "archive distributed pdparams programs protobuf static tensors torch_files",
    "convert.network": "graphs keys optimizer recipes",
    "convert.outputs": "lightning report",
}
_RENAMED = {
    "convert.card": "stgcn_torch.checkpoint.card",
    "convert.names": "convert.formats.paddle_names",
    "convert.formats.sniff": "convert.formats.kinds",
    "convert.sniff": "convert.formats.kinds",
    "stgcn_torch.checkpoint.input_statistics": "stgcn_torch.checkpoint.clip_evidence",
    "stgcn_torch.commands.clips": "stgcn_torch.commands.input_source",
    "stgcn_torch.commands.composition": "stgcn_torch.commands.run_objects",
    "stgcn_torch.data.preprocessing.padding": "stgcn_torch.data.preprocessing.window",
    "stgcn_torch.prediction.windows": "stgcn_torch.prediction.sliding",
    "stgcn_torch.build": "stgcn_torch.commands.run_objects",
    "stgcn_torch.data.augment": "stgcn_torch.data.batch.augmentation",
    "stgcn_torch.data.collect": "stgcn_torch.data.recordings.collection",
    "stgcn_torch.data.formats.detect": "stgcn_torch.data.formats.registry",
    "stgcn_torch.data.formats.joint_order": "stgcn_torch.data.recordings.joint_order",
    "stgcn_torch.data.formats.recording": "stgcn_torch.data.recordings.recording",
    "stgcn_torch.data.formats.tracking": "stgcn_torch.data.recordings.tracking",
    "stgcn_torch.data.frames": "stgcn_torch.data.batch.crops",
    "stgcn_torch.data.mapping": "stgcn_torch.data.recordings.joint_mapping",
    "stgcn_torch.data.padding": "stgcn_torch.data.preprocessing.window",
    "stgcn_torch.data.pyskl": "stgcn_torch.data.recordings.pyskl_writer",
    "stgcn_torch.data.windows": "stgcn_torch.prediction.sliding",
    "stgcn_torch.fingerprint": "stgcn_torch.checkpoint.clip_evidence",
    "stgcn_torch.finished": "stgcn_torch.commands.past_run",
    "stgcn_torch.running": "stgcn_torch.prediction.single_pass",
    "stgcn_torch.source": "stgcn_torch.commands.input_source",
}
MOVED = _RENAMED | {
    f"{room.rpartition('.')[0]}.{name}": f"{room}.{name}"
    for room, names in _KEPT_THEIR_NAMES.items()
    for name in names.split()
}


def today(name: str) -> str:
    """Where a module is now: itself, or with the room that it lies in."""
    room, _, rest = name.rpartition(".")
    return MOVED.get(name) or (f"{MOVED[room]}.{rest}" if room in MOVED else name)


class _Redirection(MetaPathFinder, Loader):
    """Finds a module under its old path: the one that stands elsewhere, not a second one."""

    def __init__(self) -> None:
        self.own: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See ``importlib``."""
        return ModuleSpec(name, self) if today(name) != name else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module where it is now."""
        module = import_module(today(spec.name))
        self.own[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing but take back the name that ``importlib`` has given it."""
        assert module.__spec__ is not None
        module.__spec__ = self.own.pop(module.__spec__.name)


def names_of(*modules: str) -> Callable[[str], Any]:
    """``__getattr__`` of a room that is called as a module was: the names of that module, wherever they are in it."""
    room = modules[0].rpartition(".")[0]

    def attribute(name: str) -> Any:
        # Python asks for an attribute before it looks for a module of the name, which may need none of these.
        if not name.startswith("_") and find_spec(f"{room}.{name}") is None:
            for module in map(import_module, modules):
                if not isinstance(found := vars(module).get(name, module), ModuleType):
                    return found
        raise AttributeError(f"module {room!r} has no attribute {name!r}")

    return attribute


sys.meta_path.insert(0, _Redirection())  # before Python looks into the room itself, and makes a second module
