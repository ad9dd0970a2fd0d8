//! Emergency looks over seven real processes, in every service that has them: opened with all other services down, in a
//! suspended and in a frozen tenant, and followed up when the others are back.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kith_platform::testing::wrong_fields;
use kith_proto::appointments::v1 as appointments;
use kith_proto::common::v1 as common;
use kith_proto::common::v1::OrganisationRole::{self, PrivacyLead, RegisteredManager, SafeguardingLead};
use kith_proto::identity::v1 as identity;
use kith_proto::teams::v1::{GetTeamRequest, GetTeamResponse};
use kith_tests::looked_into;
use kith_tests::people::{People, Someone, method_of, with_request_id};
use kith_tests::stack::Stack;
use prost::{Message, Name};
use tonic::{Code, Status};

/// The tenant of the month.
const SLUG: &str = "clapton";
const STATED: &str = "nobody opens the door since yesterday";

/// Calls a method that every service serves, at the one that is named.
async fn at<A: Message + Default, R: Name>(
    people: &People,
    service: &str,
    who: Someone<'_>,
    request: R,
) -> Result<A, Status> {
    let method = method_of(&request);
    let body = with_request_id(method, &request, people.uuid());
    let token = people.token_of(people.tenant, who.id);
    let answer = people.send((service, method), body, Some(&token), &[]).await?;
    Ok(A::decode(answer.as_slice()).expect("the answer of the contract"))
}

async fn give_roles(by: Someone<'_>, who: Someone<'_>, roles: &[OrganisationRole]) {
    let request = identity::SetRolesRequest {
        person_id: who.id.to_string(),
        roles: roles.iter().map(|role| (*role).into()).collect(),
        ..Default::default()
    };
    let _: identity::SetRolesResponse = by.ask(request).await.expect("the roles are set");
}

/// Everybody whom an emergency look at the owner's records concerns.
struct Cast<'people> {
    people: &'people People,
    owner: Someone<'people>,
    team: String,
    contact: Someone<'people>,
    /// Looks after privacy.
    lead: Someone<'people>,
    /// Looks, and looks after privacy too.
    reader: Someone<'people>,
    /// How often each condition held, over all services.
    held: BTreeMap<&'static str, usize>,
}

