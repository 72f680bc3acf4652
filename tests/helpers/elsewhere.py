"""A device that this machine does not have, played by the processor: to see a tensor that was left behind.

    with Elsewhere():
        model.to(ELSEWHERE)(batch.to(ELSEWHERE))

A tensor there says that it lies on `ELSEWHERE` and holds its real values, so that code which looks at values runs too.
As with a GPU, an operation on tensors of two devices is an error, unless it copies between them or one is a single
number; and what is there cannot be turned into an array without ``.cpu()``. As with Apple's GPU, no float64 can be
there. Results are those of the processor, bit for bit. The device is called ``meta``, for torch asks for no driver of
that one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map, tree_map_only

from fusion.contract import devices

ELSEWHERE = "meta"
_COPIES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default, torch.ops.aten.set_.source_Tensor}


class Far(Tensor):
    """Says that it lies elsewhere; `held` holds its values."""

    held: Tensor

    @staticmethod
    def __new__(cls, real: Tensor) -> Far:
        if real.dtype == torch.float64 and ELSEWHERE in devices.WITHOUT_FLOAT64:
            raise TypeError(f"Cannot convert a {ELSEWHERE} tensor to float64, which that device does not have")
        made: Far = torch.Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            real.size(),
            strides=real.stride(),
            storage_offset=real.storage_offset(),
            dtype=real.dtype,
            device=torch.device(ELSEWHERE),
            requires_grad=real.requires_grad,
        )
        made.held = real.detach()
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        return _run(func, args, kwargs or {})

    def numpy(self, **_: Any) -> Any:
        """As of a GPU's tensor."""
        raise TypeError(f"can't convert {ELSEWHERE} tensor to numpy: it lies elsewhere; use .cpu() first")

    def __repr__(self, **_: Any) -> str:
        return f"Far({self.held!r})"


class Elsewhere(TorchDispatchMode):
    """Within it, what is made on `ELSEWHERE` is a `Far`; in float64 nothing is, unless it is `like` ``cuda``."""

    def __init__(self, like: str = "mps") -> None:
        super().__init__()
        self._lacks = {ELSEWHERE} - devices.WITHOUT_FLOAT64 if like == "mps" else set()

    def __enter__(self) -> Any:
        devices.WITHOUT_FLOAT64 |= self._lacks
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        devices.WITHOUT_FLOAT64 -= self._lacks
        super().__exit__(*error)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
    far = any(isinstance(one, Far) for one in tensors)
    here = [one for one in tensors if not isinstance(one, Far)]
    if far and func not in _COPIES and any(one.dim() for one in here):
        shapes = [tuple(one.shape) for one in here if one.dim()]
        raise RuntimeError(f"{func}: tensors of two devices, {ELSEWHERE} and cpu {shapes}")
    asked = kwargs.get("device")
    goes = far if asked is None else torch.device(asked).type == ELSEWHERE
    plain = tree_map_only(Far, lambda one: one.held, (args, kwargs))
    if asked is not None:
        plain[1]["device"] = torch.device("cpu")
    if func in _COPIES and func is not torch.ops.aten._to_copy.default:
        goes = isinstance(args[0], Far)
    out = func(*plain[0], **plain[1])
    if not goes:
        return out
    out = tree_map(lambda one: Far(one) if isinstance(one, Tensor) else one, out)
    return return_and_correct_aliasing(func, args, kwargs, out) if far else out
