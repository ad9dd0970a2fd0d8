//! A host with its operator, and the calls that most tests need.

use std::net::SocketAddr;

use kith_identity::{
    ConsentsFace, CredentialsFace, Desk, IntegratorsFace, KeysFace, PasskeysFace, PeopleFace, ProvidersFace,
    SERVICE, SessionsFace, SignInFace, TenantsFace,
};
use kith_platform::Host;
use kith_platform::config::Config;
use kith_platform::context::Actor;
use kith_platform::id::Uuid;
use kith_platform::testing::World;
use kith_proto::common::v1::OrganisationRole;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use kith_proto::identity::v1::sign_in_service_server::SignInService as _;
use kith_proto::identity::v1::tenant_service_server::TenantService as _;
use kith_proto::matching::v1 as matching;
use kith_proto::teams::v1 as teams;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Request, Status};

pub const PASSWORD: &str = "correct horse battery";

pub struct Stage {
    pub world: World,
    pub host: Host,
    pub tenants: TenantsFace,
    pub sign_in: SignInFace,
    pub people: PeopleFace,
    pub consents: ConsentsFace,
    pub sessions: SessionsFace,
    pub keys: KeysFace,
    pub credentials: CredentialsFace,
    pub passkeys: PasskeysFace,
    pub integrators: IntegratorsFace,
    pub providers: ProvidersFace,
    pub desk: Desk,
}

/// A tenant with its first administrator signed in.
pub struct Place {
    pub tenant: pb::Tenant,
    pub administrator: Actor,
}

/// A request as the door lets it in for that actor.
pub fn by<M>(actor: Actor, message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(actor);
    request
}

