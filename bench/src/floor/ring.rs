//! One io_uring: accepts, receives into buffers that the kernel picks, sends one buffer a connection at a time. It
//! does not know what the bytes mean.
#![allow(unsafe_code, reason = "submission entries and the buffer ring are raw memory")]

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::io;
use std::mem;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context, Result, bail};
use io_uring::types::{BufRingEntry, Fd, Fixed};
use io_uring::{IoUring, cqueue, opcode, squeue};

use super::limits::{
    BACKLOG, COMPLETIONS, CONNECTIONS_MAX, QUEUE_DEPTH, RECV_BUFFER_BYTES, RECV_BUFFERS,
};
use super::users::Slot;

/// The one group of receive buffers.
const GROUP: u16 = 0;

/// What an operation's `user_data` says above its slot.
const ACCEPT: u64 = 0 << 32;
const RECV: u64 = 1 << 32;
const SEND: u64 = 2 << 32;
const OTHER: u64 = 3 << 32;

/// What happened.
pub enum Event {
    /// A connection is there and is being received.
    Accepted(Slot),
    /// Bytes came. The chunk must be given back.
    Received(Slot, Chunk),
    /// The peer sends no more, or the connection broke. Close it once no send is in flight.
    Ended(Slot),
    /// A send ended; its buffer, emptied, comes back. False: the connection broke.
    Sent(Slot, Vec<u8>, bool),
}

/// Bytes that came, in a buffer of the ring.
pub struct Chunk {
    buffer: u16,
    length: usize,
}

/// The ring and all memory that the kernel may write to. It is never freed.
pub struct Ring {
    uring: IoUring,
    listener: TcpListener,
    entries: *mut BufRingEntry,
    buffers: *mut u8,
    /// Where the next free buffer is put.
    tail: u16,
    /// What is being sent, by slot; empty: nothing.
    sending: Vec<Vec<u8>>,
    /// Receives to start again.
    starved: Vec<Slot>,
}

