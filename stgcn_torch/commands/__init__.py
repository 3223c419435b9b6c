"""What the eight commands share: the way in, the objects of a configuration, clips and runs that it names."""

from stgcn_torch.old_paths import names_of

__getattr__ = names_of("stgcn_torch.commands.configuration", "stgcn_torch.commands.entry")
