"""Overrides of a command line: parsed, and taken apart into the jobs of a sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from fusion.config.files import ConfigError

_WITH_VALUE = {
    "--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--cfg", "-c", "--package", "-p",
}  # fmt: skip
"""Options of Hydra whose value stands alone after them."""


def fold_file(text: str) -> str:
    """``folds=<file>`` as ``folds.file=<file>``; others as they are."""
    key, _, value = text.partition("=")
    return f"folds.file={value}" if key == "folds" and not value.startswith("{") else text


def gathered(arguments: Sequence[str], *, key: str, into: str) -> list[str]:
    """Repeated ``run=<a> run=<b>`` as one ``runs=["<a>","<b>"]``, which Hydra would otherwise take the last of."""
    given = [text.partition("=")[2] for text in arguments if text.startswith(f"{key}=")]
    if not given:
        return list(arguments)
    values = (value[1:-1] if value[:1] in ("'", '"') and value[-1:] == value[:1] else value for value in given)
    return [
        *(text for text in arguments if not text.startswith(f"{key}=")),
        f"{into}=[{','.join(map(_quoted, values))}]",
    ]


def _quoted(value: str) -> str:
    return '"{}"'.format(value.replace('"', '\\"'))


def parse(text: str) -> Override:
    """An override as Hydra reads it.

    Raises:
        ConfigError: it is none, or has characters that must be quoted; the message has the line to write.
    """
    if "=" not in text and not text.startswith("~"):
        raise ConfigError(
            f"{text!r} is neither an option nor key=value; experiments are chosen with +experiment=<name>."
        )
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException as error:
        key, _, value = text.partition("=")
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        raise ConfigError(
            f"{text!r} cannot be read, for its value has characters that mean something here. Write (quotes of both "
            f"kinds):\n  '{key}=\"{quoted}\"'"
        ) from error


def singles(override: Override) -> list[Override]:
    """An override with several values as one override a value; of an interval both ends."""
    if not override.is_sweep_override():
        return [override]
    key = str(override.input_line).partition("=")[0]
    if override.is_interval_sweep():
        value = override.value()
        assert isinstance(value, IntervalSweep)
        return [parse(f"{key}={end}") for end in (value.start, value.end)]
    return [parse(f"{key}={value}") for value in override.sweep_string_iterator()]


def jobs_of(parsed: Sequence[Override], *, multirun: bool) -> Iterator[list[Override]]:
    """Jobs that together show every value of every swept key once: what is wrong in one is found before the first."""
    swept = [item for item in parsed if item.is_sweep_override()]
    optuna = any(str(item.input_line) == "hydra/sweeper=optuna" for item in parsed)
    for item in swept:
        if item.is_interval_sweep() and not optuna:
            raise ConfigError(
                f"{item.input_line} is an interval, of which Optuna tries values: add hydra/sweeper=optuna."
            )
    if swept and not multirun and not any(item.key_or_group == "sweep" for item in parsed):
        raise ConfigError(f"{swept[0].input_line} has several values: add --multirun (-m) to run a sweep over them.")
    first = {id(item): singles(item)[0] for item in parsed}
    yield [first[id(item)] for item in parsed]
    for item in swept:
        for single in singles(item)[1:]:
            yield [single if other is item else first[id(other)] for other in parsed]


def configured_sweeps(config: DictConfig) -> list[Override]:
    """What a YAML file asks to sweep over."""
    parameters = OmegaConf.select(config, "hydra.sweeper.params") or {}
    return [parse(f"{key}={value}") for key, value in parameters.items()]


def bare_first(arguments: Sequence[str], key: str) -> list[str]:
    """A path that stands alone on the command line as ``key='path'``; others as they are."""
    made = list(arguments)
    for at, text in enumerate(made):
        follows = at > 0 and made[at - 1] in _WITH_VALUE
        if text.startswith(("-", "+", "~")) or follows:
            continue
        if "=" not in text or text.startswith(("/", "./", "../")):
            quoted = text.replace("\\", "\\\\").replace("'", "\\'")
            made[at] = f"{key}='{quoted}'"
            break
    return made


def beside_others(arguments: Sequence[str], override: str) -> list[str]:
    """The command line with one more override, next to the others: Hydra takes overrides in one piece alone."""
    made = list(arguments)
    last = max(
        (
            at
            for at, text in enumerate(made)
            if not text.startswith("-") and (at == 0 or made[at - 1] not in _WITH_VALUE)
        ),
        default=len(made) - 1,
    )
    made.insert(last + 1, override)
    return made
