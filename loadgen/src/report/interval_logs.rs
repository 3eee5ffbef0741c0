//! HdrHistogram's interval logs, written while the run goes on: a file for each of the times of a message, a line a second.
//! A reader of the format adds the lines up; those of the warm-up and of what came after the end have tags of their own.

use crate::clock::unix;
use crate::histograms::{Latencies, Latency};
use crate::run::{Phase, Second};
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
        let length = Duration::from_nanos(second.length_ns);
        let all = second.latencies.named();
        for ((name, file), (_, latency)) in self.files.iter_mut().zip(all) {
            let tag = match second.phase {
                Phase::Measured => (*name).to_owned(),
                Phase::WarmUp | Phase::Settling => format!("{name}-{}", second.phase.name()),
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
