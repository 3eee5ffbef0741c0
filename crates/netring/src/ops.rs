//! The operations a net ring uses, one function each. They know the kernel's arguments and not the
//! reason they are called.
#![allow(unsafe_code, reason = "submission entries point to memory")]

use std::os::fd::RawFd;

use io_uring::opcode;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{CancelBuilder, DestinationSlot, Fd, Fixed, Timespec};

use crate::address::SocketAddress;
use crate::buffers::GROUP;
use crate::id::Token;
use crate::uring::Uring;

/// The value of every switch set on a socket.
static ON: libc::c_int = 1;

impl Uring {
    /// For entries that point to nothing, or to statics.
    fn push_plain(&mut self, entry: Entry, token: Token) {
        // SAFETY: the functions below pass entries whose only pointers are to statics.
        unsafe { self.push(&[entry.user_data(token.bits())]) };
    }

    pub(crate) fn accept_many(&mut self, listener: RawFd, token: Token) {
        let entry = opcode::AcceptMulti::new(Fd(listener)).allocate_file_index(true).build();
        self.push_plain(entry, token);
    }

    pub(crate) fn accept_one(&mut self, listener: RawFd, token: Token) {
        let (address, len) = (std::ptr::null_mut(), std::ptr::null_mut());
        let entry = opcode::Accept::new(Fd(listener), address, len)
            .file_index(Some(DestinationSlot::auto_target()))
            .build();
        self.push_plain(entry, token);
    }

    /// Completes each time the descriptor becomes readable.
    pub(crate) fn poll_many(&mut self, fd: RawFd, token: Token) {
        self.push_plain(opcode::PollAdd::new(Fd(fd), POLL_IN).multi(true).build(), token);
    }

    /// Completes once, when the descriptor is readable.
    pub(crate) fn poll_one(&mut self, fd: RawFd, token: Token) {
        self.push_plain(opcode::PollAdd::new(Fd(fd), POLL_IN).build(), token);
    }

    pub(crate) fn recv_many(&mut self, file: u32, token: Token) {
        self.push_plain(opcode::RecvMulti::new(Fixed(file), GROUP).build(), token);
    }

    pub(crate) fn timer(&mut self, after: &'static Timespec, token: Token) {
        self.push_plain(opcode::Timeout::new(after).build(), token);
    }

    pub(crate) fn timer_cancel(&mut self, target: Token, token: Token) {
        self.push_plain(opcode::TimeoutRemove::new(target.bits()).build(), token);
    }

    pub(crate) fn cancel(&mut self, target: Token, token: Token) {
        self.push_plain(opcode::AsyncCancel::new(target.bits()).build(), token);
    }

    /// Calls back every operation with that token.
    pub(crate) fn cancel_every(&mut self, target: Token, token: Token) {
        let target = CancelBuilder::user_data(target.bits()).all();
        self.push_plain(opcode::AsyncCancel2::new(target).build(), token);
    }

    pub(crate) fn close(&mut self, file: u32, token: Token) {
        self.push_plain(opcode::Close::new(Fixed(file)).build(), token);
    }

    pub(crate) fn socket(&mut self, domain: libc::c_int, token: Token) {
        let entry = opcode::Socket::new(domain, libc::SOCK_STREAM, 0)
            .file_index(Some(DestinationSlot::auto_target()))
            .build();
        self.push_plain(entry, token);
    }

    /// # Safety
    /// The bytes stay where they are and unchanged until the send completes.
    pub(crate) unsafe fn send(&mut self, file: u32, bytes: &[u8], token: Token) {
        let len = u32::try_from(bytes.len()).expect("bounded by SEND_SIZE_MAX");
        let entry = opcode::Send::new(Fixed(file), bytes.as_ptr(), len)
            .flags(libc::MSG_NOSIGNAL)
            .build()
            .user_data(token.bits());
        // SAFETY: this function's contract.
        unsafe { self.push(&[entry]) };
    }

    /// # Safety
    /// The bytes stay where they are and unchanged until the write completes.
    pub(crate) unsafe fn write(&mut self, file: RawFd, bytes: &[u8], offset: u64, token: Token) {
        let len = u32::try_from(bytes.len()).expect("bounded by FILE_WRITE_SIZE_MAX");
        let entry = opcode::Write::new(Fd(file), bytes.as_ptr(), len)
            .offset(offset)
            .build()
            .user_data(token.bits());
        // SAFETY: this function's contract.
        unsafe { self.push(&[entry]) };
    }

    /// Sets the socket up and connects it, as linked operations with one completion: that of the
    /// connect, or of the first that failed.
    ///
    /// # Safety
    /// The addresses stay where they are until that completion.
    pub(crate) unsafe fn dial(
        &mut self,
        file: u32,
        to: &SocketAddress,
        from: Option<&SocketAddress>,
        token: Token,
    ) {
        let mut chain = vec![set_on(file, libc::IPPROTO_TCP, libc::TCP_NODELAY)];
        if let Some(from) = from {
            chain.push(set_on(file, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT));
            chain.push(opcode::Bind::new(Fixed(file), from.as_ptr(), from.len()).build());
        }
        // A failing entry posts its completion and takes the silent rest of the chain with it.
        let silent = Flags::IO_LINK | Flags::SKIP_SUCCESS;
        for entry in &mut chain {
            *entry = entry.clone().flags(silent);
        }
        chain.push(opcode::Connect::new(Fixed(file), to.as_ptr(), to.len()).build());
        for entry in &mut chain {
            entry.set_user_data(token.bits());
        }
        // SAFETY: the options point to a static, the addresses are this function's contract.
        unsafe { self.push(&chain) };
    }
}

const POLL_IN: u32 = libc::POLLIN as u32;

fn set_on(file: u32, level: libc::c_int, option: libc::c_int) -> Entry {
    let value = (&raw const ON).cast::<libc::c_void>();
    let size = u32::try_from(size_of_val(&ON)).expect("four bytes");
    opcode::SetSockOpt::new(Fixed(file), level as u32, option as u32, value, size).build()
}
