//! Looking over the sealed audit while it is sealed on.

use std::sync::atomic::{AtomicBool, Ordering};

use kith_platform::chain::{self, Trust};
use kith_platform::seal::Key;
use kith_platform::testing::World;

use super::audit::{BLOCKS, Chains, write_down};
use super::common::SERVICE;

/// A look over a chain is one picture of it, so that a block which is sealed during it is no row "in a block that is not
/// there". Red where the isolation level of [`chain::verify_all`] is taken away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_is_one_picture_however_much_is_sealed_meanwhile() {
    let chains = Chains::new().await;
    let mut sealed = 0;
    let between_two_reads = |_, _| {
        if sealed == 0 {
            let seal = async {
                let before = chains.world.seal(&chains.host).await;
                write_down(&chains.world, &chains.host, chains.one, 2, chains.world.person()).await;
                before + chains.world.seal(&chains.host).await
            };
            sealed = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(seal));
        }
    };
    let look = chain::verify_all(chains.host.db(), Some(chains.one), &chains.trust, between_two_reads).await;
    let during = look.expect("looked over").remove(0);
    assert_eq!(sealed, 8, "three that were open in each of two tenants, and two more");
    let blocks = i64::try_from(BLOCKS.len()).expect("few");
    assert_eq!((during.blocks, during.unsealed, &during.faults), (blocks, 3, &Vec::new()), "as it began");
    let look = chain::verify_all(chains.host.db(), Some(chains.one), &chains.trust, |_, _| ()).await;
    let after = look.expect("looked over").remove(0);
    assert_eq!(
        (after.blocks, after.unsealed, after.faults),
        (blocks + 2, 0, Vec::new()),
        "and the next sees all"
    );
}

/// The same with looks and sealing side by side, as they are in a running service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealing_goes_on_during_looks_without_a_false_alarm() {
    const BLOCKS_SEALED: usize = 30;
    let world = World::new();
    let host = world.host(&SERVICE).await;
    let tenant = world.tenant(&host, false).await;
    let keys = vec![Key::of(SERVICE.name, host.config()).expect("a key").public()];
    let trust = Trust { keys, checkpoints: Vec::new() };
    let over = AtomicBool::new(false);
    let sealing = async {
        for _ in 0..BLOCKS_SEALED {
            write_down(&world, &host, tenant, 1, world.person()).await;
            assert_eq!(world.seal(&host).await, 1);
        }
        over.store(true, Ordering::Relaxed);
    };
    let looking = async {
        let (mut looks, mut seen, mut grown, mut faults) = (0, 0, 0, Vec::new());
        while !over.load(Ordering::Relaxed) {
            looks += 1;
            let reports = chain::verify_all(host.db(), Some(tenant), &trust, |_, _| ()).await;
            for report in reports.expect("looked over") {
                grown += usize::from(report.blocks > seen);
                seen = report.blocks;
                faults.extend(report.faults);
            }
        }
        (looks, grown, faults)
    };
    let ((), (looks, grown, faults)) = tokio::join!(sealing, looking);
    println!(
        "looks {looks} while {BLOCKS_SEALED} blocks were sealed, the chain longer in {grown} of them; false alarms {}",
        faults.len()
    );
    assert!(grown > 1, "the chain grew meanwhile");
    assert!(faults.is_empty(), "{faults:#?}");
}
