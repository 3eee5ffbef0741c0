//! Cores run on the CPUs that the process may use and on no other, each on one of its own if there are just as many. How: a
//! thread with an affinity of its own starts them, which they inherit; the last CPU, so that it is not the first.

use crate::{anywhere, plan, serve_seeing};
use rustix::thread::{CpuSet, sched_setaffinity};
use service::environment::cpus;
use std::thread;

/// Where so many cores may run, each, when the process may use these CPUs.
fn check(count: u16, given: &[usize], each: &[Vec<usize>]) {
    let given = given.to_vec();
    let started = thread::spawn(move || {
        let mut set = CpuSet::new();
        given.iter().for_each(|cpu| set.set(*cpu));
        sched_setaffinity(None, &set).unwrap();
        let plan = plan(count, anywhere());
        let (seen, all) = flume::bounded(count.into());
        let see = move || seen.send(cpus()).unwrap();
        serve_seeing(&plan, see, |_| plan.shutdown.stop()).unwrap();
        all.drain().collect::<Vec<_>>()
    });
    let mut found = started.join().unwrap();
    found.sort();
    assert_eq!(found, each);
}

#[test]
fn one_core_on_one_cpu_has_it() {
    let last = *cpus().last().unwrap();
    check(1, &[last], &[vec![last]]);
}

#[test]
fn as_many_cores_as_cpus_have_one_each() {
    let all = cpus();
    let each: Vec<_> = all.iter().map(|cpu| vec![*cpu]).collect();
    check(u16::try_from(all.len()).unwrap(), &all, &each);
}

#[test]
fn fewer_or_more_cores_than_cpus_share_them() {
    let all = cpus();
    let last = vec![*all.last().unwrap()];
    check(2, &last, &[last.clone(), last.clone()]);
    if all.len() > 1 {
        check(1, &all, std::slice::from_ref(&all));
    }
}
