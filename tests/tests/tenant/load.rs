//! Clients that write without end, each repeating what was refused for now under the same request id.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kith_platform::id::Uuid;
use kith_platform::testing::reason;
use kith_proto::governance::v1::CreateCircleRequest;
use kith_proto::governance::v1::circles_service_client::CirclesServiceClient;
use kith_proto::identity::v1::InvitePersonRequest;
use kith_proto::identity::v1::people_service_client::PeopleServiceClient;
use kith_proto::teams::v1::StartTeamRequest;
use kith_proto::teams::v1::teams_service_client::TeamsServiceClient;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::host::{LOOK_AGAIN, Member, new_id};

/// How long the load may take to come to what is waited for.
const PATIENCE: Duration = Duration::from_mins(1);

/// What came of it.
#[derive(Debug, Default)]
pub struct Figures {
    /// Ids of what was made.
    pub acknowledged: Vec<Uuid>,
    /// Refusals that may be repeated, for the freeze.
    pub frozen: usize,
    /// Every other refusal.
    pub otherwise: Vec<(Code, String)>,
}

/// What the clients share.
#[derive(Debug, Default)]
struct Shared {
    acknowledged: AtomicUsize,
    stopping: AtomicBool,
    /// By client: refusals since the last success.
    refused: Vec<AtomicUsize>,
    figures: Mutex<Figures>,
}

/// Clients under way.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

impl Load {
    /// That many clients of one member: in turn they invite people, found Circles and start Teams.
    pub fn of(member: &Member, clients: usize) -> Self {
        let refused = (0..clients).map(|_| AtomicUsize::default()).collect();
        let shared = Arc::new(Shared { refused, ..Shared::default() });
        let mut running = JoinSet::new();
        for client in 0..clients {
            let (shared, member) = (shared.clone(), member.clone());
            running.spawn(async move { run(&shared, client, &member).await });
        }
        Self { shared, clients: running }
    }

    /// Calls that were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    pub async fn until_acknowledged(&self, calls: usize) {
        self.until("too few calls are acknowledged", |shared| {
            shared.acknowledged.load(Ordering::SeqCst) >= calls
        })
        .await;
    }

    /// Until each client has been refused so often from now on.
    pub async fn until_refused_each(&self, times: usize) {
        let count = |shared: &Shared| -> Vec<usize> {
            shared.refused.iter().map(|refused| refused.load(Ordering::SeqCst)).collect()
        };
        let before = count(&self.shared);
        self.until("a client is not refused any more", |shared| {
            count(shared).iter().zip(&before).all(|(now, before)| *now >= before + times)
        })
        .await;
    }

    /// Until no client waits with a call that was refused.
    pub async fn until_all_went_through(&self) {
        self.until("a refused call does not go through", |shared| {
            shared.refused.iter().all(|refused| refused.load(Ordering::SeqCst) == 0)
        })
        .await;
    }

    async fn until(&self, otherwise: &str, reached: impl Fn(&Shared) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !reached(&self.shared) {
            assert!(Instant::now() < end, "{otherwise}: {:?}", self.shared);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Lets each client end the call that it is at.
    pub async fn stop(mut self) -> Figures {
        self.shared.stopping.store(true, Ordering::SeqCst);
        while let Some(ended) = self.clients.join_next().await {
            ended.expect("a client ended well");
        }
        std::mem::take(&mut self.shared.figures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn run(shared: &Shared, client: usize, member: &Member) {
    while !shared.stopping.load(Ordering::SeqCst) {
        let (id, request_id) = (new_id(), new_id().to_string());
        loop {
            let answer = write(client, member, id, &request_id).await;
            match answer {
                Ok(()) => {
                    let mut figures = shared.figures.lock().unwrap_or_else(PoisonError::into_inner);
                    figures.acknowledged.push(id);
                    shared.acknowledged.fetch_add(1, Ordering::SeqCst);
                    shared.refused[client].store(0, Ordering::SeqCst);
                    break;
                }
                Err(status) => {
                    note(shared, &status);
                    shared.refused[client].fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            }
        }
    }
}

fn note(shared: &Shared, status: &Status) {
    let mut figures = shared.figures.lock().unwrap_or_else(PoisonError::into_inner);
    let why = reason(status);
    let may_repeat = status.get_error_details().retry_info().is_some();
    if may_repeat && why == (Code::Unavailable, "TENANT_FROZEN".to_owned()) {
        figures.frozen += 1;
    } else if !may_repeat || why.1 != "CONTENDED" {
        figures.otherwise.push(why);
    }
}

/// One write, of the kind that the client does.
async fn write(client: usize, member: &Member, id: Uuid, request_id: &str) -> Result<(), Status> {
    let (request_id, id) = (request_id.to_owned(), id.to_string());
    match client % 3 {
        0 => {
            let display_name = "Somebody".to_owned();
            let request = InvitePersonRequest { request_id, id, display_name, ..Default::default() };
            PeopleServiceClient::new(member.identity.clone()).invite_person(member.says(request)).await?;
        }
        1 => {
            let (display_name, aim, domain) = ("A circle".into(), "care".into(), "here".into());
            let request = CreateCircleRequest { request_id, id, display_name, aim, domain };
            CirclesServiceClient::new(member.governance.clone()).create_circle(member.says(request)).await?;
        }
        _ => {
            let (circle_id, outward_code) = (request_id.clone(), "E5".to_owned());
            let request = StartTeamRequest { request_id, id, circle_id, outward_code, occurred_at: None };
            TeamsServiceClient::new(member.teams.clone()).start_team(member.says(request)).await?;
        }
    }
    Ok(())
}
