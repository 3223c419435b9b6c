"""What carried a decision, and the page that shows it."""

from stgcn_torch.old_paths import names_of

__getattr__ = names_of("stgcn_torch.explanation.explanation")
