//! Sign-in through an outside provider.

use chrono::Duration;
use kith_platform::context::Actor;
use kith_platform::provision::put_secret;
use kith_platform::testing::{reason, wrong_fields};
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::credential_service_server::CredentialService as _;
use kith_proto::identity::v1::provider_service_server::ProviderService as _;
use tonic::{Code, Request, Status};

use crate::outside::{Back, CLIENT, Provider, SECRET, Twist};
use crate::stage::{Place, Stage, by};

const EMAIL: &str = "first@clapton.example";

fn refused() -> (Code, String) {
    (Code::Unauthenticated, "SIGN_IN_REFUSED".into())
}

struct Set {
    stage: Stage,
    place: Place,
    operator: Actor,
    provider: Provider,
}

impl Set {
    async fn up() -> Self {
        let stage = Stage::new().await;
        let operator = stage.operator().await;
        let place = stage.place(operator, "clapton").await;
        let provider = Provider::start(stage.world.clock.now()).await;
        let set = Self { stage, place, operator, provider };
        set.provide(set.place.administrator, "clapton", &set.provider.issuer).await;
        set
    }

    async fn provide(&self, administrator: Actor, slug: &str, issuer: &str) {
        let folder = &self.stage.host.config().secrets.folder;
        put_secret(folder, &format!("oidc.{slug}.main"), SECRET).expect("a secret");
        let request = pb::SetProviderRequest {
            request_id: self.stage.id(),
            name: "outside".into(),
            issuer: issuer.into(),
            client: CLIENT.into(),
            secret_name: "main".into(),
        };
        self.stage.providers.set_provider(by(administrator, request)).await.expect("set up");
    }

    async fn begin_link(&self, actor: Actor) -> Result<String, Status> {
        let request = pb::BeginProviderLinkRequest { request_id: self.stage.id(), name: "outside".into() };
        let answer = self.stage.providers.begin_provider_link(by(actor, request)).await?;
        Ok(answer.into_inner().authorization_url)
    }

    async fn finish_link(&self, actor: Actor, back: Back) -> Result<(), Status> {
        let Back { state, code } = back;
        let request = pb::FinishProviderLinkRequest { request_id: self.stage.id(), state, code };
        self.stage.providers.finish_provider_link(by(actor, request)).await.map(|_| ())
    }

    async fn link(&self, actor: Actor, subject: &str) -> Result<(), Status> {
        let page = self.begin_link(actor).await?;
        self.finish_link(actor, self.provider.log_in(&page, subject, Twist::None)).await
    }

    async fn begin(&self, tenant: &str) -> Result<String, Status> {
        let request = pb::BeginProviderSignInRequest { tenant: tenant.into(), name: "outside".into() };
        let answer = self.stage.providers.begin_provider_sign_in(Request::new(request)).await?;
        Ok(answer.into_inner().authorization_url)
    }

    async fn finish(&self, back: Back) -> Result<pb::Tokens, Status> {
        let request = pb::FinishProviderSignInRequest { state: back.state, code: back.code };
        let answer = self.stage.providers.finish_provider_sign_in(Request::new(request)).await?;
        Ok(answer.into_inner().tokens.expect("tokens"))
    }

    async fn sign_in(&self, tenant: &str, subject: &str, twist: Twist) -> Result<pb::Tokens, Status> {
        let page = self.begin(tenant).await?;
        self.finish(self.provider.log_in(&page, subject, twist)).await
    }
}

