//! What a crash between the steps of creating a tenant leaves behind, and that the same call repairs it.

use kith_platform::testing::World;

use super::*;
use crate::SERVICE;
use crate::app::account;
use crate::app::session;
use crate::domain::account::{Email, Password};
use crate::domain::network::Network;
use crate::domain::tenant::State;

fn command() -> Create {
    let id = Uuid::from_u128(77);
    Create {
        request_id: id,
        id: TenantId(id),
        slug: Slug::parse("clapton").expect("a slug"),
        display_name: "Clapton Care".into(),
        zone: Tz::Europe__London,
        administrator_name: None,
        administrator_address: None,
        mail_sender: None,
        wording: Vec::new(),
        first_circle: None,
    }
}

struct Stage {
    desk: Desk,
    world: World,
    operator: Actor,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new();
        let desk = Desk::new(world.host(&SERVICE).await);
        let code = desk.host.config().secret("host_code").expect("a host code");
        let bootstrap = account::Bootstrap {
            code: code.reveal().to_owned(),
            email: Email::parse("host@example.org").expect("an address"),
            password: Password::new("correct horse battery").expect("a password"),
        };
        let account = account::bootstrap(&desk, bootstrap, Network::unknown()).await.expect("an operator").0;
        let operator = Actor::Operator { account, session: Uuid::nil() };
        Self { desk, world, operator }
    }

    async fn listed(&self) -> usize {
        let mut fields = kith_platform::fields::Fields::default();
        let page = Page::parse(&mut fields, 0, "", &"tenants").expect("a page");
        list(&self.desk, self.operator, page).await.expect("a list").0.len()
    }
}

#[tokio::test]
async fn after_a_crash_between_any_two_steps_the_same_call_completes_the_tenant() {
    let stage = Stage::new().await;
    let (desk, command) = (&stage.desk, command());

    let (tenant, founding) = reserve(desk, command.clone()).await.expect("reserved");
    assert_eq!(stage.listed().await, 0, "a reservation is no tenant");
    assert!(stage.world.written(&desk.host).await.is_empty());

    stage.world.clock.advance(chrono::Duration::minutes(5));
    let (_, again) = reserve(desk, command.clone()).await.expect("reserved before");
    assert_eq!(again.administrator, founding.administrator, "the first administrator stays the same");
    let standing = Standing::new().with("operator", true);
    let work = async move |tx: &mut Tx| found(tx, tenant, founding, &standing).await;
    desk.host.within(command.id, stage.operator, Mode::Apply, work).await.expect("founded");
    assert_eq!(stage.listed().await, 0, "nobody has the code yet");
    let written = stage.world.written(&desk.host).await.len();

    let (created, _) = create(desk, stage.operator, command.clone()).await.expect("completed");
    assert_eq!(stage.listed().await, 1);
    assert_eq!(created.tenant.listing.state, State::Preparing);
    assert!(!created.invitation.is_empty());
    assert_eq!(stage.world.written(&desk.host).await.len(), written, "nothing happened twice");
    let (repeated, _) = create(desk, stage.operator, command).await.expect("the same");
    assert_eq!((repeated.tenant, repeated.invitation), (created.tenant, created.invitation));
}

#[tokio::test]
async fn after_a_crash_between_account_and_person_the_same_call_lets_them_join() {
    let stage = Stage::new().await;
    let desk = &stage.desk;
    let (created, _) = create(desk, stage.operator, command()).await.expect("a tenant");
    let accept = account::Accept {
        code: created.invitation,
        email: Email::parse("first@example.org").expect("an address"),
        password: Password::new("correct horse battery").expect("a password"),
    };
    account::take_only(desk, accept.clone()).await.expect("the account has the place");
    let types = async || {
        let written = stage.world.written(&desk.host).await;
        written.into_iter().map(|event| event.event_type).collect::<Vec<_>>()
    };
    assert!(!types().await.contains(&"identity.person.joined.v1".to_owned()));
    account::accept(desk, accept, Network::unknown()).await.expect("joined");
    assert!(types().await.contains(&"identity.person.joined.v1".to_owned()));
}

#[tokio::test]
async fn after_the_code_was_lost_too_the_next_sign_in_lets_them_join() {
    let stage = Stage::new().await;
    let desk = &stage.desk;
    let (created, _) = create(desk, stage.operator, command()).await.expect("a tenant");
    let email = Email::parse("first@example.org").expect("an address");
    let password = Password::new("correct horse battery").expect("a password");
    let accept = account::Accept {
        code: created.invitation.clone(),
        email: email.clone(),
        password: password.clone(),
    };
    account::take_only(desk, accept).await.expect("the account has the place");
    let (repeated, _) = create(desk, stage.operator, command()).await.expect("the same");
    assert_eq!(
        repeated.invitation, created.invitation,
        "until somebody has joined, the code can be told again"
    );

    let command = session::SignIn { email, password, into: session::Destination::default() };
    session::sign_in(desk, command, Network::unknown()).await.expect("signed in");
    let joined = async || {
        let written = stage.world.written(&desk.host).await;
        written.into_iter().filter(|event| event.event_type == "identity.person.joined.v1").count()
    };
    assert_eq!(joined().await, 1, "both halves are done");
    let (repeated, _) = create(desk, stage.operator, self::command()).await.expect("the same");
    assert!(repeated.invitation.is_empty(), "it was used");
}
