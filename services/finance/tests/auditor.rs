//! An auditor beside the ledger: a second, simple ledger in memory that does its own arithmetic and predicts every
//! balance, every refusal and every document after a long, seeded run of visits, corrections, repeats and gifts.

use std::collections::HashMap;

use crate::stage::{Stage, amount, pence};
use kith_platform::id::{PersonId, Uuid};
use kith_platform::testing::reason;
use kith_proto::appointments::v1::{Settlement, VisitSnapshot, VisitState};
use kith_proto::finance::v1 as pb;
use kith_proto::finance::v1::rules_service_server::RulesService as _;
use kith_proto::matching::v1 as matching;

const STEPS: usize = 120;
const SHARES: [i64; 3] = [3333, 3333, 3334];

/// How a giver gives support.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// At a rate, with basis points added for the payers and deducted from the giver.
    OnRate(i64, i64, i64),
    /// At a price, with basis points of it for the commons.
    ShareOfTotal(i64, i64),
    Save,
    Gift,
}

struct Giver {
    person: PersonId,
    kind: Kind,
}

/// The auditor's books.
#[derive(Default)]
struct Auditor {
    balances: HashMap<String, i64>,
    /// What stands: by visit, the giver's place and the minutes.
    standing: HashMap<String, (usize, i64, String)>,
}

fn half_up(amount: i64, part: i64, whole: i64) -> i64 {
    (2 * amount * part + whole) / (2 * whole)
}

impl Auditor {
    fn add(&mut self, account: String, amount: i64) {
        *self.balances.entry(account).or_default() += amount;
    }

    fn balance(&self, account: &str) -> i64 {
        self.balances.get(account).copied().unwrap_or_default()
    }

    /// Posts a visit's minutes, or with `sign` −1 takes them back.
    fn post(&mut self, world: &Cast, giver: &Giver, minutes: i64, month: &str, sign: i64) {
        let (payers_total, giver_amount) = match giver.kind {
            Kind::OnRate(rate, added, deducted) => {
                let base = half_up(rate, minutes, 60);
                (base + half_up(base, added, 10_000), base - half_up(base, deducted, 10_000))
            }
            Kind::ShareOfTotal(rate, share) => {
                let base = half_up(rate, minutes, 60);
                (base, base - half_up(base, share, 10_000))
            }
            Kind::Save => {
                let (wallet, owed) =
                    (format!("coins:{}", giver.person), format!("coins-owed:{}", giver.person));
                self.add(format!("coins-issued:{}", world.circle), -sign * minutes);
                self.add(wallet.clone(), sign * minutes);
                // What the wallet lacks is owed, and what is owed is earned back first.
                let (in_wallet, in_debt) = (self.balance(&wallet), self.balance(&owed));
                if in_wallet < 0 {
                    self.add(owed, in_wallet);
                    self.add(wallet, -in_wallet);
                } else if sign > 0 && in_debt < 0 {
                    let back = minutes.min(-in_debt);
                    self.add(owed, back);
                    self.add(wallet, -back);
                }
                return;
            }
            Kind::Gift => return,
        };
        let mut exact: Vec<(i64, usize)> =
            SHARES.iter().enumerate().map(|(place, share)| (payers_total * share % 10_000, place)).collect();
        exact.sort_by_key(|(remainder, place)| (-remainder, *place));
        let whole: Vec<i64> = SHARES.iter().map(|share| payers_total * share / 10_000).collect();
        let pennies = usize::try_from(payers_total - whole.iter().sum::<i64>()).expect("a few pennies");
        for (place, payer) in world.payers.iter().enumerate() {
            let penny = i64::from(exact[..pennies].iter().any(|(_, lucky)| *lucky == place));
            self.add(format!("payer:{payer}"), sign * (whole[place] + penny));
        }
        self.add(format!("giver:{}", giver.person), -sign * giver_amount);
        self.add(format!("commons:{}:{month}", world.circle), -sign * (payers_total - giver_amount));
    }
}

