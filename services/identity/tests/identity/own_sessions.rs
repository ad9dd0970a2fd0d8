//! Sessions that somebody sees and ends.

use chrono::Duration;
use kith_platform::context::Actor;
use kith_platform::testing::reason;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::session_service_server::SessionService as _;
use tonic::{Code, Status};

use crate::stage::{PASSWORD, Stage, by};

const EMAIL: &str = "first@clapton.example";

async fn list(stage: &Stage, actor: Actor) -> Result<Vec<pb::Session>, Status> {
    let answer = stage.sessions.list_sessions(by(actor, pb::ListSessionsRequest {})).await?;
    Ok(answer.into_inner().sessions)
}

async fn end(stage: &Stage, actor: Actor, session_id: &str) -> Result<(), Status> {
    let request = pb::EndSessionRequest { request_id: stage.id(), session_id: session_id.into() };
    stage.sessions.end_session(by(actor, request)).await.map(|_| ())
}

#[tokio::test]
async fn somebody_sees_their_sessions_and_ends_one() {
    let stage = Stage::new().await;
    let place = stage.place(stage.operator().await, "clapton").await;
    let first = stage.tokens(EMAIL, "").await;
    stage.world.clock.advance(Duration::minutes(1));
    let second = stage.tokens(EMAIL, "").await;
    let actor = stage.actor(&second);
    let sessions = list(&stage, actor).await.expect("the list");
    assert_eq!(sessions.len(), 3, "with the administrator's first");
    assert_eq!(sessions.iter().filter(|session| session.current).count(), 1);
    let current = actor.session().expect("a session").to_string();
    assert_eq!((sessions[0].id.clone(), sessions[0].current), (current, true), "newest first");
    assert_eq!(sessions[0].method(), pb::SignInMethod::Password);

    let other = stage.actor(&first).session().expect("a session").to_string();
    end(&stage, actor, &other).await.expect("ended");
    end(&stage, actor, &other).await.expect("again it changes nothing");
    let status = stage.refresh(&first.refresh_token).await.expect_err("it has ended");
    assert_eq!(reason(&status), (Code::Unauthenticated, "REFRESH_REFUSED".into()));
    assert_eq!(list(&stage, actor).await.expect("the list").len(), 2);
    let status = list(&stage, stage.actor(&first)).await.expect_err("its access token lives, but it ended");
    assert_eq!(status.code(), Code::Unauthenticated);

    // Another's session is as unknown as one that never was.
    let neighbour = stage.joined(&place, "second@clapton.example", &[]).await;
    let theirs = neighbour.session().expect("a session").to_string();
    let hit = end(&stage, actor, &theirs).await.expect_err("another's");
    let miss = end(&stage, actor, &stage.id()).await.expect_err("nobody's");
    assert_eq!((hit.code(), hit.message(), hit.details()), (miss.code(), miss.message(), miss.details()));
    assert_eq!(reason(&hit), (Code::NotFound, "NOT_FOUND".into()));
    assert_eq!(list(&stage, neighbour).await.expect("the list").len(), 1);
}

#[tokio::test]
async fn all_others_end_here_or_everywhere() {
    let stage = Stage::new().await;
    let operator = stage.operator().await;
    stage.place(operator, "clapton").await;
    let there = stage.place(operator, "hackney").await;
    stage.joined(&there, EMAIL, &[]).await;
    let mine = stage.tokens(EMAIL, "clapton").await;
    let (here, elsewhere) = (stage.tokens(EMAIL, "clapton").await, stage.tokens(EMAIL, "hackney").await);
    let actor = stage.actor(&mine);
    assert!(
        list(&stage, actor).await.expect("the list").iter().all(|session| {
            stage.actor(&elsewhere).session().expect("a session").to_string() != session.id
        })
    );

    let request = pb::EndOtherSessionsRequest { request_id: stage.id(), everywhere: false };
    stage.sessions.end_other_sessions(by(actor, request)).await.expect("ended");
    stage.refresh(&here.refresh_token).await.expect_err("ended");
    let elsewhere = stage.refresh(&elsewhere.refresh_token).await.expect("not in this tenant");
    let request = pb::EndOtherSessionsRequest { request_id: stage.id(), everywhere: true };
    stage.sessions.end_other_sessions(by(actor, request)).await.expect("ended");
    stage.refresh(&elsewhere.refresh_token).await.expect_err("ended everywhere");
    stage.refresh(&mine.refresh_token).await.expect("this one goes on");
}

#[tokio::test]
async fn an_operator_signs_out() {
    let stage = Stage::new().await;
    stage.operator().await;
    let request = || pb::SignInRequest {
        email: "host@example.org".into(),
        password: PASSWORD.into(),
        as_operator: true,
        ..Default::default()
    };
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(stage.sign_in(request()).await.expect("signed in").tokens.expect("tokens"));
    }
    let out = |all: bool| pb::SignOutOperatorRequest { request_id: stage.id(), all };
    stage.sessions.sign_out_operator(by(stage.actor(&all[0]), out(false))).await.expect("signed out");
    stage.refresh(&all[0].refresh_token).await.expect_err("ended");
    let second = stage.refresh(&all[1].refresh_token).await.expect("the others go on");
    stage.sessions.sign_out_operator(by(stage.actor(&second), out(true))).await.expect("signed out");
    stage.refresh(&second.refresh_token).await.expect_err("ended");
    stage.refresh(&all[2].refresh_token).await.expect_err("all ended");
}

/// N2: every family ends of which a token comes twice, whichever token it is.
#[tokio::test]
async fn reuse_of_any_token_ends_the_family_each_time() {
    let stage = Stage::new().await;
    stage.place(stage.operator().await, "clapton").await;
    let (mut trials, mut ended) = (0, 0);
    for generations in 1..=10 {
        for reused in 0..generations {
            let mut tokens = vec![stage.tokens(EMAIL, "").await];
            for _ in 0..generations {
                let last = tokens.last().expect("a token").refresh_token.clone();
                tokens.push(stage.refresh(&last).await.expect("exchanged"));
            }
            stage.refresh(&tokens[reused].refresh_token).await.expect_err("it was exchanged before");
            trials += 1;
            let newest = &tokens.last().expect("a token").refresh_token;
            ended += usize::from(stage.refresh(newest).await.is_err());
        }
    }
    println!("N2: families with a reused token {trials}, ended {ended}");
    assert_eq!(trials, ended);
}
