//! Numbers as people read and write them.

use std::time::Duration;

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

/// A count or a rate: whole from 10 on.
#[must_use]
pub fn number(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
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

/// A length of time as it is typed: `20s`, `500ms`, `1h30m`.
///
/// # Errors
/// It is none: what would be.
pub fn duration(text: &str) -> Result<Duration, String> {
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() || text.is_empty() {
        let number = rest.trim_start_matches(|c: char| !c.is_alphabetic());
        let digits = &rest[..rest.len() - number.len()];
        rest = number.trim_start_matches(char::is_alphabetic);
        let scale = match &number[..number.len() - rest.len()] {
            "us" | "µs" => 1e-6,
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return Err("give a number and us, ms, s, m or h, such as 20s".into()),
        };
        let value: f64 = digits.parse().map_err(|_| format!("{digits:?} is no number"))?;
        seconds += value * scale;
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// An amount as it is typed: `500`, `20k`, `1.5M`, `1_000`.
///
/// # Errors
/// It is none: what would be.
pub fn amount(text: &str) -> Result<f64, String> {
    let (digits, scale) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |digits| (digits, 1e6)),
    };
    let value = digits.replace('_', "").parse::<f64>().ok().filter(|value| *value >= 0.0);
    let value = value.filter(|value| value.is_finite());
    value
        .map(|value| value * scale)
        .ok_or(format!("{text:?} is no number such as 500, 20k or 1.5M"))
}

/// An amount of whole things.
///
/// # Errors
/// It is none: what would be.
pub fn count(text: &str) -> Result<usize, String> {
    let value = amount(text)?;
    let is_whole = value.fract().abs() < 1e-9 && value < 1e15;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just checked")]
    let whole = value.round() as usize;
    is_whole.then_some(whole).ok_or(format!("{text:?} is no whole number such as 500 or 20k"))
}

/// Two whole numbers as `3..200`, the first not above the second.
///
/// # Errors
/// Anything else.
pub fn sizes(text: &str) -> Result<[usize; 2], String> {
    let ends = text
        .split_once("..")
        .and_then(|(least, most)| Some([least.trim().parse().ok()?, most.trim().parse().ok()?]));
    let fits = |[least, most]: &[usize; 2]| least <= most;
    ends.filter(fits).ok_or_else(|| format!("{text:?} is not MIN..MAX, such as 3..200"))
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

    #[test]
    fn durations_have_a_unit() {
        for (text, ms) in [
            ("20s", 20_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("0.5s", 500),
            ("1000us", 1),
            ("1m30s", 90_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "20", "s", "-1s", "1d", "1e99s", "1h30", "1s "] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_may_be_in_thousands_and_millions() {
        for (text, value) in [("500", 500), ("20k", 20_000), ("1.5M", 1_500_000), ("1_000", 1_000)]
        {
            assert_eq!(count(text), Ok(value), "{text}");
        }
        assert_eq!(amount("0.5"), Ok(0.5));
        for text in ["", "k", "-1", "1e999", "NaN", "inf", "20kk", "0.5", "1.0005k"] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
