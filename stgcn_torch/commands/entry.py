"""The way into every command: help, options checked before any work, Hydra, and an expected error as one line."""

import logging
import os
import re
import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from io import TextIOWrapper
from typing import Any, NoReturn

import hydra
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from stgcn_torch.commands.configuration import CONF, composition_of, groups_of, modernised
from stgcn_torch.options import checking, command_line
from stgcn_torch.options.catalogue import COMMANDS
from stgcn_torch.options.help import help_text, topics_of

NO_PLACE = re.compile(r"Could not (?:override|delete from config\.) '(.+?)'(?:\.| does not exist)")  # Hydra's words
EXPECTED = (ValueError, OSError, MemoryError, HydraException, OmegaConfBaseException)


def command(name: str) -> Callable[[], None]:
    """The command of this name, whose work is ``run`` of the module of its name in ``stgcn_torch.tasks``.

    Its configuration is ``conf/<name>.yaml`` and its options are those of ``options.catalogue``. An error that a user's
    input causes ends it with ``<name>: <message>`` on stderr and exit code 1; anything else is a bug of this project
    and keeps its traceback.
    """
    entry = COMMANDS[name]
    line: command_line.Words | None = None
    composes = False  # Hydra, until the command's own work begins

    def say(message: str) -> None:
        print(f"{name}: {message}", file=sys.stderr)

    def refuse(error: BaseException) -> NoReturn:
        say(in_one_line(error))
        sys.exit(1)

    def task(config: DictConfig) -> Any:
        nonlocal composes
        assert line is not None
        composes = False
        try:
            for old, new in modernised(config, entry.old, line.typed).items():
                say(f"{old}= is called {new}= now")
            unresolved = OmegaConf.to_container(config)
            if lacking := checking.absent(entry, unresolved):  # before others are resolved by it
                raise ValueError("; ".join(lacking))
            resolved: Any = OmegaConf.to_container(config, resolve=True)
            for option, number in checking.check(entry, resolved, line.typed, unresolved).items():
                OmegaConf.update(config, option, number)
            run = import_module(f"stgcn_torch.tasks.{name}").run
            return run(config)
        except BrokenPipeError:
            leave_pipe()
        except EXPECTED as error:
            refuse(error)
        except Exception as error:
            # Named, as to import their classes would load torch and Lightning.
            memory = any(
                words in str(error) for words in ("not enough memory", "out of memory", "can't allocate memory")
            )
            if memory or type(error).__name__ == "MisconfigurationException":
                refuse(error)
            raise

    def main() -> None:
        nonlocal line, composes
        composes = False
        write_any_character()
        logging.raiseExceptions = False  # a run goes on where nobody reads its log any more
        os.environ.setdefault("HYDRA_FULL_ERROR", "1")  # errors come here, not to Hydra's own printer
        quiet_known_warnings()
        given = sys.argv
        try:
            if (topics := topics_of(given[1:])) is not None:
                presets = [word for word in given[1:] if "=" in word and word.partition("=")[0] in groups_of(name)]
                print(help_text(name, topics, *composition_of(name, presets)), flush=True)
                return
            line = command_line.read(given[1:], entry, groups_of(name))
            for old, new in line.renamed.items():
                say(f"{old}= is called {new}= now")
            sys.argv = [given[0], *line.given]
            composes = True
            try:
                hydra.main(version_base="1.3", config_path=str(CONF), config_name=name)(named(task, name))()
            finally:
                sys.stdout.flush()  # here, where a reader that left is no error, and not as Python ends
        except BrokenPipeError:
            leave_pipe()
        except EXPECTED as error:
            refuse(error)
        except KeyboardInterrupt:
            say("interrupted")
            sys.exit(130)
        except Exception as error:
            if not composes:
                raise
            refuse(error)  # of Hydra's, by a value that it cannot take

    return main


def named(task: Callable[[DictConfig], Any], name: str) -> Callable[[DictConfig], Any]:
    """The function as if it were the module of its name's: Hydra names jobs, and so log files, for that."""
    task.__module__ = f"stgcn_torch.{name}"
    return task


def leave_pipe() -> NoReturn:
    """End quietly, as nobody reads on: ``head`` has what it wants."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains as it flushes
    sys.exit(128 + 13)


def write_any_character() -> None:
    """Let terminals and files that know fewer characters than names have show the others as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def in_one_line(error: BaseException) -> str:
    """The message of an error and of its causes, without what only Hydra's authors want to know."""
    if isinstance(error, OverrideParseException):
        hint = "values with spaces, commas, = and the like need quotes, as in 'NAME=\"a b\"' or 'NAME=[\"a, b\"]'"
        return f"{error.override} cannot be read; {hint}"
    if isinstance(error, MissingConfigException) and error.options is not None and error.missing_cfg_file:
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        near = checking.nearest(choice, error.options, 1)
        hint = f"; the nearest: {near[0]}" if near else ""
        return f"{group}={choice} is unknown; choose {', '.join(error.options)}{hint}"
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    if override := NO_PLACE.search(str(error)):
        return f"{override[1]} has no place here: the preset that is chosen does not have it, or null stands around it"
    lines = [line.strip() for cause in causes for line in str(cause).split("Config search path")[0].splitlines()]
    keys = [line.removeprefix("full_key:").strip() for line in lines if line.startswith("full_key:")]
    kept = [f"{keys[-1]}:"] if isinstance(error, OmegaConfBaseException) and keys and keys[-1] else []
    kept += [line for line in lines if line and not line.startswith(("full_key:", "object_type=", "reference_type="))]
    return "; ".join(dict.fromkeys(kept)).replace(":; ", ": ") or type(error).__name__


def quiet_known_warnings() -> None:
    """Silence what Lightning says about choices that are deliberate here."""
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)
    for message in (
        ".*does not have many workers.*",  # clips are preprocessed once: workers would only copy them
        ".*Checkpoint directory .* exists and is not empty.*",  # a resumed run goes on in its folder
        ".*It is recommended to use .self.log.*sync_dist.*",  # torchmetrics has summed over devices
        r".*isinstance\(treespec, LeafSpec\).*",
        ".*The number of training batches.*",
        ".*GPU available but not used.*",  # Apple's: trainer_on says it
        ".*You defined a .validation_step. but have no.*",
        ".*Encountered `nan` values in tensor.*",  # the run ends there, with a line
        ".*Total length of `list` across ranks is zero.*",  # the loaders of a run that holds nothing out
    ):
        warnings.filterwarnings("ignore", message)
