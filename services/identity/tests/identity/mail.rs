//! Mail, and what becomes uniform by it: nobody learns whether an address has an account.

use chrono::Duration;
use kith_identity::{
    Desk, LeavingFace, MailDone, PeopleFace, RightsFace, SERVICE, SignInFace, TenantsFace, deliver_mail,
    queue_mail_about_looks,
};
use kith_platform::config::{Config, MailTls};
use kith_platform::context::Actor;
use kith_platform::id::Uuid;
use kith_platform::provision::put_secret;
use kith_platform::testing::reason;
use kith_proto::common::v1::{BreakGlassSnapshot, OrganisationRole::PrivacyLead};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::leaving_service_server::LeavingService as _;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::rights_service_server::RightsService as _;
use kith_proto::identity::v1::sign_in_service_server::SignInService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use kith_proto::teams::v1 as teams;
use prost::Message as _;
use tonic::{Code, Request, Response, Status};

use crate::smtp::MailServer;
use crate::stage::{PASSWORD, Place, Stage, by};

const FREE: &str = "free@elsewhere.example";
const TAKEN: &str = "taken@clapton.example";
const OTHER_PASSWORD: &str = "a password of another kind";

/// A host that sends mail, with a place that was set up before it did.
struct Mailed {
    stage: Stage,
    operator: Actor,
    place: Place,
    desk: Desk,
    people: PeopleFace,
    tenants: TenantsFace,
    sign_in: SignInFace,
    server: MailServer,
}

fn sent(sent: usize) -> MailDone {
    MailDone { sent, ..MailDone::default() }
}

fn postponed(postponed: usize) -> MailDone {
    MailDone { postponed, ..MailDone::default() }
}

fn not_valid() -> (Code, String) {
    (Code::FailedPrecondition, "INVITATION_NOT_VALID".into())
}

impl Mailed {
    async fn up() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let stage = Stage::new().await;
        let operator = stage.operator().await;
        let place = stage.place(operator, "clapton").await;
        let server = MailServer::start().await;
        let mut config = stage.host.config().clone();
        config.mail.host = server.address.ip().to_string();
        config.mail.port = server.address.port();
        config.mail.tls = MailTls::None;
        config.mail.from = "kith@host.example".into();
        // Sent by call, never by itself.
        config.mail.poll_seconds = 3600;
        change(&mut config);
        let host = stage.world.host_with(&SERVICE, config).await;
        let desk = Desk::new(host);
        Self {
            people: PeopleFace::new(desk.clone()),
            tenants: TenantsFace::new(desk.clone()),
            sign_in: SignInFace::new(desk.clone()),
            stage,
            operator,
            place,
            desk,
            server,
        }
    }

    async fn deliver(&self) -> MailDone {
        deliver_mail(&self.desk).await.expect("looked at")
    }

    fn later(&self, by: Duration) {
        self.stage.world.clock.advance(by);
    }

    /// Invites somebody; answers the person's id and the code.
    async fn invite(&self, email: &str) -> (String, String) {
        let request = pb::InvitePersonRequest { email: email.into(), ..self.stage.invitation(&[]) };
        self.invite_by(request).await
    }

    async fn invite_by(&self, request: pb::InvitePersonRequest) -> (String, String) {
        let answer = self.people.invite_person(by(self.place.administrator, request)).await.expect("invited");
        let answer = answer.into_inner();
        (answer.person.expect("a person").id, answer.invitation)
    }

    async fn ask(
        &self,
        code: &str,
        email: &str,
        password: &str,
    ) -> Result<Response<pb::AcceptInvitationResponse>, Status> {
        let request = pb::AcceptInvitationRequest {
            request_id: self.stage.id(),
            invitation: code.into(),
            email: email.into(),
            password: password.into(),
        };
        self.people.accept_invitation(Request::new(request)).await
    }

    async fn confirm(
        &self,
        code: &str,
        password: &str,
    ) -> Result<Response<pb::ConfirmInvitationResponse>, Status> {
        let request = pb::ConfirmInvitationRequest {
            request_id: self.stage.id(),
            confirmation: code.into(),
            password: password.into(),
        };
        self.people.confirm_invitation(Request::new(request)).await
    }

    /// Takes an invitation up as far as the mail, and answers the code in it.
    async fn asked(&self, code: &str, email: &str, password: &str) -> String {
        let answer = self.ask(code, email, password).await.expect("asked").into_inner();
        assert!(answer.confirmation_sent);
        assert_eq!(self.deliver().await, sent(1));
        let mail = self.server.take().pop().expect("a mail");
        assert_eq!(mail.to, [email]);
        mail.code()
    }

    /// Somebody with an account, who joined before the host sent mail.
    async fn taken(&self) -> Actor {
        self.stage.joined(&self.place, TAKEN, &[]).await
    }

    /// Every row of every table that holds one of these, as the administrator of the database sees it.
    async fn rows_with(&self, needles: &[&str]) -> Vec<String> {
        let mut admin = self.stage.world.admin(&self.stage.host).await;
        let tables: Vec<String> = sqlx::query_scalar(
            "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema') order by 1",
        )
        .fetch_all(&mut admin)
        .await
        .expect("the tables");
        let mut found = Vec::new();
        for table in tables {
            for needle in needles {
                let query = sqlx::AssertSqlSafe(format!(
                    "select count(*) from {table} t where position($1 in t::text) > 0 or position($2 in t::text) > 0"
                ));
                let hex = kith_platform::id::hex(needle.as_bytes());
                let count: i64 = sqlx::query_scalar(query)
                    .bind(needle)
                    .bind(hex)
                    .fetch_one(&mut admin)
                    .await
                    .expect("a count");
                if count > 0 {
                    found.push(format!("{table}: {needle}"));
                }
            }
        }
        found
    }
}

