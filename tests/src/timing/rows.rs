//! What is asked: by a neighbour for what is another tenant's, and by nobody for addresses.

use kith_platform::id::Uuid;
use kith_proto::governance::v1 as governance;
use kith_proto::identity::v1 as identity;
use kith_proto::{appointments::v1 as appointments, evaluation::v1 as evaluation, finance::v1 as finance};
use kith_proto::{matching::v1 as matching, teams::v1 as teams};
use prost::Name;

use super::Question;
use crate::chaos::random::Random;
use crate::founding::Founded;
use crate::people::{method_of, service_of, with_request_id};
use crate::stack::Stack;

/// How many ids of each kind are asked for in turn, as many that exist as that do not.
const IDS: i64 = 4;
/// In the form of a recovery code.
const NO_CODE: &str = "0000-0000-0000-0000";
const WRONG: &str = "a pass phrase that is wrong";

/// Ids of the other tenant that exist, and as many that exist nowhere.
struct Ids {
    hits: Vec<String>,
    misses: Vec<String>,
}

impl Ids {
    async fn of(stack: &Stack, neighbours: &Founded, service: &str, sql: &'static str) -> Self {
        let mut admin = stack.admin(service).await;
        let found: Vec<Uuid> = sqlx::query_scalar(sql)
            .bind(neighbours.people.tenant.0)
            .bind(IDS)
            .fetch_all(&mut admin)
            .await
            .expect("ids");
        assert!(!found.is_empty(), "{sql} finds nothing");
        // Of the same age, so that neither is further back in an index.
        let miss = |id: &Uuid| {
            let mut bytes = *id.as_bytes();
            bytes[15] ^= 0x5a;
            Uuid::from_bytes(bytes).to_string()
        };
        Self {
            hits: found.iter().map(ToString::to_string).collect(),
            misses: found.iter().map(miss).collect(),
        }
    }

    fn one(&self, hit: bool, random: &mut Random) -> String {
        random.pick(if hit { &self.hits } else { &self.misses }).clone()
    }
}

fn question<'a, R: Name + Default>(
    name: &'static str,
    founded: Option<&'a Founded>,
    request: impl Fn(bool, &mut Random) -> R + 'a,
) -> Question<'a> {
    let method = method_of(&R::default());
    let body = move |hit: bool, random: &mut Random| {
        let id = Uuid::from_u64_pair(random.number(), random.number());
        with_request_id(method, &request(hit, random), id)
    };
    let caller = founded.map(|founded| founded.administrator);
    let at = (service_of(method), method);
    Question { name, at, caller, body: Box::new(body), counted: caller.is_none(), control: false }
}

/// What the administrator of the neighbours asks.
pub async fn of_neighbours<'a>(stack: &Stack, own: &'a Founded) -> Vec<Question<'a>> {
    let ids = async |service, sql| Ids::of(stack, own, service, sql).await;
    let people = ids("identity", "select id from person where tenant_id <> $1 order by id limit $2").await;
    let more = ids("identity", "select id from person where tenant_id <> $1 order by id limit $2").await;
    let team = ids("teams", "select id from team where tenant_id <> $1 order by id limit $2").await;
    let other_team = ids("teams", "select id from team where tenant_id <> $1 order by id limit $2").await;
    let visit = ids("appointments", "select id from visit where tenant_id <> $1 order by id limit $2").await;
    let of_visit =
        ids("appointments", "select id from visit where tenant_id <> $1 order by id limit $2").await;
    let giver =
        ids("matching", "select person_id from giver where tenant_id <> $1 order by 1 limit $2").await;
    let invoice = ids("finance", "select id from invoice where tenant_id <> $1 order by id limit $2").await;
    let circle = ids("governance", "select id from circle where tenant_id <> $1 order by id limit $2").await;
    let round =
        ids("evaluation", "select round_id from round where tenant_id <> $1 order by 1 limit $2").await;
    let own_circle = own.circle.clone();
    let circle_of_own = own.circle.clone();
    let invited = own.administrator.to_string();
    let nothing = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001).to_string();
    vec![
        Question {
            control: true,
            ..question("control: one's own Circle against none", Some(own), move |hit, _| {
                governance::GetCircleRequest { id: if hit { circle_of_own.clone() } else { nothing.clone() } }
            })
        },
        question("identity GetPeople", Some(own), move |hit, random| identity::GetPeopleRequest {
            ids: vec![people.one(hit, random)],
        }),
        question("teams GetTeam", Some(own), move |hit, random| teams::GetTeamRequest {
            id: team.one(hit, random),
        }),
        question("appointments GetVisit", Some(own), move |hit, random| appointments::GetVisitRequest {
            id: visit.one(hit, random),
        }),
        question("matching GetGiver", Some(own), move |hit, random| matching::GetGiverRequest {
            person_id: giver.one(hit, random),
        }),
        question("finance GetInvoice", Some(own), move |hit, random| finance::GetInvoiceRequest {
            id: invoice.one(hit, random),
        }),
        question("governance GetCircle", Some(own), move |hit, random| governance::GetCircleRequest {
            id: circle.one(hit, random),
        }),
        question("evaluation GetRoundResult", Some(own), move |hit, random| {
            evaluation::GetRoundResultRequest { round_id: round.one(hit, random) }
        }),
        question("teams InviteMember to a Team (write)", Some(own), move |hit, random| {
            let team_id = other_team.one(hit, random);
            teams::InviteMemberRequest {
                team_id,
                person_id: invited.clone(),
                kind: teams::MemberKind::Volunteer.into(),
                ..Default::default()
            }
        }),
        question("appointments CancelVisit (write)", Some(own), move |hit, random| {
            appointments::CancelVisitRequest { visit_id: of_visit.one(hit, random), ..Default::default() }
        }),
        question("governance InviteCircleMember a person (write)", Some(own), move |hit, random| {
            governance::InviteCircleMemberRequest {
                circle_id: own_circle.clone(),
                person_id: more.one(hit, random),
                ..Default::default()
            }
        }),
    ]
}

/// An address with an account, and one of the same length without.
fn address(own: &Founded, hit: bool) -> String {
    if hit { own.email.clone() } else { own.email.replacen("administrator", "administrated", 1) }
}

/// What nobody asks about addresses. Each costs a hash, or counts as an attempt, or both.
pub fn of_addresses(own: &Founded, invitation: String) -> Vec<Question<'_>> {
    vec![
        question("SignInWithRecoveryCode by address", None, |hit, _| {
            identity::SignInWithRecoveryCodeRequest {
                email: address(own, hit),
                code: NO_CODE.to_owned(),
                ..Default::default()
            }
        }),
        question("SignIn by address", None, |hit, _| identity::SignInRequest {
            email: address(own, hit),
            password: WRONG.to_owned(),
            ..Default::default()
        }),
        question("ResetPassword by address", None, |hit, _| identity::ResetPasswordRequest {
            email: address(own, hit),
            code: NO_CODE.to_owned(),
            new_password: WRONG.to_owned(),
            ..Default::default()
        }),
        question("AcceptInvitation for an address (mail is sent)", None, move |hit, _| {
            identity::AcceptInvitationRequest {
                invitation: invitation.clone(),
                email: address(own, hit),
                password: WRONG.to_owned(),
                ..Default::default()
            }
        }),
    ]
}