impl Ring {
    /// Starts to accept. The ring lives as long as the process, so the kernel never writes to freed memory.
    pub fn leak(listener: TcpListener) -> Result<&'static mut Self> {
        prepare(listener.as_raw_fd()).context("could not prepare the listener")?;
        let uring = IoUring::builder()
            .setup_cqsize(COMPLETIONS)
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(QUEUE_DEPTH)
            .context("could not set up io_uring: it needs Linux 6.1 and must not be forbidden")?;
        let table = uring.submitter().register_files_sparse(CONNECTIONS_MAX);
        table.context("could not register the file table: raise the descriptor limit to 8192")?;
        let entries = zeroed_pages(usize::from(RECV_BUFFERS) * size_of::<BufRingEntry>());
        let buffers = zeroed_pages(usize::from(RECV_BUFFERS) * RECV_BUFFER_BYTES);
        // SAFETY: the entries are page aligned, as many as said, and never freed.
        unsafe {
            uring.submitter().register_buf_ring_with_flags(entries as u64, RECV_BUFFERS, GROUP, 0)
        }
        .context("could not register the receive buffers")?;
        let ring = Box::leak(Box::new(Self {
            uring,
            listener,
            entries: entries.cast(),
            buffers,
            tail: 0,
            sending: vec![Vec::new(); CONNECTIONS_MAX as usize],
            starved: Vec::new(),
        }));
        for buffer in 0..RECV_BUFFERS {
            ring.give_back(Chunk { buffer, length: 0 });
        }
        ring.accept();
        Ok(ring)
    }

    /// Starts what is queued, waits until something has happened, and adds all that has.
    pub fn wait(&mut self, events: &mut Vec<Event>) -> Result<()> {
        for slot in mem::take(&mut self.starved) {
            self.receive(slot);
        }
        enter(self.uring.submit_and_wait(1))?;
        loop {
            let Some(entry) = self.uring.completion().next() else { return Ok(()) };
            self.on_completion(&entry, events)?;
        }
    }

    fn on_completion(&mut self, entry: &cqueue::Entry, events: &mut Vec<Event>) -> Result<()> {
        let (operation, slot) = (entry.user_data() & !0xffff_ffff, slot_of(entry.user_data()));
        let (result, more) = (entry.result(), cqueue::more(entry.flags()));
        match operation {
            ACCEPT => {
                let Ok(slot) = u32::try_from(result) else {
                    let error = io::Error::from_raw_os_error(-result);
                    bail!("could not accept (at most {CONNECTIONS_MAX} connections): {error}");
                };
                self.receive(slot);
                events.push(Event::Accepted(slot));
                if !more {
                    self.accept();
                }
            }
            RECV => {
                let chunk = cqueue::buffer_select(entry.flags())
                    .map(|buffer| Chunk { buffer, length: usize::try_from(result).unwrap_or(0) });
                match (chunk, result) {
                    (Some(chunk), 1..) => {
                        events.push(Event::Received(slot, chunk));
                        if !more {
                            self.starved.push(slot);
                        }
                    }
                    (_, n) if n == -libc::ENOBUFS => self.starved.push(slot),
                    (chunk, _) => {
                        chunk.into_iter().for_each(|chunk| self.give_back(chunk));
                        events.push(Event::Ended(slot));
                    }
                }
            }
            SEND => {
                let mut buffer = mem::take(&mut self.sending[slot as usize]);
                let whole = usize::try_from(result).is_ok_and(|sent| sent == buffer.len());
                buffer.clear();
                events.push(Event::Sent(slot, buffer, whole));
            }
            _ => {}
        }
        Ok(())
    }

    /// The bytes of a chunk, aligned to a page.
    pub fn bytes(&self, chunk: &Chunk) -> &[u8] {
        let offset = usize::from(chunk.buffer) * RECV_BUFFER_BYTES;
        // SAFETY: the kernel put `length` bytes into this buffer, which lies within the pages that `leak` made, and
        // does not touch it before it is given back; a chunk is made once a completion and given back by value.
        unsafe { std::slice::from_raw_parts(self.buffers.add(offset), chunk.length) }
    }

    /// Lets the kernel use the buffer again.
    pub fn give_back(&mut self, chunk: Chunk) {
        let offset = usize::from(chunk.buffer) * RECV_BUFFER_BYTES;
        // SAFETY: the masked index and the offset lie within the pages that `leak` made; the kernel does not read
        // an entry beyond the published tail.
        let (entry, address) = unsafe {
            let index = usize::from(self.tail & (RECV_BUFFERS - 1));
            (&mut *self.entries.add(index), self.buffers.add(offset))
        };
        entry.set_addr(address as u64);
        entry.set_len(u32::try_from(RECV_BUFFER_BYTES).expect("a page"));
        entry.set_bid(chunk.buffer);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: this points at the ring's own tail, aligned, in the pages that `leak` made; the kernel reads it.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.entries).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    /// Sends all of a buffer. One at a time a connection.
    pub fn send(&mut self, slot: Slot, buffer: Vec<u8>) {
        let length = u32::try_from(buffer.len()).expect("bounded by OUT_BYTES_MAX");
        let sending = &mut self.sending[slot as usize];
        assert!(sending.is_empty() && length > 0, "one send at a time");
        *sending = buffer;
        let flags = libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
        let send = opcode::Send::new(Fixed(slot), sending.as_ptr(), length).flags(flags);
        self.push(&send.build().user_data(SEND | u64::from(slot)));
    }

    /// Cuts a connection off: its receive ends.
    pub fn shutdown(&mut self, slot: Slot) {
        let shutdown = opcode::Shutdown::new(Fixed(slot), libc::SHUT_RDWR);
        self.push(&shutdown.build().user_data(OTHER));
    }

    /// Frees the slot. Nothing may be in flight on it.
    pub fn close(&mut self, slot: Slot) {
        assert!(self.sending[slot as usize].is_empty(), "the kernel still reads");
        self.push(&opcode::Close::new(Fixed(slot)).build().user_data(OTHER));
    }

    fn accept(&mut self) {
        let accept = opcode::AcceptMulti::new(Fd(self.listener.as_raw_fd()));
        self.push(&accept.allocate_file_index(true).build().user_data(ACCEPT));
    }

    fn receive(&mut self, slot: Slot) {
        let receive = opcode::RecvMulti::new(Fixed(slot), GROUP);
        self.push(&receive.build().user_data(RECV | u64::from(slot)));
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: what an entry points to is never freed (`leak`), except a buffer in `sending`, which stays
        // until its completion took it out.
        while unsafe { self.uring.submission().push(entry) }.is_err() {
            // Full: the kernel takes all of it. An error here shows again in `wait`.
            let _ = self.uring.submit();
        }
    }
}

fn slot_of(user_data: u64) -> Slot {
    u32::try_from(user_data & 0xffff_ffff).expect("masked")
}

/// Interrupted, or completions must be read first: neither is a failure.
fn enter(outcome: io::Result<usize>) -> Result<()> {
    match outcome {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::EBUSY)) => {
            Err(error).context("could not enter the ring")
        }
        _ => Ok(()),
    }
}

/// A longer backlog, and no delay of small segments; accepted connections inherit it.
fn prepare(listener: RawFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    let length = libc::socklen_t::try_from(size_of_val(&on)).expect("four bytes");
    // SAFETY: the descriptor is open, and the option is an int that lives through the call.
    let failed = unsafe {
        libc::setsockopt(
            listener,
            libc::IPPROTO_TCP,
            libc::TCP_NODELAY,
            (&raw const on).cast(),
            length,
        ) != 0
            || libc::listen(listener, BACKLOG) != 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Memory aligned to a page, never freed.
fn zeroed_pages(bytes: usize) -> *mut u8 {
    let layout = Layout::from_size_align(bytes, 4096).expect("a power of two");
    assert!(bytes > 0);
    // SAFETY: the layout's size is not zero.
    let pages = unsafe { alloc_zeroed(layout) };
    if pages.is_null() { handle_alloc_error(layout) } else { pages }
}
