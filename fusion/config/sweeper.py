"""Optuna proposes a sweep's jobs (``hydra/sweeper=optuna``): TPE (Bergstra et al., NeurIPS 2011) over the inner metric.

Each job is a trial of a study in a database, numbered as its folder. So a sweep that was interrupted goes on, and
several machines share one: the same command with the same `hydra.sweep.dir` and, on a shared server, `storage`. After
each outer fold a job tells its inner metric so far; one that is behind the median of the others is given up (pruned).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.plugins.sweeper import Sweeper


class Optuna(Sweeper):
    """Keys of conf/hydra/sweeper/optuna.yaml."""

    def __init__(
        self, *, trials: int, storage: str | None, study: str, seed: int, prune: bool, params: Mapping[str, str]
    ) -> None:
        self._trials, self._storage, self._name = trials, storage, study
        self._seed, self._prune, self._params = seed, prune, params
        self._launcher: Any = None
        self._config: Any = None
        self._space: dict[str, Any] = {}
        self._fixed: list[str] = []

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Hydra's part."""
        from hydra.core.plugins import Plugins

        self._config = config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run jobs until the study has as many as were asked for.

        Raises:
            FusionError: Optuna is not installed; the study is of another experiment; nothing is searched.
        """
        from omegaconf import OmegaConf

        from fusion.config.search import search_space

        self._fixed, self._space = search_space([*(f"{k}={v}" for k, v in self._params.items()), *arguments])
        folder = Path(self._config.hydra.sweep.dir)
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self._config, folder / "multirun.yaml")
        study = self._open(folder)
        results: list[Any] = []
        while (going := self._next(study, folder)) is not None:
            with going as trial:
                results.append(self._run(study, trial, folder))
        if not results:
            sys.stderr.write(
                f"{folder}: the study has its {self._trials} jobs; hydra.sweeper.trials=<more> adds some.\n"
            )
        return results

    def _open(self, folder: Path) -> Any:
        import optuna

        from fusion.config.search import refuse_another_study

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = optuna.pruners.MedianPruner() if self._prune else optuna.pruners.NopPruner()
        study = optuna.create_study(
            storage=self._storage or f"sqlite:///{folder.absolute() / 'study.db'}", study_name=self._name,
            direction="maximize", load_if_exists=True, pruner=pruner,
        )  # fmt: skip
        experiment = refuse_another_study(
            study.user_attrs.get("experiment"), self._config, self._fixed, self._space, name=self._name
        )
        study.set_user_attr("experiment", experiment)
        return study

    def _next(self, study: Any, folder: Path) -> Any:
        """A trial that was interrupted and nobody works on, else a new one; None where there are enough."""
        import optuna

        trials = study.get_trials(deepcopy=False)
        for one in trials:
            mine = one.state == optuna.trial.TrialState.RUNNING and one.user_attrs.get("folder") == folder.name
            if mine and (lock := self._claimed(folder, one.number)) is not None:
                return self._going(optuna.trial.Trial(study, one._trial_id), lock)
        if len(trials) >= self._trials:
            return None
        # A sampler a trial: what is proposed depends on the study alone, not on how often the command was begun.
        study.sampler = optuna.samplers.TPESampler(seed=self._seed + len(trials), constant_liar=True)
        trial = study.ask(self._space)
        trial.set_user_attr("folder", folder.name)
        lock = self._claimed(folder, trial.number, new=True)
        return self._going(trial, lock)

    def _claimed(self, folder: Path, number: int, *, new: bool = False) -> Any:
        """The lock of a trial; None where another process has it, or has not got as far as taking it."""
        from filelock import FileLock, Timeout

        path = folder / f".{number}.lock"
        if not new and not path.exists():
            return None
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return None
        return lock

    @contextmanager
    def _going(self, trial: Any, lock: Any) -> Iterator[Any]:
        try:
            yield trial
        finally:
            if lock is not None:
                lock.release()

    def _run(self, study: Any, trial: Any, folder: Path) -> Any:
        from optuna.trial import TrialState

        from fusion.run.watched import PrunedError, watching

        overrides = [*self._fixed, *(f"{key}={trial.params[key]}" for key in self._space)]
        overrides += ["resume=true"] if (folder / str(trial.number)).exists() else []

        def behind(step: int, value: float) -> bool:
            trial.report(value, step)
            return bool(trial.should_prune())

        try:
            with watching(behind):
                done = self._launcher.launch([overrides], initial_job_idx=trial.number)[0]
            if isinstance(done._return_value, PrunedError):  # asking for return_value would print and raise it
                study.tell(trial, state=TrialState.PRUNED)
            elif (score := done.return_value) is None or math.isnan(score):
                study.tell(trial, state=TrialState.FAIL)
            else:
                study.tell(trial, score)
        except (KeyboardInterrupt, SystemExit):
            raise  # it stays as it is, to be gone on with
        except BaseException:
            study.tell(trial, state=TrialState.FAIL)
            raise
        return done
