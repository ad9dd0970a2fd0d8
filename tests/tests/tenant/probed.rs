//! A tenant that accepts no changes, asked in all seven services: every write there is, and every read.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use kith_platform::id::PersonId;
use kith_platform::testing::reason;
use kith_proto::evaluation::v1::{AnswerRoundRequest, GetReplyCodeRequest, GetReplyCodeResponse, ItemAnswer};
use kith_proto::identity::v1::{
    AcceptInvitationRequest, GoLiveRequest, GoLiveResponse, InvitePersonRequest, InvitePersonResponse,
};
use kith_proto::{Access, METHODS, Method};
use kith_tests::filler::{Filler, Ids, ids_of};
use kith_tests::people::{People, method_of, service_of, with_request_id};
use kith_tests::refusals::{ASIDE, contents};
use kith_tests::services;
use kith_tests::stack::Stack;
use prost::Message as _;
use sqlx::PgConnection;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::PATIENCE;
use super::host::{Host, LOOK_AGAIN};
use crate::audited::scene;

/// The reviewed list: commands that a tenant's state does not stop, each with its reason. What they do then is looked at in
/// the tests of the services.
const IN_ANY_STATE: &[(&str, &str)] = &[
    ("/kith.common.v1.BreakGlassService/OpenBreakGlass", "somebody may be in danger"),
    ("/kith.common.v1.BreakGlassService/CloseBreakGlass", "ends such a look"),
    ("/kith.identity.v1.SignInService/SignOut", "a session is of no tenant"),
    ("/kith.identity.v1.SessionService/EndSession", "a session is of no tenant"),
    ("/kith.identity.v1.SessionService/EndOtherSessions", "a session is of no tenant"),
    ("/kith.identity.v1.CredentialService/ChangePassword", "an account is of no tenant"),
    ("/kith.identity.v1.PasskeyService/BeginPasskeyRegistration", "an account is of no tenant"),
    ("/kith.identity.v1.PasskeyService/FinishPasskeyRegistration", "an account is of no tenant"),
    ("/kith.identity.v1.PasskeyService/RemovePasskey", "an account is of no tenant"),
    ("/kith.identity.v1.CredentialService/MakeRecoveryCodes", "an account is of no tenant"),
    ("/kith.identity.v1.ProviderService/BeginProviderLink", "an account is of no tenant"),
    ("/kith.identity.v1.ProviderService/FinishProviderLink", "an account is of no tenant"),
    ("/kith.identity.v1.ProviderService/RemoveProviderLink", "an account is of no tenant"),
    ("/kith.identity.v1.PlaceLinkService/ConfirmPlaceLink", "what is said of two places is of no tenant"),
    ("/kith.identity.v1.PlaceLinkService/ShowPlaceLink", "what is said of two places is of no tenant"),
    ("/kith.identity.v1.PlaceLinkService/WithdrawPlaceLink", "what is said of two places is of no tenant"),
];

/// What differs from one look to the next, whatever the state: only whether it is answered is compared.
const GROWS: &[&str] = &[
    "/kith.common.v1.AccessLogService/ListAccesses",
    "/kith.common.v1.OperationsService/GetBacklog",
    "/kith.common.v1.DataRightsService/ExportPerson",
    "/kith.identity.v1.RightsService/ExportSignIn",
];

/// A state in which nothing is accepted, and what is said then.
struct Still {
    state: &'static str,
    code: Code,
    reason: &'static str,
    may_repeat: bool,
}

const SUSPENDED: Still = Still {
    state: "suspended",
    code: Code::FailedPrecondition,
    reason: "TENANT_SUSPENDED",
    may_repeat: false,
};
const FROZEN: Still =
    Still { state: "frozen", code: Code::Unavailable, reason: "TENANT_FROZEN", may_repeat: true };
const RELEASED: Still =
    Still { state: "released", code: Code::FailedPrecondition, reason: "TENANT_RELEASED", may_repeat: false };