/// The same request as it comes from that address.
pub fn from<M>(address: &str, mut request: Request<M>) -> Request<M> {
    let remote_addr = Some(SocketAddr::new(address.parse().expect("an address"), 50_000));
    request.extensions_mut().insert(TcpConnectInfo { local_addr: None, remote_addr });
    request
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// With a configuration of its own.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let world = World::new();
        let mut config = world.config(&SERVICE).await;
        change(&mut config);
        let host = world.host_with(&SERVICE, config).await;
        let desk = Desk::new(host.clone());
        Self {
            sessions: SessionsFace::new(desk.clone()),
            keys: KeysFace::new(desk.clone()),
            credentials: CredentialsFace::new(desk.clone()),
            passkeys: PasskeysFace::new(desk.clone()),
            integrators: IntegratorsFace::new(desk.clone()),
            providers: ProvidersFace::new(desk.clone()),
            desk: desk.clone(),
            tenants: TenantsFace::new(desk.clone()),
            sign_in: SignInFace::new(desk.clone()),
            people: PeopleFace::new(desk),
            consents: ConsentsFace::new(host.clone()),
            world,
            host,
        }
    }

    pub fn id(&self) -> String {
        self.world.ids.uuid(self.world.clock.now()).to_string()
    }

    pub fn bootstrap(&self) -> pb::BootstrapHostRequest {
        pb::BootstrapHostRequest {
            request_id: self.id(),
            host_code: self.host.config().secret("host_code").expect("a code").reveal().to_owned(),
            email: "host@example.org".into(),
            password: PASSWORD.into(),
        }
    }

    pub async fn operator(&self) -> Actor {
        let answer = self.tenants.bootstrap_host(Request::new(self.bootstrap())).await.expect("an operator");
        let account: Uuid = answer.into_inner().account_id.parse().expect("an id");
        let request = pb::SignInRequest {
            email: "HOST@example.org".into(),
            password: PASSWORD.into(),
            as_operator: true,
            ..Default::default()
        };
        let tokens = self.sign_in(request).await.expect("signed in").tokens.expect("tokens");
        let actor = self.actor(&tokens);
        assert!(matches!(actor, Actor::Operator { account: signed_in, .. } if signed_in == account));
        actor
    }

    pub fn create(&self, slug: &str) -> pb::CreateTenantRequest {
        pb::CreateTenantRequest {
            request_id: self.id(),
            slug: slug.into(),
            display_name: "A Co-op".into(),
            time_zone: "Europe/London".into(),
            ..Default::default()
        }
    }

    /// Creates a tenant whose first administrator joins as `first@<slug>.example` and signs in.
    pub async fn place(&self, operator: Actor, slug: &str) -> Place {
        let created = self.tenants.create_tenant(by(operator, self.create(slug))).await.expect("created");
        let created = created.into_inner();
        let email = format!("first@{slug}.example");
        self.accept(&created.administrator_invitation, &email).await.expect("joined");
        let tokens = self.tokens(&email, "").await;
        Place { tenant: created.tenant.expect("a tenant"), administrator: self.actor(&tokens) }
    }

    pub async fn sign_in(&self, request: pb::SignInRequest) -> Result<pb::SignInResponse, Status> {
        Ok(self.sign_in.sign_in(Request::new(request)).await?.into_inner())
    }

    pub async fn attempt(&self, email: &str, password: &str) -> Result<pb::SignInResponse, Status> {
        let request =
            pb::SignInRequest { email: email.into(), password: password.into(), ..Default::default() };
        self.sign_in(request).await
    }

    pub async fn tokens(&self, email: &str, tenant: &str) -> pb::Tokens {
        let request = pb::SignInRequest {
            email: email.into(),
            password: PASSWORD.into(),
            tenant: tenant.into(),
            as_operator: false,
        };
        self.sign_in(request).await.expect("signed in").tokens.expect("tokens")
    }

    /// Who speaks with those tokens, as every service would read them.
    pub fn actor(&self, tokens: &pb::Tokens) -> Actor {
        self.host.verifier().verify(&tokens.access_token).expect("a token that verifies")
    }

    pub async fn refresh(&self, token: &str) -> Result<pb::Tokens, Status> {
        let request = pb::RefreshRequest { refresh_token: token.into() };
        let answer = self.sign_in.refresh(Request::new(request)).await?.into_inner();
        Ok(answer.tokens.expect("tokens"))
    }

    pub fn invitation(&self, roles: &[OrganisationRole]) -> pb::InvitePersonRequest {
        pb::InvitePersonRequest {
            request_id: self.id(),
            display_name: "Giver One".into(),
            roles: roles.iter().map(|role| (*role).into()).collect(),
            ..Default::default()
        }
    }

    pub async fn invite(&self, actor: Actor, request: pb::InvitePersonRequest) -> (pb::Person, String) {
        let answer = self.people.invite_person(by(actor, request)).await.expect("invited").into_inner();
        (answer.person.expect("a person"), answer.invitation)
    }

    pub async fn accept(&self, code: &str, email: &str) -> Result<pb::AcceptInvitationResponse, Status> {
        self.accept_with(code, email, PASSWORD).await
    }

    pub async fn accept_with(
        &self,
        code: &str,
        email: &str,
        password: &str,
    ) -> Result<pb::AcceptInvitationResponse, Status> {
        let request = pb::AcceptInvitationRequest {
            request_id: self.id(),
            invitation: code.into(),
            email: email.into(),
            password: password.into(),
        };
        Ok(self.people.accept_invitation(Request::new(request)).await?.into_inner())
    }

    /// Invites somebody with roles, lets them join and sign in.
    pub async fn joined(&self, place: &Place, email: &str, roles: &[OrganisationRole]) -> Actor {
        let (_, code) = self.invite(place.administrator, self.invitation(roles)).await;
        self.accept(&code, email).await.expect("joined");
        let tokens = self.tokens(email, &place.tenant.slug).await;
        self.actor(&tokens)
    }

    /// Teams tells of a Team with one member, who belongs to it since 1 March 2026 until a day (empty: no end), and keeps its
    /// rota for as long.
    pub async fn tell_team(&self, team: Uuid, no: i64, owner: Actor, member: Actor, valid_until: &str) {
        let membership = teams::Membership {
            id: team.to_string(),
            person_id: member.id().to_string(),
            state: teams::MembershipState::Member.into(),
            valid_from: "2026-03-01".into(),
            valid_until: valid_until.into(),
            ..Default::default()
        };
        let hat = teams::HatHolding {
            id: team.to_string(),
            hat: teams::Hat::RotaHolder.into(),
            person_id: member.id().to_string(),
            state: teams::HatState::Held.into(),
            valid_from: "2026-03-01".into(),
            valid_until: if valid_until.is_empty() { "2027-03-01" } else { valid_until }.into(),
        };
        let state = teams::TeamSnapshot {
            team_id: team.to_string(),
            owner_person_id: owner.id().to_string(),
            circle_id: team.to_string(),
            members: vec![membership],
            hats: vec![hat],
            ..Default::default()
        };
        let tenant = owner.tenant().expect("a tenant");
        let event = teams::TeamMemberJoined { state: Some(state) };
        self.world.deliver(&self.host, tenant, team, no, &event).await;
        self.world.know_copies(&self.host).await;
    }

    /// Matching tells that somebody gives support.
    pub async fn tell_giver(&self, giver: Actor) {
        let state = matching::GiverSnapshot { person_id: giver.id().to_string(), ..Default::default() };
        let tenant = giver.tenant().expect("a tenant");
        let event = matching::GiverRegistered { state: Some(state) };
        self.world.deliver(&self.host, tenant, giver.id(), 1, &event).await;
        self.world.know_copies(&self.host).await;
    }

    /// What identity tells that it listens to itself comes back to it, as over the broker.
    pub async fn hear_itself(&self) {
        let own = ["identity.break_glass", "identity.representative", "identity.role"];
        let mut written = self.world.written(&self.host).await;
        written.retain(|event| own.contains(&event.aggregate_type.as_str()));
        self.world.receive(&self.host, &written).await;
    }

    /// How many rows of a table of sign-in there are.
    pub async fn count(&self, table: &str) -> i64 {
        let mut admin = self.world.admin(&self.host).await;
        let sql = sqlx::AssertSqlSafe(format!("select count(*) from signin.{table}"));
        sqlx::query_scalar(sql).fetch_one(&mut admin).await.expect("a count")
    }

    pub async fn written(&self) -> Vec<String> {
        self.world.written(&self.host).await.into_iter().map(|event| event.event_type).collect()
    }
}
