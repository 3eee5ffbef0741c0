//! What a gateway says of itself, and what the kernel says of it.

use std::fs;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One look at a gateway's metrics.
pub struct Metrics(String);

impl Metrics {
    /// Asks the admin address.
    pub async fn of(admin: &str) -> Result<Self> {
        let mut stream = TcpStream::connect(admin).await.context("could not ask for metrics")?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await?;
        let mut page = String::new();
        stream.read_to_string(&mut page).await?;
        Ok(Self(page))
    }

    /// Connections closed for a reason.
    pub fn closed_for(&self, reason: &str) -> Result<u64> {
        self.sum(&format!("longline_closes_total{{reason=\"{reason}\"}}"))
    }

    /// The sum of all samples whose name and labels begin so.
    pub fn sum(&self, name: &str) -> Result<u64> {
        let samples = self.0.lines().filter_map(|line| line.strip_prefix(name));
        let values = samples.map(|rest| rest.split(' ').next_back().and_then(|n| n.parse().ok()));
        let values: Option<Vec<u64>> = values.collect();
        match values {
            Some(values) if !values.is_empty() => Ok(values.iter().sum()),
            _ => bail!("no metric {name}, or no number"),
        }
    }
}

/// Memory of a process that is its own, in bytes.
pub fn own_memory(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("could not read {path}"))?;
    let own = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = own.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    Ok(kib.with_context(|| format!("{path} has no RssAnon"))? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_added_and_a_missing_one_is_no_zero() {
        let page = "longline_x{core=\"0\"} 3\nlongline_x{core=\"1\"} 4\nlongline_xy 9\n\
                    longline_closes_total{reason=\"full\"} 2\n";
        let metrics = Metrics(page.to_owned());
        assert_eq!(metrics.sum("longline_x{").unwrap(), 7);
        assert_eq!(metrics.closed_for("full").unwrap(), 2);
        assert!(metrics.closed_for("peer").is_err());
    }

    #[test]
    fn a_process_has_memory_of_its_own() {
        assert!(own_memory(std::process::id()).unwrap() > 4_096);
    }
}