/// Where a method is served: those of the common contracts everywhere.
fn servers(method: &'static Method) -> Vec<&'static str> {
    let is_common = method.path.starts_with("/kith.common.");
    let all = services().into_iter().map(|service| service.name);
    all.filter(|name| is_common || service_of(method) == *name).collect()
}

fn methods(changes_state: bool) -> impl Iterator<Item = (&'static str, &'static Method)> {
    let of_people = METHODS
        .iter()
        .filter(move |method| method.access == Access::Person && method.changes_state == changes_state);
    of_people.flat_map(|method| servers(method).into_iter().map(move |service| (service, method)))
}

struct Probe<'stack> {
    stack: &'stack Stack,
    people: People,
    filler: Filler,
    ids: Ids,
    administrator: PersonId,
    readers: Vec<PersonId>,
    /// Calls of nobody yet: an invitation that may be taken up, and a reply that may be given.
    of_nobody: Vec<(&'static str, &'static Method, Vec<u8>)>,
    admins: BTreeMap<&'static str, PgConnection>,
    faults: Vec<String>,
}

impl<'stack> Probe<'stack> {
    async fn of_first_month(stack: &'stack Stack) -> Self {
        let people = People::of_first_month(stack).await;
        scene::set(stack, &people).await;
        let administrator = people.administrator(stack).await;
        let _: GoLiveResponse = administrator.ask(GoLiveRequest::default()).await.expect("live");
        let invite = InvitePersonRequest { display_name: "Newcomer".to_owned(), ..Default::default() };
        let invited: InvitePersonResponse = administrator.ask(invite).await.expect("invited");
        let accept = AcceptInvitationRequest {
            invitation: invited.invitation,
            email: "newcomer@somewhere.example".to_owned(),
            password: "long enough to be right".to_owned(),
            ..Default::default()
        };
        let mut ids = ids_of(stack, 0).await;
        let open = ids["evaluation.round"].clone();
        let member = people.named("Owner One");
        let code: GetReplyCodeResponse =
            member.ask(GetReplyCodeRequest { round_id: open }).await.expect("a code");
        let answers = vec![ItemAnswer { value: Some(3) }; 7];
        let answer = AnswerRoundRequest { reply_code: code.reply_code, answers };
        let (accepting, answering) = (method_of(&accept), method_of(&answer));
        let accept = with_request_id(accepting, &accept, people.uuid());
        let of_nobody =
            vec![("identity", accepting, accept), ("evaluation", answering, answer.encode_to_vec())];
        people.until_settled().await;
        let mut admins = BTreeMap::new();
        for service in services() {
            admins.insert(service.name, stack.admin(service.name).await);
        }
        // Of Owner One there is most to be seen.
        ids.insert("person".to_owned(), member.id.to_string());
        ids.insert("team".to_owned(), member.own_team().await);
        let (owner, giver, lead) = (member.id, people.named("Giver One").id, people.named("Giver Seven").id);
        let (administrator, filler) = (administrator.id, Filler::new());
        let readers = vec![administrator, owner, giver, lead];
        Self { stack, people, filler, ids, administrator, readers, of_nobody, admins, faults: Vec::new() }
    }

