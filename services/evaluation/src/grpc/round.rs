//! `RoundsService`.

use kith_platform::Host;
use kith_platform::context::Actor;
use kith_platform::db::{Mode, Tx};
use kith_platform::error::Error;
use kith_platform::fields::Fields;
use kith_platform::host::actor;
use kith_platform::id::Uuid;
use kith_proto::evaluation::v1 as pb;
use kith_proto::evaluation::v1::rounds_service_server::RoundsService;
use tonic::{Request, Response, Status};

use super::parse;
use crate::app;
use crate::domain::reply_code::{ReplyCode, RoundSecret};
use crate::domain::round::Round;
use crate::domain::{AnswerId, Refused, RoundId};

type Reply<A> = Result<Response<A>, Status>;

/// Survey rounds.
#[derive(Clone, Debug)]
pub struct Rounds(Host);

impl Rounds {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }

    /// What the codes of a round come from: the same whenever it is asked for. An id that is none, or a caller without a
    /// place, is refused by the command itself.
    fn secret<M>(&self, request: &Request<M>, round: Option<RoundId>) -> RoundSecret {
        let tenant = actor(request).tenant().map(|tenant| tenant.0).unwrap_or_default();
        let round = round.map(|round| round.0).unwrap_or_default();
        RoundSecret::new(self.0.derive("evaluation.reply_code", &[tenant.as_bytes(), round.as_bytes()]))
    }
}

#[tonic::async_trait]
impl RoundsService for Rounds {
    async fn open_round(&self, request: Request<pb::OpenRoundRequest>) -> Reply<pb::OpenRoundResponse> {
        let secret = self.secret(&request, parse::round_to_open(request.get_ref()));
        let parse =
            |message: pb::OpenRoundRequest, fields: &mut Fields| parse::open_round(&message, &secret, fields);
        let render = |round: Round| pb::OpenRoundResponse { round: Some(round.into()) };
        self.0.command(request, parse, app::round::open, render).await
    }

    async fn get_reply_code(
        &self,
        request: Request<pb::GetReplyCodeRequest>,
    ) -> Reply<pb::GetReplyCodeResponse> {
        let round = Uuid::try_parse(&request.get_ref().round_id).ok().map(RoundId);
        let secret = self.secret(&request, round);
        let parse = |message: pb::GetReplyCodeRequest, fields: &mut Fields| {
            Some(app::round::GetCode {
                round: fields.id("round_id", &message.round_id)?,
                secret: secret.clone(),
            })
        };
        let render = |code: ReplyCode| pb::GetReplyCodeResponse { reply_code: code.to_string() };
        self.0.query(request, parse, app::round::code, render).await
    }

    async fn answer_round(&self, request: Request<pb::AnswerRoundRequest>) -> Reply<pb::AnswerRoundResponse> {
        let message = request.into_inner();
        let mut fields = Fields::default();
        let items = parse::items(&message, &mut fields);
        let items = fields.finish(items)?;
        let code =
            ReplyCode::parse(&message.reply_code).ok_or_else(|| Error::from(Refused::ReplyCodeNotValid))?;
        let tenant = code.tenant();
        // Random throughout: an id made of the clock would tell when.
        let id = AnswerId(Uuid::from_bytes(self.0.shared().ids.bytes()));
        let command = app::round::Answer { code, items, id };
        // As nobody, whoever may be signed in.
        let work = async move |tx: &mut Tx| app::round::answer(tx, command).await;
        match self.0.within(tenant, Actor::Nobody, Mode::Write, work).await {
            Ok(_) => Ok(Response::new(pb::AnswerRoundResponse {})),
            Err(error) if leads_nowhere(&error) => Err(Error::from(Refused::ReplyCodeNotValid).into()),
            Err(error) => Err(error.into()),
        }
    }

    async fn close_round(&self, request: Request<pb::CloseRoundRequest>) -> Reply<pb::CloseRoundResponse> {
        let parse =
            |message: pb::CloseRoundRequest, fields: &mut Fields| fields.id("round_id", &message.round_id);
        let render = |round: Round| pb::CloseRoundResponse { round: Some(round.into()) };
        self.0.command(request, parse, app::round::close, render).await
    }

    async fn get_round_result(
        &self,
        request: Request<pb::GetRoundResultRequest>,
    ) -> Reply<pb::GetRoundResultResponse> {
        let parse = |message: pb::GetRoundResultRequest, fields: &mut Fields| {
            fields.id("round_id", &message.round_id)
        };
        self.0.query(request, parse, app::round::result, Into::into).await
    }

    async fn list_rounds(&self, request: Request<pb::ListRoundsRequest>) -> Reply<pb::ListRoundsResponse> {
        self.0
            .query(request, parse::list_rounds, app::round::list, |(rounds, next_page_token)| {
                pb::ListRoundsResponse {
                    rounds: rounds.into_iter().map(Into::into).collect(),
                    next_page_token,
                }
            })
            .await
    }
}

/// Whether a code leads to a tenant that is not known here: raised by `platform.begin` before anything else is asked.
fn leads_nowhere(error: &Error) -> bool {
    match error {
        Error::Database(cause) => cause
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code == "KT002"),
        _ => false,
    }
}