/// Everything that a refusal says.
fn all_of(status: &Status) -> (Code, String, Vec<u8>, String) {
    (status.code(), status.message().into(), status.details().to_vec(), format!("{:?}", status.metadata()))
}

/// Proves ID-57: with mail configured the invitation of a tenant's first administrator is delivered.
#[tokio::test]
async fn an_invitation_is_mailed_and_confirmed_from_the_first_administrator_on() {
    let mailed = Mailed::up().await;
    let create = pb::CreateTenantRequest {
        administrator_email: "first@hackney.example".into(),
        mail_sender: "care@hackney.example".into(),
        display_name: "Hackney Carers".into(),
        ..mailed.stage.create("hackney")
    };
    let created = mailed.tenants.create_tenant(by(mailed.operator, create.clone())).await.expect("created");
    let code = created.into_inner().administrator_invitation;
    mailed.tenants.create_tenant(by(mailed.operator, create)).await.expect("again");
    assert_eq!(mailed.deliver().await, sent(1), "once, however often it is asked for");
    let mail = mailed.server.take().pop().expect("a mail");
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("kith@host.example", ["first@hackney.example".to_owned()].as_slice())
    );
    assert_eq!(mail.header("From").as_deref(), Some("\"Hackney Carers\" <care@hackney.example>"));
    assert_eq!(mail.header("Sender").as_deref(), Some("kith@host.example"));
    assert_eq!(mail.header("Subject").as_deref(), Some("Your invitation from Hackney Carers"));
    assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
    assert_eq!(mail.code(), code);
    assert!(mail.body().contains("http://localhost:8080"), "{}", mail.body());
    assert_eq!(mailed.rows_with(&["first@hackney.example", &code]).await, Vec::<String>::new());

    let confirmation = mailed.asked(&code, "first@hackney.example", PASSWORD).await;
    assert_ne!(confirmation, code);
    let refused = mailed.stage.attempt("first@hackney.example", PASSWORD).await.expect_err("not yet");
    assert_eq!(refused.code(), Code::Unauthenticated);
    let joined = mailed.confirm(&confirmation, PASSWORD).await.expect("confirmed");
    assert!(joined.metadata().contains_key("kith-caused"), "the person has joined");
    let again = mailed.confirm(&confirmation, PASSWORD).await.expect("the same again").into_inner();
    assert_eq!((joined.get_ref().tenant.as_str(), &again), ("hackney", joined.get_ref()));
    let tokens = mailed.stage.tokens("first@hackney.example", "").await;
    assert_eq!(mailed.stage.actor(&tokens).id().to_string(), again.person_id);
    let left = mailed.rows_with(&["first@hackney.example", &code, &confirmation]).await;
    assert_eq!(left, ["signin.account: first@hackney.example"], "what one signs in with, and nothing else");
    assert_eq!(mailed.stage.count("mail").await, 0);
}

