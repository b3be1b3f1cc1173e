//! Times on the wire: `dateTimeNanoseconds` is an NTP timestamp (RFC 7011, 6.1.10), 32 bits of seconds since 1900 and 32 of fraction.
//!
//! A fraction step is 0.23 ns: rounding down going out and up coming back returns every nanosecond unchanged. Seconds wrap in 2036;
//! as in RFC 4330, a set top bit means 1968..2036 and a clear one 2036..2104.

const NS: i64 = 1_000_000_000;
/// Seconds from 1900 to 1970.
const UNIX_IN_NTP: i64 = 2_208_988_800;
const ERA: i64 = 1 << 32;
const HALF_ERA: i64 = 1 << 31;

/// Smallest and largest Unix nanoseconds that can be told on the wire.
pub const RANGE_NS: (i64, i64) = ((HALF_ERA - UNIX_IN_NTP) * NS, (ERA + HALF_ERA - UNIX_IN_NTP) * NS - 1);

/// The NTP timestamp of Unix nanoseconds; none outside `RANGE_NS`.
#[must_use]
pub fn to_ntp(unix_ns: i64) -> Option<u64> {
    if unix_ns < RANGE_NS.0 || unix_ns > RANGE_NS.1 {
        return None;
    }
    let seconds = (unix_ns.div_euclid(NS) + UNIX_IN_NTP) as u64 & 0xFFFF_FFFF;
    let fraction = ((unix_ns.rem_euclid(NS) as u64) << 32) / NS as u64;
    Some(seconds << 32 | fraction)
}

/// Unix nanoseconds of an NTP timestamp.
#[must_use]
pub fn from_ntp(ntp: u64) -> i64 {
    let seconds = (ntp >> 32) as i64;
    let era = if seconds < HALF_ERA { ERA } else { 0 };
    let nanoseconds = ((ntp & 0xFFFF_FFFF) * NS as u64).div_ceil(1 << 32) as i64;
    (seconds + era - UNIX_IN_NTP) * NS + nanoseconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nanosecond_comes_back_unchanged() {
        for second in [
            RANGE_NS.0 / NS,
            -1,
            0,
            1,
            1_700_000_000,
            2_085_978_495,
            2_085_978_496,
            RANGE_NS.1 / NS,
        ] {
            for ns in [0, 1, 2, 3, 4, 499_999_999, 999_999_998, 999_999_999] {
                let unix = second * NS + ns;
                assert_eq!(to_ntp(unix).map(from_ntp), Some(unix));
            }
        }
        let mut unix = 1_700_000_000 * NS;
        for _ in 0..100_000 {
            unix += 7_919;
            assert_eq!(to_ntp(unix).map(from_ntp), Some(unix));
        }
    }

    #[test]
    fn times_the_wire_cannot_tell_are_refused() {
        assert!(to_ntp(RANGE_NS.0 - 1).is_none() && to_ntp(RANGE_NS.1 + 1).is_none());
        assert!(to_ntp(i64::MIN).is_none() && to_ntp(i64::MAX).is_none());
    }
}
