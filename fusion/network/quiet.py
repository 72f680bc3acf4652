"""Lightning without its greetings, and torch as it was before."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric.utilities.warnings import PossibleUserWarning


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """No greetings about devices on the console, and none of two warnings that the caller can do nothing about."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    deterministic = torch.are_deterministic_algorithms_enabled()
    memory: Any = torch.utils.deterministic
    filled = memory.fill_uninitialized_memory
    # Deterministic mode also writes over all fresh memory, which guards against reading it; nothing here does.
    memory.fill_uninitialized_memory = False
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 uses a name that torch 2.13 has deprecated.
            warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated", category=FutureWarning)
            # Batches come from memory; worker processes would cost more than they save.
            warnings.filterwarnings("ignore", message=".*does not have many workers", category=PossibleUserWarning)
            yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filled
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