#[tokio::test]
async fn somebody_invited_is_mailed_once_an_address_and_again_at_another() {
    let mailed = Mailed::up().await;
    let request = pb::InvitePersonRequest { email: FREE.into(), ..mailed.stage.invitation(&[]) };
    let (id, code) = mailed.invite_by(request.clone()).await;
    assert_eq!(mailed.invite_by(request.clone()).await, (id.clone(), code.clone()), "the same again");
    assert_eq!(mailed.deliver().await, sent(1));
    let mail = mailed.server.take().pop().expect("a mail");
    assert_eq!(mail.header("From").as_deref(), Some("\"A Co-op\" <kith@host.example>"));
    assert_eq!((mail.header("Sender"), mail.code()), (None, code.clone()));
    // A typing error in the address: the same person, sent there too.
    let other = pb::InvitePersonRequest {
        request_id: mailed.stage.id(),
        id: id.clone(),
        email: "fr\u{e9}e@elsewhere.example".into(),
        ..request.clone()
    };
    assert_eq!(mailed.invite_by(other).await, (id.clone(), code.clone()));
    let refused = MailDone { refused: 1, ..MailDone::default() };
    assert_eq!(mailed.deliver().await, refused, "this server takes no such address");
    let other = pb::InvitePersonRequest {
        request_id: mailed.stage.id(),
        id: id.clone(),
        email: "other@elsewhere.example".into(),
        ..request
    };
    assert_eq!(mailed.invite_by(other).await, (id, code));
    assert_eq!(mailed.deliver().await, sent(1));
    assert_eq!(mailed.server.take().pop().expect("a mail").to, ["other@elsewhere.example"]);
    let addresses = [FREE, "other@elsewhere.example", "elsewhere.example"];
    assert_eq!(mailed.rows_with(&addresses).await, Vec::<String>::new(), "none is kept");
}

/// Proves ID-55. Whether an address has an account can be told neither by the answer nor by the work it takes, and who
/// reads the mail alone decides.
#[tokio::test]
async fn every_address_is_answered_alike_and_the_place_is_linked_to_the_account_that_is_there() {
    let mailed = Mailed::up().await;
    let own = mailed.taken().await;
    let hackney = mailed.stage.place(mailed.operator, "hackney").await;
    let request = mailed.stage.invitation(&[]);
    let answer = mailed.people.invite_person(by(hackney.administrator, request)).await.expect("invited");
    let code = answer.into_inner().invitation;
    let (mut answers, mut works, mut subjects) = (Vec::new(), Vec::new(), Vec::new());
    let mut confirmations = Vec::new();
    for email in [FREE, TAKEN] {
        let before = mailed.desk.passwords_worked();
        let answer = mailed.ask(&code, email, OTHER_PASSWORD).await.expect("asked");
        works.push(mailed.desk.passwords_worked() - before);
        answers.push((answer.get_ref().encode_to_vec(), format!("{:?}", answer.metadata())));
        assert!(answer.get_ref().confirmation_sent);
        assert_eq!(mailed.deliver().await, sent(1));
        let mail = mailed.server.take().pop().expect("a mail");
        confirmations.push(mail.code());
        subjects.push((mail.header("Subject"), mail.body().replace(&mail.code(), "")));
    }
    assert_eq!(answers[0], answers[1], "field for field");
    assert_eq!(subjects[0], subjects[1]);
    assert_eq!(works, [1, 1]);
    // A password that could never be one is refused before anything is looked at, and alike.
    let short = [mailed.ask(&code, FREE, "short").await, mailed.ask(&code, TAKEN, "short").await];
    let [free, taken] = short.map(|answer| all_of(&answer.expect_err("refused")));
    assert_eq!(free, taken);

    let (accounts, sessions) =
        (mailed.stage.count("account").await, mailed.stage.count("refresh_family").await);
    let before = mailed.desk.passwords_worked();
    let linked = mailed.confirm(&confirmations[1], OTHER_PASSWORD).await.expect("confirmed").into_inner();
    let worked = mailed.desk.passwords_worked() - before;
    assert_eq!(linked.tenant, "hackney");
    assert_eq!(mailed.stage.count("account").await, accounts, "no second account");
    assert_eq!(mailed.stage.count("refresh_family").await, sessions, "nobody is signed in by it");
    let refused = mailed.stage.attempt(TAKEN, OTHER_PASSWORD).await.expect_err("not the account's password");
    assert_eq!(reason(&refused), (Code::Unauthenticated, "SIGN_IN_REFUSED".into()));
    let choice = mailed.stage.attempt(TAKEN, PASSWORD).await.expect("signed in");
    assert_eq!(choice.tenants, ["clapton", "hackney"]);
    let here = mailed.stage.tokens(TAKEN, "clapton").await;
    assert_eq!(mailed.stage.actor(&here).id(), own.id(), "who they are elsewhere stays");
    // The other address that was given with it is forgotten with the code that it was sent.
    let spent = mailed.confirm(&confirmations[0], OTHER_PASSWORD).await.expect_err("spent");
    assert_eq!(reason(&spent), not_valid());
    // A used code is refused alike, whatever address it comes with.
    let used = [FREE, TAKEN].map(|email| mailed.ask(&code, email, OTHER_PASSWORD));
    let used = futures_util::future::join_all(used).await;
    let used: Vec<_> = used.into_iter().map(|answer| all_of(&answer.expect_err("used"))).collect();
    assert_eq!(used[0], used[1]);

    let (_, code) = mailed.invite("").await;
    let confirmation = mailed.asked(&code, FREE, OTHER_PASSWORD).await;
    let before = mailed.desk.passwords_worked();
    mailed.confirm(&confirmation, OTHER_PASSWORD).await.expect("confirmed");
    assert_eq!(mailed.desk.passwords_worked() - before, worked, "the same work with a new account");
    mailed.stage.attempt(FREE, OTHER_PASSWORD).await.expect("signed in").tokens.expect("one place");
    println!(
        "ID-55: answers to a free and a taken address equal in every field, hashes to ask {works:?}, to confirm \
         {worked} each"
    );
}

