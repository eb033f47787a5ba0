"""How the work on many curves is divided: in blocks, which may run at the same time and be kept.

A block is a batch of curves, worked out in one pass. Blocks do not depend on each other, so that
what is finished need not be worked out again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import FitError
from .stacked import contiguous, stacked

if TYPE_CHECKING:
    from joblib import Memory

__all__ = ["BLOCK", "SLOW_BLOCK", "Progress", "Work", "silent"]

#: Told what is done, how many curves of it, and of how many.
Progress = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody."""


#: Most curves of a block: many more are hardly faster each, and more is lost by an interruption.
#: Least squares takes milliseconds a curve, slow work such as a likelihood up to seconds. Blocks of
#: 10 likelihoods take a fifth longer than blocks of 50, and tell of themselves within a minute.
BLOCK, SLOW_BLOCK = 2500, 10


@dataclass(frozen=True, slots=True)
class Work:
    """How the work on many curves is divided.

    Parameters
    ----------
    n_jobs : int or None
        Blocks that run at the same time, as joblib counts them: -1 for one a core, None for what
        :class:`joblib.parallel_config` says. With 1 all is done here.
    cache : path or joblib.Memory, optional
        Where finished blocks are kept.
    progress : callable, optional
        Called with what is done, how many curves of it, and of how many: after every block, and
        before the first one of slow work.
    """

    n_jobs: int | None = 1
    cache: str | os.PathLike[str] | Memory | None = None
    progress: Progress | None = None

    def __post_init__(self) -> None:
        whole = isinstance(self.n_jobs, int) and not isinstance(self.n_jobs, bool)
        if self.n_jobs is not None and not (whole and self.n_jobs):
            raise FitError(
                f"n_jobs={self.n_jobs!r}; give a number of blocks to work on at the same time, "
                "-1 for one a core, or None for what joblib.parallel_config says"
            )

    def divided(
        self, what: str, job: Callable[..., Any], n: int,
        part: Callable[[slice], tuple[Any, ...]], *, slow: bool,
    ) -> Any:  # fmt: skip
        """Return what a job makes of n curves, block by block.

        Parameters
        ----------
        what : str
            The work in a word, for the progress.
        job : callable
            A function of a module; it returns records of the curves it is given.
        n : int
            Number of curves.
        part : callable
            Returns the job's arguments for the curves in a slice.
        slow : bool
            Whether a curve may take as long as many by least squares.
        """
        rows, found = self.blocks(n, slow=slow), []
        if slow and self.progress is not None:
            self.progress(what, 0, n)
        for block, result in zip(rows, self._results(job, (part(r) for r in rows)), strict=True):
            found.append(result)
            if self.progress is not None:
                self.progress(what, block.stop, n)
        return stacked(found)

    def blocks(self, n: int, *, slow: bool) -> list[slice]:
        """Return the blocks of n curves."""
        size = min(SLOW_BLOCK if slow else BLOCK, -(-n // self._workers()))
        return [slice(first, min(first + size, n)) for first in range(0, n, size)]

    def each(
        self, what: str, job: Callable[..., Any], n: int, parts: Iterator[tuple[Any, ...]]
    ) -> Iterator[Any]:
        """Yield what a job, a function of a module, makes of each of n arguments, in order.

        It is for work that cannot be put together, such as all there is to say of a curve.
        """
        tell = self.progress or silent
        tell(what, 0, n)
        for done, result in enumerate(self._results(job, parts), start=1):
            tell(what, done, n)
            yield result

    def _results(self, job: Callable[..., Any], parts: Iterator[tuple[Any, ...]]) -> Iterator[Any]:
        from . import __version__

        worker = _block
        if self.cache is not None:
            # Arrays just made differ in strides from those read back, and joblib tells them apart.
            worker, parts = self._memory().cache(_block), map(contiguous, parts)
        if self.n_jobs == 1:
            return (worker(__version__, job, part) for part in parts)
        from joblib import Parallel, delayed

        every = Parallel(n_jobs=self.n_jobs, return_as="generator")
        results: Iterator[Any] = every(delayed(worker)(__version__, job, part) for part in parts)
        return results

    def _workers(self) -> int:
        if self.n_jobs == 1:
            return 1
        from joblib import effective_n_jobs

        return int(effective_n_jobs(self.n_jobs))

    def _memory(self) -> Memory:
        from joblib import Memory

        return self.cache if isinstance(self.cache, Memory) else Memory(self.cache, verbose=0)


def _block(version: str, job: Callable[..., Any], part: tuple[Any, ...]) -> Any:  # noqa: ARG001
    """Work out a block; what another version of this package has kept of it is not asked for."""
    return job(*part)
