//! The face of metering: capture files to records, and interfaces to intervals. The GIL is given back around every loop.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use flowmeter::application::Applications;
use flowmeter::capture::{Capture, CaptureOptions, Whole};
use flowmeter::key::KeyOptions;
use flowmeter::live::Quality;
use flowmeter::meter::MeterOptions;
use flowmeter::output::Format;
use flowmeter::packet::{Tunnels, Unparsed};
use flowmeter::run::{meter_source, Outcome, Taker};
use flowmeter::source::{CaptureFiles, FrameSource, LiveCapture, LiveOptions, SourceError};
use pyo3::exceptions::{PyKeyboardInterrupt, PyOSError, PyOverflowError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

const NS: f64 = 1e9;
/// Ring of an interface; `docs/explanation/metering.md` has the memory budget.
const RING_OCTETS: usize = 8 << 20;
const FLOWS_OF_FILES: usize = 1 << 20;
const FLOWS_LIVE: usize = 1 << 16;

/// The exception of a source that cannot go on: an `OSError` with its number where the system gave one.
fn source_error(failure: &SourceError) -> PyErr {
    match failure {
        SourceError::Io { name, error } => match error.raw_os_error() {
            Some(number) => {
                let text = io::Error::from_raw_os_error(number).to_string();
                let text = text.split(" (os error").next().unwrap_or_default().to_owned();
                PyOSError::new_err((number, text, name.clone()))
            }
            None => PyOSError::new_err(failure.to_string()),
        },
        _ => PyValueError::new_err(failure.to_string()),
    }
}

fn nanoseconds(name: &str, seconds: f64) -> PyResult<i64> {
    if !(0.0..=1e9).contains(&seconds) {
        return Err(PyValueError::new_err(format!(
            "{name} must be 0 (never) or seconds up to 1e9, got {seconds}"
        )));
    }
    Ok((seconds * NS) as i64)
}

fn tunnels_named(name: &str) -> PyResult<Tunnels> {
    match name {
        "inner" => Ok(Tunnels::Inner),
        "outer" => Ok(Tunnels::Outer),
        _ => Err(PyValueError::new_err(format!("tunnels must be inner or outer, got {name:?}"))),
    }
}

fn key_of(names: &[String]) -> PyResult<KeyOptions> {
    let mut key = KeyOptions::default();
    for name in names {
        match name.as_str() {
            "vlan" => key.vlan = true,
            "tunnel" => key.tunnel = true,
            _ => return Err(PyValueError::new_err(format!("key is made of vlan and tunnel, got {name:?}"))),
        }
    }
    Ok(key)
}

/// The names of applications: the built-in rules, and those of a user's file before them.
fn applications_of(rules: Option<&str>) -> PyResult<Arc<Applications>> {
    let built_in = Applications::built_in();
    let all = match rules {
        Some(rules) => built_in
            .extended(rules)
            .map_err(|wrong| PyValueError::new_err(format!("applications: {wrong}")))?,
        None => built_in,
    };
    Ok(Arc::new(all))
}

/// Check rules that name applications: a `ValueError` names the first line that is wrong.
#[pyfunction]
pub fn check_applications(rules: &str) -> PyResult<()> {
    applications_of(Some(rules)).map(drop)
}

fn format_named(name: &str) -> PyResult<Format> {
    Format::named(name).ok_or_else(|| PyValueError::new_err(format!("format must be jsonl, csv or ipfix, got {name:?}")))
}

/// A Python object with `write`, and the moment it must be asked whether to go on.
struct Sink<'a> {
    file: &'a Py<PyAny>,
    until_ns: Option<i64>,
    failure: Option<PyErr>,
}

impl Sink<'_> {
    fn keep(&mut self, result: PyResult<()>) -> io::Result<()> {
        result.map_err(|failure| {
            self.failure = Some(failure);
            io::Error::other("see the exception")
        })
    }
}

impl Taker for Sink<'_> {
    fn take(&mut self, octets: &[u8]) -> io::Result<()> {
        if octets.is_empty() {
            return Ok(());
        }
        let done = Python::attach(|py| {
            let mut rest = octets;
            while !rest.is_empty() {
                let written = self.file.call_method1(py, "write", (PyBytes::new(py, rest),))?;
                // An unbuffered file says how much of it there was room for; other objects say nothing or everything.
                let taken = written.extract::<usize>(py).unwrap_or(rest.len());
                rest = rest.get(taken..).unwrap_or_default();
            }
            if self.until_ns.is_some() {
                self.file.call_method0(py, "flush")?;
            }
            Ok(())
        });
        self.keep(done)
    }

    fn goes_on(&mut self) -> io::Result<bool> {
        let Some(until) = self.until_ns else { return Ok(true) };
        // Ctrl-C reaches a loop in Rust only when it asks, and here it means: that was all.
        let signal = Python::attach(|py| match py.check_signals() {
            Err(raised) if raised.is_instance_of::<PyKeyboardInterrupt>(py) => Ok(false),
            other => other.map(|()| true),
        });
        let uninterrupted = *signal.as_ref().unwrap_or(&false);
        self.keep(signal.map(drop))?;
        Ok(uninterrupted && flowmeter::run::wall_ns() < until)
    }
}