#[tokio::test]
async fn what_may_not_be_confirmed_is_like_a_code_that_never_was() {
    let mailed = Mailed::up().await;
    let never = all_of(&mailed.confirm("kith-nonsense", PASSWORD).await.expect_err("never was"));
    let (_, code) = mailed.invite("").await;
    let confirmation = mailed.asked(&code, FREE, PASSWORD).await;
    // Who reads the mail and did not choose the password makes no account for who did.
    let other = mailed.confirm(&confirmation, OTHER_PASSWORD).await.expect_err("another's password");
    assert_eq!(all_of(&other), never);
    let invitation = mailed.confirm(&code, PASSWORD).await.expect_err("a code of another kind");
    assert_eq!(all_of(&invitation), never);
    // Foreign: the code for one address does nothing for what another gave.
    let (_, second) = mailed.invite("").await;
    mailed.asked(&second, "second@elsewhere.example", OTHER_PASSWORD).await;
    let foreign = mailed.confirm(&confirmation, OTHER_PASSWORD).await.expect_err("foreign");
    assert_eq!(all_of(&foreign), never);
    // A day later.
    mailed.later(Duration::hours(24));
    let over = mailed.confirm(&confirmation, PASSWORD).await.expect_err("over");
    assert_eq!(all_of(&over), never);
    assert_eq!(mailed.deliver().await, sent(0));
    assert_eq!(mailed.stage.count("confirmation").await, 0, "forgotten");
    // Somebody who has left takes nothing up, nor is anything sent to them.
    let (person, code) = mailed.invite("").await;
    let confirmation = mailed.asked(&code, FREE, PASSWORD).await;
    mailed.ask(&code, "waiting@elsewhere.example", PASSWORD).await.expect("asked");
    let asked_on = mailed.stage.world.clock.now().date_naive().to_string();
    let close = pb::ClosePlaceRequest { request_id: mailed.stage.id(), person_id: person, asked_on };
    let leaving = LeavingFace::new(mailed.desk.clone());
    leaving.close_place(by(mailed.place.administrator, close)).await.expect("closed");
    let left = mailed.confirm(&confirmation, PASSWORD).await.expect_err("left");
    assert_eq!(all_of(&left), never);
    assert_eq!((mailed.deliver().await, mailed.stage.count("mail").await), (sent(0), 0));
    // The invitation itself ran out between.
    let (_, code) = mailed.invite("").await;
    mailed.later(Duration::days(14) - Duration::hours(1));
    let confirmation = mailed.asked(&code, FREE, PASSWORD).await;
    mailed.later(Duration::hours(2));
    let over = mailed.confirm(&confirmation, PASSWORD).await.expect_err("the invitation is over");
    assert_eq!(all_of(&over), never);
    assert_eq!(mailed.stage.count("account").await, 2, "operator and administrator: nobody else");
}