/// Proves ID-55.
#[tokio::test]
async fn a_linked_account_signs_in_and_nobody_else() {
    let set = Set::up().await;
    let me = set.place.administrator;
    // The provider knows the same address, which means nothing.
    let status = set.sign_in("clapton", EMAIL, Twist::None).await.expect_err("not linked");
    assert_eq!(reason(&status), refused());
    set.link(me, "subject-1").await.expect("linked");
    set.link(me, "subject-1").await.expect("again it changes nothing");
    let tokens = set.sign_in("clapton", "subject-1", Twist::None).await.expect("signed in");
    assert_eq!(set.stage.actor(&tokens).id(), me.id());
    set.stage.refresh(&tokens.refresh_token).await.expect("a session like any other");
    let status = set.sign_in("clapton", "subject-2", Twist::None).await.expect_err("another subject");
    assert_eq!(reason(&status), refused());

    let other = set.stage.joined(&set.place, "second@clapton.example", &[]).await;
    for (actor, subject) in [(other, "subject-1"), (me, "subject-3")] {
        let status = set.link(actor, subject).await.expect_err("taken");
        assert_eq!(reason(&status), (Code::AlreadyExists, "LINK_TAKEN".into()));
    }
    let request = by(me, pb::GetCredentialsRequest {});
    let credentials = set.stage.credentials.get_credentials(request).await.expect("credentials").into_inner();
    assert_eq!(credentials.linked_providers, ["outside"]);
    for _ in 0..2 {
        let request = pb::RemoveProviderLinkRequest { request_id: set.stage.id(), name: "outside".into() };
        set.stage.providers.remove_provider_link(by(me, request)).await.expect("taken away");
    }
    set.sign_in("clapton", "subject-1", Twist::None).await.expect_err("no more");
}

#[tokio::test]
async fn whoever_runs_the_provider_of_one_place_gets_into_no_other() {
    let set = Set::up().await;
    let (stage, me) = (&set.stage, set.place.administrator);
    set.link(me, "subject-1").await.expect("linked");
    let there = stage.place(set.operator, "hackney").await;
    stage.joined(&there, EMAIL, &[]).await;
    set.provide(there.administrator, "hackney", &set.provider.issuer).await;
    let status = set.sign_in("hackney", "subject-1", Twist::None).await.expect_err("linked elsewhere only");
    assert_eq!(reason(&status), refused());
    let tokens = set.sign_in("clapton", "subject-1", Twist::None).await.expect("signed in");
    let actor = stage.actor(&tokens);
    let again = (Code::FailedPrecondition, "SIGN_IN_AGAIN".to_owned());
    let status = stage.begin_passkey(actor).await.expect_err("it could be used in the other place");
    assert_eq!(reason(&status), again);
    let request = pb::MakeRecoveryCodesRequest { request_id: stage.id() };
    let status = stage.credentials.make_recovery_codes(by(actor, request)).await.expect_err("the same");
    assert_eq!(reason(&status), again);
    let status = set.begin_link(actor).await.expect_err("the same");
    assert_eq!(reason(&status), again);
}

#[tokio::test]
async fn an_answer_that_does_not_fit_opens_nothing() {
    let set = Set::up().await;
    let me = set.place.administrator;
    set.link(me, "subject-1").await.expect("linked");
    let twists = [
        Twist::OtherIssuer,
        Twist::OtherAudience,
        Twist::OtherNonce,
        Twist::Expired,
        Twist::OtherKey,
        Twist::AlgNone,
        Twist::NoIdToken,
    ];
    let mut refusals = 0;
    for twist in twists {
        let status = set.sign_in("clapton", "subject-1", twist).await.expect_err("does not fit");
        assert_eq!(reason(&status), refused(), "{twist:?}");
        refusals += 1;
    }
    // A state that was never given, one that was used, one that is over, one of another kind, another's code.
    let page = set.begin("clapton").await.expect("begun");
    let back = set.provider.log_in(&page, "subject-1", Twist::None);
    let forged = Back { state: "never-given".into(), ..back.clone() };
    assert_eq!(reason(&set.finish(forged).await.expect_err("forged")), refused());
    set.finish(back.clone()).await.expect("the right one");
    assert_eq!(reason(&set.finish(back).await.expect_err("replayed")), refused());
    let (mine, theirs) =
        (set.begin("clapton").await.expect("begun"), set.begin("clapton").await.expect("begun"));
    let (mine, theirs) = (
        set.provider.log_in(&mine, "subject-1", Twist::None),
        set.provider.log_in(&theirs, "subject-1", Twist::None),
    );
    let mixed = Back { state: mine.state, code: theirs.code };
    assert_eq!(reason(&set.finish(mixed).await.expect_err("PKCE does not fit")), refused());
    let page = set.begin_link(me).await.expect("begun");
    let link = set.provider.log_in(&page, "subject-1", Twist::None);
    assert_eq!(reason(&set.finish(link).await.expect_err("begun as a link")), refused());
    let page = set.begin("clapton").await.expect("begun");
    let late = set.provider.log_in(&page, "subject-1", Twist::None);
    set.stage.world.clock.advance(Duration::minutes(5));
    assert_eq!(reason(&set.finish(late).await.expect_err("too late")), refused());
    println!("provider answers that must open nothing: {}, refused {}", refusals + 5, refusals + 5);
}

