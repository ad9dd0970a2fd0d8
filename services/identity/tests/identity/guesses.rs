//! Guessing passwords, and what an attacker may learn: nothing.

use std::time::Instant;

use chrono::Duration;
use kith_platform::testing::reason;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::sign_in_service_server::SignInService as _;
use tonic::{Code, Request, Status};

use crate::stage::{PASSWORD, Stage, from};

const EMAIL: &str = "first@clapton.example";

fn too_many() -> (Code, String) {
    (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS".into())
}

async fn guess(stage: &Stage, address: &str, email: &str, password: &str) -> Result<(), Status> {
    let request = pb::SignInRequest { email: email.into(), password: password.into(), ..Default::default() };
    stage.sign_in.sign_in(from(address, Request::new(request))).await.map(|_| ())
}

/// Proves ID-55. N4: 10,000 guesses from many networks at one account, and from one network at many accounts. Counted is
/// what reached the hash: refused before it is what costs nothing.
#[tokio::test]
async fn ten_thousand_guesses_get_nowhere() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let (mut reached, mut succeeded) = (0, 0);
    let mut note = |answer: Result<(), Status>| match answer {
        Ok(()) => succeeded += 1,
        Err(status) if reason(&status) == too_many() => {}
        Err(status) => {
            assert_eq!(reason(&status), (Code::Unauthenticated, "SIGN_IN_REFUSED".into()));
            reached += 1;
        }
    };
    // Many networks at one account; the right password is among the guesses, too late.
    for at in 0..5000 {
        let network = format!("10.{}.{}.{}", at / 62500, at / 250 % 250, at % 250 + 1);
        let password = if at == 4000 { PASSWORD.to_owned() } else { format!("guess number {at}") };
        note(guess(&stage, &network, EMAIL, &password).await);
    }
    let by_account = reached;
    // One network (a /64 of IPv6) at many accounts.
    let mut note = |answer: Result<(), Status>| match answer {
        Ok(()) => succeeded += 1,
        Err(status) => reached += usize::from(reason(&status) != too_many()),
    };
    for at in 0..5000 {
        let email = format!("person{at}@clapton.example");
        note(guess(&stage, &format!("2001:db8::{:x}", at + 1), &email, "guess number one").await);
    }
    println!(
        "N4: guesses 10000, reached the hash {reached} ({by_account} at one account, {} from one network), \
         successes {succeeded}",
        reached - by_account
    );
    assert_eq!(succeeded, 0);
    assert_eq!((by_account, reached - by_account), (10, 300));
    stage.world.clock.advance(Duration::minutes(15));
    guess(&stage, "10.0.0.1", EMAIL, PASSWORD).await.expect("a quarter of an hour later it is open again");
}

/// Uses a network's attempts up: most are refused for the account's sake before they cost anything, and count all the same.
async fn close(stage: &Stage, address: &str) {
    for _ in 0..300 {
        guess(stage, address, "somebody@clapton.example", "wrong horse").await.expect_err("wrong");
    }
}

#[tokio::test]
async fn a_blocked_network_does_not_close_accounts_for_others_and_success_gives_attempts_back() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    close(&stage, "192.0.2.1").await;
    for _ in 0..30 {
        let status = guess(&stage, "192.0.2.1", EMAIL, "wrong horse").await.expect_err("closed");
        assert_eq!(reason(&status), too_many());
    }
    let mut admin = stage.world.admin(&stage.host).await;
    let mut counted = async || -> i64 {
        let sum = "select coalesce(sum(attempts), 0) from signin.sign_in_attempt";
        sqlx::query_scalar(sum).fetch_one(&mut admin).await.expect("a sum")
    };
    let before = counted().await;
    for _ in 0..5 {
        // Who gets in gives their attempt back: an office behind one address signs in all day.
        guess(&stage, "192.0.2.2", EMAIL, PASSWORD).await.expect("open for everybody else");
    }
    assert_eq!(counted().await, before);
    guess(&stage, "192.0.2.2", EMAIL, "wrong horse").await.expect_err("wrong");
    assert_eq!(counted().await, before + 2, "of the account and of the network");
}

#[tokio::test]
async fn a_trusted_proxy_says_who_called_and_nobody_else() {
    let open = Stage::new().await;
    let behind = Stage::with(|config| config.auth.peer_header = "x-real-ip".into()).await;
    for (stage, believed) in [(&open, false), (&behind, true)] {
        stage.place(stage.operator().await, "clapton").await;
        close(stage, "192.0.2.1").await;
        let request =
            pb::SignInRequest { email: EMAIL.into(), password: PASSWORD.into(), ..Default::default() };
        let mut request = from("192.0.2.1", Request::new(request));
        // What the caller writes comes first, in a line of its own too.
        request.metadata_mut().insert("x-real-ip", "192.0.2.1".parse().expect("a header"));
        request.metadata_mut().append("x-real-ip", "192.0.2.1, 203.0.113.9".parse().expect("a header"));
        let answer = stage.sign_in.sign_in(request).await;
        assert_eq!(answer.is_ok(), believed);
    }
}

#[tokio::test]
async fn an_address_with_an_account_and_one_without_are_not_told_apart() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let mut times = [Vec::new(), Vec::new()];
    let mut answers = Vec::new();
    for round in 0..12 {
        for (which, email) in [EMAIL.to_owned(), format!("nobody{round}@clapton.example")].iter().enumerate()
        {
            // A new window each time, so that the account is not closed.
            stage.world.clock.advance(Duration::minutes(16));
            let started = Instant::now();
            let status = guess(&stage, "192.0.2.1", email, "wrong horse battery").await.expect_err("wrong");
            times[which].push(started.elapsed());
            answers.push((status.code(), status.message().to_owned(), status.details().to_vec()));
        }
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "one answer");
    let median = |times: &mut Vec<std::time::Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let [with, without] = &mut times;
    let (with, without) = (median(with), median(without));
    println!("median time with an account {with:?}, without {without:?}");
    let apart = with.max(without).as_secs_f64() / with.min(without).as_secs_f64();
    assert!(apart < 2.0, "a missing hash would be many times quicker: {apart}");
}
