//! Ids that nobody knows, and fields that are missing or say nothing that can be meant.

use kith_proto::appointments::v1::{AgreeVisitRequest, GetVisitRequest, ProposeSeriesRequest};
use kith_proto::evaluation::v1::{
    AnswerRoundRequest, GetContinuityRequest, GetRoundResultRequest, OpenRoundRequest,
};
use kith_proto::finance::v1::{
    AddPayerRequest, GetInvoiceRequest, IssueInvoicesRequest, Payer, SetFundingRequest,
};
use kith_proto::governance::v1::{DraftProposalRequest, GetProposalRequest, RecordDecisionRequest};
use kith_proto::identity::v1::{AcceptInvitationRequest, GetPeopleRequest, InvitePersonRequest};
use kith_proto::matching::v1::{GetGiverRequest, RegisterGiverRequest};
use kith_proto::teams::v1::{GetTeamRequest, ListTeamsRequest, StartTeamRequest};
use kith_tests::refusals::Cases;
use prost::Message as _;
use tonic::Code;

use super::money::shares;
use super::stage::{Stage, edit};

const NOT_FOUND: (Code, &str) = (Code::NotFound, "NOT_FOUND");

/// Ids that nobody knows, that are another tenant's or another Team's, and that are none.
pub fn ids(cases: &mut Cases<'_>, stage: &Stage) {
    let (owner, id) = (stage.owner(), || stage.unknown());
    cases.refused("an unknown id", owner, GetTeamRequest { id: id() }, NOT_FOUND);
    cases.refused("an unknown id", owner, GetGiverRequest { person_id: id() }, NOT_FOUND);
    cases.refused("an unknown id", owner, GetVisitRequest { id: id() }, NOT_FOUND);
    cases.refused("an unknown id", owner, GetInvoiceRequest { id: id() }, NOT_FOUND);
    cases.refused("an unknown id", owner, GetProposalRequest { id: id() }, NOT_FOUND);
    cases.refused("an unknown id", owner, GetRoundResultRequest { round_id: id() }, NOT_FOUND);
    let agree = AgreeVisitRequest { visit_id: stage.visit.id.clone(), ..AgreeVisitRequest::default() };
    let unknown = edit(&agree, |agree| agree.visit_id = id());
    cases.refused("an unknown id", owner, unknown, NOT_FOUND);
    cases.refused("another Team's", stage.people.named("Owner Three"), agree.clone(), NOT_FOUND);
    let record = RecordDecisionRequest { proposal_id: id(), ..RecordDecisionRequest::default() };
    cases.refused("an unknown id", owner, record, NOT_FOUND);
    let funding = SetFundingRequest { funding: Some(shares(stage, &[10_000])), ..Default::default() };
    let unknown = edit(&funding, |funding| {
        funding.funding.as_mut().expect("there").shares[0].payer_id = id();
    });
    cases.wrong("an unknown payer", owner, unknown, &["funding.shares[0].payer_id"]);

    let elsewhere = Some(stage.people.token_of(stage.elsewhere, owner.id));
    let what = "the token of another tenant";
    let team = GetTeamRequest { id: stage.team.clone() };
    cases.refused(what, owner, team, NOT_FOUND).token.clone_from(&elsewhere);
    let giver = GetGiverRequest { person_id: stage.proposed.giver_person_id.clone() };
    cases.refused(what, owner, giver, NOT_FOUND).token.clone_from(&elsewhere);
    let visit = GetVisitRequest { id: stage.visit.id.clone() };
    cases.refused(what, owner, visit, NOT_FOUND).token.clone_from(&elsewhere);
    cases.refused(what, owner, agree, NOT_FOUND).token.clone_from(&elsewhere);
    cases.refused(what, owner, funding, NOT_FOUND).token.clone_from(&elsewhere);
    let proposal = GetProposalRequest { id: stage.proposal.clone() };
    cases.refused(what, owner, proposal, NOT_FOUND).token.clone_from(&elsewhere);
    let continuity = GetContinuityRequest { team_id: stage.team.clone(), month: "2026-03".to_owned() };
    cases.refused(what, owner, continuity, NOT_FOUND).token.clone_from(&elsewhere);

    cases.wrong("no id", owner, GetTeamRequest { id: "t1".to_owned() }, &["id"]);
    cases.wrong("no id", owner, GetInvoiceRequest::default(), &["id"]);
    let people = GetPeopleRequest { ids: vec![id(), "g1".to_owned(), "g2".to_owned()] };
    cases.wrong("two are no ids", owner, people, &["ids[1]", "ids[2]"]);
}

