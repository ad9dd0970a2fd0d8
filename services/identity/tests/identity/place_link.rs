//! One person in two places tells one of them of the other: said in both, shown to whom they say, taken back in one call.

use kith_identity::{Desk, LeavingFace, PlaceLinksFace, RightsFace, TenantLifeFace};
use kith_platform::context::Actor;
use kith_platform::testing::reason;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::leaving_service_server::LeavingService as _;
use kith_proto::identity::v1::place_link_service_server::PlaceLinkService as _;
use kith_proto::identity::v1::rights_service_server::RightsService as _;
use kith_proto::identity::v1::tenant_life_service_server::TenantLifeService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use tonic::{Code, Status};

use crate::mailed::all_of;
use crate::stage::{Place, Stage, by};
use crate::two_tenants::rows_that_name;

/// Somebody with one account in two places, and people of each.
struct Two {
    stage: Stage,
    operator: Actor,
    face: PlaceLinksFace,
    clapton: Place,
    calder: Place,
    /// The same person, signed in to either.
    in_clapton: Actor,
    in_calder: Actor,
    friend: Actor,
    neighbour: Actor,
}

const EMAIL: &str = "ada@example.org";

impl Two {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let operator = stage.operator().await;
        let (clapton, calder) =
            (stage.place(operator, "clapton").await, stage.place(operator, "calder").await);
        // A third one, in which the account is nobody.
        stage.place(operator, "calverley").await;
        let in_clapton = stage.joined(&clapton, EMAIL, &[]).await;
        let in_calder = stage.joined(&calder, EMAIL, &[]).await;
        let friend = stage.joined(&clapton, "friend@example.org", &[]).await;
        let neighbour = stage.joined(&clapton, "neighbour@example.org", &[]).await;
        let face = PlaceLinksFace::new(Desk::new(stage.host.clone()));
        Self { stage, operator, face, clapton, calder, in_clapton, in_calder, friend, neighbour }
    }

    async fn confirm(&self, who: Actor, place: &str) -> Result<bool, Status> {
        let request = pb::ConfirmPlaceLinkRequest { request_id: self.stage.id(), place: place.into() };
        Ok(self.face.confirm_place_link(by(who, request)).await?.into_inner().stands)
    }

    async fn show(&self, who: Actor, place: &str, readers: &[Actor]) -> Result<(), Status> {
        let reader_person_ids = readers.iter().map(|reader| reader.id().to_string()).collect();
        let (request_id, place) = (self.stage.id(), place.to_owned());
        let request = pb::ShowPlaceLinkRequest { request_id, place, reader_person_ids };
        self.face.show_place_link(by(who, request)).await.map(|_| ())
    }

    async fn withdraw(&self, who: Actor, place: &str) {
        let request = pb::WithdrawPlaceLinkRequest { request_id: self.stage.id(), place: place.into() };
        self.face.withdraw_place_link(by(who, request)).await.expect("taken back");
    }

    async fn list(&self, reader: Actor, person: Actor) -> Result<Vec<pb::PlaceLink>, Status> {
        let request = pb::ListPlaceLinksRequest { person_id: person.id().to_string() };
        Ok(self.face.list_place_links(by(reader, request)).await?.into_inner().links)
    }

    /// The short names of the other places that are seen.
    async fn seen(&self, reader: Actor, person: Actor) -> Vec<String> {
        self.list(reader, person).await.expect("a list").into_iter().map(|link| link.place).collect()
    }

    async fn is_hidden(&self, reader: Actor, person: Actor) -> bool {
        let refused = self.list(reader, person).await.expect_err("hidden");
        reason(&refused) == (Code::NotFound, "NOT_FOUND".into())
    }

    /// Said in both places, and shown to the friend in the first.
    async fn linked(&self) {
        assert!(!self.confirm(self.in_clapton, "calder").await.expect("said"));
        assert!(self.confirm(self.in_calder, "clapton").await.expect("said"));
        self.show(self.in_clapton, "calder", &[self.friend]).await.expect("shown");
        assert_eq!(self.seen(self.friend, self.in_clapton).await, ["calder"]);
    }

    async fn left_over(&self) -> (i64, i64) {
        (self.stage.count("place_link").await, self.stage.count("place_link_reader").await)
    }
}

