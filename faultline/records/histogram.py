"""The one histogram of latencies and sizes: fixed logarithmic buckets, the same edges everywhere, so 10 s adds up to a day.

Goes in: signed integers (nanoseconds or octets). Comes out: counts, quantiles with at most 1/64 = 1.6 % relative error, a
compact octet string. Knows nothing of what is measured.

Buckets: a magnitude below 32 is its own bucket; from 32 on each octave has 32 equal sub-buckets (as in HdrHistogram). Only
integer arithmetic, so Python and Rust agree bit for bit. Negative values (one-way delays between unsynchronised clocks) mirror
the positive ones at -1 - bucket(-v - 1): they are shown, never clamped.

Octets: 0x01, then for each non-empty bucket in rising order: zigzag-varint of the bucket for the first, varint of the distance
to the previous bucket after that; then the varint of the count. An empty histogram is the empty string.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

SUB_BITS = 5
SUB_BUCKETS = 1 << SUB_BITS
FORMAT = 1
MAX_BUCKET = (63 - SUB_BITS + 1) * SUB_BUCKETS + SUB_BUCKETS - 1
MAX_OCTETS = 1 << 16


class HistogramError(ValueError):
    """The octets are not a histogram; the message says at which offset."""


def bucket_of(value: int) -> int:
    """Bucket of a signed value."""
    if value < 0:
        return -1 - bucket_of(-value - 1)
    if value < SUB_BUCKETS:
        return value
    exponent = value.bit_length() - 1
    return (exponent - SUB_BITS + 1) * SUB_BUCKETS + (value >> (exponent - SUB_BITS)) - SUB_BUCKETS


def bucket_range(bucket: int) -> tuple[int, int]:
    """Smallest and largest value of a bucket, both inclusive."""
    if bucket < 0:
        low, high = bucket_range(-1 - bucket)
        return -high - 1, -low - 1
    if bucket < SUB_BUCKETS:
        return bucket, bucket
    octave, sub = divmod(bucket, SUB_BUCKETS)
    shift = octave - 1
    low = (SUB_BUCKETS + sub) << shift
    return low, low + (1 << shift) - 1


def bucket_middle(bucket: int) -> int:
    """The value that stands for a bucket."""
    low, high = bucket_range(bucket)
    return (low + high) // 2


class Histogram:
    """Counts by bucket. Adding is exact: merging histograms and then asking equals asking all samples at once."""

    __slots__ = ("_counts", "n")

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._counts: dict[int, int] = {}
        self.n = 0
        for value in values:
            self.add(value)

    def __bool__(self) -> bool:
        return self.n > 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self._counts == other._counts

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Non-empty (bucket, count) in rising order."""
        return iter(sorted(self._counts.items()))

    def __repr__(self) -> str:
        return f"Histogram(n={self.n}, buckets={len(self._counts)})"

    def add(self, value: int, count: int = 1) -> None:
        """Count one value."""
        self.add_bucket(bucket_of(value), count)

    def add_bucket(self, bucket: int, count: int) -> None:
        """Count a bucket, for readers of other encodings."""
        self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.n += count

    def merge(self, other: Histogram) -> None:
        """Add every count of another histogram."""
        for bucket, count in other._counts.items():
            self._counts[bucket] = self._counts.get(bucket, 0) + count
        self.n += other.n

    def shift(self, offset: int) -> Histogram:
        """The same counts about values moved by an offset.

        Each bucket moves by its middle, so the error grows by one bucket's width.
        """
        moved = Histogram()
        for bucket, count in self._counts.items():
            moved.add(bucket_middle(bucket) + offset, count)
        return moved

    def quantile(self, q: float) -> int | None:
        """The value below which a share q of the samples lies; None when empty. q = 0 is the smallest bucket, 1 the largest."""
        if self.n == 0:
            return None
        rank = min(self.n - 1, max(0, int(q * self.n)))
        seen = 0
        last = 0
        for bucket, count in self:
            seen += count
            last = bucket
            if seen > rank:
                break
        return bucket_middle(last)

    @property
    def min(self) -> int | None:
        """Lower edge of the smallest bucket."""
        return bucket_range(min(self._counts))[0] if self._counts else None

    @property
    def max(self) -> int | None:
        """Upper edge of the largest bucket."""
        return bucket_range(max(self._counts))[1] if self._counts else None

    def mad(self) -> int | None:
        """Unscaled median absolute deviation from the median; None when empty."""
        median = self.quantile(0.5)
        if median is None:
            return None
        return Histogram._of_weighted((abs(bucket_middle(b) - median), c) for b, c in self._counts.items()).quantile(0.5)

    @staticmethod
    def _of_weighted(pairs: Iterable[tuple[int, int]]) -> Histogram:
        made = Histogram()
        for value, count in pairs:
            made.add(value, count)
        return made

    def encode(self) -> bytes:
        """The octets of the module's page; empty when there is no sample."""
        if not self._counts:
            return b""
        out = bytearray([FORMAT])
        previous: int | None = None
        for bucket, count in self:
            step = _zigzag(bucket) if previous is None else bucket - previous
            _put_varint(out, step)
            _put_varint(out, count)
            previous = bucket
        return bytes(out)

    @classmethod
    def decode(cls, data: bytes) -> Histogram:
        """Read the octets back.

        Raises:
            HistogramError: unknown format, a cut number, buckets that do not rise or lie outside 64 bits, or a count of zero.
        """
        made = cls()
        if not data:
            return made
        if len(data) > MAX_OCTETS:
            raise HistogramError(f"{len(data)} octets are more than {MAX_OCTETS}")
        if data[0] != FORMAT:
            raise HistogramError(f"format {data[0]} at octet 0 is unknown")
        at = 1
        bucket: int | None = None
        while at < len(data):
            start = at
            step, at = _take_varint(data, at)
            count, at = _take_varint(data, at)
            if bucket is None:
                bucket = _unzigzag(step)
            elif step == 0:
                raise HistogramError(f"bucket at octet {start} does not rise")
            else:
                bucket += step
            if not -MAX_BUCKET - 1 <= bucket <= MAX_BUCKET or count == 0:
                raise HistogramError(f"bucket {bucket} with count {count} at octet {start} is impossible")
            made.add_bucket(bucket, count)
        return made


def _zigzag(value: int) -> int:
    return (value << 1) if value >= 0 else ((-value) << 1) - 1


def _unzigzag(value: int) -> int:
    return (value >> 1) if value & 1 == 0 else -((value + 1) >> 1)


def _put_varint(out: bytearray, value: int) -> None:
    while value >= 0x80:  # noqa: PLR2004 - LEB128
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)


def _take_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise HistogramError(f"number cut at octet {at}")
        octet = data[at]
        at += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80:  # noqa: PLR2004 - LEB128
            return value, at
    raise HistogramError(f"number longer than 10 octets before octet {at}")
