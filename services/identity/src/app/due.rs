//! What becomes due by the calendar and is done by nobody's call: erasures whose retention has ended go on, roles end on
//! their day. Any number of replicas may: rows are locked, and who comes second finds nothing left to do.

use std::time::Duration;

use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::Result;

use super::{Desk, person, rights};
use crate::store;

/// How often it is looked. Days are what is counted here.
const PAUSE: Duration = Duration::from_mins(5);

/// What one look has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Erasures that were carried on.
    pub erasures: usize,
    /// People whose roles ended.
    pub roles: usize,
}

/// Looks now and then beside the calls, until the service stops.
pub fn look_after(desk: &Desk) {
    let beside = Desk::new(desk.host.clone());
    let soft = desk.host.life().soft.clone();
    desk.host.life().guard("due", async move {
        while !soft.is_cancelled() {
            match once(&beside).await {
                Ok(done) if done != Done::default() => {
                    tracing::info!(
                        due.erasures = done.erasures,
                        due.roles = done.roles,
                        "what was due is done"
                    );
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(error.kind = %error, "what is due was not done and will be"),
            }
            tokio::select! {
                () = soft.cancelled() => {}
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        beside.close().await;
    });
}

/// Does what is due in every tenant that accepts changes. One that fails keeps no other waiting.
pub async fn once(desk: &Desk) -> Result<Done> {
    let mut done = Done::default();
    let mut failed = None;
    for tenant in store::registry::open_tenants(&desk.global).await? {
        let actor = Actor::Service { tenant };
        let resume = async |tx: &mut Tx| rights::resume_erasures(tx).await;
        match desk.host.within(tenant, actor, Mode::Write, resume).await {
            Ok((erasures, _)) => done.erasures += erasures,
            Err(error) => failed = Some(error),
        }
        let end = async |tx: &mut Tx| person::end_roles(tx).await;
        match desk.host.within(tenant, actor, Mode::Write, end).await {
            Ok((roles, _)) => done.roles += roles,
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(done), Err)
}
