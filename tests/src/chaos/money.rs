//! Money under contention: L3, the same transfer many times at once, and L5, many who spend the same coins at once.

use kith_platform::id::{PersonId, TenantId, Uuid};
use kith_proto::common::v1::Money;
use kith_proto::finance::v1::GiveCareCoinsRequest;
use kith_proto::{METHODS, Method};
use prost::{Message as _, Name as _};
use tonic::Code;

use super::report::Faults;
use super::stage::{Load, Stage};
use crate::people::People;

const SAME: usize = 50;
const SPENDERS: usize = 64;

/// Somebody with coins, somebody to give them to, and what they give with.
struct Purse {
    people: People,
    method: &'static Method,
    tenant: TenantId,
    owner: PersonId,
    other: PersonId,
}

/// Runs both while months are on their way in.
pub async fn contended(stage: &mut Stage, load: &mut Load) -> Faults {
    let mut faults = Faults::default();
    let Some(purse) = Purse::find(stage).await else {
        faults.problems.push("L5: nobody has Care Coins to spend".to_owned());
        return faults;
    };
    let rounds = if stage.size.quick { 5 } else { 1_000 };
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..rounds {
        same_many_times(stage, &purse, &mut faults).await;
        let (given, denied) = all_at_once(stage, &purse, &mut faults).await;
        answered += given;
        refused += denied;
        faults.count += 1;
    }
    faults.notes.push(format!(
        "{rounds} rounds: the same gift {SAME} times at once is one transfer, the same id with another amount is refused; \
         {SPENDERS} spenders at once: {answered} gave, {refused} were refused, none below zero"
    ));
    while load.is_running(&stage.stack) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    faults
}

/// L3: the same request many times at once is one transfer; another amount under its id is refused.
async fn same_many_times(stage: &mut Stage, purse: &Purse, faults: &mut Faults) {
    let before = stage.databases.number("finance", "select count(*) from coin_gift").await;
    let request = purse.people.uuid();
    stage.known.insert(request.to_string());
    let calls = (0..SAME).map(|_| purse.give(request, purse.owner, purse.other, 1));
    let outcomes = futures_util::future::join_all(calls).await;
    let wrong = outcomes
        .iter()
        .filter(|code| !matches!(code, Code::Ok | Code::Unavailable | Code::ResourceExhausted))
        .count();
    let given = stage.databases.number("finance", "select count(*) from coin_gift").await - before;
    let other = purse.give(request, purse.owner, purse.other, 2).await;
    if given != 1 || wrong > 0 || other != Code::AlreadyExists {
        faults
            .problems
            .push(format!("L3: {given} transfers, {wrong} wrong answers, another amount: {other:?}"));
    }
    let back = purse.people.uuid();
    stage.known.insert(back.to_string());
    purse.give(back, purse.other, purse.owner, 1).await;
}

/// L5: together they want more than there is; the wallet is never below zero, and what is given back is what was given.
async fn all_at_once(stage: &mut Stage, purse: &Purse, faults: &mut Faults) -> (usize, usize) {
    let (balance, given_before) = (purse.balance(stage).await, purse.given(stage).await);
    let each = (balance / 10).max(1);
    let requests: Vec<Uuid> = (0..SPENDERS).map(|_| purse.people.uuid()).collect();
    stage.known.extend(requests.iter().map(Uuid::to_string));
    let calls = requests.iter().map(|request| purse.give(*request, purse.owner, purse.other, each));
    let outcomes = futures_util::future::join_all(calls).await;
    let given = outcomes.iter().filter(|code| **code == Code::Ok).count();
    let refused = outcomes.iter().filter(|code| **code == Code::FailedPrecondition).count();
    // Not by the balance: months are on their way in, and visits earn meanwhile.
    let (left, gone) = (purse.balance(stage).await, purse.given(stage).await - given_before);
    let answered = i64::try_from(given).expect("few") * each;
    let unclear = outcomes.len() - given - refused;
    if left < 0 || gone < answered || (unclear == 0 && gone != answered) {
        faults
            .problems
            .push(format!("L5: of {balance}, {given} gave {each} each, {gone} in all, and {left} are left"));
    }
    let back = purse.people.uuid();
    stage.known.insert(back.to_string());
    if gone > 0 {
        purse.give(back, purse.other, purse.owner, gone).await;
    }
    (given, refused)
}

impl Purse {
    async fn find(stage: &Stage) -> Option<Self> {
        let mut finance = stage.databases.connect("finance").await.expect("a connection as administrator");
        let found: Option<(Uuid, String)> = sqlx::query_as(
            "select tenant_id, name from account where kind = 'coins' and balance >= 100 order by balance desc limit 1",
        )
        .fetch_optional(&mut finance)
        .await
        .expect("the accounts");
        let (tenant, name) = found?;
        let owner: Uuid = name.rsplit(':').next()?.parse().ok()?;
        let other: Uuid = sqlx::query_scalar(
            "select person_id from platform.person where tenant_id = $1 and person_id <> $2 limit 1",
        )
        .bind(tenant)
        .bind(owner)
        .fetch_one(&mut finance)
        .await
        .expect("somebody else");
        let name = GiveCareCoinsRequest::full_name();
        let method = METHODS.iter().find(|method| method.input == name).expect("a method of the contracts");
        let people = People::of(&stage.stack).await;
        Some(Self {
            people,
            method,
            tenant: TenantId(tenant),
            owner: PersonId(owner),
            other: PersonId(other),
        })
    }

    async fn give(&self, request: Uuid, from: PersonId, to: PersonId, minutes: i64) -> Code {
        let amount = Some(Money { minor_units: minutes, currency: "XCC".to_owned() });
        let message = GiveCareCoinsRequest {
            request_id: request.to_string(),
            id: String::new(),
            to_person_id: to.to_string(),
            amount,
        };
        let token = self.people.token_of(self.tenant, from);
        let sent =
            self.people.send(("finance", self.method), message.encode_to_vec(), Some(&token), &[]).await;
        sent.map_or_else(|status| status.code(), |_| Code::Ok)
    }

    /// All that the owner ever gave to the other.
    async fn given(&self, stage: &Stage) -> i64 {
        let mut finance = stage.databases.connect("finance").await.expect("a connection as administrator");
        sqlx::query_scalar(
            "select coalesce(sum(amount), 0)::bigint from coin_gift
             where tenant_id = $1 and from_person_id = $2 and to_person_id = $3",
        )
        .bind(self.tenant.0)
        .bind(self.owner.0)
        .bind(self.other.0)
        .fetch_one(&mut finance)
        .await
        .expect("what was given")
    }

    async fn balance(&self, stage: &Stage) -> i64 {
        let mut finance = stage.databases.connect("finance").await.expect("a connection as administrator");
        sqlx::query_scalar("select balance from account where tenant_id = $1 and kind = 'coins' and name like '%' || $2::text")
            .bind(self.tenant.0)
            .bind(self.owner.0.to_string())
            .fetch_one(&mut finance)
            .await
            .expect("the wallet")
    }
}
