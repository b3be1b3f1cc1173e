"""What the compiled module offers.

Times are Unix nanoseconds; octets are `bytes`; errors are subclasses of ValueError or OSError.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

__version__: str

class MalformedError(ValueError):
    """Octets that are not what they claim; the message holds offset and reason."""

# ---- codec ------------------------------------------------------------------------------------------------------
def encode_records(kind: str, rows: Iterable[Mapping[str, Any]], *, export_s: int, domain: int = 0, sequence: int = 0) -> bytes:
    """IPFIX messages (each at most 65,535 octets, its templates included) of records of one kind of the field table.

    A key that is missing or None is absent. `hist` and `octets` take bytes, addresses are text. An unknown key, a value outside
    its type or the absence of a required field is a ValueError that names the row and the field. Rows with the same fields
    present stay in order.
    """

def seal_batch(header: Mapping[str, Any], messages: bytes, *, export_s: int) -> bytes:
    """A whole batch file: header message (record `batch`), `messages`, seal message.

    Message sequence numbers are written anew, counting data records within the batch. ValueError when `header["records"]` is
    not the number of records in `messages`; MalformedError when those are not whole messages with their templates.
    """

@final
class Table:
    """Records of one kind: one column a field, reverse twins included, nulls where absent.

    Integers keep their width and sign (`u64` is UInt64), times are Int64 Unix nanoseconds, addresses and strings Utf8, `hist` and
    `octets` Binary. pyarrow (`pa.table(x)`) and duckdb (`from x`) read it as it is, as often as one likes.
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __len__(self) -> int: ...

@final
class DecodedBatch:
    """A decoded batch file."""

    @property
    def header(self) -> dict[str, Any]:
        """Fields of the `batch` record."""

    @property
    def problems(self) -> list[str]:
        """Sets that could not be decoded, each with message number, set id, octet within the batch and reason.

        Everything beside them is in the tables. At most 100 in words, then how many more.
        """

    def kinds(self) -> list[str]:
        """Record kinds present, `batch` and `seal` left out."""

    def rows(self, kind: str) -> int:
        """Number of records of a kind."""

    def table(self, kind: str) -> Table:
        """The records of a kind; no rows when there is none. ValueError for a kind that is not in the field table."""

def decode_batch(octets: bytes) -> DecodedBatch:
    """Check the seal, decode everything. MalformedError when header or seal are missing or wrong."""

def batch_header(octets: bytes) -> dict[str, Any]:
    """Check the seal and read only the header: what the ledger needs before it acknowledges."""

def crc32c(octets: bytes) -> int: ...
def zstd_compress(octets: bytes, level: int = 3) -> bytes: ...
def zstd_decompress(octets: bytes, max_octets: int) -> bytes:
    """MalformedError when it is not zstd or would be larger than `max_octets` (checked while decompressing)."""

def histogram_encode(values: Sequence[int]) -> bytes:
    """Histogram octets of values as Rust makes them: the twin of `faultline.records.histogram.Histogram(values).encode()`."""

@final
class ExportDecoder:
    """NetFlow v5/v9, IPFIX and sFlow v5 datagrams or files to the rows of `collector decode`.

    Templates, options and sequence numbers are remembered across calls, by exporter, protocol and observation domain. What
    cannot be read is counted, told by `take_problems` and left out; nothing beside it is lost. No octets make it raise.
    """

    def __new__(cls) -> ExportDecoder: ...
    def datagram(self, octets: bytes, exporter: str) -> list[dict[str, Any]]:
        """The rows of one datagram, or of a file of IPFIX messages (RFC 5655), and of sets that waited for its templates.

        Keys: exporter (for sFlow the agent), protocol, domain, sequence, template, export_ns, record (IANA name or `PEN/id` to
        value; octets in hexadecimal, lists as lists), options (by the element or `domain` that joined them). Further: scope
        (names of the scope elements, on options records), system_init_ns (v5 and v9: where `...SysUpTime` counts from), sample
        (sFlow: flow, counters, drops), held (the record waited for its template).
        """

    def flows(
        self, datagrams: Sequence[bytes], exporter: str, *, received_ns: int, sampling: float | None = None
    ) -> ExportedFlows:
        """The flows of datagrams as columns, and what else was in them. The GIL is released.

        Args:
            datagrams: as `datagram` takes them, in the order they came.
            exporter: who sent them.
            received_ns: when they came; the time of flows that tell none.
            sampling: the factor of exporters that do not tell it.
        """

    def summary(self) -> dict[str, Any]:
        """Counts since the decoder was made.

        Keys: datagrams, records, unknown_templates (sets), held (waiting now), held_decoded, held_dropped, malformed (by
        reason) and sequence_gaps by protocol: gaps, lost in `unit`, late, restarts.
        """

    def take_problems(self) -> list[str]:
        """Problems in words, with exporter and octet, since the last call; at most 100 are kept."""