/// Who plays.
struct Cast {
    circle: Uuid,
    payers: Vec<String>,
    givers: Vec<Giver>,
}

async fn cast(stage: &Stage) -> Cast {
    let kinds = [Kind::OnRate(2070, 1500, 0), Kind::OnRate(2264, 0, 2500), Kind::ShareOfTotal(2400, 2500)];
    let names = ["added", "deducted", "employed"];
    let mut givers = Vec::new();
    for (kind, name) in kinds.into_iter().zip(names) {
        let (rate, mode) = match kind {
            Kind::OnRate(rate, added, deducted) => {
                let bp = |value: i64| i32::try_from(value).expect("basis points");
                let on_rate = pb::RuleOnRate { added_bp: bp(added), deducted_bp: bp(deducted) };
                (rate, pb::rule::Mode::OnRate(on_rate))
            }
            _ => (2400, pb::rule::Mode::ShareOfTotal(pb::RuleShareOfTotal { share_bp: 2500 })),
        };
        let rule = pb::Rule { mode: Some(mode), ..stage.rule(name, "2026-01-01", 0, 0) };
        let request = pb::AddFoundingRuleRequest { request_id: stage.id(), rule: Some(rule) };
        stage.rules.add_founding_rule(stage.by(stage.administrator, request)).await.expect("a rule");
        let person = stage.world.person();
        stage.paid_terms(person, name, "2026-01-01", rate).await;
        givers.push(Giver { person, kind });
    }
    for (kind, intent) in
        [(Kind::Save, matching::UnpaidIntent::Save), (Kind::Gift, matching::UnpaidIntent::Gift)]
    {
        let person = stage.world.person();
        let terms = matching::Terms {
            id: stage.id(),
            valid_from: "2026-01-01".into(),
            unpaid_intent: intent.into(),
            ..Default::default()
        };
        stage.terms(person, vec![terms]).await;
        givers.push(Giver { person, kind });
    }
    let payers =
        vec![stage.payer("One").await.id, stage.payer("Two").await.id, stage.payer("Three").await.id];
    let shares = [(payers[0].as_str(), 3333), (payers[1].as_str(), 3333), (payers[2].as_str(), 3334)];
    stage.fund("2026-01-01", &shares).await.expect("funding");
    Cast { circle: stage.circle, payers, givers }
}

/// Proves FIN-03.
#[tokio::test]
async fn the_ledger_agrees_with_its_auditor_after_every_kind_of_change() {
    let stage = Stage::new().await;
    let cast = cast(&stage).await;
    let mut auditor = Auditor::default();
    let mut visits: Vec<VisitSnapshot> = Vec::new();
    let draw = |below: usize| {
        let number = u32::from_le_bytes(stage.world.ids.bytes::<4>());
        usize::try_from(number).expect("a small number") % below
    };
    for step in 0..STEPS {
        let minutes = i64::try_from(draw(40) * 7 + 5).expect("minutes");
        match draw(10) {
            0..=4 => {
                let giver = draw(cast.givers.len());
                let mut visit = stage.visit(["2026-03-29", "2026-03-31", "2026-04-01"][draw(3)]);
                visit.giver_person_id = cast.givers[giver].person.to_string();
                visit.set_settlement(match cast.givers[giver].kind {
                    Kind::Save => Settlement::CareCoins,
                    Kind::Gift => Settlement::Gift,
                    _ => Settlement::Money,
                });
                settle(&stage, &cast, &mut auditor, &mut visit, giver, minutes).await;
                visits.push(visit);
            }
            5 | 6 if !visits.is_empty() => {
                let place = draw(visits.len());
                let giver = cast
                    .givers
                    .iter()
                    .position(|giver| giver.person.to_string() == visits[place].giver_person_id)
                    .expect("a giver of the cast");
                visits[place].settlement_no += 1;
                visits[place].set_state(VisitState::Agreed);
                settle(&stage, &cast, &mut auditor, &mut visits[place], giver, minutes).await;
            }
            7 if !visits.is_empty() => {
                let place = draw(visits.len());
                let visit = &mut visits[place];
                visit.set_state(VisitState::Missed);
                visit.settlement_no += 1;
                (visit.agreed_start_time, visit.agreed_end_time) = (None, None);
                stage.tell_visit(visit).await;
                take_back(&cast, &mut auditor, visit);
            }
            8 if !visits.is_empty() => stage.tell_visit(&visits[draw(visits.len())]).await,
            _ => {
                let saver = cast.givers[3].person;
                let wallet = auditor.balance(&format!("coins:{saver}"));
                match stage.give(saver, stage.owner, minutes).await {
                    Ok(left) => {
                        assert_eq!(left, wallet - minutes);
                        auditor.add(format!("coins:{saver}"), -minutes);
                        auditor.add(format!("coins:{}", stage.owner), minutes);
                    }
                    Err(refused) => {
                        assert!(minutes > wallet, "{minutes} of {wallet} were refused");
                        assert_eq!(reason(&refused).1, "TOO_FEW_COINS");
                    }
                }
            }
        }
        if step % 20 == 19 {
            check(&stage, &cast, &auditor).await;
        }
    }
}

