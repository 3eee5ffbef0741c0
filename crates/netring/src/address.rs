//! Socket addresses in the kernel's form, and the listener's plain socket. Nothing here knows the
//! ring.
#![allow(unsafe_code, reason = "the kernel's socket address is a union by convention")]
#![allow(clippy::cast_possible_truncation, reason = "address families and sizes of a few bytes")]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::error::Error;

/// A `sockaddr_in` or `sockaddr_in6`.
pub(crate) enum SocketAddress {
    V4(libc::sockaddr_in),
    V6(libc::sockaddr_in6),
}

impl SocketAddress {
    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        match self {
            SocketAddress::V4(address) => std::ptr::from_ref(address).cast(),
            SocketAddress::V6(address) => std::ptr::from_ref(address).cast(),
        }
    }

    pub(crate) fn len(&self) -> libc::socklen_t {
        let size = match self {
            SocketAddress::V4(address) => size_of_val(address),
            SocketAddress::V6(address) => size_of_val(address),
        };
        size as libc::socklen_t
    }

    pub(crate) fn domain(&self) -> libc::c_int {
        match self {
            SocketAddress::V4(_) => libc::AF_INET,
            SocketAddress::V6(_) => libc::AF_INET6,
        }
    }
}

impl From<SocketAddr> for SocketAddress {
    fn from(address: SocketAddr) -> Self {
        match address {
            SocketAddr::V4(v4) => SocketAddress::V4(libc::sockaddr_in {
                sin_family: libc::AF_INET as libc::sa_family_t,
                sin_port: v4.port().to_be(),
                sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(v4.ip().octets()) },
                sin_zero: [0; 8],
            }),
            SocketAddr::V6(v6) => SocketAddress::V6(libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as libc::sa_family_t,
                sin6_port: v6.port().to_be(),
                sin6_flowinfo: v6.flowinfo(),
                sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
                sin6_scope_id: v6.scope_id(),
            }),
        }
    }
}

/// Where a connection is being made to, kept until the kernel is done with it.
pub(crate) struct Dial {
    pub to: SocketAddress,
    pub from: Option<SocketAddress>,
}

/// Who may listen on an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Share {
    /// The first: nobody else yet, in no process.
    First,
    /// One that comes beside the first.
    Beside,
}

/// A listening socket whose port others may share with [`Share::Beside`]. What it accepts inherits
/// `TCP_NODELAY`.
pub(crate) fn listen(
    addr: SocketAddr,
    backlog: i32,
    share: Share,
) -> Result<(OwnedFd, SocketAddr), Error> {
    let fail = |action| {
        move |source: io::Error| {
            if source.kind() == io::ErrorKind::AddrInUse {
                Error::InUse { addr }
            } else {
                Error::Listen { addr, action, source }
            }
        }
    };
    let address = SocketAddress::from(addr);
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: no pointer is passed.
    let fd = check(unsafe { libc::socket(address.domain(), kind, 0) }).map_err(fail("socket"))?;
    // SAFETY: a descriptor this function just made and nobody else owns.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let reuse_port = || switch(&fd, libc::SOL_SOCKET, libc::SO_REUSEPORT);
    switch(&fd, libc::SOL_SOCKET, libc::SO_REUSEADDR).map_err(fail("SO_REUSEADDR"))?;
    switch(&fd, libc::IPPROTO_TCP, libc::TCP_NODELAY).map_err(fail("TCP_NODELAY"))?;
    if share == Share::Beside {
        reuse_port().map_err(fail("SO_REUSEPORT"))?;
    }
    // SAFETY: the address is valid for its own length and outlives the call.
    check(unsafe { libc::bind(fd.as_raw_fd(), address.as_ptr(), address.len()) })
        .map_err(fail("bind"))?;
    // SAFETY: no pointer is passed.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).map_err(fail("listen"))?;
    if share == Share::First {
        // Only now: without it the kernel refused to listen beside anybody, also to one of two that
        // were bound at the same time.
        reuse_port().map_err(fail("SO_REUSEPORT"))?;
    }
    let listener = std::net::TcpListener::from(fd);
    let bound = listener.local_addr().map_err(fail("getsockname"))?;
    Ok((listener.into(), bound))
}

/// Gives each connection to one of `sharers` sockets that share the listener's address, by chance. The kernel's own
/// choice adds the client's port to a hash (seen on Linux 6.18), so it gives all connections of one client host, which
/// come from ports in a row, to one socket.
pub(crate) fn spread(listener: RawFd, sharers: u32) -> io::Result<()> {
    /// Where a classic filter finds a random number: `SKF_AD_OFF + SKF_AD_RANDOM`.
    const RANDOM: u32 = (-0x1000_i32 + 56) as u32;
    let step = |code: u32, k| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut steps = [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, RANDOM),
        step(libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K, sharers),
        step(libc::BPF_RET | libc::BPF_A, 0),
    ];
    let program = libc::sock_fprog { len: 3, filter: steps.as_mut_ptr() };
    let (value, size) = ((&raw const program).cast(), size_of_val(&program) as libc::socklen_t);
    let option = libc::SO_ATTACH_REUSEPORT_CBPF;
    // SAFETY: `value` points to `size` bytes, and they to three steps; all outlive the call, which copies them.
    check(unsafe { libc::setsockopt(listener, libc::SOL_SOCKET, option, value, size) }).map(drop)
}

fn switch(fd: &OwnedFd, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let (value, size) = ((&raw const on).cast(), size_of_val(&on) as libc::socklen_t);
    // SAFETY: `value` points to `size` bytes that outlive the call.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, value, size) }).map(drop)
}

fn check(code: libc::c_int) -> io::Result<libc::c_int> {
    if code < 0 { Err(io::Error::last_os_error()) } else { Ok(code) }
}
