//! What was said before and otherwise; tokens of every wrong kind; messages that are too large, or none.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use kith_platform::auth::TokenKey;
use kith_platform::clock::Clock;
use kith_platform::context::Actor;
use kith_proto::appointments::v1::{AgreeVisitRequest, AnswerSeriesRequest, PlanVisitsRequest};
use kith_proto::common::v1::GetBacklogRequest;
use kith_proto::finance::v1::{AddPayerRequest, PayerKind};
use kith_proto::governance::v1::{AmendProposalRequest, DraftProposalRequest, ProposalVersion};
use kith_proto::teams::v1::ListTeamsRequest;
use kith_tests::refusals::Cases;
use tonic::Code;

use super::stage::{Stage, edit};

const REUSED: (Code, &str) = (Code::AlreadyExists, "REQUEST_ID_REUSED");
const ID_EXISTS: (Code, &str) = (Code::AlreadyExists, "ID_EXISTS");
const STALE: (Code, &str) = (Code::Aborted, "STALE_ETAG");
const BOOKED: (Code, &str) = (Code::FailedPrecondition, "DOUBLE_BOOKING");
const SIGN_IN: (Code, &str) = (Code::Unauthenticated, "UNAUTHENTICATED");
const DENIED: (Code, &str) = (Code::PermissionDenied, "PERMISSION_DENIED");

/// What was said before, and otherwise: repeated ids with other content, stale etags, one time twice.
pub fn said_before(cases: &mut Cases<'_>, stage: &Stage) {
    let owner = stage.owner();
    let other = edit(&stage.proposed, |series| series.wall_minutes = 61);
    cases.refused("a request id for something else", owner, other.clone(), REUSED);
    let answer = AnswerSeriesRequest {
        request_id: other.request_id.clone(),
        series_id: stage.endless.clone(),
        ..Default::default()
    };
    cases.refused("a request id of another method", owner, answer, REUSED);
    cases.refused("an id that exists otherwise", owner, edit(&other, |o| o.request_id.clear()), ID_EXISTS);
    let payer = edit(&stage.payer, |payer| payer.kind = PayerKind::Charity.into());
    let payer = AddPayerRequest { payer: Some(payer), ..AddPayerRequest::default() };
    cases.refused("an id that exists otherwise", owner, payer, ID_EXISTS);
    let agree = AgreeVisitRequest {
        visit_id: stage.visit.id.clone(),
        etag: "\"99\"".to_owned(),
        ..Default::default()
    };
    cases.refused("a stale etag", owner, agree, STALE);
    let version = ProposalVersion {
        text: "There is coffee.".to_owned(),
        term_months: 12,
        measure: "it is drunk".to_owned(),
        review_date: (Clock::System.now() + Duration::days(90)).date_naive().to_string(),
        ..ProposalVersion::default()
    };
    let amend = AmendProposalRequest {
        proposal_id: stage.proposal.clone(),
        version: Some(version),
        etag: "\"99\"".to_owned(),
        ..Default::default()
    };
    cases.refused("a stale etag", owner, amend, STALE);
    for (owner, series) in ["Owner One", "Owner Two"].into_iter().zip(&stage.clashes) {
        let plan = PlanVisitsRequest { series_id: series.clone(), ..PlanVisitsRequest::default() };
        cases.refused("booked at that time", stage.people.named(owner), plan, BOOKED);
    }
}

/// Tokens of every wrong kind, at each of the seven; messages that are too large, and that are none.
pub fn at_the_door(cases: &mut Cases<'_>, stage: &Stage) {
    let (owner, people, now) = (stage.owner(), &stage.people, Clock::System.now());
    let person = Actor::Person { tenant: people.tenant, person: owner.id, session: people.uuid() };
    let signed = |key: &TokenKey, issuer: &str, audience: &str, at| {
        Some(key.sign(issuer, audience, person, at).expect("a token"))
    };
    let jwk = serde_json::to_value(people.key.jwk()).expect("JSON");
    let same_name = TokenKey::new(jwk["kid"].as_str().expect("a name"), [7; 32]);
    let good = people.token(person);
    let (unsigned, signature) = good.rsplit_once('.').expect("a signature");
    let (_, claims) = unsigned.split_once('.').expect("claims");
    let alg_none = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"none"}"#);
    let tokens = [
        ("no token", None),
        ("nonsense", Some("nonsense".to_owned())),
        ("two dots and nothing", Some("..".to_owned())),
        ("an oversized token", Some("a".repeat(8_000))),
        ("a token with more behind it", Some(format!("{good}.{signature}"))),
        ("a token without its signature", Some(format!("{unsigned}."))),
        ("alg none", Some(format!("{alg_none}.{claims}."))),
        ("alg none with a signature", Some(format!("{alg_none}.{claims}.{signature}"))),
        ("an expired token", signed(&people.key, "kith", "kith", now - Duration::minutes(11))),
        ("a token of tomorrow", signed(&people.key, "kith", "kith", now + Duration::days(1))),
        ("another issuer", signed(&people.key, "theirs", "kith", now)),
        ("another audience", signed(&people.key, "kith", "theirs", now)),
        ("another issuer's key", signed(&TokenKey::new("theirs", [7; 32]), "kith", "kith", now)),
        ("another key of the same name", signed(&same_name, "kith", "kith", now)),
    ];
    for service in kith_tests::services() {
        for (what, token) in &tokens {
            let case = cases.refused_by(service.name, what, owner, GetBacklogRequest {}, SIGN_IN);
            case.token.clone_from(token);
        }
        let nonsense = cases.refused_by(
            service.name,
            "no message",
            owner,
            GetBacklogRequest {},
            (Code::InvalidArgument, "MALFORMED_MESSAGE"),
        );
        nonsense.body = vec![0xff; 9];
    }
    let operator = Actor::Operator { account: people.uuid(), session: people.uuid() };
    cases.refused("an operator", owner, ListTeamsRequest::default(), DENIED).token =
        Some(people.token(operator));
    let too_large = (Code::OutOfRange, "MESSAGE_TOO_LARGE");
    for more in [1, 3 * 1024 * 1024] {
        let long = edit(&stage.payer, |payer| payer.billing_address = "x".repeat(1024 * 1024 + more));
        let payer = AddPayerRequest { payer: Some(long.clone()), ..AddPayerRequest::default() };
        cases.refused("a message over the limit", owner, payer, too_large);
        let text = ProposalVersion { text: long.billing_address, ..ProposalVersion::default() };
        let draft = DraftProposalRequest { version: Some(text), ..DraftProposalRequest::default() };
        cases.refused("a message over the limit", owner, draft, too_large);
    }
}