#[tokio::test]
async fn a_code_asks_for_five_mails_until_it_is_opened_anew() {
    let mailed = Mailed::up().await;
    let (person, code) = mailed.invite("").await;
    mailed.ask(&code, FREE, PASSWORD).await.expect("asked");
    mailed.ask(&code, FREE, OTHER_PASSWORD).await.expect("again while it waits: no second mail");
    assert_eq!(mailed.deliver().await, sent(1));
    let first = mailed.server.take().pop().expect("a mail").code();
    assert_eq!(mailed.asked(&code, FREE, OTHER_PASSWORD).await, first, "the mail may have been lost");
    for at in 0..3 {
        mailed.asked(&code, &format!("another{at}@elsewhere.example"), PASSWORD).await;
    }
    for email in [FREE, "sixth@elsewhere.example"] {
        let refused = mailed.ask(&code, email, PASSWORD).await.expect_err("enough");
        assert_eq!(reason(&refused), not_valid());
    }
    let again = pb::InvitePersonRequest { id: person, ..mailed.stage.invitation(&[]) };
    assert_eq!(mailed.invite_by(again).await.1, code);
    mailed.later(Duration::minutes(16));
    mailed.asked(&code, "sixth@elsewhere.example", PASSWORD).await;
    mailed
        .confirm(&first, OTHER_PASSWORD)
        .await
        .expect("what was asked before still holds, by the newest password");
    mailed.stage.attempt(FREE, OTHER_PASSWORD).await.expect("signed in");
    // One network asks so often, and then rests.
    mailed.later(Duration::minutes(16));
    let mut asked = 0;
    let refused = 'asking: loop {
        let (_, code) = mailed.invite("").await;
        for at in 0..5 {
            let email = format!("person{at}@elsewhere.example");
            if let Err(refused) = mailed.ask(&code, &email, PASSWORD).await {
                break 'asking refused;
            }
            asked += 1;
        }
        assert!(asked < 1000, "it never rests");
    };
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS".into()));
    assert_eq!(asked, 300);
}

#[tokio::test]
async fn a_server_that_is_down_loses_nothing_and_two_replicas_send_once() {
    let mut mailed = Mailed::up().await;
    let mut addresses: Vec<String> = (0..12).map(|at| format!("person{at}@elsewhere.example")).collect();
    mailed.server.stop().await;
    for address in &addresses {
        mailed.invite(address).await;
    }
    assert_eq!(mailed.deliver().await, postponed(12));
    assert_eq!(mailed.deliver().await, sent(0), "not before it is due");
    mailed.later(Duration::minutes(1));
    assert_eq!(mailed.deliver().await, postponed(12));
    mailed.server.start_again().await;
    mailed.later(Duration::minutes(1));
    assert_eq!(mailed.deliver().await, sent(0), "the pause has doubled");
    mailed.later(Duration::minutes(1));
    let replica = Desk::new(mailed.stage.world.host_with(&SERVICE, with_mail(&mailed)).await);
    let (one, two) = tokio::join!(deliver_mail(&mailed.desk), deliver_mail(&replica));
    let (one, two) = (one.expect("looked at"), two.expect("looked at"));
    assert_eq!(one.sent + two.sent, 12, "{one:?} {two:?}");
    assert!(one.sent > 0 && two.sent > 0, "both took part: {one:?} {two:?}");
    let mut got: Vec<String> = mailed.server.take().into_iter().flat_map(|mail| mail.to).collect();
    got.sort();
    addresses.sort();
    assert_eq!(got, addresses, "each once");
    mailed.later(Duration::hours(3));
    assert_eq!((mailed.deliver().await, mailed.stage.count("mail").await), (sent(0), 0));
    println!(
        "mail: server down for 2 rounds, waiting 12, lost 0, sent twice 0 ({} and {})",
        one.sent, two.sent
    );
}