impl Cast<'_> {
    /// A record of the owner's that nothing but an emergency look opens to those who look here. A service that has emergency
    /// looks and is not known here fails the test.
    async fn read(&self, service: &str, who: Someone<'_>) -> Result<(), Status> {
        let (person_id, team_id) = (self.owner.id.to_string(), self.team.clone());
        match service {
            "teams" => {
                let get = GetTeamRequest { id: team_id };
                at::<GetTeamResponse, _>(self.people, service, who, get).await.map(|_| ())
            }
            "appointments" => {
                let list = appointments::ListSeriesRequest { team_id, ..Default::default() };
                let list: appointments::ListSeriesResponse = at(self.people, service, who, list).await?;
                assert!(!list.series.is_empty());
                Ok(())
            }
            "identity" => {
                let list = identity::ListLegalFactsRequest { person_id, ..Default::default() };
                let list: identity::ListLegalFactsResponse = at(self.people, service, who, list).await?;
                assert_eq!(list.legal_facts.len(), 1);
                Ok(())
            }
            other => panic!("nobody has said what an emergency look opens in {other}"),
        }
    }

    async fn open(
        &self,
        service: &str,
        who: Someone<'_>,
        stated: &str,
        minutes: i32,
    ) -> Result<common::BreakGlass, Status> {
        let open = common::OpenBreakGlassRequest {
            person_id: self.owner.id.to_string(),
            reason: "risk_to_life".into(),
            stated_reason: stated.into(),
            minutes,
            ..Default::default()
        };
        let opened: common::OpenBreakGlassResponse = at(self.people, service, who, open).await?;
        Ok(opened.break_glass.expect("a look"))
    }

    /// Notes that a condition held in one service more.
    fn held(&mut self, condition: &'static str) {
        *self.held.entry(condition).or_default() += 1;
    }

    /// All that holds while the service is alone; answers the look.
    async fn looks_alone(&mut self, service: &str) -> common::BreakGlass {
        let refused = self.read(service, self.reader).await.expect_err("not let in");
        assert_eq!(refused.code(), Code::NotFound, "{service}");
        self.held("hidden without a look");
        let refused = self.open(service, self.reader, "", 0).await.expect_err("no reason");
        assert_eq!(wrong_fields(&refused), ["stated_reason"], "{service}");
        self.held("a reason is required");
        let refused = self.open(service, self.reader, STATED, 61).await.expect_err("too long");
        assert_eq!(wrong_fields(&refused), ["minutes"], "{service}");
        let look = self.open(service, self.reader, STATED, 0).await.expect("opened");
        let (opened, ends) = (look.open_time.expect("a time"), look.end_time.expect("a time"));
        assert_eq!(ends.seconds - opened.seconds, 60 * 60, "{service}");
        self.held("60 minutes at most");
        self.read(service, self.reader).await.expect("seen");
        self.held("opened and seen with the six others down");
        look
    }

    async fn notices(&self, who: Someone<'_>) -> Vec<identity::BreakGlassNotice> {
        let list = identity::ListBreakGlassNoticesRequest { page_size: 200, ..Default::default() };
        let list: identity::ListBreakGlassNoticesResponse = who.ask(list).await.expect("the notices");
        list.notices
    }

    /// Whether each who must be told of a look was told once, as what they are.
    async fn is_told(&self, service: &str, look: &common::BreakGlass, looked: Someone<'_>) {
        for (who, as_what) in [(self.owner, "person"), (self.contact, "contact"), (self.lead, "privacy_lead")]
        {
            let mut own = self.notices(who).await;
            own.retain(|notice| notice.break_glass_id == look.id);
            let told: Vec<(&str, &str)> =
                own.iter().map(|notice| (notice.service.as_str(), notice.told_as.as_str())).collect();
            assert_eq!(told, [(service, as_what)]);
        }
        assert!(self.notices(looked).await.iter().all(|notice| notice.break_glass_id != look.id));
    }

    /// What follows once the others are back.
    async fn is_followed_up(&mut self, service: &str, look: &common::BreakGlass) {
        self.is_told(service, look, self.reader).await;
        self.held("the person, their contact and the privacy lead are told");
        let reviews: identity::ListBreakGlassReviewsResponse =
            self.lead.ask(identity::ListBreakGlassReviewsRequest::default()).await.expect("the reviews");
        let of_look: Vec<&identity::BreakGlassReview> =
            reviews.reviews.iter().filter(|review| review.break_glass_id == look.id).collect();
        assert_eq!(of_look.len(), 1, "{service}");
        assert_eq!(
            (of_look[0].service.as_str(), of_look[0].finding()),
            (service, identity::BreakGlassFinding::Unspecified)
        );
        self.held("a review opens");
        let close = || identity::CloseBreakGlassReviewRequest {
            break_glass_id: look.id.clone(),
            finding: identity::BreakGlassFinding::Justified.into(),
            ..Default::default()
        };
        let refused = self.reader.ask::<identity::CloseBreakGlassReviewResponse>(close()).await;
        assert_eq!(refused.expect_err("the reader is privacy lead too").code(), Code::PermissionDenied);
        self.held("the reader cannot close it");
        let closed: identity::CloseBreakGlassReviewResponse = self.lead.ask(close()).await.expect("closed");
        assert_eq!(closed.review.expect("a review").closed_by_person_id, self.lead.id.to_string());
        let log: common::ListAccessesResponse =
            at(self.people, service, self.owner, common::ListAccessesRequest::default())
                .await
                .expect("the log");
        let basis = format!("break_glass:{}", look.id);
        let under: Vec<&str> = log
            .accesses
            .iter()
            .filter(|entry| entry.basis == basis)
            .map(|entry| entry.sentence.as_str())
            .collect();
        assert!(!under.is_empty() && under.iter().all(|text| text.contains("emergency look")), "{under:?}");
        println!("A6: in {service} the person reads: {under:?}");
        self.held("the person reads that it was looked");
    }
}

