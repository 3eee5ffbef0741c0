//! HdrHistogram's interval logs, written while the run goes on: a file for each of the times of a
//! message, a line a second. A reader of the format adds the lines up; those of the warm-up have a
//! tag of their own.

use super::counters::{Phase, Second};
use crate::clock::unix;
use crate::histograms::{Latencies, Latency};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// `sched.hlog`, `e2e.hlog` and so on. Values in ns.
pub struct IntervalLogs {
    files: Vec<(&'static str, BufWriter<File>)>,
    serializer: V2DeflateSerializer,
    /// Since the start of the run.
    at: Duration,
}

impl IntervalLogs {
    /// Makes the files of a run that starts so long from now.
    ///
    /// # Errors
    /// One cannot be made.
    pub fn begin(out: &Path, from_now: Duration) -> io::Result<Self> {
        let mut header = IntervalLogWriterBuilder::new();
        header.add_comment("[Histogram log format version 1.3]");
        header.add_comment("loadgen, values in ns");
        header.with_start_time(UNIX_EPOCH + unix() + from_now);
        let mut new =
            Self { files: Vec::new(), serializer: V2DeflateSerializer::new(), at: Duration::ZERO };
        for (name, _) in Latencies::default().named() {
            let mut file = BufWriter::new(File::create(out.join(format!("{name}.hlog")))?);
            header.begin_log_with(&mut file, &mut new.serializer)?;
            new.files.push((name, file));
        }
        Ok(new)
    }

    /// Adds a second.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&mut self, second: &Second) -> io::Result<()> {
        let length = Duration::from_nanos(second.counts.length_ns);
        let all = second.latencies.named();
        for ((name, file), (_, latency)) in self.files.iter_mut().zip(all) {
            let tag = match second.counts.phase {
                Phase::WarmUp => format!("{name}-{}", second.counts.phase.name()),
                // What was due in the measured time and came later is a part of it, often the
                // worst.
                Phase::Measured | Phase::Settling => (*name).to_owned(),
            };
            interval(file, &mut self.serializer, (latency, &tag), (self.at, length))?;
        }
        self.at += length;
        Ok(())
    }
}

fn interval(
    file: &mut BufWriter<File>,
    serializer: &mut V2DeflateSerializer,
    (latency, tag): (&Latency, &str),
    (at, length): (Duration, Duration),
) -> io::Result<()> {
    let tag = Tag::new(tag).expect("tags are names without commas or spaces");
    // Without a header it adds to what is there.
    let mut writer = IntervalLogWriterBuilder::new().begin_log_with(file, serializer)?;
    let written = writer.write_histogram(&latency.0, at, length, Some(tag));
    written.map_err(|error| io::Error::other(format!("{error:?}")))?;
    // What was measured until a crash is there.
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::SecondCounts;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    /// The histogram's bytes in a line of a log, which are base64.
    fn decoded(text: &str) -> Vec<u8> {
        let six = |byte: u8| -> u32 {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            alphabet.iter().position(|of| *of == byte).map_or(0, |at| u32::try_from(at).unwrap())
        };
        let padding = text.bytes().filter(|byte| *byte == b'=').count();
        let groups = text.as_bytes().chunks(4);
        let word = |group: &[u8]| group.iter().fold(0, |word, byte| word << 6 | six(*byte));
        let mut bytes: Vec<u8> =
            groups.flat_map(|group| word(group).to_be_bytes()[1..].to_vec()).collect();
        bytes.truncate(bytes.len() - padding);
        bytes
    }

    #[test]
    fn a_standard_reader_finds_a_compressed_interval_a_second() {
        let out = tempfile::tempdir().unwrap();
        let mut logs = IntervalLogs::begin(out.path(), Duration::ZERO).unwrap();
        for (phase, length_ns, samples) in [
            (Phase::WarmUp, 1_000_000_000, 3),
            (Phase::Measured, 1_000_000_000, 2),
            (Phase::Settling, 300_000_000, 1),
        ] {
            let counts = SecondCounts { phase, length_ns, ..SecondCounts::default() };
            let mut second = Second { counts, ..Second::default() };
            (0..samples).for_each(|_| second.latencies.e2e.record(5_000_000));
            logs.write(&second).unwrap();
        }
        let log = std::fs::read(out.path().join("e2e.hlog")).unwrap();
        let (mut starts, mut seen) = (0, Vec::new());
        for entry in IntervalLogIterator::new(&log) {
            match entry.unwrap() {
                LogEntry::StartTime(_) => starts += 1,
                LogEntry::Interval(line) => {
                    let bytes = decoded(line.encoded_histogram());
                    assert_eq!(bytes[..4], [0x1c, 0x84, 0x93, 0x14], "V2, compressed");
                    let read: hdrhistogram::Histogram<u64> =
                        Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
                    let tag = line.tag().unwrap().as_str();
                    let (at, length) = (line.start_timestamp(), line.duration());
                    seen.push((tag, at.as_millis(), length.as_millis(), read.len()));
                }
                LogEntry::BaseTime(_) => {}
            }
        }
        let right =
            [("e2e-warm-up", 0, 1_000, 3), ("e2e", 1_000, 1_000, 2), ("e2e", 2_000, 300, 1)];
        assert_eq!((starts, seen.as_slice()), (1, right.as_slice()));
    }
}
