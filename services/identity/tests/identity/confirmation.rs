//! Taking up an invitation by a mail to the address: nobody learns whether an address has an account.

use chrono::Duration;
use kith_identity::{LeavingFace, deliver_mail};
use kith_platform::testing::reason;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::leaving_service_server::LeavingService as _;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use prost::Message as _;
use tonic::Code;

use crate::mailed::{FREE, Mailed, OTHER_PASSWORD, TAKEN, all_of, not_valid, sent};
use crate::stage::{PASSWORD, Stage, by};

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
