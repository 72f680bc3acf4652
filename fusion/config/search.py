"""What a sweep of Optuna searches, in Hydra's syntax; and whether a study is of this experiment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fusion.config.files import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override


def search_space(overrides: Sequence[str]) -> tuple[list[str], dict[str, Any]]:
    """Overrides as those that every job has, and key → Optuna's distribution of those that are searched.

    ``choice(a, b)``, ``a,b`` and ``range(1, 8)`` are categories, ``interval(1e-4, 1e-2)`` is continuous, with
    ``tag(log, interval(1e-4, 1e-2))`` on a logarithmic scale, with ``int(interval(1, 8))`` of whole numbers.

    Raises:
        ConfigError: Optuna is not installed; nothing is searched; a range that is none.
    """
    from fusion.config.overrides import parse

    if find_spec("optuna") is None:
        raise ConfigError("optuna is not installed. Run: pip install 'oncofusion[optuna]'")
    parsed = [parse(text) for text in overrides]
    fixed = [str(one.input_line) for one in parsed if not one.is_sweep_override()]
    space = {one.get_key_element(): _distribution(one) for one in parsed if one.is_sweep_override()}
    if not space:
        raise ConfigError(
            "hydra/sweeper=optuna: nothing is searched. Give keys several values, for example "
            "'trainer.learning_rate=tag(log, interval(1e-4, 1e-2))' or 'model/fuser=choice(concat, cross_attention)'."
        )
    return fixed, space


def _distribution(override: Override) -> Any:
    from hydra.core.override_parser.types import IntervalSweep
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if override.is_interval_sweep():
        value = override.value()
        assert isinstance(value, IntervalSweep)
        low: Any = value.start  # whole numbers stay whole, whatever Hydra annotates
        high: Any = value.end
        kind = IntDistribution if isinstance(low, int) and isinstance(high, int) else FloatDistribution
        try:
            return kind(low, high, log="log" in value.tags)
        except ValueError as error:
            raise ConfigError(f"{override.input_line}: {error}") from error
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def refuse_another_study(
    known: str | None, config: Any, fixed: Sequence[str], space: Mapping[str, Any], *, name: str
) -> str:
    """A study goes on only with the experiment that it was begun with.

    Args:
        known: what the study says of its experiment; None of a new one.
        config: of this command.
        fixed: overrides of every job.
        space: what is searched.
        name: of the study.

    Returns:
        What is to be written down of the experiment.

    Raises:
        ConfigError: naming what differs.
    """
    from omegaconf import OmegaConf
    from optuna.distributions import distribution_to_json

    from fusion.run.integrity import changed_keys

    own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
    searched = {key: distribution_to_json(one) for key, one in space.items()}
    today: dict[str, Any] = {"config": OmegaConf.to_container(own), "searched": searched}
    if known is not None:
        then = json.loads(known)
        changed = [*changed_keys(then["config"], today["config"]), *changed_keys(then["searched"], searched)]
        if changed:
            raise ConfigError(
                f"hydra.sweeper.study={name}: this study is of another experiment, for these keys differ: "
                f"{', '.join(changed[:5])}. Restore them, or give another hydra.sweeper.study or hydra.sweep.dir."
            )
    return json.dumps(today)
