//! Numbers as people read them.

/// A time in ns; `None` is a percentile that too few samples lie beyond.
#[must_use]
pub fn latency(ns: Option<u64>) -> String {
    ns.map_or_else(|| "n too small".into(), time)
}

/// A time in ns with three digits.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn time(ns: u64) -> String {
    let (value, unit) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (ns as f64 / 1e3, "us"),
        1_000_000..1_000_000_000 => (ns as f64 / 1e6, "ms"),
        1_000_000_000.. => (ns as f64 / 1e9, "s"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

/// Bytes.
#[must_use]
pub fn bytes(bytes: f64) -> String {
    match bytes {
        b if b < 10_240.0 => format!("{b:.0} B"),
        b if b < 10_485_760.0 => format!("{:.1} KiB", b / 1_024.0),
        b => format!("{:.1} MiB", b / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        for (ns, text) in
            [(7, "7 ns"), (1_234, "1.23 us"), (45_678_000, "45.7 ms"), (60_000_000_000, "60.0 s")]
        {
            assert_eq!(time(ns), text);
        }
        assert_eq!((bytes(512.4), bytes(20_480.0)), ("512 B".into(), "20.0 KiB".into()));
    }
}