/// Fields that are missing or say nothing that can be meant: all of them are named at once.
pub fn fields(cases: &mut Cases<'_>, stage: &Stage) {
    let (owner, office) = (stage.owner(), stage.people.named("Numbers Person"));
    let empty = "nothing is said";
    cases.wrong(empty, owner, StartTeamRequest::default(), &["circle_id", "outward_code"]);
    let named = ["team_id", "giver_person_id", "kind", "starts_local", "wall_minutes"];
    cases.wrong(empty, owner, ProposeSeriesRequest::default(), &named);
    cases.wrong(empty, owner, RegisterGiverRequest::default(), &["status", "outward_code"]);
    cases.wrong(empty, owner, AddPayerRequest::default(), &["payer"]);
    let named = ["payer.team_id", "payer.kind", "payer.billing_name"];
    let nothing = AddPayerRequest { payer: Some(Payer::default()), ..AddPayerRequest::default() };
    cases.wrong(empty, owner, nothing, &named);
    cases.wrong(empty, owner, DraftProposalRequest::default(), &["circle_id", "title", "version"]);
    cases.wrong(empty, owner, OpenRoundRequest::default(), &["instrument", "scope"]);
    cases.wrong(empty, owner, InvitePersonRequest::default(), &["display_name"]);
    let accept = AcceptInvitationRequest { email: "nobody".to_owned(), ..Default::default() };
    cases.wrong("three are wrong", owner, accept, &["invitation", "email", "password"]).token = None;
    let item = |value| kith_proto::evaluation::v1::ItemAnswer { value: Some(value) };
    let answers = AnswerRoundRequest { answers: vec![item(0), item(3), item(6)], ..Default::default() };
    cases.wrong("no such answer", owner, answers, &["answers[0].value", "answers[2].value"]).token = None;
    let code = AnswerRoundRequest { reply_code: "nonsense".to_owned(), ..AnswerRoundRequest::default() };
    let not_valid = (Code::FailedPrecondition, "REPLY_CODE_NOT_VALID");
    cases.refused("no reply code", owner, code, not_valid).token = None;
    let kind = edit(&stage.payer, |payer| (payer.kind, payer.billing_name) = (99, "x".repeat(201)));
    let kind = AddPayerRequest { payer: Some(kind), ..AddPayerRequest::default() };
    cases.wrong("no such kind, a long name", owner, kind, &["payer.kind", "payer.billing_name"]);
    let etag =
        AgreeVisitRequest { visit_id: "v1".to_owned(), etag: "5".to_owned(), ..AgreeVisitRequest::default() };
    cases.wrong("neither id nor etag", owner, etag, &["visit_id", "etag"]);
    let invoices = IssueInvoicesRequest { month: "2026-13".to_owned(), ..Default::default() };
    cases.wrong("no month", office, invoices.clone(), &["circle_id", "month"]);
    let no_id = edit(&invoices, |invoices| invoices.request_id = "once".into());
    cases.wrong("a request id that is none", office, no_id, &["request_id", "circle_id", "month"]);
    let named = ["request_id", "circle_id", "month"];
    cases.wrong("no request id at all", office, invoices.clone(), &named).body = invoices.encode_to_vec();
    let page = ListTeamsRequest { page_size: -1, page_token: "nonsense".to_owned(), ..Default::default() };
    cases.wrong("no page", owner, page, &["page_size", "page_token"]);
    let handed_on = vec!["teams.team.started.v1;nonsense".to_owned()];
    cases.wrong("no event", owner, ListTeamsRequest::default(), &["kith-after"]).after = handed_on;
}