@final
class ExportedFlows:
    """What some datagrams held."""

    @property
    def flows(self) -> int:
        """Flows in the table."""

    @property
    def options(self) -> int:
        """Options records."""

    @property
    def others(self) -> int:
        """Records that count nothing: events, discarded packets."""

    @property
    def newest_export_ns(self) -> int | None:
        """The newest moment of export of what did not wait for its template."""

    def take_table(self) -> Table:
        """The flows, once. Columns are those of probes' flows where they mean the same; absent is null.

        Beside them: exporter, export_protocol, domain, export_ns, next_hop, interface_name, traffic_class, ingress_interface,
        egress_interface, metered_at_egress, vlan, vrf, source_as, destination_as, sampling_factor, sampling_source (told,
        configured, unknown).
        """

    def counters(self) -> list[dict[str, Any]]:
        """Counter samples of sFlow, as `ExportDecoder.datagram` gives rows."""

@final
class PlainEncoder:
    """Flow records of our own to datagrams for the collectors of others: `ipfix`, `netflow9`, or `nprobe` (IPFIX with PEN 35632).

    One a target: it numbers what it makes, and puts templates (messages without records) before the first and again every 20
    messages or 60 s. In `ipfix` and `netflow9` each direction of a biflow is a record.
    """

    def __new__(cls, dialect: str, *, domain: int = 0, max_octets: int = 512) -> PlainEncoder: ...
    def encode(self, messages: bytes) -> list[tuple[bytes, int]]:
        """Datagrams of the flow records of whole IPFIX messages, each with its number of records.

        MalformedError when the octets are none.
        """

# ---- metering ---------------------------------------------------------------------------------------------------
@final
class Interval:
    """One measuring interval of all observation points of a LiveMeter."""

    @property
    def start_ns(self) -> int:
        """A UTC multiple of the interval's length."""

    @property
    def end_ns(self) -> int:
        """The next multiple, or when capture stopped; no later interval holds anything older."""

    @property
    def records(self) -> int: ...
    @property
    def messages(self) -> bytes:
        """IPFIX messages of kind `flow`, ready for seal_batch."""

    @property
    def first_ns(self) -> int | None: ...
    @property
    def last_ns(self) -> int | None: ...
    @property
    def quality(self) -> list[dict[str, Any]]:
        """One dict an observation point, the fields of record `probe_health` that capture knows."""

@final
class LiveMeter:
    """Captures interfaces with AF_PACKET and cuts interval records at UTC multiples of `interval_s`.

    Each interface is metered by a thread with a flow table of its own, so that a flow seen at two is two flows. Raises
    PermissionError without CAP_NET_RAW and OSError for an unknown interface, both in the constructor.
    """

    def __new__(
        cls,
        interfaces: Sequence[tuple[str, str]],
        *,
        interval_s: int = 10,
        idle_timeout_s: int = 30,
        max_flows: int = ...,
        ring_octets: int = ...,
        promiscuous: bool = True,
        key_vlan: bool = True,
        key_tunnel: bool = True,
        exclude_ports: Sequence[int] = ...,
        applications: str | None = None,
    ) -> LiveMeter:
        """`interfaces`: (interface name, observation point name). `applications`: a user's rules, see check_applications."""

    def start(self) -> None: ...
    def take(self, timeout_s: float) -> Interval | None:
        """The next finished interval, or None at the timeout or after the last one of a stopped meter. The GIL is released.

        OSError when an interface went away.
        """

    def stop(self) -> None:
        """Ends capture; the interval under way is cut short and can still be taken. Another thread may be waiting in `take`."""

def check_applications(rules: str) -> None:
    """Check rules that name applications (docs/how-to/name-applications.md): ValueError with the first line that is wrong."""

def meter_files(
    paths: Sequence[str],
    sink: Any,
    *,
    format: str = "jsonl",
    idle_timeout_s: float = 30.0,
    active_timeout_s: float = 60.0,
    tunnels: str = "inner",
    key: Sequence[str] = ...,
    max_flows: int = ...,
    applications: str | None = None,
) -> dict[str, Any]:
    """Meter capture files (`-` is standard input) into a writable binary object; returns the summary of the contract.

    `error` is added to it when a file is cut or is not a capture; the records so far are written.
    """

def meter_interface(
    interface: str,
    sink: Any,
    *,
    seconds: float | None = None,
    format: str = "jsonl",
    idle_timeout_s: float = 30.0,
    active_timeout_s: float = 60.0,
    tunnels: str = "inner",
    key: Sequence[str] = ...,
    max_flows: int = ...,
    ring_octets: int = ...,
    promiscuous: bool = True,
    applications: str | None = None,
) -> dict[str, Any]:
    """Meter an interface for `seconds`, or until Ctrl-C, which ends it with every flow written; returns the summary.

    PermissionError without CAP_NET_RAW, OSError for an unknown interface.
    """
