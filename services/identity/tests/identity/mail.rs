//! Mail as it is handed in, over a real socket: what it says, to whom, and what becomes of it when no server takes it.

use chrono::Duration;
use kith_identity::{Desk, MailDone, RightsFace, SERVICE, deliver_mail, queue_mail_about_looks};
use kith_platform::config::MailTls;
use kith_platform::id::Uuid;
use kith_platform::provision::put_secret;
use kith_proto::common::v1::{BreakGlassSnapshot, OrganisationRole::PrivacyLead};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::rights_service_server::RightsService as _;
use kith_proto::identity::v1::sign_in_service_server::SignInService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use kith_proto::teams::v1 as teams;
use tonic::{Code, Request};

use crate::mailed::{FREE, Mailed, TAKEN, postponed, sent, with_mail};
use crate::stage::{PASSWORD, by};

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
    assert_eq!(mailed.invite_by(request.clone()).await, (id.clone(), code.clone()), "and again");
    assert_eq!(mailed.deliver().await, sent(0), "it was sent there");
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
    let replica =
        Desk::new(mailed.stage.world.host_with(&SERVICE, with_mail(&mailed.stage, &mailed.server)).await);
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
    // So is the mail about a confirmation, which is over by then itself.
    let (_, code) = mailed.invite("").await;
    mailed.ask(&code, FREE, PASSWORD).await.expect("asked");
    mailed.later(Duration::minutes(23 * 60 + 59));
    assert_eq!(mailed.deliver().await, postponed(1));
    mailed.later(Duration::minutes(1));
    assert_eq!(mailed.deliver().await, MailDone { given_up: 1, ..MailDone::default() });
    assert_eq!(mailed.stage.count("confirmation").await, 0);
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
    let mut config = with_mail(&mailed.stage, &mailed.server);
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