    async fn until_all_know(&mut self, state: &str) {
        let tenant = self.people.tenant.0;
        for admin in self.admins.values_mut() {
            let end = Instant::now() + PATIENCE;
            loop {
                let known: String =
                    sqlx::query_scalar("select state from platform.tenant where tenant_id = $1")
                        .bind(tenant)
                        .fetch_one(&mut *admin)
                        .await
                        .expect("the tenant");
                if known == state {
                    break;
                }
                assert!(Instant::now() < end, "a service still has it as {known}, not {state}");
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    async fn contents(&mut self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for (service, admin) in &mut self.admins {
            let tables = contents(admin, ASIDE).await;
            all.extend(tables.into_iter().map(|(table, rows)| (format!("{service}.{table}"), rows)));
        }
        all
    }

    fn filled(&self, method: &Method) -> Vec<u8> {
        let new_id = || self.people.uuid().to_string();
        self.filler.fill(method.input, &self.ids, &mut { new_id }).encode_to_vec()
    }

    async fn send(
        &self,
        at: (&str, &Method),
        who: Option<PersonId>,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, Status> {
        let token = who.map(|who| self.people.token_of(self.people.tenant, who));
        self.people.send(at, body, token.as_deref(), &[]).await
    }

    /// What every read answers to every reader, without what differs each time.
    async fn reads(&self) -> BTreeMap<String, String> {
        let mut said = BTreeMap::new();
        for at in methods(false) {
            for reader in &self.readers {
                let answer = match self.send(at, Some(*reader), self.filled(at.1)).await {
                    Ok(_) if GROWS.contains(&at.1.path) => "answered".to_owned(),
                    Ok(answer) => format!("answered {}", self.filler.shape(at.1.output, &answer)),
                    Err(status) => format!("{:?} {}", reason(&status), status.message()),
                };
                said.insert(format!("{} at {} by {reader}", at.1.path, at.0), answer);
            }
        }
        said
    }

    /// Every write, and whether it was refused as this state must be, and left every row as it was.
    async fn writes(&mut self, still: &Still) {
        let before = self.contents().await;
        let (mut refused, mut places) = (0, BTreeSet::new());
        let mut calls: Vec<_> = methods(true)
            .map(|(service, method)| ((service, method), Some(self.administrator), self.filled(method)))
            .collect();
        let of_nobody = self.of_nobody.iter();
        calls.extend(of_nobody.map(|(service, method, body)| ((*service, *method), None, body.clone())));
        for (at, who, body) in calls {
            let is_excepted = IN_ANY_STATE.iter().any(|(path, _)| at.1.path == *path);
            match self.send(at, who, body).await {
                Err(status) if status.code() == Code::Unimplemented => {}
                Ok(_) if is_excepted => {}
                Err(status) if is_excepted && !says(&status, still) => {}
                Err(status) if !is_excepted && says(&status, still) => {
                    refused += 1;
                    places.insert(at.0);
                }
                Err(status) => {
                    self.faults.push(format!("{}: {} at {}: {status:?}", still.state, at.1.path, at.0));
                }
                Ok(_) => self.faults.push(format!("{}: {} at {}: accepted", still.state, at.1.path, at.0)),
            }
        }
        let after = self.contents().await;
        let changed: Vec<_> = before.keys().filter(|table| after[*table] != before[*table]).collect();
        self.faults.extend(changed.iter().map(|table| format!("{}: {table} was changed", still.state)));
        println!(
            "{}: {refused} writes of {} services refused as {}, {} by the reviewed list not stopped; {} of {} tables changed",
            still.state,
            places.len(),
            still.reason,
            IN_ANY_STATE.len(),
            changed.len(),
            before.len()
        );
        assert_eq!(places.len(), services().len(), "every service was asked");
    }

    async fn probe(&mut self, still: &Still, live: &BTreeMap<String, String>) {
        self.until_all_know(still.state).await;
        self.writes(still).await;
        let reads = self.reads().await;
        let different: Vec<_> = live.iter().filter(|(read, said)| reads[*read] != **said).collect();
        self.faults.extend(
            different
                .iter()
                .map(|(read, said)| format!("{}: {read}: {} instead of {said}", still.state, reads[*read])),
        );
        let answered = reads.values().filter(|said| said.starts_with("answered")).count();
        println!(
            "{}: {} reads, {answered} of them answered, {} otherwise than while the tenant lived",
            still.state,
            reads.len(),
            different.len()
        );
    }
}

fn says(status: &Status, still: &Still) -> bool {
    let may_repeat = status.get_error_details().retry_info().is_some();
    reason(status) == (still.code, still.reason.to_owned()) && may_repeat == still.may_repeat
}

/// Every write there is, at each of the seven, while the tenant is suspended, frozen, released: refused for that, once and
/// for all or to be repeated, with no row changed; every read answers what it answered before.
#[tokio::test]
async fn all_seven_refuse_every_write_and_answer_every_read_of_a_tenant_that_stands_still() {
    let stack = Stack::start().await;
    let mut probe = Probe::of_first_month(&stack).await;
    let host = Host::of(probe.stack);
    let live = probe.reads().await;
    assert_eq!(probe.reads().await, live, "reads answer the same again");

    host.says(&["suspend", "clapton"]).expect("suspended");
    probe.probe(&SUSPENDED, &live).await;
    host.says(&["resume", "clapton"]).expect("resumed");
    host.says(&["freeze", "clapton"]).expect("frozen");
    probe.probe(&FROZEN, &live).await;
    host.says(&["release", "clapton", "--moved"]).expect("released");
    probe.probe(&RELEASED, &live).await;
    assert!(probe.faults.is_empty(), "{}", probe.faults.join("\n"));
}
