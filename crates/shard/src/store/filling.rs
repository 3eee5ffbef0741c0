//! Fills the index with sorted rows, by fjall's ingestion: those of a keyspace become a table at once, without a memtable or a
//! journal. Blocks, a slice at a time; knows neither records nor threads.
//!
//! The rows of a keyspace count all together once it is filled, durably, and replace those with the same keys. Until then they
//! are a file that nothing knows of: if the process dies, fjall takes it away at the next start. Keyspaces are filled one
//! after the other, that of users last: whoever looks into the index alone finds there what a user's row tells of.

use std::fs::{self, File};
use std::io;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use fjall::Slice;

use super::held::{Held, Place, Sorted};
use super::limits::{FILLING_SLICE_BYTES, FILLING_SYNC_BYTES, FILLING_WAIT};
use super::log::Item;
use super::tables::{MARK, Marked, ROW_KEYSPACES, WriteError};

/// Who has the rows.
pub trait Rows {
    /// Them.
    fn held(&self) -> &Held;
    /// A slice is over. Whether to go on.
    fn pause(&mut self) -> bool;
    /// For a moment there is nothing to do: the disk is waited for.
    fn wait(&mut self);
}

impl Rows for Held {
    fn held(&self) -> &Held {
        self
    }

    fn pause(&mut self) -> bool {
        true
    }

    fn wait(&mut self) {
        thread::park_timeout(FILLING_WAIT);
    }
}

/// Fills each keyspace of rows, in their order. Whether all were filled.
pub fn fill(
    keyspaces: &[Marked; ROW_KEYSPACES],
    sorted: &Sorted,
    rows: &mut impl Rows,
) -> Result<bool, WriteError> {
    for (number, keyspace) in keyspaces.iter().enumerate() {
        if !fill_one(keyspace, sorted.keyspace(number), rows)? || !rows.pause() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fill_one(
    (keyspace, mark): &Marked,
    places: &[Place],
    rows: &mut impl Rows,
) -> Result<bool, WriteError> {
    let folder = keyspace.path().join("tables");
    let newest = tables(&folder)?.into_iter().max();
    let mut ingestion = keyspace.start_ingestion()?;
    let (mut value, mut slice_bytes, mut unsynced_bytes) = (Vec::new(), 0, 0);
    for place in places {
        let item = rows.held().item(*place);
        let Item { key, head, content, .. } = item;
        value.clear();
        value.extend_from_slice(head);
        value.extend_from_slice(content);
        if item.is_removal() {
            ingestion.write_tombstone(Slice::from(key))?;
        } else {
            ingestion.write(Slice::from(key), Slice::from(value.as_slice()))?;
        }
        let bytes = key.len() + value.len();
        unsynced_bytes += bytes;
        if unsynced_bytes >= FILLING_SYNC_BYTES {
            unsynced_bytes = 0;
            aside(rows, || sync_behind(&folder, newest))?;
        }
        slice_bytes += bytes;
        if slice_bytes >= FILLING_SLICE_BYTES {
            slice_bytes = 0;
            if !rows.pause() {
                return Ok(false);
            }
        }
    }
    ingestion.write(MARK, mark.as_slice())?;
    aside(rows, || sync_behind(&folder, newest))?;
    ingestion.finish()?;
    Ok(true)
}

/// Syncs files on a thread of its own: a read must not wait for so long. Little is left for the end of the filling.
fn aside(rows: &mut impl Rows, sync: impl FnOnce() -> io::Result<()> + Send) -> io::Result<()> {
    thread::scope(|scope| {
        let done = scope.spawn(sync);
        while !done.is_finished() {
            rows.wait();
        }
        done.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Syncs what was written so far of the tables behind that one: the log's own writes would have to wait behind one large sync
/// at the end.
fn sync_behind(folder: &Path, newest: Option<u64>) -> io::Result<()> {
    for number in tables(folder)?.into_iter().filter(|number| Some(*number) > newest) {
        match File::open(folder.join(number.to_string())) {
            // One that was merged meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            file => file?.sync_data()?,
        }
    }
    Ok(())
}

/// The numbers of the tables in a folder.
fn tables(folder: &Path) -> io::Result<Vec<u64>> {
    let names = fs::read_dir(folder)?.map(|entry| entry.map(|it| it.file_name()));
    let names = names.collect::<io::Result<Vec<_>>>()?;
    Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
}
