//! What every service answers about its own running.

use std::collections::BTreeMap;

use kith_proto::common::v1::operations_service_server::OperationsService;
use kith_proto::common::v1::{GetBacklogRequest, GetBacklogResponse, PublishedCount, ReceivedCount};
use tonic::{Request, Response, Status};

use crate::db::Tx;
use crate::error::Result;
use crate::host::Host;

/// Serves `OperationsService`.
#[derive(Clone, Debug)]
pub(crate) struct Operations(pub Host);

#[tonic::async_trait]
impl OperationsService for Operations {
    async fn get_backlog(
        &self,
        request: Request<GetBacklogRequest>,
    ) -> std::result::Result<Response<GetBacklogResponse>, Status> {
        let host = self.0.clone();
        self.0.query(request, |_, _| Some(host), count, |answer| answer).await
    }
}

/// Counts for the transaction's tenant.
async fn count(tx: &mut Tx, host: Host) -> Result<GetBacklogResponse> {
    let (tenant, service, listens) = (tx.tenant(), host.name(), host.inbox().subscriptions.aggregates());
    // Numbers run without gaps, so an aggregate's last number is its count: right also when old rows are swept away, and
    // for who joined late and has a snapshot in place of the events before it.
    let written = sqlx::query!(
        r#"select h.aggregate_type, sum(h.last_no)::bigint as "written!",
               (select count(*) from platform.outbox o where o.tenant_id = $1 and o.aggregate_type = h.aggregate_type
                    and o.published_at is null) as "unpublished!"
           from platform.outbox_head h where h.tenant_id = $1 group by h.aggregate_type order by h.aggregate_type"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    let published = written
        .into_iter()
        .map(|row| PublishedCount {
            aggregate: row.aggregate_type,
            written: row.written,
            unpublished: row.unpublished,
        })
        .collect();
    let arrived = sqlx::query!(
        r#"with newest as (
               select aggregate_type, aggregate_id, max(event_no) as last_no,
                   count(*) filter (where awaiting is not null) as parked, count(*) filter (where state = 'dead') as dead
               from platform.inbox_todo where tenant_id = $1 group by aggregate_type, aggregate_id
           )
           select c.aggregate_type, sum(greatest(c.last_no, n.last_no))::bigint as "received!",
               sum(c.last_no)::bigint as "done!", coalesce(sum(n.parked), 0)::bigint as "parked!",
               coalesce(sum(n.dead), 0)::bigint as "dead!"
           from platform.inbox_cursor c left join newest n using (aggregate_type, aggregate_id)
           where c.tenant_id = $1 group by c.aggregate_type"#,
        tenant.0
    )
    .fetch_all(tx.conn())
    .await?;
    let mut received: BTreeMap<String, ReceivedCount> = listens
        .iter()
        .map(|aggregate| {
            (
                (*aggregate).to_owned(),
                ReceivedCount { aggregate: (*aggregate).to_owned(), ..Default::default() },
            )
        })
        .collect();
    for row in arrived {
        let (received_count, done, parked, dead) = (row.received, row.done, row.parked, row.dead);
        let count = ReceivedCount {
            aggregate: row.aggregate_type.clone(),
            received: received_count,
            done,
            parked,
            dead,
        };
        received.insert(row.aggregate_type, count);
    }
    Ok(GetBacklogResponse {
        service: service.to_owned(),
        published,
        received: received.into_values().collect(),
    })
}
