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
use crate::domain::reply_code::ReplyCode;
use crate::domain::round::Round;
use crate::domain::{AnswerId, Refused};

type Reply<A> = Result<Response<A>, Status>;

/// Survey rounds.
#[derive(Clone, Debug)]
pub struct Rounds(Host);

impl Rounds {
    /// Serves from that host.
    pub fn new(host: Host) -> Self {
        Self(host)
    }

    /// Makes the codes that a request asks for: the same ones whenever it is repeated. None where it makes no sense or
    /// nobody is signed in, in which case the command refuses it.
    fn codes(&self, request: &Request<pb::OpenRoundRequest>) -> Vec<ReplyCode> {
        let tenant = actor(request).tenant();
        let Some((tenant, (round, count))) = tenant.zip(parse::codes_asked_for(request.get_ref())) else {
            return Vec::new();
        };
        ReplyCode::all_of_round(tenant, count, |index| {
            let parts = [tenant.0.as_bytes(), round.0.as_bytes(), &index.to_be_bytes()[..]];
            self.0.derive("evaluation.reply_code", &parts)
        })
    }
}

#[tonic::async_trait]
impl RoundsService for Rounds {
    async fn open_round(&self, request: Request<pb::OpenRoundRequest>) -> Reply<pb::OpenRoundResponse> {
        let codes = self.codes(&request);
        let parse =
            |message: pb::OpenRoundRequest, fields: &mut Fields| parse::open_round(&message, &codes, fields);
        // The answer is saved for a repeat without its codes; they are put in after that, and are nowhere at rest.
        let render =
            |round: Round| pb::OpenRoundResponse { round: Some(round.into()), reply_codes: Vec::new() };
        let mut response = self.0.command(request, parse, app::round::open, render).await?;
        response.get_mut().reply_codes = codes.iter().map(ToString::to_string).collect();
        Ok(response)
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