async fn settle(
    stage: &Stage,
    cast: &Cast,
    auditor: &mut Auditor,
    visit: &mut VisitSnapshot,
    giver: usize,
    minutes: i64,
) {
    let start = prost_types::Timestamp { seconds: 1_780_000_000, nanos: 0 };
    visit.agreed_start_time = Some(start);
    visit.agreed_end_time = Some(prost_types::Timestamp { seconds: start.seconds + minutes * 60, nanos: 0 });
    stage.tell_visit(visit).await;
    take_back(cast, auditor, visit);
    let month = visit.occurrence_local[..7].to_owned();
    auditor.post(cast, &cast.givers[giver], minutes, &month, 1);
    auditor.standing.insert(visit.visit_id.clone(), (giver, minutes, month));
}

fn take_back(cast: &Cast, auditor: &mut Auditor, visit: &VisitSnapshot) {
    if let Some((giver, minutes, month)) = auditor.standing.remove(&visit.visit_id) {
        auditor.post(cast, &cast.givers[giver], minutes, &month, -1);
    }
}

/// Balances, months and documents against the auditor's books.
async fn check(stage: &Stage, cast: &Cast, auditor: &Auditor) {
    let told = stage.balances().await;
    for (account, balance) in &told {
        assert_eq!(*balance, auditor.balance(account), "{account}");
    }
    for (account, balance) in auditor.balances.iter().filter(|(_, balance)| **balance != 0) {
        assert_eq!(told.get(account), Some(balance), "{account}");
    }
    let (mut invoiced, mut paid) = (HashMap::new(), HashMap::new());
    for month in ["2026-03", "2026-04"] {
        for invoice in stage.issue(month).await {
            *invoiced.entry(format!("payer:{}", invoice.payer_id)).or_insert(0) +=
                amount(invoice.total.as_ref());
        }
        for statement in stage.run_pay(month).await {
            let account = format!("giver:{}", statement.giver_person_id);
            *paid.entry(account).or_insert(0) -= amount(statement.total.as_ref());
        }
        let sums = stage.month(month).await;
        let commons = auditor.balance(&format!("commons:{}:{month}", cast.circle));
        assert_eq!(sums.contribution, pence(-commons), "{month}");
        let in_month = auditor.standing.values().filter(|(_, _, told)| told == month);
        let lines = in_month.clone().filter(|(giver, ..)| *giver < 3).count();
        assert_eq!(usize::try_from(sums.invoice_lines).expect("a count"), lines, "{month}");
        let gifted: i64 = in_month.filter(|(giver, ..)| *giver == 4).map(|(_, minutes, _)| *minutes).sum();
        assert_eq!(sums.unpaid.iter().map(|unpaid| unpaid.gifted_minutes).sum::<i64>(), gifted, "{month}");
    }
    for (account, total) in invoiced.into_iter().chain(paid) {
        assert_eq!(total, auditor.balance(&account), "the documents of {account}");
    }
}
