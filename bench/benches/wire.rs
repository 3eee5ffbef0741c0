//! Time of the protocol's own work: encode, read and check, a full receive buffer.

use std::hint::black_box;

use bench::samples;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use wire::frames::{Push, PushAck, Send};
use wire::{FRAME_BYTES_MAX, FrameBuffer, Kind, RawFrame, Scratch};

fn encode(criterion: &mut Criterion) {
    let (send, push, ack) = (samples::send(), samples::push(), samples::send_ack());
    let mut out = Vec::with_capacity(FRAME_BYTES_MAX);
    let mut group = criterion.benchmark_group("encode");
    group.bench_function("send 128 B", |bencher| {
        bencher.iter(|| {
            out.clear();
            wire::encode(&mut out, 1, black_box(&send).clone());
        });
    });
    group.bench_function("push 128 B", |bencher| {
        bencher.iter(|| {
            out.clear();
            wire::encode(&mut out, 0, black_box(&push).clone());
        });
    });
    group.bench_function("send ack", |bencher| {
        bencher.iter(|| {
            out.clear();
            wire::encode(&mut out, 1, black_box(&ack).clone());
        });
    });
    group.finish();
}

fn read(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("read");
    let pieces = [
        ("send 128 B", samples::encoded_send()),
        ("push 128 B", samples::encoded_push()),
        ("4 KiB of sends and push acks", samples::piece()),
    ];
    for (name, piece) in pieces {
        group.throughput(Throughput::Bytes(piece.len() as u64));
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut frames = buffer.read(black_box(&piece), FRAME_BYTES_MAX);
                while let Some(frame) = frames.next(&mut scratch) {
                    access(&frame.expect("a valid frame"));
                }
            });
        });
    }
    group.finish();
}

fn access(frame: &RawFrame<'_>) {
    if frame.header.kind == Some(Kind::Send) {
        black_box(frame.access::<Send>().expect("a valid send"));
    } else if frame.header.kind == Some(Kind::Push) {
        black_box(frame.access::<Push>().expect("a valid push"));
    } else {
        black_box(frame.access::<PushAck>().expect("a valid ack"));
    }
}

criterion_group!(benches, encode, read);
criterion_main!(benches);
