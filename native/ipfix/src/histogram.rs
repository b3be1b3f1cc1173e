//! The one histogram of latencies and sizes: signed integers in, counts by logarithmic bucket and a compact octet string out.
//!
//! The same arithmetic as `faultline/records/histogram.py`, bit for bit: a magnitude below 32 is its own bucket, from 32 on each
//! octave has 32 equal sub-buckets (relative error at most 1/64), negative values mirror the positive ones. It knows nothing of
//! what is measured.

const SUB_BITS: u32 = 5;
const SUB_BUCKETS: i32 = 1 << SUB_BITS;
const FORMAT: u8 = 1;
/// The bucket of the largest 64-bit magnitude; the smallest bucket is `-1 - MAX_BUCKET`.
pub const MAX_BUCKET: i32 = (63 - SUB_BITS as i32 + 1) * SUB_BUCKETS + SUB_BUCKETS - 1;

/// Bucket of a signed value.
#[must_use]
pub fn bucket_of(value: i64) -> i32 {
    if value < 0 {
        return -1 - bucket_of_magnitude(!value as u64);
    }
    bucket_of_magnitude(value as u64)
}

fn bucket_of_magnitude(value: u64) -> i32 {
    if value < SUB_BUCKETS as u64 {
        return value as i32;
    }
    let exponent = value.ilog2();
    let octave = (exponent - SUB_BITS + 1) as i32;
    octave * SUB_BUCKETS + (value >> (exponent - SUB_BITS)) as i32 - SUB_BUCKETS
}

/// Smallest and largest value of a bucket, both inclusive, cut to 64 bits.
#[must_use]
pub fn bucket_range(bucket: i32) -> (i64, i64) {
    if bucket < 0 {
        let (low, high) = bucket_range(-1 - bucket);
        return (!high, !low);
    }
    if bucket < SUB_BUCKETS {
        return (i64::from(bucket), i64::from(bucket));
    }
    let shift = (bucket / SUB_BUCKETS - 1) as u32;
    let low = i128::from(SUB_BUCKETS + bucket % SUB_BUCKETS) << shift;
    let high = low + (1i128 << shift) - 1;
    let cut = |v: i128| v.min(i128::from(i64::MAX)) as i64;
    (cut(low), cut(high))
}

/// The value that stands for a bucket.
#[must_use]
pub fn bucket_middle(bucket: i32) -> i64 {
    let (low, high) = bucket_range(bucket);
    // Rounds down as Python's floor division does, also below zero.
    ((i128::from(low) + i128::from(high)) >> 1) as i64
}

/// Counts by bucket, kept in rising order: a flow's interval touches a handful of buckets, so a sorted list beats any map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<(i32, u64)>,
    n: u64,
}

impl Histogram {
    /// A histogram without samples; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            counts: Vec::new(),
            n: 0,
        }
    }

    /// Number of samples.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// Whether there is no sample.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// Non-empty (bucket, count) in rising order.
    #[must_use]
    pub fn buckets(&self) -> &[(i32, u64)] {
        &self.counts
    }

    /// Count one value.
    pub fn add(&mut self, value: i64) {
        self.add_bucket(bucket_of(value), 1);
    }

    /// Count a bucket `count` times; a count of zero changes nothing.
    pub fn add_bucket(&mut self, bucket: i32, count: u64) {
        if count == 0 {
            return;
        }
        self.n += count;
        match self.counts.binary_search_by_key(&bucket, |&(b, _)| b) {
            Ok(at) => self.counts[at].1 += count,
            Err(at) => self.counts.insert(at, (bucket, count)),
        }
    }

    /// Add every count of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for &(bucket, count) in &other.counts {
            self.add_bucket(bucket, count);
        }
    }

    /// Forget all samples and keep the memory.
    pub fn clear(&mut self) {
        self.counts.clear();
        self.n = 0;
    }

    /// The value below which a share `q` of the samples lies; none when empty.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<i64> {
        if self.n == 0 {
            return None;
        }
        let rank = ((q * self.n as f64).max(0.0) as u64).min(self.n - 1);
        let mut seen = 0;
        for &(bucket, count) in &self.counts {
            seen += count;
            if seen > rank {
                return Some(bucket_middle(bucket));
            }
        }
        self.counts.last().map(|&(bucket, _)| bucket_middle(bucket))
    }

    /// Append the octets: format 1, zigzag of the first bucket, then distances, each followed by its count, all LEB128. Nothing
    /// when there is no sample.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        if self.counts.is_empty() {
            return;
        }
        out.push(FORMAT);
        let mut previous = None;
        for &(bucket, count) in &self.counts {
            let step = match previous {
                None => zigzag(bucket),
                Some(before) => (bucket - before) as u64,
            };
            put_varint(out, step);
            put_varint(out, count);
            previous = Some(bucket);
        }
    }

    /// The histogram of the octets that `encode_into` writes; none for any others.
    #[must_use]
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let mut histogram = Self::new();
        let Some((&format, mut rest)) = octets.split_first() else {
            return Some(histogram);
        };
        if format != FORMAT {
            return None;
        }
        let mut previous: Option<i32> = None;
        while !rest.is_empty() {
            let (step, count) = (take_varint(&mut rest)?, take_varint(&mut rest)?);
            let bucket = match previous {
                None => i32::try_from(step >> 1)
                    .ok()
                    .map(|half| if step & 1 == 0 { half } else { -1 - half }),
                Some(before) => i32::try_from(step)
                    .ok()
                    .filter(|&step| step > 0)
                    .and_then(|step| before.checked_add(step)),
            };
            let bucket = bucket.filter(|bucket| (-1 - MAX_BUCKET..=MAX_BUCKET).contains(bucket))?;
            histogram.n = histogram.n.checked_add(count).filter(|_| count > 0)?;
            histogram.counts.push((bucket, count));
            previous = Some(bucket);
        }
        Some(histogram)
    }

    /// The octets of `encode_into` as a vector of their own.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + 4 * self.counts.len());
        self.encode_into(&mut out);
        out
    }
}

fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&octet, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(octet & 0x7F) << shift;
        if octet < 0x80 {
            return Some(value);
        }
    }
    None
}

const fn zigzag(value: i32) -> u64 {
    if value >= 0 {
        (value as u64) << 1
    } else {
        (((-(value as i64)) as u64) << 1) - 1
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7F) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_in_its_own_bucket_and_buckets_do_not_overlap() {
        let mut edges: Vec<i64> = (0..63).flat_map(|s| [1i64 << s, (1i64 << s) - 1, (1i64 << s) + 1]).collect();
        edges.extend([i64::MAX, i64::MIN]);
        for value in edges.iter().flat_map(|&v| [v, v.wrapping_neg()]) {
            let (low, high) = bucket_range(bucket_of(value));
            assert!(low <= value && value <= high, "{value} not in {low}..={high}");
        }
        for bucket in -1 - 500..500 {
            assert_eq!(bucket_range(bucket).1 + 1, bucket_range(bucket + 1).0);
        }
    }

    #[test]
    fn merging_equals_counting_all_samples_at_once() {
        let (mut a, mut b, mut all) = (Histogram::new(), Histogram::new(), Histogram::new());
        for v in [0, 5, 1_000_000, -7, 1_000_001] {
            a.add(v);
            all.add(v);
        }
        for v in [5, -7_000_000, i64::MAX] {
            b.add(v);
            all.add(v);
        }
        a.merge(&b);
        assert_eq!(a, all);
        assert_eq!(a.n(), 8);
    }

    #[test]
    fn the_octets_are_those_of_the_python_twin() {
        // Histogram([0, 31, 32, 33, 1000, -1, -5]).encode() of faultline/records/histogram.py.
        let mut h = Histogram::new();
        for v in [0, 31, 32, 33, 1000, -1, -5] {
            h.add(v);
        }
        assert_eq!(h.encode(), [1, 9, 1, 4, 1, 1, 1, 31, 1, 1, 1, 1, 1, 0x9d, 1, 1].to_vec());
        assert!(Histogram::new().encode().is_empty());
    }

    #[test]
    fn what_was_encoded_is_decoded_and_nothing_else_is() {
        let mut h = Histogram::new();
        for v in [0, 31, 32, 33, 1000, -1, -5, i64::MAX, i64::MIN] {
            h.add(v);
        }
        assert_eq!(Histogram::decode(&h.encode()), Some(h));
        for wrong in [
            &[2][..],
            &[1, 0x80],
            &[1, 0, 0],
            &[1, 4, 1, 0, 1],
            &[1, 0xff, 0xff, 0xff, 0x7f, 1],
        ] {
            assert_eq!(Histogram::decode(wrong), None);
        }
    }

    #[test]
    fn quantiles_stand_at_bucket_middles() {
        let mut h = Histogram::new();
        assert_eq!(h.quantile(0.5), None);
        for v in 0..100 {
            h.add(v);
        }
        assert_eq!(h.quantile(0.0), Some(0));
        assert_eq!(h.quantile(0.1), Some(10));
        assert_eq!(h.quantile(1.0), Some(98));
    }
}