/// A step in the tenant's life, known to every service that has emergency looks.
async fn step(stack: &Stack, people: &People, step: &str, state: &str) {
    let output = stack.kith(&["tenant", step, SLUG]).output().expect("kith is built");
    assert!(output.status.success(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
    people.until_settled().await;
    for service in looked_into() {
        let mut admin = stack.admin(service).await;
        let known: String = sqlx::query_scalar("select state from platform.tenant where tenant_id = $1")
            .bind(people.tenant.0)
            .fetch_one(&mut admin)
            .await
            .expect("the tenant");
        assert_eq!(known, state, "{service}");
    }
}

/// Proves ID-52 and A6, for every service whose contract has an event to tell of emergency looks.
#[tokio::test]
async fn an_emergency_look_works_alone_and_is_told_and_reviewed() {
    let mut stack = Stack::start().await;
    let people = People::of_first_month(&stack).await;
    let administrator = people.administrator(&stack).await;
    let (owner, reader, second) =
        (people.named("Owner One"), people.named("Giver Eight"), people.named("Giver Five"));
    let (lead, contact) = (people.named("Giver Seven"), people.named("Giver Six"));
    let team = owner.own_team().await;
    give_roles(administrator, reader, &[RegisteredManager, PrivacyLead]).await;
    give_roles(administrator, second, &[SafeguardingLead]).await;
    give_roles(administrator, lead, &[PrivacyLead]).await;
    let chosen =
        identity::ChooseContactRequest { contact_person_id: contact.id.to_string(), ..Default::default() };
    let _: identity::ChooseContactResponse = owner.ask(chosen).await.expect("a contact");
    owner.record_legal_fact("Advance decision", "In the red folder by the door").await;
    people.until_settled().await;
    let held = BTreeMap::new();
    let mut cast = Cast { people: &people, owner, team, contact, lead, reader, held };

    let all = looked_into();
    for service in &all {
        let others = kith_tests::services().into_iter().filter(|other| other.name != *service);
        for other in others.clone() {
            stack.kill(other.name);
        }
        let look = cast.looks_alone(service).await;
        let back = Instant::now();
        for other in others {
            stack.restart(other.name);
        }
        for every in kith_tests::services() {
            stack.wait_until_serving(every.name);
        }
        people.until_settled().await;
        println!(
            "A6: of {service} told {:.1} s after the others were started again",
            back.elapsed().as_secs_f64()
        );
        assert!(back.elapsed() < Duration::from_mins(2));
        cast.is_followed_up(service, &look).await;
    }

    let _: identity::GoLiveResponse =
        administrator.ask(identity::GoLiveRequest::default()).await.expect("live");
    step(&stack, &people, "suspend", "suspended").await;
    for service in &all {
        cast.read(service, second).await.expect_err("not let in");
        let look = cast.open(service, second, STATED, 0).await.expect("opened");
        cast.read(service, second).await.expect("seen");
        people.until_settled().await;
        cast.is_told(service, &look, second).await;
        let close = common::CloseBreakGlassRequest { break_glass_id: look.id, ..Default::default() };
        let _: common::CloseBreakGlassResponse = at(&people, service, second, close).await.expect("ended");
        cast.read(service, second).await.expect_err("it was ended");
        cast.held("opened, seen, told and ended while suspended");
    }
    step(&stack, &people, "resume", "live").await;
    step(&stack, &people, "freeze", "frozen").await;
    let mut looks = Vec::new();
    for service in &all {
        let look = cast.open(service, second, STATED, 0).await.expect("opened");
        cast.read(service, second).await.expect("seen");
        assert!(cast.notices(owner).await.iter().all(|notice| notice.break_glass_id != look.id));
        looks.push(look);
    }
    step(&stack, &people, "thaw", "live").await;
    people.until_settled().await;
    for (service, look) in all.iter().zip(&looks) {
        cast.is_told(service, look, second).await;
        cast.held("opened and seen while frozen, told with the thaw");
    }
    println!("A6: services with emergency looks, by the contracts: {all:?}");
    for (condition, count) in &cast.held {
        println!("A6: {condition}: {count} of {}", all.len());
        assert_eq!(*count, all.len(), "{condition}");
    }
    assert_eq!((all.len(), cast.held.len()), (3, 10));
}
