"""The K-th of N parts of a run, for machines that share nothing but a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from melgrid.errors import ParameterError
from melgrid.preprocess.task import ShardTask

__all__ = ["Share"]


@dataclass(frozen=True)
class Share:
    """Every N-th shard, beginning with the K-th.

    Attributes
    ----------
    number, count : int
        K and N, from 1.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Share:
        """Read ``K/N``.

        Parameters
        ----------
        text : str

        Raises
        ------
        ParameterError
            It is not two whole numbers with 1 <= K <= N.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text.strip())
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ParameterError(f"task {text!r}: must be K/N with 1 <= K <= N, e.g. 3/8 for the third of eight")
        return cls(int(match[1]), int(match[2]))

    def of(self, tasks: Iterable[ShardTask]) -> list[ShardTask]:
        """Take this share of the tasks of all shards.

        Clips are dealt to shards by chance, so all shares take about the same time.
        """
        return list(tasks)[self.number - 1 :: self.count]

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"
