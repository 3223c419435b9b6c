"""Laws that the package keeps. Annotations are checked in a test run, by the checker that setup.cfg names."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # a whole number passes for a float, as for mypy
