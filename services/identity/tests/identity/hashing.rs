//! What hashing costs when many sign in at once.

use std::time::Instant;

use kith_proto::identity::v1 as pb;
use tonic::Request;

use kith_proto::identity::v1::sign_in_service_server::SignInService as _;

use crate::stage::{PASSWORD, Stage};

/// Peak and present memory of this process in MiB, as Linux counts it.
fn memory() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let read = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
        let kib: u64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
        kib / 1024
    };
    (read("VmHWM:"), read("VmRSS:"))
}

/// N1: 200 sign-ins at once. Without a bound they would take 200 × 19 MiB.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_sign_ins_at_once_take_little_memory() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    for at in 0..20 {
        stage.joined(&place, &format!("person{at}@clapton.example"), &[]).await;
    }
    // The peak counts from here; where that is not allowed, it only looks larger.
    std::fs::write("/proc/self/clear_refs", "5").ok();
    let (_, before) = memory();
    let started = Instant::now();
    let sign_ins = (0..200).map(|at| {
        let (sign_in, email) = (stage.sign_in.clone(), format!("person{}@clapton.example", at % 20));
        tokio::spawn(async move {
            let began = Instant::now();
            let request = pb::SignInRequest { email, password: PASSWORD.into(), ..Default::default() };
            let answer = sign_in.sign_in(Request::new(request)).await;
            (answer.is_ok(), began.elapsed())
        })
    });
    let done = futures_util::future::join_all(sign_ins.collect::<Vec<_>>()).await;
    let took = started.elapsed();
    let (peak, _) = memory();
    let mut times: Vec<_> = done.into_iter().map(|done| done.expect("no panic")).collect();
    times.sort_by_key(|(_, time)| *time);
    let good = times.iter().filter(|(good, _)| *good).count();
    println!(
        "N1: argon2id m=19456 t=2 p=1, 200 sign-ins at once: {good} signed in, {took:?} in all, {:?} each, p95 {:?}, \
         memory {before} MiB before, {peak} MiB at the peak",
        took / 200,
        times[189].1,
    );
    assert_eq!(good, 200);
    assert!(peak.saturating_sub(before) < 300, "bounded: {before} to {peak} MiB");
}
