//! Givers with their terms, teams with their payers.

use std::collections::HashSet;
use std::sync::LazyLock;

use kith_proto::finance::v1::PayerKind;
use kith_proto::matching::v1::{GiverStatus, UnpaidIntent};
use serde_json::Value;

use super::{Reader, checks};
use crate::month::fields::{Fields, Problems};
use crate::month::scenario::{CIRCLE, Contribution, Giver, GiverTerms, Payer, Team};

/// The codes that matching knows; see its folder for where they come from.
static OUTWARD_CODES: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let table = include_str!("../../../../matching/data/uk_outward_codes.csv");
    table.lines().skip(1).filter_map(|line| line.split(',').next()).collect()
});

const STATUSES: [(&str, GiverStatus); 5] = [
    ("independent", GiverStatus::Independent),
    ("employed", GiverStatus::Employed),
    ("volunteer", GiverStatus::Volunteer),
    ("peer_supporter", GiverStatus::PeerSupporter),
    ("family_or_friend", GiverStatus::FamilyOrFriend),
];

const PAYER_KINDS: [(&str, PayerKind); 7] = [
    ("private", PayerKind::Private),
    ("local_authority", PayerKind::LocalAuthority),
    ("nhs_continuing_healthcare", PayerKind::NhsContinuingHealthcare),
    ("direct_payment", PayerKind::DirectPayment),
    ("family_top_up", PayerKind::FamilyTopUp),
    ("personal_health_budget", PayerKind::PersonalHealthBudget),
    ("charity", PayerKind::Charity),
];

const INTENTS: [(&str, UnpaidIntent); 2] = [("save", UnpaidIntent::Save), ("gift", UnpaidIntent::Gift)];

impl Reader<'_> {
    fn outward_code(&mut self, fields: &Fields<'_>) -> Option<String> {
        let text = fields.text("outward_code", self.problems)?;
        if !OUTWARD_CODES.contains(text) {
            self.problems.add(
                &fields.at("outward_code"),
                format!("{text:?} is no outward code of the United Kingdom such as E5"),
            );
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn giver(&mut self, value: &Value, place: &str) -> Option<Giver> {
        let known = ["id", "name", "outward_code", "status", "rate_pence", "contribution", "unpaid_intent"];
        let fields = Fields::open(value, place, &known, self.problems)?;
        let id = fields.id("id", self.problems);
        let name = fields.name("name", 100, self.problems);
        let outward_code = self.outward_code(&fields);
        let status = fields.choice("status", &STATUSES, self.problems);
        let terms = self.terms(&fields);
        Some(Giver {
            id: id?.to_owned(),
            name: name?.to_owned(),
            outward_code: outward_code?,
            status: status?,
            terms: terms?,
        })
    }

    fn terms(&mut self, fields: &Fields<'_>) -> Option<GiverTerms> {
        if fields.has("unpaid_intent") {
            fields.must_not_have(&["rate_pence", "contribution"], "unpaid_intent", self.problems);
            return fields.choice("unpaid_intent", &INTENTS, self.problems).map(GiverTerms::Unpaid);
        }
        if !fields.has("rate_pence") && !fields.has("contribution") {
            self.problems.add(&fields.at("rate_pence"), "is missing: a giver has a rate or an unpaid_intent");
            return None;
        }
        let rate_pence = fields.whole_number("rate_pence", 1, 1_000_000, self.problems);
        let value = fields.value("contribution", self.problems)?;
        let contribution = self.contribution(value, &fields.at("contribution"));
        Some(GiverTerms::Paid { rate_pence: rate_pence?, contribution: contribution? })
    }

    fn contribution(&mut self, value: &Value, place: &str) -> Option<Contribution> {
        let fields =
            Fields::open(value, place, &["mode", "added_bp", "deducted_bp", "share_bp"], self.problems)?;
        if fields.choice("mode", &[("on_rate", true), ("share_of_total", false)], self.problems)? {
            fields.must_not_have(&["share_bp"], "on_rate", self.problems);
            let added_bp = fields.basis_points("added_bp", 0, self.problems);
            let deducted_bp = fields.basis_points("deducted_bp", 0, self.problems);
            return Some(Contribution::OnRate { added_bp: added_bp?, deducted_bp: deducted_bp? });
        }
        fields.must_not_have(&["added_bp", "deducted_bp"], "share_of_total", self.problems);
        Some(Contribution::ShareOfTotal { share_bp: fields.basis_points("share_bp", 0, self.problems)? })
    }

    pub(super) fn team(&mut self, value: &Value, place: &str) -> Option<Team> {
        let fields = Fields::open(value, place, &["id", "owner", "outward_code", "payers"], self.problems)?;
        let id = fields.id("id", self.problems);
        if id == Some(CIRCLE) {
            self.problems.add(&fields.at("id"), format!("{CIRCLE:?} stands for the circle"));
            return None;
        }
        let owner = fields.name("owner", 100, self.problems);
        let outward_code = self.outward_code(&fields);
        let listed = fields.list("payers", &mut Problems::default()).len();
        let payers = self.each(&fields, "payers", Self::payer);
        if payers.entries.len() != listed {
            return None;
        }
        checks::no_id_twice(&payers, |payer| &payer.id, self.problems);
        let payers = payers.into_entries();
        let sum: i64 = payers.iter().map(|payer| i64::from(payer.share_bp)).sum();
        if !payers.is_empty() && sum != 10_000 {
            self.problems
                .add(&fields.at("payers"), format!("the shares sum to {sum} basis points, not to 10000"));
        }
        Some(Team { id: id?.to_owned(), owner: owner?.to_owned(), outward_code: outward_code?, payers })
    }

    fn payer(&mut self, value: &Value, place: &str) -> Option<Payer> {
        let fields = Fields::open(value, place, &["payer", "kind", "share_bp"], self.problems)?;
        let id = fields.id("payer", self.problems);
        let kind = fields.choice("kind", &PAYER_KINDS, self.problems);
        let share_bp = fields.basis_points("share_bp", 1, self.problems);
        Some(Payer { id: id?.to_owned(), kind: kind?, share_bp: share_bp? })
    }
}
