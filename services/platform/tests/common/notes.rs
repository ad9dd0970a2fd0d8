//! The methods that the test service serves, under the contract of teams.

use kith_platform::Host;
use kith_platform::authz::{Standing, Subject};
use kith_platform::db::Tx;
use kith_platform::error::{Common, Error, Result};
use kith_platform::fields::Fields;
use kith_platform::id::Uuid;
use kith_proto::teams::v1::teams_service_server::TeamsService;
use kith_proto::teams::v1::{self as pb};
use tonic::{Request, Response, Status};

use super::{Action, Ask, gate, told};

type Reply<A> = Result<Response<A>, Status>;

/// The test service's public face: `StartTeam` writes a note, `GetTeam` reads it, `ListTeams` reads all that row
/// security shows, `SignPromise` writes a note but waits at a gate first, `DropHat` is refused, `EndMembership` panics.
#[derive(Clone, Debug)]
pub struct Notes(Host);

impl Notes {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }
}

/// Writes a note.
#[derive(Clone, Debug)]
pub struct Write {
    pub id: Uuid,
    pub body: String,
    pub gate: String,
}

/// Writes a note and tells of it; waits at its gate, if it has one, with everything done but the commit.
pub async fn write(tx: &mut Tx, note: Write) -> Result<pb::Team> {
    let anyone = Standing::new().with("anyone", true);
    tx.require(Action::WriteNote, Subject::of("note", note.id), &anyone)?;
    let tenant = tx.tenant();
    sqlx::query("insert into note (tenant_id, id, body, version, applied) values ($1, $2, $3, 1, '')")
        .bind(tenant.0)
        .bind(note.id)
        .bind(&note.body)
        .execute(tx.conn())
        .await?;
    tx.publish(note.id, &told(note.id, Ask::Nothing));
    if !note.gate.is_empty() {
        gate::named(&note.gate).pass().await;
    }
    Ok(pb::Team { id: note.id.to_string(), outward_code: note.body, ..Default::default() })
}

/// Reads a note.
pub async fn read(tx: &mut Tx, id: Uuid) -> Result<pb::Team> {
    let anyone = Standing::new().with("anyone", true);
    tx.require(Action::ReadNote, Subject::of("note", id), &anyone)?;
    let tenant = tx.tenant();
    let body: Option<String> = sqlx::query_scalar("select body from note where tenant_id = $1 and id = $2")
        .bind(tenant.0)
        .bind(id)
        .fetch_optional(tx.conn())
        .await?;
    let outward_code = body.ok_or(Error::NotFound("note"))?;
    Ok(pb::Team { id: id.to_string(), outward_code, ..Default::default() })
}

/// Reads every note that row security shows: the statement does not name the tenant, on purpose.
pub async fn list(tx: &mut Tx, (): ()) -> Result<Vec<pb::Team>> {
    let rows: Vec<(Uuid, Uuid, String)> =
        sqlx::query_as("select tenant_id, id, body from note order by id").fetch_all(tx.conn()).await?;
    let team = |(tenant, id, body): (Uuid, Uuid, String)| pb::Team {
        id: id.to_string(),
        circle_id: tenant.to_string(),
        outward_code: body,
        ..Default::default()
    };
    Ok(rows.into_iter().map(team).collect())
}

#[tonic::async_trait]
impl TeamsService for Notes {
    async fn start_team(&self, request: Request<pb::StartTeamRequest>) -> Reply<pb::StartTeamResponse> {
        let parse = |message: pb::StartTeamRequest, fields: &mut Fields| {
            let id = fields.id("id", &message.id);
            let body = fields.text("outward_code", &message.outward_code, 1, 100);
            Some(Write { id: id?, body: body?, gate: String::new() })
        };
        self.0.command(request, parse, write, |team| pb::StartTeamResponse { team: Some(team) }).await
    }

    async fn get_team(&self, request: Request<pb::GetTeamRequest>) -> Reply<pb::GetTeamResponse> {
        let parse = |message: pb::GetTeamRequest, fields: &mut Fields| fields.id("id", &message.id);
        self.0.query(request, parse, read, |team| pb::GetTeamResponse { team: Some(team) }).await
    }

    async fn list_teams(&self, request: Request<pb::ListTeamsRequest>) -> Reply<pb::ListTeamsResponse> {
        let render = |teams| pb::ListTeamsResponse { teams, next_page_token: String::new() };
        self.0.query(request, |_, _| Some(()), list, render).await
    }

    async fn sign_promise(&self, request: Request<pb::SignPromiseRequest>) -> Reply<pb::SignPromiseResponse> {
        let parse = |message: pb::SignPromiseRequest, fields: &mut Fields| {
            let id = fields.id("team_id", &message.team_id);
            Some(Write { id: id?, body: "waited".into(), gate: message.text_version })
        };
        let render = |team: pb::Team| pb::SignPromiseResponse {
            promise: Some(pb::Promise { text_version: team.id, valid_from: String::new() }),
        };
        self.0.command(request, parse, write, render).await
    }

    async fn drop_hat(&self, request: Request<pb::DropHatRequest>) -> Reply<pb::DropHatResponse> {
        let parse = |message: pb::DropHatRequest, fields: &mut Fields| fields.id("team_id", &message.team_id);
        let refuse = async |tx: &mut Tx, id: Uuid| -> Result<()> {
            let anyone = Standing::new().with("anyone", true);
            tx.require(Action::ChangeNote, Subject::of("note", id), &anyone)?;
            Err(Common::PermissionDenied.into())
        };
        self.0.command(request, parse, refuse, |()| pb::DropHatResponse::default()).await
    }

    async fn end_membership(&self, _: Request<pb::EndMembershipRequest>) -> Reply<pb::EndMembershipResponse> {
        panic!("broken on purpose")
    }

    async fn invite_member(&self, _: Request<pb::InviteMemberRequest>) -> Reply<pb::InviteMemberResponse> {
        Err(not_here())
    }

    async fn answer_invitation(
        &self,
        _: Request<pb::AnswerInvitationRequest>,
    ) -> Reply<pb::AnswerInvitationResponse> {
        Err(not_here())
    }

    async fn propose_hat(&self, _: Request<pb::ProposeHatRequest>) -> Reply<pb::ProposeHatResponse> {
        Err(not_here())
    }

    async fn answer_hat(&self, _: Request<pb::AnswerHatRequest>) -> Reply<pb::AnswerHatResponse> {
        Err(not_here())
    }

    async fn get_promise_text(
        &self,
        _: Request<pb::GetPromiseTextRequest>,
    ) -> Reply<pb::GetPromiseTextResponse> {
        Err(not_here())
    }
}

fn not_here() -> Status {
    Status::unimplemented("the notes have no such thing")
}
