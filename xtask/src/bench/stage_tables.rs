//! Which stage a symbol belongs to. Only tables, and how a sample is looked up in them.

/// A stage and the symbols that tell it.
pub struct Row {
    pub stage: &'static str,
    pub symbols: &'static [&'static str],
}

/// Kernel: the first row of which any frame of the stack begins with one of the symbols. What was asked for comes
/// before how it was done: a send over loopback runs the receiver's half of TCP in itself.
pub const KERNEL: &[Row] = &[
    Row { stage: "kernel: the log's write", symbols: &["io_write", "iomap_dio", "blk_mq"] },
    Row {
        stage: "kernel: fsync",
        symbols: &["vfs_fsync", "do_fsync", "__x64_sys_fdatasync", "__x64_sys_fsync", "io_fsync"],
    },
    Row {
        stage: "kernel: file write and read",
        symbols: &["vfs_write", "vfs_read", "ksys_write", "ksys_read", "vfs_writev", "ksys_pwrite"],
    },
    Row {
        stage: "kernel: TCP send",
        symbols: &["io_send", "tcp_sendmsg", "__x64_sys_sendto", "__x64_sys_sendmsg"],
    },
    Row {
        stage: "kernel: TCP receive",
        symbols: &["io_recv", "tcp_recvmsg", "__x64_sys_recvfrom", "io_poll", "sock_poll"],
    },
    Row {
        stage: "kernel: accept, close, connect",
        symbols: &["io_accept", "tcp_close", "io_close"],
    },
    Row {
        stage: "kernel: futex (thread hops)",
        symbols: &["futex", "__x64_sys_futex", "do_futex"],
    },
    Row {
        stage: "kernel: eventfd, epoll",
        symbols: &["eventfd", "do_epoll", "ep_poll", "__x64_sys_ppoll", "do_sys_poll"],
    },
    Row {
        stage: "kernel: page faults, mmap",
        symbols: &["exc_page_fault", "asm_exc_page_fault", "do_madvise", "__x64_sys_m"],
    },
    Row {
        stage: "kernel: switching tasks",
        symbols: &["schedule", "__schedule", "finish_task_sw"],
    },
    Row {
        stage: "kernel: io_uring, the rest",
        symbols: &["io_", "__io_", "__do_sys_io_uring", "__x64_sys_io_uring"],
    },
    Row {
        stage: "kernel: interrupts",
        symbols: &["sysvec_", "asm_sysvec_", "irq_", "handle_softirqs"],
    },
];

/// User space: the first row of which the symbol itself contains a word.
pub const USER: &[Row] = &[
    Row {
        stage: "index (fjall)",
        symbols: &["fjall::", "lsm_tree::", "sfa::", "crossbeam_skiplist::", "quick_cache::"],
    },
    Row { stage: "index (checksums)", symbols: &["xxhash", "xxh3"] },
    Row { stage: "shard: log and index", symbols: &["shard::store::"] },
    Row { stage: "shard", symbols: &["shard::"] },
    Row { stage: "wire", symbols: &["wire::", "rkyv::", "bytecheck::", "crc32fast::", "rancor::"] },
    Row { stage: "gateway", symbols: &["gateway::"] },
    Row { stage: "netring", symbols: &["netring::", "io_uring::"] },
    Row { stage: "flume", symbols: &["flume::", "spin::"] },
    Row { stage: "glommio", symbols: &["glommio::", "glommio_", "io_uring_"] },
    Row { stage: "allocator", symbols: &["mi_", "malloc", "mimalloc"] },
    Row { stage: "memory copies", symbols: &["memcpy", "memmove", "memset", "memcmp"] },
];

/// Addresses from here up are the kernel's.
const KERNEL_ADDRESS_MIN: u64 = 0xffff_8000_0000_0000;

/// A frame of a stack: its address and symbol.
pub type Frame<'a> = (u64, &'a str);

/// The stage of a sample, from its stack, innermost frame first.
pub fn stage(stack: &[Frame<'_>]) -> &'static str {
    let kernel: Vec<&str> = stack
        .iter()
        .take_while(|(address, _)| *address >= KERNEL_ADDRESS_MIN)
        .map(|(_, symbol)| *symbol)
        .collect();
    if kernel.is_empty() {
        let symbol = stack.first().map_or("", |(_, symbol)| *symbol);
        return find(USER, |word| symbol.contains(word)).unwrap_or("user, other");
    }
    find(KERNEL, |begin| kernel.iter().any(|symbol| symbol.starts_with(begin)))
        .unwrap_or("kernel: other")
}

fn find(rows: &[Row], is_it: impl Fn(&str) -> bool) -> Option<&'static str> {
    rows.iter().find(|row| row.symbols.iter().any(|symbol| is_it(symbol))).map(|row| row.stage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_over_loopback_is_a_send_though_it_receives() {
        let kernel = KERNEL_ADDRESS_MIN;
        let stack = [
            (kernel + 1, "tcp_v4_rcv"),
            (kernel + 2, "tcp_sendmsg_locked"),
            (kernel + 3, "io_uring_enter"),
            (0x5000, "wire::encode"),
        ];
        assert_eq!(stage(&stack), "kernel: TCP send");
        assert_eq!(stage(&stack[2..]), "kernel: io_uring, the rest");
        assert_eq!(stage(&stack[3..]), "wire");
        assert_eq!(stage(&[(kernel, "anything")]), "kernel: other");
        assert_eq!(stage(&[(0x5000, "main")]), "user, other");
        assert_eq!(stage(&[]), "user, other");
    }

    #[test]
    fn a_generic_function_belongs_to_what_it_works_on() {
        let symbol = "core::ptr::drop_in_place<shard::command::Command>";
        assert_eq!(stage(&[(1, symbol)]), "shard");
        assert_eq!(stage(&[(1, "__memmove_avx_unaligned_erms")]), "memory copies");
    }
}
