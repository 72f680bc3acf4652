"""Intervals by draws that all compared arms share; what is drawn is the unit that folds keep whole.

Values get BCa intervals, gains symmetric ones, both widened for few units. benchmarks/coverage.py measures them beside
the plain percentile interval, which is too short and, for values near an end of their range, off centre. For gains,
which have no end near, BCa's shift is mostly noise and costs coverage.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

Floats = NDArray[np.float64]

LEVEL = 0.95

BLOCKS = 200
"""Rows of the jackknife at most; with more units each row leaves out a block of them."""

_CLOSE = 1e-12


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A value with its interval; NaN where the metric does not exist (one class only, no finite slope).

    `undefined` counts the draws in which the metric did not exist; the interval is of the others.
    """

    value: float
    low: float
    high: float
    undefined: int = 0

    def record(self) -> dict[str, Any]:
        """As metrics.json has it."""
        return finite(asdict(self))


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """What is drawn, the same for every arm and repeat, so that comparisons are paired.

    Attributes:
        counts: ``(1 + draws + blocks, patient)``: how often a patient counts. Row 0 is the sample itself, then the
            bootstrap draws, then the jackknife, which leaves out one block of units after the other.
        draws: of the bootstrap.
        units: how many are drawn: patients, or groups of them that folds keep whole.
    """

    counts: Floats
    draws: int
    units: int

    def value(self, values: Floats, *, level: float = LEVEL) -> Interval:
        r"""BCa interval of a metric's value, widened for few units.

        Bias-corrected and accelerated (Efron 1987): with the share of draws below the value, Φ(z₀), and the skewness a
        of the jackknife's influence values, the quantiles at Φ(z₀ + (z₀ + z)/(1 - a(z₀ + z))). A bootstrap of *n* units
        draws too little variance by (n - 1)/n and takes it for known, so *z* is :math:`\sqrt{n/(n-1)}\,t_{n-1}`
        (Hesterberg, The American Statistician 69:371–386, 2015).

        Args:
            values: ``(1 + draws + blocks,)``.
            level: of confidence.
        """
        sample, drawn, undefined = self._parts(values)
        if not np.isfinite(sample) or not len(drawn):
            return Interval(value=sample, low=float("nan"), high=float("nan"), undefined=undefined)
        same = np.abs(drawn - sample) <= _CLOSE
        below = float(((drawn < sample) & ~same).mean() + same.mean() / 2)
        edge = 0.5 / len(drawn)
        shift, skew = ndtri(np.clip(below, edge, 1 - edge)), self._acceleration(values)
        one = max(self.units - 1, 1)
        wide = np.sqrt(self.units / one) * student.ppf((1 + level) / 2, one)
        z = shift + np.array([-wide, wide])
        low, high = np.quantile(drawn, ndtr(shift + z / np.maximum(1 - skew * z, 0.1)))
        return Interval(value=sample, low=float(low), high=float(high), undefined=undefined)

    def gain(self, values: Floats, *, level: float = LEVEL) -> Interval:
        r"""Interval of a difference: :math:`\hat\theta \pm t_{\nu}\,s\sqrt{n/(n-1)}` with *s* the draws' deviation.

        A bootstrap of *n* units draws too little variance by (n - 1)/n. The degrees of freedom follow from how uneven
        the units' influence values are, :math:`\nu = 2n/(\kappa - 1)` with :math:`\kappa` their kurtosis: of a
        variance that rests on a few units little is known. For normal ones ν = n.

        Args:
            values: ``(1 + draws + blocks,)`` differences.
            level: of confidence.
        """
        sample, drawn, undefined = self._parts(values)
        if not np.isfinite(sample) or len(drawn) < 2 or self.units < 2:
            return Interval(value=sample, low=float("nan"), high=float("nan"), undefined=undefined)
        error = float(drawn.std(ddof=1)) * np.sqrt(self.units / (self.units - 1))
        half = error * float(student.ppf((1 + level) / 2, degrees_of_freedom(self._jackknife(values), self.units)))
        return Interval(value=sample, low=sample - half, high=sample + half, undefined=undefined)

    def percentiles(self, values: Floats, *, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Pointwise percentile band of a curve ``(1 + draws + blocks, point)``; undefined draws are left out."""
        drawn = values[1 : 1 + self.draws]
        drawn = drawn[np.isfinite(drawn).all(axis=1)]
        if not len(drawn):
            nothing = np.full(values.shape[1], np.nan)
            return nothing, nothing
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def bootstrap(self, values: Floats) -> Floats:
        """The draws alone, ``(draws,)``, undefined ones with them."""
        return values[1 : 1 + self.draws]

    def _parts(self, values: Floats) -> tuple[float, Floats, int]:
        drawn = self.bootstrap(values)
        finite = drawn[np.isfinite(drawn)]
        return float(values[0]), finite, len(drawn) - len(finite)

    def _jackknife(self, values: Floats) -> Floats:
        return values[1 + self.draws :]

    def _acceleration(self, values: Floats) -> float:
        influence = _influence(self._jackknife(values))
        if influence is None:
            return 0.0
        return float((influence**3).sum() / (6 * (influence**2).sum() ** 1.5))


def _influence(jackknife: Floats) -> Floats | None:
    """How far the value rises with each block; None where nothing can be learned from it."""
    if len(jackknife) < 3 or not np.isfinite(jackknife).all() or np.ptp(jackknife) <= _CLOSE:
        return None
    return np.asarray(jackknife.mean() - jackknife, dtype=np.float64)


def degrees_of_freedom(influence: Floats, units: int) -> float:
    """Of a variance estimated as the sum of squares of `influence`; between 3 (or fewer units allow) and n - 1."""
    centred = _influence(-influence)
    most = max(1.0, units - 1.0)
    if centred is None:
        return most
    kurtosis = float((centred**4).mean() / (centred**2).mean() ** 2)
    return float(min(most, max(3.0, 2 * len(influence) / max(kurtosis - 1, 1e-9))))


def resample(units: NDArray[np.int64], draws: int, *, seed: int) -> Resampling:
    """Draw units with replacement, as many as there are; a drawn unit brings all its patients and their predictions.

    Args:
        units: ``(patient,)`` number of the unit that the patient is of, 0, 1, …
        draws: of the bootstrap.
        seed: of the draws.
    """
    number = int(units.max()) + 1
    rng = np.random.default_rng(seed)
    times = rng.multinomial(number, np.full(number, 1 / number), size=draws)
    block = np.arange(number) if number <= BLOCKS else rng.permutation(number) % BLOCKS
    left_out = block[units][None, :] == np.arange(block.max() + 1)[:, None]
    counts = np.concatenate([np.ones((1, len(units))), times[:, units], ~left_out], dtype=np.float64)
    return Resampling(counts=counts, draws=draws, units=number)


def wilson(share: ArrayLike, patients: ArrayLike) -> tuple[Floats, Floats]:
    """Ends of the 95 % interval of a share (Wilson, JASA 22:209–212, 1927): not 0 wide where the share is 0 or 1.

    Args:
        share: that was seen, of one group or of several.
        patients: in each; need not be whole.
    """
    p, n = np.asarray(share, dtype=np.float64), np.asarray(patients, dtype=np.float64)
    z = 1.959963984540054
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return middle - half, middle + half


def simultaneous_level(draws: Floats, *, level: float = LEVEL) -> float:
    """The level at which intervals of several gains hold together with probability `level`.

    Max-T over the draws that the gains share (Westfall & Young 1993): each is standardised, the largest absolute one of
    every draw kept, and the level is the share of an arm's own draws inside that maximum's quantile. Gains over arms
    that say the same cost little; independent ones as much as Bonferroni's correction, never more.

    Args:
        draws: ``(gain, draw)``; a gain that never varies or never exists is no comparison.
        level: that all are to have together.
    """
    sizes = []
    for gain in draws:
        known = gain[np.isfinite(gain)]
        if len(known) > 1 and known.std() > _CLOSE:
            sizes.append(np.abs(np.where(np.isfinite(gain), gain - known.mean(), 0.0)) / known.std())
    if len(sizes) < 2:
        return level
    size = np.stack(sizes)
    limit = np.quantile(size.max(axis=0), level)
    return 1 - float(np.clip((size > limit).mean(), (1 - level) / len(size), 1 - level))


def finite(record: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN: undefined values are null."""
    return {
        key: None if isinstance(value, float) and not np.isfinite(value) else value for key, value in record.items()
    }