/// Proves ID-53: the person alone makes a link, signed in to each of the two places; before, neither learns anything; then
/// those see it whom they say, and nobody else; one call from either side takes it back.
#[tokio::test]
async fn a_person_tells_one_place_of_the_other_and_takes_it_back() {
    let two = Two::new().await;
    let (here, there, friend) = (two.in_clapton, two.in_calder, two.friend);
    let told_before = two.stage.written().await.len();

    // Whether there is such a place is not told.
    let nobody = two.confirm(here, "calverley").await.expect_err("nobody there");
    let nothing = two.confirm(here, "nowhere").await.expect_err("no such place");
    assert_eq!(reason(&nobody), (Code::NotFound, "NOT_FOUND".into()));
    assert_eq!(all_of(&nobody), all_of(&nothing));
    assert_eq!(reason(&two.confirm(here, "clapton").await.expect_err("one place")), reason(&nothing));

    // Said in one alone it is nothing yet, for anybody.
    assert!(!two.confirm(here, "calder").await.expect("said"));
    assert!(!two.confirm(here, "calder").await.expect("again"), "said twice in one place is said in one");
    assert_eq!(two.seen(here, here).await, [""; 0]);
    assert_eq!(two.seen(there, there).await, [""; 0]);
    let early = two.show(here, "calder", &[friend]).await.expect_err("it does not stand");
    assert_eq!(reason(&early), (Code::NotFound, "NOT_FOUND".into()));

    // Said in both it stands, for the person alone.
    assert!(two.confirm(there, "clapton").await.expect("said"));
    assert_eq!(
        (two.seen(here, here).await, two.seen(there, there).await),
        (vec!["calder".into()], vec!["clapton".into()])
    );
    for other in [friend, two.neighbour, two.clapton.administrator] {
        assert!(two.is_hidden(other, here).await);
    }
    assert!(two.is_hidden(two.calder.administrator, there).await);

    // Shown to one: to nobody else, and in the other place to nobody.
    two.show(here, "calder", &[friend]).await.expect("shown");
    let seen = two.list(friend, here).await.expect("shown").remove(0);
    assert_eq!((seen.place.as_str(), seen.display_name.as_str()), ("calder", "A Co-op"));
    assert_eq!(seen.reader_person_ids, [""; 0], "to whom else is the person's to know");
    assert_eq!(two.list(here, here).await.expect("own")[0].reader_person_ids, [friend.id().to_string()]);
    for other in [two.neighbour, two.clapton.administrator] {
        assert!(two.is_hidden(other, here).await);
    }
    assert!(two.is_hidden(two.calder.administrator, there).await);
    let mut admin = two.stage.world.admin(&two.stage.host).await;
    let basis: Vec<String> = sqlx::query_scalar(
        "select basis from platform.audit where action = 'ListPlaceLinks' and actor_id = $1 and allowed",
    )
    .bind(friend.id())
    .fetch_all(&mut admin)
    .await
    .expect("the audit");
    assert_eq!(basis, ["shown"]);
    let named: i64 = sqlx::query_scalar(
        "select count(*) from platform.audit where action = 'ListPlaceLinks' and actor_id = $1 and person_id = $2
             and allowed",
    )
    .bind(here.id())
    .bind(friend.id())
    .fetch_one(&mut admin)
    .await
    .expect("the audit");
    assert_eq!(named, 1, "whom the person's own list named is written down");
    two.show(here, "calder", &[two.neighbour]).await.expect("shown to another");
    assert!(two.is_hidden(friend, here).await);
    two.show(here, "calder", &[friend]).await.expect("shown");

    // No event, and in neither tenant's rows anything of the other: no id, no name.
    assert_eq!(two.stage.written().await.len(), told_before, "no event tells of it");
    let account: kith_platform::id::Uuid =
        sqlx::query_scalar("select id from signin.account where email_lower = $1")
            .bind(EMAIL)
            .fetch_one(&mut admin)
            .await
            .expect("the account");
    let of = |place: &Place, who: Actor, slug: &str| {
        vec![place.tenant.id.clone(), who.id().to_string(), account.to_string(), slug.to_owned()]
    };
    let (clapton, calder) = (of(&two.clapton, here, "clapton"), of(&two.calder, there, "calder"));
    let (rows, named) = rows_that_name(
        &mut admin,
        &[(&two.clapton.tenant.id, calder.clone()), (&two.calder.tenant.id, clapton)],
    )
    .await;
    assert_eq!(named, Vec::<String>::new());
    // Somebody of the other place who tries the person's id here finds nobody.
    assert!(two.is_hidden(two.calder.administrator, here).await);
    // Nor in what the person, or who may see it, is given to take away: a bundle is made in one place.
    let rights = RightsFace::new(Desk::new(two.stage.host.clone()));
    for (who, table) in [(here, "signin.place_link"), (friend, "signin.place_link_reader")] {
        let rows = rights.export_sign_in(by(who, pb::ExportSignInRequest {})).await.expect("theirs");
        let rows = rows.into_inner().rows;
        assert!(rows.iter().any(|row| row.table == table), "{table}");
        let text: String = rows.iter().map(|row| row.json.as_str()).collect();
        let named: Vec<&String> = calder.iter().filter(|word| **word != account.to_string()).collect();
        assert!(named.iter().all(|word| !text.contains(word.as_str())), "{text}");
    }

    // One call from the other side takes it back for everybody; made anew, nobody sees it that did before.
    two.withdraw(there, "clapton").await;
    two.withdraw(there, "clapton").await;
    assert_eq!(two.left_over().await, (0, 0));
    assert!(two.is_hidden(friend, here).await);
    assert_eq!(two.seen(here, here).await, [""; 0]);
    two.confirm(there, "clapton").await.expect("said");
    two.confirm(here, "calder").await.expect("said");
    assert!(two.is_hidden(friend, here).await);
    println!(
        "ID-53: {rows} rows of two tenants, 0 that name the other; events about it 0; readers 1 of 1 shown to"
    );
}