fn with_mail(mailed: &Mailed) -> Config {
    let mut config = mailed.stage.host.config().clone();
    config.mail.host = mailed.server.address.ip().to_string();
    config.mail.port = mailed.server.address.port();
    config.mail.tls = MailTls::None;
    config.mail.from = "kith@host.example".into();
    config.mail.poll_seconds = 3600;
    config
}

#[tokio::test]
async fn a_refusal_for_now_is_tried_again_for_a_day_and_one_for_good_is_not() {
    let mailed = Mailed::up().await;
    // For now, at each step; also what is between host and server, whatever the server says to it.
    for (verb, reply) in [
        ("RCPT", "450 come back"),
        ("DATA", "451 come back"),
        ("CONTENT", "452 full"),
        ("MAIL", "550 you may not"),
        ("EHLO", "554 nobody may"),
        ("RCPT", "421 going down"),
    ] {
        mailed.invite(FREE).await;
        mailed.server.answer(verb, reply);
        assert_eq!(mailed.deliver().await, postponed(1), "{verb} {reply}");
        mailed.server.answer(verb, "");
        mailed.later(Duration::minutes(1));
        assert_eq!(mailed.deliver().await, sent(1), "{verb} {reply}");
        assert_eq!(mailed.server.take().len(), 1);
    }
    // For good.
    for (verb, reply) in [("RCPT", "550 nobody here"), ("CONTENT", "554 spam")] {
        mailed.invite(FREE).await;
        mailed.server.answer(verb, reply);
        assert_eq!(mailed.deliver().await, MailDone { refused: 1, ..MailDone::default() }, "{verb}");
        mailed.server.answer(verb, "");
        assert_eq!(mailed.stage.count("mail").await, 0);
    }
    // For now, for too long.
    mailed.invite(FREE).await;
    mailed.server.answer("RCPT", "450 come back");
    let mut tries = 0;
    loop {
        mailed.later(Duration::minutes(30));
        tries += 1;
        let done = mailed.deliver().await;
        if done.given_up == 1 {
            break;
        }
        assert!(done.postponed <= 1 && tries < 100, "{done:?}");
    }
    assert_eq!(tries, 48, "a day");
    assert_eq!(mailed.stage.count("mail").await, 0);
    assert_eq!(mailed.rows_with(&[FREE]).await, Vec::<String>::new(), "nor is the address kept");
}

