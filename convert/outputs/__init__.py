"""What a network becomes: files of each kind, and the report of a conversion."""

from stgcn_torch.old_paths import names_of

__getattr__ = names_of("convert.outputs.writer")
