"""Where tissue lies on a simulated slide: regions on a coarse grid and the cells in them.

Half of the tumours are *lymphocyte-rich*: lymphocytes lie between the tumour cells of their nests. The other half has
as many lymphocytes, drawn from the same distribution, but outside the nests, in cellular patches of the stroma. Both
have dense aggregates. So a slide's mean colour and its number of nuclei say next to nothing; a field small enough to
show tumour cells and lymphocytes side by side, or not, says it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIELD = 512.0
"""Side of the square field in microns."""
GRID = 2.0
"""Side of a cell of the layout grid in microns."""
TRUTH_GRID = 16.0
"""Side of a cell of the truth's region grid in microns."""
_SIZE = int(FIELD / GRID)


class Region(IntEnum):
    """Labels of the truth's region grids."""

    BACKGROUND = 0
    STROMA = 1
    TUMOUR = 2
    TUMOUR_INFILTRATED = 3
    AGGREGATE = 4
    NECROSIS = 5
    PEN = 6
    FOLD = 7


@dataclass(frozen=True, kw_only=True)
class Tissue:
    """The plan of a slide: masks ``(row, column)`` on the 2-micron grid, cells ``(cell, 2)`` as row, column in microns.

    Attributes:
        tissue: everything that is not glass.
        nests: tumour, necrosis included.
        infiltrated: the nests that hold lymphocytes.
        necrosis: dead cores of nests.
        aggregate: what dense lymphocytes cover outside the nests.
        pen: ink over glass and tissue.
        fold: tissue lying double.
        tumour_cells: large pale nuclei.
        lymphocytes: small dark round nuclei.
        stromal_cells: spindle nuclei.
        debris: fragments of nuclei in necrosis.
    """

    tissue: NDArray[np.bool_]
    nests: NDArray[np.bool_]
    infiltrated: NDArray[np.bool_]
    necrosis: NDArray[np.bool_]
    aggregate: NDArray[np.bool_]
    pen: NDArray[np.bool_]
    fold: NDArray[np.bool_]
    tumour_cells: NDArray[np.float64]
    lymphocytes: NDArray[np.float64]
    stromal_cells: NDArray[np.float64]
    debris: NDArray[np.float64]

    def regions(self) -> NDArray[np.uint8]:
        """The commonest region of each 16-micron cell, ``(row, column)`` uint8, values of `Region`."""
        label = np.zeros((_SIZE, _SIZE), dtype=np.uint8)
        for mask, region in (
            (self.tissue, Region.STROMA),
            (self.nests, Region.TUMOUR),
            (self.infiltrated, Region.TUMOUR_INFILTRATED),
            (self.aggregate, Region.AGGREGATE),
            (self.necrosis, Region.NECROSIS),
            (self.fold, Region.FOLD),
            (self.pen, Region.PEN),
        ):
            label[mask] = region
        step = int(TRUTH_GRID / GRID)
        blocks = label.reshape(_SIZE // step, step, _SIZE // step, step)
        votes = np.stack([(blocks == region).sum(axis=(1, 3)) for region in Region])
        return np.asarray(votes.argmax(axis=0), dtype=np.uint8)


def draw_tissue(rng: np.random.Generator, *, lymphocyte_rich: bool) -> Tissue:
    """Plan a slide; everything but where the lymphocytes lie is drawn alike in both kinds of tumour."""
    from scipy.ndimage import distance_transform_edt

    rows, columns = np.mgrid[0:_SIZE, 0:_SIZE] * GRID
    tissue = _tissue_mask(rng, rows, columns)
    owner = _nest_owner(rng, rows, columns)
    owner[~tissue] = -1
    nests = owner >= 0
    necrosis = _necrosis(rng, nests, rows, columns)
    living = nests & ~necrosis
    inside = distance_transform_edt(living) * GRID
    outside = distance_transform_edt(~nests) * GRID
    edge = distance_transform_edt(tissue) * GRID

    cells = _lattice(rng, spacing=rng.uniform(13.5, 16.0), jitter=1.7)
    tumour_cells = cells.points[_at(inside, cells.points) > 4.0]
    # Lymphocytes fit between tumour cells: the centres of the lattice's squares.
    gaps = cells.gaps[_at(inside, cells.gaps) > 4.0]
    movable = int(len(gaps) * rng.uniform(0.75, 1.0))
    room = np.where(tissue & (edge > 8.0), outside, 0.0)
    stromal = _stromal_lymphocytes(rng, room, int(rng.uniform(40, 200)))
    infiltrated = np.zeros_like(nests)
    within = gaps[:0]
    if lymphocyte_rich:
        spared = rng.random(int(owner.max()) + 1) < 0.04
        spared[rng.integers(len(spared))] = False
        infiltrated = living & ~spared[np.where(nests, owner, 0)]
        within = rng.permutation(gaps)[:movable]
        within = within[_at(infiltrated, within)]
    # Stroma has cellular patches, as large as the nests; lymphocytes that are not in nests lie in them, as loosely.
    free = (_at(room, cells.gaps) > 12.0) & (_distance(cells.gaps, stromal.dense) > 16.0)
    patches = _nearest_to_few(rng, cells.gaps[free], number=len(gaps))
    loose = rng.permutation(patches)[: movable - len(within)]
    spindle = np.concatenate(
        [
            cells.points[(_distance(cells.points, patches) < 11.0) & (_at(room, cells.points) > 7.0)],
            _sparse(_lattice(rng, spacing=23.0, jitter=7.0).points, room, patches),
        ]
    )
    debris = _lattice(rng, spacing=9.0, jitter=4.0).points
    debris = debris[_at(necrosis, debris)]
    aggregate = np.zeros_like(nests)
    if len(stromal.dense):
        far = np.ones_like(nests)
        far[_cells(stromal.dense)] = False
        aggregate = (distance_transform_edt(far) * GRID < 7.0) & ~nests & tissue
    return Tissue(
        tissue=tissue,
        nests=nests,
        infiltrated=infiltrated,
        necrosis=necrosis,
        aggregate=aggregate,
        pen=_stroke(rng, rows, columns, chance=0.08, width=(14.0, 26.0)),
        fold=_stroke(rng, rows, columns, chance=0.08, width=(7.0, 14.0)) & tissue,
        tumour_cells=tumour_cells,
        lymphocytes=np.concatenate([within, loose, stromal.dense, stromal.loose]),
        stromal_cells=spindle,
        debris=debris,
    )


def _cells(points: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    index = np.clip((points / GRID).astype(np.int64), 0, _SIZE - 1)
    return index[:, 0], index[:, 1]


def _at(grid: NDArray[Any], points: NDArray[np.float64]) -> NDArray[Any]:
    return grid[_cells(points)]


@dataclass(frozen=True, kw_only=True)
class _Lattice:
    points: NDArray[np.float64]
    gaps: NDArray[np.float64]


def _lattice(rng: np.random.Generator, *, spacing: float, jitter: float) -> _Lattice:
    """A turned, bent and jittered square lattice over the field, and its squares' centres: cells that keep apart."""
    axis = np.arange(-0.3 * FIELD, 1.3 * FIELD, spacing)
    square = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2) - FIELD / 2
    angle, phase = rng.uniform(0, np.pi / 2), rng.uniform(0, 2 * np.pi, size=2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = []
    for shift in (0.0, spacing / 2):
        points = (square + shift) @ turn + FIELD / 2
        points = points + 0.3 * spacing * np.sin(points[:, ::-1] * 2 * np.pi / 61 + phase)
        points += rng.uniform(-jitter, jitter, size=points.shape)
        moved.append(points[((points > 1) & (points < FIELD - 1)).all(axis=1)])
    return _Lattice(points=moved[0], gaps=moved[1])


def _tissue_mask(
    rng: np.random.Generator, rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Glass along one or two edges, bounded by a wave."""
    mask = np.ones(rows.shape, dtype=bool)
    for side in rng.permutation(4)[: rng.integers(1, 3)]:
        depth, along = (rows, columns) if side % 2 == 0 else (columns, rows)
        depth = FIELD - depth if side >= 2 else depth
        wave = sum(
            rng.uniform(2, 12) * np.sin(2 * np.pi * along * k / FIELD + rng.uniform(0, 6.3)) for k in (1, 2, 3, 5)
        )
        mask &= depth > rng.uniform(25, 60) + wave
    return mask


def _nest_owner(rng: np.random.Generator, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which nest each grid cell belongs to, -1 outside: seven to ten lobed discs that keep apart."""
    owner = np.full(rows.shape, -1, dtype=np.int64)
    centres: list[tuple[float, float, float]] = []
    wanted = int(rng.integers(7, 11))
    for _ in range(400):
        if len(centres) == wanted:
            break
        row, column, radius = rng.uniform(45, FIELD - 45), rng.uniform(45, FIELD - 45), rng.uniform(42, 64)
        if any(np.hypot(row - r, column - c) < 1.03 * (radius + other) for r, c, other in centres):
            continue
        centres.append((row, column, radius))
    for number, (row, column, radius) in enumerate(centres):
        angle = np.arctan2(rows - row, columns - column)
        lobes = sum(rng.uniform(0, 0.09) * np.sin(k * angle + rng.uniform(0, 6.3)) for k in (2, 3, 5))
        owner[np.hypot(rows - row, columns - column) < radius * (1 + lobes)] = number
    return owner


def _necrosis(
    rng: np.random.Generator,
    nests: NDArray[np.bool_],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """The dead core of a nest, on three slides in ten."""
    from scipy.ndimage import distance_transform_edt

    if rng.random() >= 0.3:
        return np.zeros_like(nests)
    depth = distance_transform_edt(nests)
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    radius = 0.6 * depth[row, column] * GRID
    return np.asarray(nests & (np.hypot(rows - row * GRID, columns - column * GRID) < radius))


@dataclass(frozen=True, kw_only=True)
class _StromalLymphocytes:
    dense: NDArray[np.float64]
    loose: NDArray[np.float64]


def _stromal_lymphocytes(rng: np.random.Generator, room: NDArray[np.float64], number: int) -> _StromalLymphocytes:
    """Put lymphocytes where `room`, the distance to the next nest in microns, allows: most around a few centres."""
    sites = _lattice(rng, spacing=8.8, jitter=1.2).points
    distance = _at(room, sites)
    far = sites[distance > 14.0]
    number = min(number, len(far))
    loose_number = int(number * rng.uniform(0.2, 0.5))
    seeds = sites[distance > min(26.0, 0.8 * distance.max())]
    seeds = seeds[rng.permutation(len(seeds))[: rng.integers(3, 7)]]
    order = np.argsort(_distance(far, seeds), kind="stable")
    dense, rest = order[: number - loose_number], order[number - loose_number :]
    return _StromalLymphocytes(dense=far[dense], loose=far[rng.permutation(rest)[:loose_number]])


def _nearest_to_few(rng: np.random.Generator, sites: NDArray[np.float64], *, number: int) -> NDArray[np.float64]:
    """The sites nearest to some hundred of them drawn as centres: small patches, as far apart as nests are."""
    centres = rng.permutation(sites)[: rng.integers(80, 121)]
    return sites[np.argsort(_distance(sites, centres), kind="stable")[:number]]


def _sparse(
    points: NDArray[np.float64], room: NDArray[np.float64], patches: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Those of the points in stroma that lie outside its cellular patches."""
    return points[(_at(room, points) > 5.0) & (_distance(points, patches) > 14.0)]


def _distance(points: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Microns from each point to the nearest of the others."""
    from scipy.spatial import KDTree

    if not len(others):
        return np.full(len(points), np.inf)
    return np.asarray(KDTree(others).query(points)[0])


def _stroke(
    rng: np.random.Generator,
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
    *,
    chance: float,
    width: tuple[float, float],
) -> NDArray[np.bool_]:
    """A bent band across the field, on a share `chance` of slides: a pen mark or a fold."""
    drawn, angle, offset = rng.random(), rng.uniform(0, np.pi), rng.uniform(-0.35, 0.35) * FIELD
    half, bend, phase = rng.uniform(*width) / 2, rng.uniform(5, 25), rng.uniform(0, 6.3)
    if drawn >= chance:
        return np.zeros(rows.shape, dtype=bool)
    along = (rows - FIELD / 2) * np.cos(angle) + (columns - FIELD / 2) * np.sin(angle)
    across = (columns - FIELD / 2) * np.cos(angle) - (rows - FIELD / 2) * np.sin(angle)
    return np.asarray(np.abs(across - offset - bend * np.sin(along / 90 + phase)) < half)