#[tokio::test]
async fn a_link_is_finished_by_who_began_it() {
    let set = Set::up().await;
    let other = set.stage.joined(&set.place, "second@clapton.example", &[]).await;
    let page = set.begin_link(set.place.administrator).await.expect("begun");
    let back = set.provider.log_in(&page, "subject-1", Twist::None);
    let status = set.finish_link(other, back.clone()).await.expect_err("another's");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "CEREMONY_NOT_VALID".into()));
    set.finish_link(set.place.administrator, back).await.expect("who began it");
    set.stage.world.clock.advance(Duration::minutes(15));
    let status = set.begin_link(set.place.administrator).await.expect_err("too long ago");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "SIGN_IN_AGAIN".into()));
}

#[tokio::test]
async fn providers_are_set_up_by_an_administrator_and_reached_safely() {
    let set = Set::up().await;
    let (stage, administrator) = (&set.stage, set.place.administrator);
    let somebody = stage.joined(&set.place, "second@clapton.example", &[]).await;
    let good = pb::SetProviderRequest {
        request_id: stage.id(),
        name: "other".into(),
        issuer: "https://accounts.example".into(),
        client: CLIENT.into(),
        secret_name: "main".into(),
    };
    let status = stage.providers.set_provider(by(somebody, good.clone())).await.expect_err("not theirs");
    assert_eq!(reason(&status), (Code::PermissionDenied, "PERMISSION_DENIED".into()));
    let bad = pb::SetProviderRequest {
        request_id: stage.id(),
        name: "O".into(),
        issuer: "http://accounts.example".into(),
        client: String::new(),
        secret_name: "../derive".into(),
    };
    let status = stage.providers.set_provider(by(administrator, bad)).await.expect_err("nonsense");
    assert_eq!(wrong_fields(&status), ["name", "issuer", "client", "secret_name"]);

    // Nobody there, and no secret: said so.
    let dead = pb::SetProviderRequest { issuer: "http://127.0.0.1:9".into(), ..good };
    stage.providers.set_provider(by(administrator, dead)).await.expect("set up");
    let begin = |tenant: &str, name: &str| {
        Request::new(pb::BeginProviderSignInRequest { tenant: tenant.into(), name: name.into() })
    };
    let status = stage.providers.begin_provider_sign_in(begin("clapton", "other")).await.expect_err("nobody");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "PROVIDER_NOT_READY".into()));
    let unknown = stage.providers.begin_provider_sign_in(begin("clapton", "never")).await.expect_err("no");
    let nowhere = stage.providers.begin_provider_sign_in(begin("never", "outside")).await.expect_err("no");
    assert_eq!((unknown.code(), unknown.message()), (nowhere.code(), nowhere.message()));
    assert_eq!(unknown.code(), Code::NotFound);

    let listed = stage.providers.list_providers(by(somebody, pb::ListProvidersRequest {})).await;
    assert_eq!(listed.expect("the list").into_inner().providers.len(), 2);
    for _ in 0..2 {
        let request = pb::RemoveProviderRequest { request_id: stage.id(), name: "outside".into() };
        stage.providers.remove_provider(by(administrator, request)).await.expect("removed");
    }
    let status = set.begin("clapton").await.expect_err("removed");
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn where_people_sign_in_over_https_no_provider_is_reached_without() {
    let stage = Stage::with(|config| config.auth.origin = "https://kith.example".into()).await;
    let operator = stage.operator().await;
    let place = stage.place(operator, "clapton").await;
    let provider = Provider::start(stage.world.clock.now()).await;
    let set = Set { stage, place, operator, provider };
    set.provide(set.place.administrator, "clapton", &set.provider.issuer).await;
    let status = set.begin("clapton").await.expect_err("loopback is the host's own");
    assert_eq!(reason(&status), (Code::FailedPrecondition, "PROVIDER_NOT_READY".into()));
}