fn summary<'py>(py: Python<'py>, outcome: &Outcome, began_ns: i64) -> PyResult<Bound<'py, PyDict>> {
    let counts = &outcome.counts;
    let dict = PyDict::new(py);
    dict.set_item("packets", counts.frames)?;
    dict.set_item("octets", counts.octets)?;
    dict.set_item("flows", counts.records)?;
    let unparsed = PyDict::new(py);
    for reason in Unparsed::ALL {
        let n = counts.unparsed[reason.index()];
        if n > 0 {
            unparsed.set_item(reason.name(), n)?;
        }
    }
    dict.set_item("unparsed", unparsed)?;
    dict.set_item("truncated", counts.truncated)?;
    dict.set_item("duplicates", counts.duplicates)?;
    dict.set_item("evicted", counts.evicted)?;
    if outcome.dropped > 0 {
        dict.set_item("dropped", outcome.dropped)?;
    }
    dict.set_item("seconds", (flowmeter::run::wall_ns() - began_ns) as f64 / NS)?;
    if let Some(failure) = &outcome.failure {
        dict.set_item("error", failure.to_string())?;
    }
    Ok(dict)
}

fn meter<'py>(
    py: Python<'py>,
    sink: &Py<PyAny>,
    open: impl FnOnce() -> Result<Box<dyn FrameSource>, SourceError> + Send,
    options: MeterOptions,
    format: Format,
    until_ns: Option<i64>,
) -> PyResult<Bound<'py, PyDict>> {
    let began_ns = flowmeter::run::wall_ns();
    let mut taker = Sink {
        file: sink,
        until_ns,
        failure: None,
    };
    let outcome = py.detach(|| meter_source(open(), options, format, &mut taker));
    match (outcome, taker.failure) {
        (Ok(outcome), _) => summary(py, &outcome, began_ns),
        (Err(_), Some(failure)) => Err(failure),
        (Err(failure), None) => Err(failure.into()),
    }
}

/// Meter capture files into a writable binary object.
#[pyfunction]
#[pyo3(signature = (paths, sink, *, format="jsonl", idle_timeout_s=30.0, active_timeout_s=60.0, tunnels="inner", key=vec![], max_flows=FLOWS_OF_FILES, applications=None))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // keyword arguments of Python
pub fn meter_files<'py>(
    py: Python<'py>,
    paths: Vec<String>,
    sink: Py<PyAny>,
    format: &str,
    idle_timeout_s: f64,
    active_timeout_s: f64,
    tunnels: &str,
    key: Vec<String>,
    max_flows: usize,
    applications: Option<&str>,
) -> PyResult<Bound<'py, PyDict>> {
    let options = MeterOptions {
        idle_timeout_ns: nanoseconds("idle_timeout_s", idle_timeout_s)?,
        active_timeout_ns: nanoseconds("active_timeout_s", active_timeout_s)?,
        max_flows,
        tunnels: tunnels_named(tunnels)?,
        key: key_of(&key)?,
        exclude_ports: Vec::new(),
        applications: applications_of(applications)?,
    };
    let format = format_named(format)?;
    let open = move || CaptureFiles::open(&paths).map(|source| Box::new(source) as Box<dyn FrameSource>);
    meter(py, &sink, open, options, format, None)
}

/// Meter an interface into a writable binary object for a while, or until a signal.
#[pyfunction]
#[pyo3(signature = (interface, sink, *, seconds=None, format="jsonl", idle_timeout_s=30.0, active_timeout_s=60.0, tunnels="inner", key=vec![], max_flows=FLOWS_LIVE, ring_octets=RING_OCTETS, promiscuous=true, applications=None))]
#[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // keyword arguments of Python
pub fn meter_interface<'py>(
    py: Python<'py>,
    interface: &str,
    sink: Py<PyAny>,
    seconds: Option<f64>,
    format: &str,
    idle_timeout_s: f64,
    active_timeout_s: f64,
    tunnels: &str,
    key: Vec<String>,
    max_flows: usize,
    ring_octets: usize,
    promiscuous: bool,
    applications: Option<&str>,
) -> PyResult<Bound<'py, PyDict>> {
    let options = MeterOptions {
        idle_timeout_ns: nanoseconds("idle_timeout_s", idle_timeout_s)?,
        active_timeout_ns: nanoseconds("active_timeout_s", active_timeout_s)?,
        max_flows,
        tunnels: tunnels_named(tunnels)?,
        key: key_of(&key)?,
        exclude_ports: Vec::new(),
        applications: applications_of(applications)?,
    };
    let format = format_named(format)?;
    let until_ns = match seconds {
        Some(seconds) => flowmeter::run::wall_ns() + nanoseconds("seconds", seconds)?,
        None => i64::MAX,
    };
    let live = LiveOptions {
        ring_octets,
        promiscuous,
        ..LiveOptions::default()
    };
    let source = LiveCapture::open(interface, live).map_err(|failure| source_error(&failure))?;
    let open = move || Ok(Box::new(source) as Box<dyn FrameSource>);
    meter(py, &sink, open, options, format, Some(until_ns))
}