/// Whoever runs a place's outside provider could begin a session there: with such a session nothing is found out about
/// other places, nor told.
#[tokio::test]
async fn a_session_through_a_places_provider_learns_of_no_other_place() {
    let two = Two::new().await;
    two.linked().await;
    let mut admin = two.stage.world.admin(&two.stage.host).await;
    sqlx::query("update signin.refresh_family set method = 'provider' where person_id = $1")
        .bind(two.in_clapton.id())
        .execute(&mut admin)
        .await
        .expect("as if it had begun there");
    let answers = [
        two.confirm(two.in_clapton, "calder").await.map(|_| ()),
        two.confirm(two.in_clapton, "nowhere").await.map(|_| ()),
        two.show(two.in_clapton, "calder", &[two.neighbour]).await,
        two.list(two.in_clapton, two.in_clapton).await.map(|_| ()),
    ];
    for answer in answers {
        assert_eq!(reason(&answer.expect_err("refused")).1, "SIGN_IN_AGAIN");
    }
    assert!(two.is_hidden(two.neighbour, two.in_clapton).await);
    two.withdraw(two.in_clapton, "nowhere").await;
    two.withdraw(two.in_clapton, "calder").await;
    assert_eq!(two.left_over().await, (0, 0), "taking it back works with any session");
}

/// A link goes with either place: when the person leaves it or is erased there. In a place that accepts no changes it is
/// taken back all the same.
#[tokio::test]
async fn a_link_goes_with_either_place_and_is_taken_back_in_any_state() {
    let two = Two::new().await;
    let desk = Desk::new(two.stage.host.clone());
    two.linked().await;
    let live = pb::GoLiveRequest { request_id: two.stage.id() };
    two.stage.tenants.go_live(by(two.clapton.administrator, live)).await.expect("live");
    let life = TenantLifeFace::new(desk.clone());
    let (request_id, tenant_id) = (two.stage.id(), two.clapton.tenant.id.clone());
    let suspend = pb::SuspendTenantRequest { request_id, tenant_id: tenant_id.clone() };
    life.suspend_tenant(by(two.operator, suspend)).await.expect("suspended");
    two.withdraw(two.in_clapton, "calder").await;
    assert_eq!(two.left_over().await, (0, 0), "taken back while suspended");
    let resume = pb::ResumeTenantRequest { request_id: two.stage.id(), tenant_id };
    life.resume_tenant(by(two.operator, resume)).await.expect("resumed");

    // Who could see it leaves: that they could goes with them.
    two.linked().await;
    let leaving = LeavingFace::new(desk.clone());
    let leave = || pb::LeaveTenantRequest { request_id: two.stage.id() };
    leaving.leave_tenant(by(two.friend, leave())).await.expect("left");
    assert_eq!(two.left_over().await, (2, 0));
    assert!(two.is_hidden(two.friend, two.in_clapton).await);

    // The person leaves the other place.
    leaving.leave_tenant(by(two.in_calder, leave())).await.expect("left");
    assert_eq!(two.left_over().await, (0, 0));
    assert_eq!(two.seen(two.in_clapton, two.in_clapton).await, [""; 0]);

    // The person is erased in one of two places.
    let again = two.stage.joined(&two.calder, EMAIL, &[]).await;
    two.confirm(two.in_clapton, "calder").await.expect("said");
    assert!(two.confirm(again, "clapton").await.expect("said"));
    two.show(two.in_clapton, "calder", &[two.neighbour]).await.expect("shown");
    assert_eq!(two.left_over().await, (2, 1));
    let rights = RightsFace::new(desk);
    let ask = pb::AskErasureRequest { request_id: two.stage.id(), person_id: String::new() };
    let asked = rights.ask_erasure(by(again, ask)).await.expect("asked").into_inner();
    let erasure_id = asked.erasure.expect("an erasure").id;
    let order = pb::OrderErasureRequest { request_id: two.stage.id(), erasure_id };
    rights.order_erasure(by(two.calder.administrator, order)).await.expect("ordered");
    assert_eq!(two.left_over().await, (0, 0));
    assert_eq!(two.seen(two.in_clapton, two.in_clapton).await, [""; 0]);
    assert!(two.is_hidden(two.neighbour, two.in_clapton).await);
}
