"""What the compiled module offers. Times are Unix nanoseconds; octets are `bytes`; errors are subclasses of ValueError or OSError."""

from collections.abc import Mapping, Sequence
from typing import Any, final

__version__: str

class MalformedError(ValueError):
    """Octets that are not what they claim; the message holds offset and reason."""

# ---- codec ------------------------------------------------------------------------------------------------------
def encode_records(kind: str, rows: Sequence[Mapping[str, Any]], *, export_s: int, domain: int = 0, sequence: int = 0) -> bytes:
    """IPFIX messages (each at most 65,535 octets, templates included) of records of one kind of the field table.

    A key that is missing or None is absent. `hist` and `octets` take bytes; an unknown key or a value outside its type is a ValueError that
    names the row and the field.
    """

def seal_batch(header: Mapping[str, Any], messages: bytes, *, export_s: int) -> bytes:
    """A whole batch file: header message (record `batch`), `messages`, seal message."""

@final
class DecodedBatch:
    """A decoded batch file."""

    header: dict[str, Any]
    """Fields of the `batch` record."""
    problems: list[str]
    """Sets that could not be decoded, each with message number, set id, offset and reason; everything beside them is in the tables."""
    def kinds(self) -> list[str]:
        """Record kinds present, `batch` and `seal` left out."""
    def rows(self, kind: str) -> int:
        """Number of records of a kind."""
    def table(self, kind: str) -> Any:
        """The records of a kind as an object with `__arrow_c_stream__`: one column a field of the table, reverse twins included, nulls where absent."""

def decode_batch(octets: bytes) -> DecodedBatch:
    """Check the seal, decode everything. MalformedError when header or seal are missing or wrong."""

def batch_header(octets: bytes) -> dict[str, Any]:
    """Check the seal and read only the header: what the ledger needs before it acknowledges."""

def crc32c(octets: bytes) -> int: ...
def zstd_compress(octets: bytes, level: int = 3) -> bytes: ...
def zstd_decompress(octets: bytes, max_octets: int) -> bytes:
    """MalformedError when it is not zstd or would be larger than `max_octets` (checked while decompressing)."""

@final
class ExportDecoder:
    """NetFlow v5/v9, IPFIX and sFlow v5 datagrams or files to the rows of `collector decode`; templates are remembered across calls."""

    def __init__(self) -> None: ...
    def datagram(self, octets: bytes, exporter: str) -> list[dict[str, Any]]: ...
    def summary(self) -> dict[str, Any]: ...

# ---- metering ---------------------------------------------------------------------------------------------------
@final
class Interval:
    """One measuring interval of all observation points of a LiveMeter."""

    start_ns: int
    end_ns: int
    records: int
    messages: bytes
    """IPFIX messages of kind `flow`, ready for seal_batch."""
    first_ns: int | None
    last_ns: int | None
    quality: list[dict[str, Any]]
    """One dict an observation point, the fields of record `probe_health` that capture knows."""

@final
class LiveMeter:
    """Captures interfaces with AF_PACKET and cuts interval records at UTC multiples of `interval_s`.

    Raises PermissionError without CAP_NET_RAW and OSError for an unknown interface, both in the constructor.
    """

    def __init__(
        self,
        interfaces: Sequence[tuple[str, str]],
        *,
        interval_s: int = 10,
        idle_timeout_s: int = 30,
        max_flows: int = 65536,
        ring_octets: int = ...,
        promiscuous: bool = True,
        key_vlan: bool = True,
        key_tunnel: bool = True,
        exclude_ports: Sequence[int] = (),
    ) -> None:
        """`interfaces`: (interface name, observation point name)."""

    def start(self) -> None: ...
    def take(self, timeout_s: float) -> Interval | None:
        """The next finished interval, or None at the timeout or after the last one of a stopped meter. The GIL is released."""

    def stop(self) -> None:
        """Ends capture; the interval under way is cut short and can still be taken."""

def meter_files(
    paths: Sequence[str],
    sink: Any,
    *,
    format: str = "jsonl",
    idle_timeout_s: float = 30.0,
    active_timeout_s: float = 60.0,
    tunnels: str = "inner",
    key: Sequence[str] = (),
    max_flows: int = ...,
) -> dict[str, Any]:
    """Meter capture files (`-` is standard input) into a writable binary object; returns the summary of the contract, plus `error` when a file is cut
    or is not a capture (records so far are written).
    """