#[tokio::test]
async fn a_server_that_asks_who_we_are_is_told_and_a_wrong_password_loses_no_mail() {
    let mailed = Mailed::with(|config| {
        config.mail.user = "kith".into();
        put_secret(&config.secrets.folder, "mail", "not the password").expect("a secret");
    })
    .await;
    mailed.server.wants("kith", "the password");
    mailed.invite(FREE).await;
    assert_eq!(mailed.deliver().await, postponed(1));
    mailed.later(Duration::minutes(1));
    let mut config = with_mail(&mailed);
    config.mail.user = "kith".into();
    put_secret(&config.secrets.folder, "mail", "the password").expect("a secret");
    let desk = Desk::new(mailed.stage.world.host_with(&SERVICE, config).await);
    assert_eq!(deliver_mail(&desk).await.expect("looked at"), sent(1));
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_offers_no_privacy() {
    for tls in [MailTls::Starttls, MailTls::Tls] {
        let mailed = Mailed::with(|config| config.mail.tls = tls).await;
        mailed.invite(FREE).await;
        assert_eq!(mailed.deliver().await, postponed(1), "{tls:?}");
        let said = mailed.server.said().join("\n");
        assert!(!said.contains("MAIL") && !said.contains("example"), "{said}");
    }
}

#[tokio::test]
async fn who_is_signed_out_by_a_reused_token_is_written_to_and_an_erasure_takes_the_mail_with_it() {
    let mailed = Mailed::up().await;
    let person = mailed.taken().await;
    let reuse = async || {
        let old = mailed.stage.tokens(TAKEN, "").await.refresh_token;
        for _ in 0..3 {
            let request = pb::RefreshRequest { refresh_token: old.clone() };
            mailed.sign_in.refresh(Request::new(request)).await.ok();
        }
    };
    reuse().await;
    assert_eq!(mailed.deliver().await, sent(1), "once a session, however often it comes");
    let mail = mailed.server.take().pop().expect("a mail");
    assert_eq!(mail.to, [TAKEN]);
    assert!(
        mail.body().contains("A Co-op")
            && mail.header("Subject").is_some_and(|subject| !subject.contains('{'))
    );

    reuse().await;
    assert_eq!(mailed.stage.count("mail").await, 1);
    let rights = RightsFace::new(mailed.desk.clone());
    let ask = pb::AskErasureRequest { request_id: mailed.stage.id(), person_id: String::new() };
    let erasure = rights.ask_erasure(by(person, ask)).await.expect("asked").into_inner().erasure;
    let erasure_id = erasure.expect("an erasure").id;
    let order = pb::OrderErasureRequest { request_id: mailed.stage.id(), erasure_id };
    rights.order_erasure(by(mailed.place.administrator, order)).await.expect("ordered");
    assert_eq!((mailed.stage.count("mail").await, mailed.deliver().await), (0, sent(0)));
    assert_eq!(mailed.rows_with(&[TAKEN]).await, Vec::<String>::new());
}

/// Proves ID-52: who is told of an emergency look is written to, with nothing of it in the mail.
#[tokio::test]
async fn who_is_told_of_an_emergency_look_is_written_to_once_and_told_nothing_of_it() {
    let mailed = Mailed::up().await;
    let person = mailed.taken().await;
    let lead = mailed.stage.joined(&mailed.place, "lead@clapton.example", &[PrivacyLead]).await;
    let (tenant, look) = (person.tenant().expect("a tenant"), Uuid::from_u128(77));
    let now = mailed.stage.world.clock.now();
    let time = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
    let state = BreakGlassSnapshot {
        break_glass_id: look.to_string(),
        person_id: person.id().to_string(),
        opened_by_person_id: mailed.place.administrator.id().to_string(),
        open_time: Some(time(now.timestamp())),
        end_time: Some(time(now.timestamp() + 3600)),
    };
    let event = teams::BreakGlassOpened { state: Some(state) };
    mailed.stage.world.deliver(&mailed.stage.host, tenant, look, 1, &event).await;
    for _ in 0..2 {
        assert_eq!(queue_mail_about_looks(&mailed.desk).await.expect("looked"), 2);
    }
    assert_eq!(mailed.deliver().await, sent(2));
    let mut mails = mailed.server.take();
    mails.sort_by_key(|mail| mail.to.clone());
    assert_eq!(
        mails.iter().map(|mail| mail.to[0].as_str()).collect::<Vec<_>>(),
        ["lead@clapton.example", TAKEN]
    );
    for mail in &mails {
        for secret in [
            "Giver One",
            "Administrator",
            "teams",
            &look.to_string(),
            &person.id().to_string(),
            &lead.id().to_string(),
        ] {
            assert!(!mail.text.contains(secret), "{secret}: {}", mail.text);
        }
    }
    queue_mail_about_looks(&mailed.desk).await.expect("looked");
    assert_eq!(mailed.deliver().await, sent(0), "once a look");
    mailed.later(Duration::hours(25));
    assert_eq!(queue_mail_about_looks(&mailed.desk).await.expect("looked"), 0, "no news any more");
    mailed.later(Duration::hours(24));
    assert_eq!((mailed.deliver().await, mailed.stage.count("mail").await), (sent(0), 0), "nor kept");
}

/// Without a mail server everything is as it was.
#[tokio::test]
async fn without_a_mail_server_an_invitation_is_taken_up_at_once_and_nothing_waits() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let request = pb::InvitePersonRequest { email: FREE.into(), ..stage.invitation(&[]) };
    let (_, code) = stage.invite(place.administrator, request).await;
    let answer = stage.accept(&code, FREE).await.expect("taken up");
    assert!(!answer.confirmation_sent);
    stage.attempt(FREE, PASSWORD).await.expect("signed in");
    assert_eq!(deliver_mail(&stage.desk).await.expect("looked"), sent(0));
    assert_eq!((stage.count("mail").await, stage.count("confirmation").await), (0, 0));
}
