//! A histogram of delays with its exact ends: what a record says of a measured time.

use ipfix::histogram::Histogram;

/// Counts by logarithmic bucket, and the exact smallest and largest value.
#[derive(Clone, Debug, Default)]
pub struct Distribution {
    histogram: Histogram,
    min: i64,
    max: i64,
}

impl Distribution {
    /// Count one value.
    pub fn add(&mut self, value: i64) {
        if self.histogram.is_empty() {
            (self.min, self.max) = (value, value);
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.histogram.add(value);
    }

    /// Number of values.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.histogram.n()
    }

    /// Smallest value; 0 when there is none.
    #[must_use]
    pub const fn min(&self) -> i64 {
        self.min
    }

    /// Largest value; 0 when there is none.
    #[must_use]
    pub const fn max(&self) -> i64 {
        self.max
    }

    /// The value below which a share `q` lies, at most 1/64 off and never outside the exact ends.
    #[must_use]
    pub fn quantile(&self, q: f64) -> i64 {
        self.histogram.quantile(q).unwrap_or(0).clamp(self.min, self.max)
    }

    /// The counts, for the wire.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    /// Forget all values and keep the memory.
    pub fn clear(&mut self) {
        self.histogram.clear();
        (self.min, self.max) = (0, 0);
    }
}
