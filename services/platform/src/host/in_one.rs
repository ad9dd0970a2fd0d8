//! Commands of one statement.

use kith_proto::{Command, Shows};
use tonic::{Request, Response, Status};

use super::saved::content_hash;
use super::{Host, respond, signed_in};
use crate::context::Actor;
use crate::db::Tx;
use crate::error::Result;
use crate::fields::Fields;
use crate::id::{TenantId, Uuid};

impl Host {
    /// As [`Self::command`], for commands that change one row and tell one event, as most of those do that come often. They
    /// read as a query does, and one statement then enters the tenant under its lock, changes the row at the version that
    /// was read, tells, writes down and saves the answer: two round trips instead of five. Where anything is otherwise (the
    /// tenant's state, somebody else's change in between, a repeat, a refusal), nothing was written, and the command runs
    /// from its start as every other.
    pub async fn command_in_one<M, C, O, A>(
        &self,
        request: Request<M>,
        parse: impl Fn(M, &mut Fields) -> Option<C>,
        app: impl AsyncFn(&mut Tx, C) -> Result<O>,
        render: impl Fn(O) -> A,
    ) -> std::result::Result<Response<A>, Status>
    where
        M: Command + Clone,
        A: prost::Message + Default + Shows,
    {
        let (actor, tenant) = signed_in(&request)?;
        let message = request.get_ref();
        let mut fields = Fields::default();
        let request_id = fields.id::<Uuid>("request_id", message.request_id());
        let parsed = parse(message.clone(), &mut fields);
        let (request_id, command) = fields.finish(request_id.zip(parsed))?;
        let hash = content_hash(message);
        let done = self.try_in_one(actor, tenant, request_id, &hash, command, &app, &render).await;
        crate::telemetry::in_one(done.is_some());
        match done {
            Some(response) => Ok(response),
            None => self.command(request, parse, app, render).await,
        }
    }

    /// None where it has to run as every other command does.
    #[expect(clippy::too_many_arguments, reason = "the parts of one command, passed once")]
    async fn try_in_one<C, O, A>(
        &self,
        actor: Actor,
        tenant: TenantId,
        request_id: Uuid,
        hash: &[u8],
        command: C,
        app: &impl AsyncFn(&mut Tx, C) -> Result<O>,
        render: &impl Fn(O) -> A,
    ) -> Option<Response<A>>
    where
        A: prost::Message + Shows,
    {
        let mut tx = self.0.db.look_to_change(tenant, actor).await.ok()?;
        let worked = app(&mut tx, command).await.map(render);
        let shown = worked.and_then(|answer| tx.note_shown(&answer).map(|()| answer));
        let answer = match shown {
            Ok(answer) => answer,
            Err(error) => {
                if error.is_a_refused_write() {
                    tracing::error!("a command of one statement wrote before its end");
                }
                tx.rollback_after(&error).await.ok();
                return None;
            }
        };
        crate::crash::point("K1");
        let caused = tx.end_in_one(request_id, hash, &answer.encode_to_vec()).await.ok()??;
        crate::crash::point("K2");
        self.0.audited.notify_one();
        self.wrote();
        Some(respond(answer, &caused))
    }
}
