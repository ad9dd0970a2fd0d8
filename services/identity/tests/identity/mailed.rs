//! A host that sends mail, and what tests of it need.

use chrono::Duration;
use kith_identity::{Desk, MailDone, PeopleFace, SERVICE, SignInFace, TenantsFace, deliver_mail};
use kith_platform::config::{Config, MailTls};
use kith_platform::context::Actor;
use kith_proto::identity::v1 as pb;
use kith_proto::identity::v1::people_service_server::PeopleService as _;
use tonic::{Code, Request, Response, Status};

use crate::smtp::MailServer;
use crate::stage::{Place, Stage, by};

pub const FREE: &str = "free@elsewhere.example";
pub const TAKEN: &str = "taken@clapton.example";
pub const OTHER_PASSWORD: &str = "a password of another kind";

/// A host that sends mail, with a place that was set up before it did.
pub struct Mailed {
    pub stage: Stage,
    pub operator: Actor,
    pub place: Place,
    pub desk: Desk,
    pub people: PeopleFace,
    pub tenants: TenantsFace,
    pub sign_in: SignInFace,
    pub server: MailServer,
}

pub fn sent(sent: usize) -> MailDone {
    MailDone { sent, ..MailDone::default() }
}

pub fn postponed(postponed: usize) -> MailDone {
    MailDone { postponed, ..MailDone::default() }
}

pub fn not_valid() -> (Code, String) {
    (Code::FailedPrecondition, "INVITATION_NOT_VALID".into())
}

impl Mailed {
    pub async fn up() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let stage = Stage::new().await;
        let operator = stage.operator().await;
        let place = stage.place(operator, "clapton").await;
        let server = MailServer::start().await;
        let mut config = with_mail(&stage, &server);
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

    pub async fn deliver(&self) -> MailDone {
        deliver_mail(&self.desk).await.expect("looked at")
    }

    pub fn later(&self, by: Duration) {
        self.stage.world.clock.advance(by);
    }

    /// Invites somebody; answers the person's id and the code.
    pub async fn invite(&self, email: &str) -> (String, String) {
        let request = pb::InvitePersonRequest { email: email.into(), ..self.stage.invitation(&[]) };
        self.invite_by(request).await
    }

    pub async fn invite_by(&self, request: pb::InvitePersonRequest) -> (String, String) {
        let answer = self.people.invite_person(by(self.place.administrator, request)).await.expect("invited");
        let answer = answer.into_inner();
        (answer.person.expect("a person").id, answer.invitation)
    }

    pub async fn ask(
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

    pub async fn confirm(
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
    pub async fn asked(&self, code: &str, email: &str, password: &str) -> String {
        let answer = self.ask(code, email, password).await.expect("asked").into_inner();
        assert!(answer.confirmation_sent);
        assert_eq!(self.deliver().await, sent(1));
        let mail = self.server.take().pop().expect("a mail");
        assert_eq!(mail.to, [email]);
        mail.code()
    }

    /// Somebody with an account, who joined before the host sent mail.
    pub async fn taken(&self) -> Actor {
        self.stage.joined(&self.place, TAKEN, &[]).await
    }

    /// Every row of every table that holds one of these, as the administrator of the database sees it.
    pub async fn rows_with(&self, needles: &[&str]) -> Vec<String> {
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
pub fn all_of(status: &Status) -> (Code, String, Vec<u8>, String) {
    (status.code(), status.message().into(), status.details().to_vec(), format!("{:?}", status.metadata()))
}

/// The stage's configuration, with mail to that server.
pub fn with_mail(stage: &Stage, server: &MailServer) -> Config {
    let mut config = stage.host.config().clone();
    config.mail.host = server.address.ip().to_string();
    config.mail.port = server.address.port();
    config.mail.tls = MailTls::None;
    config.mail.from = "kith@host.example".into();
    // Sent by call, never by itself.
    config.mail.poll_seconds = 3600;
    config
}