/// One measuring interval of all observation points.
#[pyclass(frozen, get_all, module = "faultline.native._native")]
pub struct Interval {
    /// A UTC multiple of the interval's length.
    start_ns: i64,
    /// The next multiple, or when capture stopped.
    end_ns: i64,
    /// Records in `messages`.
    records: u64,
    /// IPFIX messages.
    messages: Py<PyBytes>,
    /// Earliest packet.
    first_ns: Option<i64>,
    /// Latest packet.
    last_ns: Option<i64>,
    /// How good the capture was, by observation point.
    quality: Py<PyList>,
}

/// Captures interfaces and cuts interval records at UTC multiples of the interval.
#[pyclass(frozen, module = "faultline.native._native")]
pub struct LiveMeter {
    capture: Capture,
    points: Vec<String>,
}

#[pymethods]
impl LiveMeter {
    #[new]
    #[pyo3(signature = (interfaces, *, interval_s=10, idle_timeout_s=30, max_flows=FLOWS_LIVE, ring_octets=RING_OCTETS, promiscuous=true, key_vlan=true, key_tunnel=true, exclude_ports=vec![], applications=None))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)] // keyword arguments of Python
    fn new(
        interfaces: Vec<(String, String)>,
        interval_s: i64,
        idle_timeout_s: i64,
        max_flows: usize,
        ring_octets: usize,
        promiscuous: bool,
        key_vlan: bool,
        key_tunnel: bool,
        exclude_ports: Vec<u16>,
        applications: Option<&str>,
    ) -> PyResult<Self> {
        if !(1..=86_400).contains(&interval_s) || !(0..=86_400).contains(&idle_timeout_s) {
            return Err(PyValueError::new_err(
                "interval_s must be 1 to 86400 and idle_timeout_s 0 to 86400",
            ));
        }
        let points = interfaces.iter().map(|(_, point)| point.clone()).collect();
        let options = CaptureOptions {
            interfaces,
            interval_ns: interval_s * NS as i64,
            ring_octets,
            promiscuous,
            meter: MeterOptions {
                idle_timeout_ns: idle_timeout_s * NS as i64,
                active_timeout_ns: 0,
                max_flows,
                tunnels: Tunnels::Inner,
                key: KeyOptions {
                    vlan: key_vlan,
                    tunnel: key_tunnel,
                },
                exclude_ports,
                applications: applications_of(applications)?,
            },
        };
        let capture = Capture::open(options).map_err(|failure| source_error(&failure))?;
        Ok(Self { capture, points })
    }

    /// Begin to meter.
    fn start(&self, py: Python<'_>) {
        py.detach(|| self.capture.start());
    }

    /// The next finished interval, or None at the timeout or after the last one.
    fn take(&self, py: Python<'_>, timeout_s: f64) -> PyResult<Option<Interval>> {
        let timeout = Duration::try_from_secs_f64(timeout_s).map_err(|wrong| PyOverflowError::new_err(wrong.to_string()))?;
        let taken = py.detach(|| self.capture.take(timeout));
        let whole = taken.map_err(|failure| source_error(&failure))?;
        whole.map(|whole| self.interval(py, &whole)).transpose()
    }

    /// End capture; the interval under way is cut short and can still be taken.
    fn stop(&self, py: Python<'_>) {
        py.detach(|| self.capture.stop());
    }
}

impl LiveMeter {
    fn interval(&self, py: Python<'_>, whole: &Whole) -> PyResult<Interval> {
        let quality = PyList::empty(py);
        let mut messages = Vec::new();
        for (point, part) in whole {
            messages.extend_from_slice(&part.messages);
            quality.append(quality_dict(py, &self.points[*point], &part.quality)?)?;
        }
        let parts = || whole.iter().map(|(_, part)| part);
        Ok(Interval {
            start_ns: parts().map(|part| part.start_ns).min().unwrap_or(0),
            end_ns: parts().map(|part| part.end_ns).max().unwrap_or(0),
            records: parts().map(|part| part.records).sum(),
            messages: PyBytes::new(py, &messages).unbind(),
            first_ns: parts().filter_map(|part| part.span_ns.0).min(),
            last_ns: parts().filter_map(|part| part.span_ns.1).max(),
            quality: quality.unbind(),
        })
    }
}

fn quality_dict<'py>(py: Python<'py>, point: &str, quality: &Quality) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("observation_point", point)?;
    for (name, value) in [
        ("capture_received", quality.received),
        ("capture_dropped", quality.dropped),
        ("capture_freezes", quality.freezes),
        ("truncated", quality.truncated),
        ("unparsed", quality.unparsed),
        ("duplicates", quality.duplicates),
        ("flows_one_sided", quality.flows_one_sided),
        ("flows_active", quality.flows_active),
        ("flows_evicted", quality.flows_evicted),
        ("acked_unseen_octets", quality.acked_unseen_octets),
    ] {
        dict.set_item(name, value)?;
    }
    Ok(dict)
}
